//! The schema files of outputs: what they say, what is wrong with them, and what follows from an output.

use cofferdam_dsl::{FieldKind, OutputSchema, SchemaProblem};
use cofferdam_engine::Data;
use std::fmt::Write as _;

const REVIEW: &str = r#"# What a reviewer gives back.
fields:
  findings:
    type: array
    items:
      file: string
      line: number
      severity: enum(critical, warning)
      suggestion?:
        type: string
        desc: "How to mend it"
  off_diff?:
    type: array
    items: string
  approved: boolean
  verdict: enum(pass, fail)
  score?: number
  meta?:
    fields:
      model: string
      cost?: number
  summary: string

markers:
  has_critical: "findings[severity == critical].length > 0"
  has_findings: findings.length > 0
  refused: "approved == false"
  passed: verdict == pass
  doubtful: score < 70
  strict: "size(findings.filter(f, f.severity == 'critical' && f.line > 10)) > 1"
  whole: "size(output.findings) == 1 && approved"
"#;

fn read(text: &str) -> OutputSchema {
    let (schema, problems) = OutputSchema::read("review", text);
    assert_eq!(problems, [], "{text}");
    schema.expect("a schema")
}

fn data(json: &str) -> Data {
    Data::from_json(json, 1_000_000).expect("JSON")
}

fn output(findings: &str) -> Data {
    data(&format!(
        r#"{{"findings": {findings}, "approved": true, "verdict": "pass", "summary": "s", "extra": 1}}"#
    ))
}

