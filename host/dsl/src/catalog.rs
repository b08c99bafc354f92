//! Which actions and workflows a workflow can call: the question that checking asks, and an answer made from lists.

use crate::diagnostic::did_you_mean;
use crate::library::Library;
use crate::surroundings::Surroundings;
use cofferdam_engine::Digest;
use cofferdam_engine::plan::OnLost;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The parameter in which the fallback action is told the name that was called.
pub const CALLED: &str = "agent";

/// Knows the actions that are installed.
pub trait Catalog {
    /// Returns the action that `name` means: `plugin.action`, an action's name alone, or an alias.
    fn action(&self, name: &str) -> Lookup;

    /// Returns the full names of all actions, sorted.
    fn names(&self) -> Vec<String>;

    /// Returns the workflows that can be called; none if nothing is known about them, so that calls of them are not
    /// checked.
    fn workflows(&self) -> Option<&Library> {
        None
    }

    /// Returns the project of the workflows; without one, what they name in it is not looked for.
    fn surroundings(&self) -> Option<&dyn Surroundings> {
        None
    }
}

/// What a name of an action means.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// This action.
    Found(Arc<ActionEntry>),
    /// No action of its own; the fallback takes it. Which name was called, it is told as the parameter [`CALLED`],
    /// which is not among the parameters of this entry, for the workflow does not give it.
    Fallback(Arc<ActionEntry>),
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
    /// What becomes of a delivery that was lost with its host.
    pub on_lost: OnLost,
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
            on_lost: OnLost::default(),
        }
    }

    /// Returns the full name, `plugin.action`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.plugin, self.action)
    }

    /// Returns whether the action can be the fallback: it takes the parameter [`CALLED`], as far as its schema tells.
    pub fn takes_called(&self) -> bool {
        let open = self.params["additionalProperties"] != Value::Bool(false);
        open || self.params["properties"].get(CALLED).is_some()
    }

    /// Returns the action as a workflow sees it that calls it by another name.
    fn as_fallback(&self) -> Self {
        let mut entry = self.clone();
        if let Some(properties) = entry.params.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove(CALLED);
        }
        if let Some(required) = entry.params.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name != CALLED);
        }
        entry
    }
}

/// A catalog of a fixed list of actions.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    by_name: BTreeMap<String, Arc<ActionEntry>>,
    /// Full names by the action's own name.
    by_action: BTreeMap<String, Vec<String>>,
    aliases: BTreeMap<String, String>,
    fallback: Option<Fallback>,
    workflows: Option<Library>,
    surroundings: Option<Arc<dyn Surroundings>>,
}

