//! How a run comes back from its log: without effects until its adoption is handed over.

use super::decide::Transition;
use super::{Decision, Phase, Run, Snapshot, UnusableSnapshot};
use crate::event::{Event, Recorded};
use crate::history::Dropped;
use crate::id::{Fence, Generation, RunId};
use crate::inbox::Message;
use crate::input::Situation;
use crate::plan::Plan;
use std::collections::BTreeSet;

/// A run read from its log, with nobody working on it.
#[derive(Debug)]
pub struct Orphan {
    pub(super) run: Run,
}

/// How a run changes hands.
#[derive(Clone, Debug)]
pub struct Adoption<'a> {
    /// The generation from now on.
    pub generation: Generation,
    /// Who takes the run over.
    pub host: &'a str,
    /// The deliveries that go on, because their executors live in this process; all others are lost.
    pub alive: &'a BTreeSet<Fence>,
    /// What became of the host that had the run.
    pub owner: FormerOwner,
    /// The messages of the inbox, oldest first.
    pub messages: Vec<Message>,
}

/// What became of the host that had a run before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormerOwner {
    /// It let go of the run, or it is this host.
    LetGo,
    /// It died while it had the run, or was cut off.
    Died,
}

/// Why events are not the log of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrestorable {
    /// An event is missing.
    #[error("event {expected} is missing, event {found} follows")]
    Gap {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The log does not begin with the start of a run.
    #[error("the log does not begin with the start of a run")]
    NoStart,
}

impl Orphan {
    /// Returns the run that `events`, from the first on, amount to.
    ///
    /// # Errors
    /// If events are missing.
    pub fn restore<'a>(
        id: RunId,
        plan: &Plan,
        events: impl IntoIterator<Item = &'a Recorded>,
    ) -> Result<Self, Unrestorable> {
        let events: Vec<&Recorded> = events.into_iter().collect();
        let dropped = Dropped::of(events.iter().copied());
        Self::restore_without(id, plan, events, &dropped)
    }

    /// Returns the run that `events` amount to when those that were dropped do not count.
    pub(super) fn restore_without<'a>(
        id: RunId,
        plan: &Plan,
        events: impl IntoIterator<Item = &'a Recorded>,
        dropped: &Dropped,
    ) -> Result<Self, Unrestorable> {
        Self::replay(Run::new(id), plan, events, dropped)
    }

    /// Returns the run that `snapshot` and the events behind it amount to: the same as [`Orphan::restore`] of all events.
    ///
    /// # Errors
    /// If the snapshot is of no use, events are missing, or the run was retried behind it, which tells anew what came before: the
    /// whole log tells.
    pub fn restore_from<'a>(
        id: RunId,
        plan: &Plan,
        snapshot: &Snapshot,
        tail: impl IntoIterator<Item = &'a Recorded>,
    ) -> Result<Self, UnusableSnapshot> {
        let tail: Vec<&Recorded> = tail.into_iter().collect();
        if tail
            .iter()
            .any(|recorded| matches!(recorded.event, Event::RunRetried { .. }))
        {
            let what = "the run was retried since";
            return Err(UnusableSnapshot::Unfit { what });
        }
        let run = Run::from_snapshot(id, plan, snapshot)?;
        let what = "events behind it are missing";
        Self::replay(run, plan, tail, &Dropped::default()).map_err(|_| UnusableSnapshot::Unfit { what })
    }

    fn replay<'a>(
        mut run: Run,
        plan: &Plan,
        events: impl IntoIterator<Item = &'a Recorded>,
        dropped: &Dropped,
    ) -> Result<Self, Unrestorable> {
        for recorded in events {
            let expected = run.version.0 + 1;
            if recorded.sequence != expected {
                return Err(Unrestorable::Gap {
                    expected,
                    found: recorded.sequence,
                });
            }
            if dropped.contains(recorded.sequence) {
                run.pass_over(recorded);
            } else {
                run.evolve(plan, recorded);
            }
        }
        if matches!(run.phase, Phase::New) {
            return Err(Unrestorable::NoStart);
        }
        run.changes.clear();
        Ok(Self { run })
    }

    /// Returns what is known of the run, for looking at it without working on it.
    pub fn look(&self) -> &Run {
        &self.run
    }

    /// Takes the run over and decides about the messages of its inbox, before anything else goes on.
    ///
    /// The messages belong into this decision: an adoption that ends the run, or parks it, is refused by a log whose
    /// inbox holds a message that nobody answered. A run that has ended only answers them.
    pub fn adopt(self, plan: &Plan, adoption: Adoption<'_>, situation: Situation) -> Decision {
        let before = self.run.standing();
        let mut transition = Transition::new(self.run, plan, situation);
        if !matches!(transition.run.phase, Phase::Finished { .. }) {
            let Adoption { host, alive, .. } = adoption;
            let lost = transition
                .run
                .flights
                .keys()
                .filter(|fence| !alive.contains(fence))
                .copied()
                .collect();
            transition.run.generation = adoption.generation;
            transition.record(Event::RunAdopted {
                generation: adoption.generation,
                host: host.to_owned(),
                lost,
                died: adoption.owner == FormerOwner::Died,
            });
        }
        for message in &adoption.messages {
            transition.message(message, Some(before));
        }
        transition.progress();
        transition.finish()
    }
}
