//! Which secrets does the file name, where do their values come from, and where may they go?

use super::document::{Document, Placed, get, nearest, printable};
use super::file::Configuration;
use super::paths;
use super::problem::ProblemCode;
use super::source::Source;
use cofferdam_wasm::{NetworkRule, SecretGrant, SecretPlace, SecretSource};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::de::DeTable;

/// What the configuration says about one secret. The value is nowhere in it.
#[derive(Clone, Debug)]
pub struct SecretSection {
    /// Where the value comes from.
    pub from: SecretSource,
    /// The addresses that it is for.
    pub to: Vec<NetworkRule>,
    /// Where in a request it may stand.
    pub only: Vec<SecretPlace>,
    /// Where the section begins.
    pub source: Source,
}

/// The names of secrets that a plugin may use, or may be told.
pub(super) type SecretNames = Vec<(String, Source)>;

/// Reads `[secrets]`.
pub(super) fn sections(
    document: &mut Document<'_>,
    root: &Path,
    table: &DeTable<'_>,
) -> BTreeMap<String, SecretSection> {
    let mut sections = BTreeMap::new();
    for (key, value) in table {
        let name = key.get_ref().to_string();
        let shown = printable(&name);
        if !is_secret_name(&name) {
            let message = format!("`{shown}` is no name for a secret: letters, digits, `_` and `-`");
            document.add(ProblemCode::WrongValue, key.span(), message);
            continue;
        }
        let Some(entry) = value.get_ref().as_table() else {
            // Shown is where it stands, not what: it is likely the value itself.
            document.add_with_help(
                ProblemCode::SecretValue,
                key.span(),
                format!("the value of the secret `{shown}` must not stand in this file"),
                format!("say where it comes from: [secrets.{shown}] with env = \"NAME\", file = \"/path\" or command = [\"/path\"]"),
            );
            continue;
        };
        let source = document.source(&key.span());
        if let Some((from, to, only)) = section(document, root, &shown, key.span(), entry) {
            sections.insert(name, SecretSection { from, to, only, source });
        }
    }
    sections
}

type Parts = (SecretSource, Vec<NetworkRule>, Vec<SecretPlace>);

fn section(
    document: &mut Document<'_>,
    root: &Path,
    name: &str,
    span: std::ops::Range<usize>,
    table: &DeTable<'_>,
) -> Option<Parts> {
    for key in ["value", "token", "password", "key"] {
        if let Some(value) = get(table, key) {
            let message = format!("the value of the secret `{name}` must not stand in this file");
            let help = "say where it comes from: env = \"NAME\", file = \"/path\" or command = [\"/path\"]";
            document.add_with_help(ProblemCode::SecretValue, value.span(), message, help);
            return None;
        }
    }
    let section = format!("secrets.{name}");
    document.check_keys(&section, "secrets", table);
    let from = origin(document, root, name, span.clone(), table);
    let to = match get(table, "to") {
        Some(_) => targets(document, table),
        None => {
            let message = format!("where the secret `{name}` may go is not said");
            let help = "add to = [\"https://api.example.org\"], or to = [] if no request may carry it";
            document.add_with_help(ProblemCode::MissingKey, span, message, help);
            return None;
        }
    };
    let only = match document.texts(table, "only") {
        None => vec![SecretPlace::Headers],
        Some(places) => places
            .into_iter()
            .filter_map(|place| one_place(document, &place))
            .collect(),
    };
    Some((from?, to, only))
}

fn one_place(document: &mut Document<'_>, place: &Placed<String>) -> Option<SecretPlace> {
    let read = SecretPlace::parse(&place.value);
    if read.is_none() {
        let message = format!(
            "`{}` is no part of a request: write header, header:NAME, query or body",
            printable(&place.value)
        );
        document.add(ProblemCode::WrongValue, place.span.clone(), message);
    }
    read
}

