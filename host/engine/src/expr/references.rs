//! Which roots and members an expression mentions.

use super::Expression;
use super::tree::{Node, NodeKind};
use crate::Data;
use std::ops::Range;
use std::sync::Arc;

/// A root with the members that are selected from it: `steps.a-b.output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name of the root.
    pub root: Arc<str>,
    /// Where the root's name stands.
    pub root_range: Range<usize>,
    /// The selected members, outermost first, up to the first computed index.
    pub path: Vec<Segment>,
    /// Where the root and its path stand.
    pub range: Range<usize>,
}

/// A selected member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its name.
    pub name: Arc<str>,
    /// Where its name stands.
    pub range: Range<usize>,
    /// Whether it may be missing: `.?name`.
    pub optional: bool,
}

impl Reference {
    /// Returns the names of the path.
    pub fn names(&self) -> Vec<&str> {
        self.path.iter().map(|segment| &*segment.name).collect()
    }
}

/// Returns the references of an expression in the order of the source; loop variables are none.
pub fn references(expression: &Expression) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(expression.tree(), &mut Vec::new(), &mut found);
    found
}

fn collect<'a>(node: &'a Node, variables: &mut Vec<&'a str>, found: &mut Vec<Reference>) {
    if let Some(reference) = reference(node) {
        if !variables.contains(&&*reference.root) {
            found.push(reference);
        }
        return;
    }
    match &node.kind {
        NodeKind::Comprehension(comprehension) => {
            collect(&comprehension.operand, variables, found);
            variables.push(&comprehension.variable);
            for part in comprehension.condition.iter().chain([&comprehension.body]) {
                collect(part, variables, found);
            }
            variables.pop();
        }
        _ => node.each_child(|child| collect(child, variables, found)),
    }
}

/// Returns the reference that `node` as a whole is.
fn reference(node: &Node) -> Option<Reference> {
    let mut path = Vec::new();
    let mut current = node;
    loop {
        current = match &current.kind {
            NodeKind::Name(root) => {
                path.reverse();
                return Some(Reference {
                    root: Arc::clone(root),
                    root_range: current.range.clone(),
                    path,
                    range: node.range.clone(),
                });
            }
            NodeKind::Member {
                operand,
                name,
                name_range,
                optional,
            } => {
                path.push(Segment {
                    name: Arc::clone(name),
                    range: name_range.clone(),
                    optional: *optional,
                });
                operand
            }
            NodeKind::Index {
                operand,
                index,
                optional,
            } => match &index.kind {
                NodeKind::Literal(Data::Text(name)) => {
                    path.push(Segment {
                        name: Arc::clone(name),
                        range: index.range.clone(),
                        optional: *optional,
                    });
                    operand
                }
                _ => return None,
            },
            _ => return None,
        };
    }
}
