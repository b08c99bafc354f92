//! A run that is started a second time under the id that its caller gave it: it is the same run, or a conflict.

use super::drive::shortest;
use super::{history, resume};
use crate::arguments::{Locking, Manner, Resume, Show};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Station;
use crate::talk::{harmless, say};
use cofferdam_engine::{Data, Digest, Event, RunId, RunStatus};
use cofferdam_runtime::Request;
use cofferdam_store::RunLog;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often a run that another process drives is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What was asked for, to be held against what was started.
pub(super) struct Started {
    workflow: String,
    plan: Digest,
    inputs: Data,
    injected: BTreeMap<String, String>,
    dry_run: bool,
}

impl Started {
    /// Returns what `request` asks for.
    pub(super) fn of(request: &Request) -> Self {
        let inputs = request.inputs.iter();
        Self {
            workflow: request.plan.name().to_owned(),
            plan: request.plan.digest(),
            inputs: Data::map(inputs.map(|(name, value)| (name.as_str(), value.clone()))),
            injected: request.injected.clone(),
            dry_run: request.dry_run,
        }
    }

    /// Returns what is different about the other one, in words.
    fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.workflow != other.workflow {
            found.push(format!("it is a run of the workflow `{}`", harmless(&other.workflow)));
        } else if self.plan != other.plan {
            found.push("the workflow, or a plugin that it uses, was different".to_owned());
        }
        let given = |inputs: &Data, name: &str| inputs.get(name).cloned().unwrap_or_default();
        let mut names: Vec<String> = [&self.inputs, &other.inputs]
            .into_iter()
            .filter_map(|inputs| match inputs {
                Data::Map(map) => Some(map.keys().map(ToString::to_string)),
                _ => None,
            })
            .flatten()
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let (now, then) = (given(&self.inputs, &name), given(&other.inputs, &name));
            if now != then {
                let name = harmless(&name);
                found.push(format!(
                    "input `{name}` was {}, now it is {}",
                    shown(&then),
                    shown(&now)
                ));
            }
        }
        if self.injected != other.injected {
            found.push("the variables that the host injects were different".to_owned());
        }
        if self.dry_run != other.dry_run {
            let word = if other.dry_run { "a dry run" } else { "no dry run" };
            found.push(format!("it was {word}"));
        }
        found
    }
}

fn shown(value: &Data) -> String {
    crate::tree::cut(&harmless(&value.to_json()), 60)
}

/// Returns what people call the run that was started earlier as `called`, if it was started with the same.
pub(super) async fn recognised(
    log: &Arc<dyn RunLog>,
    run: RunId,
    called: &str,
    asked: &Started,
) -> Result<String, Failure> {
    let short = shortest(log, run).await;
    let called = harmless(called);
    let differences = asked.differences(&earlier(log, run, &short).await?);
    if !differences.is_empty() {
        let message = format!("`{called}` is run {short}, which was started with something else");
        let failure = Failure::new(Exit::Refused, message).code("CF0727");
        let failure = differences.into_iter().fold(failure, Failure::hint);
        return Err(failure.hint(format!(
            "another run needs another --id; look at this one: cofferdam show {short}"
        )));
    }
    say(format!("`{called}` is run {short}, which was started earlier"));
    Ok(short)
}

/// Gives the caller the run that was started earlier as `called`: its result, or it is followed to its end.
pub(super) async fn join(
    station: &Station,
    manner: &Manner,
    log: &Arc<dyn RunLog>,
    run: RunId,
    called: &str,
    asked: &Started,
) -> Outcome {
    let short = recognised(log, run, called, asked).await?;
    loop {
        let internal = |error| Failure::of(Exit::Internal, error);
        let Some(summary) = log.run(run).await.map_err(internal)? else {
            return Err(Failure::new(Exit::Internal, format!("run {short} is gone")));
        };
        if summary.status.is_final() {
            show(station, manner, run).await?;
            return Ok(match summary.status {
                RunStatus::Completed => Exit::Done,
                RunStatus::Cancelled | RunStatus::Killed => Exit::RunCancelled,
                _ => Exit::RunFailed,
            });
        }
        // Whoever paused it decides when it goes on.
        if summary.status == RunStatus::Paused {
            show(station, manner, run).await?;
            return Ok(Exit::Waiting);
        }
        if summary.owner.as_ref().is_some_and(|owner| owner.alive) {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let arguments = Resume {
            run: run.to_string(),
            locking: Locking::default(),
        };
        match resume::resume(station, manner, &arguments).await {
            // Somebody else was faster.
            Err(failure) if matches!(failure.exit, Exit::Refused) => tokio::time::sleep(LOOK).await,
            outcome => return outcome,
        }
    }
}

async fn show(station: &Station, manner: &Manner, run: RunId) -> Outcome {
    let arguments = Show {
        run: run.to_string(),
        effective: false,
        attempts: false,
    };
    history::show(station, manner, &arguments).await
}

/// Returns what a recorded run was started with.
async fn earlier(log: &Arc<dyn RunLog>, run: RunId, short: &str) -> Result<Started, Failure> {
    let internal = |error| Failure::of(Exit::Internal, error);
    let first = log.events(run, 0, 1).await.map_err(internal)?;
    let Some(Event::RunStarted {
        workflow,
        plan,
        inputs,
        injected,
        dry_run,
    }) = first.into_iter().next().map(|recorded| recorded.event)
    else {
        return Err(Failure::new(Exit::Internal, format!("run {short} has no start")));
    };
    Ok(Started {
        workflow,
        plan,
        inputs: inputs.data().clone(),
        injected,
        dry_run,
    })
}
