//! What is said of a run when it is over: outputs, the failure with its place, and what to do next.

mod denial;

pub(crate) use denial::{Denial, Denied};

use crate::diagnostics::{Placed, draw_failure};
use crate::failure::{Exit, Failure};
use crate::progress::{RunProgress, StepState, detail, name};
use crate::station::Station;
use crate::talk::{BAD, GOOD, Look, WAITING, counted, duration, harmless, print, say, size};
use cofferdam_engine::event::Metrics;
use cofferdam_engine::plan::{Node, NodeKind};
use cofferdam_engine::{Data, Ending, FailureClass, RunId};
use cofferdam_store::{Definition, LogLevel, RunLog};
use cofferdam_wasm::LimitName;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What is said of a run besides its steps.
pub(crate) struct Facts<'a> {
    /// Where it ran.
    pub(crate) station: &'a Station,
    /// The shortest ending of its id.
    pub(crate) short: &'a str,
    /// What it executed.
    pub(crate) definition: &'a Definition,
    /// The most memory that one of its guests had, in bytes.
    pub(crate) memory: u64,
    /// How often the disk was waited for.
    pub(crate) flushes: u64,
}

/// Warns of variables that nothing gave a value: in files without an edition no error comes of them (rule R32).
pub(crate) fn say_missing(progress: &RunProgress, facts: &Facts<'_>, look: &Look) {
    for (_, node, step) in progress.steps().filter(|(_, _, step)| !step.missing.is_empty()) {
        let names: Vec<String> = step.missing.iter().map(|name| format!("`{{{{{name}}}}}`")).collect();
        say(format!(
            "{}: step `{}`: nothing gives {} a value, nothing stands in its place",
            look.paint(WAITING, "warning"),
            name(node),
            names.join(", ")
        ));
        say(format!(
            "  --> {}:{}",
            harmless(&facts.definition.file),
            node.place.line
        ));
    }
}

/// Says how a run ended: its outputs to stdout, the rest to stderr.
pub(crate) async fn say_end(
    progress: &RunProgress,
    facts: &Facts<'_>,
    log: &Arc<dyn RunLog>,
    run: RunId,
    look: &Look,
) -> Result<(), Failure> {
    let Some(ending) = &progress.ending else { return Ok(()) };
    let took = progress
        .started_at
        .map_or(0, |started| millis(progress.last_at.since(started)));
    say_missing(progress, facts, look);
    say_failure(progress, facts, log, run, look).await?;
    say("");
    let steps = counted(progress.completed, "step");
    let dot = if look.signs { "·" } else { "-" };
    match ending {
        Ending::Completed => {
            let mut parts = vec![
                format!("{} in {}", look.paint(GOOD, "done"), duration(took)),
                steps,
                counted(facts.flushes, "flush").replace("flushs", "flushes"),
            ];
            if progress.kept > 0 {
                parts.insert(2, format!("{} of them kept", progress.kept));
            }
            if facts.memory > 0 {
                parts.push(format!("at most {} in the sandboxes", size(facts.memory)));
            }
            say(parts.join(&format!(" {dot} ")));
        }
        Ending::Failed { .. } => {
            let failed = progress.failed.max(1);
            say(format!(
                "{} in {} {dot} {steps} done, {failed} failed",
                look.paint(BAD, "failed"),
                duration(took)
            ));
        }
        Ending::Cancelled { reason } => say(format!(
            "cancelled after {} {dot} {steps} done {dot} {reason}",
            duration(took)
        )),
        Ending::Killed { reason } => say(format!(
            "killed after {} {dot} {steps} done {dot} {reason}",
            duration(took)
        )),
    }
    say_outputs(progress);
    Ok(())
}

