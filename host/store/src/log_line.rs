//! What guests say while they work: kept as best effort, bounded, never waited for.

use cofferdam_engine::{Data, Occurrence, RunId, StepPath, Timestamp};

/// The most lines that are kept of one delivery; a guest that says more is looping, and 256 show what it loops about.
pub const MAX_LINES_PER_DELIVERY: u32 = 256;

/// The most bytes of lines that a host keeps in a second; beyond, guests would compete with the log for the disk.
pub const MAX_BYTES_PER_SECOND: u64 = 1 << 20;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Detail for whoever debugs the plugin.
    Trace,
    /// Detail for whoever debugs the workflow.
    Debug,
    /// What a user likes to see.
    Info,
    /// Something odd that did not stop the work.
    Warn,
    /// Something that did.
    Error,
}

impl LogLevel {
    /// All levels.
    pub const ALL: [Self; 5] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// Returns the word for this level.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Returns the level that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }
}

/// Something that a guest said.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepPath,
    /// Which time round its loops.
    pub occurrence: Occurrence,
    /// Which attempt.
    pub attempt: u32,
    /// Which delivery of the attempt; it may have been thrown away later.
    pub delivery: u32,
    /// When.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// What was said.
    pub message: String,
    /// Details by name; null when there are none.
    pub fields: Data,
}

/// The lines kept of a run or a step, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLines {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// How many more there were that were dropped.
    pub dropped: u64,
}
