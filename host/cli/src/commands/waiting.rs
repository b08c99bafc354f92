//! What does a parked run wait for, in words, and what ends the wait?

use crate::failure::{Exit, Failure};
use crate::talk::{Look, Sign, WAITING, harmless};
use crate::tree::day_and_time;
use cofferdam_engine::{Event, Orphan, Plan, Recorded, RunId, RunStatus, StepReference, Timestamp, Waiting};
use serde_json::{Value, json};

/// Why a run is parked.
#[derive(Clone, Debug, Default)]
pub(super) struct Parked {
    /// Everything that it waits for, in the order of the text.
    pub(super) waiting: Vec<Waiting>,
    /// When it was paused, why, and by whom, if it is.
    pub(super) pause: Option<(Timestamp, String, Option<String>)>,
}

/// Returns why the run that `events` amount to is parked.
pub(super) fn parked(run: RunId, plan: &Plan, events: &[Recorded]) -> Result<Parked, Failure> {
    let orphan = Orphan::restore(run, plan, events).map_err(|error| Failure::of(Exit::Invalid, error))?;
    let pause = events.iter().rev().find_map(|recorded| match &recorded.event {
        Event::RunPaused { reason, cause } => Some(Some((recorded.at, reason.clone(), cause.by.clone()))),
        Event::RunResumed { .. } | Event::RunRetried { .. } => Some(None),
        _ => None,
    });
    Ok(Parked {
        waiting: orphan.look().waiting(plan),
        pause: pause.flatten(),
    })
}

/// Returns what is said of a run that was left waiting.
pub(super) fn lines(status: RunStatus, waiting: &[Waiting], short: &str, look: &Look) -> Vec<String> {
    if status == RunStatus::Paused {
        return vec![
            format!("paused: run {short} starts nothing until it is resumed"),
            format!("  cofferdam resume {short}"),
        ];
    }
    let mut lines = Vec::new();
    for wait in waiting {
        lines.push(format!(
            " {} {}",
            look.painted_sign(Sign::Wait),
            look.paint(WAITING, &in_words(wait))
        ));
    }
    for wait in waiting {
        lines.extend(remedy(wait, short));
    }
    if waiting.iter().all(is_time) {
        lines.push(format!(
            "waiting: run {short} goes on by itself where a host is at work:"
        ));
        lines.push("  cofferdam work".to_owned());
        lines.push(format!("  cofferdam resume {short}"));
    }
    lines
}

/// Returns whether nobody has to do anything for this wait to end.
pub(super) fn is_time(wait: &Waiting) -> bool {
    matches!(wait, Waiting::Time { .. } | Waiting::Attempt { .. })
}

pub(super) fn in_words(wait: &Waiting) -> String {
    match wait {
        Waiting::Gate {
            name,
            kind,
            approvals,
            min_approvals,
            until,
            ..
        } => {
            let have = match min_approvals {
                0 | 1 => String::new(),
                least => format!(", {} of {least} approvals", approvals.len()),
            };
            format!("{name}  {kind}{}{have}", deadline(*until))
        }
        Waiting::Signal {
            at,
            topic,
            correlation,
            until,
            ..
        } => {
            let of = correlation
                .as_ref()
                .map_or_else(String::new, |text| format!(" for `{}`", harmless(text)));
            format!("{}  `{}`{of}{}", name(at), harmless(topic), deadline(*until))
        }
        Waiting::Time { at, until, .. } => format!("{}  until {}", name(at), day_and_time(*until)),
        Waiting::Attempt { at, number, until } => {
            format!("{}  attempt {number} at {}", name(at), day_and_time(*until))
        }
    }
}

fn deadline(until: Option<Timestamp>) -> String {
    until.map_or_else(String::new, |until| format!(", until {}", day_and_time(until)))
}

fn name(at: &StepReference) -> &str {
    let path = at.step.as_str();
    path.rsplit('/').next().unwrap_or(path)
}

pub(super) fn remedy(wait: &Waiting, short: &str) -> Vec<String> {
    match wait {
        Waiting::Gate { name, options, .. } => {
            let select = match options.first() {
                Some(option) => format!(" [--select {}]", harmless(&option.value)),
                None => String::new(),
            };
            vec![
                format!("waiting: gate `{name}` of run {short} needs a decision"),
                format!("  cofferdam approve {short} {name}{select} [--feedback TEXT]"),
                format!("  cofferdam reject  {short} {name} [--feedback TEXT]"),
            ]
        }
        Waiting::Signal { topic, correlation, .. } => {
            let of = correlation
                .as_ref()
                .map_or_else(String::new, |text| format!(" --correlation '{}'", harmless(text)));
            vec![
                format!("waiting: run {short} needs to be told of `{}`", harmless(topic)),
                format!("  cofferdam signal {short} {}{of} [--data JSON]", harmless(topic)),
            ]
        }
        Waiting::Time { .. } | Waiting::Attempt { .. } => Vec::new(),
    }
}

/// Returns the form of `waiting` in `run --json`.
pub(crate) fn json(waiting: &[Waiting]) -> Value {
    let since = |since: &Timestamp| since.to_string();
    let until = |until: &Option<Timestamp>| until.map(|until| until.to_string());
    let list = waiting.iter().map(|wait| match wait {
        Waiting::Gate {
            at,
            name,
            kind,
            prompt,
            options,
            shown,
            form,
            approvals,
            min_approvals,
            since: from,
            until: deadline,
        } => json!({
            "for": "gate", "step": at.step, "iteration": at.occurrence.iterations(), "gate": name, "kind": kind,
            "prompt": prompt, "options": options, "shown": shown, "form": form, "approvals": approvals,
            "min_approvals": min_approvals, "since": since(from), "until": until(deadline),
        }),
        Waiting::Signal {
            at,
            topic,
            correlation,
            since: from,
            until: deadline,
        } => json!({
            "for": "signal", "step": at.step, "iteration": at.occurrence.iterations(), "topic": topic,
            "correlation": correlation, "since": since(from), "until": until(deadline),
        }),
        Waiting::Time {
            at,
            since: from,
            until: time,
        } => json!({
            "for": "time", "step": at.step, "iteration": at.occurrence.iterations(), "since": since(from),
            "until": time.to_string(),
        }),
        Waiting::Attempt {
            at,
            number,
            until: time,
        } => json!({
            "for": "attempt", "step": at.step, "iteration": at.occurrence.iterations(), "attempt": number,
            "until": time.to_string(),
        }),
    });
    Value::Array(list.collect())
}
