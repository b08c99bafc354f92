//! Driving a run to its end before the eyes of a person: what `run` and `resume` share.

use super::ask::{self, Reply};
use super::control::user;
use super::waiting;
use crate::arguments::Manner;
use crate::failure::{Exit, Failure, Outcome, not_driven};
use crate::progress::RunProgress;
use crate::report;
use crate::station::Station;
use crate::talk::{DIM, Look, Sign, print, say};
use crate::tree::day_and_time;
use crate::watch::Watcher;
use cofferdam_engine::{Plan, Run, RunId, RunStatus, Waiting};
use cofferdam_runtime::{DriveError, Driven, Driving, Host, ResumeError, now};
use cofferdam_store::{ClaimError, Definition, NewMessage, RunLog, StoreError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often a run that waits for a time is looked at, for what others do with it.
const LOOK: Duration = Duration::from_millis(250);
/// How often the live tree is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// A run that is driven before the eyes of a person.
pub(crate) struct Scene<'a> {
    pub(crate) station: &'a Station,
    pub(crate) manner: &'a Manner,
    /// The host that drives it.
    pub(crate) host: Host,
    pub(crate) watcher: Arc<Watcher>,
    pub(crate) definition: &'a Definition,
    /// The run that was started earlier under the id that its caller gave this one.
    pub(crate) earlier: OnceLock<RunId>,
}

impl Scene<'_> {
    /// Waits until the run ends, is interrupted, or waits for somebody, and says what came of it.
    ///
    /// A wait for a time is sat out here. Whoever has to decide is asked if there is a terminal.
    pub(crate) async fn to_the_end(&self, mut driving: Driving) -> Outcome {
        let run = driving.run;
        let mut stop = StopSignals::listen()?;
        loop {
            let driven = self.watched(driving, &mut stop).await?;
            let driven = match driven {
                Ok(driven) => driven,
                Err(error) => {
                    if let DriveError::Log(refused) = &error
                        && let StoreError::Duplicate { run, .. } = &**refused
                    {
                        self.earlier.get_or_init(|| *run);
                        return Err(Failure::of(Exit::Refused, error));
                    }
                    return Err(self.let_down(run, not_driven(error)).await);
                }
            };
            match driven {
                Driven::Interrupted { stopped, .. } => return Ok(self.interrupted(run, &stopped)),
                Driven::Ended(ended) => return self.ended(run, &ended).await,
                Driven::Parked(parked) => match self.parked(&parked, &mut stop).await? {
                    Some(exit) => return Ok(exit),
                    None => {
                        let observer = Arc::clone(&self.watcher) as Arc<_>;
                        driving = match self.host.resume(run, observer).await {
                            Ok(driving) => driving,
                            Err(ResumeError::Claim(ClaimError::Owned { pid, .. })) => {
                                self.watcher.finish();
                                say(format!("process {pid} carries the run on"));
                                return Ok(Exit::Waiting);
                            }
                            // Somebody else has brought it to its end meanwhile.
                            Err(ResumeError::Claim(ClaimError::Final { status, .. })) => {
                                return Ok(self.ended_elsewhere(status));
                            }
                            Err(error) => return Err(Failure::of(Exit::Internal, error)),
                        };
                    }
                },
            }
        }
    }

    /// Drives on, showing how far the run is; ctrl-c interrupts it.
    async fn watched(&self, driving: Driving, stop: &mut StopSignals) -> Result<Result<Driven, DriveError>, Failure> {
        let controller = driving.controller();
        let mut frames = tokio::time::interval(FRAME);
        let mut interrupts = 0;
        let grace = self.station.configuration.shutdown_grace();
        let run = driving.run;
        let waiting = driving.wait();
        tokio::pin!(waiting);
        let mut broken = self.host.log().broken();
        loop {
            tokio::select! {
                biased;
                driven = &mut waiting => return Ok(driven),
                // Nothing that happens from now on could be recorded (rule C13).
                reason = &mut broken => {
                    return Err(self.let_down(run, Failure::of(Exit::Internal, reason)).await);
                }
                _ = frames.tick() => self.watcher.draw(),
                () = stop.next() => {
                    interrupts += 1;
                    self.watcher.make_room();
                    if interrupts == 1 {
                        say(format!("stopping: guests are asked to stop ({}; ctrl-c again: at once)", seconds(grace)));
                        controller.interrupt(grace).await;
                    } else {
                        controller.interrupt(Duration::ZERO).await;
                    }
                }
            }
        }
    }

    /// Adds how the run goes on, if anything of it was recorded.
    async fn let_down(&self, run: RunId, failure: Failure) -> Failure {
        self.watcher.finish();
        match self.host.log().run(run).await {
            Ok(Some(_)) => failure.hint(format!(
                "what is recorded is kept; go on with: cofferdam resume {}",
                self.watcher.short()
            )),
            Ok(None) => failure.hint("nothing of the run was recorded"),
            // A state that cannot be read says nothing about this run.
            Err(_) => failure,
        }
    }

    fn ended_elsewhere(&self, status: RunStatus) -> Exit {
        self.watcher.finish();
        let short = self.watcher.short();
        say(format!("{} by another process: cofferdam show {short}", status.word()));
        match status {
            RunStatus::Completed => Exit::Done,
            RunStatus::Cancelled | RunStatus::Killed => Exit::RunCancelled,
            RunStatus::Failed
            | RunStatus::Running
            | RunStatus::Interrupted
            | RunStatus::Waiting
            | RunStatus::Paused => Exit::RunFailed,
        }
    }

    fn interrupted(&self, run: RunId, stopped: &[String]) -> Exit {
        self.watcher.finish();
        let (progress, _) = self.watcher.result();
        let short = self.watcher.short();
        interrupted(&progress, short, stopped, &self.station.look);
        if self.host.log().is_anybody_at_work() {
            say(format!(
                "  cofferdam pause {short}         keep it back: a host is at work and carries it on"
            ));
        }
        if self.manner.json {
            print(report::json(run, self.definition, &progress, &Default::default()).to_string());
        }
        Exit::Interrupted
    }

    async fn ended(&self, run: RunId, ended: &Run) -> Outcome {
        self.watcher.finish();
        let (progress, used) = self.watcher.result();
        let log = self.host.log();
        if self.manner.json {
            print(report::json(run, self.definition, &progress, ended.metrics()).to_string());
        } else {
            let facts = report::Facts {
                station: self.station,
                short: self.watcher.short(),
                definition: self.definition,
                memory: used.memory,
                flushes: log.statistics().flushes,
            };
            report::say_end(&progress, &facts, log, run, &self.station.look).await?;
        }
        Ok(report::exit_of(&progress))
    }

    /// Sees a parked run through to where it can go on; or says what it waits for and returns how to exit.
    async fn parked(&self, run: &Run, stop: &mut StopSignals) -> Result<Option<Exit>, Failure> {
        let plan = Plan::decode(&self.definition.plan).map_err(|error| Failure::of(Exit::Invalid, error))?;
        let waiting = run.waiting(&plan);
        let is_paused = run.status() == RunStatus::Paused;
        if !is_paused && !waiting.is_empty() && waiting.iter().all(waiting::is_time) {
            return self.sit_out(run, stop).await;
        }
        let gate = waiting.iter().find(|wait| matches!(wait, Waiting::Gate { .. }));
        if let Some(gate) =
            gate.filter(|_| !is_paused && !self.manner.json && ask::is_anybody_there(&self.station.look))
        {
            self.watcher.make_room();
            if let Reply::Decided(request) = ask::ask(gate, &self.station.look).await? {
                let message = NewMessage::new(run.id(), now(), user(), request);
                let posted = self.host.log().post(message).await;
                posted.map_err(|error| Failure::of(Exit::Refused, error))?;
                return Ok(None);
            }
        }
        self.watcher.finish();
        let (progress, _) = self.watcher.result();
        let short = self.watcher.short();
        if self.manner.json {
            let mut json = report::json(run.id(), self.definition, &progress, run.metrics());
            json["status"] = run.status().word().into();
            json["waiting"] = waiting::json(&waiting);
            print(json.to_string());
        } else {
            say("");
            let lines = waiting::lines(run.status(), &waiting, short, &self.station.look);
            lines.iter().for_each(say);
        }
        Ok(Some(Exit::Waiting))
    }

    /// Waits for the time that the run waits for; ctrl-c leaves it parked.
    async fn sit_out(&self, run: &Run, stop: &mut StopSignals) -> Result<Option<Exit>, Failure> {
        let Some(until) = run.row().wake_at else {
            return Ok(Some(Exit::Waiting));
        };
        let mut frames = tokio::time::interval(FRAME);
        let mut looks = tokio::time::interval(LOOK);
        loop {
            // By the clock and not by a timer, so that a clock that was set, or a machine that slept, is noticed.
            if until.since(now()).is_zero() {
                return Ok(None);
            }
            tokio::select! {
                _ = frames.tick() => self.watcher.draw(),
                _ = looks.tick() => {
                    let internal = |error| Failure::of(Exit::Internal, error);
                    let summary = self.host.log().run(run.id()).await.map_err(internal)?;
                    // Somebody has cancelled or paused it, or carries it on, or has asked it something.
                    if summary.is_none_or(|summary| summary.version != run.version()) {
                        return Ok(None);
                    }
                }
                () = stop.next() => {
                    self.watcher.finish();
                    let short = self.watcher.short();
                    say(format!("left: run {short} waits until {}", day_and_time(until)));
                    say(format!("  cofferdam resume {short}        go on"));
                    return Ok(Some(Exit::Interrupted));
                }
            }
        }
    }
}

