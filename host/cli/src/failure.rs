//! How a command fails: what is printed, which exit code it has, what the user can do.

use cofferdam_runtime::DriveError;
use cofferdam_store::{ClaimError, StoreError};
use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

/// The exit codes, documented in `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// The run failed.
    RunFailed,
    /// The command line is wrong.
    Usage,
    /// The run was cancelled.
    RunCancelled,
    /// A workflow, plugin or configuration is not valid.
    Invalid,
    /// Refused, or in conflict with what somebody else did.
    Refused,
    /// The run is parked: it waits for a decision, a signal or a time, or is paused.
    Waiting,
    /// An internal fault.
    Internal,
    /// Interrupted; the run can be resumed.
    Interrupted,
}

impl Exit {
    /// Returns the number for the shell.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::RunFailed => 1,
            Self::Usage => 2,
            Self::RunCancelled => 3,
            Self::Invalid => 4,
            Self::Refused => 5,
            Self::Waiting => 6,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// The code that `explain` tells more about.
    pub(crate) code: Option<&'static str>,
    /// What went wrong; its sources are printed as causes.
    pub(crate) error: anyhow::Error,
    /// What the user can do, one thing a line.
    pub(crate) hints: Vec<String>,
}

/// What a command returns.
pub(crate) type Outcome = Result<Exit, Failure>;

impl Failure {
    /// Returns a failure with a message.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            code: None,
            error: anyhow::anyhow!("{message}"),
            hints: Vec::new(),
        }
    }

    /// Returns a failure with the chain of an error.
    pub(crate) fn of(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            code: None,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// Adds something the user can do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the code of an explanation.
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }
}

impl Failure {
    /// Gives what the state itself brought about its exit code and what can be done about it, wherever it was met: damage is
    /// not a fault of this program, and a log that takes nothing more ends the process.
    pub(crate) fn with_state_in_mind(mut self) -> Self {
        match self.error.chain().find_map(trouble) {
            Some(Trouble::Damage) => {
                self.exit = Exit::Invalid;
                self.hints = vec![
                    "keep the file and those beside it with the same beginning, and put a backup in their place"
                        .to_owned(),
                ];
            }
            Some(Trouble::GivenUp) => {
                self.exit = Exit::Internal;
                if self.hints.is_empty() {
                    self.hints
                        .push("see to the disk of the state; what is recorded is kept".to_owned());
                    self.hints
                        .push("then go on: cofferdam runs --status running, cofferdam resume RUN".to_owned());
                }
            }
            None => {}
        }
        self
    }
}

/// Returns the failure of a command whose run is not driven any more although it has not ended.
pub(crate) fn not_driven(error: DriveError) -> Failure {
    let exit = match &error {
        DriveError::Fenced(_) => Exit::Refused,
        DriveError::Log(_) | DriveError::Reclaim(ClaimError::Store { .. }) => Exit::Internal,
        DriveError::Reclaim(ClaimError::Owned { .. } | ClaimError::Final { .. } | ClaimError::NotFound(_)) => {
            Exit::Refused
        }
        DriveError::Reclaim(ClaimError::Newer { .. } | ClaimError::Unreadable { .. }) | DriveError::Unrestorable(_) => {
            Exit::Invalid
        }
    };
    Failure::of(exit, error)
}

/// What is wrong with a state.
enum Trouble {
    Damage,
    GivenUp,
}

fn trouble(cause: &(dyn std::error::Error + 'static)) -> Option<Trouble> {
    // An error that is kept behind a pointer is told as that pointer.
    let shared = cause.downcast_ref::<Arc<StoreError>>().map(|error| &**error);
    let boxed = || cause.downcast_ref::<Box<StoreError>>().map(|error| &**error);
    match shared.or_else(boxed).or_else(|| cause.downcast_ref::<StoreError>())? {
        StoreError::Damaged { .. } => Some(Trouble::Damage),
        StoreError::DiskFull { .. } | StoreError::Disk { .. } => Some(Trouble::GivenUp),
        StoreError::GaveUp(_) | StoreError::WriterGone | StoreError::ReaderGone => Some(Trouble::GivenUp),
        _ => None,
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    /// Errors that no command foresaw are internal faults.
    fn from(error: E) -> Self {
        Self::of(Exit::Internal, error)
    }
}
