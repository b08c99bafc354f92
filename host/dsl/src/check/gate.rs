//! Whether gates and waits can be decided: who does it, what they read, what they offer, and until when.

use super::Checker;
use super::attribute::{value, word};
use super::expression::is_name;
use super::step_table::Scope;
use crate::ast::{Attribute, Gate, Map, Value, ValueKind, Word};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::NumberValue;
use crate::source::Span;
use crate::surroundings::Surroundings;
use cofferdam_engine::Expression;
use cofferdam_engine::expr::ValueSource;
use std::collections::BTreeSet;

/// The kinds of gates that a person decides, and the one that a number decides.
const OWN_KINDS: &[&str] = &["human_approval", "human_review", "quality_gate"];

impl<'a> Checker<'a> {
    /// Reports what is wrong with a gate beside its attributes.
    pub(super) fn gate_rules(&mut self, gate: &'a Gate, scope: &Scope<'a>) {
        let attributes = &gate.attributes.entries;
        self.gate_kind(&gate.gate_kind);
        if gate.gate_kind.text == "quality_gate" {
            return self.quality_gate(attributes, scope);
        }
        if let Some(value) = value(attributes, "min_approvals")
            && matches!(&value.kind, ValueKind::Number(number) if number.value == NumberValue::Int(0))
        {
            let message = "a gate that needs no approval is none";
            let diagnostic = Diagnostic::doubtful(Code::WrongValue, self.has_edition, value.span, message);
            self.report(diagnostic.help("write `min_approvals = 1`, or remove the gate"));
        }
        if let Some(options) = value(attributes, "options") {
            self.options(options, scope);
        }
        if let Some(written) = value(attributes, "timeout")
            && matches!(&written.kind, ValueKind::Duration(literal) if literal.duration.is_zero())
        {
            let message = "a gate that waits for nothing is over before anybody sees it";
            let diagnostic = Diagnostic::doubtful(Code::WrongValue, self.has_edition, written.span, message);
            self.report(diagnostic.help("write a duration such as `timeout = 24h`"));
        }
        if value(attributes, "timeout").is_none() {
            let place = gate.name.as_ref().unwrap_or(&gate.gate_kind).span;
            self.no_deadline(place, "this gate waits for 24h and then fails", "timeout = 24h");
        }
    }

    /// Reports a wait for an event that says no end.
    pub(super) fn wait_rules(&mut self, attributes: &'a [Attribute], name: Span) {
        let has = |key: &str| value(attributes, key).is_some();
        if has("event") && !has("timeout") && !has("for") && !has("until") {
            let message = "this waits until the event comes, however long that takes";
            self.no_deadline(name, message, "timeout = 24h");
        }
    }

    /// Says that a wait has no end of its own, to readers that want to hear it.
    fn no_deadline(&mut self, place: Span, message: &str, write: &str) {
        if !self.options.strict {
            return;
        }
        let diagnostic = Diagnostic::note_only(Code::NoDeadline, place, message);
        self.report(diagnostic.help(format!(
            "say until when: `{write}`, and what then: `on_timeout = continue`"
        )));
    }

    fn gate_kind(&mut self, kind: &Word) {
        let name = kind.text.as_str();
        let Some(configured) = self.catalog.surroundings().and_then(Surroundings::gate_kinds) else {
            return;
        };
        if OWN_KINDS.contains(&name) || configured.contains(name) || name.is_empty() {
            return;
        }
        let known = OWN_KINDS.iter().copied().chain(configured.iter().map(String::as_str));
        let message = format!("nobody decides gates of the kind `{name}`");
        let diagnostic = Diagnostic::error(Code::UnknownGateKind, kind.span, message);
        self.report(match did_you_mean(name, known) {
            Some(meant) => diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(kind.span, meant),
            None => diagnostic
                .help(format!(
                    "let a person decide them; in the configuration: `[gates]` and below it `{name} = \"human\"`"
                ))
                .note(format!("known are {}", OWN_KINDS.join(", "))),
        });
    }

    fn quality_gate(&mut self, attributes: &'a [Attribute], scope: &Scope<'a>) {
        if let Some(threshold) = value(attributes, "threshold")
            && let Some(number) = self.whole(threshold)
            && number > 100
        {
            let message = format!("a threshold is from 0 to 100, not {number}");
            let diagnostic = Diagnostic::error(Code::WrongValue, threshold.span, message);
            self.report(diagnostic.help("the confidence that it is compared with is at most 100"));
        }
        let Some((source, place)) = value(attributes, "source").and_then(word) else {
            return;
        };
        if let Some(diagnostic) = self.missing_step(&source, place, scope) {
            return self.report(diagnostic);
        }
        if self.output_lacks(&source, scope, "confidence") {
            let message = format!("the output of `{source}` has no `confidence`, so that it counts as 0");
            let diagnostic = Diagnostic::warning(Code::UnknownMember, place, message);
            self.report(diagnostic.help("add `confidence: number` to its schema"));
        }
    }

