//! How something that is said to a run waits in a log until the run answers.

use cofferdam_engine::{Message, Request, RunId, RunStatus, Timestamp};

/// The longest request that is taken, encoded. It is read by every look at the inbox; what is larger belongs in a file
/// or in an input.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// A message that is about to be put into the inbox of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// To whom.
    pub run: RunId,
    /// When it is sent.
    pub at: Timestamp,
    /// Who sends it.
    pub by: String,
    /// What the sender calls it: a second message of that key to the same run is the first one.
    pub key: Option<String>,
    /// What is asked for.
    pub request: Request,
}

impl NewMessage {
    /// Returns a message with this content. A signal that has a key is known by its topic and key, others by nothing.
    pub fn new(run: RunId, at: Timestamp, by: impl Into<String>, request: Request) -> Self {
        let key = match &request {
            Request::Signal {
                topic, key: Some(key), ..
            } => Some(format!("{topic}/{key}")),
            Request::Signal { key: None, .. }
            | Request::Cancel { .. }
            | Request::Kill { .. }
            | Request::Pause { .. }
            | Request::Resume
            | Request::Decide { .. } => None,
        };
        Self {
            run,
            at,
            by: by.into(),
            key,
            request,
        }
    }
}

/// A message in the inbox of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    /// To whom.
    pub run: RunId,
    /// What.
    pub message: Message,
}

/// Whose messages are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbox {
    /// Those of all runs that this host drives.
    OfThisHost,
    /// Those of one run, whoever drives it.
    Of(RunId),
}

/// Returns whether a run must have answered everything before it gets into `status`: nobody would look at its inbox again.
///
/// A host that lets go of a run because it stops itself leaves messages to the next one.
pub fn needs_all_answered(status: RunStatus) -> bool {
    match status {
        RunStatus::Running | RunStatus::Interrupted => false,
        RunStatus::Waiting
        | RunStatus::Paused
        | RunStatus::Completed
        | RunStatus::Failed
        | RunStatus::Cancelled
        | RunStatus::Killed => true,
    }
}
