//! `cancel`, `kill`, `pause`, `approve`, `reject`, `signal`: what a run is asked for, and what it says to that.

use super::drive::shortest;
use super::find_run;
use super::take_up::{Ready, decided_here, ready};
use crate::arguments::{Asking, Cancel, Decide, Kill, Manner, Pause, Signal};
use crate::failure::{Exit, Failure, Outcome, not_driven};
use crate::progress::name;
use crate::station::Station;
use crate::talk::{GOOD, harmless, print, say};
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Data, Event, Message, MessageId, Orphan, Recorded, Request, RunId, RunStatus, Verdict};
use cofferdam_runtime::now;
use cofferdam_store::{Claim, ClaimError, NewMessage, PostError, RunLog, RunSummary};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long an answer of another process is waited for; it is given all the same.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a host that is at work has to claim a run before this process does: it may have its hands full.
const OTHERS: Duration = Duration::from_secs(5);
/// How long a process may have a run only to let it answer.
const SETTLING: Duration = Duration::from_secs(2);
/// How long what is told with a signal may be.
const MAX_DATA: usize = 1 << 20;

/// Gives a run up.
pub(crate) async fn cancel(station: &Station, manner: &Manner, arguments: &Cancel) -> Outcome {
    let reason = arguments.reason.clone();
    let asked = Asked::new(&arguments.run, Request::Cancel { reason }, &arguments.asking);
    asked.ask(station, manner).await
}

/// Ends a run at once.
pub(crate) async fn kill(station: &Station, manner: &Manner, arguments: &Kill) -> Outcome {
    let reason = arguments.reason.clone();
    let asking = Asking {
        by: arguments.by.clone(),
        detach: true,
        ..Asking::default()
    };
    let asked = Asked::new(&arguments.run, Request::Kill { reason }, &asking);
    asked.ask(station, manner).await
}

/// Lets a paused run go on.
pub(crate) async fn resume(station: &Station, manner: &Manner, run: &str) -> Outcome {
    let asked = Asked::new(run, Request::Resume, &Asking::default());
    asked.ask(station, manner).await
}

/// Lets a run start nothing new.
pub(crate) async fn pause(station: &Station, manner: &Manner, arguments: &Pause) -> Outcome {
    let reason = arguments.reason.clone();
    let asking = Asking {
        by: arguments.by.clone(),
        detach: true,
        ..Asking::default()
    };
    let asked = Asked::new(&arguments.run, Request::Pause { reason }, &asking);
    asked.ask(station, manner).await
}

/// Decides a gate.
pub(crate) async fn decide(station: &Station, manner: &Manner, arguments: &Decide, approved: bool) -> Outcome {
    let request = Request::Decide {
        gate: arguments.gate.clone(),
        approved,
        feedback: arguments.feedback.clone(),
        selections: arguments.select.clone(),
        form: Data::Null,
    };
    let asked = Asked::new(&arguments.run, request, &arguments.asking);
    asked.ask(station, manner).await
}

/// Tells a run that something happened.
pub(crate) async fn signal(station: &Station, manner: &Manner, arguments: &Signal) -> Outcome {
    let data = data(arguments)?;
    let request = Request::Signal {
        topic: arguments.topic.clone().unwrap_or_default(),
        correlation: arguments.correlation.clone(),
        data,
        key: arguments.key.clone(),
    };
    let run = arguments.run.as_deref().unwrap_or_default();
    let asked = Asked::new(run, request, &arguments.asking);
    asked.ask(station, manner).await
}

/// Returns what a signal tells.
pub(super) fn data(arguments: &Signal) -> Result<Data, Failure> {
    let Some(text) = &arguments.data else {
        return Ok(Data::Null);
    };
    Data::from_json(text, MAX_DATA).map_err(|error| {
        Failure::new(Exit::Usage, format!("`--data` is {error}")).hint("texts have quotes: --data '\"done\"'")
    })
}

/// A request on its way to a run.
struct Asked<'a> {
    run: &'a str,
    request: Request,
    by: String,
    detach: bool,
}

impl<'a> Asked<'a> {
    fn new(run: &'a str, request: Request, asking: &Asking) -> Self {
        Self {
            run,
            request,
            by: asking.by.clone().unwrap_or_else(user),
            detach: asking.detach,
        }
    }

