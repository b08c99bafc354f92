//! Which other files a workflow names: schemas, snippets, agents; whether they are there and can be used.

use super::Checker;
use super::attribute::{value, word, words};
use super::node::attributes_of;
use super::step_table::{Fact, Scope};
use super::typing::markers_of;
use crate::ast::{Attribute, Block, CallTarget, File, ItemKind, Node, NodeKind};
use crate::catalog::Lookup;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::output_schema::OutputSchema;
use crate::source::{Source, Span};
use crate::surroundings::{FileKind, FoundFile, Surroundings};
use crate::yaml;
use cofferdam_engine::Data;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known of the files that a workflow names.
#[derive(Debug, Default)]
pub(super) struct Files<'a> {
    /// The schemas by name; none where one is missing or wrong.
    schemas: BTreeMap<String, Option<Schema>>,
    /// The name of the schema of each call, by where the call begins.
    schema_of: BTreeMap<u32, String>,
    /// The snippets that have been looked for.
    snippets: BTreeSet<String>,
    /// The agents that have been looked at.
    agents: BTreeSet<&'a str>,
}

/// A schema, also as other checks want it.
#[derive(Debug)]
struct Schema {
    schema: OutputSchema,
    json: Arc<Json>,
}

/// What a place in a workflow names.
#[derive(Clone, Copy)]
struct Named<'n> {
    kind: FileKind,
    name: &'n str,
    place: Span,
}

impl<'a> Checker<'a> {
    /// Looks at all files that `file` names; what they say is known from here on.
    pub(super) fn other_files(&mut self, file: &'a File) {
        for item in &file.items {
            match &item.kind {
                ItemKind::Node(node) => self.files_of_node(node, None),
                ItemKind::Always(block) => self.files_of_block(block, None),
                ItemKind::Meta(_) | ItemKind::Inputs(_) | ItemKind::Outputs(_) => {}
            }
        }
    }

    fn files_of_block(&mut self, block: &'a Block, inherited: Option<&str>) {
        let own = value(&block.attributes, "output").and_then(word).map(|(name, _)| name);
        let schema = own.as_deref().or(inherited);
        for node in &block.nodes {
            self.files_of_node(node, schema);
        }
    }

    fn files_of_node(&mut self, node: &'a Node, inherited: Option<&str>) {
        let attributes = attributes_of(node);
        if let Some((name, place)) = value(attributes, "output").and_then(word) {
            self.schema_file(&name, place);
        }
        self.snippets(attributes);
        self.identity(attributes);
        if let NodeKind::Call(call) = &node.kind {
            let own = value(attributes, "output").and_then(word).map(|(name, _)| name);
            let schema = own.or_else(|| inherited.map(str::to_owned));
            if let Some(schema) = schema.filter(|_| !matches!(call.target, CallTarget::Workflow(_))) {
                self.files.schema_of.insert(node.span.start, schema);
            }
            self.agent_of(&call.target, attributes);
        }
        for block in node.blocks() {
            self.files_of_block(block, inherited);
        }
    }

    /// Returns the text of a file; reports once why there is none.
    fn named_file(&mut self, named: Named<'_>) -> Option<(Source, String)> {
        let Named { kind, name, place } = named;
        let Some(surroundings) = self.catalog.surroundings() else {
            self.check_path(name, place);
            return None;
        };
        let word = kind.word();
        match surroundings.file(kind, name) {
            FoundFile::Text { file, text } => return Some((Source::new(file, text.as_str()), text)),
            FoundFile::Outside => {
                let message = format!("the {word} `{name}` leads out of the project");
                let help =
                    "write a name, or a path below the project's directory, without `..` and without links out of it";
                self.report(Diagnostic::error(Code::InvalidPath, place, message).help(help));
            }
            FoundFile::Unreadable { file, reason } => {
                let code = match kind {
                    FileKind::Schema => Code::BadSchemaFile,
                    FileKind::Agent => Code::BadAgentFile,
                    FileKind::Snippet => Code::UnknownSnippet,
                };
                self.error(
                    code,
                    place,
                    format!("the {word} `{name}` cannot be read: `{file}` {reason}"),
                );
            }
            FoundFile::Missing { places } => {
                let code = match kind {
                    FileKind::Schema => Code::UnknownSchema,
                    FileKind::Agent => Code::UnknownAgent,
                    FileKind::Snippet => Code::UnknownSnippet,
                };
                let known = surroundings.names(kind);
                let message = format!("there is no {word} `{name}`");
                let diagnostic = Diagnostic::error(code, place, message);
                let diagnostic = match did_you_mean(name, known.iter().map(String::as_str)) {
                    Some(meant) => diagnostic
                        .label(format!("did you mean `{meant}`?"))
                        .suggest(place, meant),
                    None => match places.first() {
                        Some(file) => diagnostic.help(format!("make it: `{file}`")),
                        None => diagnostic.help(format!("the configuration names no directory of {word}s")),
                    },
                };
                let looked = places.len() > 1;
                self.report(if looked {
                    diagnostic.note(format!("looked for as {}", places.join(", ")))
                } else {
                    diagnostic
                });
            }
        }
        None
    }

