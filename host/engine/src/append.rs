//! What a transition hands to the log: its events and the new run row, fenced by generation and version.

use crate::event::Recorded;
use crate::id::{Generation, RunId, Version};
use crate::inbox::Answer;
use crate::run::Snapshot;
use crate::time::Timestamp;
use crate::value::Blob;
use serde::{Deserialize, Serialize};

/// One transition of one run, to be made durable as a whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// Which run.
    pub run: RunId,
    /// The generation of the run that decided; the log refuses it once the run was adopted again.
    pub generation: Generation,
    /// The version that the run must have for this append to fit.
    pub expected: Version,
    /// What happened, in order; the first one has the sequence number `expected + 1`.
    pub events: Vec<Recorded>,
    /// The state of the run afterwards.
    pub row: RunRow,
    /// What the run says to messages of its inbox: they are answered by this append or not at all.
    pub answers: Vec<Answer>,
    /// The state after the last of these events, when enough has happened since the one before.
    pub snapshot: Option<Snapshot>,
}

impl Append {
    /// Returns the large values of the events, to be stored beside them by digest.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.events.iter().filter_map(|recorded| recorded.event.blob())
    }
}

/// The part of a run's state that other parts of the host look for: small and of fixed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// What the run is doing.
    pub status: RunStatus,
    /// When it wants to be looked at again without anything happening.
    pub wake_at: Option<Timestamp>,
    /// How many events it has.
    pub version: Version,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// A host works on it, or the host died.
    Running,
    /// A host let go of it in good order; it can be resumed.
    Interrupted,
    /// It waits for a decision, a signal or a time, and nothing of it is under way.
    Waiting,
    /// Somebody asked it to pause, and nothing of it is under way.
    Paused,
    /// It ended well.
    Completed,
    /// It ended with a failure.
    Failed,
    /// It ended because somebody asked for it.
    Cancelled,
    /// It was ended at once, without its `always` blocks.
    Killed,
}

impl RunStatus {
    /// All statuses.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Interrupted,
        Self::Waiting,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Killed,
    ];

    /// Returns the word for this status.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Killed => "killed",
        }
    }

    /// Returns the status that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Returns whether nothing can happen in the run any more.
    pub fn is_final(self) -> bool {
        match self {
            Self::Running | Self::Interrupted | Self::Waiting | Self::Paused => false,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Killed => true,
        }
    }

    /// Returns whether the run goes on some day, but nobody works on it: it holds no task, no memory and no owner.
    pub fn is_parked(self) -> bool {
        match self {
            Self::Interrupted | Self::Waiting | Self::Paused => true,
            Self::Running | Self::Completed | Self::Failed | Self::Cancelled | Self::Killed => false,
        }
    }
}

/// Takes appends in the order in which they are handed over and makes them durable.
///
/// Implemented by the logs of `cofferdam-store` and by the memory log of the tests.
pub trait Writer {
    /// Tells what became of an append: durable, fenced or failed.
    type Ticket;

    /// Takes `append`; never blocks on the disk.
    fn hand_over(&self, append: Append) -> Self::Ticket;
}
