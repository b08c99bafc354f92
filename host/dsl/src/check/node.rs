//! What each kind of step means, and what all of them have in common: key, guard, place.

use super::Checker;
use super::secrets::Destination;
use super::step_table::Scope;
use crate::ast::{Attribute, CallTarget, Node, NodeKind};
use crate::resolved::{Step, StepKind};
use crate::source::Span;
use std::sync::Arc;

/// Returns the key under which the result of a step is found, with the place where it is written.
pub(crate) fn key_of(node: &Node) -> Option<(&str, Span)> {
    let word = match &node.kind {
        NodeKind::Call(call) => return Some((call.target.key(), call.target.span())),
        NodeKind::Do(block) => block.name.as_ref()?,
        NodeKind::Parallel(parallel) => parallel.name.as_ref()?,
        NodeKind::Gate(gate) => gate.name.as_ref().unwrap_or(&gate.gate_kind),
        NodeKind::Script(script) => &script.name,
        NodeKind::Wait(wait) => &wait.name,
        NodeKind::Foreach(foreach) => &foreach.name,
        NodeKind::If(_) | NodeKind::While(_) | NodeKind::Always(_) | NodeKind::Set(_) | NodeKind::Fail(_) => {
            return None;
        }
    };
    Some((&word.text, word.span))
}

/// Returns the attributes of a step.
pub(crate) fn attributes_of(node: &Node) -> &[Attribute] {
    match &node.kind {
        NodeKind::Call(call) => call.attributes.as_ref().map_or(&[], |list| &list.entries),
        NodeKind::While(repeat) => &repeat.block.attributes,
        NodeKind::Do(block) => &block.block.attributes,
        NodeKind::Parallel(parallel) => &parallel.block.attributes,
        NodeKind::Gate(gate) => &gate.attributes.entries,
        NodeKind::Script(script) => &script.attributes.entries,
        NodeKind::Wait(wait) => &wait.attributes.entries,
        NodeKind::Foreach(foreach) => &foreach.block.attributes,
        NodeKind::If(_) | NodeKind::Always(_) | NodeKind::Set(_) | NodeKind::Fail(_) => &[],
    }
}

/// Returns the word that stands for a step without a key in its path.
pub(crate) fn word_of(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Call(_) => "call",
        NodeKind::If(_) => "if",
        NodeKind::While(_) => "while",
        NodeKind::Do(_) => "do",
        NodeKind::Parallel(_) => "parallel",
        NodeKind::Gate(_) => "gate",
        NodeKind::Always(_) => "always",
        NodeKind::Script(_) => "script",
        NodeKind::Wait(_) => "wait",
        NodeKind::Foreach(_) => "foreach",
        NodeKind::Set(_) => "set",
        NodeKind::Fail(_) => "fail",
    }
}

/// Returns the head of a step: its first word and what says which one it is.
pub(super) fn head_of(node: &Node) -> Span {
    match &node.kind {
        NodeKind::If(choice) => choice
            .arms
            .first()
            .map_or(node.keyword, |arm| node.keyword.to(arm.condition.span)),
        NodeKind::While(repeat) => node.keyword.to(repeat.condition.span),
        NodeKind::Fail(text) => node.keyword.to(text.span),
        NodeKind::Always(_) | NodeKind::Set(_) => node.keyword,
        NodeKind::Call(_)
        | NodeKind::Do(_)
        | NodeKind::Parallel(_)
        | NodeKind::Gate(_)
        | NodeKind::Script(_)
        | NodeKind::Wait(_)
        | NodeKind::Foreach(_) => key_of(node).map_or(node.keyword, |(_, name)| node.keyword.to(name)),
    }
}

impl<'a> Checker<'a> {
    /// Returns the step that `node` means; none if something in it is wrong or does not run yet.
    pub(super) fn node(&mut self, node: &'a Node, scope: &Scope<'a>) -> Option<Step> {
        let step = self.meaning(node, scope);
        self.is_complete &= step.is_some();
        step
    }

    fn meaning(&mut self, node: &'a Node, scope: &Scope<'a>) -> Option<Step> {
        let attributes = attributes_of(node);
        let has_guard = super::attribute::value(attributes, "if").is_some();
        let (guard, kind) = match &node.kind {
            // What is probed has its guard probed too.
            NodeKind::Script(script) => {
                self.script(attributes, script.name.span);
                self.probe(attributes, scope);
                (None, None)
            }
            NodeKind::Gate(gate) => {
                self.gate_rules(gate, scope);
                let shown = Destination::Seen("what a gate shows");
                let meaning = self.for_destination(shown, |checker| checker.gate(gate, scope));
                (self.guard(attributes, scope), meaning)
            }
            NodeKind::Wait(wait) => {
                self.end_of_wait(attributes);
                self.wait_rules(attributes, wait.name.span);
                let named = Destination::Seen("the name of an event");
                let meaning = self.for_destination(named, |checker| checker.wait(wait, scope));
                (self.guard(attributes, scope), meaning)
            }
            NodeKind::Foreach(foreach) => {
                self.foreach(node, foreach, scope);
                (None, None)
            }
            NodeKind::Call(call) if matches!(call.target, CallTarget::Workflow(_) | CallTarget::Path(_)) => {
                (None, self.call(node, call, scope))
            }
            NodeKind::Call(call) => (self.guard(attributes, scope), self.call(node, call, scope)),
            NodeKind::If(choice) => (None, self.choice(choice, scope)),
            NodeKind::While(repeat) => (self.guard(attributes, scope), self.while_loop(node, repeat, scope)),
            NodeKind::Do(block) => (self.guard(attributes, scope), self.do_block(node, block, scope)),
            NodeKind::Parallel(parallel) => (self.guard(attributes, scope), self.parallel(node, parallel, scope)),
            NodeKind::Always(block) => (None, Some(StepKind::Always(self.nodes(&block.nodes, scope)))),
            NodeKind::Set(map) => {
                let kept = Destination::Seen("a variable");
                let values = self.for_destination(kept, |checker| checker.assignments(map, scope));
                (None, Some(StepKind::Set(values)))
            }
            NodeKind::Fail(text) => {
                let shown = Destination::Seen("the message of a failure");
                let text = self.for_destination(shown, |checker| checker.text_value(text, scope));
                (None, text.map(StepKind::Fail))
            }
        };
        if has_guard && guard.is_none() {
            return None;
        }
        let key = key_of(node).map(|(key, _)| key).filter(|key| !key.is_empty());
        Some(Step {
            segment: key.unwrap_or_else(|| word_of(node)).to_owned(),
            key: key.map(Arc::from),
            guard,
            kind: kind?,
            place: self.place(head_of(node)),
        })
    }
}
