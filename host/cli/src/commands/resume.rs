//! `cofferdam resume` and `cofferdam cancel`: take up a run that nobody drives, to go on with it or to give it up.

use super::drive::{shortest, to_the_end};
use super::find_run;
use super::run::{how, state_note};
use crate::arguments::{Cancel, Manner, Resume};
use crate::equipment::{Equipment, plugins_of};
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::RunProgress;
use crate::station::Station;
use crate::tree::{day_and_time, heading};
use crate::watch::Watcher;
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{RunStatus, event::Event};
use cofferdam_runtime::Host;
use cofferdam_store::ClaimError;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Goes on with a run.
pub(crate) async fn resume(station: &Station, manner: &Manner, arguments: &Resume, guests: Handle) -> Outcome {
    take_up(station, manner, &arguments.run, Purpose::GoOn, guests).await
}

/// Gives a run up: its `always` blocks run, and it ends as cancelled.
pub(crate) async fn cancel(station: &Station, manner: &Manner, arguments: &Cancel, guests: Handle) -> Outcome {
    let reason = arguments.reason.clone();
    take_up(station, manner, &arguments.run, Purpose::GiveUp { reason }, guests).await
}

/// What a run is taken up for.
enum Purpose {
    GoOn,
    GiveUp { reason: String },
}

async fn take_up(station: &Station, manner: &Manner, run: &str, purpose: Purpose, guests: Handle) -> Outcome {
    let log = station.existing_log()?;
    let id = find_run(&log, run).await?;
    let short = shortest(&log, id).await;
    let summary = log.run(id).await.map_err(|error| Failure::of(Exit::Internal, error))?;
    station.require_trust()?;
    let sandbox = station.sandbox()?;
    // Claimed only once everything that can refuse without a trace has been asked.
    let definition = log
        .definition(id)
        .await
        .map_err(|error| Failure::of(Exit::Internal, error))?;
    let Some(definition) = definition else {
        return Err(Failure::new(Exit::Usage, format!("run {short} is not recorded")));
    };
    let plan = Arc::new(Plan::decode(&definition.plan).map_err(|error| Failure::of(Exit::Invalid, error))?);
    let plugins = station.plugins_and(&sandbox, plugins_of(&plan)).await?;
    let equipment = Equipment::of(station, &sandbox, &plugins, &plan, &short).await?;
    equipment.require_grants(station, &plan, "nothing was touched; what is recorded is kept")?;
    let executor = equipment.executor(station, &plan)?;
    equipment.keep(station)?;
    let claim = log.claim(id).await.map_err(|error| refused(&short, &purpose, error))?;
    let note = match summary.as_ref().map(|summary| (summary.status, &summary.owner)) {
        Some((RunStatus::Running, Some(owner))) => format!(
            "its host is gone (process {} on this machine), taking over at once",
            owner.pid
        ),
        Some((RunStatus::Interrupted, _)) => {
            let at = claim
                .events
                .iter()
                .rev()
                .find(|recorded| matches!(recorded.event, Event::RunInterrupted { .. }));
            at.map_or_else(String::new, |recorded| {
                format!("interrupted {}", day_and_time(recorded.at))
            })
        }
        _ => state_note(station),
    };
    let mut progress = RunProgress::of(Arc::clone(&plan), &claim.events);
    progress.keep();
    let heading = heading(plan.name(), &short, &note, &station.look);
    let attempts = u32::try_from(station.configuration.attempts()).unwrap_or(u32::MAX);
    let host = Host::new(Arc::clone(&log), Arc::new(executor), attempts, guests);
    let watcher = Arc::new(Watcher::new(
        id,
        short.clone(),
        progress,
        heading,
        station.look,
        how(manner),
        Arc::clone(&log),
    ));
    let observer = Arc::clone(&watcher) as Arc<_>;
    let driving = match purpose {
        Purpose::GoOn => host.take_up(claim, observer),
        Purpose::GiveUp { reason } => host.cancel(claim, reason, observer),
    };
    let driving = driving.map_err(|error| Failure::of(Exit::Invalid, error))?;
    to_the_end(station, manner, driving, watcher, &definition, &log).await
}

fn refused(short: &str, purpose: &Purpose, error: ClaimError) -> Failure {
    let what = match purpose {
        Purpose::GoOn => "go on with",
        Purpose::GiveUp { .. } => "cancel",
    };
    match error {
        ClaimError::NotFound(_) => Failure::of(Exit::Usage, error),
        ClaimError::Final { status, .. } => {
            let word = match status {
                RunStatus::Completed => "completed",
                RunStatus::Failed => "failed",
                RunStatus::Cancelled => "was cancelled",
                RunStatus::Killed => "was killed",
                RunStatus::Running | RunStatus::Interrupted | RunStatus::Waiting | RunStatus::Paused => "is under way",
            };
            Failure::new(Exit::Refused, format!("run {short} {word}; there is nothing to {what}"))
                .code("CF0722")
                .hint(format!("look at it: cofferdam show {short}"))
        }
        ClaimError::Owned { pid, .. } => {
            let failure = Failure::new(Exit::Refused, format!("run {short} is being driven by process {pid}"));
            let failure = failure.code("CF0723");
            match purpose {
                Purpose::GoOn => failure.hint("wait for it, or interrupt that process first"),
                Purpose::GiveUp { .. } => failure.hint(format!(
                    "interrupt that process (kill -INT {pid}), then: cofferdam cancel {short}"
                )),
            }
        }
        ClaimError::Newer { .. } | ClaimError::Unreadable { .. } => Failure::of(Exit::Invalid, error),
        ClaimError::Store { .. } => Failure::of(Exit::Internal, error),
    }
}