    async fn ask(self, station: &Station, manner: &Manner) -> Outcome {
        let log = station.existing_log()?;
        let id = find_run(&log, self.run).await?;
        let short = shortest(&log, id).await;
        let asker = Asker {
            station,
            manner,
            log: &log,
            id,
            short: &short,
            asked: &self,
        };
        asker.ask().await
    }
}

/// All that asking a run takes.
struct Asker<'a> {
    station: &'a Station,
    manner: &'a Manner,
    log: &'a Arc<dyn RunLog>,
    id: RunId,
    short: &'a str,
    asked: &'a Asked<'a>,
}

impl Asker<'_> {
    async fn ask(&self) -> Outcome {
        let summary = self.summary().await?;
        let is_driven = |summary: &RunSummary| summary.owner.as_ref().is_some_and(|owner| owner.alive);
        // What changes nothing is said without touching the run.
        if !is_driven(&summary)
            && let Some(verdict) = self.foreseen().await?
        {
            return self.say(&verdict).map(|()| Exit::Done);
        }
        // Whoever carries a run on must be able to; what cannot is told before the run is asked anything.
        let ready = if summary.status.is_final() || is_driven(&summary) || self.asked.detach {
            None
        } else {
            Some(ready(self.station, self.log, self.id, self.short).await?)
        };
        let number = match self.log.post(self.message()).await {
            Ok(number) => number,
            Err(PostError::Ended { .. }) => return self.of_an_ended_run().await,
            Err(error @ (PostError::NotFound(_) | PostError::TooLong { .. })) => {
                return Err(Failure::of(Exit::Usage, error));
            }
            Err(error @ PostError::KeyTaken { .. }) => return Err(Failure::of(Exit::Refused, error)),
            Err(error @ PostError::Store { .. }) => return Err(Failure::of(Exit::Internal, error)),
        };
        let asked_at = Instant::now();
        loop {
            if let Some(verdict) = self.answer(number).await? {
                self.say(&verdict)?;
                return match verdict {
                    Verdict::Accepted => self.afterwards(ready).await,
                    _ => Ok(Exit::Done),
                };
            }
            let summary = self.summary().await?;
            let is_left = asked_at.elapsed() >= OTHERS || !self.log.is_anybody_at_work();
            if !is_driven(&summary) && (is_left || self.asked.detach) {
                match &ready {
                    Some(ready) => {
                        if let Some(exit) = self.carry_on(ready, number).await? {
                            return Ok(exit);
                        }
                    }
                    None => self.decide_here().await?,
                }
            } else if asked_at.elapsed() > PATIENCE {
                return Ok(self.unanswered(summary.owner.map_or(0, |owner| owner.pid)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns whether the request leaves nothing to carry on.
    fn ends_here(&self) -> bool {
        matches!(self.asked.request, Request::Kill { .. } | Request::Pause { .. })
    }

    /// Says that whoever drives the run has not answered in time; the request stays in its inbox.
    fn unanswered(&self, pid: u32) -> Exit {
        if self.manner.json {
            let word = self.asked.request.kind().word();
            print(json!({ "run": self.id, "request": word, "verdict": "left", "process": pid }).to_string());
        } else {
            say(format!(
                "process {pid} drives the run and has not answered yet; it will: cofferdam why {}",
                self.short
            ));
        }
        Exit::Done
    }

    fn message(&self) -> NewMessage {
        NewMessage::new(self.id, now(), self.asked.by.clone(), self.asked.request.clone())
    }

    async fn summary(&self) -> Result<RunSummary, Failure> {
        let internal = |error| Failure::of(Exit::Internal, error);
        let summary = self.log.run(self.id).await.map_err(internal)?;
        summary.ok_or_else(|| Failure::new(Exit::Usage, format!("run {} is not recorded", self.short)))
    }

    async fn answer(&self, number: MessageId) -> Result<Option<Verdict>, Failure> {
        let answer = self.log.answer(number).await;
        answer.map_err(|error| Failure::of(Exit::Internal, error))
    }

    /// Claims a run that nobody works on only to let it answer, and leaves it.
    async fn decide_here(&self) -> Result<(), Failure> {
        match self.claim().await? {
            Some(claim) => decided_here(self.log, claim).await,
            // Somebody else was faster: the answer is there or on its way.
            None => Ok(()),
        }
    }

    /// Claims a run that nobody works on, lets it answer, and carries it on if it takes what it was asked: until then
    /// nothing of it is entered. Returns nothing if somebody else has it.
    async fn carry_on(&self, ready: &Ready, number: MessageId) -> Result<Option<Exit>, Failure> {
        let Some(claim) = self.claim().await? else {
            return Ok(None);
        };
        let (driving, scene) = ready.drive_when_told(self.station, self.manner, claim).await?;
        let verdict = loop {
            // Looked at first, so that the answer is looked for once more after the last that happened.
            let is_over = driving.is_over();
            if let Some(verdict) = self.answer(number).await? {
                break verdict;
            }
            if is_over {
                // Its log failed before the answer was on disk.
                return driving.wait().await.map(|_| None).map_err(not_driven);
            }
            tokio::time::sleep(LOOK).await;
        };
        let said = self.say(&verdict);
        if said.is_err() || verdict != Verdict::Accepted {
            driving.interrupt(Duration::ZERO).await;
            driving.wait().await.map_err(not_driven)?;
            said?;
            return Ok(Some(Exit::Done));
        }
        say("no host is working on this run; carrying it on here (--detach: leave it)");
        driving.go_on().await;
        scene.to_the_end(driving).await.map(Some)
    }

    /// Claims the run; none if somebody has it, or it has ended.
    async fn claim(&self) -> Result<Option<Claim>, Failure> {
        let exit = match self.log.claim(self.id).await {
            Ok(claim) => return Ok(Some(claim)),
            Err(ClaimError::Owned { .. } | ClaimError::Final { .. }) => return Ok(None),
            Err(error @ ClaimError::NotFound(_)) => (Exit::Usage, error),
            Err(error @ (ClaimError::Newer { .. } | ClaimError::Unreadable { .. })) => (Exit::Invalid, error),
            Err(error @ ClaimError::Store { .. }) => (Exit::Internal, error),
        };
        Err(Failure::of(exit.0, exit.1))
    }

    /// Sees to it that the run goes on, which has taken what it was asked: somebody else let it answer.
    async fn afterwards(&self, ready: Option<Ready>) -> Outcome {
        if self.ends_here() {
            return Ok(Exit::Done);
        }
        // Who asked a run that was driven leaves it to whoever drives it.
        let Some(ready) = ready else {
            self.say_left().await?;
            return Ok(Exit::Done);
        };
        let accepted_at = Instant::now();
        loop {
            let summary = self.summary().await?;
            if summary.status.is_final() || self.log.is_anybody_at_work() {
                return Ok(Exit::Done);
            }
            if let Some(claim) = self.claim().await? {
                say("no host is working on this run; carrying it on here (--detach: leave it)");
                let (driving, scene) = ready.drive(self.station, self.manner, claim, "").await?;
                return scene.to_the_end(driving).await;
            }
            // Somebody who only lets the run answer has it for a moment; whoever has it longer carries it on.
            if let Some(owner) = summary.owner.filter(|_| accepted_at.elapsed() > SETTLING) {
                say(format!("process {} carries the run on", owner.pid));
                return Ok(Exit::Done);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Says how a run can go on that was only asked to, if nobody does.
    async fn say_left(&self) -> Result<(), Failure> {
        let summary = self.summary().await?;
        let is_driven = summary.owner.is_some_and(|owner| owner.alive);
        let waits = matches!(summary.status, RunStatus::Waiting | RunStatus::Paused);
        if is_driven || waits || summary.status.is_final() || self.manner.json || self.log.is_anybody_at_work() {
            return Ok(());
        }
        say(format!("nobody works on run {} now; it goes on with", self.short));
        say("  cofferdam work");
        say(format!("  cofferdam resume {}", self.short));
        Ok(())
    }

    /// Says what a run that has ended has to say.
    async fn of_an_ended_run(&self) -> Outcome {
        match self.foreseen().await? {
            Some(verdict) => self.say(&verdict).map(|()| Exit::Done),
            None => Err(Failure::new(Exit::Refused, format!("run {} has ended", self.short))),
        }
    }

    /// Returns what the run would say to the message if that changes nothing, as its log stands.
    async fn foreseen(&self) -> Result<Option<Verdict>, Failure> {
        let internal = |error| Failure::of(Exit::Internal, error);
        let Some(definition) = self.log.definition(self.id).await.map_err(internal)? else {
            return Err(Failure::new(Exit::Usage, format!("run {} is not recorded", self.short)));
        };
        let plan = Plan::decode(&definition.plan).map_err(|error| Failure::of(Exit::Invalid, error))?;
        let events = self.log.events(self.id, 0, usize::MAX).await.map_err(internal)?;
        let orphan = Orphan::restore(self.id, &plan, &events).map_err(|error| Failure::of(Exit::Invalid, error))?;
        let NewMessage { at, by, request, .. } = self.message();
        let message = Message {
            id: MessageId(0),
            at,
            by,
            request,
        };
        let verdict = orphan.look().answer(&plan, &message);
        if matches!(verdict, Some(Verdict::Conflict { .. }))
            && let Request::Decide { gate: Some(gate), .. } = &message.request
            && let Some(reason) = decided_before(gate, &plan, &events)
        {
            return Ok(Some(Verdict::Conflict { reason }));
        }
        Ok(verdict)
    }

    /// Says what the run said.
    fn say(&self, verdict: &Verdict) -> Result<(), Failure> {
        let word = self.asked.request.kind().word();
        if self.manner.json {
            let mut json = serde_json::to_value(verdict).unwrap_or_default();
            json["run"] = self.id.to_string().into();
            json["request"] = word.into();
            print(json.to_string());
        }
        match verdict {
            Verdict::Accepted => {
                let accepted = self.accepted();
                if !self.manner.json {
                    say(self.station.look.paint(GOOD, &accepted));
                }
                Ok(())
            }
            Verdict::Unchanged { reason } => {
                if !self.manner.json {
                    say(format!("nothing to do: {}", harmless(reason)));
                }
                Ok(())
            }
            Verdict::Conflict { reason } => Err(self.refused("CF0721", reason)),
            Verdict::Refused { reason } => Err(self.refused("CF0724", reason)),
        }
    }

    fn refused(&self, code: &'static str, reason: &str) -> Failure {
        let failure = Failure::new(Exit::Refused, format!("run {}: {}", self.short, harmless(reason))).code(code);
        failure.hint(format!("look at it: cofferdam show {}", self.short))
    }

    fn accepted(&self) -> String {
        let Asker { short, asked, .. } = self;
        match &asked.request {
            Request::Cancel { .. } => format!("cancelled: run {short}, by {}", asked.by),
            Request::Kill { .. } => format!("killed: run {short}, by {}", asked.by),
            Request::Pause { .. } => format!(
                "paused: run {short}, by {}; go on with: cofferdam resume {short}",
                asked.by
            ),
            Request::Resume => format!("resumed: run {short}, by {}", asked.by),
            Request::Decide { gate, approved, .. } => {
                let word = if *approved { "approved" } else { "rejected" };
                match gate {
                    Some(gate) => format!("{word}: gate `{}` of run {short}, by {}", harmless(gate), asked.by),
                    None => format!("{word}: the gate of run {short}, by {}", asked.by),
                }
            }
            Request::Signal { topic, .. } => {
                format!("signalled: `{}` to run {short}, by {}", harmless(topic), asked.by)
            }
        }
    }
}

/// Returns who decided `gate` before, and when: of a run that has ended, that says more than its end.
fn decided_before(gate: &str, plan: &Plan, events: &[Recorded]) -> Option<String> {
    events.iter().rev().find_map(|recorded| {
        let Event::GateDecided {
            at, approved, cause, ..
        } = &recorded.event
        else {
            return None;
        };
        let named = plan.find(&at.step).map(|node| name(plan.node(node)));
        if at.step.as_str() != gate && named != Some(gate) {
            return None;
        }
        let word = if *approved { "approved" } else { "rejected" };
        let by = cause.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        Some(format!("gate `{gate}` was already {word}{by} at {}", recorded.at))
    })
}

/// Returns the name of whoever runs this.
pub(super) fn user() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()))
        .unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}
