//! Which calls of a workflow are given something of what other calls returned?
//!
//! What a call is given may hold what it reads: so what it returns holds that too, as do the variables that are set from it. Order
//! is not looked at: in a loop, what stands below comes before what stands above.

use cofferdam_engine::Expression;
use cofferdam_engine::expr::{TemplatePart, ValueSource, references};
use cofferdam_engine::plan::{Call, Node, NodeIndex, NodeKind, Plan};
use std::collections::BTreeSet;

/// Two calls: something of what one returns is given to the other.
pub(super) struct Pair<'p> {
    pub(super) from: &'p Call,
    pub(super) to: &'p Call,
    /// Where the one that is given it stands.
    pub(super) line: u32,
}

impl Pair<'_> {
    /// Returns whether one call is meant that can do both by itself.
    pub(super) fn is_itself(&self) -> bool {
        std::ptr::eq(self.from, self.to)
    }
}

/// Something that holds a value while a run goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Step(String),
    Variable(String),
}

/// Returns each call with itself and with those that are given something of what it returns.
pub(super) fn pairs(plan: &Plan) -> Vec<Pair<'_>> {
    let calls: Vec<(&Node, &Call)> = plan.calls().collect();
    let mut pairs = Vec::new();
    for (node, from) in &calls {
        let reached = reached(plan, node);
        for (other, to) in &calls {
            let itself = std::ptr::eq::<Call>(*from, *to);
            if itself || touches(&to.params, &reached) {
                pairs.push(Pair {
                    from,
                    to,
                    line: other.place.line,
                });
            }
        }
    }
    pairs
}

/// Returns what holds something of what a step returns.
fn reached(plan: &Plan, from: &Node) -> BTreeSet<Place> {
    let step = |node: &Node| node.key.as_ref().map(|key| Place::Step(key.to_string()));
    let mut reached: BTreeSet<Place> = step(from).into_iter().collect();
    loop {
        let before = reached.len();
        for (node, index) in plan.nodes().iter().zip(0..) {
            let holds = match &node.kind {
                NodeKind::Call(call) => touches(&call.params, &reached),
                NodeKind::Set(values) => {
                    for (name, value) in values {
                        if touches(value, &reached) {
                            reached.insert(Place::Variable(name.clone()));
                        }
                    }
                    false
                }
                _ => false,
            };
            if holds {
                reached.extend(step(node));
            }
            // A block returns what its steps return.
            if step(node).is_some_and(|place| reached.contains(&place)) {
                let block = plan.parent(NodeIndex(index)).map(|parent| plan.node(parent));
                reached.extend(block.and_then(step));
            }
        }
        if reached.len() == before {
            return reached;
        }
    }
}

/// Returns whether a value is made of something that is in one of `places`.
fn touches(value: &ValueSource, places: &BTreeSet<Place>) -> bool {
    match value {
        ValueSource::Literal(_) => false,
        ValueSource::Expression(expression) => refers(expression, places),
        ValueSource::Template(template) => template.parts.iter().any(|part| match part {
            TemplatePart::Expression(expression) => refers(expression, places),
            // In old files that may be a field of any output.
            TemplatePart::Variable(_) => !places.is_empty(),
            TemplatePart::Text(_) => false,
        }),
        ValueSource::List(items) => items.iter().any(|item| touches(item, places)),
        ValueSource::Map(entries) => entries.values().any(|value| touches(value, places)),
    }
}

fn refers(expression: &Expression, places: &BTreeSet<Place>) -> bool {
    references(expression).iter().any(|reference| {
        let member = reference.path.first().map(|segment| segment.name.to_string());
        match (&*reference.root, member) {
            ("inputs" | "run" | "secrets", _) => false,
            ("steps" | "prior", Some(step)) => places.contains(&Place::Step(step)),
            ("vars", Some(variable)) => places.contains(&Place::Variable(variable)),
            // Any of them, or the failure of one.
            _ => !places.is_empty(),
        }
    })
}
