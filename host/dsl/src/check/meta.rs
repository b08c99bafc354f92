//! What `meta` says about a workflow, as far as it concerns a run that is started by hand.

use super::Checker;
use super::attribute::{word, words};
use super::expression::is_name;
use crate::ast::{File, ItemKind, Value, ValueKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};

/// What a plan takes from `meta`.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta {
    pub(super) title: Option<String>,
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
                    ("targets", _) => self.targets(&entry.value),
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
}
