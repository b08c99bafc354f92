//! What an action says about itself, checked before anything believes it.

use crate::contract::types;
use crate::grants::is_guest_path;
use crate::log::printable;
use crate::network::NetworkRule;
use crate::pattern::Pattern;
use cofferdam_engine::Data;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A kind of work that components can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Steps that a workflow can call.
    Actions,
    /// Interpreters of source text.
    ScriptEnvironments,
    /// Sources of items.
    ItemProviders,
    /// Deciders of gates.
    GateResolvers,
    /// Receivers of events.
    EventSinks,
}

/// What may be tried again when a workflow says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryDefault {
    /// Nothing.
    #[default]
    Never,
    /// Transient failures.
    Transient,
}

/// What becomes of an attempt whose host died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLost {
    /// It is delivered again.
    #[default]
    Redeliver,
    /// It counts as failed.
    Fail,
    /// A person is asked.
    Ask,
}

/// Something that an action asks to be allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// `read`, `write`, `network`, `secret` and whatever later contracts know.
    pub kind: String,
    /// Why, in the words of the plugin.
    pub reason: Option<String>,
    /// For directories: only this guest path.
    pub path: Option<String>,
    /// The need as it was written.
    pub data: Data,
}

impl Need {
    /// Returns whether the action does without it: then a call that needs it is denied, and not the run.
    pub fn is_optional(&self) -> bool {
        self.data.get("optional") == Some(&Data::Bool(true))
    }
}

/// One action of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionDescriptor {
    /// Its name within the plugin.
    pub name: String,
    /// What it does, in one line.
    pub summary: String,
    /// The JSON Schema of its parameters.
    pub params: Option<Data>,
    /// The JSON Schema of its output.
    pub output: Option<Data>,
    /// What it asks for.
    pub needs: Vec<Need>,
    /// What may be tried again by default.
    pub retry: RetryDefault,
    /// Whether it is entered in a dry run.
    pub dry_run_aware: bool,
    /// What becomes of it when its host dies.
    pub on_lost: OnLost,
    /// Examples, as written.
    pub examples: Vec<Data>,
    /// Everything it says, unknown keys included.
    pub spec: Data,
}

/// A descriptor as it came from the guest, and as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RawDescriptor {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) spec: String,
}

const MAX_DESCRIPTORS: usize = 256;
const MAX_NAME: usize = 64;
const MAX_SUMMARY: usize = 512;
const MAX_SPEC: usize = 256 * 1024;
const MAX_NEEDS: usize = 64;
/// More than anybody mends at once.
const MAX_PROBLEMS: usize = 50;

impl From<types::Descriptor> for RawDescriptor {
    fn from(descriptor: types::Descriptor) -> Self {
        Self {
            name: descriptor.name,
            summary: descriptor.summary,
            spec: descriptor.spec,
        }
    }
}

/// Returns the actions that `raw` describes, or everything that is wrong with the descriptions.
pub(crate) fn check(raw: &[RawDescriptor]) -> Result<Vec<ActionDescriptor>, Vec<String>> {
    let mut problems = Vec::new();
    if raw.len() > MAX_DESCRIPTORS {
        problems.push(format!("describes {} actions, of at most {MAX_DESCRIPTORS}", raw.len()));
    }
    let mut actions: Vec<ActionDescriptor> = Vec::new();
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    for descriptor in raw.iter().take(MAX_DESCRIPTORS) {
        let name = printable(&descriptor.name, MAX_NAME);
        if !is_name(&descriptor.name) {
            problems.push(format!(
                "`{name}` is no name for an action: lower-case letters, digits and single hyphens"
            ));
        }
        *named.entry(name.clone()).or_default() += 1;
        match spec(descriptor) {
            Ok(action) => actions.push(action),
            Err(reasons) => problems.extend(
                reasons
                    .into_iter()
                    .map(|reason| format!("the description of `{name}`: {reason}")),
            ),
        }
    }
    let repeated = named.into_iter().filter(|(_, times)| *times > 1);
    problems.extend(repeated.map(|(name, times)| match times {
        2 => format!("describes `{name}` twice"),
        times => format!("describes `{name}` {times} times"),
    }));
    if problems.is_empty() {
        return Ok(actions);
    }
    if problems.len() > MAX_PROBLEMS {
        let more = problems.len() - MAX_PROBLEMS;
        problems.truncate(MAX_PROBLEMS);
        problems.push(format!("and {more} more of the kind"));
    }
    Err(problems)
}

/// Returns whether `name` is lower-case words joined by single hyphens.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

