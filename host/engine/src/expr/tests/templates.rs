//! Whether templates and stored values become what their parts say.

use super::world::World;
use crate::Data;
use crate::expr::Missing;
use crate::expr::{Budget, Expression, Rendered, Template, TemplatePart, ValueSource};
use std::collections::BTreeMap;

fn expression(source: &str) -> TemplatePart {
    TemplatePart::Expression(Expression::parse(source).unwrap())
}

fn text(text: &str) -> TemplatePart {
    TemplatePart::Text(text.to_owned())
}

fn variable(name: &str) -> TemplatePart {
    TemplatePart::Variable(name.to_owned())
}

fn render(parts: Vec<TemplatePart>, missing: Missing) -> Rendered {
    let variables = |name: &str| (name == "greeting").then(|| "hello {{name}} {{ inputs.n }}".to_owned());
    Template { parts }
        .render(&World::default(), &variables, missing, &mut Budget::standard())
        .unwrap()
}

#[test]
fn r34_the_text_of_a_value() {
    for (source, wanted) in [
        ("null", ""),
        ("true", "true"),
        ("'text'", "text"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1e100", "1e+100"),
        ("5", "5"),
        ("{'b': [1, 'x'], 'a': null}", r#"{"a":null,"b":[1,"x"]}"#),
        ("steps.skipped.output", ""),
    ] {
        assert_eq!(
            render(vec![expression(source)], Missing::Remove).text,
            wanted,
            "{source}"
        );
    }
}

// row D01
#[test]
fn a_template_is_expanded_once() {
    let rendered = render(vec![text("> "), variable("greeting"), text(" {{x}}")], Missing::Remove);
    assert_eq!(rendered.text, "> hello {{name}} {{ inputs.n }} {{x}}");
    assert!(rendered.missing.is_empty());
}

#[test]
fn r32_a_missing_variable_is_removed_or_kept_and_reported() {
    let parts = || vec![variable("nobody"), text("|"), variable("nobody")];
    let removed = render(parts(), Missing::Remove);
    assert_eq!(
        (removed.text.as_str(), removed.missing.as_slice()),
        ("|", ["nobody".to_owned()].as_slice())
    );
    assert_eq!(render(parts(), Missing::Keep).text, "{{nobody}}|{{nobody}}");
}

#[test]
fn r23_a_template_has_a_size() {
    let parts = vec![variable("big"); 12];
    let big = |_: &str| Some("x".repeat(100_000));
    let error = Template { parts }
        .render(&World::default(), &big, Missing::Remove, &mut Budget::standard())
        .unwrap_err();
    assert_eq!(error.message, "the text is larger than 1 MiB");
}

fn stored() -> ValueSource {
    let expr = |source: &str| ValueSource::Expression(Expression::parse(source).unwrap());
    let template = Template {
        parts: vec![
            text("count "),
            expression("steps.scan.output.count"),
            text("/"),
            variable("who"),
        ],
    };
    ValueSource::Map(BTreeMap::from([
        ("files".to_owned(), expr("steps.scan.output.files.map(f, f.path)")),
        ("limit".to_owned(), ValueSource::Literal(Data::Double(2.0))),
        ("nothing".to_owned(), ValueSource::Literal(Data::Null)),
        (
            "nested".to_owned(),
            ValueSource::List(vec![
                expr("inputs.n + 1"),
                ValueSource::Literal(Data::map([("text", Data::text("x"))])),
            ]),
        ),
        ("title".to_owned(), ValueSource::Template(template)),
    ]))
}

#[test]
fn the_stored_form_of_a_value_is_golden() {
    let source = stored();
    let json = serde_json::to_string_pretty(&source).unwrap();
    insta::assert_snapshot!(json);
    assert_eq!(serde_json::from_str::<ValueSource>(&json).unwrap(), source);
}

#[test]
fn a_stored_value_is_evaluated() {
    let evaluated = stored()
        .evaluate(&World::default(), &|_| None, Missing::Remove, &mut Budget::standard())
        .unwrap();
    assert_eq!(
        evaluated.data.to_json(),
        r#"{"files":["a","b"],"limit":2.0,"nested":[6,{"text":"x"}],"nothing":null,"title":"count 5/"}"#
    );
    assert_eq!(evaluated.missing, ["who"]);
    let mut sources = Vec::new();
    let value = stored();
    value.each_expression(&mut |expression| sources.push(expression.source()));
    assert_eq!(
        sources,
        [
            "steps.scan.output.files.map(f, f.path)",
            "inputs.n + 1",
            "steps.scan.output.count"
        ]
    );
}

#[test]
fn a_stored_expression_that_is_none_is_refused() {
    let error = serde_json::from_str::<ValueSource>(r#"{"expr": "1 +"}"#).unwrap_err();
    assert!(error.to_string().contains("the expression ends here"), "{error}");
}
