//! What bad files are told, construct by construct.

use crate::rendering::{findings, rendered, table};
use cofferdam_dsl::{Code, Severity, Source, parse};
use insta::assert_snapshot;
use std::collections::BTreeSet;

#[test]
fn tokens() {
    // row A02
    assert_snapshot!(table(&[
        "workflow a {\n  call b -- and then\n  call c\n}",
        "workflow a {\n  -- first\n  call b\n}",
        "workflow a edition 1 {\n  meta {\n    title = \"never closed\n    description = \"fine\"\n  }\n  call b\n}",
        "workflow a edition 1 {\n  call b { params { x = 'never closed } }\n  call c\n}",
        "workflow a edition 1 {\n  if (inputs.x > 3 {\n    call b\n  }\n  call c { params { x = (a[1)  y = 2 } }\n}",
        "workflow a edition 1 {\n  script s {\n    source = ```js\n      return 1;\n  }\n}",
        "workflow a edition 1 {\n  fail \"\"\"\n    never closed\n}",
        "workflow a edition 1 {\n  call b { params { p = \"\\d+\" q = \"\\n\" r = '\\d' } }\n}",
        "workflow a edition 1 {\n  call b { params { p = “curly” } };\n  call c\n}",
        "workflow a edition 1 {\n  call b { timeout = 1h30m }\n  call c { timeout = 5 minutes }\n  call d { timeout = 5min }\n  call e { timeout = 99999999999999999d }\n}",
        "workflow a edition 1 {\n  call b { params { n = 1e999  m = 0x10 } }\n}",
    ]));
}

#[test]
fn headers_and_ends() {
    assert_snapshot!(table(&[
        "",
        "   // only a comment\n",
        "# Notes\nSome prose, no workflow.",
        "workflw a {\n  call b\n}",
        "workflow {\n  call b\n}",
        "workflow a edition 2 {\n}",
        "workflow a edition one {\n}",
        "workflow a\n  call b\n",
        "workflow a {\n}\n}",
        "workflow a edition 1 {\n}\nworkflow b {\n}",
        "workflow a {\n  call b\n",
        "workflow a {\n  if x {\n    call b\n  call c\n}\n",
        "workflow a edition 1 {\n  call b {\n    timeout = 3s\n  call c { timeout = 4s }\n}",
        "workflow a edition 1 {\n  call b { params { x = [1, 2 } }\n  call c\n}",
    ]));
}

#[test]
fn steps() {
    assert_snapshot!(table(&[
        "workflow a edition 1 {\n  cal b\n  call c\n}",
        "workflow a edition 1 {\n  sleep 5 { x = 1 }\n  call c\n}",
        "workflow a edition 1 {\n  call\n}",
        "workflow a edition 1 {\n  call a.b.c { }\n}",
        "workflow a edition 1 {\n  script { run = \"x\" }\n  gate { prompt = \"x\" }\n  wait { for = 1s }\n  foreach { over = (x) }\n}",
        "workflow a edition 1 {\n  if x.y { call b }\n  call c\n  else { call d }\n}",
        "workflow a edition 1 {\n  unless x.y { call b } else unless z.y { call c }\n}",
        "workflow a edition 1 {\n  while x.y { call b }\n  do { call b } while\n}",
        "workflow a edition 1 {\n  parallel {\n    call b\n    fail_fast = false\n  }\n  always { x = 1  call c }\n}",
        "workflow a edition 1 {\n  do {\n    inputs { x required }\n    call b\n  }\n}",
        "workflow a edition 1 {\n  if inputs.full { call b }\n  if steps.x.output.n { call b }\n  if a.b.c.d { call b }\n  if { call b }\n  if 3 { call b }\n}",
        "workflow a edition 1 {\n  call b, call c\n}",
    ]));
}

#[test]
fn values() {
    assert_snapshot!(table(&[
        "workflow a edition 1 {\n  call b { params { mode = full  deep { x = [yes, \"no\", true, null] }  y = inputs.full } }\n}",
        "workflow a edition 1 {\n  call b { params { \"a\": 1, b = 2 } }\n}",
        "workflow a edition 1 {\n  call b { params { a 1  b == 2  = 3 } }\n  call c { timeout 3s }\n}",
        "workflow a edition 1 {\n  call b { params { a = }  timeout = }\n}",
        "workflow a edition 1 {\n  call b { params { a = () } }\n}",
        "workflow a edition 1 {\n  set { x = [ } \n  call c\n}",
        "workflow a edition 1 {\n  inputs { x type = numbr  default  y = 1  3 }\n}",
        "workflow old {\n  call workflow b { inputs = { a = word } }\n}",
    ]));
}

