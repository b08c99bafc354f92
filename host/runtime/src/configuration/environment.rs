//! Which variables of the host's own environment may a plugin see?

use super::document::{Document, printable};
use super::problem::ProblemCode;
use super::secrets::SecretSection;
use super::source::Source;
use cofferdam_wasm::SecretSource;
use std::collections::BTreeMap;
use toml::de::DeTable;

/// Reads `env` of a plugin. The values are read when a run is prepared, never here.
pub(super) fn names(
    document: &mut Document<'_>,
    table: &DeTable<'_>,
    secrets: &BTreeMap<String, SecretSection>,
) -> Vec<(String, Source)> {
    let mut names: Vec<(String, Source)> = Vec::new();
    for name in document.texts(table, "env").unwrap_or_default() {
        let shown = printable(&name.value);
        let holds =
            |secret: &SecretSection| matches!(&secret.from, SecretSource::Environment(from) if *from == name.value);
        if !is_name(&name.value) {
            let message =
                format!("`{shown}` is no name of a variable: letters, digits and `_`, each one by its own name");
            document.add(ProblemCode::WrongValue, name.span, message);
        } else if let Some((secret, _)) = secrets.iter().find(|(_, section)| holds(section)) {
            let message = format!("`{shown}` holds the secret `{secret}`, which the plugin would be told");
            let help = format!("secrets = [\"{secret}\"] lets it be used; reveal = [\"{secret}\"] lets it be told");
            document.add_with_help(ProblemCode::SecretValue, name.span, message, help);
        } else if names.iter().any(|(other, _)| *other == name.value) {
            document.add(
                ProblemCode::WrongValue,
                name.span,
                format!("`{shown}` stands here twice"),
            );
        } else {
            names.push((name.value, document.source(&name.span)));
        }
    }
    names
}

fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
