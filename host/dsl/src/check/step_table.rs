//! Which steps a file has, and which of them can have run before a place in it.

use super::defaults::Defaults;
use super::known::Known;
use crate::ast::{
    Attribute, AttributeValue, Block, CallTarget, File, ItemKind, Node, NodeKind, Value, ValueKind, Word,
};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// One step that has a key.
#[derive(Clone, Debug)]
pub(super) struct Fact<'a> {
    pub(super) key: &'a str,
    /// Where the key is written.
    pub(super) name: Span,
    /// Where the step begins.
    pub(super) at: u32,
    /// The step; none if it is the action of a handler without a block.
    pub(super) node: Option<&'a Node>,
    /// The name of the action that it calls, if it calls one.
    pub(super) action: Option<String>,
    /// The workflow that it calls, if it calls one: the steps of that can be asked for too.
    pub(super) workflow: Option<&'a str>,
    /// The innermost `foreach` around it: a scope of its own (LANGUAGE rule R40).
    foreach: Option<Span>,
}

impl<'a> Fact<'a> {
    fn at(&mut self, node: &'a Node) {
        self.at = node.span.start;
        self.node = Some(node);
    }
}

/// All steps with keys, in the order of the text, and the variables that `set` writes.
#[derive(Clone, Debug, Default)]
pub(super) struct StepTable<'a> {
    facts: Vec<Fact<'a>>,
    by_key: BTreeMap<&'a str, Vec<usize>>,
    /// The steps that call workflows.
    workflows: BTreeMap<&'a str, Vec<usize>>,
    pub(super) variables: BTreeSet<&'a str>,
    /// Where each of them is written.
    pub(super) writes: BTreeMap<&'a str, Vec<Span>>,
}

