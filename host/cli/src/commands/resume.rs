//! `cofferdam resume`: goes on with a run that was interrupted or lost its host.

use super::drive::{shortest, to_the_end};
use super::find_run;
use super::run::{how, state_note};
use crate::arguments::{Manner, Resume as Arguments};
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
pub(crate) async fn resume(station: &Station, manner: &Manner, arguments: &Arguments, guests: Handle) -> Outcome {
    let log = station.existing_log()?;
    let id = find_run(&log, &arguments.run).await?;
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
    let claim = log.claim(id).await.map_err(|error| refused(&short, error))?;
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
    let driving = host
        .take_up(claim, Arc::clone(&watcher) as Arc<_>)
        .map_err(|error| Failure::of(Exit::Invalid, error))?;
    to_the_end(station, manner, driving, watcher, &definition, &log).await
}

fn refused(short: &str, error: ClaimError) -> Failure {
    match error {
        ClaimError::NotFound(_) => Failure::of(Exit::Usage, error),
        ClaimError::Final { status, .. } => {
            let word = match status {
                RunStatus::Completed => "completed",
                RunStatus::Failed => "failed",
                RunStatus::Cancelled => "was cancelled",
                RunStatus::Running | RunStatus::Interrupted => "is under way",
            };
            Failure::new(
                Exit::Refused,
                format!("run {short} {word}; there is nothing to go on with"),
            )
            .code("CF0722")
            .hint(format!("look at it: cofferdam show {short}"))
        }
        ClaimError::Owned { pid, .. } => {
            Failure::new(Exit::Refused, format!("run {short} is being driven by process {pid}"))
                .code("CF0723")
                .hint("wait for it, or interrupt that process first")
        }
        ClaimError::Newer { .. } | ClaimError::Unreadable { .. } => Failure::of(Exit::Invalid, error),
        ClaimError::Store { .. } => Failure::of(Exit::Internal, error),
    }
}
