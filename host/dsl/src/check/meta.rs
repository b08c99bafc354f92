//! What `meta` says about a workflow, as far as it concerns a run that is started by hand.

use super::attribute::{word, words};
use super::expression::is_name;
use super::step_table::Scope;
use super::{Checker, schedule};
use crate::ast::{File, ItemKind, Value, ValueKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::{Fragment, Text, TextForm, TextPart};
use cofferdam_engine::Expression;
use cofferdam_engine::expr::references;
use std::time::Duration;

/// What a plan takes from `meta`.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta {
    pub(super) title: Option<String>,
    /// How long a run may take.
    pub(super) timeout: Option<Duration>,
}

impl<'a> Checker<'a> {
    pub(super) fn meta(&mut self, file: &'a File) -> Meta {
        let mut meta = Meta::default();
        for item in &file.items {
            let ItemKind::Meta(map) = &item.kind else { continue };
            for entry in &map.entries {
                match (entry.key.text.as_str(), &entry.value.kind) {
                    ("title", ValueKind::Text(text)) => meta.title = Some(text.plain.clone()),
                    ("title", ValueKind::Path(path)) => meta.title = Some(path.to_text()),
                    ("trigger", _) => {
                        if let Some((trigger, span)) = word(&entry.value)
                            && matches!(trigger.as_str(), "pr" | "scheduled")
                        {
                            let message = format!("`trigger = {trigger}` starts nothing by itself yet");
                            let diagnostic = Diagnostic::warning(Code::NotCarriedOut, span, message);
                            self.report(diagnostic.help("start the workflow by hand: `cofferdam run`"));
                        }
                    }
                    ("timeout", _) => {
                        meta.timeout = self
                            .duration(&entry.value, "timeout")
                            .filter(|timeout| !timeout.is_zero());
                        self.run_timeout = meta.timeout.map(|timeout| (timeout, entry.value.span));
                    }
                    ("targets", _) => self.targets(&entry.value),
                    ("webhook", ValueKind::Map(webhook)) => {
                        if let Some(secret) = webhook.get("secret") {
                            self.secret_name(secret);
                        }
                    }
                    ("schedule", ValueKind::Text(text)) => self.schedule(text),
                    ("timezone", ValueKind::Text(text)) => self.timezone(text),
                    ("concurrency", ValueKind::Map(concurrency)) => {
                        if let Some(key) = concurrency.get("key") {
                            self.concurrency_key(key);
                        }
                    }
                    ("fail_fast", _) => {
                        if let Some((flag, span)) = word(&entry.value)
                            && flag == "false"
                        {
                            self.not_yet(span, "`fail_fast = false` of a whole run");
                        }
                    }
                    _ => {}
                }
            }
        }
        meta
    }

    /// Reports targets that the configuration does not know (capability B10).
    fn targets(&mut self, written: &'a Value) {
        let allowed = &self.options.targets;
        if allowed.is_empty() {
            return;
        }
        for (target, span) in words(written) {
            if allowed.contains(&target) {
                continue;
            }
            let message = format!("there is no target `{target}` in this project");
            let mut diagnostic = Diagnostic::error(Code::UnknownTarget, span, message);
            if let Some(meant) = did_you_mean(&target, allowed.iter().map(String::as_str)) {
                let mend = if is_name(meant) {
                    meant.to_owned()
                } else {
                    format!("\"{meant}\"")
                };
                diagnostic = diagnostic.label(format!("did you mean `{meant}`?")).suggest(span, mend);
            }
            self.report(diagnostic.help(format!("targets are {}", allowed.join(", "))));
        }
    }

    fn schedule(&mut self, text: &'a Text) {
        if let Some(problem) = schedule::problem(&text.plain) {
            let diagnostic = Diagnostic::error(Code::WrongValue, text.span, problem);
            self.report(diagnostic.help("for example `schedule = \"15 3 * * 1-5\"`: at 03:15 from Monday to Friday"));
        }
    }

    fn timezone(&mut self, text: &'a Text) {
        if !schedule::is_timezone(&text.plain) {
            let message = format!("`{}` is no time zone", text.plain);
            let diagnostic = Diagnostic::error(Code::WrongValue, text.span, message);
            self.report(match schedule::timezone_like(&text.plain) {
                Some(meant) => diagnostic
                    .label(format!("did you mean `{meant}`?"))
                    .suggest(text.span, format!("\"{meant}\"")),
                None => diagnostic.help("write the name of the IANA list, such as `\"Europe/Zurich\"` or `\"UTC\"`"),
            });
        }
    }

    /// Checks what a key asks for: it is made before the run begins (LANGUAGE rule R33).
    fn concurrency_key(&mut self, value: &'a Value) {
        let placeholders: Vec<&Fragment> = match &value.kind {
            ValueKind::Text(text) if text.form != TextForm::Raw => text
                .parts
                .iter()
                .filter_map(|part| match part {
                    TextPart::Placeholder(fragment) => Some(fragment),
                    TextPart::Plain(_) => None,
                })
                .collect(),
            ValueKind::Expression(fragment) => vec![fragment],
            _ => return,
        };
        for fragment in placeholders {
            let name = fragment.code.trim();
            let skipped = fragment.code.len() - fragment.code.trim_start().len();
            let is_template = matches!(value.kind, ValueKind::Text(_));
            if is_template && is_name(name) && self.inputs.contains_key(name) {
                continue;
            }
            let roots = Expression::parse(name).map_or_else(|_| Vec::new(), |expression| references(&expression));
            match roots.iter().find(|reference| &*reference.root != "inputs") {
                Some(stranger) => {
                    let range = &stranger.root_range;
                    let span = fragment.locate(skipped + range.start, skipped + range.end);
                    let message = format!(
                        "`{}` is not known here: the key is made before the run begins",
                        stranger.root
                    );
                    let diagnostic = Diagnostic::error(Code::UnknownName, span, message);
                    let inputs = self.inputs.keys().copied();
                    self.report(match did_you_mean(&stranger.root, inputs) {
                        Some(meant) => diagnostic
                            .label(format!("did you mean `{meant}`?"))
                            .suggest(span, meant),
                        None => diagnostic.help("only inputs can stand in it: `{{inputs.NAME}}`"),
                    });
                }
                None => {
                    self.expression(fragment, &Scope::default());
                }
            }
        }
    }
}
