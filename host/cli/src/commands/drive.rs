//! Driving a run to its end before the eyes of a person: what `run` and `resume` share.

use crate::arguments::Manner;
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::RunProgress;
use crate::report;
use crate::station::Station;
use crate::talk::{DIM, Look, Sign, print, say};
use crate::watch::Watcher;
use cofferdam_engine::RunId;
use cofferdam_runtime::{DEFAULT_GRACE, Driven, Driving};
use cofferdam_store::{Definition, RunLog};
use std::sync::Arc;
use std::time::Duration;

/// How long guests may take to stop after ctrl-c.
const GRACE: Duration = DEFAULT_GRACE;
/// How often the live tree is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// Waits until a run ends or is interrupted, and says what came of it.
pub(crate) async fn to_the_end(
    station: &Station,
    manner: &Manner,
    driving: Driving,
    watcher: Arc<Watcher>,
    definition: &Definition,
    log: &Arc<dyn RunLog>,
) -> Outcome {
    let look = station.look;
    let run = driving.run;
    let short = watcher.short().to_owned();
    let controller = driving.controller();
    let mut frames = tokio::time::interval(FRAME);
    let mut interrupts = 0;
    let waiting = driving.wait();
    tokio::pin!(waiting);
    let driven = loop {
        tokio::select! {
            driven = &mut waiting => break driven,
            _ = frames.tick() => watcher.draw(),
            signal = stop_signal() => {
                signal.map_err(|error| Failure::of(Exit::Internal, error))?;
                interrupts += 1;
                watcher.make_room();
                if interrupts == 1 {
                    say(format!("stopping: guests are asked to stop ({} s; ctrl-c again: at once)", GRACE.as_secs()));
                    controller.interrupt(GRACE).await;
                } else {
                    controller.interrupt(Duration::ZERO).await;
                }
            }
        }
    };
    watcher.finish();
    let (progress, used) = watcher.result();
    let driven = match driven {
        Ok(driven) => driven,
        Err(error) => {
            let failure = Failure::of(Exit::Refused, error);
            return Err(failure.hint(format!(
                "what is recorded is kept; go on with: cofferdam resume {short}"
            )));
        }
    };
    match driven {
        Driven::Interrupted { stopped, .. } => {
            interrupted(&progress, &short, &stopped, &look);
            if manner.json {
                print(report::json(run, definition, &progress, &Default::default()).to_string());
            }
            Ok(Exit::Interrupted)
        }
        Driven::Ended(ended) => {
            let flushes = log.statistics();
            if manner.json {
                print(report::json(run, definition, &progress, ended.metrics()).to_string());
            } else {
                let facts = report::Facts {
                    station,
                    short: &short,
                    definition,
                    memory: used.memory,
                    flushes: flushes.flushes,
                };
                report::say_end(&progress, &facts, log, run, &look).await?;
            }
            Ok(report::exit_of(&progress))
        }
    }
}

/// Says that a run was interrupted and how to go on.
fn interrupted(progress: &RunProgress, short: &str, stopped: &[String], look: &Look) {
    for step in stopped {
        say(format!(
            " {} {step}  {}",
            look.painted_sign(Sign::Stop),
            look.paint(DIM, "stopped, counts as not started")
        ));
    }
    let recorded = crate::talk::counted(progress.completed, "step");
    let verb = if progress.completed == 1 { "is" } else { "are" };
    say("");
    say(format!("interrupted: {recorded} {verb} recorded; nothing is lost"));
    say(format!("  cofferdam resume {short}        go on"));
    say(format!("  cofferdam cancel {short}        give it up (runs `always`)"));
}

/// Waits for ctrl-c or a request to end.
async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// Returns the shortest ending of the id, of six or more digits, that no other run has.
pub(crate) async fn shortest(log: &Arc<dyn RunLog>, run: RunId) -> String {
    let id = run.to_string().replace('-', "");
    for length in 6..=12 {
        let ending = &id[id.len() - length..];
        if log.find(ending).await.is_ok_and(|found| found == run) {
            return ending.to_owned();
        }
    }
    // A run that is not recorded yet cannot be looked up.
    id[id.len() - 6..].to_owned()
}
