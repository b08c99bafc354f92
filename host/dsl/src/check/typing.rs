//! What is known about the values of expressions (LANGUAGE rule R26).

use super::Checker;
use super::kinds::{Kind, result};
use super::known::{Known, Root, Selected};
use super::schema_part::SchemaPart;
use super::step_table::{Fact, Scope};
use crate::ast::{Attribute, NodeKind as StepKind, ValueKind, find_attribute};
use crate::attributes::FAILURE_CLASSES;
use crate::catalog::Lookup;
use cofferdam_engine::expr::{Comprehension, MacroKind, Node, NodeKind};
use cofferdam_engine::plan::InputKind;
use cofferdam_engine::{Data, Expression, StepStatus};
use std::sync::Arc;

/// The markers of a gate (LANGUAGE rule R44).
const OF_GATE: &[&str] = &["approved", "rejected", "timed_out"];

/// The markers of a wait (LANGUAGE rule R57).
const OF_WAIT: &[&str] = &["received", "timed_out"];

/// A loop variable of an expression.
pub(super) struct Bound<'n> {
    name: &'n str,
    known: Known,
    outer: Option<&'n Self>,
}

/// The names around a part of an expression that are no roots.
#[derive(Clone, Copy, Default)]
pub(super) struct Names<'n> {
    /// The items of the `foreach` blocks around it.
    items: &'n [(&'n str, Known)],
    bound: Option<&'n Bound<'n>>,
}

impl<'n> Names<'n> {
    /// Returns the names of a whole expression that stands where `scope` is.
    pub(super) fn of(scope: &'n Scope<'_>) -> Self {
        Self {
            items: &scope.known_items,
            bound: None,
        }
    }

    /// Returns the names inside of a loop whose variable is `bound`.
    pub(super) fn inside(self, bound: &'n Bound<'n>) -> Self {
        Self {
            items: self.items,
            bound: Some(bound),
        }
    }

    fn find(self, name: &str) -> Option<Known> {
        let mut bound = self.bound;
        while let Some(variable) = bound {
            if variable.name == name {
                return Some(variable.known.clone());
            }
            bound = variable.outer;
        }
        let item = self.items.iter().rev().find(|(item, _)| *item == name);
        item.map(|(_, known)| known.clone())
    }
}