/// Says why a run failed, if it did: the place, the class, what the guest said, what to do.
pub(crate) async fn say_failure(
    progress: &RunProgress,
    facts: &Facts<'_>,
    log: &Arc<dyn RunLog>,
    run: RunId,
    look: &Look,
) -> Result<(), Failure> {
    let Some(Ending::Failed { step, failure }) = &progress.ending else {
        return Ok(());
    };
    let node = progress.plan.find(step).map(|index| progress.plan.node(index));
    let (lines, dropped) = match log.log_lines(run, Some(step.clone())).await {
        Ok(lines) => (lines.lines, lines.dropped),
        Err(error) => return Err(Failure::of(Exit::Internal, error)),
    };
    let worst: Vec<String> = lines
        .iter()
        .rev()
        .filter(|line| line.level >= LogLevel::Info)
        .take(4)
        .map(|line| harmless(&line.message))
        .collect();
    let mut worst: Vec<String> = worst.into_iter().rev().collect();
    if dropped > 0 {
        worst.push(format!("({} dropped)", counted(dropped, "line")));
    }
    say("");
    say(failed(progress, facts, step.as_str(), node, failure, &worst, look));
    Ok(())
}

/// Prints the declared outputs as data, in the order in which they are declared.
pub(crate) fn say_outputs(progress: &RunProgress) {
    let Some(declared) = &progress.plan.parts().outputs else {
        return;
    };
    let width = declared.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, _) in declared {
        // After a failure, what could not be evaluated is null and says nothing.
        let completed = matches!(progress.ending, Some(Ending::Completed));
        if let Some(value) = progress.outputs.get(name).filter(|value| completed || !value.is_null()) {
            print(format!("  {name:width$}  {}", harmless(&value.to_json())));
        }
    }
}

fn failed(
    progress: &RunProgress,
    facts: &Facts<'_>,
    step: &str,
    node: Option<&Node>,
    failure: &cofferdam_engine::Failure,
    said: &[String],
    look: &Look,
) -> String {
    let first = harmless(failure.message.lines().next().unwrap_or_default());
    let denial = match (node.map(|node| &node.kind), Denied::of(failure)) {
        (Some(NodeKind::Call(call)), Some(denied)) => {
            let again = format!("cofferdam run {}", harmless(&facts.definition.file));
            Some(Denial::of(facts.station, &call.action.plugin, denied, &again))
        }
        _ => None,
    };
    let title = match &denial {
        Some(denial) => denial.title.clone(),
        None => format!("step `{}` failed: {first}", node.map_or(step, name)),
    };
    let attempts = progress
        .plan
        .find(&cofferdam_engine::StepPath::new(step))
        .and_then(|index| progress.step(index))
        .map_or(1, |step| step.attempt.max(1));
    let allowed = match node.map(|node| &node.kind) {
        Some(NodeKind::Call(call)) => call.retry.attempts,
        _ => 1,
    };
    let what = node.map(detail).unwrap_or_default();
    let dot = if look.signs { "·" } else { "-" };
    let mut label = vec![];
    if matches!(node.map(|node| &node.kind), Some(NodeKind::Call(_))) {
        label.push(format!("attempt {attempts} of {allowed}"));
    }
    label.push(match failure.class {
        FailureClass::Denied => "class `denied`: not tried again".to_owned(),
        class => format!("class `{class}`"),
    });
    if !what.is_empty() {
        label.push(what);
    }
    let mut notes: Vec<(&str, String)> = Vec::new();
    if let Some(expression) = failure.details.get("expression").and_then(Data::as_text) {
        notes.push(("value", expression.to_owned()));
    }
    let stderr = failure
        .details
        .get("stderr")
        .and_then(Data::as_text)
        .unwrap_or_default();
    // The title tells of the panic already.
    let stderr = match failure.class {
        FailureClass::Trap => stderr.split("\nthread '").next().unwrap_or(stderr),
        _ => stderr,
    };
    let stderr = if stderr.starts_with("thread '") && failure.class == FailureClass::Trap {
        ""
    } else {
        stderr
    };
    let tail: Vec<&str> = stderr.lines().rev().take(6).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    if !tail.is_empty() {
        notes.push(("log", tail.join("\n")));
    } else if !said.is_empty() && failure.class != FailureClass::Trap {
        notes.push(("log", said.join("\n")));
    }
    let limit = failure.details.get("limit").and_then(Data::as_text);
    if let (FailureClass::Limit, Some(limit), Some(NodeKind::Call(call))) = (
        failure.class,
        limit.and_then(LimitName::from_setting),
        node.map(|node| &node.kind),
    ) {
        let configuration = &facts.station.configuration;
        let plugin = &call.action.plugin;
        let source = configuration.limit_source(Some(progress.plan.name()), plugin, limit);
        let largest = limit.row().display(limit.row().maximum);
        let setting = limit.row().setting;
        notes.push((
            "limit",
            format!("`{setting}` is set by: {source}; its largest value is {largest}"),
        ));
    }
    let kept: Vec<&str> = progress
        .steps()
        .filter(|(_, node, step)| matches!(node.kind, NodeKind::Call(_)) && step.state == StepState::Completed)
        .map(|(_, node, _)| name(node))
        .collect();
    if !kept.is_empty() {
        notes.push(("kept", kept.join(", ")));
    }
    let next = match denial {
        Some(denial) => {
            if !denial.granted.is_empty() {
                notes.push((
                    "granted",
                    denial.granted.join(
                        "
",
                    ),
                ));
            }
            denial.next.join(
                "
",
            )
        }
        None if said.is_empty() => format!("cofferdam show {}", facts.short),
        None => format!(
            "cofferdam logs {0} {1} {dot} cofferdam show {0}",
            facts.short,
            node.map_or(step, |node| node.path.as_str())
        ),
    };
    notes.push(("next", next));
    let place = node.map(|node| node.place).unwrap_or_default();
    let code = match failure.class {
        FailureClass::Denied => "CF0610",
        FailureClass::Trap => "CF0711",
        FailureClass::Limit => "CF0712",
        FailureClass::Timeout => "CF0713",
        FailureClass::Expression => "CF0714",
        _ => "CF0710",
    };
    draw_failure(
        &Placed {
            code,
            title: &title,
            file: &facts.definition.file,
            text: &facts.definition.source,
            place: (place.line as usize, place.column as usize, place.length as usize),
            label: &label.join(&format!(" {dot} ")),
            facts: &notes,
        },
        look,
    )
}

