//! How a run comes back from its log: without effects until its adoption is handed over.

use super::decide::Transition;
use super::{Decision, Phase, Run};
use crate::event::{Event, Recorded};
use crate::id::{Fence, Generation, RunId};
use crate::input::Situation;
use crate::plan::Plan;
use std::collections::BTreeSet;

/// A run read from its log, with nobody working on it.
#[derive(Debug)]
pub struct Orphan {
    run: Run,
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
        let mut run = Run::new(id);
        for recorded in events {
            let expected = run.version.0 + 1;
            if recorded.sequence != expected {
                return Err(Unrestorable::Gap {
                    expected,
                    found: recorded.sequence,
                });
            }
            run.evolve(plan, recorded);
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

    /// Takes the run over at `generation` for `host`. Deliveries that are not in `alive` are lost and will be
    /// delivered again; those in it go on.
    ///
    /// A run that has ended is unchanged.
    pub fn adopt(
        self,
        plan: &Plan,
        generation: Generation,
        host: &str,
        alive: &BTreeSet<Fence>,
        situation: Situation,
    ) -> Decision {
        if matches!(self.run.phase, Phase::Finished { .. }) {
            return Decision::Unchanged(self.run);
        }
        let mut transition = Transition::new(self.run, plan, situation);
        let lost = transition
            .run
            .flights
            .keys()
            .filter(|fence| !alive.contains(fence))
            .copied()
            .collect();
        transition.run.generation = generation;
        transition.record(Event::RunAdopted {
            generation,
            host: host.to_owned(),
            lost,
        });
        transition.progress();
        transition.finish()
    }
}
