//! What must hold of messages, pauses, gates and signals, judged from the log and the answers alone.

use super::{Judge, Verdict, holds, place};
use crate::sim::interpreter::Place;
use cofferdam_engine::plan::NodeKind;
use cofferdam_engine::{
    Answer, Cause, Ending, Event, Message, MessageId, Recorded, Request, RunRow, RunStatus, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// Topic, correlation and end of a wait that is open.
type OpenWait = (Option<String>, Option<String>, Option<Timestamp>);

/// What a judge remembers of messages and of what is waited for.
#[derive(Debug, Default)]
pub(super) struct Requests {
    posted: BTreeMap<MessageId, Message>,
    answered: BTreeSet<MessageId>,
    paused: bool,
    killed: bool,
    reason: Option<String>,
    /// The gates that are open: their deadline, and who approved them.
    gates: BTreeMap<Place, (Option<Timestamp>, BTreeSet<String>)>,
    decided: BTreeSet<Place>,
    /// The signals that no wait has taken: topic and correlation.
    signals: BTreeMap<u64, (String, Option<String>, Timestamp)>,
    waits: BTreeMap<Place, OpenWait>,
    retries: BTreeMap<Place, Timestamp>,
}

impl Requests {
    /// Keeps what an event says.
    pub(super) fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::RunPaused { .. } => self.paused = true,
            Event::RunResumed { .. } => self.paused = false,
            Event::CancelRequested { reason, .. } => {
                self.paused = false;
                self.reason.get_or_insert_with(|| reason.clone());
            }
            Event::KillRequested { .. } => self.killed = true,
            Event::GateOpened { at, deadline, .. } => {
                self.gates.insert(place(at), (*deadline, BTreeSet::new()));
            }
            Event::GateApproved { at, cause } => {
                if let Some((_, approvals)) = self.gates.get_mut(&place(at)) {
                    approvals.extend(cause.by.clone());
                }
            }
            Event::GateDecided { at, .. } => {
                self.decided.insert(place(at));
            }
            Event::WaitStarted {
                at,
                topic,
                correlation,
                due,
            } => {
                self.waits.insert(place(at), (topic.clone(), correlation.clone(), *due));
            }
            Event::SignalReceived { topic, correlation, .. } => {
                let signal = (topic.clone(), correlation.clone(), recorded.at);
                self.signals.insert(recorded.sequence, signal);
            }
            Event::WaitReceived { signal, .. } => {
                self.signals.remove(signal);
            }
            Event::AttemptFailed {
                at,
                retry_at: Some(retry_at),
                ..
            } => {
                self.retries.insert(place(at), *retry_at);
            }
            Event::AttemptStarted { at, .. } => {
                self.retries.remove(&place(at));
            }
            Event::StepCompleted { at, .. } | Event::StepFailed { at, .. } | Event::StepCancelled { at } => {
                self.gates.remove(&place(at));
                self.waits.remove(&place(at));
                self.retries.remove(&place(at));
            }
            _ => {}
        }
    }

    /// Returns what is left when the rest is told again from the events that count: which messages came and were answered.
    pub(super) fn forget(&mut self) -> Self {
        Self {
            posted: std::mem::take(&mut self.posted),
            answered: std::mem::take(&mut self.answered),
            ..Self::default()
        }
    }

    /// Returns the earliest time at which something that is waited for is over.
    fn earliest(&self) -> Option<Timestamp> {
        let gates = self.gates.values().filter_map(|(deadline, _)| *deadline);
        let waits = self.waits.values().filter_map(|(_, _, due)| *due);
        gates.chain(waits).chain(self.retries.values().copied()).min()
    }
}

