//! `cofferdam work`: a host that carries on whatever run can go on.

use super::drive::{StopSignals, seconds, shortest};
use super::take_up::{history, host_of, lack, ready_with, set_aside};
use crate::arguments::{Manner, Progress, Work};
use crate::equipment::Unequipped;
use crate::failure::{Exit, Failure, Outcome, not_driven};
use crate::progress::RunProgress;
use crate::station::{Station, warn_of};
use crate::talk::{counted, print, say};
use crate::tree::day_and_time;
use crate::watch::Watcher;
use cofferdam_engine::{RunId, Timestamp};
use cofferdam_runtime::configuration::short_digest;
use cofferdam_runtime::{Controller, DriveError, Driven, Driving, Host, LiveRegistry, now};
use cofferdam_store::{AtWork, ClaimError, Reason, RunLog, Runnable};
use cofferdam_wasm::{Change, Sandbox};
use futures_util::{StreamExt as _, stream};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// The most runs that are driven at the same time.
const MOST_RUNS: usize = 64;
/// How many runs are taken up at the same time: each waits for the disk, and for its turn, more often than once.
const MOST_AT_ONCE: usize = 16;
/// Of how many events at most the beginning of a run is read, so that its lines know of what was before.
const MOST_TOLD: u64 = 1_000;
/// How often lost hosts are looked for; parked runs and requests announce themselves.
const LOOK: Duration = Duration::from_secs(2);
/// How long a run that could not be prepared is left alone.
const REST: Duration = Duration::from_secs(10);
/// The same for a run that lacks a component whose copy may be put back; a plugin file that is put back is noticed at once.
const REST_OF_LACKING: Duration = Duration::from_secs(5);

/// Carries on runs until it is stopped.
pub(crate) async fn work(station: &Station, manner: &Manner, arguments: &Work) -> Outcome {
    let log = station.log()?;
    let host = host_of(station, &log);
    let sandbox = station.sandbox()?;
    let registry = LiveRegistry::open(sandbox.clone(), station.sources()).await;
    registry.current().problems().iter().for_each(warn_of);
    let json = manner.json;
    registry.follow(&station.guests, move |change| tell(change, json));
    let mut shift = Shift {
        station: station.clone(),
        unreadable: None,
        manner,
        log,
        host,
        sandbox,
        registry,
        told: BTreeMap::new(),
        driving: BTreeMap::new(),
        ends: JoinSet::new(),
        resting: BTreeMap::new(),
        done: 0,
        failed: None,
    };
    if !manner.json {
        say("at work on the runs of this project; ctrl-c stops");
    }
    let sign = shift.log.at_work().map_err(internal)?;
    shift.last(arguments.until_idle, sign).await
}

/// How one run ended, or did not.
type Ended = (RunId, String, Result<Driven, DriveError>);

/// A host at work.
struct Shift<'a> {
    /// The project, as its configuration says by now.
    station: Station,
    /// What was said of a configuration that cannot be used.
    unreadable: Option<String>,
    manner: &'a Manner,
    log: Arc<dyn RunLog>,
    host: Host,
    sandbox: Sandbox,
    registry: LiveRegistry,
    driving: BTreeMap<RunId, Controller>,
    ends: JoinSet<Ended>,
    /// Runs that could not be carried on, with the time until which they are left alone.
    resting: BTreeMap<RunId, Timestamp>,
    /// What was said last of runs that could not be carried on, so that nothing is said twice.
    told: BTreeMap<RunId, String>,
    done: u64,
    /// Why the first run was given up whose log failed.
    failed: Option<Failure>,
}

