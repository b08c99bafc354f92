//! Whether a value is of the kind that an attribute takes.

use super::table::{Construct, Rule, Shape};
use super::walk::Pair;
use crate::ast::{Value, ValueKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::{NumberValue, Text, TextForm, TextPart, parse_duration};
use crate::parser::{condition_of, refused_condition};

/// Returns what is wrong with the value of an attribute.
pub(super) fn mismatch(construct: Construct, pair: &Pair<'_>, rule: &Rule, edition: bool) -> Option<Diagnostic> {
    let steps = matches!(rule.shape, Shape::OnFail | Shape::Steps);
    let Some(value) = pair.value else {
        return (!steps).then(|| wrong(rule, pair.key.span, "steps"));
    };
    if matches!(value.kind, ValueKind::Invalid) || (rule.template && matches!(value.kind, ValueKind::Expression(_))) {
        return None;
    }
    match rule.shape {
        Shape::Any => None,
        Shape::Boolean => boolean(construct, value, rule, edition),
        Shape::Word(words) => word(value, rule, words),
        Shape::Words(words) => match &value.kind {
            ValueKind::List(list) => list.items.iter().find_map(|item| word(&item.value, rule, words)),
            _ => word(value, rule, words),
        },
        Shape::Duration => duration(value, rule),
        Shape::Condition => condition(value, rule),
        Shape::Text => text(value, rule, edition),
        Shape::Names => match &value.kind {
            ValueKind::List(list) => list.items.iter().find_map(|item| name(&item.value, rule)),
            _ => name(value, rule),
        },
        Shape::Name | Shape::OnFail => name(value, rule),
        Shape::Integer => (!is_integer(value)).then(|| wrong(rule, value.span, &shown(value))),
        Shape::Number => (!is_number(value)).then(|| wrong(rule, value.span, kind(value))),
        Shape::Map => (!matches!(value.kind, ValueKind::Map(_))).then(|| wrong(rule, value.span, kind(value))),
        Shape::Steps => Some(wrong(rule, value.span, kind(value))),
    }
}

fn wrong(rule: &Rule, span: crate::source::Span, found: &str) -> Diagnostic {
    let diagnostic = unexampled(rule, span, found);
    let example = match rule.shape {
        Shape::Integer => "3",
        Shape::Number => "1.5",
        Shape::Boolean => "true",
        Shape::Map => "{ key = \"value\" }",
        Shape::Text => "\"…\"",
        Shape::Name => "name",
        Shape::Names => "[first, second]",
        Shape::Word(words) => words.first().copied().unwrap_or_default(),
        Shape::Words(words) => &format!("[{}]", words.first().copied().unwrap_or_default()),
        Shape::Duration => "30s",
        Shape::Condition => "(inputs.count > 0)",
        Shape::OnFail => "continue",
        Shape::Steps => return diagnostic.help(format!("write `{} {{ call … }}`", rule.name)),
        Shape::Any => return diagnostic,
    };
    diagnostic.help(format!("for example `{} = {example}`", rule.name))
}

fn unexampled(rule: &Rule, span: crate::source::Span, found: &str) -> Diagnostic {
    let message = format!("`{}` takes {}, not {found}", rule.name, expectation(rule));
    Diagnostic::error(Code::WrongValue, span, message)
}

fn expectation(rule: &Rule) -> String {
    match rule.shape {
        Shape::Text => "a text".to_owned(),
        Shape::Name => "a name".to_owned(),
        Shape::Names => "a name or a list of names".to_owned(),
        Shape::Word(words) | Shape::Words(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Integer => "a whole number".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::Duration => "a duration such as `30s`".to_owned(),
        Shape::Condition => "a condition".to_owned(),
        Shape::Map => "a map `{ … }`".to_owned(),
        Shape::OnFail => "`continue`, an action, or steps `{ … }`".to_owned(),
        Shape::Steps => "steps `{ … }`".to_owned(),
        Shape::Any => "any value".to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match &value.kind {
        ValueKind::Text(_) => "a text",
        ValueKind::Code(_) => "a code fence",
        ValueKind::Number(_) => "a number",
        ValueKind::Duration(_) => "a duration",
        ValueKind::Expression(_) => "an expression",
        ValueKind::Path(_) => "a word",
        ValueKind::List(_) => "a list",
        ValueKind::Map(_) => "a map",
        ValueKind::Invalid => "something unknown",
    }
}

fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::Number(number) => format!("`{}`", number.written),
        _ => kind(value).to_owned(),
    }
}

/// Returns the word that a value is, bare or quoted.
fn as_word(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::Path(path) => Some(path.to_text()),
        ValueKind::Text(text) => Some(text.plain.clone()),
        ValueKind::Code(_)
        | ValueKind::Number(_)
        | ValueKind::Duration(_)
        | ValueKind::Expression(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => None,
    }
}

fn word(value: &Value, rule: &Rule, words: &[&'static str]) -> Option<Diagnostic> {
    let Some(found) = as_word(value) else {
        return Some(wrong(rule, value.span, kind(value)));
    };
    if words.contains(&found.as_str()) {
        return None;
    }
    let meant = same_type(&found).filter(|_| rule.name == "type");
    Some(match meant.or_else(|| did_you_mean(&found, words.iter().copied())) {
        Some(meant) => unexampled(rule, value.span, &format!("`{found}`"))
            .label(format!("did you mean `{meant}`?"))
            .suggest(value.span, meant),
        None => wrong(rule, value.span, &format!("`{found}`")),
    })
}

/// Returns the type that other languages call by this word.
fn same_type(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "int" | "integer" | "float" | "double" | "decimal" | "num" => "number",
        "bool" | "flag" => "boolean",
        "list" | "sequence" | "tuple" | "set" => "array",
        "map" | "dict" | "record" | "json" => "object",
        "text" | "str" | "path" | "file" | "url" | "date" => "string",
        _ => return None,
    })
}

