//! What a run says to a message: the events that it leads to, or why it leads to none.

use super::Run;
use super::decide::Transition;
use crate::append::RunStatus;
use crate::data::Data;
use crate::event::{Cause, Ending, Event};
use crate::inbox::{Answer, Message, Request, Verdict};
use crate::plan::Plan;
use crate::time::Timestamp;
use crate::transitions::{Outcome, RequestKind, Standing, outcome};
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// Who asked for something that was accepted, when and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) at: Timestamp,
    pub(super) reason: String,
    pub(super) cause: Cause,
}

impl Asked {
    /// Returns who and when, to stand behind what was asked for.
    pub(super) fn told(&self) -> String {
        match &self.cause.by {
            Some(by) => format!("by {by} at {}", self.at),
            None => format!("at {}", self.at),
        }
    }
}

impl Run {
    /// Returns what the run is doing, as far as requests care.
    pub fn standing(&self) -> Standing {
        match self.status() {
            RunStatus::Running if self.cancel.is_some() => Standing::Cancelling,
            RunStatus::Running if self.pause.is_some() => Standing::Pausing,
            RunStatus::Running => Standing::Running,
            RunStatus::Interrupted => Standing::Interrupted,
            RunStatus::Waiting => Standing::Waiting,
            RunStatus::Paused => Standing::Paused,
            RunStatus::Completed => Standing::Completed,
            RunStatus::Failed => Standing::Failed,
            RunStatus::Cancelled => Standing::Cancelled,
            RunStatus::Killed => Standing::Killed,
        }
    }

    /// Returns what the run would say to a message that changes nothing; none if it would accept it.
    ///
    /// For whoever may look at a run and not work on it, as at one that has ended.
    pub fn answer(&self, plan: &Plan, message: &Message) -> Option<Verdict> {
        self.weigh(plan, message, self.standing(), self.last_at).err()
    }

    /// Returns what `message` leads to.
    fn weigh(&self, plan: &Plan, message: &Message, standing: Standing, now: Timestamp) -> Result<Vec<Event>, Verdict> {
        let request = message.request.kind();
        match outcome(standing, request) {
            Outcome::Unchanged => {
                return Err(Verdict::Unchanged {
                    reason: self.stands(request),
                });
            }
            Outcome::Conflict => {
                return Err(Verdict::Conflict {
                    reason: self.stands(request),
                });
            }
            Outcome::To(_) | Outcome::Stays => {}
        }
        let cause = Cause {
            message: Some(message.id),
            by: Some(message.by.clone()),
        };
        match &message.request {
            Request::Cancel { reason } => Ok(vec![Event::CancelRequested {
                reason: reason.clone(),
                cause,
            }]),
            Request::Kill { reason } => {
                let ending = Ending::Killed { reason: reason.clone() };
                let reason = reason.clone();
                Ok(vec![
                    Event::KillRequested { reason, cause },
                    Event::RunFinished {
                        ending,
                        outputs: Value::Inline(Data::Null),
                    },
                ])
            }
            Request::Pause { reason } => Ok(vec![Event::RunPaused {
                reason: reason.clone(),
                cause,
            }]),
            // A run that was interrupted goes on by its adoption alone.
            Request::Resume if self.pause.is_none() => Ok(Vec::new()),
            Request::Resume => Ok(vec![Event::RunResumed { cause }]),
            Request::Decide { .. } => self.decide_gate(plan, &message.request, cause, now),
            Request::Signal { .. } => self.take_signal(plan, &message.request, cause),
        }
    }

    /// Returns what stands in the way of a request that changes nothing.
    fn stands(&self, request: RequestKind) -> String {
        let since = |what: &str, asked: &Option<Asked>| match asked {
            Some(asked) if asked.reason.is_empty() => format!("the run {what} {}", asked.told()),
            Some(asked) => format!("the run {what} {}: {}", asked.told(), asked.reason),
            None => format!("the run {what} at {}", self.last_at),
        };
        match self.standing() {
            Standing::Cancelling => since("is being cancelled, as asked", &self.cancel),
            Standing::Pausing | Standing::Paused if request == RequestKind::Pause => since("was paused", &self.pause),
            Standing::Running | Standing::Pausing | Standing::Interrupted | Standing::Paused => {
                "the run is under way".to_owned()
            }
            Standing::Waiting => "the run is not paused; it waits for a decision, a signal or a time".to_owned(),
            Standing::Completed => since("completed", &None),
            Standing::Failed => since("failed", &None),
            Standing::Cancelled => since("was cancelled, as asked", &self.cancel),
            Standing::Killed => since("was killed", &self.kill),
        }
    }
}

impl Transition<'_> {
    /// Decides about a message and answers it.
    ///
    /// `before` is how the run stood before the adoption that the message came with, if it did.
    pub(super) fn message(&mut self, message: &Message, before: Option<Standing>) {
        let standing = match before {
            // The adoption is what resumes it.
            Some(Standing::Interrupted) if self.run.pause.is_none() && message.request == Request::Resume => {
                Standing::Interrupted
            }
            _ => self.run.standing(),
        };
        let verdict = match self.run.weigh(self.plan, message, standing, self.now) {
            Ok(events) => {
                events.into_iter().for_each(|event| self.record(event));
                Verdict::Accepted
            }
            Err(verdict) => verdict,
        };
        self.answers.push(Answer {
            message: message.id,
            verdict,
        });
    }
}
