//! Which requests a run takes, by what it is doing: the one table of legal transitions.

use crate::append::RunStatus;
use crate::inbox::Request;
use std::fmt::Write as _;

/// What a run is doing, as far as requests care: a status, or what is on the way to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A host works on it, or the host died.
    Running,
    /// A pause was accepted and something is still under way.
    Pausing,
    /// A cancel was accepted and the end is not reached.
    Cancelling,
    /// A host let go of it.
    Interrupted,
    /// It is parked until a decision, a signal or a time.
    Waiting,
    /// It is parked until it is resumed.
    Paused,
    /// It ended well.
    Completed,
    /// It ended with a failure.
    Failed,
    /// It ended because somebody asked for it.
    Cancelled,
    /// It was ended at once.
    Killed,
}

/// What a request asks for, without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// [`Request::Cancel`].
    Cancel,
    /// [`Request::Kill`].
    Kill,
    /// [`Request::Pause`].
    Pause,
    /// [`Request::Resume`].
    Resume,
    /// [`Request::Decide`].
    Decide,
    /// [`Request::Signal`].
    Signal,
    /// A run that has ended is opened again from one of its steps.
    Retry,
}

/// What a request leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is accepted, and the run goes that way.
    To(Standing),
    /// It is accepted if the run has the gate or waits for signals; the run stands as it stood.
    Stays,
    /// Nothing changes: it is so already.
    Unchanged,
    /// It contradicts what was decided before.
    Conflict,
}

impl Standing {
    /// All standings, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::Running,
        Self::Pausing,
        Self::Cancelling,
        Self::Interrupted,
        Self::Waiting,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Killed,
    ];

    /// Returns the word for this standing.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pausing => "pausing",
            Self::Cancelling => "being cancelled",
            Self::Running
            | Self::Interrupted
            | Self::Waiting
            | Self::Paused
            | Self::Completed
            | Self::Failed
            | Self::Cancelled
            | Self::Killed => self.status().word(),
        }
    }

    /// Returns the status that the row of such a run has.
    pub fn status(self) -> RunStatus {
        match self {
            Self::Running | Self::Pausing | Self::Cancelling => RunStatus::Running,
            Self::Interrupted => RunStatus::Interrupted,
            Self::Waiting => RunStatus::Waiting,
            Self::Paused => RunStatus::Paused,
            Self::Completed => RunStatus::Completed,
            Self::Failed => RunStatus::Failed,
            Self::Cancelled => RunStatus::Cancelled,
            Self::Killed => RunStatus::Killed,
        }
    }
}

impl RequestKind {
    /// All requests, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Cancel,
        Self::Kill,
        Self::Pause,
        Self::Resume,
        Self::Decide,
        Self::Signal,
        Self::Retry,
    ];

    /// Returns the word for this request.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Decide => "decide",
            Self::Signal => "signal",
            Self::Retry => "retry",
        }
    }
}

impl Request {
    /// Returns what the request asks for, without its details.
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Cancel { .. } => RequestKind::Cancel,
            Self::Kill { .. } => RequestKind::Kill,
            Self::Pause { .. } => RequestKind::Pause,
            Self::Resume => RequestKind::Resume,
            Self::Decide { .. } => RequestKind::Decide,
            Self::Signal { .. } => RequestKind::Signal,
        }
    }
}

/// Returns what `request` leads to for a run that stands at `standing`.
pub fn outcome(standing: Standing, request: RequestKind) -> Outcome {
    use Outcome::{Conflict, Stays, To, Unchanged};
    use RequestKind as R;
    use Standing as S;
    match (standing, request) {
        // A cancel is never taken back, and nothing may keep the run from its end.
        (S::Cancelling, R::Cancel) => Unchanged,
        (S::Cancelling, R::Pause | R::Resume) => Conflict,
        (S::Running | S::Pausing | S::Interrupted | S::Waiting | S::Paused, R::Cancel) => To(S::Cancelling),
        (S::Running | S::Pausing | S::Cancelling | S::Interrupted | S::Waiting | S::Paused, R::Kill) => To(S::Killed),
        (S::Running, R::Pause) => To(S::Pausing),
        (S::Interrupted | S::Waiting, R::Pause) => To(S::Paused),
        (S::Pausing | S::Paused, R::Pause) => Unchanged,
        (S::Pausing | S::Paused | S::Interrupted, R::Resume) => To(S::Running),
        // A resume releases no wait: that is what signals and decisions are for.
        (S::Running | S::Waiting, R::Resume) => Unchanged,
        // Also `always` blocks of a cancelled run have gates and waits.
        (S::Running | S::Pausing | S::Cancelling | S::Interrupted | S::Waiting | S::Paused, R::Decide | R::Signal) => {
            Stays
        }
        (S::Running | S::Pausing | S::Cancelling | S::Interrupted | S::Waiting | S::Paused, R::Retry) => Conflict,
        (S::Completed | S::Failed | S::Cancelled | S::Killed, R::Retry) => To(S::Running),
        (S::Cancelled, R::Cancel) | (S::Killed, R::Kill) => Unchanged,
        (
            S::Completed | S::Failed | S::Cancelled | S::Killed,
            R::Cancel | R::Kill | R::Pause | R::Resume | R::Decide | R::Signal,
        ) => Conflict,
    }
}

/// Returns the whole table as Markdown, for documentation and terminals.
pub fn table() -> String {
    let mut text = String::from("| the run is |");
    for request in RequestKind::ALL {
        let _ = write!(text, " {} |", request.word());
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(RequestKind::ALL.len()));
    text.push('\n');
    for standing in Standing::ALL {
        let _ = write!(text, "| {} |", standing.word());
        for request in RequestKind::ALL {
            let word = match outcome(standing, request) {
                Outcome::To(to) => to.word(),
                Outcome::Stays => "accepted",
                Outcome::Unchanged => "(already so)",
                Outcome::Conflict => "conflict",
            };
            let _ = write!(text, " {word} |");
        }
        text.push('\n');
    }
    text
}
