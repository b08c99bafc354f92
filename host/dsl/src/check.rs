//! What a workflow means and everything that is wrong with its meaning, without running anything.

mod attribute;
mod block;
mod call;
mod child_steps;
mod condition;
mod constant;
mod defaults;
mod expression;
mod files;
mod foreach;
mod foreign;
mod gate;
mod given;
mod inputs;
mod kinds;
mod known;
mod members;
mod meta;
mod node;
mod not_yet;
mod operands;
mod parallel;
mod retry;
mod schedule;
mod schema;
mod schema_part;
mod script;
mod secrets;
mod signature;
mod slip;
mod step_table;
mod template;
mod typing;
mod unchanging;
mod unreachable;
mod unused;
mod value;
mod variables;
mod wait;
mod waiting;
mod workflow;

use crate::ast::{File, Item, ItemKind, Map, Node};
use crate::catalog::Catalog;
use crate::code::Code;
use crate::compile::Options;
use crate::diagnostic::Diagnostic;
use crate::lexer::MAX_FINDINGS;
use crate::library::{Library, Trouble};
use crate::resolved::{Cleanup, Resolved, Step};
use crate::source::{Source, Span};
use child_steps::Children;
use cofferdam_engine::expr::ValueSource;
use cofferdam_engine::plan::{InputDeclaration, Place};
use files::Files;
use known::Known;
pub(crate) use node::{attributes_of, key_of, word_of};
pub(crate) use schema::closed_properties;
use secrets::Destination;
pub(crate) use signature::Signature;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use step_table::{Scope, StepTable};
pub(crate) use template::is_reserved;
use unreachable::Flow;
use unused::Uses;

/// What came of checking a file.
pub(crate) struct Checked {
    /// Everything that is wrong or worth knowing.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What the workflow means, if there is no error and all of it can be carried out.
    pub(crate) resolved: Option<Resolved>,
    /// What those that call it see.
    pub(crate) signature: Signature,
    /// What is wrong with the first of the called workflows that are broken.
    pub(crate) broken: Option<Rc<Trouble>>,
}

/// Returns what `file`, the tree of `source`, means, with all findings. What it calls has been prepared.
pub(crate) fn check(file: &File, source: &Source, catalog: &dyn Catalog, options: &Options) -> Checked {
    let steps = StepTable::of(file);
    let library = catalog.workflows();
    let mut checker = Checker {
        source,
        catalog,
        options,
        library,
        own_name: library.and_then(|library| library.name_of_caller(file, source)),
        has_edition: file.edition.is_some(),
        children: Children::of(steps.workflows(), library),
        steps,
        broken: None,
        blamed_workflows: BTreeMap::new(),
        shared_names: BTreeMap::new(),
        signature: Signature::default(),
        inputs: BTreeMap::new(),
        unknown_actions: BTreeMap::new(),
        files: Files::default(),
        destination: Destination::Seen("an attribute"),
        validators: BTreeMap::new(),
        constant_steps: constant::STEPS_OF_FILE,
        workflow_name: &file.name.text,
        run_timeout: None,
        plugins_beyond_run: BTreeSet::new(),
        known_variables: BTreeMap::new(),
        read_variables: Uses::default(),
        read_inputs: Uses::default(),
        is_complete: true,
        errors: 0,
        remarks: 0,
        diagnostics: Vec::new(),
    };
    let resolved = checker.file(file);
    if checker.errors.max(checker.remarks) >= MAX_FINDINGS {
        let end = Span::new(source.text().len(), source.text().len());
        let message = format!("only the first {MAX_FINDINGS} findings about the meaning are shown");
        let note = Diagnostic::note_only(Code::TooManyFindings, end, message);
        checker.diagnostics.push(note);
    }
    let is_whole = checker.is_complete && !checker.diagnostics.iter().any(Diagnostic::is_error);
    Checked {
        signature: checker.signature,
        broken: checker.broken,
        diagnostics: checker.diagnostics,
        resolved: Some(resolved).filter(|_| is_whole),
    }
}

/// An input that the file declares.
struct Declared {
    declaration: InputDeclaration,
    name: Span,
    /// Whether its value is the name of a secret.
    is_secret: bool,
}

