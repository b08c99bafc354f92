//! `cancel`, `kill`, `pause`, `approve`, `reject`, `signal`: what a run is asked for, and what it says to that.

use super::drive::shortest;
use super::find_run;
use super::take_up::{Ready, decided_here, ready};
use crate::arguments::{Asking, Cancel, Decide, Kill, Manner, Pause, Signal};
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::name;
use crate::station::Station;
use crate::talk::{GOOD, harmless, print, say};
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Data, Event, Message, MessageId, Orphan, Recorded, Request, RunId, Verdict};
use cofferdam_runtime::now;
use cofferdam_store::{ClaimError, NewMessage, PostError, RunLog, RunSummary};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long an answer of another process is waited for; it is given all the same.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a host that is at work has to claim a run before this process does: it may have its hands full.
const OTHERS: Duration = Duration::from_secs(5);
/// How long what is told with a signal may be.
const MAX_DATA: usize = 1 << 20;

/// Gives a run up.
pub(crate) async fn cancel(station: &Station, manner: &Manner, arguments: &Cancel, guests: Handle) -> Outcome {
    let reason = arguments.reason.clone();
    let asked = Asked::new(&arguments.run, Request::Cancel { reason }, &arguments.asking);
    asked.ask(station, manner, guests).await
}

/// Ends a run at once.
pub(crate) async fn kill(station: &Station, manner: &Manner, arguments: &Kill, guests: Handle) -> Outcome {
    let reason = arguments.reason.clone();
    let asking = Asking {
        by: arguments.by.clone(),
        detach: true,
    };
    let asked = Asked::new(&arguments.run, Request::Kill { reason }, &asking);
    asked.ask(station, manner, guests).await
}

/// Lets a paused run go on.
pub(crate) async fn resume(station: &Station, manner: &Manner, run: &str, guests: Handle) -> Outcome {
    let asked = Asked::new(run, Request::Resume, &Asking::default());
    asked.ask(station, manner, guests).await
}

/// Lets a run start nothing new.
pub(crate) async fn pause(station: &Station, manner: &Manner, arguments: &Pause, guests: Handle) -> Outcome {
    let reason = arguments.reason.clone();
    let asking = Asking {
        by: arguments.by.clone(),
        detach: true,
    };
    let asked = Asked::new(&arguments.run, Request::Pause { reason }, &asking);
    asked.ask(station, manner, guests).await
}

/// Decides a gate.
pub(crate) async fn decide(
    station: &Station,
    manner: &Manner,
    arguments: &Decide,
    approved: bool,
    guests: Handle,
) -> Outcome {
    let request = Request::Decide {
        gate: arguments.gate.clone(),
        approved,
        feedback: arguments.feedback.clone(),
        selections: arguments.select.clone(),
        form: Data::Null,
    };
    let asked = Asked::new(&arguments.run, request, &arguments.asking);
    asked.ask(station, manner, guests).await
}

/// Tells a run that something happened.
pub(crate) async fn signal(station: &Station, manner: &Manner, arguments: &Signal, guests: Handle) -> Outcome {
    let data = data(arguments)?;
    let request = Request::Signal {
        topic: arguments.topic.clone().unwrap_or_default(),
        correlation: arguments.correlation.clone(),
        data,
        key: arguments.key.clone(),
    };
    let run = arguments.run.as_deref().unwrap_or_default();
    let asked = Asked::new(run, request, &arguments.asking);
    asked.ask(station, manner, guests).await
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

    async fn ask(self, station: &Station, manner: &Manner, guests: Handle) -> Outcome {
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
        asker.ask(guests).await
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
    async fn ask(&self, guests: Handle) -> Outcome {
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
                return self.say(&verdict).map(|()| Exit::Done);
            }
            let summary = self.summary().await?;
            let is_left = asked_at.elapsed() >= OTHERS || !self.log.is_anybody_at_work();
            if !is_driven(&summary) && self.asked.detach && !self.ends_here() {
                if is_left {
                    return Ok(self.leave());
                }
            } else if !is_driven(&summary) && (is_left || self.asked.detach) {
                match self.carry_on(ready.as_ref(), number, &guests).await {
                    Err(Taken::ByAnother) => {}
                    Err(Taken::Failed(failure)) => return Err(failure),
                    Ok(exit) => return Ok(exit),
                }
            } else if asked_at.elapsed() > PATIENCE {
                let pid = summary.owner.map_or(0, |owner| owner.pid);
                say(format!(
                    "process {pid} drives the run and has not answered yet; it will: cofferdam why {}",
                    self.short
                ));
                return Ok(Exit::Done);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns whether the request leaves nothing to carry on.
    fn ends_here(&self) -> bool {
        matches!(self.asked.request, Request::Kill { .. } | Request::Pause { .. })
    }

    /// Leaves the request in the inbox for the next host.
    fn leave(&self) -> Exit {
        if self.manner.json {
            let word = self.asked.request.kind().word();
            print(json!({ "run": self.id, "request": word, "verdict": "left" }).to_string());
        } else {
            say(format!(
                "left in the inbox of run {}, which nobody works on now",
                self.short
            ));
            say("  cofferdam work");
            say(format!("  cofferdam resume {}", self.short));
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

    /// Claims a run that nobody works on, lets it answer, and carries it on.
    async fn carry_on(&self, ready: Option<&Ready>, number: MessageId, guests: &Handle) -> Result<Exit, Taken> {
        let claim = match self.log.claim(self.id).await {
            Ok(claim) => claim,
            // Somebody else was faster, or the run has just ended: the answer is there or on its way.
            Err(ClaimError::Owned { .. } | ClaimError::Final { .. }) => return Err(Taken::ByAnother),
            Err(error @ ClaimError::NotFound(_)) => return Err(Failure::of(Exit::Usage, error).into()),
            Err(error @ (ClaimError::Newer { .. } | ClaimError::Unreadable { .. })) => {
                return Err(Failure::of(Exit::Invalid, error).into());
            }
            Err(error @ ClaimError::Store { .. }) => return Err(Failure::of(Exit::Internal, error).into()),
        };
        let Some(ready) = ready else {
            decided_here(self.log, claim, guests).await?;
            if let Some(verdict) = self.answer(number).await? {
                self.say(&verdict)?;
            }
            return Ok(Exit::Done);
        };
        let (driving, scene) = ready.drive(self.station, self.manner, claim, "", guests).await?;
        let verdict = loop {
            if let Some(verdict) = self.answer(number).await? {
                break verdict;
            }
            tokio::time::sleep(LOOK).await;
        };
        let said = self.say(&verdict);
        if said.is_ok() {
            say("no host is working on this run; carrying it on here (--detach: leave it)");
        } else {
            // What was asked was not done: the run is left as it was found.
            driving.interrupt(Duration::ZERO).await;
        }
        let exit = scene.to_the_end(driving).await;
        said?;
        Ok(exit?)
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

/// Why a run was not carried on here.
enum Taken {
    ByAnother,
    Failed(Failure),
}

impl From<Failure> for Taken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Returns the name of whoever runs this.
pub(super) fn user() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()))
        .unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}