fn origin(
    document: &mut Document<'_>,
    root: &Path,
    name: &str,
    span: std::ops::Range<usize>,
    table: &DeTable<'_>,
) -> Option<SecretSource> {
    let said = ["env", "file", "command"]
        .iter()
        .filter(|key| get(table, key).is_some())
        .count();
    if said != 1 {
        let message = format!("the secret `{name}` must come from one place: `env`, `file` or `command`");
        document.add(ProblemCode::MissingKey, span, message);
        return None;
    }
    if let Some(variable) = document.text(table, "env") {
        return Some(SecretSource::Environment(variable.value));
    }
    if let Some(file) = document.text(table, "file") {
        return Some(SecretSource::File(paths::resolve(root, Path::new(&file.value))));
    }
    let command = document.texts(table, "command")?;
    match command.first() {
        Some(program) if Path::new(&program.value).is_absolute() => Some(SecretSource::Command(
            command.into_iter().map(|word| word.value).collect(),
        )),
        first => {
            let span = first.map_or(span, |first| first.span.clone());
            let message = "`command` must begin with the absolute path of a program; there is no shell";
            document.add(ProblemCode::WrongValue, span, message);
            None
        }
    }
}

fn targets(document: &mut Document<'_>, table: &DeTable<'_>) -> Vec<NetworkRule> {
    let mut rules = Vec::new();
    for url in document.texts(table, "to").unwrap_or_default() {
        match NetworkRule::parse(&url.value, &[], true) {
            Ok(rule) if rule.is_clear_text() => {
                let message = "a secret does not travel in clear text: write https://";
                document.add(ProblemCode::BadAddress, url.span, message);
            }
            Ok(rule) => rules.push(rule),
            Err(error) => {
                document.add(ProblemCode::BadAddress, url.span, error.to_string());
            }
        }
    }
    rules
}

/// Reads `secrets` or `reveal` of a plugin.
pub(super) fn names(document: &mut Document<'_>, table: &DeTable<'_>, key: &str) -> Vec<Placed<String>> {
    document.texts(table, key).unwrap_or_default()
}

impl Configuration {
    /// Returns the names that there is a section for, or adds why there is none.
    pub(super) fn known_secrets(&self, document: &mut Document<'_>, names: Vec<Placed<String>>) -> SecretNames {
        let mut known = SecretNames::new();
        for name in names {
            if self.secrets.contains_key(&name.value) {
                known.push((name.value, document.source(&name.span)));
                continue;
            }
            let shown = printable(&name.value);
            let near = nearest(&name.value, self.secrets.keys().map(String::as_str)).map(str::to_owned);
            let problem = document.add(
                ProblemCode::WrongValue,
                name.span,
                format!("no secret is called `{shown}`"),
            );
            problem.help = Some(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("configure it: [secrets.{shown}]"),
            });
        }
        known
    }

    /// Returns what the file says about secrets.
    pub fn secrets(&self) -> &BTreeMap<String, SecretSection> {
        &self.secrets
    }

    /// Returns what a plugin may do with secrets.
    pub(super) fn secrets_of(&self, plugin: &str) -> Vec<(SecretGrant, Source)> {
        let Some(section) = self.plugins.get(plugin) else {
            return Vec::new();
        };
        let names: BTreeSet<&String> = section
            .secrets
            .iter()
            .chain(&section.reveal)
            .map(|(name, _)| name)
            .collect();
        let mut grants = Vec::new();
        for name in names {
            let Some(secret) = self.secrets.get(name) else { continue };
            let listed = |names: &SecretNames| {
                names
                    .iter()
                    .find(|(other, _)| other == name)
                    .map(|(_, source)| source.clone())
            };
            let (used, told) = (listed(&section.secrets), listed(&section.reveal));
            let grant = SecretGrant {
                name: name.clone(),
                source: secret.from.clone(),
                // Whoever is told a value and may not use it gets no placeholder that leads anywhere.
                to: if used.is_some() { secret.to.clone() } else { Vec::new() },
                places: secret.only.clone(),
                reveal: told.is_some(),
            };
            let source = used.or(told).unwrap_or_else(|| secret.source.clone());
            grants.push((grant, source));
        }
        grants
    }
}

fn is_secret_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}