impl Judge<'_> {
    /// Notes that a message was put into the inbox.
    pub(in crate::sim) fn posted(&mut self, message: &Message) {
        self.requests.posted.insert(message.id, message.clone());
    }

    /// Returns whether the durable log has the end of the run.
    pub(in crate::sim) fn has_ended(&self) -> bool {
        self.ending.is_some()
    }

    /// Judges what an append that became durable says besides its events.
    ///
    /// # Errors
    /// If an oracle is violated.
    pub(in crate::sim) fn appended(&mut self, events: &[Recorded], answers: &[Answer], row: RunRow) -> Verdict {
        for answer in answers {
            self.invariant_answers_are_given_once(answer)?;
            self.invariant_accepted_requests_are_recorded(answer, events)?;
            self.requests.answered.insert(answer.message);
        }
        self.invariant_parked_rows_tell_the_truth(row)
    }

    fn invariant_answers_are_given_once(&self, answer: &Answer) -> Verdict {
        let known = self.requests.posted.contains_key(&answer.message);
        let first = !self.requests.answered.contains(&answer.message);
        holds("invariant_answers_are_given_once", known && first, || {
            format!("{answer:?}: posted {known}, first {first}")
        })
    }

    pub(super) fn invariant_every_message_is_answered(&self) -> Verdict {
        let unanswered: Vec<_> = self
            .requests
            .posted
            .keys()
            .filter(|id| !self.requests.answered.contains(id))
            .collect();
        holds("invariant_every_message_is_answered", unanswered.is_empty(), || {
            format!("nobody answered {unanswered:?}")
        })
    }

    fn invariant_accepted_requests_are_recorded(&self, answer: &Answer, events: &[Recorded]) -> Verdict {
        let request = self
            .requests
            .posted
            .get(&answer.message)
            .map(|message| &message.request);
        let caused = |cause: &Cause| cause.message == Some(answer.message);
        let recorded = events.iter().any(|recorded| match &recorded.event {
            Event::CancelRequested { cause, .. }
            | Event::KillRequested { cause, .. }
            | Event::RunPaused { cause, .. }
            | Event::RunResumed { cause }
            | Event::GateApproved { cause, .. }
            | Event::GateDecided { cause, .. }
            | Event::SignalReceived { cause, .. } => caused(cause),
            _ => false,
        });
        let accepted = answer.verdict == cofferdam_engine::Verdict::Accepted;
        // An adoption is all that an interrupted run needs to be resumed.
        let adopted = request == Some(&Request::Resume);
        holds(
            "invariant_accepted_requests_are_recorded",
            recorded == accepted || (accepted && adopted),
            || format!("{request:?} was answered with {answer:?}, recorded: {recorded}"),
        )
    }

    pub(super) fn invariant_a_pause_starts_nothing(&self, recorded: &Recorded) -> Verdict {
        let starts = matches!(
            recorded.event,
            Event::AttemptStarted { .. }
                | Event::GateOpened { .. }
                | Event::WaitStarted { .. }
                | Event::BlockStarted { .. }
                | Event::BranchChosen { .. }
                | Event::IterationStarted { .. }
                | Event::VariablesSet { .. }
                | Event::StepSkipped { .. }
        );
        holds(
            "invariant_a_pause_starts_nothing",
            !(self.requests.paused && starts),
            || format!("{:?} while the run is paused", recorded.event),
        )
    }

    pub(super) fn invariant_a_kill_is_the_end(&self, recorded: &Recorded) -> Verdict {
        let end = matches!(
            &recorded.event,
            Event::RunFinished {
                ending: Ending::Killed { .. },
                ..
            }
        );
        holds("invariant_a_kill_is_the_end", self.requests.killed == end, || {
            format!("killed: {}, then {:?}", self.requests.killed, recorded.event)
        })
    }

    pub(super) fn invariant_gates_are_decided_by_people(&self, recorded: &Recorded) -> Verdict {
        let Event::GateDecided {
            at, approved, cause, ..
        } = &recorded.event
        else {
            return Ok(());
        };
        let least = match self.plan.find(&at.step).map(|node| &self.plan.node(node).kind) {
            Some(NodeKind::Gate(gate)) => gate.min_approvals as usize,
            _ => usize::MAX,
        };
        let asked = cause.message.and_then(|id| self.requests.posted.get(&id));
        let same = asked.is_some_and(
            |message| matches!(&message.request, Request::Decide { approved: asked, .. } if asked == approved),
        );
        let open = self.requests.gates.get(&place(at));
        let fits = open.is_some_and(|(deadline, approvals)| {
            deadline.is_none_or(|deadline| recorded.at < deadline) && (!approved || approvals.len() >= least)
        });
        let first = !self.requests.decided.contains(&place(at));
        holds("invariant_gates_are_decided_by_people", same && fits && first, || {
            format!(
                "{:?}: asked for {asked:?}, open {open:?}, first {first}",
                recorded.event
            )
        })
    }

    pub(super) fn invariant_signals_are_taken_once(&self, recorded: &Recorded) -> Verdict {
        let Event::WaitReceived { at, signal } = &recorded.event else {
            return Ok(());
        };
        let wait = self.requests.waits.get(&place(at));
        let oldest = wait.and_then(|(topic, correlation, due)| {
            let fits = |(sent, of, at): &(String, Option<String>, Timestamp)| {
                Some(sent) == topic.as_ref()
                    && (correlation.is_none() || correlation == of)
                    && due.is_none_or(|due| *at <= due)
            };
            let mut fitting = self.requests.signals.iter().filter(|(_, signal)| fits(signal));
            fitting.next().map(|(number, _)| *number)
        });
        holds("invariant_signals_are_taken_once", oldest == Some(*signal), || {
            format!("{wait:?} took signal {signal}, the oldest is {oldest:?}")
        })
    }

    fn invariant_parked_rows_tell_the_truth(&self, row: RunRow) -> Verdict {
        let expected = match row.status {
            RunStatus::Waiting => self.requests.earliest(),
            RunStatus::Paused => None,
            _ => return Ok(()),
        };
        let right = row.wake_at == expected && self.flights.is_empty();
        let paused = self.requests.paused == (row.status == RunStatus::Paused);
        holds("invariant_parked_rows_tell_the_truth", right && paused, || {
            format!(
                "{row:?}, but the next time is {expected:?}, paused is {}, under way are {:?}",
                self.requests.paused, self.flights
            )
        })
    }

    pub(super) fn invariant_the_first_cancel_counts(&self, recorded: &Recorded) -> Verdict {
        let Event::RunFinished {
            ending: Ending::Cancelled { reason },
            ..
        } = &recorded.event
        else {
            return Ok(());
        };
        holds(
            "invariant_the_first_cancel_counts",
            self.requests.reason.as_ref() == Some(reason),
            || format!("it ended because of `{reason}`, asked was {:?}", self.requests.reason),
        )
    }
}
