//! What gates and waits mean: who or what is waited for, and what happens when it does not come.

use super::Checker;
use super::attribute::{is_word, value};
use super::step_table::Scope;
use crate::ast::{Attribute, Gate, Value, Wait};
use crate::resolved::StepKind;
use cofferdam_engine::expr::{Template, TemplatePart, ValueSource};
use cofferdam_engine::plan::{self, OnReject, OnTimeout, WaitUntil};
use std::time::Duration;

/// How long a gate is open that does not say.
const GATE_TIMEOUT: Duration = Duration::from_secs(24 * 3_600);

/// The kinds of gates that people decide from the command line, without anything that is installed for them.
const HUMAN: [&str; 2] = ["human_approval", "human_review"];

impl<'a> Checker<'a> {
    /// Returns the gate that is written down; none for the kinds that this version does not open.
    pub(super) fn gate(&mut self, gate: &'a Gate, scope: &Scope<'a>) -> Option<StepKind> {
        let attributes = gate.attributes.entries.as_slice();
        if !HUMAN.contains(&gate.gate_kind.text.as_str()) {
            // The table of constructs says it of quality gates.
            if gate.gate_kind.text != "quality_gate" {
                let kind = format!("a gate of kind `{}`", gate.gate_kind.text);
                self.not_yet(gate.gate_kind.span, &kind);
            }
            self.probe(attributes, scope);
            return None;
        }
        if is_word(attributes, "mode", "review_decision") {
            self.not_yet(gate.gate_kind.span, "`mode = review_decision`");
        }
        let min_approvals = match value(attributes, "min_approvals") {
            Some(written) => self.count(written, "min_approvals")?.max(1),
            None => 1,
        };
        let timeout = match value(attributes, "timeout") {
            Some(written) => self.duration(written, "timeout")?,
            None => GATE_TIMEOUT,
        };
        let form = match value(attributes, "form") {
            Some(written) => match self.value(written, scope)? {
                ValueSource::Literal(form) => Some(form),
                _ => None,
            },
            None => None,
        };
        let mut source = |key: &str| value(attributes, key).map(|written| self.value(written, scope));
        let (show, data) = (source("show"), source("data"));
        let options = value(attributes, "options").map(|written| self.options_value(written, scope));
        let prompt = value(attributes, "prompt").map(|written| self.text_value(written, scope));
        let gate = plan::Gate {
            kind: gate.gate_kind.text.clone(),
            prompt: all_or_none(prompt)?,
            show: all_or_none(show)?,
            data: all_or_none(data)?,
            options: all_or_none(options)?,
            form,
            timeout: Some(timeout),
            on_timeout: on_timeout(attributes),
            on_reject: if is_word(attributes, "on_reject", "skip") {
                OnReject::Skip
            } else {
                OnReject::Fail
            },
            min_approvals,
        };
        Some(StepKind::Gate(Box::new(gate)))
    }

    /// Returns the wait that is written down.
    pub(super) fn wait(&mut self, wait: &'a Wait, scope: &Scope<'a>) -> Option<StepKind> {
        let attributes = wait.attributes.entries.as_slice();
        let timeout = match value(attributes, "timeout") {
            Some(written) => Some(self.duration(written, "timeout")?),
            None => None,
        };
        let until = if let Some(written) = value(attributes, "for") {
            WaitUntil::Passed(self.value(written, scope)?)
        } else if let Some(written) = value(attributes, "until") {
            WaitUntil::Time(self.text_source(written, scope)?)
        } else {
            let topic = self.text_source(value(attributes, "event")?, scope)?;
            let correlation = value(attributes, "correlation").map(|written| self.text_source(written, scope));
            WaitUntil::Signal {
                topic,
                correlation: all_or_none(correlation)?,
            }
        };
        let wait = plan::Wait {
            until,
            timeout,
            on_timeout: on_timeout(attributes),
        };
        Some(StepKind::Wait(Box::new(wait)))
    }

    fn text_source(&mut self, written: &'a Value, scope: &Scope<'a>) -> Option<ValueSource> {
        let template = self.text_value(written, scope)?;
        Some(match template.as_literal() {
            Some(literal) => ValueSource::Literal(cofferdam_engine::Data::text(literal)),
            None => source_of(template),
        })
    }
}

/// Returns the value of a text; one that is nothing but an expression is that expression.
fn source_of(template: Template) -> ValueSource {
    match template.parts.as_slice() {
        [TemplatePart::Expression(expression)] => ValueSource::Expression(expression.clone()),
        _ => ValueSource::Template(template),
    }
}

fn on_timeout(attributes: &[Attribute]) -> OnTimeout {
    if is_word(attributes, "on_timeout", "continue") {
        OnTimeout::Continue
    } else {
        OnTimeout::Fail
    }
}

/// Returns what is there if it is right, nothing if it is not there, and fails if it is wrong.
#[expect(
    clippy::option_option,
    reason = "absent and wrong are two things, and wrong is told by the caller's own absence"
)]
fn all_or_none<T>(found: Option<Option<T>>) -> Option<Option<T>> {
    match found {
        None => Some(None),
        Some(found) => found.map(Some),
    }
}
