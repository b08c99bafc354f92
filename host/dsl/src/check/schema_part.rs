//! What a JSON Schema says about the parts of the values that fit it.

use super::kinds::Kind;
use super::known::{Known, Selected};
use crate::catalog::ActionEntry;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// References that are followed from one part, and alternatives that it can have; more says nothing.
const MOST: usize = 64;

/// Keywords that make the members of a value depend on its other members.
const INVOLVED: &[&str] = &[
    "$dynamicRef",
    "dependentSchemas",
    "else",
    "if",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedProperties",
];

/// Where a schema is kept.
#[derive(Clone, Debug)]
enum Whole {
    /// With the action whose output it describes.
    Action(Arc<ActionEntry>),
    /// By itself: it was read from a file that the workflow names.
    File(Arc<Json>),
}

impl Whole {
    fn schema(&self) -> &Json {
        match self {
            Self::Action(entry) => &entry.output,
            Self::File(schema) => schema,
        }
    }
}

/// A part of the schema of what a step returns: one of several alternatives, each by its JSON pointer.
#[derive(Clone, Debug)]
pub(super) struct SchemaPart {
    whole: Whole,
    /// None of them is a reference or null; there is at least one.
    alternatives: Vec<String>,
}

/// What one alternative says about a member.
enum Said {
    Here(String),
    Nothing,
    Missing(Vec<String>),
    NoMembers(Kind),
}

impl SchemaPart {
    /// Returns what is known about the output of an action.
    pub(super) fn of_output(action: &Arc<ActionEntry>) -> Known {
        if action.output.is_object() {
            Self::at(&Whole::Action(Arc::clone(action)), [String::new()])
        } else {
            Known::Anything
        }
    }

    /// Returns what is known about an output that has this form.
    pub(super) fn of_file(schema: &Arc<Json>) -> Known {
        Self::at(&Whole::File(Arc::clone(schema)), [String::new()])
    }

    fn at(whole: &Whole, pointers: impl IntoIterator<Item = String>) -> Known {
        let mut alternatives = Vec::new();
        let mut steps = 0;
        let is_whole = pointers
            .into_iter()
            .all(|pointer| alternatives_of(whole.schema(), pointer, &mut alternatives, &mut steps));
        if !is_whole || alternatives.is_empty() {
            return Known::Anything;
        }
        Known::Schema(Self {
            whole: whole.clone(),
            alternatives,
        })
    }

    fn parts(&self) -> impl Iterator<Item = &Json> {
        self.alternatives
            .iter()
            .filter_map(|pointer| self.whole.schema().pointer(pointer))
    }

    /// Returns the kind that every alternative has.
    pub(super) fn kind(&self) -> Option<Kind> {
        let mut kinds = self.parts().map(kind_of);
        let first = kinds.next()??;
        kinds.all(|kind| kind == Some(first)).then_some(first)
    }

    /// Returns the only texts that the value can be.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        let mut words = Vec::new();
        for part in self.parts() {
            let values = match (part.get("const"), part.get("enum")) {
                (Some(only), _) => std::slice::from_ref(only),
                (None, Some(several)) => several.as_array()?,
                (None, None) => return None,
            };
            for value in values.iter().filter(|value| !value.is_null()) {
                words.push(value.as_str()?.to_owned());
            }
        }
        Some(words)
    }

    /// Returns what is known about a member.
    pub(super) fn member(&self, name: &str) -> Selected {
        let mut here = Vec::new();
        let mut others = BTreeSet::new();
        let mut kind = None;
        for (pointer, part) in self.alternatives.iter().zip(self.parts()) {
            match said_of_member(pointer, part, name) {
                Said::Here(pointer) => here.push(pointer),
                Said::Nothing => return Selected::Known(Known::Anything),
                Said::Missing(known) => others.extend(known),
                Said::NoMembers(found) => kind = Some(found),
            }
        }
        match (here.is_empty(), others.is_empty(), kind) {
            (false, _, _) => Selected::Known(Self::at(&self.whole, here)),
            (true, true, Some(kind)) => Selected::NoMembers(kind),
            (true, _, _) => Selected::Missing(others.into_iter().collect()),
        }
    }

    /// Returns what is known about an element of a list.
    pub(super) fn element(&self) -> Known {
        let elements: Option<Vec<String>> = self
            .alternatives
            .iter()
            .zip(self.parts())
            .map(|(pointer, part)| element_of(pointer, part))
            .collect();
        elements.map_or(Known::Anything, |elements| Self::at(&self.whole, elements))
    }
}