fn spec(raw: &RawDescriptor) -> Result<ActionDescriptor, Vec<String>> {
    let text = if raw.spec.trim().is_empty() { "{}" } else { &raw.spec };
    let spec = Data::from_json(text, MAX_SPEC).map_err(|error| vec![format!("`spec` is {error}")])?;
    if !matches!(spec, Data::Map(_)) {
        return Err(vec![format!("`spec` is {} and no map", spec.kind())]);
    }
    let mut problems = Vec::new();
    let action = ActionDescriptor {
        name: raw.name.clone(),
        summary: printable(&raw.summary, MAX_SUMMARY),
        params: kept(schema(&spec, "params"), &mut problems),
        output: kept(schema(&spec, "output"), &mut problems),
        needs: needs(&spec, &mut problems),
        retry: match kept(word(&spec, "retry", &["never", "transient"]), &mut problems) {
            Some("transient") => RetryDefault::Transient,
            _ => RetryDefault::Never,
        },
        dry_run_aware: kept(word(&spec, "dry-run", &["skip", "aware"]), &mut problems) == Some("aware"),
        on_lost: match kept(word(&spec, "on-lost", &["redeliver", "fail", "ask"]), &mut problems) {
            Some("fail") => OnLost::Fail,
            Some("ask") => OnLost::Ask,
            _ => OnLost::Redeliver,
        },
        examples: kept(list(&spec, "examples"), &mut problems)
            .unwrap_or_default()
            .to_vec(),
        spec: spec.clone(),
    };
    if problems.is_empty() { Ok(action) } else { Err(problems) }
}

/// Returns what was read, or keeps why it could not be.
fn kept<T>(read: Result<Option<T>, String>, problems: &mut Vec<String>) -> Option<T> {
    read.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    })
}

fn schema(spec: &Data, key: &str) -> Result<Option<Data>, String> {
    match spec.get(key) {
        None | Some(Data::Null) => Ok(None),
        Some(schema @ (Data::Map(_) | Data::Bool(_))) => match remote_reference(schema) {
            Some(reference) => Err(format!(
                "`{key}` refers to `{}` outside of itself",
                printable(reference, 128)
            )),
            None => Ok(Some(schema.clone())),
        },
        Some(other) => Err(format!("`{key}` is {} and no JSON Schema", other.kind())),
    }
}

/// A schema that refers to elsewhere would make the host fetch or read what a stranger names.
fn remote_reference(schema: &Data) -> Option<&str> {
    match schema {
        Data::Map(entries) => entries.iter().find_map(|(key, value)| match value {
            Data::Text(target) if matches!(&**key, "$ref" | "$dynamicRef") && !target.starts_with('#') => {
                Some(&**target)
            }
            other => remote_reference(other),
        }),
        Data::List(items) => items.iter().find_map(remote_reference),
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::Text(_) => None,
    }
}

fn needs(spec: &Data, problems: &mut Vec<String>) -> Vec<Need> {
    let entries = kept(list(spec, "needs"), problems).unwrap_or_default();
    if entries.len() > MAX_NEEDS {
        problems.push(format!("`needs` has {} entries, of at most {MAX_NEEDS}", entries.len()));
        return Vec::new();
    }
    let mut needs = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let text = |key| {
            entry
                .get(key)
                .and_then(Data::as_text)
                .map(|text| printable(text, MAX_SUMMARY))
        };
        let Some(kind) = text("kind") else {
            problems.push(format!(
                "need {} has no `kind`: {}",
                at + 1,
                KINDS.map(|(kind, _)| kind).join(", ")
            ));
            continue;
        };
        let need = Need {
            kind,
            reason: text("reason"),
            path: text("path"),
            data: entry.clone(),
        };
        problems.extend(
            need.problems()
                .into_iter()
                .map(|problem| format!("need {}, `{}`: {problem}", at + 1, need.kind)),
        );
        needs.push(need);
    }
    needs
}

/// What can be asked for, each with the keys that say which of it.
const KINDS: [(&str, &[&str]); 7] = [
    ("read", &["path"]),
    ("write", &["path"]),
    ("network", &["url", "methods"]),
    ("secret", &["name"]),
    ("reveal", &["name"]),
    ("env", &["name"]),
    ("context", &["keys"]),
];

impl Need {
    /// Returns which keys of the run context are asked for: any if it does not say.
    pub fn keys(&self) -> Vec<Pattern> {
        let keys: Vec<Pattern> = self.texts("keys").filter_map(Pattern::parse).collect();
        if keys.is_empty() { vec![Pattern::any()] } else { keys }
    }

