//! What the runtime asks of a log: the port that the SQLite log and the memory log of the tests implement.

use crate::arrivals::Arrivals;
use crate::error::{ClaimError, FindError, PostError, StoreError};
use crate::inbox::{Inbox, NewMessage, Posted};
use crate::lease::Lease;
use crate::log_line::{LogLine, LogLines};
use crate::record::{Claim, Definition, HostId, NewRun, RunFilter, RunSummary};
use crate::runnable::Runnable;
use crate::statistics::Statistics;
use crate::stream::{Cursor, StreamError, Streamed};
use crate::ticket::{Position, Ticket};
use crate::urgency::Urgency;
use cofferdam_engine::{Append, MessageId, Recorded, RunId, RunStatus, StepPath, Timestamp, Verdict, Writer};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;

/// An answer that is on its way. It makes progress on threads of the log and needs no particular runtime.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What tells others that a host is at work, while it is kept.
#[derive(Debug)]
pub struct AtWork {
    // Kept for what its drop does.
    _sign: Box<dyn fmt::Debug + Send + Sync>,
}

impl AtWork {
    /// Returns what tells it until `sign` is dropped.
    pub fn with(sign: impl fmt::Debug + Send + Sync + 'static) -> Self {
        Self { _sign: Box::new(sign) }
    }
}

/// Keeps runs and their events, and decides which host may add to them.
///
/// Of one log, everything handed over becomes durable in the order of the calls. What is durable is seen by every
/// read that starts afterwards; nothing is seen before it is durable.
pub trait RunLog: Send + Sync {
    /// Returns the host as which this log writes.
    fn host(&self) -> &HostId;

    /// Makes a new run durable together with its first events; this host drives it, as generation 1.
    ///
    /// Fails with [`StoreError::Exists`] or [`StoreError::Duplicate`] if there is such a run.
    fn begin(&self, run: NewRun, first: Append) -> Ticket;

    /// Makes the first events of a retry durable, with which this host drives a run that had ended; `definition` is what it
    /// executes from now on, none if that stays.
    ///
    /// `first` is of the generation behind that of the run. It is fenced if the run has not ended, or was retried since.
    fn reopen(&self, definition: Option<Definition>, first: Append) -> Ticket;

    /// Makes `append` durable if its run still has the generation and version that it was decided for.
    ///
    /// Never blocks on the disk. After an append of a run was not written, all later ones of that generation share its
    /// fate unseen; the way on is [`RunLog::claim`]. An append whose status is not running lets go of the run: the same
    /// transaction takes it from this host, and the generation takes nothing more.
    ///
    /// Its answers become durable with it. An answer to a message that is answered already is fenced; an append that
    /// ends the run, or leaves it waiting or paused, ends as `Fate::InboxNotEmpty` while a message is unanswered.
    fn hand_over(&self, append: Append) -> Ticket;

    /// Does what [`RunLog::hand_over`] does, but may wait as long as `urgency` allows, to make more durable with one
    /// flush. The order stays that of the calls: what is urgent takes along all that was handed over before it.
    fn hand_over_within(&self, append: Append, urgency: Urgency) -> Ticket {
        let _ = urgency;
        self.hand_over(append)
    }

    /// Makes this host the one that drives `run`, in a new generation, unless another host that is alive does.
    ///
    /// A host may claim what it drives itself; that is how it starts afresh after a failed append.
    fn claim(&self, run: RunId) -> Pending<Result<Claim, ClaimError>>;

    /// Returns the lease under which this host drives runs now: none is held until it begins or claims the first one.
    ///
    /// What is driven under a lease that was lost takes nothing more; what is claimed afterwards is under another one.
    fn lease(&self) -> Lease;

    /// Returns up to `limit` runs that nobody drives and that should be at `now`, those that could go on for longest first:
    /// their host is lost, or they wait and are due, or something is asked of them. What only waits costs nothing.
    fn claimable(&self, now: Timestamp, limit: usize) -> Pending<Result<Vec<Runnable>, StoreError>>;

    /// Returns the exact time after `after` at which the next run that nobody drives is due; none while none waits for a later
    /// time. What was due by then is [claimable](Self::claimable).
    fn next_wake(&self, after: Timestamp) -> Pending<Result<Option<Timestamp>, StoreError>>;

    /// Tells other processes, until what is returned is dropped, that this host takes on whatever run can go on.
    fn at_work(&self) -> Result<AtWork, StoreError>;

    /// Returns whether some host takes on whatever run can go on. In doubt it does.
    fn is_anybody_at_work(&self) -> bool;

    /// Puts `message` into the inbox of its run; it is durable when its number is returned.
    ///
    /// Sending it again with the same key returns the number that it got first, also when the run has ended since.
    fn post(&self, message: NewMessage) -> Pending<Result<MessageId, PostError>>;

    /// Returns what the run said to a message; none while it has not, and for a message that is unknown.
    fn answer(&self, message: MessageId) -> Pending<Result<Option<Verdict>, StoreError>>;

    /// Returns the messages of `inbox` that are not answered, oldest first. One look costs as much as there are
    /// unanswered messages, however many runs and answered messages there are.
    fn unanswered(&self, inbox: Inbox) -> Pending<Result<Vec<Posted>, StoreError>>;