#[test]
fn attributes() {
    // row A04
    assert_snapshot!(table(&[
        "workflow a {\n  call b { retires = 3 }\n  call c { retries = 3  retries = 4 }\n  call workflow d { inputs = { x = \"y\" } }\n}\ncall e",
        "workflow a edition 1 {\n  call b { retires = 3 }\n  call c { retries = 3  retries = 4 }\n  call workflow d { inputs = { x = \"y\" } }\n}\ncall e",
        "workflow a edition 1 {\n  call b { retries = -1  timeout = \"soon\"  params = 3  if = [1]  needs = 4  on_fail = { call c } }\n}",
        "workflow a edition 1 {\n  call b { retry { attempts = 3  on = [transient, timout] }  retries = 2  colour = \"red\" }\n}",
        "workflow a edition 1 {\n  parallel { join = some  fail_fast = maybe  call b }\n}",
        "workflow a {\n  parallel { fail_fast = maybe  call b }\n}",
        "workflow a edition 1 {\n  meta { titel = \"x\"  trigger = never  concurrency = { kye = \"x\" } }\n  inputs { x requird  y colour = 1  x required }\n}",
        "workflow a {\n  if b.c { x = 1  call d }\n}",
        "workflow a edition 1 {\n  script s { timeout = 3s }\n  wait w { timeout = 3s }\n  foreach f { each = x  call b }\n  gate quality_gate { threshold = 3 }\n}",
    ]));
}

#[test]
fn one_file_with_five_defects_reports_five() {
    // row B01
    let text = "workflow a edition 1 {\n  call one { retires = 3 }\n  call two { timeout = 1h30m }\n  cal three\n  call four { params { mode = full } }\n  if inputs.x { call five }\n}";
    assert_snapshot!(rendered(text));
    assert_eq!(findings(text).len(), 5);
}