/// Collects what the part at `pointer` can be, without references and null; returns whether that is all it can be.
fn alternatives_of(root: &Json, pointer: String, found: &mut Vec<String>, steps: &mut usize) -> bool {
    *steps += 1;
    if *steps > MOST {
        return false;
    }
    let part = match root.pointer(&pointer) {
        Some(Json::Object(part)) => part,
        // Nothing fits the schema `false`.
        Some(Json::Bool(false)) => return true,
        _ => return false,
    };
    if INVOLVED.iter().any(|keyword| part.contains_key(*keyword)) {
        return false;
    }
    let says_more = part.contains_key("properties") || part.contains_key("additionalProperties");
    if let Some(reference) = part.get("$ref") {
        let local = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
        return match local {
            Some(target) if !says_more => alternatives_of(root, target.to_owned(), found, steps),
            _ => false,
        };
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        let Some(several) = part.get(keyword) else { continue };
        let Some(several) = several.as_array().filter(|several| !says_more && !several.is_empty()) else {
            return false;
        };
        // What fits several schemas at the same time has the members of all of them.
        if keyword == "allOf" && several.len() > 1 {
            return false;
        }
        return (0..several.len())
            .all(|index| alternatives_of(root, format!("{pointer}/{keyword}/{index}"), found, steps));
    }
    let is_null = part.get("type").is_some_and(|word| word == "null") || part.get("const").is_some_and(Json::is_null);
    if !is_null {
        found.push(pointer);
    }
    true
}

/// Returns the kind of the values that fit a part without alternatives.
fn kind_of(part: &Json) -> Option<Kind> {
    let kind_of_word = |word: &str| match word {
        "string" => Some(Kind::Text),
        "boolean" => Some(Kind::Boolean),
        "number" | "integer" => Some(Kind::Number),
        "array" => Some(Kind::List),
        "object" => Some(Kind::Map),
        _ => None,
    };
    let only = |mut kinds: Box<dyn Iterator<Item = Option<Kind>> + '_>| {
        let first = kinds.next()??;
        kinds.all(|kind| kind == Some(first)).then_some(first)
    };
    match (part.get("type"), part.get("const"), part.get("enum")) {
        (Some(Json::String(word)), _, _) => kind_of_word(word),
        (Some(Json::Array(words)), _, _) => {
            let words = words.iter().filter_map(Json::as_str).filter(|word| *word != "null");
            only(Box::new(words.map(kind_of_word)))
        }
        (None, Some(value), _) => kind_of_value(value),
        (None, None, Some(Json::Array(values))) => {
            let values = values.iter().filter(|value| !value.is_null());
            only(Box::new(values.map(kind_of_value)))
        }
        (None, None, None) if part.get("properties").is_some() => Some(Kind::Map),
        _ => None,
    }
}

fn kind_of_value(value: &Json) -> Option<Kind> {
    match value {
        Json::Null => None,
        Json::Bool(_) => Some(Kind::Boolean),
        Json::Number(_) => Some(Kind::Number),
        Json::String(_) => Some(Kind::Text),
        Json::Array(_) => Some(Kind::List),
        Json::Object(_) => Some(Kind::Map),
    }
}

fn said_of_member(pointer: &str, part: &Json, name: &str) -> Said {
    match kind_of(part) {
        None => Said::Nothing,
        Some(Kind::Map) => {
            let properties = part.get("properties").and_then(Json::as_object);
            if properties.is_some_and(|properties| properties.contains_key(name)) {
                return Said::Here(format!("{pointer}/properties/{}", escaped(name)));
            }
            match part.get("additionalProperties") {
                // A plugin that lists what it returns returns nothing else (LANGUAGE rule R21).
                None => properties.map_or(Said::Nothing, |known| Said::Missing(known.keys().cloned().collect())),
                Some(Json::Bool(false)) => {
                    Said::Missing(properties.into_iter().flat_map(|known| known.keys().cloned()).collect())
                }
                Some(Json::Object(_)) => Said::Here(format!("{pointer}/additionalProperties")),
                Some(_) => Said::Nothing,
            }
        }
        Some(Kind::List) if is_place(name) => element_of(pointer, part).map_or(Said::Nothing, Said::Here),
        Some(kind) => Said::NoMembers(kind),
    }
}

fn element_of(pointer: &str, part: &Json) -> Option<String> {
    let plain = part.get("prefixItems").is_none() && part.get("items").is_some_and(Json::is_object);
    plain.then(|| format!("{pointer}/items"))
}

/// Returns whether a name after a dot is the place of an element.
pub(super) fn is_place(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
