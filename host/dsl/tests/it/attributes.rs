//! The attribute tables against real files.

use crate::samples::SAMPLES;
use cofferdam_dsl::literal::{InvalidDuration, parse_duration};
use cofferdam_dsl::{check_attributes, not_carried_out, parse};

#[test]
fn every_sample_has_only_known_attributes() {
    for (name, text) in SAMPLES {
        assert_eq!(check_attributes(&parse(text).0, text), [], "{name}");
    }
}

#[test]
fn what_is_not_carried_out_is_refused_by_name() {
    let text = "workflow a edition 1 {\n  call x { as = bob }\n  script w { run = \"x\" }\n  call y { undo { foreach g { over = (1) } } }\n}";
    let found: Vec<String> = not_carried_out(&parse(text).0)
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    assert_eq!(
        found,
        [
            "the attribute `as` of a call is understood but not carried out by this version",
            "a script is understood but not carried out by this version",
            "the attribute `undo` of a call is understood but not carried out by this version",
            "`foreach` is understood but not carried out by this version",
        ]
    );
}

#[test]
fn one_grammar_of_durations_serves_every_timeout() {
    // row A19
    let millis = |text: &str| parse_duration(text).map(|duration| duration.as_millis());
    let accepted = [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("45", 45_000),
    ];
    for (text, expected) in accepted {
        assert_eq!(millis(text), Ok(expected), "{text}");
        for written in [text.to_owned(), format!("\"{text}\"")] {
            let text =
                format!("workflow a edition 1 {{ call b {{ timeout = {written}  retry {{ backoff = {written} }} }} }}");
            let (file, findings) = parse(&text);
            assert_eq!(
                (findings, check_attributes(&file, &text)),
                (vec![], vec![]),
                "{written}"
            );
        }
    }
    assert_eq!(millis("99999999999999999999d"), Err(InvalidDuration::Overflow));
    assert_eq!(millis("1h30m"), Err(InvalidDuration::Compound(Some("90m".to_owned()))));
    assert_eq!(millis("5 min"), Err(InvalidDuration::UnknownUnit(" min".to_owned())));
    assert_eq!(millis("soon"), Err(InvalidDuration::NotANumber));
}