/// What can be asked for at one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    /// The parts of the text whose steps can have run.
    ranges: Vec<Span>,
    /// The `foreach` blocks around the place.
    foreach: Vec<Span>,
    /// The names of the items of those blocks.
    pub(super) items: Vec<&'a str>,
    /// What is known about those items.
    pub(super) known_items: Vec<(&'a str, Known)>,
    /// Parts of the text among `ranges` whose variables may not be written yet.
    pub(super) unset: Vec<Span>,
    /// The other branches of the innermost `parallel` around the place that it does not need.
    pub(super) siblings: Vec<(&'a str, Span)>,
    /// Whether the place is inside `on_fail { }` or `undo { }`.
    pub(super) in_handler: bool,
    /// Whether the place is inside a top-level `always`.
    pub(super) in_cleanup: bool,
    /// What the blocks around the place say about the calls in them.
    pub(super) defaults: Defaults,
}

impl<'a> Scope<'a> {
    /// Adds a part of the text whose steps can have run.
    pub(super) fn add(&mut self, span: Span) {
        self.ranges.push(span);
    }

    /// Begins a sequence of steps at `at`, none of which has run yet.
    pub(super) fn begin(&mut self, at: u32) {
        self.add(Span { start: at, end: at });
    }

    /// Goes on in the sequence begun last: everything in it up to `end` can have run.
    pub(super) fn pass(&mut self, end: u32) {
        if let Some(last) = self.ranges.last_mut() {
            last.end = last.end.max(end);
        }
    }

    /// Returns the scope of the body of a `foreach`.
    pub(super) fn of_item(&self, foreach: Span, item: &'a str, known: Known) -> Self {
        let mut scope = self.clone();
        scope.foreach.push(foreach);
        scope.items.push(item);
        scope.known_items.push((item, known));
        scope
    }

    /// Returns whether a variable can have been written at `at`.
    pub(super) fn can_be_written(&self, at: Span) -> bool {
        let passed = |range: &&Span| range.start <= at.start && at.start < range.end;
        self.ranges.iter().any(|range| passed(&range)) && !self.unset.iter().any(|range| passed(&range))
    }

    /// Returns whether a step can have run where this is.
    pub(super) fn sees(&self, fact: &Fact<'_>) -> bool {
        fact.foreach.is_none_or(|foreach| self.foreach.contains(&foreach))
            && self
                .ranges
                .iter()
                .rev()
                .any(|range| range.start <= fact.at && fact.at < range.end)
    }
}

impl<'a> StepTable<'a> {
    pub(super) fn of(file: &'a File) -> Self {
        let mut table = Self::default();
        for item in &file.items {
            match &item.kind {
                ItemKind::Node(node) => table.node(node, None),
                ItemKind::Always(block) => table.block(block, None),
                ItemKind::Meta(_) | ItemKind::Inputs(_) | ItemKind::Outputs(_) => {}
            }
        }
        for (index, fact) in table.facts.iter().enumerate() {
            table.by_key.entry(fact.key).or_default().push(index);
            if let Some(workflow) = fact.workflow {
                table.workflows.entry(workflow).or_default().push(index);
            }
        }
        table
    }

    /// Returns the steps called `key` that can have run where `scope` is.
    pub(super) fn visible<'s>(&'s self, key: &str, scope: &'s Scope<'_>) -> impl Iterator<Item = &'s Fact<'a>> {
        self.all(key).filter(|fact| scope.sees(fact))
    }

    /// Returns all steps called `key`.
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = &Fact<'a>> {
        self.by_key
            .get(key)
            .into_iter()
            .flatten()
            .map(|index| &self.facts[*index])
    }

    /// Returns the keys that can be asked for where `scope` is, in the order of the text.
    pub(super) fn visible_keys(&self, scope: &Scope<'_>) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        self.facts
            .iter()
            .filter(|fact| scope.sees(fact) && seen.insert(fact.key))
            .map(|fact| fact.key)
            .collect()
    }

    /// Returns the workflows that are called, by name.
    pub(super) fn workflows(&self) -> impl Iterator<Item = &'a str> {
        self.workflows.keys().copied()
    }

    /// Returns the call of the workflow called `name` that can have run where `scope` is.
    pub(super) fn visible_workflow<'s>(&'s self, name: &str, scope: &Scope<'_>) -> Option<&'s Fact<'a>> {
        let calls = self.workflows.get(name)?.iter().map(|index| &self.facts[*index]);
        calls.into_iter().find(|fact| scope.sees(fact))
    }

    /// Returns the steps that can be asked for from outside of the file: those of a `foreach` cannot (LANGUAGE rule R40).
    pub(super) fn seen_from_outside(&self) -> impl Iterator<Item = &Fact<'a>> {
        self.facts.iter().filter(|fact| fact.foreach.is_none())
    }

    /// Returns the `foreach` in whose body a step is that the place does not see because of that.
    pub(super) fn foreach_around(&self, fact: &Fact<'_>, scope: &Scope<'_>) -> Option<&'a str> {
        let around = fact.foreach.filter(|around| !scope.foreach.contains(around))?;
        let is_it = |fact: &&Fact<'a>| {
            fact.node
                .is_some_and(|node| node.span == around && matches!(node.kind, NodeKind::Foreach(_)))
        };
        self.facts.iter().find(is_it).map(|fact| fact.key)
    }

    fn block(&mut self, block: &'a Block, foreach: Option<Span>) {
        self.attributes(&block.attributes, foreach);
        for node in &block.nodes {
            self.node(node, foreach);
        }
    }

    fn attributes(&mut self, attributes: &'a [Attribute], foreach: Option<Span>) {
        for attribute in attributes {
            match &attribute.value {
                AttributeValue::Handler(block) => self.block(block, foreach),
                AttributeValue::Value { value, .. } if attribute.key.text == "on_fail" => {
                    if let Some((key, name)) = handler_key(value) {
                        self.add(key, name, foreach);
                    }
                }
                AttributeValue::Value { .. } => {}
            }
        }
    }

    fn add(&mut self, key: &'a str, name: Span, foreach: Option<Span>) -> &mut Fact<'a> {
        self.facts.push(Fact {
            key,
            name,
            at: name.start,
            node: None,
            action: None,
            workflow: None,
            foreach,
        });
        let last = self.facts.len() - 1;
        &mut self.facts[last]
    }

    fn node(&mut self, node: &'a Node, foreach: Option<Span>) {
        match &node.kind {
            NodeKind::Call(call) => {
                let attributes = call.attributes.as_ref().map_or(&[][..], |list| &list.entries);
                let fact = self.add(call.target.key(), call.target.span(), foreach);
                fact.at(node);
                fact.workflow = match &call.target {
                    CallTarget::Workflow(name) => Some(&name.text),
                    CallTarget::Name(_) | CallTarget::Plugin { .. } | CallTarget::Path(_) => None,
                };
                fact.action = super::call::action_name(&call.target, attributes).map(|(name, _)| name);
                self.attributes(attributes, foreach);
            }
            NodeKind::If(choice) => {
                for arm in &choice.arms {
                    self.block(&arm.block, foreach);
                }
                if let Some(block) = &choice.otherwise {
                    self.block(block, foreach);
                }
            }
            NodeKind::While(repeat) => self.block(&repeat.block, foreach),
            NodeKind::Do(block) => {
                if let Some(name) = &block.name {
                    self.add(&name.text, name.span, foreach).at(node);
                }
                self.block(&block.block, foreach);
            }
            NodeKind::Parallel(parallel) => {
                if let Some(name) = &parallel.name {
                    self.add(&name.text, name.span, foreach).at(node);
                }
                self.block(&parallel.block, foreach);
            }
            NodeKind::Gate(gate) => {
                let name = gate.name.as_ref().unwrap_or(&gate.gate_kind);
                self.add(&name.text, name.span, foreach).at(node);
                self.attributes(&gate.attributes.entries, foreach);
            }
            NodeKind::Always(block) => self.block(block, foreach),
            NodeKind::Script(script) => {
                self.add(&script.name.text, script.name.span, foreach).at(node);
                self.attributes(&script.attributes.entries, foreach);
            }
            NodeKind::Wait(wait) => {
                self.add(&wait.name.text, wait.name.span, foreach).at(node);
                self.attributes(&wait.attributes.entries, foreach);
            }
            NodeKind::Foreach(repeat) => {
                self.add(&repeat.name.text, repeat.name.span, foreach).at(node);
                self.block(&repeat.block, Some(node.span));
            }
            NodeKind::Set(map) => {
                for Word { text, span } in map.entries.iter().map(|entry| &entry.key) {
                    self.variables.insert(text);
                    self.writes.entry(text).or_default().push(*span);
                }
            }
            NodeKind::Fail(_) => {}
        }
    }
}

/// Returns the key of the step that `on_fail = ACTION` runs, with its place; none for `continue`.
pub(super) fn handler_key(value: &Value) -> Option<(&str, Span)> {
    match &value.kind {
        ValueKind::Path(path) if path.single() != Some("continue") => {
            path.segments.last().map(|word| (word.text.as_str(), word.span))
        }
        ValueKind::Text(text) if text.plain != "continue" && !text.plain.contains('/') => {
            let key = text.plain.rsplit('.').next().unwrap_or_default();
            Some((key, text.span))
        }
        _ => None,
    }
}
