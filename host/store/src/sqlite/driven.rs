//! Which runs this host drives, and which of their incarnations were broken off.

use crate::error::StoreError;
use crate::sqlite::batch::Refusal;
use crate::sqlite::write::RunNumber;
use crate::ticket::Fate;
use cofferdam_engine::{Generation, RunId};
use std::collections::HashMap;
use std::sync::Arc;

/// The runs that this host began or claimed and has not let go of.
#[derive(Debug, Default)]
pub(crate) struct Driven {
    runs: HashMap<RunId, Incarnation>,
}

#[derive(Debug)]
struct Incarnation {
    number: RunNumber,
    generation: Generation,
    state: State,
}

#[derive(Debug)]
enum State {
    Whole,
    Fenced,
    InboxNotEmpty,
    Failed(Arc<StoreError>),
}

impl Driven {
    /// Notes that this host drives `run` from now on.
    pub(crate) fn insert(&mut self, run: RunId, number: RunNumber, generation: Generation) {
        let state = State::Whole;
        self.runs.insert(
            run,
            Incarnation {
                number,
                generation,
                state,
            },
        );
    }

    /// Returns the number of `run` if `generation` of it may still write, else the fate of whatever it hands over.
    pub(crate) fn admit(&self, run: RunId, generation: Generation) -> Result<RunNumber, Refusal> {
        match self.runs.get(&run) {
            Some(incarnation) if incarnation.generation == generation => match &incarnation.state {
                State::Whole => Ok(incarnation.number),
                State::Fenced => Err(Refusal::Overtaken),
                State::InboxNotEmpty => Err(Refusal::Fate(Fate::InboxNotEmpty)),
                State::Failed(error) => Err(Refusal::Fate(Fate::Failed(Arc::clone(error)))),
            },
            Some(_) | None => Err(Refusal::Overtaken),
        }
    }

    /// Breaks off the present incarnation of `run`: what it hands over later shares this fate unseen.
    pub(crate) fn break_off(&mut self, run: RunId, generation: Generation, fate: &Fate) {
        let state = match fate {
            Fate::Durable(_) => return,
            Fate::Fenced(_) => State::Fenced,
            Fate::InboxNotEmpty => State::InboxNotEmpty,
            Fate::Failed(error) => State::Failed(Arc::clone(error)),
        };
        if let Some(incarnation) = self.runs.get_mut(&run)
            && incarnation.generation == generation
        {
            incarnation.state = state;
        }
    }

    /// Breaks off all incarnations, whose lease was lost.
    pub(crate) fn break_off_all(&mut self) {
        for incarnation in self.runs.values_mut() {
            incarnation.state = State::Fenced;
        }
    }

    /// Forgets `run`, which this host has let go of; nothing more is taken for it.
    pub(crate) fn remove(&mut self, run: RunId) {
        self.runs.remove(&run);
    }
}