/// Returns the exit code for how a run ended.
pub(crate) fn exit_of(progress: &RunProgress) -> Exit {
    match &progress.ending {
        Some(Ending::Completed) => Exit::Done,
        Some(Ending::Failed { .. }) => Exit::RunFailed,
        Some(Ending::Cancelled { .. } | Ending::Killed { .. }) => Exit::RunCancelled,
        None => Exit::Interrupted,
    }
}

/// Returns the one object that `run --json`, `resume --json` and `show --json` print.
pub(crate) fn json(run: RunId, definition: &Definition, progress: &RunProgress, metrics: &Metrics) -> Value {
    let mut steps = Map::new();
    for (_, node, step) in progress.steps() {
        let Some(key) = &node.key else { continue };
        let mut shown = json!({
            "status": step.word(),
            "path": node.path,
            "output": step.output,
            "markers": step.markers,
            "attempts": step.attempt,
            "deliveries": step.entered,
            "started_at": step.started_at.to_string(),
            "ended_at": step.ended_at.map(|at| at.to_string()),
        });
        if !step.missing.is_empty() {
            shown["missing"] = json!(step.missing);
        }
        if let StepState::Failed(failure) = &step.state {
            shown["error"] = json!({ "class": failure.class, "message": failure.message });
        }
        if !step.occurrence.is_empty() {
            shown["iteration"] = json!(step.occurrence.innermost());
        }
        steps.insert(key.to_string(), shown);
    }
    let status = match &progress.ending {
        Some(Ending::Completed) => "completed",
        Some(Ending::Failed { .. }) => "failed",
        Some(Ending::Cancelled { .. }) => "cancelled",
        Some(Ending::Killed { .. }) => "killed",
        None => "interrupted",
    };
    let took = progress
        .started_at
        .map_or(0, |started| millis(progress.last_at.since(started)));
    let mut object = json!({
        "run": run,
        "workflow": &*definition.workflow,
        "status": status,
        "outputs": progress.outputs,
        "steps": steps,
        "duration_ms": took,
        "metrics": metrics,
    });
    if let Some(Ending::Failed { step, failure }) = &progress.ending {
        object["error"] =
            json!({ "step": step, "class": failure.class, "message": failure.message, "details": failure.details });
    }
    object
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
