//! Thirty typical mistakes of authors: each gives one finding, on its line, with a hint that mends it.

use crate::actions::actions;
use crate::check::shown;
use cofferdam_dsl::{Code, Compiled, Options, compile};
use std::fmt::Write as _;

/// A mistake: what it is, and the lines of a workflow; the line where it should be found begins with `>`.
type Mistake = (&'static str, &'static str);

/// What precedes the lines of each mistake.
const HEAD: &str = "workflow w edition 1 {
  inputs {
    dir   required
    full  boolean
    limit type = number  default = 10
  }
  call fs.list { params { root = \"{{inputs.dir}}\" } }
";

const MISTAKES: &[Mistake] = &[
    (
        "a typing mistake in the name of an attribute",
        "  call test.fail {\n>    retires = 3\n  }",
    ),
    ("a typing mistake in a keyword", ">  paralel {\n    call test.fail\n  }"),
    (
        "a typing mistake in the name of an action",
        ">  call fs.lits { params { root = \".\" } }",
    ),
    (
        "a typing mistake in the name of an input",
        ">  if (inputs.limt > 3) { fail \"x\" }",
    ),
    (
        "a typing mistake in the name of a step",
        ">  set { n = (steps.lst.output.files) }",
    ),
    (
        "a typing mistake in a member of a step",
        ">  set { n = (steps.list.ouput) }",
    ),
    (
        "a typing mistake in a field of an output",
        ">  set { n = (steps.list.output.fils) }",
    ),
    (
        "a missing closing brace",
        ">  if full {\n    fail \"x\"\n  call test.fail",
    ),
    (
        "a text without a closing quote",
        ">  fail \"stopped\n  call test.fail { timeout = 30s }",
    ),
    (
        "a text for a number",
        "  call test.fail {\n>    retries = \"three\"\n  }",
    ),
    ("a number for a text", "  call fs.list {\n>    params { root = 5 }\n  }"),
    ("a parameter that is missing", ">  call fs.read"),
    (
        "a parameter that does not exist",
        "  call fs.read {\n>    params { file = \"a\"  path = \"b\" }\n  }",
    ),
    (
        "a later step",
        ">  if later.done { fail \"x\" }\n  call later { use = test.fail }",
    ),
    (
        "a step of another arm",
        "  if full { call a { use = test.fail } }\n>  else { set { n = (steps.a.output) } }",
    ),
    ("the variable of a loop outside of it", ">  set { n = (item.name) }"),
    ("a pair as in YAML", "  call test.fail {\n>    retries: 3\n  }"),
    (
        "a list as in YAML",
        "  call fs.list {\n    params {\n      root = \".\"\n      include =\n>        - \"*.md\"\n    }\n  }",
    ),
    ("a comment as in SQL", ">  -- all files\n  call test.fail"),
    (
        "a comment over several lines as in C",
        ">  /* all files */\n  call test.fail",
    ),
    ("a minus without blanks", ">  set { n = (inputs.limit-1) }"),
    (
        "quotes within a template",
        "  call fs.read {\n>    params { path = \"{{ inputs.full ? \"a\" : \"b\" }}\" }\n  }",
    ),
    (
        "`elseif`",
        "  if full {\n    fail \"x\"\n>  } elseif (inputs.limit > 3) {\n    fail \"y\"\n  }",
    ),
    ("one `=` for a comparison", ">  if (inputs.limit = 3) { fail \"x\" }"),
    (
        "a text without quotes",
        "  call fs.read {\n>    params { path = README.md }\n  }",
    ),
    (
        "`and` for `&&`",
        ">  if (inputs.full and inputs.limit > 3) { fail \"x\" }",
    ),
    (
        "a number compared with a text",
        ">  if (inputs.limit > \"3\") { fail \"x\" }",
    ),
    (
        "an input in a condition without parentheses",
        ">  if inputs.full { fail \"x\" }",
    ),
    ("a text for a boolean", ">  if (inputs.full == \"true\") { fail \"x\" }"),
    ("a compound duration", "  call test.fail {\n>    timeout = 1h30m\n  }"),
    (
        "a loop without a limit",
        ">  while list.more {\n    call test.fail\n  }",
    ),
    (
        "a semicolon at the end of a line",
        ">  call test.fail;\n  call fs.list { params { root = \".\" } }",
    ),
    ("a variable that nothing sets", ">  fail \"{{vars.total}}\""),
    (
        "a typing mistake in a parameter",
        "  call fs.read {\n>    params { path = \"a\"  patth = \"x\" }\n  }",
    ),
    (
        "a need that is no branch of the block",
        "  parallel {\n    call a { use = test.fail }\n>    call b { use = test.fail  needs = [c] }\n  }",
    ),
];

/// Returns the text of a mistake and the number of the line where it should be found.
fn written((_, lines): &Mistake) -> (String, u32) {
    let mut text = HEAD.to_owned();
    let mut wanted = 0;
    for line in lines.lines() {
        if line.starts_with('>') {
            wanted = u32::try_from(text.lines().count()).unwrap() + 1;
        }
        text.push_str(line.strip_prefix('>').unwrap_or(line));
        text.push('\n');
    }
    text.push_str("}\n");
    (text, wanted)
}

fn compiled(text: &str) -> Compiled {
    compile(text, "w.wf", &actions(), &Options::default())
}

// row B01
#[test]
fn thirty_typical_mistakes() {
    let mut out = String::new();
    let mut wrong = String::new();
    for mistake in MISTAKES {
        let (text, wanted) = written(mistake);
        let compiled = compiled(&text);
        let _ = writeln!(out, "## {}\n", mistake.0);
        for found in &compiled.diagnostics {
            let _ = writeln!(out, "{}", shown(&compiled, found));
        }
        let complaint = match compiled.diagnostics.as_slice() {
            [only] => {
                let line = compiled.source.position(only.primary.span.start).line;
                let said = only.hint().is_some() || only.suggestion.is_some();
                let mended = only.suggestion.as_ref().is_none_or(|(span, replacement)| {
                    let mut text = text.clone();
                    text.replace_range(span.range(), replacement);
                    let left = self::compiled(&text).diagnostics;
                    // Some lines write a variable only to hold their mistake.
                    left.iter().all(|found| found.code == Code::UnusedVariable)
                });
                match (line == wanted, said, mended) {
                    (false, _, _) => format!("is found on line {line}, not {wanted}"),
                    (_, false, _) => "has no hint".to_owned(),
                    (_, _, false) => "is not mended by its suggestion".to_owned(),
                    (true, true, true) => continue,
                }
            }
            several => format!("gives {} findings", several.len()),
        };
        let _ = writeln!(wrong, "{} {complaint}:", mistake.0);
        for found in &compiled.diagnostics {
            let _ = writeln!(wrong, "{}", shown(&compiled, found));
        }
    }
    assert!(MISTAKES.len() >= 30);
    assert!(wrong.is_empty(), "{wrong}");
    insta::assert_snapshot!(out);
}
