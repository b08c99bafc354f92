//! Which steps nothing can lead to: those after a step that always ends what they stand in.

use super::Checker;
use super::node::{attributes_of, head_of};
use crate::ast::{Node, NodeKind, find_attribute};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A sequence of steps as far as it was looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Flow {
    /// What comes next can be reached.
    #[default]
    Open,
    /// This step ends the sequence.
    EndedBy(Span),
    /// That has been reported.
    Reported,
}

impl Checker<'_> {
    /// Reports `node` if the steps before it in its sequence never let it begin; once for a sequence.
    pub(super) fn reach(&mut self, flow: &mut Flow, node: &Node) {
        // What is left early still runs its `always` (LANGUAGE rule R42).
        if matches!(node.kind, NodeKind::Always(_)) {
            return;
        }
        match *flow {
            Flow::EndedBy(end) => {
                let diagnostic = Diagnostic::warning(Code::Unreachable, head_of(node), "this step is never reached");
                let help = "remove it, put it before, or make the failure depend on a condition";
                self.report(diagnostic.also(end, "always fails").help(help));
                *flow = Flow::Reported;
            }
            Flow::Open => {
                if let Some(end) = end_of(node) {
                    *flow = Flow::EndedBy(end);
                }
            }
            Flow::Reported => {}
        }
    }
}

/// Returns whether a step always begins, and its failure is that of what it stands in.
fn is_plain(node: &Node) -> bool {
    let attributes = attributes_of(node);
    ["if", "on_fail"]
        .iter()
        .all(|key| find_attribute(attributes, key).is_none())
}

/// Returns where a step always fails, whatever comes.
fn end_of(node: &Node) -> Option<Span> {
    match &node.kind {
        NodeKind::Fail(_) => Some(head_of(node)),
        NodeKind::If(choice) => {
            let arms = choice.arms.iter().map(|arm| &arm.block);
            let all = arms.chain(Some(choice.otherwise.as_ref()?));
            let ends: Option<Vec<Span>> = all.map(|block| block.nodes.iter().find_map(end_of)).collect();
            ends?.into_iter().next()
        }
        NodeKind::Do(block) if is_plain(node) => block.block.nodes.iter().find_map(end_of),
        NodeKind::Do(_)
        | NodeKind::Call(_)
        | NodeKind::While(_)
        | NodeKind::Parallel(_)
        | NodeKind::Gate(_)
        | NodeKind::Always(_)
        | NodeKind::Script(_)
        | NodeKind::Wait(_)
        | NodeKind::Foreach(_)
        | NodeKind::Set(_) => None,
    }
}