    /// Returns what the schemas say that the calls of the file name, for its plan.
    pub(super) fn schemas_for_plan(&self) -> BTreeMap<String, Data> {
        let used: BTreeSet<&String> = self.files.schema_of.values().collect();
        used.into_iter()
            .filter_map(|name| {
                let schema = self.files.schemas.get(name)?.as_ref()?;
                Some((name.clone(), schema.schema.to_data()))
            })
            .collect()
    }

    fn schema_file(&mut self, name: &str, place: Span) {
        if self.files.schemas.contains_key(name) {
            return;
        }
        let named = Named {
            kind: FileKind::Schema,
            name,
            place,
        };
        let found = self.named_file(named);
        let schema = found.and_then(|(source, text)| self.read_schema(name, place, &source, &text));
        self.files.schemas.insert(name.to_owned(), schema);
    }

    fn read_schema(&mut self, name: &str, place: Span, source: &Source, text: &str) -> Option<Schema> {
        let (schema, problems) = OutputSchema::read(name, text);
        for problem in problems {
            let code = if problem.is_marker {
                Code::BadMarker
            } else {
                Code::BadSchemaFile
            };
            let at = source.position(problem.span.start);
            let message = format!("the schema `{name}`, line {}: {}", at.line, problem.message);
            let diagnostic = if problem.is_error {
                Diagnostic::error(code, place, message)
            } else {
                Diagnostic::doubtful(code, self.has_edition, place, message)
            };
            let diagnostic = diagnostic.and_in(source.clone(), problem.span, "");
            self.report(problem.help.into_iter().fold(diagnostic, Diagnostic::help));
        }
        let schema = schema?;
        Some(Schema {
            json: Arc::new(schema.to_json_schema()),
            schema,
        })
    }

    fn snippets(&mut self, attributes: &'a [Attribute]) {
        for (name, place) in value(attributes, "with").map(words).unwrap_or_default() {
            // One that is missing everywhere is one finding.
            if self.files.snippets.insert(name.clone()) {
                let named = Named {
                    kind: FileKind::Snippet,
                    name: &name,
                    place,
                };
                self.named_file(named);
            }
        }
    }

    fn identity(&mut self, attributes: &'a [Attribute]) {
        let Some((name, place)) = value(attributes, "as").and_then(word) else {
            return;
        };
        let Some(known) = self.catalog.surroundings().and_then(Surroundings::identities) else {
            return;
        };
        if known.contains(&name) {
            return;
        }
        let diagnostic = Diagnostic::error(Code::UnknownIdentity, place, format!("there is no identity `{name}`"));
        self.report(match did_you_mean(&name, known.iter().map(String::as_str)) {
            Some(meant) => diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(place, meant),
            None => diagnostic.help(format!("configure it: `[identities.{name}]`")),
        });
    }

    fn agent_of(&mut self, target: &'a CallTarget, attributes: &'a [Attribute]) {
        if let CallTarget::Path(path) = target {
            if self.files.agents.insert(&path.plain) {
                self.agent(&path.plain, path.span);
            }
            return;
        }
        let Some((name, place)) = super::call::action_name(target, attributes) else {
            return;
        };
        let is_agent = matches!(self.catalog.action(&name), Lookup::Fallback(_));
        let CallTarget::Name(word) = target else { return };
        if is_agent && word.text == name && self.files.agents.insert(&word.text) {
            self.agent(&name, place);
        }
    }

