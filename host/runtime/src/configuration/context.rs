//! Which values that the steps of a run share may a plugin read and write?

use super::document::{Document, printable};
use super::problem::ProblemCode;
use super::source::Source;
use cofferdam_wasm::Pattern;
use toml::de::DeTable;

/// Reads `context` of a plugin.
pub(super) fn keys(document: &mut Document<'_>, table: &DeTable<'_>) -> Vec<(Pattern, Source)> {
    let mut keys: Vec<(Pattern, Source)> = Vec::new();
    for text in document.texts(table, "context").unwrap_or_default() {
        let shown = printable(&text.value);
        let Some(pattern) = Pattern::parse(&text.value) else {
            let message =
                format!("`{shown}` means no keys: letters, digits, `-`, `_`, `.` and stars, such as `ticket.*`");
            document.add(ProblemCode::WrongValue, text.span, message);
            continue;
        };
        if keys.iter().any(|(other, _)| *other == pattern) {
            let message = format!("`{shown}` stands here twice");
            document.add(ProblemCode::WrongValue, text.span, message);
        } else {
            keys.push((pattern, document.source(&text.span)));
        }
    }
    keys
}