/// Returns a grace as people read it.
pub(super) fn seconds(grace: Duration) -> String {
    if grace.subsec_millis() == 0 {
        format!("{} s", grace.as_secs())
    } else {
        format!("{} ms", grace.as_millis())
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

/// Ctrl-c and requests to end, from when it is made on: one that comes while nobody waits is there for whoever waits next.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// That the terminal is gone; none if whoever started this process wants it to go on then, as `nohup` does.
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::of(Exit::Internal, error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: if is_ignored(rustix::process::Signal::HUP) {
                None
            } else {
                Some(listen(SignalKind::hangup())?)
            },
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            Some(_) = async { self.hangup.as_mut()?.recv().await } => {}
        }
    }
}

/// Returns whether this process was started such that it does not hear `signal` (proc_pid_status(5)).
fn is_ignored(signal: rustix::process::Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
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

#[cfg(test)]
mod tests {
    use super::StopSignals;
    use rustix::process::{Signal, getpid, kill_process};
    use std::time::Duration;

    // row K02
    #[tokio::test]
    async fn a_request_to_end_that_comes_while_nobody_waits_is_not_lost() {
        let mut stop = StopSignals::listen().unwrap();
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let none = tokio::time::timeout(Duration::ZERO, stop.next()).await;
            assert!(none.is_err(), "nobody has asked yet");
            kill_process(getpid(), signal).unwrap();
            tokio::time::timeout(Duration::from_secs(60), stop.next())
                .await
                .expect("it is heard");
        }
    }
}
