//! Which actions a workflow can call: the question that checking asks, and an answer made from a list.

use crate::diagnostic::did_you_mean;
use cofferdam_engine::Digest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Knows the actions that are installed.
pub trait Catalog {
    /// Returns the action that `name` means: `plugin.action`, an action's name alone, or an alias.
    fn action(&self, name: &str) -> Lookup;

    /// Returns the full names of all actions, sorted.
    fn names(&self) -> Vec<String>;
}

/// What a name of an action means.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// This action.
    Found(Arc<ActionEntry>),
    /// One of several, whose full names these are.
    Ambiguous(Vec<String>),
    /// Nothing.
    Unknown {
        /// Names that were probably meant, the likeliest first.
        suggestions: Vec<String>,
    },
}

/// What is known about an action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionEntry {
    /// Name of the plugin.
    pub plugin: String,
    /// Name of the action within the plugin.
    pub action: String,
    /// The component that offers it.
    pub component: Digest,
    /// Which plugin offers it, in words: `fs 0.1.0 (built in)`.
    pub provider: String,
    /// What it does, in one line.
    pub summary: String,
    /// JSON Schema of the parameters; null if the plugin gives none.
    pub params: Value,
    /// JSON Schema of the output; null if the plugin gives none.
    pub output: Value,
    /// Parameters that work.
    pub example: Option<Value>,
}

impl ActionEntry {
    /// Returns an action about which nothing but its name is known.
    pub fn new(plugin: impl Into<String>, action: impl Into<String>, component: Digest) -> Self {
        let plugin = plugin.into();
        Self {
            provider: plugin.clone(),
            plugin,
            action: action.into(),
            component,
            summary: String::new(),
            params: Value::Null,
            output: Value::Null,
            example: None,
        }
    }

    /// Returns the full name, `plugin.action`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.plugin, self.action)
    }
}

/// A catalog of a fixed list of actions.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    by_name: BTreeMap<String, Arc<ActionEntry>>,
    /// Full names by the action's own name.
    by_action: BTreeMap<String, Vec<String>>,
    aliases: BTreeMap<String, String>,
}

impl Actions {
    /// Returns the catalog of `entries`; of two with one full name the later one counts.
    pub fn new(entries: impl IntoIterator<Item = ActionEntry>) -> Self {
        let by_name: BTreeMap<String, Arc<ActionEntry>> = entries
            .into_iter()
            .map(|entry| (entry.name(), Arc::new(entry)))
            .collect();
        let mut by_action: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, entry) in &by_name {
            by_action.entry(entry.action.clone()).or_default().push(name.clone());
        }
        Self {
            by_name,
            by_action,
            aliases: BTreeMap::new(),
        }
    }

    /// Adds names that stand for other names; an alias comes before a bare name of an action.
    #[must_use]
    pub fn with_aliases(mut self, aliases: impl IntoIterator<Item = (String, String)>) -> Self {
        self.aliases.extend(aliases);
        self
    }

    fn suggestions(&self, name: &str) -> Vec<String> {
        // A right action of a wrong or forgotten plugin says more than a similar spelling.
        if let Some((_, action)) = name.rsplit_once('.')
            && let Some(same) = self.by_action.get(action)
        {
            return same.clone();
        }
        let known = self.by_name.keys().chain(self.aliases.keys()).map(String::as_str);
        let full = did_you_mean(name, known).map(str::to_owned);
        let bare = || {
            let action = did_you_mean(name, self.by_action.keys().map(String::as_str))?;
            self.by_action[action].first().cloned()
        };
        full.or_else(bare).into_iter().collect()
    }
}

impl Catalog for Actions {
    fn action(&self, name: &str) -> Lookup {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        if let Some(entry) = self.by_name.get(name) {
            return Lookup::Found(Arc::clone(entry));
        }
        match self.by_action.get(name).map(Vec::as_slice) {
            Some([only]) => Lookup::Found(Arc::clone(&self.by_name[only])),
            Some(several) => Lookup::Ambiguous(several.to_vec()),
            None => Lookup::Unknown {
                suggestions: self.suggestions(name),
            },
        }
    }

    fn names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Actions {
        let digest = Digest::of(b"component");
        Actions::new(
            [("fs", "list"), ("fs", "read"), ("state", "read"), ("http", "request")]
                .map(|(plugin, action)| ActionEntry::new(plugin, action, digest)),
        )
        .with_aliases([("dir".to_owned(), "fs.list".to_owned())])
    }

    #[test]
    fn a_bare_name_is_enough_where_it_is_unique() {
        for name in ["fs.list", "list", "dir"] {
            let Lookup::Found(entry) = catalog().action(name) else {
                panic!("{name} is not found")
            };
            assert_eq!(entry.name(), "fs.list");
        }
        assert_eq!(
            catalog().action("read"),
            Lookup::Ambiguous(vec!["fs.read".into(), "state.read".into()])
        );
    }

    #[test]
    fn an_unknown_name_suggests_what_was_meant() {
        let suggested = |name: &str| match catalog().action(name) {
            Lookup::Unknown { suggestions } => suggestions,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(suggested("fs.lits"), ["fs.list"]);
        assert_eq!(suggested("net.request"), ["http.request"]);
        assert_eq!(suggested("reqest"), ["http.request"]);
        assert!(suggested("quantum.leap").is_empty());
    }
}
