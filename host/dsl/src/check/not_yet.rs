//! How the inside of constructs is checked that this release does not carry out: what is wrong there is wrong anyway.

use super::Checker;
use super::secrets::destination_of;
use super::step_table::Scope;
use crate::ast::{Attribute, AttributeValue, Value, ValueKind};
use crate::code::Code;
use crate::source::Span;

impl<'a> Checker<'a> {
    /// Reports that `what` does not run yet. The tables of attributes report most of it; here is what they cannot see.
    pub(super) fn not_yet(&mut self, span: Span, what: &str) {
        let message = format!("{what} is understood but not carried out by this version");
        self.error(Code::NotCarriedOut, span, message);
    }

    /// Checks the conditions and expressions in the attributes of a construct that does not run yet.
    pub(super) fn probe(&mut self, attributes: &'a [Attribute], scope: &Scope<'a>) {
        // These are never templates (LANGUAGE rule R33).
        const PLAIN: &[&str] = &[
            "source", "use", "with", "output", "as", "lang", "needs", "each", "workflow",
        ];
        let has_identity = attributes.iter().any(|attribute| attribute.key.text == "as");
        for attribute in attributes {
            match &attribute.value {
                AttributeValue::Handler(block) => {
                    self.handler(block, attribute.span.start, scope);
                }
                AttributeValue::Value { value, .. } if attribute.key.text == "if" => {
                    self.guard_of(value, scope);
                }
                AttributeValue::Value { value, .. } if !PLAIN.contains(&attribute.key.text.as_str()) => {
                    let destination = destination_of(&attribute.key.text, has_identity);
                    self.for_destination(destination, |checker| checker.probe_value(value, scope));
                }
                AttributeValue::Value { .. } => {}
            }
        }
    }

    fn probe_value(&mut self, value: &'a Value, scope: &Scope<'a>) {
        match &value.kind {
            ValueKind::Text(_) | ValueKind::Expression(_) => {
                self.value(value, scope);
            }
            ValueKind::List(list) => list.items.iter().for_each(|item| self.probe_value(&item.value, scope)),
            ValueKind::Map(map) => map
                .entries
                .iter()
                .for_each(|entry| self.probe_value(&entry.value, scope)),
            ValueKind::Code(_)
            | ValueKind::Number(_)
            | ValueKind::Duration(_)
            | ValueKind::Path(_)
            | ValueKind::Invalid => {}
        }
    }
}
