//! Which variables and inputs a workflow has for nobody.

use super::Checker;
use crate::ast::{CallTarget, File, ItemKind, Map, NodeKind, ValueKind};
use crate::attributes::each_node;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use cofferdam_engine::expr::{NodeKind as NodeKindOfExpression, Reference};
use cofferdam_engine::{Data, Expression};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The names of one kind that expressions ask for.
#[derive(Debug, Default)]
pub(super) struct Uses {
    names: BTreeSet<Arc<str>>,
    /// Whether something asks for all of them, or for one whose name is computed.
    all: bool,
}

impl Uses {
    pub(super) fn add(&mut self, reference: &Reference) {
        match reference.path.first() {
            Some(segment) => {
                self.names.insert(Arc::clone(&segment.name));
            }
            None => self.all = true,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }
}

impl<'a> Checker<'a> {
    /// Reports what is declared or written and never asked for; where something is wrong, that may be why.
    pub(super) fn unused(&mut self, file: &'a File) {
        if self.errors > 0 {
            return;
        }
        let mut seen = BTreeSet::new();
        each_node(file, &mut |node| {
            if let NodeKind::Set(map) = &node.kind {
                self.unread_variables(map, &mut seen);
            }
        });
        if self.is_modern() {
            self.unused_inputs(file);
        }
    }

    fn unread_variables(&mut self, map: &'a Map, seen: &mut BTreeSet<&'a str>) {
        for entry in &map.entries {
            let name = entry.key.text.as_str();
            if !name.is_empty() && !self.read_variables.has(name) && seen.insert(name) {
                let message = format!("nothing reads the variable `{name}`");
                let diagnostic = Diagnostic::warning(Code::UnusedVariable, entry.key.span, message);
                self.report(diagnostic.help(format!(
                    "read it as `vars.{name}`, give it back with `outputs {{ {name} = (vars.{name}) }}`, or remove it"
                )));
            }
        }
    }

    /// Reports what a workflow gives back and never has.
    pub(super) fn always_null(&mut self, map: &'a Map) {
        for entry in &map.entries {
            let is_null = match &entry.value.kind {
                ValueKind::Path(path) => path.single() == Some("null"),
                ValueKind::Expression(fragment) => Expression::parse(fragment.code.trim()).is_ok_and(|expression| {
                    matches!(expression.tree().kind, NodeKindOfExpression::Literal(Data::Null))
                }),
                _ => false,
            };
            if is_null {
                let message = format!("the output `{}` is always null", entry.key.text);
                let diagnostic = Diagnostic::note_only(Code::AlwaysNull, entry.value.span, message);
                self.report(diagnostic.help("give back what a step or a variable has, or remove it"));
            }
        }
    }

    /// Reports inputs whose names stand nowhere but in their declarations.
    fn unused_inputs(&mut self, file: &'a File) {
        // Scripts, agents and workflows see inputs that the text does not name.
        let mut sees_all = false;
        each_node(file, &mut |node| {
            sees_all |= match &node.kind {
                NodeKind::Script(_) | NodeKind::Foreach(_) => true,
                NodeKind::Call(call) => match &call.target {
                    CallTarget::Workflow(_) | CallTarget::Path(_) => true,
                    CallTarget::Name(_) | CallTarget::Plugin { .. } => {
                        let attributes = call.attributes.as_ref().map_or(&[][..], |list| &list.entries);
                        let action = super::call::action_name(&call.target, attributes);
                        action.is_some_and(|(name, _)| {
                            matches!(self.catalog.action(&name), crate::catalog::Lookup::Fallback(_))
                        })
                    }
                },
                _ => super::node::attributes_of(node)
                    .iter()
                    .any(|attribute| attribute.key.text == "with"),
            };
        });
        if sees_all || self.read_inputs.all {
            return;
        }
        let declarations: Vec<_> = file
            .items
            .iter()
            .filter(|item| matches!(item.kind, ItemKind::Inputs(_)))
            .map(|item| item.span.range())
            .collect();
        let text = self.source.text();
        let mut outside = String::with_capacity(text.len());
        let mut at = 0;
        for declaration in declarations {
            outside.push_str(&text[at..declaration.start]);
            at = declaration.end;
        }
        outside.push_str(&text[at..]);
        let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        let words: BTreeSet<&str> = outside.split(|character| !is_part(character)).collect();
        let unused: Vec<_> = self
            .inputs
            .iter()
            .filter(|(name, _)| !words.contains(**name))
            .map(|(name, declared)| (*name, declared.name))
            .collect();
        for (name, span) in unused {
            let diagnostic = Diagnostic::warning(Code::UnusedInput, span, format!("nothing uses the input `{name}`"));
            self.report(diagnostic.help(format!("ask for it as `inputs.{name}`, or remove it")));
        }
    }
}