fn boolean(construct: Construct, value: &Value, rule: &Rule, edition: bool) -> Option<Diagnostic> {
    let found = as_word(value);
    if matches!(found.as_deref(), Some("true" | "false")) {
        return None;
    }
    let diagnostic = wrong(rule, value.span, kind(value));
    // The original took anything but `true` for `false` here.
    let lenient = construct == Construct::Parallel && rule.name == "fail_fast" && !edition;
    Some(if lenient {
        Diagnostic::doubtful(diagnostic.code, edition, value.span, diagnostic.message).label("counts as `false`")
    } else {
        diagnostic
    })
}

fn duration(value: &Value, rule: &Rule) -> Option<Diagnostic> {
    let text = match &value.kind {
        ValueKind::Duration(_) => return None,
        ValueKind::Number(number) => number.written.clone(),
        // A placeholder is filled in later.
        ValueKind::Text(text) if rule.template && has_placeholder(text) => return None,
        ValueKind::Text(text) => text.plain.clone(),
        ValueKind::Code(_)
        | ValueKind::Expression(_)
        | ValueKind::Path(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => {
            return Some(wrong(rule, value.span, kind(value)));
        }
    };
    let error = parse_duration(text.trim()).err()?;
    Some(wrong(rule, value.span, &format!("`{text}`")).label(error.to_string()))
}

/// Returns whether a text has `{{ }}` in it that is not written as plain text.
pub(super) fn has_placeholder(text: &Text) -> bool {
    text.form != TextForm::Raw && text.parts.iter().any(|part| matches!(part, TextPart::Placeholder(_)))
}

fn condition(value: &Value, rule: &Rule) -> Option<Diagnostic> {
    if let ValueKind::Path(path) = &value.kind {
        return refused_condition(path);
    }
    condition_of(value)
        .is_none()
        .then(|| wrong(rule, value.span, kind(value)))
}

fn text(value: &Value, rule: &Rule, edition: bool) -> Option<Diagnostic> {
    match &value.kind {
        ValueKind::Text(_) | ValueKind::Code(_) => None,
        // The original took a bare word for a text.
        ValueKind::Path(path) => {
            let text = path.to_text();
            let message = format!("`{}` takes a text, not a word", rule.name);
            let diagnostic = Diagnostic::doubtful(Code::BareWord, edition, value.span, message);
            Some(
                diagnostic
                    .suggest(value.span, format!("\"{text}\""))
                    .help(format!("write `\"{text}\"`")),
            )
        }
        ValueKind::Number(_)
        | ValueKind::Duration(_)
        | ValueKind::Expression(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => Some(wrong(rule, value.span, kind(value))),
    }
}

fn name(value: &Value, rule: &Rule) -> Option<Diagnostic> {
    as_word(value).is_none().then(|| wrong(rule, value.span, kind(value)))
}

fn is_integer(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Number(number) => matches!(number.value, NumberValue::Int(0..)),
        // Quoted numbers stay accepted (rule R11).
        ValueKind::Text(text) => text.plain.parse::<u32>().is_ok(),
        ValueKind::Code(_)
        | ValueKind::Duration(_)
        | ValueKind::Expression(_)
        | ValueKind::Path(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => false,
    }
}

fn is_number(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Number(_) => true,
        ValueKind::Text(text) => text.plain.parse::<f64>().is_ok_and(f64::is_finite),
        ValueKind::Code(_)
        | ValueKind::Duration(_)
        | ValueKind::Expression(_)
        | ValueKind::Path(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => false,
    }
}
