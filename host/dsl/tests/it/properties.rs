//! What holds for every text: nothing panics, nothing loops, and what parses survives its canonical form.

use crate::formatting::assert_canonical;
use crate::samples::SAMPLES;
use cofferdam_dsl::{Span, check_attributes, format, not_carried_out, parse};
use proptest::prelude::*;

const TOKENS: &[&str] = &[
    "workflow",
    "edition",
    "1",
    "meta",
    "inputs",
    "outputs",
    "always",
    "call",
    "if",
    "unless",
    "else",
    "while",
    "do",
    "parallel",
    "gate",
    "script",
    "wait",
    "foreach",
    "set",
    "fail",
    "on_fail",
    "undo",
    "retry",
    "params",
    "required",
    "boolean",
    "a",
    "b-c",
    "_x",
    "true",
    "null",
    "{",
    "}",
    "{",
    "}",
    "[",
    "]",
    "=",
    "=",
    ",",
    ".",
    ":",
    "(",
    ")",
    "(a.b > 1)",
    "(x[0] == \"}\")",
    "\"text\"",
    "\"{{a}} \\\" \\{\"",
    "\"",
    "'raw'",
    "'",
    "\"\"\"block\"\"\"",
    "\"\"\"\n  a\n    b\n  \"\"\"",
    "\"\"\"",
    "```js\n  x\n  ```",
    "```",
    "3",
    "-1",
    "1.5",
    "1e6",
    "30s",
    "1h30m",
    "-",
    "--",
    "// note\n",
    "# note\n",
    "\n",
    "\n\n",
    "é",
    "\u{1}",
];

fn soup() -> impl Strategy<Value = String> {
    let token = prop_oneof![9 => prop::sample::select(TOKENS).prop_map(str::to_owned), 1 => "\\PC{1,3}"];
    (
        prop::collection::vec(token, 0..60),
        prop::sample::select(&["", "workflow a {", "workflow a edition 1 { call b {"][..]),
    )
        .prop_map(|(tokens, head)| format!("{head} {}", tokens.join(" ")))
}

/// Checks a text of any kind: it is read to an end, findings stand inside of it, and a clean one is canonical.
fn survives(text: &str) {
    let (file, findings) = parse(text);
    let limit = u32::try_from(text.len()).unwrap();
    for finding in findings
        .iter()
        .chain(&check_attributes(&file, text))
        .chain(&not_carried_out(&file))
    {
        let Span { start, end } = finding.primary.span;
        assert!(start <= end && end <= limit, "{finding:?} outside of {text:?}");
        assert!(
            text.is_char_boundary(start as usize) && text.is_char_boundary(end as usize),
            "{finding:?} in {text:?}"
        );
    }
    if format(text).is_ok() {
        assert_canonical(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    // row A03
    #[test]
    fn any_text_is_read_to_its_end(text in "(?s).{0,200}") {
        survives(&text);
    }

    // row A03
    #[test]
    fn any_tokens_are_read_to_their_end(text in soup()) {
        survives(&text);
    }

    // row A01
    #[test]
    fn a_mutated_sample_is_read_and_survives_its_canonical_form(
        sample in 0..SAMPLES.len(),
        changes in prop::collection::vec((0.0..1.0_f64, 0_usize..12, prop::sample::select(TOKENS)), 1..5),
    ) {
        let mut text = SAMPLES[sample].1.to_owned();
        for (place, length, token) in changes {
            let mut start = (place * text.len() as f64) as usize;
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) { end -= 1; }
            text.replace_range(start..end.max(start), token);
        }
        survives(&text);
    }

    // row A01
    #[test]
    fn comments_and_line_breaks_anywhere_survive(
        sample in 0..SAMPLES.len(),
        places in prop::collection::vec((0.0..1.0_f64, prop::sample::select(&[" // one\n", "\n# two\n", "\n\n", "\r\n", " "][..])), 1..12),
    ) {
        let mut text = SAMPLES[sample].1.to_owned();
        for (place, inserted) in places {
            let at = (place * text.len() as f64) as usize;
            // Between two words, where a blank is.
            if let Some(blank) = text.bytes().skip(at).position(|byte| byte == b' ') {
                text.insert_str(at + blank, inserted);
            }
        }
        survives(&text);
        if let Ok(formatted) = format(&text) {
            let count = |text: &str| text.matches("// one").count() + text.matches("# two").count();
            prop_assert_eq!(count(&formatted), count(&text), "a comment was lost");
        }
    }
}