    /// Reports what is wrong with an agent's file: Markdown behind `role`, `can_commit` and `model` between two `---`.
    fn agent(&mut self, name: &str, place: Span) {
        let named = Named {
            kind: FileKind::Agent,
            name,
            place,
        };
        let Some((source, text)) = self.named_file(named) else {
            return;
        };
        let (front, body) = front_matter(&text);
        if let Some((start, end)) = front {
            match yaml::read(&text[start..end]) {
                Ok(front) => self.front_matter(name, place, &source, &front, start),
                Err(error) if text[start..end].trim().is_empty() => drop(error),
                Err(error) => {
                    let span = moved(error.span, start);
                    self.bad_agent(name, place, &source, span, &error.message, None);
                }
            }
        }
        let first = ["{{#", "{{/", "{{else"]
            .iter()
            .filter_map(|mark| text[body..].find(mark))
            .min();
        if let Some(at) = first {
            let at = at + body;
            let end = text[at..].find("}}").map_or(text.len(), |length| at + length + 2);
            let shown: String = text[at..end]
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(40)
                .collect();
            let message = format!("`{shown}` is not read: it would reach the model as it stands");
            let help = "an agent's file has placeholders `{{name}}` and no conditions: make two agents, or let the workflow decide";
            let span = Span::new(at, end);
            self.bad_agent(name, place, &source, span, &message, Some(help.to_owned()));
        }
    }

    fn front_matter(&mut self, name: &str, place: Span, source: &Source, front: &yaml::Yaml, start: usize) {
        const KEYS: &[&str] = &["role", "can_commit", "model"];
        let yaml::YamlKind::Map(pairs) = &front.kind else {
            let message = format!("what is between the lines `---` is {}, not a map", front.phrase());
            let help = "write `role: reviewer`".to_owned();
            return self.bad_agent(name, place, source, moved(front.span, start), &message, Some(help));
        };
        for pair in pairs {
            let text = pair.value.as_text();
            let wrong = match (pair.key.as_str(), text) {
                ("can_commit", Some("true" | "false")) => None,
                ("can_commit", _) => Some(("`can_commit` is `true` or `false`".to_owned(), None)),
                ("role" | "model", Some(text)) if !text.is_empty() => None,
                ("role" | "model", _) => Some((format!("`{}` is a text", pair.key), None)),
                // Others may be meant for other programs.
                (other, _) => did_you_mean(other, KEYS.iter().copied()).map(|meant| {
                    (
                        format!("there is no `{other}`"),
                        Some(format!("did you mean `{meant}`?")),
                    )
                }),
            };
            if let Some((message, help)) = wrong {
                let span = if help.is_some() { pair.place } else { pair.value.span };
                self.bad_agent(name, place, source, moved(span, start), &message, help);
            }
        }
    }

    fn bad_agent(&mut self, name: &str, place: Span, source: &Source, span: Span, message: &str, help: Option<String>) {
        let line = source.position(span.start).line;
        let message = format!("the agent `{name}`, line {line}: {message}");
        let diagnostic = Diagnostic::doubtful(Code::BadAgentFile, self.has_edition, place, message);
        let diagnostic = diagnostic.and_in(source.clone(), span, "");
        self.report(help.into_iter().fold(diagnostic, Diagnostic::help));
    }

    /// Returns the form that the schema of a call gives to its output, with what its action returns besides; the outer
    /// none says that no schema is named, the inner one that it is not known.
    #[expect(clippy::option_option, reason = "absent and unknown are two things")]
    pub(super) fn named_form(&self, fact: &Fact<'_>) -> Option<Option<Arc<Json>>> {
        let name = self.files.schema_of.get(&fact.at)?;
        let Some(schema) = self.files.schemas.get(name).and_then(Option::as_ref) else {
            return Some(None);
        };
        Some(match fact.action.as_deref().map(|name| self.catalog.action(name)) {
            Some(Lookup::Found(entry)) if entry.output.is_object() => {
                Some(Arc::new(joined(&schema.json, &entry.output)))
            }
            _ => Some(Arc::clone(&schema.json)),
        })
    }

    /// Returns what `ask` says of the form of the output of a step, if it is known.
    fn with_form<T>(&self, fact: &Fact<'_>, ask: impl FnOnce(&Json) -> Option<T>) -> Option<T> {
        if let Some(named) = self.named_form(fact) {
            return ask(&*named?);
        }
        match self.catalog.action(fact.action.as_deref()?) {
            Lookup::Found(entry) => ask(&entry.output),
            Lookup::Fallback(_) | Lookup::Ambiguous(_) | Lookup::Unknown { .. } => None,
        }
    }

