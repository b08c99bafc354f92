//! Who decides which kinds of gates?

use super::document::{Document, printable};
use super::problem::ProblemCode;
use super::source::Source;
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// What the language decides by itself, or by people anyway.
const OWN_KINDS: &[&str] = &["human_approval", "human_review", "quality_gate"];

/// Reads `[gates]`: the kinds that people decide.
pub(super) fn gates(document: &mut Document<'_>, table: &DeTable<'_>) -> BTreeMap<String, Source> {
    let mut gates = BTreeMap::new();
    for (key, value) in table {
        let kind: &str = key.get_ref();
        let shown = printable(kind);
        if !is_kind(kind) {
            let message = format!("no gate can have the kind `{shown}`: letters, digits, `_` and `-`");
            document.add(ProblemCode::WrongValue, key.span(), message);
            continue;
        }
        match value.get_ref() {
            DeValue::String(who) if who == "human" => {
                gates.insert(kind.to_owned(), document.source(&value.span()));
            }
            _ if OWN_KINDS.contains(&kind) => {
                let message = format!("`{shown}` is decided as the language says");
                document.add_with_help(ProblemCode::WrongValue, value.span(), message, "take this line away");
            }
            DeValue::String(who) if who.contains('.') => {
                let message = "gates that a plugin decides are understood but not enforced in this release";
                let help = format!("let people decide them: {shown} = \"human\"");
                document.add_with_help(ProblemCode::NotEnforced, value.span(), message, help);
            }
            _ => {
                document.wrong::<()>(kind, value, "\"human\"");
            }
        }
    }
    gates
}

/// Returns whether a workflow can write this as the kind of a gate.
fn is_kind(kind: &str) -> bool {
    kind.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