    /// Returns the runs that may wait for a signal of `topic`, oldest first: all that have waited for one and not ended. Whether
    /// one still does, only the run knows. One look costs as much as there are such runs, however many others there are.
    fn listeners(&self, topic: &str) -> Pending<Result<Vec<RunId>, StoreError>>;

    /// Returns a new listener for what there may be to look for: a message for any run, or a run that was let go of.
    fn arrivals(&self) -> Arrivals;

    /// Returns what is known about `run`.
    fn run(&self, run: RunId) -> Pending<Result<Option<RunSummary>, StoreError>>;

    /// Returns the runs that `filter` asks for, newest first.
    fn runs(&self, filter: RunFilter) -> Pending<Result<Vec<RunSummary>, StoreError>>;

    /// Returns how many runs there are of each status, of all workflows or of one; statuses that no run has are left out.
    fn counts(&self, workflow: Option<String>) -> Pending<Result<BTreeMap<RunStatus, u64>, StoreError>>;

    /// Returns the run that a user means by `reference`: `last`, an id, or the last six or more digits of one.
    fn find(&self, reference: &str) -> Pending<Result<RunId, FindError>>;

    /// Returns up to `limit` events of `run` after number `after`, large values filled in; none of an unknown run.
    fn events(&self, run: RunId, after: u64, limit: usize) -> Pending<Result<Vec<Recorded>, StoreError>>;

    /// Returns up to `limit` events behind `after`, of all runs or of one, in the order in which they became durable;
    /// from the first one on without a cursor.
    ///
    /// A cursor behind which events were pruned is refused, as is one of another log.
    fn stream(
        &self,
        run: Option<RunId>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Pending<Result<Vec<Streamed>, StreamError>>;

    /// Returns the cursor behind all events that there are.
    fn end_of_stream(&self) -> Pending<Result<Cursor, StoreError>>;

    /// Returns what tells how far this host has come, whenever it comes further; a slow listener misses only steps in between.
    /// Of other hosts it tells nothing.
    fn durable(&self) -> watch::Receiver<Position>;

    /// Returns what `run` executes.
    fn definition(&self, run: RunId) -> Pending<Result<Option<Definition>, StoreError>>;

    /// Returns what the guests of `run`, or of one step of it, said.
    fn log_lines(&self, run: RunId, step: Option<StepPath>) -> Pending<Result<LogLines, StoreError>>;

    /// Keeps a line of a guest as best effort. Lines noted before an append was handed over are kept before it.
    fn note(&self, line: LogLine);

    /// Waits until the log takes nothing more, and returns why: its disk failed again and again, or its writer is gone. A host
    /// that drives runs ends then; another process finds them as after a crash.
    fn broken(&self) -> Pending<Arc<StoreError>>;

    /// Returns what the log has done since it was opened.
    fn statistics(&self) -> Statistics;
}

impl Writer for dyn RunLog + '_ {
    type Ticket = Ticket;

    fn hand_over(&self, append: Append) -> Ticket {
        RunLog::hand_over(self, append)
    }
}

impl Writer for &(dyn RunLog + '_) {
    type Ticket = Ticket;

    fn hand_over(&self, append: Append) -> Ticket {
        RunLog::hand_over(*self, append)
    }
}

/// The writer for the first events of a run: hands them over together with the run itself.
#[derive(Clone, Copy)]
pub struct Beginning<'a> {
    log: &'a dyn RunLog,
    run: &'a NewRun,
}

impl<'a> Beginning<'a> {
    /// Returns the writer that begins `run` in `log`.
    pub fn new(log: &'a dyn RunLog, run: &'a NewRun) -> Self {
        Self { log, run }
    }
}

impl Writer for Beginning<'_> {
    type Ticket = Ticket;

    fn hand_over(&self, append: Append) -> Ticket {
        self.log.begin(self.run.clone(), append)
    }
}

/// The writer for the first events of a retry: hands them over with what the run executes from now on.
#[derive(Clone, Copy)]
pub struct Reopening<'a> {
    log: &'a dyn RunLog,
    definition: Option<&'a Definition>,
}

impl<'a> Reopening<'a> {
    /// Returns the writer that opens a run in `log` again; without a definition it keeps its own.
    pub fn new(log: &'a dyn RunLog, definition: Option<&'a Definition>) -> Self {
        Self { log, definition }
    }
}

impl Writer for Reopening<'_> {
    type Ticket = Ticket;

    fn hand_over(&self, append: Append) -> Ticket {
        self.log.reopen(self.definition.cloned(), append)
    }
}

/// The writer for appends of which the urgency is known.
#[derive(Clone, Copy)]
pub struct Within<'a> {
    log: &'a dyn RunLog,
    urgency: Urgency,
}

impl<'a> Within<'a> {
    /// Returns the writer that hands over to `log` with `urgency`.
    pub fn new(log: &'a dyn RunLog, urgency: Urgency) -> Self {
        Self { log, urgency }
    }
}

impl Writer for Within<'_> {
    type Ticket = Ticket;

    fn hand_over(&self, append: Append) -> Ticket {
        self.log.hand_over_within(append, self.urgency)
    }
}
