//! How an attempt ended: the verdict of the host, with what the guest used and what it was denied.

use crate::limits::LimitName;
use crate::log::Progress;
use cofferdam_engine::{Data, Failure, SharedChange};
use std::fmt;
use std::fs::File;
use std::sync::Weak;
use std::time::Duration;

/// Everything the host has to say about an attempt that is over.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// What it used.
    pub usage: Usage,
    /// How much it wrote to the log; the lines themselves went to the observer.
    pub log: LogTotals,
    /// The last progress that it reported.
    pub progress: Option<Progress>,
    /// What it kept for the next attempt.
    pub saved: Option<Data>,
    /// What it changed of the values that the steps of the run share; it counts only if it completed.
    pub shared: Vec<SharedChange>,
    /// What it added to metrics, summed by name; it counts whatever the verdict is.
    pub metrics: Vec<(String, f64)>,
    /// Calls that were refused, at most 64 of them.
    pub denied: Vec<DeniedCall>,
    /// How many calls were refused in all.
    pub denied_total: u64,
    /// What the guest had begun in its directories and nothing can stop.
    pub lingering: Lingering,
}

/// Work in directories that threads of the system may still be at when an attempt has its verdict.
///
/// An attempt that may write has stopped only when this has finished too; before that, no other attempt should start in
/// its place.
#[derive(Clone, Debug, Default)]
pub struct Lingering {
    pub(crate) calls: Weak<()>,
    pub(crate) written: Vec<Weak<File>>,
}

impl Lingering {
    /// Returns whether nothing is under way any more.
    pub fn is_finished(&self) -> bool {
        self.calls.strong_count() == 0 && self.written.iter().all(|file| file.strong_count() == 0)
    }

    /// Waits until nothing is under way any more.
    pub async fn finished(&self) {
        // The system says nothing when such a call ends; they are short, unless the disk hangs.
        const PAUSE: Duration = Duration::from_millis(1);
        while !self.is_finished() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// How an attempt ended. What the guest says, what it did wrong and what the host did are different things to the end.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The guest handed back an outcome.
    Completed(Outcome),
    /// The guest said that it cannot do it: `transient`, `permanent`, `invalid-input` or `cancelled`.
    GuestFailed(Failure),
    /// The guest broke down or broke the contract.
    Trapped(Trap),
    /// The guest used more than it may.
    LimitExceeded(ExceededLimit),
    /// Its time was over.
    TimedOut(Timeout),
    /// It was told to stop.
    Cancelled,
    /// The host could not run it; says nothing about the guest.
    HostFault(String),
}

/// What a finished action hands back.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The output of the step.
    pub output: Data,
    /// Names that later conditions can ask for.
    pub markers: Vec<String>,
    /// A short text for later steps.
    pub context: Option<String>,
    /// Further facts, a map.
    pub details: Data,
}

/// What kind of breakdown it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// The guest panicked or aborted.
    Panic,
    /// The guest recursed too deeply.
    StackOverflow,
    /// The guest ended its process instead of answering, with whatever status.
    Exited,
    /// An instruction trapped.
    Instruction,
    /// What the guest handed over breaks the contract: not UTF-8, not JSON, too deep, not a handle.
    InvalidValue,
}

/// How a guest broke down.
#[derive(Clone, Debug)]
pub struct Trap {
    /// What kind of breakdown it was.
    pub kind: TrapKind,
    /// One line for people, naming the action.
    pub message: String,
    /// The innermost frames with symbols, innermost first.
    pub frames: Vec<String>,
    /// The last 4 KiB that the guest wrote to its standard error stream.
    pub stderr: String,
}

/// A limit that a guest ran into.
#[derive(Clone, Debug)]
pub struct ExceededLimit {
    /// Which one.
    pub limit: LimitName,
    /// Its value, in its unit.
    pub allowed: u64,
    /// What was asked for when it was hit, where that is known, in its unit.
    pub used: Option<u64>,
    /// The last 4 KiB that the guest wrote to its standard error stream.
    pub stderr: String,
}

/// Whose time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// That of the step, which had this much left.
    Step(Duration),
    /// That of the limit `wall`.
    Limit(Duration),
}

/// What an attempt used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time from entering the guest to the verdict.
    pub wall: Duration,
    /// How much of it there was.
    pub wall_allowed: Duration,
    /// Time in which it computed.
    pub cpu: Duration,
    /// The most memory that it had at once, in bytes.
    pub memory: u64,
    /// The most elements that its tables had at once.
    pub table: u64,
    /// Length of its output, in bytes.
    pub output: u64,
}

/// How much an attempt wrote to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogTotals {
    /// Lines that were passed on.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lines that were dropped because the limit was reached.
    pub dropped: u64,
}

/// A call that a guest made and the host refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedCall {
    /// The interface and function, such as `wasi:filesystem open-at`.
    pub call: &'static str,
    /// What it was about, such as a path as the guest sees it.
    pub target: String,
    /// Why it was refused.
    pub reason: String,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Says which limit, how much, and the setting that changes it.
impl fmt::Display for ExceededLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.limit.row();
        write!(
            f,
            "exceeded its limit `{}` of {} ({})",
            row.setting,
            row.display(self.allowed),
            row.meaning
        )?;
        match self.used {
            Some(used) => write!(f, ", wanted {}", row.display(used)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(left) => write!(f, "timed out after {left:?}"),
            Self::Limit(wall) => write!(f, "timed out after {wall:?}, its limit `wall`"),
        }
    }
}
