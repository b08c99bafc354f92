//! `docs/language.md`: made from the tables that the checker uses, and every example in it does what it says.

use crate::actions::actions;
use crate::generated::assert_generated;
use cofferdam_dsl::attributes::{Construct, FAILURE_CLASSES, INPUT_TYPES, Shape, default_of};
use cofferdam_dsl::literal::parse_duration;
use cofferdam_dsl::{Code, Options, compile, explain};
use cofferdam_engine::expr::{Form, functions};
use std::fmt::Write as _;

const TEMPLATE: &str = include_str!("language.md");

#[test]
fn the_reference_is_made_from_the_tables() {
    assert_generated("docs/language.md", &reference());
}

#[test]
fn every_example_of_the_reference_does_what_it_says() {
    let examples = examples(TEMPLATE);
    assert!(examples.len() > 15, "{}", examples.len());
    for (info, text) in examples {
        let file = if text.trim_start().starts_with("workflow ") {
            text.clone()
        } else {
            format!("workflow example edition 1 {{\n{text}}}\n")
        };
        let compiled = compile(&file, "", &actions(), &Options::default());
        let errors = compiled.diagnostics.iter().filter(|finding| finding.is_error());
        let found: Vec<&str> = errors.map(|finding| finding.code.number()).collect();
        let expected: Vec<&str> = info.split_whitespace().collect();
        assert_eq!(found, expected, "{file}\n{:#?}", compiled.diagnostics);
    }
}

/// Returns the examples with what stands behind `wf` on their first lines.
fn examples(text: &str) -> Vec<(String, String)> {
    let mut examples = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```wf") {
            let body: String = lines
                .by_ref()
                .take_while(|line| *line != "```")
                .map(|line| format!("{line}\n"))
                .collect();
            examples.push((info.trim().to_owned(), body));
        }
    }
    examples
}

/// Returns the template with its tables.
fn reference() -> String {
    let mut out = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("<!-- generated: ") {
        let (name, after) = after.split_once(" -->").expect("a mark has an end");
        out.push_str(before);
        out.push_str(generated(name).trim_end());
        rest = after;
    }
    out.push_str(rest);
    // The code behind `wf` is for the tests.
    let lines = out.lines().map(|line| match line.strip_prefix("```wf CF") {
        Some(code) => format!("This gives `CF{code}`:\n\n```wf"),
        None => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}

fn generated(name: &str) -> String {
    match name {
        "durations" => durations(),
        "failures" => list(FAILURE_CLASSES) + ".",
        "types" => list(INPUT_TYPES),
        "functions" => function_table(),
        "templates" => template_places(),
        "codes" => codes(),
        _ => {
            let construct = name
                .strip_prefix("attributes ")
                .unwrap_or_else(|| panic!("nothing is called `{name}`"));
            let construct = match construct {
                "call" => Construct::Call,
                "call-workflow" => Construct::CallWorkflow,
                "retry" => Construct::Retry,
                "while" => Construct::While,
                "do" => Construct::Do,
                "parallel" => Construct::Parallel,
                "foreach" => Construct::Foreach,
                "gate" => Construct::Gate,
                "quality-gate" => Construct::QualityGate,
                "script" => Construct::Script,
                "wait" => Construct::Wait,
                "meta" => Construct::Meta,
                "input" => Construct::Input,
                other => panic!("no construct is called `{other}`"),
            };
            attributes(construct)
        }
    }
}

fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn attributes(construct: Construct) -> String {
    let mut out = String::from("| attribute | takes | without it |\n|---|---|---|\n");
    for rule in construct.rules() {
        let later = if rule.carried_out && construct.carried_out() {
            ""
        } else {
            " *"
        };
        let default = default_of(construct, rule.name).unwrap_or_default();
        let _ = writeln!(
            out,
            "| `{}`{later} | {} | {default} |",
            rule.name,
            takes(rule.shape).replace('|', "\\|")
        );
    }
    if out.contains("` *") {
        out.push_str("\n`*` checked, not carried out by this version.\n");
    }
    out
}

fn takes(shape: Shape) -> String {
    match shape {
        Shape::Text => "a text".to_owned(),
        Shape::Name => "a name".to_owned(),
        Shape::Names => "a name or a list of names".to_owned(),
        Shape::Word(words) => list(words),
        Shape::Words(_) => "a list of classes of failures".to_owned(),
        Shape::Boolean => "`true`, `false`".to_owned(),
        Shape::Integer => "a whole number".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::Duration => "a span of time".to_owned(),
        Shape::Condition => "a condition".to_owned(),
        Shape::Map => "a map".to_owned(),
        Shape::OnFail => "`continue`, an action, or steps".to_owned(),
        Shape::Steps => "steps".to_owned(),
        Shape::Any => "any value".to_owned(),
    }
}

fn durations() -> String {
    let mut out = String::from("| written | milliseconds |\n|---|---|\n");
    for text in ["250ms", "30s", "5m", "2h", "1d", "90"] {
        let millis = parse_duration(text).expect("a span of time").as_millis();
        let _ = writeln!(out, "| `{text}` | {millis} |");
    }
    for text in ["1h30m", "2w"] {
        let error = parse_duration(text).expect_err("no span of time");
        let _ = writeln!(out, "| `{text}` | refused: {error} |");
    }
    out
}

fn function_table() -> String {
    let mut out = String::from("| function | gives | example that is true |\n|---|---|---|\n");
    let cell = |text: &str| text.replace('|', "\\|");
    let mut sorted: Vec<_> = functions()
        .iter()
        .filter(|function| function.form != Form::Macro)
        .collect();
    sorted.sort_by_key(|function| function.name);
    for function in sorted {
        let parameters: Vec<&str> = function.parameters.iter().map(|kind| kind.description()).collect();
        let call = match (function.form, parameters.split_first()) {
            (Form::Method, Some((receiver, rest))) => format!("{receiver}`.{}`({})", function.name, rest.join(", ")),
            _ => format!("`{}`({})", function.name, parameters.join(", ")),
        };
        let _ = writeln!(
            out,
            "| {call} | {} | `{}` |",
            cell(function.summary),
            cell(function.example)
        );
    }
    out
}

fn template_places() -> String {
    let mut out = String::new();
    for construct in Construct::ALL {
        let names: Vec<&str> = construct
            .rules()
            .iter()
            .filter(|rule| rule.template)
            .map(|rule| rule.name)
            .collect();
        if !names.is_empty() {
            let _ = writeln!(out, "- {}: {}", construct.article(), list(&names));
        }
    }
    out
}

fn codes() -> String {
    let mut out = String::from("| code | stands for |\n|---|---|\n");
    for code in Code::ALL {
        assert!(explain(code.number()).is_some(), "{code}");
        let _ = writeln!(out, "| {} | {} |", code.number(), code.title());
    }
    out
}
