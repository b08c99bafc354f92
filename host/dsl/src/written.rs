//! How values and conditions are written on one line, for tables, graphs and comparisons.

use crate::ast::{Condition, Map, Test, Value, ValueKind};
use crate::literal::{Fragment, Text, TextForm, TextPart};
use std::time::Duration;

/// Returns a value on one line. Two values of one meaning have one text: quotes, blanks and commas do not count.
pub fn value_text(value: &Value) -> String {
    match &value.kind {
        ValueKind::Text(text) => text_text(text),
        ValueKind::Code(code) => format!("```{} {:?}```", code.language.as_deref().unwrap_or_default(), code.text),
        ValueKind::Number(number) => serde_json::to_string(&number.value).unwrap_or_else(|_| number.written.clone()),
        ValueKind::Duration(duration) => duration_text(duration.duration),
        ValueKind::Expression(fragment) => format!("({})", expression_text(fragment)),
        ValueKind::Path(path) => path.to_text(),
        ValueKind::List(list) => {
            let items: Vec<String> = list.items.iter().map(|item| value_text(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Map(map) => map_text(map),
        ValueKind::Invalid => "?".to_owned(),
    }
}

fn map_text(map: &Map) -> String {
    let mut entries: Vec<(&str, String)> = map
        .entries
        .iter()
        .map(|entry| (entry.key.text.as_str(), value_text(&entry.value)))
        .collect();
    // The order of a map has no meaning.
    entries.sort();
    if entries.is_empty() {
        return "{}".to_owned();
    }
    let entries: Vec<String> = entries
        .into_iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{{ {} }}", entries.join("  "))
}

/// Returns a text in double quotes; a `{{` that opens nothing is written as `\{{`.
fn text_text(text: &Text) -> String {
    let plain = |text: &str| text.replace("{{", "\\{{");
    let inner: String = match text.form {
        TextForm::Raw => plain(&text.plain),
        TextForm::Quoted | TextForm::Block => text
            .parts
            .iter()
            .map(|part| match part {
                TextPart::Plain(text) => plain(text),
                TextPart::Placeholder(fragment) => format!("{{{{{}}}}}", expression_text(fragment)),
            })
            .collect(),
    };
    format!("\"{}\"", inner.replace('\n', "\\n"))
}

/// Returns an expression with single blanks between its parts; texts in it are left as they are.
pub fn expression_text(fragment: &Fragment) -> String {
    single_blanks(&fragment.code)
}

/// Returns `code` with single blanks instead of line breaks and several blanks, except inside quotes.
pub(crate) fn single_blanks(code: &str) -> String {
    let mut text = String::with_capacity(code.len());
    let mut quote = None;
    let mut escaped = false;
    for character in code.trim().chars() {
        match quote {
            Some(open) => {
                if character == open && !escaped {
                    quote = None;
                }
                escaped = character == '\\' && !escaped;
                text.push(character);
            }
            None if character.is_whitespace() => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            None => {
                if matches!(character, '"' | '\'') {
                    quote = Some(character);
                }
                text.push(character);
            }
        }
    }
    text
}

/// Returns a condition on one line, without parentheses around an expression.
pub fn condition_text(condition: &Condition) -> String {
    match &condition.test {
        Test::Path(path) => path.to_text(),
        Test::Expression(fragment) => expression_text(fragment),
        Test::Invalid => "?".to_owned(),
    }
}

/// Returns a duration in the largest unit that fits, as it would be written.
pub fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if millis >= unit && millis.is_multiple_of(unit) {
            return format!("{}{name}", millis / unit);
        }
    }
    if millis == 0 {
        "0s".to_owned()
    } else {
        format!("{millis}ms")
    }
}