    fn texts(&self, key: &str) -> impl Iterator<Item = &str> {
        let items = match self.data.get(key) {
            Some(Data::List(items)) => items.as_slice(),
            _ => &[],
        };
        items.iter().filter_map(Data::as_text)
    }

    /// Returns what is wrong with a need of a kind that is known. Another one may be of a later contract: it can be asked
    /// for, and is refused.
    fn problems(&self) -> Vec<String> {
        let Some((_, keys)) = KINDS.iter().find(|(kind, _)| *kind == self.kind) else {
            let near = KINDS
                .iter()
                .filter(|(kind, _)| strsim::damerau_levenshtein(&self.kind, kind) <= 2);
            let near = near.map(|(kind, _)| format!("there is no such need; did you mean `{kind}`?"));
            return near.take(1).collect();
        };
        let mut problems = Vec::new();
        for key in *keys {
            let fits = match (self.data.get(key), *key) {
                (None | Some(Data::Null), _) => true,
                (Some(Data::List(items)), "methods" | "keys") => items.iter().all(|item| item.as_text().is_some()),
                (Some(_), "methods" | "keys") => false,
                (Some(value), _) => value.as_text().is_some(),
            };
            if !fits {
                let expected = if matches!(*key, "methods" | "keys") {
                    "a list of texts"
                } else {
                    "a text"
                };
                problems.push(format!("`{key}` must be {expected}"));
            }
        }
        if let Some(path) = self.path.as_deref().filter(|path| !is_guest_path(path)) {
            problems.push(format!(
                "`{path}` is no guest path: it must start with `/`, and hold neither `..` nor `//`"
            ));
        }
        if self.kind == "context" {
            let texts = self.texts("keys").filter(|text| Pattern::parse(text).is_none());
            let wrong = texts.map(|text| {
                let text = printable(text, MAX_NAME);
                format!("`{text}` means no keys: letters, digits, `-`, `_`, `.` and stars, such as `ticket.*`")
            });
            problems.extend(wrong);
        }
        if self.kind == "network"
            && let Err(error) = NetworkRule::of_need(self)
        {
            problems.push(error.to_string());
        }
        problems
    }
}

fn list<'a>(spec: &'a Data, key: &str) -> Result<Option<&'a [Data]>, String> {
    match spec.get(key) {
        None | Some(Data::Null) => Ok(None),
        Some(Data::List(items)) => Ok(Some(items)),
        Some(other) => Err(format!("`{key}` is {} and no list", other.kind())),
    }
}

fn word<'a>(spec: &'a Data, key: &str, words: &[&str]) -> Result<Option<&'a str>, String> {
    match spec.get(key) {
        None | Some(Data::Null) => Ok(None),
        Some(value) => match value.as_text() {
            Some(text) if words.contains(&text) => Ok(Some(text)),
            _ => Err(format!("`{key}` is none of `{}`", words.join("`, `"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{OnLost, RawDescriptor, RetryDefault, check};

    fn raw(name: &str, spec: &str) -> RawDescriptor {
        RawDescriptor {
            name: name.to_owned(),
            summary: "Does it.\u{1b}[2J".to_owned(),
            spec: spec.to_owned(),
        }
    }

    #[test]
    fn documented_keys_are_understood_and_unknown_ones_kept() {
        let spec = r##"{"params": {"$ref": "#/$defs/x"}, "needs": [{"kind": "read", "path": "/src", "x": 1}],
            "retry": "transient", "dry-run": "aware", "on-lost": "ask", "future": [1]}"##;
        let actions = check(&[raw("count-words", spec), raw("b2", "")]).unwrap();
        let action = &actions[0];
        assert_eq!(action.summary, "Does it.[2J");
        assert_eq!(
            (action.retry, action.dry_run_aware, action.on_lost),
            (RetryDefault::Transient, true, OnLost::Ask)
        );
        assert_eq!(action.needs[0].path.as_deref(), Some("/src"));
        assert!(action.spec.get("future").is_some());
        assert_eq!(actions[1].params, None);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let problems = check(&[
            raw("Count", "{}"),
            raw("a", "[]"),
            raw("b", r#"{"retry": "always"}"#),
            raw("c", r#"{"params": {"$ref": "http://x/y"}}"#),
            raw("d", r#"{"needs": [{}]}"#),
            raw("e", "{"),
            raw("f", "{}"),
            raw("f", "{}"),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 7, "{problems:#?}");
        assert_eq!(
            problems[2],
            "the description of `b`: `retry` is none of `never`, `transient`"
        );
        assert_eq!(
            problems[3],
            "the description of `c`: `params` refers to `http://x/y` outside of itself"
        );
    }
}
