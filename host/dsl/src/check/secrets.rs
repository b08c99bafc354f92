//! Where a secret may stand: where a placeholder of it is replaced on the way out, and nowhere else (LANGUAGE rule R37).

use super::Checker;
use crate::ast::{Value, ValueKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::source::Span;
use cofferdam_engine::expr::{Node, NodeKind, Operator, Reference};
use cofferdam_engine::{Data, Expression};
use std::ops::Range;

/// What becomes of the values that are being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// They are parameters of an action: a placeholder is replaced in what it sends.
    Parameters,
    /// They are the environment of a script that has an identity.
    Environment,
    /// They are the inputs of another workflow: one of the type `secret` takes the name of a secret.
    Child,
    /// They are kept or shown; the words say as what.
    Seen(&'static str),
}

/// The longest name of a secret: a longer one is a value.
const LONGEST_NAME: usize = 64;

impl<'a> Checker<'a> {
    /// Checks values of which this becomes.
    pub(super) fn for_destination<T>(&mut self, destination: Destination, check: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.destination, destination);
        let result = check(self);
        self.destination = before;
        result
    }

    /// Returns the finding that a secret would be seen, or that there is none of this name.
    pub(super) fn secret_reference(&self, reference: &Reference, span: Span) -> Option<Diagnostic> {
        let name = reference.path.first().map(|segment| &*segment.name);
        let is_secret = match (&*reference.root, name) {
            ("secrets", _) => true,
            ("inputs", Some(name)) => self.is_secret_input(name),
            // All inputs together hold the secret one, too.
            ("inputs", None) => self.inputs.values().any(|declared| declared.is_secret),
            _ => false,
        };
        if !is_secret {
            return None;
        }
        match self.destination {
            Destination::Seen(place) => return Some(self.leak(span, place, &reference.root)),
            // Whether the other workflow takes a name of a secret is known where its inputs are compared.
            Destination::Child if &*reference.root == "inputs" && name.is_some() => return None,
            Destination::Child => return Some(self.leak(span, OTHER_WORKFLOW, &reference.root)),
            Destination::Parameters | Destination::Environment => {}
        }
        let name = name.filter(|_| &*reference.root == "secrets")?;
        self.unknown_secret(name, span)
    }

    pub(super) fn is_secret_input(&self, name: &str) -> bool {
        self.inputs.get(name).is_some_and(|declared| declared.is_secret)
    }

    fn has_secret_input(&self) -> bool {
        self.inputs.values().any(|declared| declared.is_secret)
    }

    /// Returns the finding that an old variable would show a secret.
    pub(super) fn secret_variable(&self, name: &str, span: Span) -> Option<Diagnostic> {
        match self.destination {
            Destination::Seen(place) if self.is_secret_input(name) => Some(self.leak(span, place, "inputs")),
            Destination::Child if self.is_secret_input(name) => Some(self.leak(span, OTHER_WORKFLOW, "inputs")),
            _ => None,
        }
    }

    /// Returns the finding that another workflow would be given a secret as an input that it does not keep as one.
    pub(super) fn given_secret(&self, span: Span) -> Diagnostic {
        self.leak(span, OTHER_WORKFLOW, "inputs")
    }

    fn leak(&self, span: Span, place: &str, root: &str) -> Diagnostic {
        let message = format!("a secret must not get into {place}");
        let diagnostic = Diagnostic::error(Code::SecretLeak, span, message);
        let diagnostic = if place == SCRIPT_ENVIRONMENT {
            diagnostic.help("say who the script is: `as = IDENTITY`; an identity decides which secrets it gets")
        } else if place == OTHER_WORKFLOW {
            diagnostic.help("declare the input there with `type = secret`, and give it the name of the secret")
        } else {
            diagnostic.help("give it to the `params` of an action, or to the `env` of a script with `as`")
        };
        if root == "inputs" {
            diagnostic.note("an input of the type `secret` stands for the value of that secret")
        } else {
            diagnostic
        }
    }

    /// Returns the finding that nothing is called `name`, if the names are known.
    fn unknown_secret(&self, name: &str, span: Span) -> Option<Diagnostic> {
        let known = self.catalog.surroundings()?.secrets()?;
        if known.contains(name) {
            return None;
        }
        let diagnostic = Diagnostic::error(Code::UnknownSecret, span, format!("no secret is called `{name}`"));
        Some(match did_you_mean(name, known.iter().map(String::as_str)) {
            Some(meant) => diagnostic.label(format!("did you mean `{meant}`?")),
            None => diagnostic.help(format!("configure it: `[secrets.{name}]`")),
        })
    }

    /// Reports a secret that an expression calculates with: there is only a placeholder, which tells nothing.
    pub(super) fn calculated_secrets(&self, expression: &Expression) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.destination == Destination::Parameters || self.destination == Destination::Environment {
            self.placeholders(expression.tree(), true, &mut found);
        }
        found
    }

    fn placeholders(&self, node: &Node, may_stand: bool, found: &mut Vec<Range<usize>>) {
        let is_secret = match &node.kind {
            // All inputs together hold those too that are secret.
            NodeKind::Name(root) => &**root == "inputs" && self.has_secret_input(),
            NodeKind::Index { operand, index, .. } => match (&operand.kind, &index.kind) {
                (NodeKind::Name(root), NodeKind::Literal(Data::Text(name))) => {
                    &**root == "inputs" && self.is_secret_input(name)
                }
                _ => false,
            },
            NodeKind::Member { operand, name, .. } => match &operand.kind {
                NodeKind::Name(root) => &**root == "secrets" || (&**root == "inputs" && self.is_secret_input(name)),
                _ => false,
            },
            _ => false,
        };
        // Another input, by its name, is none.
        let of_inputs = |operand: &Node| matches!(&operand.kind, NodeKind::Name(root) if &**root == "inputs");
        match &node.kind {
            NodeKind::Member { operand, .. } if !is_secret && of_inputs(operand) => return,
            NodeKind::Index { operand, index, .. } if of_inputs(operand) => match &index.kind {
                NodeKind::Literal(Data::Text(_)) if !is_secret => return,
                _ => {}
            },
            _ => {}
        }
        if is_secret {
            if !may_stand {
                found.push(node.range.clone());
            }
            return;
        }
        match &node.kind {
            NodeKind::Chain { links, .. } => {
                let joins = links.iter().all(|link| link.operator == Operator::Add);
                node.each_child(|child| self.placeholders(child, may_stand && joins, found));
            }
            NodeKind::Conditional { condition, yes, no } => {
                self.placeholders(condition, false, found);
                self.placeholders(yes, may_stand, found);
                self.placeholders(no, may_stand, found);
            }
            NodeKind::List(_) | NodeKind::OrValue { .. } => {
                node.each_child(|child| self.placeholders(child, may_stand, found));
            }
            NodeKind::Map(entries) => {
                for (key, value) in entries {
                    self.placeholders(key, false, found);
                    self.placeholders(value, may_stand, found);
                }
            }
            _ => node.each_child(|child| self.placeholders(child, false, found)),
        }
    }

    /// Reports the default of a secret input that is no name of a secret. What it is, is not repeated.
    pub(super) fn secret_default(&mut self, default: &Value) {
        let name = match &default.kind {
            ValueKind::Text(text) => text.plain.as_str(),
            ValueKind::Path(path) => path.single().unwrap_or_default(),
            ValueKind::Invalid => return,
            _ => "",
        };
        let is_name = name.len() <= LONGEST_NAME && super::expression::is_name(name);
        if !is_name {
            let message = "this is no name of a secret";
            let diagnostic = Diagnostic::error(Code::UnknownSecret, default.span, message);
            self.report(
                diagnostic
                    .help("configure the value as a secret, and write the name of it here")
                    .note("the value of a secret never stands in a workflow"),
            );
        } else if let Some(diagnostic) = self.unknown_secret(name, default.span) {
            self.report(diagnostic);
        }
    }

    /// Reports the name of a secret that is written as such and that nothing has.
    pub(super) fn secret_name(&mut self, value: &Value) {
        let name = match &value.kind {
            ValueKind::Text(text) => text.plain.clone(),
            ValueKind::Path(path) => path.to_text(),
            _ => return,
        };
        if let Some(diagnostic) = self.unknown_secret(&name, value.span) {
            self.report(diagnostic);
        }
    }
}

/// What another workflow is given.
const OTHER_WORKFLOW: &str = "the inputs of another workflow";

/// The environment of a script that nobody stands for.
pub(super) const SCRIPT_ENVIRONMENT: &str = "the environment of a script without an identity";

/// Returns what becomes of the value of an attribute of a step that is no action.
pub(super) fn destination_of(key: &str, has_identity: bool) -> Destination {
    Destination::Seen(match key {
        "env" if has_identity => return Destination::Environment,
        "inputs" => return Destination::Child,
        "env" => SCRIPT_ENVIRONMENT,
        "run" => "a command line, which other processes can read",
        "stdin" => "the input of a script",
        "prompt" => "a prompt",
        "show" | "data" | "options" => "what a gate shows",
        "over" => "the items of a `foreach`",
        "correlation" | "event" => "the name of an event",
        _ => "an attribute",
    })
}
