//! `cofferdam resume`: goes on with a run that nobody drives.

use super::control;
use super::drive::shortest;
use super::find_run;
use super::take_up::{note, ready, set_aside};
use crate::arguments::{Manner, Resume};
use crate::equipment::Unequipped;
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Station;
use cofferdam_engine::RunStatus;
use cofferdam_store::ClaimError;

/// Goes on with a run.
pub(crate) async fn resume(station: &Station, manner: &Manner, arguments: &Resume) -> Outcome {
    let log = station.existing_log()?;
    let id = find_run(&log, &arguments.run).await?;
    let short = shortest(&log, id).await;
    let summary = log.run(id).await.map_err(|error| Failure::of(Exit::Internal, error))?;
    if summary
        .as_ref()
        .is_some_and(|summary| summary.status == RunStatus::Paused)
    {
        return control::resume(station, manner, &arguments.run).await;
    }
    let ready = match ready(station, &log, id, &short).await {
        Err(Unequipped { failure, lacks }) => {
            if let Some(lacks) = lacks {
                let claim = log.claim(id).await.map_err(|error| refused(&short, error))?;
                set_aside(&log, claim, lacks).await?;
            }
            return Err(failure);
        }
        Ok(ready) => ready,
    };
    let claim = log.claim(id).await.map_err(|error| refused(&short, error))?;
    let note = note(station, summary.as_ref());
    let (driving, scene) = ready.drive(station, manner, claim, &note).await?;
    scene.to_the_end(driving).await
}

fn refused(short: &str, error: ClaimError) -> Failure {
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
            Failure::new(
                Exit::Refused,
                format!("run {short} {word}; there is nothing to go on with"),
            )
            .code("CF0722")
            .hint(format!("look at it: cofferdam show {short}"))
            .hint(match status {
                RunStatus::Completed => format!("to do it again from a step: cofferdam retry {short} --from STEP"),
                _ => format!("to start from its results: cofferdam retry {short}"),
            })
        }
        ClaimError::Owned { pid, .. } => {
            let failure = Failure::new(Exit::Refused, format!("run {short} is being driven by process {pid}"));
            failure
                .code("CF0723")
                .hint("wait for it, or interrupt that process first")
        }
        ClaimError::Newer { .. } | ClaimError::Unreadable { .. } => Failure::of(Exit::Invalid, error),
        ClaimError::Store { .. } => Failure::of(Exit::Internal, error),
    }
}
