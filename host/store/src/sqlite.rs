//! The log in one SQLite file: many readers, one writer, and a lock per process that tells who is alive.

mod batch;
mod checkpoint;
mod checksum;
mod claim;
pub(crate) mod connection;
mod counters;
mod directory;
mod doorbell;
mod driven;
pub(crate) mod error;
mod inbox;
mod keeper;
mod listeners;
mod liveness;
mod migration;
mod notes;
mod queue;
mod read;
mod readers;
mod requests;
mod runnable;
mod snapshot;
mod stream;
mod write;
mod writer;

use crate::arrivals::Arrivals;
use crate::bounds::WriterBounds;
use crate::error::{ClaimError, FindError, PostError, StoreError};
use crate::inbox::{Inbox, NewMessage, Posted};
use crate::lease::{Lease, LeaseTerms};
use crate::log::{AtWork, Pending, RunLog};
use crate::log_line::{LogLine, LogLines};
use crate::record::{Claim, Definition, HostId, NewRun, RunFilter, RunSummary};
use crate::runnable::Runnable;
use crate::sqlite::checkpoint::{CheckpointStart, Checkpoints};
use crate::sqlite::connection::Durability;
use crate::sqlite::counters::Counters;
use crate::sqlite::doorbell::{Doorbell, Listener};
use crate::sqlite::driven::Driven;
use crate::sqlite::error::OpenError;
use crate::sqlite::inbox::Letter;
use crate::sqlite::keeper::Holding;
use crate::sqlite::liveness::Liveness;
use crate::sqlite::migration::MIGRATIONS;
use crate::sqlite::notes::Notes;
use crate::sqlite::queue::{Opening, Order, Queue};
use crate::sqlite::read::Archive;
use crate::sqlite::readers::{Readers, ReadersStart};
use crate::sqlite::write::Encoded;
use crate::sqlite::writer::Writer;
use crate::statistics::Statistics;
use crate::stream::{Cursor, StreamError, Streamed};
use crate::ticket::{Fate, Position, Ticket};
use crate::urgency::Urgency;
use cofferdam_engine::{Append, MessageId, Recorded, RunId, RunStatus, StepPath, Timestamp, Verdict, Version};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use tokio::sync::{oneshot, watch};

/// Whether opening a log that is not there makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It makes one, and the directories above it.
    IfMissing,
    /// It fails.
    Never,
}

/// Where a log is and how it is used.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The database; its directory is the state directory and also holds what belongs to it.
    pub path: PathBuf,
    /// The host as which this process writes; new for every process.
    pub host: HostId,
    /// When a commit counts as durable.
    pub durability: Durability,
    /// Whether a missing log is made.
    pub creation: Creation,
    /// How long other hosts wait for this one when it is silent; the same for all hosts of a log.
    pub lease: LeaseTerms,
}

/// A log in a SQLite file. Dropping it writes what was handed over and lets go of what it drove.
#[derive(Debug)]
pub struct SqliteLog {
    host: HostId,
    archive: Archive,
    queue: Arc<Queue>,
    notes: Arc<Notes>,
    counters: Arc<Counters>,
    doorbell: Doorbell,
    /// Begins with the first one who wants to hear.
    listener: OnceLock<Option<Listener>>,
    durable: watch::Receiver<Position>,
    holding: Arc<Holding>,
    /// Ends after all other threads: the lease is kept while they work.
    keeper: Option<JoinHandle<()>>,
    readers: Readers,
    threads: Vec<JoinHandle<()>>,
}

impl SqliteLog {
    /// Opens the log that `options` name, brings it up to date and starts its threads.
    ///
    /// # Errors
    /// If the place is unfit, or the file is damaged, not ours, or of a later release; nothing was changed then.
    pub fn open(options: SqliteOptions) -> Result<Self, OpenError> {
        Self::open_within(options, WriterBounds::default())
    }