impl Shift<'_> {
    /// Works until it is told to stop, or has nothing to do if `until_idle`. `sign` tells others that it takes runs on.
    async fn last(&mut self, until_idle: bool, sign: AtWork) -> Outcome {
        let mut sign = Some(sign);
        let mut arrivals = self.log.arrivals();
        let mut plugins = self.registry.changes();
        let mut broken = self.log.broken();
        let shutdown = self.station.configuration.shutdown_grace();
        let mut stop = StopSignals::listen()?;
        let mut interrupts = 0;
        loop {
            let looked = now();
            if interrupts == 0 {
                self.take_on(looked).await?;
            }
            if self.driving.is_empty() && (until_idle || interrupts > 0) {
                tokio::select! {
                    biased;
                    reason = &mut broken => return Err(Failure::of(Exit::Internal, reason)),
                    () = std::future::ready(()) => break,
                }
            }
            // What was due by then was taken on, is left alone for a while, or finds no room. What became due since is due now.
            let wake = self.log.next_wake(looked).await.map_err(internal)?;
            let sleep = wake.map_or(LOOK, |at| at.since(now()).min(LOOK));
            tokio::select! {
                Some(ended) = self.ends.join_next() => self.ended(ended),
                () = arrivals.next() => {}
                // What could not be carried on may have lacked just this.
                Ok(()) = plugins.changed() => self.resting.clear(),
                () = tokio::time::sleep(sleep) => {}
                // Nothing that happens from now on could be recorded: whoever supervises this host starts another (rule C13).
                reason = &mut broken => return Err(Failure::of(Exit::Internal, reason)),
                () = stop.next() => {
                    interrupts += 1;
                    drop(sign.take());
                    let grace = if interrupts == 1 { shutdown } else { Duration::ZERO };
                    if !self.driving.is_empty() && interrupts == 1 {
                        let grace = seconds(grace);
                        say(format!("stopping: guests are asked to stop ({grace}; ctrl-c again: at once)"));
                    }
                    for controller in self.driving.values() {
                        controller.interrupt(grace).await;
                    }
                }
            }
        }
        if !self.manner.json {
            say(format!("{} carried on; nothing is lost", counted(self.done, "run")));
        }
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        Ok(if interrupts > 0 { Exit::Interrupted } else { Exit::Done })
    }

    /// Claims what can go on at `at` and is not driven.
    async fn take_on(&mut self, at: Timestamp) -> Result<(), Failure> {
        let room = MOST_RUNS.saturating_sub(self.driving.len());
        if room == 0 {
            return Ok(());
        }
        self.resting.retain(|_, until| *until > at);
        let claimable = self
            .log
            .claimable(at, room + self.resting.len())
            .await
            .map_err(internal)?;
        let is_free = |runnable: &Runnable| {
            let run = &runnable.run;
            !self.driving.contains_key(run) && !self.resting.contains_key(run)
        };
        let free: Vec<Runnable> = claimable.into_iter().filter(is_free).collect();
        if !free.is_empty() {
            self.read_again().await;
        }
        let free = free.into_iter().map(async |runnable: Runnable| {
            let begun = self.carry_on(runnable.run).await;
            (runnable, begun)
        });
        let taken: Vec<_> = stream::iter(free).buffered(MOST_AT_ONCE).collect().await;
        for (runnable, begun) in taken {
            let run = runnable.run;
            let Unequipped { failure, lacks } = match begun {
                Ok(begun) => {
                    self.told.remove(&run);
                    if let Some((short, driving)) = begun {
                        self.driving.insert(run, driving.controller());
                        self.ends.spawn(async move { (run, short, driving.wait().await) });
                    }
                    continue;
                }
                Err(unequipped) => unequipped,
            };
            let rest = if lacks.is_some() { REST_OF_LACKING } else { REST };
            self.resting.insert(run, at.saturating_add(rest));
            if let Some(lacks) = lacks
                && let Err(unrecorded) = self.set_aside(runnable, lacks).await
            {
                say(format!("that could not be recorded: {:#}", unrecorded.error));
            }
            let message = format!("{:#}", failure.error);
            if self.told.get(&run) != Some(&message) {
                let short = shortest(&self.log, run).await;
                say(format!("run {short} cannot be carried on now: {message}"));
                failure.hints.iter().for_each(|hint| say(format!("  = help: {hint}")));
                self.told.insert(run, message);
            }
        }
        Ok(())
    }

    /// Reads the configuration again, and what was accepted: what it says by now counts for runs that are taken up from here on.
    /// One that cannot be used leaves the one before, and is told once.
    async fn read_again(&mut self) {
        match self.station.again() {
            Ok(station) => {
                for change in self.registry.look_in(station.sources()).await {
                    tell(&change, self.manner.json);
                }
                if self.unreadable.take().is_some() {
                    say("the configuration can be used again");
                }
                self.station = station;
            }
            Err(unreadable) => {
                let reason = unreadable.to_string();
                if self.unreadable.as_ref() == Some(&reason) {
                    return;
                }
                let failure = unreadable.show(&self.station.look);
                say(format!("warning: {:#}; what it said before goes on", failure.error));
                failure.hints.iter().for_each(|hint| say(format!("  = help: {hint}")));
                self.unreadable = Some(reason);
            }
        }
    }

    /// Records what a run lacks, unless that is what its history says already and nothing is asked of it.
    async fn set_aside(&self, runnable: Runnable, lacks: String) -> Result<(), Failure> {
        let Some(summary) = self.log.run(runnable.run).await.map_err(internal)? else {
            return Ok(());
        };
        let is_known = lack(&self.log, &summary).await?.as_ref() == Some(&lacks);
        if is_known && runnable.reason != Reason::Asked {
            return Ok(());
        }
        match self.log.claim(runnable.run).await {
            Ok(claim) => set_aside(&self.log, claim, lacks).await,
            // Another host was faster, and may have what this one has not.
            Err(ClaimError::Owned { .. } | ClaimError::Final { .. } | ClaimError::NotFound(_)) => Ok(()),
            Err(error) => Err(Failure::of(Exit::Invalid, error)),
        }
    }

    /// Takes a run up, and returns what it is called and who drives it; none if another host was faster.
    async fn carry_on(&self, run: RunId) -> Result<Option<(String, Driving)>, Unequipped> {
        let short = shortest(&self.log, run).await;
        let plugins = (&self.sandbox, self.registry.current());
        let ready = ready_with(&self.station, plugins, &self.log, run, &short).await?;
        let claim = match self.log.claim(run).await {
            Ok(claim) => claim,
            // Another host was faster.
            Err(ClaimError::Owned { .. } | ClaimError::Final { .. } | ClaimError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(Failure::of(Exit::Invalid, error).into()),
        };
        // A long run is taken up from its snapshot: what is told of it need not begin at its beginning.
        let events = if claim.version.0 > MOST_TOLD {
            Cow::Borrowed(claim.events.as_slice())
        } else {
            history(&self.log, &claim).await?
        };
        let mut progress = RunProgress::of(Arc::clone(ready.plan()), &events);
        drop(events);
        if progress.started_at.is_none() {
            let summary = self.log.run(run).await.map_err(internal)?;
            progress.started_at = summary.map(|summary| summary.created_at);
        }
        progress.keep();
        let how = match self.manner.progress {
            Progress::None => Progress::None,
            _ if self.manner.json => Progress::None,
            // Trees of several runs would be drawn over each other.
            Progress::Auto | Progress::Lines | Progress::Tree => Progress::Lines,
        };
        let watcher = Watcher::new(
            run,
            short.clone(),
            progress,
            String::new(),
            self.station.look,
            how,
            Arc::clone(&self.log),
        );
        let watcher = Arc::new(watcher.with_file(&self.station.configuration));
        let host = self.host.with_executor(ready.executor());
        let driving = host
            .take_up(claim, watcher)
            .await
            .map_err(|error| Failure::of(Exit::Invalid, error))?;
        Ok(Some((short, driving)))
    }

    fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let (run, short, driven) = match ended {
            Ok(ended) => ended,
            // A driver that panicked is a fault of the host: nobody else can say in which state it is.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.driving.remove(&run);
        self.done += u64::from(driven.is_ok());
        let (word, until) = match &driven {
            Ok(Driven::Ended(ended)) => (ended.status().word(), None),
            Ok(Driven::Parked(parked)) => (parked.status().word(), parked.row().wake_at),
            Ok(Driven::Interrupted { .. }) => ("interrupted", None),
            Err(_) => ("lost", None),
        };
        if self.manner.json {
            let until = until.map(|until| until.to_string());
            print(serde_json::json!({ "run": run, "status": word, "until": until }).to_string());
        } else if let Err(error) = &driven {
            say(format!("run {short}: {error}"));
        } else if let Some(until) = until {
            say(format!("run {short} waits until {}", day_and_time(until)));
        } else if word == "waiting" {
            say(format!("run {short} waits for somebody: cofferdam why {short}"));
        }
        if let Err(failure) = driven.map_err(not_driven)
            && failure.exit == Exit::Internal
        {
            self.failed.get_or_insert(failure);
        }
    }
}

/// Says what became of the plugins. Who reads JSON is told only of what does not work.
fn tell(change: &Change, json: bool) {
    match change {
        Change::Rejected(problem) => warn_of(problem),
        Change::Added { .. } | Change::Replaced { .. } | Change::Removed { .. } if json => {}
        Change::Added { plugin, component } => say(format!("plugin `{plugin}` is there ({})", short_digest(component))),
        Change::Replaced { plugin, to, .. } => {
            say(format!(
                "plugin `{plugin}` is another component from now on ({})",
                short_digest(to)
            ));
        }
        Change::Removed { plugin } => say(format!("plugin `{plugin}` is gone; runs that started with it keep it")),
    }
}

fn internal(error: impl Into<anyhow::Error>) -> Failure {
    Failure::of(Exit::Internal, error)
}