// row D07
#[test]
fn markers_follow_from_the_output_in_both_syntaxes() {
    let schema = read(REVIEW);
    let set = |output: &Data| {
        let judgement = schema.judge(output);
        assert!(
            judgement.violations.is_empty() && judgement.failed.is_empty(),
            "{judgement:?}"
        );
        judgement.markers.join(" ")
    };
    assert_eq!(set(&output("[]")), "passed");
    assert_eq!(
        set(&output(r#"[{"file": "a", "line": 3, "severity": "warning"}]"#)),
        "has_findings passed whole"
    );
    assert_eq!(
        set(&output(
            r#"[{"file": "a", "line": 30, "severity": "critical"}, {"file": "a", "line": 31, "severity": "critical"}]"#
        )),
        "has_critical has_findings passed strict"
    );
    let refused = r#"{"findings": [], "approved": false, "verdict": "fail", "score": 12.5, "summary": ""}"#;
    assert_eq!(set(&data(refused)), "doubtful refused");
}

// row D07
#[test]
fn older_expressions_become_expressions_of_workflows() {
    let schema = read(REVIEW);
    let shown: Vec<String> = schema
        .markers
        .iter()
        .flatten()
        .map(|marker| format!("{}: {}", marker.name, marker.expression))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

// row D07
#[test]
fn an_output_of_another_form_is_told_by_its_parts() {
    let schema = read(REVIEW);
    let violations = |json: &str| -> String {
        let judgement = schema.judge(&data(json));
        assert_eq!(judgement.markers, [""; 0], "what has not the form sets no marker");
        let lines = judgement.violations.iter();
        lines
            .map(|found| format!("{} {}\n", found.path, found.message))
            .collect()
    };
    assert_eq!(violations("[]"), " must be a map, not a list\n");
    insta::assert_snapshot!(violations(
        r#"{"findings": [{"file": 1, "line": "x", "severity": "severe"}, 7], "off_diff": ["a", null], "approved": "yes",
            "meta": {}, "verdict": null, "score": null}"#
    ));
    let many = format!(r#"{{"findings": [{}]}}"#, vec!["{}"; 1_000].join(","));
    assert!(violations(&many).lines().count() <= 23, "a long list is cut");
}

// row D07
#[test]
fn the_schema_in_the_reference_is_read() {
    let reference = include_str!("language.md");
    let (_, after) = reference.split_once("```yaml\n").expect("the reference shows a schema");
    let (text, _) = after.split_once("```").expect("the fence ends");
    let schema = read(text);
    let output =
        data(r#"{"findings": [{"file": "a", "line": 1, "severity": "warning"}], "approved": false, "summary": "s"}"#);
    assert_eq!(schema.judge(&output).markers, ["blocked", "has_warnings"]);
}

// row D07
#[test]
fn every_form_of_a_type_is_read() {
    let schema = read(
        "fields:\n  a: {type: enum, values: [x, 'y z']}\n  b: {type: array, items: 'enum(p, q)'}\n  c: array\n  d: object\n  \
         e: {type: object, fields: {type: string}}\n  f: {type: array, items: {type: string, name: string}}\n  \
         g: {type: array, items: {type: object, fields: {n: number}}}\n  h?: {type: string, examples: [one, two]}\n",
    );
    let kind = |name: &str| &schema.fields.iter().find(|field| field.name == name).expect(name).kind;
    assert_eq!(*kind("a"), FieldKind::Enum(vec!["x".into(), "y z".into()]));
    let FieldKind::List(Some(item)) = kind("f") else {
        panic!()
    };
    assert!(
        matches!(&**item, FieldKind::Map(fields) if fields.len() == 2),
        "a field may be called `type`"
    );
    let FieldKind::List(Some(item)) = kind("g") else {
        panic!()
    };
    assert!(matches!(&**item, FieldKind::Map(fields) if fields.len() == 1));
    assert!(!schema.fields[7].required);
    assert_eq!(schema.fields[7].examples, ["one", "two"]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema.to_json_schema()).expect("JSON"));
    // Without `markers` those of reviews follow, as ever.
    let unnamed = read("fields:\n  findings: array\n  approved: boolean\n");
    let output = data(r#"{"findings": [{"severity": "high"}], "approved": false}"#);
    assert_eq!(
        unnamed.judge(&output).markers,
        ["has_findings", "has_high_findings", "not_approved"]
    );
    assert!(
        read("fields: {findings: array}\nmarkers:\n")
            .judge(&data(r#"{"findings": [1]}"#))
            .markers
            .is_empty()
    );
}

fn shown(text: &str, problem: &SchemaProblem) -> String {
    let mut out = format!(
        "{}: {}\n  `{}`\n",
        if problem.is_error { "error" } else { "warning" },
        problem.message,
        problem.span.of(text).lines().next().unwrap_or_default()
    );
    if let Some(help) = &problem.help {
        let _ = writeln!(out, "  help: {help}");
    }
    if let Some(mend) = &problem.mend {
        let _ = writeln!(out, "  mend: {mend}");
    }
    out
}

// row D07
#[test]
fn what_is_wrong_with_a_schema_is_told_at_its_place() {
    let fields = "fields:\n  findings: {type: array, items: {severity: 'enum(critical, warning)', line: number}}\n  \
                  ok: boolean\n  name: string\n  n?: number\nmarkers:\n";
    let marker = |expression: &str| format!("{fields}  m: {expression}\n");
    let cases = [
        "- a\n".to_owned(),
        "field:\n  a: string\n".to_owned(),
        "fields: [a, b]\n".to_owned(),
        "fields:\n  a: strng\n  b: int\n  c: enum()\n  d: [x, y]\n  a?: number\n".to_owned(),
        "fields:\n  a: {typ: string, type: string}\n".to_owned(),
        "fields:\n  a: &x string\n  b: *x\n".to_owned(),
        "fields:\n  a: \"string\n".to_owned(),
        "fields: {a: {type: enum(x, y)}, b: string}\n".to_owned(),
        marker("findngs.length > 0"),
        marker("\"findings[severty == critical].length > 0\""),
        marker("\"findings[severity == critcal].length > 0\""),
        marker("name[x == y].length > 0"),
        marker("ok.length > 0"),
        marker("ok == yes"),
        marker("n == many"),
        marker("name < 3"),
        marker("\"size(findings.filter(f, f.severty == 'critical')) > 0\""),
        marker("\"findings.exists(f, f.severity == 'critcal')\""),
        marker("\"size(finding) > 0\""),
        marker("\"size(ok) > 0\""),
        marker("\"size(findings)\""),
        marker("\"findings.length > 0 && ok\""),
        marker("\"ok == 'x' || n > 1\""),
        marker("\"steps.x.output > 0\""),
        marker("\"ok &&\""),
        marker("[a]"),
        format!("{fields}  'a b': ok\n"),
    ];
    let mut out = String::new();
    for text in cases {
        let (schema, problems) = OutputSchema::read("s", &text);
        assert_eq!(
            schema.is_none(),
            problems.iter().any(|problem| problem.is_error),
            "{text}"
        );
        assert!(!problems.is_empty(), "{text}");
        let _ = writeln!(out, "{}", text.strip_prefix(fields).unwrap_or(&text).trim_end());
        problems.iter().for_each(|problem| out.push_str(&shown(&text, problem)));
        out.push('\n');
    }
    insta::assert_snapshot!(out);
}

// row D07
#[test]
fn a_marker_that_cannot_be_evaluated_is_told() {
    let schema = read("fields:\n  a?: number\nmarkers:\n  big: \"a + 1 > 2\"\n");
    let judgement = schema.judge(&data("{}"));
    assert_eq!(judgement.failed.len(), 1, "{judgement:?}");
    assert_eq!(schema.judge(&data(r#"{"a": 2}"#)).markers, ["big"]);
}

#[test]
fn a_schema_is_kept_in_plans_and_read_again() {
    let schema = read(REVIEW);
    assert_eq!(
        OutputSchema::from_data(&schema.to_data()).expect("what was written"),
        schema
    );
    assert!(OutputSchema::from_data(&Data::from("no schema")).is_err());
}
