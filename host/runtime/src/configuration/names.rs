//! Which names of actions does the file add to those that plugins have?

use super::document::{Document, get, nearest, printable};
use super::file::Configuration;
use super::problem::{Problem, ProblemCode, Problems};
use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// An action that the file names by its full name, `plugin.action`.
#[derive(Clone, Debug)]
pub(super) struct NamedAction {
    pub(super) action: String,
    pub(super) source: Source,
    /// What to say if something is wrong with it, at its place.
    wrong: Problem,
}

/// What `[actions]` says.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) fallback: Option<NamedAction>,
    pub(super) aliases: BTreeMap<String, NamedAction>,
}

/// Reads `[actions]`. Whether the actions exist is known only with the plugins.
pub(super) fn names(document: &mut Document<'_>, table: &DeTable<'_>) -> Names {
    document.check_keys("actions", "actions", table);
    let mut names = Names::default();
    if let Some(value) = get(table, "fallback") {
        if value.get_ref().as_array().is_some() {
            let help = "a name that no action has goes to one action, or to none";
            document.add_with_help(
                ProblemCode::WrongAction,
                value.span(),
                "there is one `fallback` at most",
                help,
            );
        } else {
            names.fallback = named(document, "fallback", value);
        }
    }
    for (key, value) in document.table(table, "alias").into_iter().flatten() {
        let name: &str = key.get_ref();
        let shown = printable(name);
        if value.get_ref().as_table().is_some() {
            let help = format!("a name with a dot stands in quotes: \"{shown}.NAME\" = \"plugin.action\"");
            let message = format!("`{shown}` must be the full name of an action");
            document.add_with_help(ProblemCode::WrongAction, key.span(), message, help);
        } else if !is_call_name(name) {
            let message = format!("`{shown}` cannot be called: letters, digits, `_` and `-`, with one dot at most");
            document.add(ProblemCode::WrongAction, key.span(), message);
        } else if let Some(action) = named(document, name, value) {
            names.aliases.insert(name.to_owned(), action);
        }
    }
    names
}

fn named(document: &mut Document<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<NamedAction> {
    let Some(action) = value.get_ref().as_str().filter(|action| !action.is_empty()) else {
        return document.wrong(key, value, "the full name of an action, such as \"http.request\"");
    };
    Some(NamedAction {
        action: action.to_owned(),
        source: document.source(&value.span()),
        wrong: document.problem(ProblemCode::WrongAction, value.span(), String::new()),
    })
}

/// Returns whether a workflow can write this as the name of an action.
fn is_call_name(name: &str) -> bool {
    let mut parts = name.split('.');
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    parts.next().is_some_and(word) && parts.next().is_none_or(word) && parts.next().is_none()
}

impl NamedAction {
    fn problem(&self, message: String, help: impl Into<String>) -> Problem {
        Problem {
            message,
            ..self.wrong.clone()
        }
        .help(help)
    }

    /// Returns what to say of an action that nobody has.
    fn unknown(&self, what: &str, known: &BTreeSet<&str>) -> Problem {
        let message = format!("{what} `{}`, which no plugin has", printable(&self.action));
        let help = match nearest(&self.action, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write `plugin.action`; cofferdam plugin list shows those that are there".to_owned(),
        };
        self.problem(message, help)
    }
}

impl Configuration {
    /// Returns the names that stand for actions, with the full names of these.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        let aliases = self.names.aliases.iter();
        aliases.map(|(name, named)| (name.as_str(), named.action.as_str()))
    }

    /// Returns whether the file names any action.
    pub fn names_actions(&self) -> bool {
        !self.names.aliases.is_empty() || self.names.fallback.is_some()
    }

    /// Returns the full name of the action that takes the names of agents.
    pub fn fallback(&self) -> Option<&str> {
        self.names.fallback.as_ref().map(|named| named.action.as_str())
    }

    /// Returns a problem for every name of `[actions]` that leads nowhere, given the full names of all actions.
    /// `takes_name` tells whether an action takes the name that was called, as the fallback must.
    pub fn check_names(&self, known: &BTreeSet<&str>, takes_name: impl Fn(&str) -> bool) -> Problems {
        let mut problems: Vec<Problem> = self
            .names
            .aliases
            .iter()
            .filter_map(|(name, named)| self.check_alias(name, named, known))
            .collect();
        if let Some(fallback) = &self.names.fallback {
            let action = fallback.action.as_str();
            if !known.contains(action) {
                problems.push(fallback.unknown("the fallback is", known));
            } else if !takes_name(action) {
                let message = format!("`{action}` cannot be the fallback: it is not told which name was called");
                problems.push(fallback.problem(message, "the fallback is an action with a parameter `agent`"));
            }
        }
        Problems::new(problems)
    }

    fn check_alias(&self, name: &str, named: &NamedAction, known: &BTreeSet<&str>) -> Option<Problem> {
        let action = named.action.as_str();
        if known.contains(name) {
            let message = format!("the alias `{name}` would hide the action `{name}`");
            return Some(named.problem(
                message,
                "give the alias another name: the name of an action always means it",
            ));
        }
        if self.names.aliases.contains_key(action) {
            let (message, help) = match self.circle(name) {
                Some(circle) => (
                    format!("the alias `{name}` leads back to itself: {circle}"),
                    "let it stand for an action".to_owned(),
                ),
                None => (
                    format!("the alias `{name}` stands for `{action}`, which is an alias too"),
                    format!("name the action: \"{}\"", printable(&self.names.aliases[action].action)),
                ),
            };
            return Some(named.problem(message, help));
        }
        if !known.contains(action) {
            return Some(named.unknown(&format!("the alias `{name}` stands for"), known));
        }
        let ending = format!(".{name}");
        let own: Vec<&&str> = known.iter().filter(|known| known.ends_with(&ending)).collect();
        // Where several plugins have an action of this name, the alias says which is meant.
        match own.as_slice() {
            [only] if **only != action && !name.contains('.') => {
                let message = format!("the alias `{name}` would hide the action `{only}`, which goes by that name");
                Some(named.problem(message, "give the alias another name"))
            }
            _ => None,
        }
    }

    /// Returns the way from an alias back to itself.
    fn circle(&self, name: &str) -> Option<String> {
        let mut way = vec![name];
        let mut at = name;
        while let Some(next) = self.names.aliases.get(at) {
            at = &next.action;
            way.push(at);
            if at == name {
                return Some(way.join(" -> "));
            }
            if way.len() > self.names.aliases.len() {
                break;
            }
        }
        None
    }
}