    /// Does the same with a writer that looks after others sooner or later.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_within(options: SqliteOptions, bounds: WriterBounds) -> Result<Self, OpenError> {
        let path = options.path;
        if options.creation == Creation::Never && !path.exists() {
            return Err(OpenError::Missing { path });
        }
        let directory = directory::prepare(&path)?;
        directory::make_private(&path)?;
        let mut db = connection::open_checked(&path, MIGRATIONS)?;
        directory::close_to_others(&path)?;
        let counters = Arc::new(Counters::default());
        counters.set_waits(options.durability);
        let latest = connection::make_writer(&db, options.durability)
            .and_then(|()| Counters::watch(&counters, &mut db))
            .and_then(|()| latest_position(&db))
            .map_err(|error| OpenError::from_sqlite(&path, error))?;
        let store_failed = |source: StoreError| OpenError::Store {
            path: path.clone(),
            source: Box::new(source),
        };
        let readers = Readers::start(&path).map_err(|error| match error {
            ReadersStart::Connection(source) => store_failed(source),
            ReadersStart::Thread(source) => OpenError::Threads(source),
        })?;
        let queue = Arc::new(Queue::default());
        let (checkpoints, checkpointer) = Checkpoints::start(&path, Arc::clone(&queue), Arc::clone(&counters), bounds)
            .map_err(|error| match error {
                CheckpointStart::Connection(source) => store_failed(source),
                CheckpointStart::Thread(source) => OpenError::Threads(source),
            })?;
        let notes = Arc::new(Notes::new(Instant::now()));
        let doorbell = Doorbell::new(&directory);
        let (progress, durable) = watch::channel(latest);
        let liveness = Liveness::new(&directory, options.lease.clock.clone());
        let holding = Arc::new(Holding::new(options.lease));
        let writer = Writer {
            path: path.clone(),
            directory: directory.clone(),
            host: options.host.clone(),
            durability: options.durability,
            queue: Arc::clone(&queue),
            notes: Arc::clone(&notes),
            counters: Arc::clone(&counters),
            doorbell: doorbell.clone(),
            progress,
            checkpoints,
            longest_batch: bounds.longest_batch,
            driven: Driven::default(),
            lock: None,
            liveness: liveness.clone(),
            holding: Arc::clone(&holding),
            registered: false,
            latest,
            failures: 0,
            unsynced: false,
        };
        let writer = thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run(db))
            .map_err(OpenError::Threads)?;
        let keeper = keeper::start(Arc::clone(&holding), &path, options.host.clone()).map_err(|error| {
            queue.close(Arc::new(StoreError::WriterGone));
            OpenError::Threads(error)
        })?;
        Ok(Self {
            host: options.host,
            archive: Archive {
                path: path.into(),
                liveness,
            },
            queue,
            notes,
            counters,
            doorbell,
            listener: OnceLock::new(),
            durable,
            holding,
            keeper: Some(keeper),
            readers,
            threads: vec![writer, checkpointer],
        })
    }

    /// Looks the whole database through and returns what is wrong with it; nothing if nothing is. Slow.
    pub fn findings(&self) -> Pending<Result<Vec<String>, StoreError>> {
        self.ask(Archive::findings)
    }

    /// Returns the file of this log.
    pub fn path(&self) -> &Path {
        &self.archive.path
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Archive, &Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<Result<T, StoreError>> {
        let archive = self.archive.clone();
        let path = Arc::clone(&archive.path);
        let asked = self.readers.asker().ask(
            move |db| question(&archive, db),
            move |error| error::from_sqlite(&path, error),
        );
        Box::pin(asked)
    }

    fn order(&self, order: Order, ticket: Ticket) -> Ticket {
        match self.queue.push(order) {
            Ok(()) => ticket,
            Err(reason) => Ticket::settled(Fate::Failed(reason)),
        }
    }
}

impl Drop for SqliteLog {
    fn drop(&mut self) {
        self.queue.close(Arc::new(StoreError::WriterGone));
        // Before the writer: the last connection to close moves the write-ahead log to the database, and these may not.
        self.readers.stop();
        for thread in self.threads.drain(..) {
            // A writer that panicked has failed its tickets, which is how others know.
            let _ = thread.join();
        }
        self.holding.close();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
        self.leave_one_file();
    }
}

impl SqliteLog {
    /// Moves what is left in the write-ahead log to the database. The last connection to close does that by itself, but
    /// of two that close at the same moment each may take the other for the last.
    fn leave_one_file(&self) {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let closed = Connection::open_with_flags(self.path(), flags)
            .and_then(|db| db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
        if let Err(error) = closed {
            // Nothing is lost: whoever opens the database next reads both files.
            tracing::debug!(%error, "the write-ahead log stays beside the database");
        }
    }
}

impl RunLog for SqliteLog {
    fn host(&self) -> &HostId {
        &self.host
    }

