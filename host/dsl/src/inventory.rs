//! What a set of workflows uses: actions, workflows, schemas, identities, secrets and all else that it must find.

use crate::ast::{
    Attribute, CallTarget, Condition, File, InputProperty, ItemKind, Map, NodeKind, Test, Value, ValueKind,
    find_attribute,
};
use crate::catalog::{Catalog, Lookup};
use crate::check::{attributes_of, is_reserved};
use crate::literal::{Fragment, Text, TextForm, TextPart};
use crate::outline::{Step, outline};
use crate::parser::condition_of;
use crate::source::{Source, Span};
use cofferdam_engine::Expression;
use cofferdam_engine::expr::references;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What kind of thing a workflow uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Used {
    /// Actions of plugins.
    Actions,
    /// Agents' files.
    Agents,
    /// Other workflows.
    Workflows,
    /// Scripts, by the command or the language.
    Scripts,
    /// Kinds of gates.
    Gates,
    /// Topics that are waited for.
    Events,
    /// Schemas of outputs.
    Schemas,
    /// Prompt snippets.
    Snippets,
    /// Identities.
    Identities,
    /// Directories of agents' plugins.
    PluginDirectories,
    /// Secrets.
    Secrets,
    /// Variables that must come from outside.
    Variables,
}

impl Used {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Actions,
        Self::Agents,
        Self::Workflows,
        Self::Scripts,
        Self::Gates,
        Self::Events,
        Self::Schemas,
        Self::Snippets,
        Self::Identities,
        Self::PluginDirectories,
        Self::Secrets,
        Self::Variables,
    ];

    /// Returns the word for the kind, as in its JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Agents => "agents",
            Self::Workflows => "workflows",
            Self::Scripts => "scripts",
            Self::Gates => "gates",
            Self::Events => "events",
            Self::Schemas => "schemas",
            Self::Snippets => "snippets",
            Self::Identities => "identities",
            Self::PluginDirectories => "plugin_directories",
            Self::Secrets => "secrets",
            Self::Variables => "variables",
        }
    }
}

/// A place where something is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line.
    pub line: u32,
}

/// What workflows use, each thing once, with its places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    used: BTreeMap<Used, BTreeMap<String, BTreeSet<Place>>>,
}

impl Inventory {
    /// Adds what a file uses. An action that `catalog` knows is called by its full name.
    pub fn add(&mut self, file: &File, source: &Source, catalog: &dyn Catalog) {
        let mut survey = Survey {
            inventory: self,
            source,
            catalog,
            inputs: BTreeSet::new(),
        };
        survey.file(file);
    }

    /// Returns the things of one kind, sorted, with their places.
    pub fn of(&self, kind: Used) -> impl Iterator<Item = (&str, &BTreeSet<Place>)> {
        let things = self.used.get(&kind).into_iter().flatten();
        things.map(|(name, places)| (name.as_str(), places))
    }

    /// Returns all of it as JSON: each kind with its list.
    pub fn to_json(&self) -> serde_json::Value {
        let list = |kind: Used| -> Vec<serde_json::Value> {
            let things = self.of(kind);
            things
                .map(|(name, places)| serde_json::json!({ "name": name, "places": places }))
                .collect()
        };
        let kinds = Used::ALL
            .into_iter()
            .map(|kind| (kind.word().to_owned(), list(kind).into()));
        serde_json::Value::Object(kinds.collect())
    }
}

struct Survey<'a> {
    inventory: &'a mut Inventory,
    source: &'a Source,
    catalog: &'a dyn Catalog,
    inputs: BTreeSet<&'a str>,
}

impl<'a> Survey<'a> {
    fn note(&mut self, kind: Used, name: &str, span: Span) {
        if name.is_empty() {
            return;
        }
        let place = Place {
            file: self.source.name().to_owned(),
            line: self.source.position(span.start).line,
        };
        let things = self.inventory.used.entry(kind).or_default();
        things.entry(name.to_owned()).or_default().insert(place);
    }

    fn file(&mut self, file: &'a File) {
        for item in &file.items {
            if let ItemKind::Inputs(inputs) = &item.kind {
                self.inputs
                    .extend(inputs.entries.iter().map(|input| input.name.text.as_str()));
            }
        }
        for item in &file.items {
            match &item.kind {
                ItemKind::Meta(map) => {
                    if let Some(ValueKind::Map(webhook)) = map.get("webhook").map(|value| &value.kind) {
                        self.names(Used::Secrets, webhook.get("secret"));
                    }
                    self.map(map);
                }
                ItemKind::Outputs(map) => self.map(map),
                ItemKind::Inputs(inputs) => {
                    for input in &inputs.entries {
                        self.input(&input.properties);
                    }
                }
                ItemKind::Always(_) | ItemKind::Node(_) => {}
            }
        }
        for step in outline(file) {
            self.step(&step);
        }
    }

    /// An input of the type `secret` holds the name of a secret.
    fn input(&mut self, properties: &'a [InputProperty]) {
        let find = |wanted: &str| {
            properties.iter().find_map(|property| match property {
                InputProperty::Pair { key, value } if key.text == wanted => Some(value),
                _ => None,
            })
        };
        if find("type").and_then(word).as_deref() == Some("secret") {
            self.names(Used::Secrets, find("default"));
        }
    }