/// The action that takes names which no action has.
#[derive(Clone, Debug)]
struct Fallback {
    entry: Arc<ActionEntry>,
    /// A typing mistake must not reach it, so that it takes only names that somebody has written down.
    names: BTreeSet<String>,
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
            fallback: None,
            workflows: None,
            surroundings: None,
        }
    }

    /// Adds names that stand for other names; an alias comes before a bare name of an action.
    #[must_use]
    pub fn with_aliases(mut self, aliases: impl IntoIterator<Item = (String, String)>) -> Self {
        self.aliases.extend(aliases);
        self
    }

    /// Lets the action of this full name take `names`, as far as nothing else has them; a name with a dot never goes to
    /// it (rule R28). There is one fallback: another one takes its place.
    #[must_use]
    pub fn with_fallback(mut self, action: &str, names: impl IntoIterator<Item = String>) -> Self {
        self.fallback = self.by_name.get(action).map(|entry| Fallback {
            entry: Arc::new(entry.as_fallback()),
            names: names.into_iter().filter(|name| !name.contains('.')).collect(),
        });
        self
    }

    /// Lets calls of workflows be checked against these.
    #[must_use]
    pub fn with_workflows(mut self, library: Library) -> Self {
        self.workflows = Some(library);
        self
    }

    /// Says which project the workflows belong to.
    #[must_use]
    pub fn with_surroundings(mut self, surroundings: Arc<dyn Surroundings>) -> Self {
        self.surroundings = Some(surroundings);
        self
    }

    fn taken_by_fallback(&self, name: &str) -> Option<&Arc<ActionEntry>> {
        let fallback = self.fallback.as_ref()?;
        fallback.names.contains(name).then_some(&fallback.entry)
    }

    fn suggestions(&self, name: &str) -> Vec<String> {
        // A right action of a wrong or forgotten plugin says more than a similar spelling.
        if let Some((_, action)) = name.rsplit_once('.')
            && let Some(same) = self.by_action.get(action)
        {
            return same.clone();
        }
        let taken = self.fallback.iter().flat_map(|fallback| &fallback.names);
        let known = self
            .by_name
            .keys()
            .chain(self.aliases.keys())
            .chain(taken)
            .map(String::as_str);
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
            None => match self.taken_by_fallback(name) {
                Some(entry) => Lookup::Fallback(Arc::clone(entry)),
                None => Lookup::Unknown {
                    suggestions: self.suggestions(name),
                },
            },
        }
    }

    fn names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    fn workflows(&self) -> Option<&Library> {
        self.workflows.as_ref()
    }

    fn surroundings(&self) -> Option<&dyn Surroundings> {
        self.surroundings.as_deref()
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

    // row E01
    #[test]
    fn the_fallback_takes_only_names_that_are_written_down_and_nobody_has() {
        let params = serde_json::json!({
            "type": "object", "additionalProperties": false, "required": ["agent", "text"],
            "properties": { "agent": {}, "text": {} },
        });
        let agent = ActionEntry {
            params,
            ..ActionEntry::new("agent", "run", Digest::of(b"component"))
        };
        assert!(agent.takes_called());
        let with = |names: &[&str]| {
            let mut actions = catalog();
            actions.by_name.insert(agent.name(), Arc::new(agent.clone()));
            actions.with_fallback("agent.run", names.iter().map(|name| (*name).to_owned()))
        };
        let catalog = with(&["reviewer", "list", "dir", "net.request"]);
        let Lookup::Fallback(entry) = catalog.action("reviewer") else {
            panic!("it is not taken")
        };
        assert_eq!(entry.name(), "agent.run");
        assert_eq!(
            entry.params["required"],
            serde_json::json!(["text"]),
            "the name is not asked of the workflow"
        );
        assert!(entry.params["properties"].get("agent").is_none());
        for (name, found) in [("list", "fs.list"), ("dir", "fs.list"), ("agent.run", "agent.run")] {
            let Lookup::Found(entry) = catalog.action(name) else {
                panic!("an exact name wins: {name}")
            };
            assert_eq!(entry.name(), found);
        }
        let unknown = |name: &str| match catalog.action(name) {
            Lookup::Unknown { suggestions } => suggestions,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(unknown("reviwer"), ["reviewer"], "a typing mistake is no chat");
        assert_eq!(
            unknown("net.request"),
            ["http.request"],
            "nor is the action of a plugin"
        );
        assert!(matches!(with(&[]).action("reviewer"), Lookup::Unknown { .. }));
    }

    // row E01
    #[test]
    fn the_fallback_is_told_which_name_was_called() {
        let open = ["run"].map(|action| ActionEntry::new("agent", action, Digest::of(b"component")));
        let catalog = Actions::new(open).with_fallback("agent.run", ["reviewer", "fixer"].map(str::to_owned));
        let text = r#"workflow w edition 1 {
          inputs { topic required }
          call reviewer
          call again { use = reviewer  params { text = (inputs.topic) agent = "somebody else" } on_fail = fixer }
        }"#;
        let compiled = crate::compile(text, "w.wf", &catalog, &crate::Options::default());
        assert!(compiled.plan.is_some(), "{:#?}", compiled.diagnostics);
        let plan = compiled.plan.unwrap();
        let told: Vec<String> = plan
            .calls()
            .map(|(_, call)| {
                format!(
                    "{}: {}",
                    call.action.action,
                    serde_json::to_value(&call.params).unwrap()
                )
            })
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains(r#"{"agent":"reviewer"}"#), "{told:?}");
        assert!(told[1].contains(r#""agent":{"literal":"reviewer"}"#), "{told:?}");
        assert!(told[2].contains(r#"{"agent":"fixer"}"#), "{told:?}");
        let text =
            "workflow w edition 1 {\n  inputs { topic required }\n  call reviewer { params = (inputs.topic) }\n}\n";
        let refused = crate::compile(text, "w.wf", &catalog, &crate::Options::default());
        let messages: Vec<&str> = refused.diagnostics.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(messages, ["the parameters of `reviewer` must be written out"]);
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