    fn schema_of(&self, fact: &Fact<'_>) -> Option<&Schema> {
        let name = self.files.schema_of.get(&fact.at)?;
        self.files.schemas.get(name)?.as_ref()
    }

    /// Returns whether the forms of the outputs of all steps called `step` are known and have no such field.
    pub(super) fn output_lacks(&self, step: &str, scope: &Scope<'a>, field: &str) -> bool {
        let mut facts = self.steps.visible(step, scope).peekable();
        facts.peek().is_some() && facts.all(|fact| self.lacks_field(fact, field))
    }

    fn lacks_field(&self, fact: &Fact<'_>, field: &str) -> bool {
        let lacks = |form: &Json| {
            let known = super::schema::closed_properties(super::schema::root(form))?;
            Some(!known.iter().any(|name| name == field))
        };
        self.with_form(fact, lacks).unwrap_or(false)
    }

    /// Returns the finding that no step called `step` ever sets `marker`, if all markers of those steps are known.
    pub(super) fn unknown_marker<'s>(
        &self,
        facts: impl Iterator<Item = &'s Fact<'a>>,
        step: &str,
        marker: &str,
        place: Span,
    ) -> Option<Diagnostic>
    where
        'a: 's,
    {
        let mut known: Vec<&str> = Vec::new();
        let mut is_certain = true;
        for fact in facts {
            // Those of gates and waits are told elsewhere.
            if markers_of(fact).is_some() {
                return None;
            }
            known.extend(self.schema_of(fact)?.schema.marker_names());
            // A plugin may set markers of its own.
            let action = fact.action.as_deref().map(|name| self.catalog.action(name));
            is_certain &= !matches!(action, Some(Lookup::Found(_)));
        }
        if known.is_empty() || known.contains(&marker) {
            return None;
        }
        let meant = did_you_mean(marker, known.iter().copied());
        if !is_certain && meant.is_none() {
            return None;
        }
        known.sort_unstable();
        known.dedup();
        let message = format!("`{step}` never sets the marker `{marker}`");
        let diagnostic = Diagnostic::warning(Code::UnknownMarker, place, message);
        Some(match meant {
            Some(meant) => diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(place, meant),
            None => diagnostic.help(format!("it sets {}", known.join(", "))),
        })
    }
}

/// Returns a form that has the members of both.
fn joined(schema: &Json, action: &Json) -> Json {
    let mut form = schema.clone();
    let root = super::schema::root(action);
    let more = root.get("properties").and_then(Json::as_object);
    if let Some(definitions) = action.get("$defs") {
        form["$defs"] = definitions.clone();
    }
    if let (Some(properties), Some(more)) = (form.get_mut("properties").and_then(Json::as_object_mut), more) {
        for (name, member) in more.iter().filter(|(_, member)| stands_alone(member)) {
            properties.entry(name.clone()).or_insert_with(|| member.clone());
        }
    }
    let is_whole = more.is_some_and(|more| more.values().all(stands_alone));
    if !is_whole || super::schema::closed_properties(root).is_none() {
        form["additionalProperties"] = Json::Bool(true);
    }
    form
}

/// Returns whether a part of a schema refers to nothing outside of it but definitions.
fn stands_alone(part: &Json) -> bool {
    match part {
        Json::Object(entries) => {
            let refers = |place: &Json| place.as_str().is_some_and(|place| place.starts_with("#/$defs/"));
            entries.get("$ref").is_none_or(refers) && entries.values().all(stands_alone)
        }
        Json::Array(items) => items.iter().all(stands_alone),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
    }
}

/// Returns where the lines between two `---` at the beginning of a text stand, and where what follows them begins.
fn front_matter(text: &str) -> (Option<(usize, usize)>, usize) {
    let Some(first) = text.lines().next().filter(|line| line.trim_end() == "---") else {
        return (None, 0);
    };
    let start = text.find('\n').map_or(text.len(), |at| at + 1).max(first.len());
    let mut at = start;
    for line in text[start.min(text.len())..].split_inclusive('\n') {
        if line.trim_end() == "---" {
            return (Some((start, at)), at + line.len());
        }
        at += line.len();
    }
    (None, 0)
}

fn moved(span: Span, by: usize) -> Span {
    Span::new(span.start as usize + by, span.end as usize + by)
}