impl Checker<'_> {
    /// Returns the kind that the value of an expression certainly has if it is not null.
    pub(super) fn kind_of(&self, node: &Node, scope: &Scope<'_>) -> Option<Kind> {
        self.known(node, Names::of(scope)).kind()
    }

    /// Returns the variable of a loop with what is known about its values.
    pub(super) fn loop_variable<'n>(&self, comprehension: &'n Comprehension, names: Names<'n>) -> Bound<'n> {
        Bound {
            name: &comprehension.variable,
            known: self.known(&comprehension.operand, names).element(),
            outer: names.bound,
        }
    }

    /// Returns what the value of `node` certainly is if it is not null.
    pub(super) fn known(&self, node: &Node, names: Names<'_>) -> Known {
        let of_kind = |kind: Option<Kind>| kind.map_or(Known::Anything, Known::Kind);
        match &node.kind {
            NodeKind::Literal(data) => of_kind(Kind::of_data(data)),
            NodeKind::Name(name) => names.find(name).unwrap_or_else(|| self.known_root(name)),
            NodeKind::Member { operand, name, .. } => self.known_member(&self.known(operand, names), name),
            NodeKind::Index { operand, index, .. } => {
                let operand = self.known(operand, names);
                match &index.kind {
                    NodeKind::Literal(Data::Text(name)) if operand.kind() != Some(Kind::List) => {
                        self.known_member(&operand, name)
                    }
                    _ if operand.kind() == Some(Kind::List) => operand.element(),
                    _ => Known::Anything,
                }
            }
            NodeKind::Not(_) | NodeKind::And(_) | NodeKind::Or(_) | NodeKind::Has(_) => Known::Kind(Kind::Boolean),
            NodeKind::Negate(_) => Known::Kind(Kind::Number),
            NodeKind::Chain { first, links } => {
                let first = self.known(first, names).kind();
                of_kind(links.iter().fold(first, |left, link| {
                    result(left, link.operator, self.known(&link.operand, names).kind())
                }))
            }
            NodeKind::Conditional { yes, no, .. } => Known::either([self.known(yes, names), self.known(no, names)]),
            NodeKind::OrValue { operand, default } => {
                Known::either([self.known(operand, names), self.known(default, names)])
            }
            NodeKind::List(items) => Known::list_of(Known::either(items.iter().map(|item| self.known(item, names)))),
            NodeKind::Map(_) => Known::Kind(Kind::Map),
            NodeKind::Call {
                function, arguments, ..
            } => match (function.name, arguments.first()) {
                ("distinct" | "sort", Some(list)) => self.known(list, names),
                ("split", _) => Known::list_of(Known::Kind(Kind::Text)),
                _ => of_kind(Kind::of_result(function.result)),
            },
            NodeKind::Comprehension(comprehension) => match comprehension.macro_kind {
                MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => Known::Kind(Kind::Boolean),
                MacroKind::Filter => Known::list_of(self.known(&comprehension.operand, names).element()),
                MacroKind::Map => {
                    let bound = self.loop_variable(comprehension, names);
                    Known::list_of(self.known(&comprehension.body, names.inside(&bound)))
                }
            },
        }
    }

    /// Returns what is known about the items of a `foreach` with a body.
    pub(super) fn known_item(&self, attributes: &[Attribute], scope: &Scope<'_>) -> Known {
        let over = super::attribute::value(attributes, "over").map(|value| &value.kind);
        let Some(ValueKind::Expression(fragment)) = over else {
            return Known::Anything;
        };
        Expression::parse(fragment.code.trim()).map_or(Known::Anything, |expression| {
            self.known(expression.tree(), Names::of(scope)).element()
        })
    }

    fn known_root(&self, name: &str) -> Known {
        match name {
            "inputs" => Known::Root(Root::Inputs),
            "steps" => Known::Root(Root::Steps),
            "vars" => Known::Root(Root::Variables),
            "run" => Known::Root(Root::Run),
            "prior" => Known::Root(Root::Prior),
            "error" => known_error(),
            _ => Known::Anything,
        }
    }

    fn known_member(&self, of: &Known, name: &str) -> Known {
        let text = || Known::Kind(Kind::Text);
        match of {
            Known::Root(Root::Inputs) => self.known_input(name),
            Known::Root(Root::Steps) => Known::Step(name.into()),
            Known::Root(Root::Variables) => self.known_variables.get(name).cloned().unwrap_or(Known::Anything),
            Known::Root(Root::Run) => match name {
                "dry_run" => Known::Kind(Kind::Boolean),
                "id" | "now" | "started_at" | "status" | "workflow" => text(),
                _ => Known::Anything,
            },
            Known::Root(Root::Prior) => match name {
                "context" => text(),
                _ => Known::Anything,
            },
            Known::Step(key) if name == "steps" => Known::StepsOf(Arc::clone(key)),
            Known::StepsOf(child) => Known::StepOf(Arc::clone(child), name.into()),
            Known::StepOf(child, step) if name == "output" => self.output_in_child(child, step),
            Known::Step(key) | Known::StepOf(_, key) => match name {
                "completed" | "failed" | "skipped" | "cancelled" => Known::Kind(Kind::Boolean),
                "status" => Known::words_of(STATUSES.map(StepStatus::word)),
                "context" | "started_at" | "ended_at" => text(),
                "attempts" | "iteration" => Known::Kind(Kind::Number),
                "markers" => Known::list_of(
                    self.markers_of(key)
                        .filter(|_| matches!(of, Known::Step(_)))
                        .map_or_else(text, |markers| Known::words_of(markers.iter().copied())),
                ),
                "error" => known_error(),
                "output" if self.steps.all(key).next().is_none() => self.output_in_children(key),
                "output" => Known::either(self.steps.all(key).map(|fact| self.known_output(fact))),
                _ => Known::Anything,
            },
            known => match known.member(name) {
                Selected::Known(known) => known,
                Selected::Missing(_) | Selected::NoMembers(_) => Known::Anything,
            },
        }
    }

    fn known_input(&self, name: &str) -> Known {
        let Some(declared) = self.inputs.get(name) else {
            return Known::Anything;
        };
        let declaration = &declared.declaration;
        let choices: Option<Vec<&str>> = declaration.choices.iter().map(Data::as_text).collect();
        match (declaration.kind, choices) {
            (InputKind::String, Some(choices)) if !choices.is_empty() => Known::words_of(choices),
            (InputKind::String, _) => Known::Kind(Kind::Text),
            (InputKind::Number, _) => Known::Kind(Kind::Number),
            (InputKind::Boolean, _) => Known::Kind(Kind::Boolean),
            (InputKind::Object, _) => Known::Kind(Kind::Map),
            (InputKind::Array, _) => Known::Kind(Kind::List),
        }
    }

    /// Returns the only markers that the steps with this key can have.
    pub(super) fn markers_of(&self, key: &str) -> Option<&'static [&'static str]> {
        let mut markers = self.steps.all(key).map(markers_of);
        let first = markers.next()??;
        markers.all(|markers| markers == Some(first)).then_some(first)
    }

    /// Returns what is known about the output of a step.
    pub(super) fn known_output(&self, fact: &Fact<'_>) -> Known {
        if let Some(workflow) = fact.workflow {
            return self.output_of_workflow(workflow);
        }
        let Some(node) = fact.node else {
            return Known::Anything;
        };
        let text = || Known::Kind(Kind::Text);
        match &node.kind {
            StepKind::Call(_) => {
                // A schema that the workflow names says more than that of the action.
                if let Some(named) = self.named_form(fact) {
                    return named.map_or(Known::Anything, |form| SchemaPart::of_file(&form));
                }
                match fact.action.as_deref().map(|name| self.catalog.action(name)) {
                    Some(Lookup::Found(entry)) => SchemaPart::of_output(&entry),
                    _ => Known::Anything,
                }
            }
            StepKind::Gate(gate) if gate.gate_kind.text != "quality_gate" => Known::fields([
                ("at", text()),
                ("by", text()),
                ("decision", text()),
                ("feedback", text()),
                ("form", Known::Kind(Kind::Map)),
                ("selection", Known::Anything),
                ("selections", Known::Kind(Kind::List)),
            ]),
            // What a provider and its counts are called, it says itself.
            StepKind::Foreach(foreach) if find_attribute(&foreach.block.attributes, "workflow").is_none() => {
                let item = Known::fields([
                    ("item", Known::Anything),
                    ("output", Known::Anything),
                    ("status", text()),
                ]);
                Known::fields([
                    ("failed", Known::Kind(Kind::Number)),
                    ("items", Known::list_of(item)),
                    ("succeeded", Known::Kind(Kind::Number)),
                ])
            }
            _ => Known::Anything,
        }
    }
}

const STATUSES: [StepStatus; 4] = [
    StepStatus::Completed,
    StepStatus::Failed,
    StepStatus::Skipped,
    StepStatus::Cancelled,
];

/// Returns the only markers that a step can have, whatever a plugin does.
pub(super) fn markers_of(fact: &Fact<'_>) -> Option<&'static [&'static str]> {
    match &fact.node?.kind {
        StepKind::Gate(gate) if gate.gate_kind.text != "quality_gate" => Some(OF_GATE),
        StepKind::Wait(_) => Some(OF_WAIT),
        _ => None,
    }
}

/// Returns what is known about `error` and `steps.X.error`.
fn known_error() -> Known {
    let text = || Known::Kind(Kind::Text);
    Known::fields([
        ("attempt", Known::Kind(Kind::Number)),
        ("class", Known::words_of(FAILURE_CLASSES.iter().copied())),
        ("code", text()),
        ("details", Known::Anything),
        ("message", text()),
        ("step", text()),
    ])
}