    fn begin(&self, run: NewRun, first: Append) -> Ticket {
        let (settler, ticket) = Ticket::open();
        let opening = Opening::Begin(Box::new(run));
        self.order(Order::Open(opening, first.into(), settler), ticket)
    }

    fn reopen(&self, definition: Option<Definition>, first: Append) -> Ticket {
        let (settler, ticket) = Ticket::open();
        let opening = Opening::Reopen(definition.map(Box::new));
        self.order(Order::Open(opening, first.into(), settler), ticket)
    }

    fn hand_over(&self, append: Append) -> Ticket {
        let (settler, ticket) = Ticket::open();
        self.order(Order::Append(append.into(), settler), ticket)
    }

    fn hand_over_within(&self, append: Append, urgency: Urgency) -> Ticket {
        let (settler, ticket) = Ticket::open();
        let encoded = Encoded::from(append);
        let bytes = encoded.bytes();
        match self.queue.push_within(Order::Append(encoded, settler), urgency, bytes) {
            Ok(()) => ticket,
            Err(reason) => Ticket::settled(Fate::Failed(reason)),
        }
    }

    fn claim(&self, run: RunId) -> Pending<Result<Claim, ClaimError>> {
        // Read first: a history that cannot be read must not cost the run its owner.
        let history = self.ask(move |archive, db| {
            let Some(summary) = archive.run(db, run)? else {
                return Ok(Err(ClaimError::NotFound(run)));
            };
            if summary.status.is_final() {
                let status = summary.status;
                return Ok(Err(ClaimError::Final { run, status }));
            }
            let Some(definition) = archive.definition(db, run)? else {
                return Ok(Err(ClaimError::NotFound(run)));
            };
            let snapshot = archive.snapshot(db, run, summary.version)?;
            let after = snapshot.as_ref().map_or(Version(0), |snapshot| snapshot.version);
            let events = archive.history_behind(db, run, after, summary.version)?;
            Ok(Ok((definition, snapshot, events)))
        });
        let (answer, granted) = oneshot::channel();
        let queue = Arc::clone(&self.queue);
        let asker = self.readers.asker().clone();
        let archive = self.archive.clone();
        Box::pin(async move {
            let failed = |error| unreadable(run, error);
            let (definition, snapshot, mut events) = history.await.map_err(failed)??;
            if let Err(source) = queue.push(Order::Claim(run, answer)) {
                return Err(ClaimError::Store { run, source });
            }
            let granted = granted.await.map_err(|_| failed(StoreError::WriterGone))??;
            let after = snapshot.as_ref().map_or(0, |snapshot| snapshot.version.0);
            let read = after + events.len() as u64;
            if granted.version.0 > read {
                let path = Arc::clone(&archive.path);
                let rest = asker.ask(
                    move |db| archive.events(db, run, read, usize::MAX),
                    move |error| error::from_sqlite(&path, error),
                );
                events.extend(rest.await.map_err(failed)?);
            }
            Ok(Claim {
                run,
                generation: granted.generation,
                version: granted.version,
                definition,
                snapshot,
                events,
                messages: granted.messages,
                host_lost: granted.host_lost,
            })
        })
    }

    fn lease(&self) -> Lease {
        self.holding.lease()
    }

    fn claimable(&self, now: Timestamp, limit: usize) -> Pending<Result<Vec<Runnable>, StoreError>> {
        let host = self.host.clone();
        self.ask(move |archive, db| archive.claimable(db, &host, now, limit))
    }

    fn next_wake(&self, after: Timestamp) -> Pending<Result<Option<Timestamp>, StoreError>> {
        self.ask(move |archive, db| archive.next_wake(db, after))
    }

    fn at_work(&self) -> Result<AtWork, StoreError> {
        self.archive.liveness.put_up_sign().map(AtWork::with)
    }

    fn is_anybody_at_work(&self) -> bool {
        self.archive.liveness.is_sign_up()
    }

    fn post(&self, message: NewMessage) -> Pending<Result<MessageId, PostError>> {
        let run = message.run;
        let (answer, posted) = oneshot::channel();
        let ordered = Letter::seal(message).and_then(|letter| {
            let order = Order::Post(letter, answer);
            self.queue
                .push(order)
                .map_err(|source| PostError::Store { run, source })
        });
        Box::pin(async move {
            ordered?;
            posted.await.unwrap_or_else(|_| {
                Err(PostError::Store {
                    run,
                    source: Arc::new(StoreError::WriterGone),
                })
            })
        })
    }