    fn whole(&self, value: &Value) -> Option<i64> {
        match &value.kind {
            ValueKind::Number(number) => match number.value {
                NumberValue::Int(number) => Some(number),
                NumberValue::Double(_) => None,
            },
            ValueKind::Text(text) => text.plain.trim().parse().ok(),
            _ => None,
        }
    }

    /// Reports options that nobody could choose from: a list, a map of values and labels, or `STEP.FIELD`.
    fn options(&mut self, options: &'a Value, scope: &Scope<'a>) {
        match &options.kind {
            ValueKind::List(list) => {
                if list.items.is_empty() {
                    return self.error(Code::WrongValue, options.span, "there is nothing to choose from");
                }
                let mut seen = BTreeSet::new();
                for item in &list.items {
                    let chosen = match &item.value.kind {
                        ValueKind::Map(map) => self.labelled(map),
                        ValueKind::List(_) => {
                            let message = "an option is a text, or a map with `value` and `label`";
                            self.error(Code::WrongValue, item.value.span, message);
                            None
                        }
                        _ => word(&item.value),
                    };
                    if let Some((chosen, place)) = chosen
                        && !seen.insert(chosen.clone())
                    {
                        self.error(Code::WrongValue, place, format!("`{chosen}` can be chosen twice"));
                    }
                }
            }
            ValueKind::Map(map) if map.entries.is_empty() => {
                self.error(Code::WrongValue, options.span, "there is nothing to choose from");
            }
            ValueKind::Path(_) | ValueKind::Text(_) => self.options_of_step(options, scope),
            ValueKind::Number(_) | ValueKind::Duration(_) | ValueKind::Code(_) => {
                let message = "`options` takes a list, a map of values and labels, or `STEP.FIELD`";
                self.report(
                    Diagnostic::error(Code::WrongValue, options.span, message)
                        .help("for example `options = [\"now\", \"later\"]`"),
                );
            }
            ValueKind::Map(_) | ValueKind::Expression(_) | ValueKind::Invalid => {}
        }
    }

    /// Returns where the options come from; `STEP.FIELD` is a field of an output.
    pub(super) fn options_value(&mut self, options: &'a Value, scope: &Scope<'a>) -> Option<ValueSource> {
        let written = word(options).map(|(text, _)| text);
        let path = written.as_deref().and_then(|text| text.split_once('.'));
        match path.filter(|(step, field)| is_name(step) && is_name(field)) {
            Some((step, field)) => Expression::parse(&format!("steps.{step}.output.{field}"))
                .ok()
                .map(ValueSource::Expression),
            None => self.value(options, scope),
        }
    }

    fn labelled(&mut self, map: &'a Map) -> Option<(String, Span)> {
        for entry in &map.entries {
            if !matches!(entry.key.text.as_str(), "value" | "label") {
                let message = format!("an option has no `{}`", entry.key.text);
                self.report(
                    Diagnostic::error(Code::WrongValue, entry.key.span, message).help("it has `value` and `label`"),
                );
                return None;
            }
        }
        let chosen = map.get("value");
        if chosen.is_none() {
            let message = "an option needs a `value`";
            self.report(
                Diagnostic::error(Code::WrongValue, map.span, message).help("write `{ value = \"x\"  label = \"…\" }`"),
            );
        }
        word(chosen?)
    }

    /// Reports `STEP.FIELD` of a step that cannot have run or a field that its output does not have.
    fn options_of_step(&mut self, options: &'a Value, scope: &Scope<'a>) {
        let Some((text, place)) = word(options) else { return };
        if text.contains("{{") {
            return;
        }
        let Some((step, field)) = text.split_once('.').filter(|(_, field)| !field.contains('.')) else {
            let message = format!("`{text}` is no list of options and no `STEP.FIELD`");
            self.report(
                Diagnostic::error(Code::WrongValue, place, message)
                    .help("write `[\"a\", \"b\"]`, or name a step and a field"),
            );
            return;
        };
        if let Some(diagnostic) = self.missing_step(step, place, scope) {
            return self.report(diagnostic);
        }
        if self.output_lacks(step, scope, field) {
            let message = format!("the output of `{step}` has no `{field}`");
            self.error(Code::UnknownMember, place, message);
        }
    }
}
