//! What an action says about itself, checked before anything believes it.

use crate::contract::types;
use crate::log::printable;
use cofferdam_engine::Data;
use serde::{Deserialize, Serialize};

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
    for descriptor in raw.iter().take(MAX_DESCRIPTORS) {
        let name = printable(&descriptor.name, MAX_NAME);
        if !is_name(&descriptor.name) {
            problems.push(format!(
                "`{name}` is no name for an action: lower-case letters, digits and single hyphens"
            ));
        } else if actions.iter().any(|action| action.name == descriptor.name) {
            problems.push(format!("describes `{name}` twice"));
        }
        match spec(descriptor) {
            Ok(action) => actions.push(action),
            Err(reason) => problems.push(format!("the description of `{name}`: {reason}")),
        }
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(problems)
    }
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

fn spec(raw: &RawDescriptor) -> Result<ActionDescriptor, String> {
    let text = if raw.spec.trim().is_empty() { "{}" } else { &raw.spec };
    let spec = Data::from_json(text, MAX_SPEC).map_err(|error| format!("`spec` is {error}"))?;
    if !matches!(spec, Data::Map(_)) {
        return Err(format!("`spec` is {} and no map", spec.kind()));
    }
    Ok(ActionDescriptor {
        name: raw.name.clone(),
        summary: printable(&raw.summary, MAX_SUMMARY),
        params: schema(&spec, "params")?,
        output: schema(&spec, "output")?,
        needs: needs(&spec)?,
        retry: match word(&spec, "retry", &["never", "transient"])? {
            Some("transient") => RetryDefault::Transient,
            _ => RetryDefault::Never,
        },
        dry_run_aware: word(&spec, "dry-run", &["skip", "aware"])? == Some("aware"),
        on_lost: match word(&spec, "on-lost", &["redeliver", "fail", "ask"])? {
            Some("fail") => OnLost::Fail,
            Some("ask") => OnLost::Ask,
            _ => OnLost::Redeliver,
        },
        examples: list(&spec, "examples")?.unwrap_or_default().to_vec(),
        spec,
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

fn needs(spec: &Data) -> Result<Vec<Need>, String> {
    let entries = list(spec, "needs")?.unwrap_or_default();
    if entries.len() > MAX_NEEDS {
        return Err(format!("`needs` has {} entries, of at most {MAX_NEEDS}", entries.len()));
    }
    entries
        .iter()
        .map(|entry| {
            let text = |key| {
                entry
                    .get(key)
                    .and_then(Data::as_text)
                    .map(|text| printable(text, MAX_SUMMARY))
            };
            let kind = text("kind").ok_or_else(|| "an entry of `needs` has no `kind`".to_owned())?;
            Ok(Need {
                kind,
                reason: text("reason"),
                path: text("path"),
                data: entry.clone(),
            })
        })
        .collect()
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
