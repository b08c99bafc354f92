//! Loops that cannot end by their condition: nothing inside changes what it asks for.

use super::Checker;
use crate::ast::{self, Block, CallTarget, Node, NodeKind};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use cofferdam_engine::expr::references;
use cofferdam_engine::plan::{Condition, Test};
use std::collections::BTreeSet;

/// What the steps of a body change.
#[derive(Default)]
struct Changed<'a> {
    steps: BTreeSet<&'a str>,
    variables: BTreeSet<&'a str>,
    /// Whether steps of other workflows run, whose keys are not known here.
    calls_workflow: bool,
}

impl<'a> Checker<'a> {
    /// Reports a loop whose condition asks for nothing that can change in it. One that asks for nothing at all is a way
    /// to write loops: it ends with `max_iterations`.
    pub(super) fn unchanging_loop(&mut self, written: &ast::Condition, condition: &Condition, body: &'a Block) {
        // Steps of other workflows have names that are not known here.
        if self.steps.workflows().next().is_some() {
            return;
        }
        let mut changed = Changed::default();
        body.nodes.iter().for_each(|node| collect(node, &mut changed));
        let what = match &condition.test {
            Test::Input(name) => format!("the input `{name}`"),
            Test::Marker { step, .. } => {
                if changed.steps.contains(&**step) || changed.calls_workflow {
                    return;
                }
                format!("the step `{step}`, which stands before it,")
            }
            Test::Expression(expression) => {
                let references = references(expression);
                let can_change = references.iter().any(|reference| {
                    let name = reference.path.first().map(|segment| &*segment.name);
                    match (&*reference.root, name) {
                        ("inputs", _) => false,
                        ("vars", Some(name)) => changed.variables.contains(name),
                        ("steps", Some(name)) => changed.steps.contains(name) || changed.calls_workflow,
                        _ => true,
                    }
                });
                if references.is_empty() || can_change {
                    return;
                }
                "what it asks for".to_owned()
            }
        };
        let message = format!("nothing in this loop changes {what}");
        let message = message.trim_end_matches(',');
        let diagnostic = Diagnostic::warning(Code::UnchangingLoop, written.span, message);
        let first = body.nodes.first().map_or(Span::default(), |node| node.keyword);
        let diagnostic = if body.nodes.is_empty() {
            diagnostic
        } else {
            diagnostic.also(first, "these steps run again and again")
        };
        self.report(
            diagnostic
                .note("if it is true once, only `max_iterations` ends the loop")
                .help("ask for a step or a variable inside of it, or write `if`"),
        );
    }
}

fn collect<'a>(node: &'a Node, changed: &mut Changed<'a>) {
    if let Some((key, _)) = super::node::key_of(node) {
        changed.steps.insert(key);
    }
    for attribute in super::node::attributes_of(node) {
        if let Some((key, _)) = attribute.value().and_then(super::step_table::handler_key)
            && attribute.key.text == "on_fail"
        {
            changed.steps.insert(key);
        }
    }
    match &node.kind {
        NodeKind::Call(call) => changed.calls_workflow |= matches!(call.target, CallTarget::Workflow(_)),
        NodeKind::Foreach(_) => changed.calls_workflow = true,
        NodeKind::Set(map) => changed
            .variables
            .extend(map.entries.iter().map(|entry| entry.key.text.as_str())),
        _ => {}
    }
    for block in node.blocks() {
        block.nodes.iter().for_each(|node| collect(node, changed));
    }
}