#[test]
fn deep_nesting_is_refused_without_overflow() {
    // row A12
    let bodies = [
        "if a.b { ",
        "do { ",
        "parallel { ",
        "call x { on_fail { ",
        "set { a = [",
        "set { a { b { ",
        "always { ",
    ];
    for body in bodies {
        let text = format!("workflow a {{ {}", body.repeat(10_000));
        let (_, found) = parse(&text);
        assert_eq!(
            found.iter().map(|finding| finding.code).collect::<Vec<_>>(),
            [Code::TooDeep],
            "{body}"
        );
    }
    for nested in ["[", "{ a = ", "[{ a = "] {
        let text = format!("workflow a {{ set {{ x = {}", nested.repeat(10_000));
        assert_eq!(codes(&text), [Code::TooDeep], "{nested}");
    }
    let brackets = format!(
        "workflow a {{ if ({}{}) {{ call b }} }}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_eq!(codes(&brackets), [Code::TooDeep]);
    let chain = format!("workflow a {{ if a.b {{ }} {} }}", "else if a.b { }".repeat(9_000));
    assert_eq!(codes(&chain), []);
}

#[test]
fn every_limit_is_named_with_its_code() {
    // row A12
    let large = "#".repeat(10 * 1024 * 1024 + 1);
    assert_eq!(codes(&large), [Code::FileTooLarge]);
    assert_eq!(
        Source::from_bytes("a.wf", large.as_bytes()).unwrap_err().code,
        Code::FileTooLarge
    );
    assert_eq!(
        codes(&format!("workflow a {{ {} }}", "call b ".repeat(10_001))),
        [Code::TooManyNodes]
    );
    assert_eq!(
        codes(&format!("workflow a {{ set {{ x = [{}] }} }}", "1 ".repeat(250_001))),
        [Code::TooManyValues]
    );
    let long = format!("workflow a {{ if ({}1) {{ call b }} }}", "1 + ".repeat(20_000));
    assert_eq!(codes(&long), [Code::ExpressionTooLong]);
}

/// What each limit says. The texts are too long to be shown.
#[test]
fn limits() {
    // row A12
    let mut out = String::new();
    let refused = |bytes: &[u8]| {
        let found = Source::from_bytes("a.wf", bytes).unwrap_err();
        format!("[{}]: {} {:?}\n", found.code, found.message, found.help)
    };
    out.push_str(&refused(b"workflow a {\n\0}"));
    out.push_str(&refused(b"workflow a { fail \"caf\xe9\" }"));
    let brackets = |count: usize| format!("{}1{}", "(".repeat(count), ")".repeat(count));
    for text in [
        format!("workflow a {{ if {} {{ call b }} }}", brackets(65)),
        format!("workflow a {{ {}", "do { ".repeat(70)),
        format!("workflow a {{ {} }}", "call b ".repeat(10_001)),
        format!("workflow a {{ if ({}1) {{ call b }} }}", "1 + ".repeat(20_000)),
        format!("workflow a {{ set {{ x = [{}] }} }}", "1 ".repeat(250_001)),
        format!("workflow a {{ if {} {{ call b }} }}", "(".repeat(100_000)),
    ] {
        let found = findings(&text);
        let shown: Vec<String> = found
            .iter()
            .map(|found| format!("[{}]: {} {:?}", found.code, found.message, found.help))
            .collect();
        out.push_str(&shown.join("\n"));
        out.push('\n');
    }
    let many = findings(&format!("workflow a {{ {} }}", "cal b\n".repeat(300)));
    let last = many.last().unwrap();
    out.push_str(&format!(
        "{} findings, the last one [{}]: {}\n",
        many.len(),
        last.code,
        last.message
    ));
    assert_snapshot!(out);
}

#[test]
fn a_long_run_of_anything_ends_with_few_findings() {
    for piece in [
        "(", "(\n", "\\\"\n", "'", "\"x\n}\n", "{", "}", "[", "`", "```\n", "\u{1}", "\u{1} ", "if ", "a = ", "a { ",
        "1 ", ". ", "\"\"\"", "--\n", "(}", "é", "do{}", "- ",
    ] {
        for prefix in [
            "",
            "workflow a edition 1 { set { x = [ ",
            "workflow a edition 1 { call b { ",
        ] {
            let size = 128 * 1024;
            let text = format!("{prefix}{}", piece.repeat(size / piece.len()));
            let (_, found) = parse(&text);
            assert!(
                !found.is_empty() && found.len() <= 201,
                "{prefix} {piece:?}: {}",
                found.len()
            );
            assert!(
                found.iter().any(|finding| finding.severity == Severity::Error),
                "{prefix} {piece:?}"
            );
        }
    }
}

#[test]
fn binary_files_are_refused() {
    let refused = Source::from_bytes("a.wf", &[0x7f, b'E', b'L', b'F', 0xff]).unwrap_err();
    assert_eq!((refused.code, refused.primary.span.start), (Code::NotUtf8, 4));
    let nul = Source::from_bytes("a.wf", b"workflow a {\n\0}").unwrap_err();
    assert_eq!((nul.code, nul.primary.span.start), (Code::NulByte, 13));
    assert_eq!(codes("workflow a { \0 }"), [Code::NulByte]);
}

#[test]
fn the_edition_decides_how_bad_it_is() {
    // row A04
    let old = "workflow a { call b { retires = 3 } }";
    let new = "workflow a edition 1 { call b { retires = 3 } }";
    assert_eq!(findings(old)[0].severity, Severity::Warning);
    assert_eq!(findings(new)[0].severity, Severity::Error);
    let mut strict = findings(old).remove(0);
    strict.make_strict();
    assert_eq!(strict.severity, Severity::Error);
}

#[test]
fn a_finding_as_json_names_place_and_hint() {
    let text = "workflow a edition 1 {\r\n  call b { with = \"ä\"  retires = 3 }\r\n}";
    let source = Source::new("flows/a.wf", text);
    let found = findings(text);
    let json: Vec<_> = found.iter().map(|finding| finding.to_json(&source)).collect();
    assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

fn codes(text: &str) -> Vec<Code> {
    let (_, found) = parse(text);
    let once: BTreeSet<Code> = found.iter().map(|finding| finding.code).collect();
    once.into_iter().collect()
}

#[test]
fn ten_megabytes_are_read_fast_enough_to_be_refused() {
    // row A12
    for piece in ["(\n", "call b { x = 1 }\n", "\"x\n"] {
        let body = piece.repeat((10 * 1024 * 1024 - 100) / piece.len());
        let (_, found) = parse(&format!("workflow a edition 1 {{\n{body}"));
        assert!(
            found.iter().any(|finding| finding.severity == Severity::Error),
            "{piece:?}"
        );
    }
}
