//! Why a log did not do what it was asked to.

use crate::record::HostId;
use cofferdam_engine::{MessageId, RunId, RunStatus};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// What a library below the log reported.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a log could not read or write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room left.
    #[error("no space left for the state in `{}`; free some, then resume", path.display())]
    DiskFull {
        /// Where the state is.
        path: PathBuf,
    },
    /// The system does not take or give what the state is.
    #[error("{what}: `{}`", path.display())]
    Disk {
        /// Where the state is.
        path: PathBuf,
        /// What it did not do, and what may be the reason.
        what: &'static str,
        /// Whether it was told to put on the disk what was written before, and did not.
        is_sync: bool,
        /// What the database calls it.
        #[source]
        source: Cause,
    },
    /// What is stored cannot be right.
    #[error("the state in `{}` is damaged: {detail}; nothing was changed, restore a backup", path.display())]
    Damaged {
        /// Where the state is.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Another process kept the database locked.
    #[error("another process kept the state in `{}` locked", path.display())]
    Busy {
        /// Where the state is.
        path: PathBuf,
    },
    /// A run of this id exists already.
    #[error("run {run} exists already")]
    Exists {
        /// The run.
        run: RunId,
    },
    /// A run that its caller gave the same name exists already.
    #[error("`{caller_id}` was started already, as run {run}")]
    Duplicate {
        /// The name that the caller gave.
        caller_id: String,
        /// The run that has it.
        run: RunId,
    },
    /// An append contradicts itself.
    #[error("run {run} was handed an append that contradicts itself: {detail}")]
    Malformed {
        /// The run.
        run: RunId,
        /// What does not fit.
        detail: &'static str,
    },
    /// A run was about to end or to be parked while something was asked of it.
    #[error("a message of the run has no answer yet")]
    InboxNotEmpty,
    /// The log failed so often in a row that it takes nothing more.
    #[error("the log gave up after repeated failures; restart the host")]
    GaveUp(#[source] Arc<StoreError>),
    /// An event cannot be read.
    #[error("event {sequence} cannot be read")]
    UnreadableEvent {
        /// Its number in its run.
        sequence: u64,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The threads that read are gone.
    #[error("the readers of the log are gone; restart the host")]
    ReaderGone,
    /// The thread that writes is gone.
    #[error("the writer of the log is gone; restart the host")]
    WriterGone,
    /// The host could not mark itself as alive.
    #[error("this host could not lock its file `{}`", path.display())]
    HostLock {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database reported something else.
    #[error("the database in `{}` failed", path.display())]
    Database {
        /// Where the state is.
        path: PathBuf,
        /// What it reported.
        #[source]
        source: Cause,
    },
}

/// Why a run cannot be driven by this host.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is no such run.
    #[error("run {0} does not exist")]
    NotFound(RunId),
    /// The run has ended.
    #[error("run {run} has ended: {}", status.word())]
    Final {
        /// The run.
        run: RunId,
        /// How it ended.
        status: RunStatus,
    },
    /// Another host that is alive drives it.
    #[error("run {run} is being driven by process {pid}")]
    Owned {
        /// The run.
        run: RunId,
        /// The host that drives it.
        host: HostId,
        /// Its process.
        pid: u32,
    },
    /// A later release wrote it.
    #[error(
        "run {run} was written by a later release (encoding {found}, this one reads up to {reads}); drive it with that release"
    )]
    Newer {
        /// The run.
        run: RunId,
        /// The encoding that reading it takes.
        found: u32,
        /// The encoding up to which this release reads.
        reads: u32,
    },
    /// Its history cannot be read; nothing was changed.
    #[error("event {sequence} of run {run} cannot be read")]
    Unreadable {
        /// The run.
        run: RunId,
        /// Which event.
        sequence: u64,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The log could not read or write.
    #[error("run {run} could not be claimed")]
    Store {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: Arc<StoreError>,
    },
}

/// Why a run was not told something. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// There is no such run.
    #[error("run {0} does not exist")]
    NotFound(RunId),
    /// The run has ended and answers nothing more.
    #[error("run {run} has ended: {}", status.word())]
    Ended {
        /// The run.
        run: RunId,
        /// How it ended.
        status: RunStatus,
    },
    /// Another message has this key.
    #[error("run {run} was sent something else as `{key}` already")]
    KeyTaken {
        /// The run.
        run: RunId,
        /// The key.
        key: String,
        /// The message that has it.
        message: MessageId,
    },
    /// The request is too long.
    #[error("what run {run} is sent has {bytes} bytes, of at most {most}")]
    TooLong {
        /// The run.
        run: RunId,
        /// How long it is, encoded.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// The log could not write.
    #[error("run {run} could not be sent anything")]
    Store {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: Arc<StoreError>,
    },
}

/// Why a text does not name a run.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Nothing fits.
    #[error("no run is called `{reference}`")]
    NotFound {
        /// The text.
        reference: String,
    },
    /// Several runs end like this.
    #[error("`{reference}` fits several runs")]
    Ambiguous {
        /// The text.
        reference: String,
        /// Some of the runs that it fits, newest first.
        candidates: Vec<RunId>,
    },
    /// The text is neither `last` nor enough of an id.
    #[error("`{reference}` is not a run: give `last`, an id, or its last {least} or more digits")]
    Invalid {
        /// The text.
        reference: String,
        /// How many digits are the fewest.
        least: usize,
    },
    /// The log could not be read.
    #[error("the runs could not be read")]
    Store(#[source] Arc<StoreError>),
}
