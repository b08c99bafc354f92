//! What people and programs outside do to the run of a schedule: messages into its inbox, at any time.

use super::{Step, World};
use crate::sim::mutants::Mutant;
use cofferdam_engine::{
    Data, FormerOwner, Input, Message, MessageId, Request, Run, RunStatus, Standing, Timestamp, Waiting,
};
use std::collections::BTreeSet;
use std::collections::VecDeque;

/// The inbox of the run: it survives everything, and the log takes out what an append answers.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) rows: VecDeque<Message>,
    /// What this incarnation has decided about, and what is not yet answered durably.
    pub(super) taken: BTreeSet<MessageId>,
    posted: u64,
}

impl World<'_> {
    /// Puts a request into the inbox, if the run is there and has not ended for good.
    pub(super) fn post(&mut self, request: Request) -> bool {
        if self.durable.is_empty() || self.judge.has_ended() {
            return false;
        }
        self.inbox.posted += 1;
        let message = Message {
            id: MessageId(self.inbox.posted),
            at: self.now,
            by: format!("person {}", self.dice.below(3)),
            request,
        };
        self.judge.posted(&message);
        self.inbox.rows.push_back(message);
        true
    }

    /// Lets the host look into the inbox once.
    pub(super) fn read_inbox(&mut self) -> Step {
        let unread = |message: &&Message| !self.inbox.taken.contains(&message.id);
        let Some(message) = self.inbox.rows.iter().find(unread).cloned() else {
            return Ok(());
        };
        if self.run.as_ref().is_some_and(|run| run.status().is_parked()) {
            return self.wake();
        }
        self.inbox.taken.insert(message.id);
        self.decide(Input::Message(message)).map(drop)
    }

    /// Adopts a run that is parked.
    pub(super) fn wake(&mut self) -> Step {
        self.settle_all()?;
        if self.run.as_ref().is_some_and(|run| run.status().is_parked()) {
            self.owner = FormerOwner::LetGo;
            return self.take_up();
        }
        Ok(())
    }

    /// Makes one move while the run is parked: it is woken by a message or its time, and by nothing else.
    pub(super) fn while_parked(&mut self) -> Step {
        self.settle_all()?;
        let Some(run) = self.run.as_ref().filter(|run| run.status().is_parked()) else {
            return Ok(());
        };
        let wake_at: Option<Timestamp> = run.next_deadline().filter(|_| !self.is(Mutant::SleepsThroughDeadlines));
        if !self.inbox.rows.is_empty() {
            return self.wake();
        }
        match wake_at {
            Some(at) => {
                self.now = self.now.max(at);
                self.wake()
            }
            None => Ok(()),
        }
    }

    /// Sends what the run waits for, if it waits for something from outside.
    pub(super) fn answer_from_outside(&mut self) -> bool {
        let Some(run) = &self.run else { return false };
        if matches!(run.standing(), Standing::Pausing | Standing::Paused) {
            return self.post(Request::Resume);
        }
        let waiting = run.waiting(self.plan);
        let which = self.dice.below(waiting.len());
        let request = match waiting.into_iter().nth(which) {
            Some(Waiting::Gate { at, .. }) => Request::Decide {
                gate: Some(at.step.to_string()),
                approved: self.dice.chance(85),
                feedback: Some("so be it".to_owned()),
                selections: Vec::new(),
                form: Data::Null,
            },
            Some(Waiting::Signal { topic, .. }) => self.signal(topic),
            Some(Waiting::Time { .. } | Waiting::Attempt { .. }) | None => return false,
        };
        self.post(request)
    }

    /// Returns a signal, now and then one that was sent before.
    pub(super) fn signal(&mut self, topic: String) -> Request {
        Request::Signal {
            topic,
            correlation: self.dice.chance(30).then(|| "x".to_owned()),
            data: Data::map([("n", Data::Int(self.dice.below(10) as i64))]),
            key: self.dice.chance(20).then(|| format!("k{}", self.dice.below(4))),
        }
    }

    /// Returns whether the log refuses an append that ends or parks the run because of what is unread.
    pub(super) fn inbox_refuses(&self, append: &cofferdam_engine::Append) -> bool {
        let answered: BTreeSet<MessageId> = append.answers.iter().map(|answer| answer.message).collect();
        append.row.status != RunStatus::Running && self.inbox.rows.iter().any(|message| !answered.contains(&message.id))
    }

    /// Returns whether nothing will happen in the run without somebody outside.
    pub(super) fn is_stuck(&self) -> bool {
        let idle = |run: &Run| !run.has_more() && run.next_deadline().is_none() && run.ending().is_none();
        self.executors.is_empty() && self.inbox.rows.is_empty() && self.run.as_ref().is_some_and(idle)
    }
}