    fn answer(&self, message: MessageId) -> Pending<Result<Option<Verdict>, StoreError>> {
        self.ask(move |archive, db| inbox::answer(db, &archive.path, message))
    }

    fn unanswered(&self, inbox: Inbox) -> Pending<Result<Vec<Posted>, StoreError>> {
        let host = self.host.clone();
        self.ask(move |archive, db| inbox::unanswered(db, &archive.path, inbox, &host))
    }

    fn listeners(&self, topic: &str) -> Pending<Result<Vec<RunId>, StoreError>> {
        let topic = topic.to_owned();
        self.ask(move |archive, db| archive.listeners(db, &topic))
    }

    fn arrivals(&self) -> Arrivals {
        self.listener.get_or_init(|| match self.doorbell.listen() {
            Ok(listener) => Some(listener),
            Err(error) => {
                tracing::warn!(%error, "other processes are not heard; what they do is found by looking");
                None
            }
        });
        self.doorbell.arrivals()
    }

    fn run(&self, run: RunId) -> Pending<Result<Option<RunSummary>, StoreError>> {
        self.ask(move |archive, db| archive.run(db, run))
    }

    fn runs(&self, filter: RunFilter) -> Pending<Result<Vec<RunSummary>, StoreError>> {
        self.ask(move |archive, db| archive.runs(db, &filter))
    }

    fn counts(&self, workflow: Option<String>) -> Pending<Result<BTreeMap<RunStatus, u64>, StoreError>> {
        self.ask(move |archive, db| archive.counts(db, workflow.as_deref()))
    }

    fn find(&self, reference: &str) -> Pending<Result<RunId, FindError>> {
        let reference = reference.to_owned();
        let found = self.ask(move |archive, db| Ok(archive.find(db, &reference)));
        Box::pin(async move { found.await.map_err(|error| FindError::Store(Arc::new(error)))? })
    }

    fn events(&self, run: RunId, after: u64, limit: usize) -> Pending<Result<Vec<Recorded>, StoreError>> {
        self.ask(move |archive, db| archive.events(db, run, after, limit))
    }

    fn stream(
        &self,
        run: Option<RunId>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Pending<Result<Vec<Streamed>, StreamError>> {
        let page = self.ask(move |archive, db| Ok(archive.stream(db, run, after.as_ref(), limit)));
        Box::pin(async move { page.await.map_err(|error| StreamError::Store(Arc::new(error)))? })
    }

    fn end_of_stream(&self) -> Pending<Result<Cursor, StoreError>> {
        self.ask(Archive::end_of_stream)
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.durable.clone()
    }

    fn definition(&self, run: RunId) -> Pending<Result<Option<Definition>, StoreError>> {
        self.ask(move |archive, db| archive.definition(db, run))
    }

    fn log_lines(&self, run: RunId, step: Option<StepPath>) -> Pending<Result<LogLines, StoreError>> {
        self.ask(move |archive, db| archive.log_lines(db, run, step.as_ref()))
    }

    fn note(&self, line: LogLine) {
        // A line that is dropped is written down too, as a count.
        self.notes.note(line, Instant::now());
        self.queue.noted();
    }

    fn broken(&self) -> Pending<Arc<StoreError>> {
        let mut broken = self.queue.broken();
        Box::pin(async move {
            let reason = broken.wait_for(Option::is_some).await;
            let reason = reason.ok().and_then(|reason| reason.clone());
            // A queue that is gone tells nothing.
            reason.unwrap_or_else(|| Arc::new(StoreError::WriterGone))
        })
    }

    fn statistics(&self) -> Statistics {
        self.counters.statistics()
    }
}

fn unreadable(run: RunId, error: StoreError) -> ClaimError {
    match error {
        StoreError::UnreadableEvent { sequence, source } => ClaimError::Unreadable { run, sequence, source },
        other => ClaimError::Store {
            run,
            source: Arc::new(other),
        },
    }
}

fn latest_position(db: &Connection) -> rusqlite::Result<Position> {
    db.query_row("SELECT coalesce(max(position), 0) FROM events", [], |row| {
        row.get(0).map(Position)
    })
}