struct Checker<'a> {
    source: &'a Source,
    catalog: &'a dyn Catalog,
    options: &'a Options,
    workflow_name: &'a str,
    /// How long the run may take, and where that is said.
    run_timeout: Option<(Duration, Span)>,
    /// Plugins of which it was told that an attempt may take longer than the run.
    plugins_beyond_run: BTreeSet<String>,
    library: Option<&'a Library>,
    /// The name by which this file itself is called.
    own_name: Option<String>,
    has_edition: bool,
    steps: StepTable<'a>,
    /// The workflows that it calls.
    children: Children<'a>,
    /// What is wrong with the first of them that is broken.
    broken: Option<Rc<Trouble>>,
    /// Where in `diagnostics` it is said why a workflow cannot be called.
    blamed_workflows: BTreeMap<String, usize>,
    /// Where in `diagnostics` a name is reported that a step here and one of a called workflow have.
    shared_names: BTreeMap<String, usize>,
    signature: Signature,
    inputs: BTreeMap<&'a str, Declared>,
    /// Where in `diagnostics` each unknown action is reported.
    unknown_actions: BTreeMap<String, usize>,
    /// What is known of the other files that this one names.
    files: Files<'a>,
    /// What becomes of the value that is being checked.
    destination: Destination,
    validators: BTreeMap<String, Option<schema::Validator>>,
    /// How many steps evaluations may still take.
    constant_steps: usize,
    /// What is known about the variables of which every value has one and the same kind.
    known_variables: BTreeMap<&'a str, Known>,
    read_variables: Uses,
    read_inputs: Uses,
    /// Whether every step and value so far has a meaning that can be carried out.
    is_complete: bool,
    errors: usize,
    /// How many warnings and notes there were.
    remarks: usize,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    /// Keeps a finding; a hostile file can have more than anybody reads.
    fn report(&mut self, diagnostic: Diagnostic) {
        let count = if diagnostic.is_error() {
            &mut self.errors
        } else {
            &mut self.remarks
        };
        *count += 1;
        if *count <= MAX_FINDINGS {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Returns whether no further error is kept.
    fn is_full(&self) -> bool {
        self.errors >= MAX_FINDINGS
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(code, span, message));
    }

    /// Returns whether the file is held to the rules of edition 1 (LANGUAGE rule R1).
    fn is_modern(&self) -> bool {
        self.has_edition || self.options.strict
    }

    fn file(&mut self, file: &'a File) -> Resolved {
        self.other_files(file);
        self.declare_inputs(file);
        self.type_variables(file);
        let meta = self.meta(file);
        let mut scope = Scope::default();
        let mut body = Vec::new();
        scope.begin(file.span.start);
        let mut flow = Flow::default();
        for item in &file.items {
            match &item.kind {
                ItemKind::Node(node) => {
                    self.reach(&mut flow, node);
                    self.needs_outside_parallel(node);
                    body.extend(self.node(node, &scope));
                    scope.pass(node.span.end);
                }
                // Clean-up runs after the body, wherever it stands.
                ItemKind::Always(_) => scope.begin(item.span.end),
                ItemKind::Meta(_) | ItemKind::Inputs(_) | ItemKind::Outputs(_) => {}
            }
        }
        let mut always = Vec::new();
        scope.in_cleanup = true;
        for item in &file.items {
            if let ItemKind::Always(block) = &item.kind {
                always.push(Cleanup {
                    body: self.nodes(&block.nodes, &scope),
                    place: self.place(word_span(item, "always")),
                });
                scope.add(item.span);
            }
        }
        let outputs = self.outputs(file, &scope);
        self.unused(file);
        self.signature = self.signature(file, &scope);
        Resolved {
            name: file.name.text.clone(),
            title: meta.title,
            edition: file.edition.map_or(0, |edition| edition.number),
            inputs: self.declarations(file),
            outputs,
            body,
            always,
            max_parallel: None,
            timeout: meta.timeout,
            schemas: self.schemas_for_plan(),
        }
    }

    /// Returns the declared inputs in the order of the text; of two with one name the later one counts.
    fn declarations(&mut self, file: &'a File) -> Vec<InputDeclaration> {
        let mut names: Vec<&str> = Vec::new();
        for item in &file.items {
            if let ItemKind::Inputs(inputs) = &item.kind {
                names.extend(inputs.entries.iter().map(|entry| entry.name.text.as_str()));
            }
        }
        let mut inputs = std::mem::take(&mut self.inputs);
        names
            .into_iter()
            .filter_map(|name| inputs.remove(name))
            .map(|declared| declared.declaration)
            .collect()
    }

    fn outputs(&mut self, file: &'a File, scope: &Scope<'a>) -> Option<Vec<(String, ValueSource)>> {
        let maps: Vec<&Map> = file
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Outputs(map) => Some(map),
                ItemKind::Meta(_) | ItemKind::Inputs(_) | ItemKind::Always(_) | ItemKind::Node(_) => None,
            })
            .collect();
        if maps.is_empty() {
            return None;
        }
        let destination = Destination::Seen("the result of the workflow");
        let outputs = self.for_destination(destination, |checker| {
            maps.iter().flat_map(|map| checker.assignments(map, scope)).collect()
        });
        maps.iter().for_each(|map| self.always_null(map));
        Some(outputs)
    }

    /// Returns the steps that `nodes` mean, one after the other.
    fn nodes(&mut self, nodes: &'a [Node], scope: &Scope<'a>) -> Vec<Step> {
        let mut scope = scope.clone();
        scope.begin(nodes.first().map_or(0, |node| node.span.start));
        let mut steps = Vec::with_capacity(nodes.len());
        let mut flow = Flow::default();
        for node in nodes {
            self.reach(&mut flow, node);
            self.needs_outside_parallel(node);
            steps.extend(self.node(node, &scope));
            scope.pass(node.span.end);
        }
        steps
    }

    /// Returns where `span` is for people; of several lines the first.
    fn place(&self, span: Span) -> Place {
        let start = self.source.position(span.start);
        let text = span.of(self.source.text());
        let first_line = text.lines().next().unwrap_or_default();
        Place {
            line: start.line,
            column: start.column,
            length: u32::try_from(first_line.chars().count()).unwrap_or(u32::MAX),
        }
    }
}

/// Returns the span of the keyword at the beginning of an item.
fn word_span(item: &Item, word: &str) -> Span {
    let start = item.span.start as usize;
    Span::new(start, start + word.len())
}