    fn step(&mut self, step: &Step<'a>) {
        let attributes = attributes_of(step.node);
        let attribute = |name: &str| find_attribute(attributes, name).and_then(Attribute::value);
        for (name, kind) in [
            ("output", Used::Schemas),
            ("with", Used::Snippets),
            ("as", Used::Identities),
            ("plugin_dirs", Used::PluginDirectories),
        ] {
            self.names(kind, attribute(name));
        }
        match &step.node.kind {
            NodeKind::Call(call) => match &call.target {
                CallTarget::Workflow(name) => self.note(Used::Workflows, &name.text, name.span),
                CallTarget::Path(path) => self.note(Used::Agents, &path.plain, path.span),
                CallTarget::Plugin { plugin, action } => {
                    self.action(&format!("{}.{}", plugin.text, action.text), plugin.span);
                }
                CallTarget::Name(name) => match attribute("use").and_then(|value| Some((word(value)?, value.span))) {
                    Some((name, span)) => self.action(&name, span),
                    None => self.action(&name.text, name.span),
                },
            },
            NodeKind::Foreach(_) => self.names(Used::Workflows, attribute("workflow")),
            NodeKind::Gate(gate) => self.note(Used::Gates, &gate.gate_kind.text, gate.gate_kind.span),
            NodeKind::Wait(_) => self.names(Used::Events, attribute("event")),
            NodeKind::Script(script) => match (attribute("run"), attribute("source").map(|source| &source.kind)) {
                (Some(run), _) => self.names(Used::Scripts, Some(run)),
                (None, Some(ValueKind::Code(code))) => {
                    let language = code.language.as_deref().unwrap_or("source");
                    self.note(
                        Used::Scripts,
                        &format!("({language}) {}", script.name.text),
                        script.name.span,
                    );
                }
                _ => {}
            },
            NodeKind::If(choice) => choice.arms.iter().for_each(|arm| self.condition(&arm.condition)),
            NodeKind::While(repeat) => self.condition(&repeat.condition),
            NodeKind::Do(block) => block.condition.iter().for_each(|condition| self.condition(condition)),
            NodeKind::Set(map) => self.map(map),
            NodeKind::Fail(text) => self.value(text),
            NodeKind::Parallel(_) | NodeKind::Always(_) => {}
        }
        self.attributes(attributes);
    }

    fn attributes(&mut self, attributes: &'a [Attribute]) {
        for attribute in attributes {
            let Some(value) = attribute.value() else { continue };
            match (attribute.key.text.as_str(), word(value)) {
                ("on_fail", Some(name)) if name.contains('/') => self.note(Used::Agents, &name, value.span),
                ("on_fail", Some(name)) if !matches!(name.as_str(), "continue" | "fail") => {
                    self.action(&name, value.span);
                }
                ("if", Some(_)) => match &value.kind {
                    ValueKind::Text(_) => {
                        if let Some(condition) = condition_of(value) {
                            self.condition(&condition);
                        }
                    }
                    _ => self.value(value),
                },
                // Never a template (LANGUAGE rule R33).
                ("source", _) => {}
                _ => self.value(value),
            }
        }
    }

    fn action(&mut self, name: &str, span: Span) {
        let full = if let Lookup::Found(entry) = self.catalog.action(name) {
            entry.name()
        } else {
            name.to_owned()
        };
        self.note(Used::Actions, &full, span);
    }

    fn names(&mut self, kind: Used, value: Option<&Value>) {
        let Some(value) = value else { return };
        if let ValueKind::List(list) = &value.kind {
            list.items.iter().for_each(|item| self.names(kind, Some(&item.value)));
        } else if let Some(name) = word(value) {
            self.note(kind, &name, value.span);
        }
    }

    fn map(&mut self, map: &Map) {
        map.entries.iter().for_each(|entry| self.value(&entry.value));
    }

    fn value(&mut self, value: &Value) {
        match &value.kind {
            ValueKind::Text(text) => self.text(text),
            ValueKind::Expression(fragment) => self.expression(fragment),
            ValueKind::List(list) => list.items.iter().for_each(|item| self.value(&item.value)),
            ValueKind::Map(map) => self.map(map),
            ValueKind::Code(_)
            | ValueKind::Number(_)
            | ValueKind::Duration(_)
            | ValueKind::Path(_)
            | ValueKind::Invalid => {}
        }
    }

    fn text(&mut self, text: &Text) {
        if text.form == TextForm::Raw {
            return;
        }
        for part in &text.parts {
            let TextPart::Placeholder(fragment) = part else {
                continue;
            };
            let name = fragment.code.trim();
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
            if !is_name {
                self.expression(fragment);
            } else if !self.inputs.contains(name) && !is_reserved(name) {
                self.note(Used::Variables, name, fragment.span);
            }
        }
    }

    fn condition(&mut self, condition: &Condition) {
        if let Test::Expression(fragment) = &condition.test {
            self.expression(fragment);
        }
    }

    fn expression(&mut self, fragment: &Fragment) {
        let Ok(expression) = Expression::parse(&fragment.code) else {
            return;
        };
        for reference in references(&expression) {
            if &*reference.root == "secrets"
                && let Some(name) = reference.path.first()
            {
                let span = fragment.locate(name.range.start, name.range.end);
                self.note(Used::Secrets, &name.name, span);
            }
        }
    }
}

/// Returns the text or the bare word that a value is.
fn word(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::Text(text) => Some(text.plain.clone()),
        ValueKind::Path(path) => Some(path.to_text()),
        _ => None,
    }
}
