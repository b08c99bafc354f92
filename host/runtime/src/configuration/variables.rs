//! Which values does the file inject into every run?

use super::document::{Document, get, integer};
use super::problem::ProblemCode;
use cofferdam_engine::Data;
use toml::de::DeValue;

/// Returns whether a variable can have this name.
pub(super) fn is_variable(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Returns a plain value, or adds why it is none.
pub(super) fn plain(document: &mut Document<'_>, name: &str, value: &toml::Spanned<DeValue<'_>>) -> Option<Data> {
    const EXPECTED: &str = "a text, a number, true, false, or a list or map of them";
    match value.get_ref() {
        DeValue::String(text) => Some(Data::text(text)),
        DeValue::Boolean(switch) => Some(Data::Bool(*switch)),
        number @ DeValue::Integer(_) => match integer(number) {
            Some(number) => Some(Data::Int(number)),
            None => document.wrong(name, value, "a number of at most 64 bits"),
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(Data::double) {
            Some(number) => Some(number),
            None => document.wrong(name, value, "a finite number"),
        },
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| plain(document, name, item)).collect();
            items.into_iter().collect::<Option<Vec<_>>>().map(Data::list)
        }
        DeValue::Table(entries) if get(entries, "command").is_some() => {
            let message = format!("`{name}`: a `command` is understood but not enforced in this release");
            document.add(ProblemCode::NotEnforced, value.span(), message);
            None
        }
        DeValue::Table(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, item)| Some((key.get_ref().to_string(), plain(document, name, item)?)))
                .collect();
            entries.into_iter().collect::<Option<Vec<_>>>().map(Data::map)
        }
        DeValue::Datetime(_) => document.wrong(name, value, EXPECTED),
    }
}
