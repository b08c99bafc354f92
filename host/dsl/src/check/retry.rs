//! What `retries` and `retry { }` ask for, and whether it makes sense (LANGUAGE rule R48).

use super::Checker;
use super::attribute::{value, word, words};
use crate::ast::{Attribute, Map, ValueKind, find_attribute};
use crate::catalog::ActionEntry;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use cofferdam_engine::FailureClass;
use cofferdam_engine::plan::{OnLost, RetryPolicy};

/// The classes of attempts that were cut off: what they had done by then nobody knows.
const CUT_OFF: [FailureClass; 3] = [FailureClass::Timeout, FailureClass::Trap, FailureClass::Limit];

impl<'a> Checker<'a> {
    /// Returns the policy of a step.
    pub(super) fn retry(&mut self, attributes: &'a [Attribute]) -> Option<RetryPolicy> {
        if let Some(policy) = value(attributes, "retry") {
            let ValueKind::Map(map) = &policy.kind else { return None };
            return self.retry_block(map);
        }
        let Some(retries) = value(attributes, "retries") else {
            return Some(RetryPolicy::default());
        };
        let attempts = self.count(retries, "retries")?.checked_add(1);
        if attempts.is_none() {
            self.error(Code::WrongValue, retries.span, "so many retries cannot be counted");
        }
        attempts.map(RetryPolicy::times)
    }

    fn retry_block(&mut self, map: &'a Map) -> Option<RetryPolicy> {
        let defaults = RetryPolicy::block_defaults();
        let read = |key: &str| map.get(key);
        let policy = RetryPolicy {
            attempts: match read("attempts") {
                Some(value) => self.count(value, "attempts")?,
                None => defaults.attempts,
            },
            backoff: match read("backoff") {
                Some(value) => self.duration(value, "backoff")?,
                None => defaults.backoff,
            },
            factor: match read("factor") {
                Some(value) => self.number(value, "factor")?,
                None => defaults.factor,
            },
            max: match read("max") {
                Some(value) => self.duration(value, "max")?,
                None => defaults.max,
            },
            jitter: match read("jitter") {
                Some(value) => self.number(value, "jitter")?,
                None => defaults.jitter,
            },
            on: self.classes(map, "on"),
            never: self.classes(map, "never").unwrap_or(defaults.never),
        };
        let mut refuse = |key: &str, message: String| {
            let span = read(key).map_or(map.span, |value| value.span);
            self.error(Code::WrongValue, span, message);
        };
        if policy.attempts == 0 {
            refuse(
                "attempts",
                "there is at least one attempt: `attempts` counts the first one too".to_owned(),
            );
        }
        if policy.factor < 1.0 {
            refuse(
                "factor",
                format!("the waits cannot shrink: `factor` is at least 1, not {}", policy.factor),
            );
        }
        if !(0.0..=1.0).contains(&policy.jitter) {
            refuse(
                "jitter",
                format!("`jitter` is a share from 0 to 1, not {}", policy.jitter),
            );
        }
        // Without an own `max` a long backoff is meant as it is written.
        let max = if read("max").is_none() {
            policy.max.max(policy.backoff)
        } else {
            policy.max
        };
        if max < policy.backoff {
            refuse(
                "max",
                "the longest wait `max` is shorter than the first one, `backoff`".to_owned(),
            );
        }
        self.overlap(map, &policy);
        if let Some((exhausted, span)) = read("on_exhausted").and_then(word)
            && exhausted == "pause"
        {
            self.not_yet(span, "`on_exhausted = pause`");
        }
        Some(RetryPolicy { max, ..policy })
    }

    /// Reports a policy that repeats an action which must not be done twice although nobody knows what it had done.
    pub(super) fn unsafe_retry(&mut self, attributes: &[Attribute], policy: &RetryPolicy, entry: &ActionEntry) {
        if entry.on_lost == OnLost::Redeliver || policy.attempts < 2 {
            return;
        }
        let is_retried = |class: &FailureClass| {
            let asked = policy.on.as_ref().is_none_or(|on| on.contains(class));
            asked && !policy.never.contains(class)
        };
        let classes: Vec<String> = CUT_OFF
            .iter()
            .filter(|class| is_retried(class))
            .map(|class| format!("`{class}`"))
            .collect();
        let place = ["retry", "retries"]
            .iter()
            .find_map(|key| find_attribute(attributes, key));
        let (Some(place), false) = (place, classes.is_empty()) else {
            return;
        };
        let name = entry.name();
        let message = format!(
            "`{name}` must not be done twice, and this repeats it after {}",
            classes.join(" and ")
        );
        let attempts = policy.attempts;
        self.report(
            Diagnostic::warning(Code::UnsafeRetry, place.key.span, message)
                .help(format!(
                    "repeat it after failures that it reports: `retry {{ attempts = {attempts}  on = [transient] }}`"
                ))
                .note(format!(
                    "`{name}` says of itself that a lost attempt is not repeated (`on-lost` in its descriptor)"
                )),
        );
    }

    fn classes(&mut self, map: &Map, key: &str) -> Option<Vec<FailureClass>> {
        let value = map.get(key)?;
        let mut classes: Vec<FailureClass> = Vec::new();
        for (word, _) in words(value) {
            // Unknown words are reported by the tables of attributes.
            let class = FailureClass::from_word(&word)?;
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
        if classes.is_empty() && key == "on" {
            let message = "an empty `on` means that nothing is tried again";
            self.report(Diagnostic::error(Code::WrongValue, value.span, message).help("name a class, or remove `on`"));
        }
        Some(classes)
    }

    fn overlap(&mut self, map: &Map, policy: &RetryPolicy) {
        let (Some(on), Some(_), Some(never)) = (&policy.on, map.get("never"), map.get("on")) else {
            return;
        };
        let span: Span = never.span;
        if let Some(class) = on.iter().find(|class| policy.never.contains(class)) {
            let message = format!("`{class}` cannot be both in `on` and in `never`");
            self.error(Code::WrongValue, span, message);
        }
    }
}
