//! The one thread that writes: takes what is queued and commits it together.

use crate::error::StoreError;
use crate::failpoint::Failpoint;
use crate::record::HostId;
use crate::sqlite::batch::{Chain, Chains, Scribe, Written, execute};
use crate::sqlite::checkpoint::{Checkpoints, Connected};
use crate::sqlite::connection::{self, Durability};
use crate::sqlite::counters::Counters;
use crate::sqlite::doorbell::Doorbell;
use crate::sqlite::driven::Driven;
use crate::sqlite::error::from_sqlite;
use crate::sqlite::keeper::{Due, Holding};
use crate::sqlite::liveness::{HostLock, Liveness};
use crate::sqlite::notes::Notes;
use crate::sqlite::queue::{Gathering, Order, Queue, Taken};
use crate::sqlite::write;
use crate::ticket::Position;
use cofferdam_engine::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::collections::VecDeque;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Failed transactions in a row after which nothing more is taken (rule C5).
const MOST_FAILURES: u32 = 3;

/// All that the thread works with.
pub(crate) struct Writer {
    pub(crate) path: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) host: HostId,
    pub(crate) durability: Durability,
    pub(crate) queue: Arc<Queue>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) counters: Arc<Counters>,
    /// Rung when there is something for others to look for.
    pub(crate) doorbell: Doorbell,
    /// Told what is durable.
    pub(crate) progress: watch::Sender<Position>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) longest_batch: Duration,
    pub(crate) driven: Driven,
    pub(crate) lock: Option<HostLock>,
    pub(crate) liveness: Liveness,
    pub(crate) holding: Arc<Holding>,
    /// Whether the row of this host is in the database.
    pub(crate) registered: bool,
    pub(crate) latest: Position,
    pub(crate) failures: u32,
    /// Whether something was committed that no sync has put on the disk yet.
    pub(crate) unsynced: bool,
}

/// Fails what is queued when the thread ends, however it ends.
struct Abandon(Arc<Queue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self, db: Connection) {
        let _abandon = Abandon(Arc::clone(&self.queue));
        let mut db = db;
        let mut gathering = Gathering::default();
        while let Some(Taken { orders, awaited }) = self.queue.take(gathering) {
            let began = Instant::now();
            // First, so that a line noted before an append was handed over can be read when the append is durable.
            self.write_notes(&mut db);
            self.work_off(&mut db, orders);
            gathering = Gathering::after(awaited, began.elapsed());
            if self.checkpoints.between_batches(&mut db, &self.counters) == Connected::Dubiously {
                // Where there is no new one, what is handed over fails until the limit of failures closes the log.
                let _ = self.reopen(&mut db);
            }
        }
        self.write_notes(&mut db);
        self.leave(&mut db);
    }

    /// Ends the lease, so that others need not ask the system whether this host is alive.
    fn leave(&mut self, db: &mut Connection) {
        if !self.registered {
            return;
        }
        let left = self.without_waiting(db, |writer, db| {
            execute(db, "BEGIN IMMEDIATE")?;
            write::leave(db, &writer.host)?;
            Failpoint::BeforeLeaving.reached();
            execute(db, "COMMIT")
        });
        match left {
            Ok(()) => self.doorbell.ring(),
            Err(error) => tracing::debug!(%error, "the lease ends with the process"),
        }
    }

    fn work_off(&mut self, db: &mut Connection, orders: VecDeque<Order>) {
        let mut chains = Chains::default();
        let (mut posts, mut claims) = (Vec::new(), Vec::new());
        for order in orders {
            if !matches!(order, Order::Post(..)) {
                self.post(db, mem::take(&mut posts));
            }
            if !matches!(order, Order::Claim(..)) {
                self.claim(db, mem::take(&mut claims));
            }
            match order {
                Order::Post(letter, answer) => {
                    // What was handed over before it is durable before it.
                    self.write_chains(db, chains.take());
                    posts.push((letter, answer));
                }
                Order::Open(opening, append, settler) => chains.push(Some(opening), append, settler),
                Order::Append(append, settler) => chains.push(None, append, settler),
                Order::Claim(run, answer) => {
                    // What was handed over before belongs to the generation that ends.
                    self.write_chains(db, chains.take());
                    claims.push((run, answer));
                }
            }
        }
        self.write_chains(db, chains.take());
        self.post(db, posts);
        self.claim(db, claims);
    }

    fn write_chains(&mut self, db: &mut Connection, mut chains: VecDeque<Chain>) {
        while !chains.is_empty() {
            let mut batch = Vec::new();
            let outcome = self.write_batch(db, &mut chains, &mut batch);
            match outcome {
                Ok(()) => {
                    self.failures = 0;
                    let let_go = batch.iter().any(|written| written.let_go);
                    for written in batch {
                        self.counters.appends.fetch_add(written.appends(), Ordering::Relaxed);
                        self.counters.events.fetch_add(written.events, Ordering::Relaxed);
                        written.committed(&mut self.driven);
                    }
                    Failpoint::AfterAcknowledgement.reached();
                    self.progress.send_replace(self.latest);
                    if let_go {
                        // Whoever waits for the next time of a run that is due may have to wake up earlier now.
                        self.doorbell.ring();
                    }
                }
                Err(error) => {
                    // First, so that whoever is told finds the log as it will be.
                    self.recover(db, &error);
                    for written in batch {
                        written.failed(&error, &mut self.driven);
                    }
                }
            }
        }
    }

    /// Writes as many of `chains` as the time of a batch allows, and commits.
    fn write_batch(
        &mut self,
        db: &Connection,
        chains: &mut VecDeque<Chain>,
        batch: &mut Vec<Written>,
    ) -> Result<(), Arc<StoreError>> {
        let due = match self.start(db) {
            Ok(due) => due,
            Err(error) => {
                // Without a transaction nothing can be written: the first chain fails for all, the others try anew.
                let error = Arc::new(error);
                batch.extend(chains.pop_front().map(|chain| Written::lost(chain, &error)));
                return Err(error);
            }
        };
        Failpoint::BeforeAppend.reached();
        let began = Instant::now();
        let mut scribe = Scribe {
            path: &self.path,
            host: &self.host,
            driven: &mut self.driven,
            latest: self.latest,
            now: now(),
        };
        while let Some(chain) = chains.pop_front() {
            match scribe.write(db, chain) {
                Ok(written) => batch.push(written),
                Err((written, error)) => {
                    batch.push(written);
                    return Err(error);
                }
            }
            if began.elapsed() > self.longest_batch {
                break;
            }
        }
        let latest = scribe.latest;
        Failpoint::AfterAppend.reached();
        self.commit(db, due).map_err(Arc::new)?;
        Failpoint::AfterCommit.reached();
        self.latest = latest;
        Ok(())
    }

    pub(crate) fn commit(&mut self, db: &Connection, due: Due) -> Result<(), StoreError> {
        execute(db, "COMMIT").map_err(|error| from_sqlite(&self.path, error))?;
        self.registered = true;
        if self.counters.waits() {
            self.unsynced = false;
        }
        self.holding.committed(due);
        Ok(())
    }

    /// Opens a transaction in which this host is known and has a lease.
    pub(crate) fn start(&mut self, db: &Connection) -> Result<Due, StoreError> {
        let fail = |error| from_sqlite(&self.path, error);
        if self.lock.is_none() {
            self.lock = Some(HostLock::take(&self.directory, &self.host)?);
        }
        execute(db, "BEGIN IMMEDIATE").map_err(fail)?;
        let mut due = self.holding.due();
        if let Due::Renewal { now, end } = due {
            match write::renew_lease(db, &self.host, now, end) {
                Ok(true) => {}
                Ok(false) => {
                    // It ran out for the others, so that nothing may follow it.
                    self.holding.lease().give_up();
                    due = self.holding.due();
                }
                Err(error) if !db.is_autocommit() => {
                    tracing::warn!(host = %self.host, %error, "the lease was not renewed; it is tried again");
                    due = Due::Nothing;
                }
                Err(error) => return Err(fail(error)),
            }
        }
        if let Due::Beginning { now: begins, end } = due {
            if self.registered {
                // What was driven under the lost lease is another host's, or anybody's who claims it again.
                self.driven.break_off_all();
                write::release_runs(db, &self.host, now()).map_err(fail)?;
            }
            for lost in write::forget_lost_hosts(db, self.liveness.boot(), begins).map_err(fail)? {
                self.liveness.clear(&lost);
            }
            write::begin_lease(db, &self.host, self.liveness.boot(), now(), end).map_err(fail)?;
            Failpoint::BeforeLease.reached();
        }
        Ok(due)
    }

    /// Goes on after a transaction failed: its frames may be in the log, so that only a new connection can be trusted.
    pub(crate) fn recover(&mut self, db: &mut Connection, error: &Arc<StoreError>) {
        self.failures += 1;
        tracing::error!(path = %self.path.display(), %error, "a transaction of the log failed");
        // A system that failed to write something takes it for written from then on (wiki.postgresql.org/wiki/Fsync_Errors): what was
        // committed before it may never come to the disk, and nothing behind it could be read after a loss of power.
        let is_lost = self.unsynced && is_failed_sync(error);
        if self.failures >= MOST_FAILURES || is_lost {
            self.queue.close(Arc::new(StoreError::GaveUp(Arc::clone(error))));
        }
        if !db.is_autocommit() {
            // A connection that cannot roll back is closed anyway.
            let _ = execute(db, "ROLLBACK");
        }
        // Where there is no new one, what is handed over fails until the limit of failures closes the log.
        let _ = self.reopen(db);
    }

    /// Takes a new connection, and returns whether there is one.
    fn reopen(&self, db: &mut Connection) -> Result<(), StoreError> {
        let reopened = connection::open_again(&self.path, OpenFlags::default()).and_then(|mut new| {
            connection::make_writer(&new, self.durability)
                .and_then(|()| Counters::watch(&self.counters, &mut new))
                .map_err(|error| from_sqlite(&self.path, error))
                .map(|()| new)
        });
        match reopened {
            Ok(new) => *db = new,
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "the log could not be opened again");
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes the lines of guests. They wait for no disk, and losing them loses nothing else.
    fn write_notes(&mut self, db: &mut Connection) {
        let noted = self.notes.take();
        if noted.is_empty() {
            return;
        }
        let lines = noted.lines.len() as u64;
        let dropped: u64 = noted.dropped.values().sum();
        self.counters.log_lines_dropped.fetch_add(dropped, Ordering::Relaxed);
        let written: rusqlite::Result<()> = self.without_waiting(db, |_, db| {
            execute(db, "BEGIN IMMEDIATE")?;
            for line in &noted.lines {
                write::insert_line(db, line)?;
            }
            for ((run, step), count) in &noted.dropped {
                write::count_dropped(db, *run, step, *count)?;
            }
            execute(db, "COMMIT")
        });
        match written {
            Ok(()) => self.counters.log_lines.fetch_add(lines, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(lines, %error, "log lines were lost");
                self.counters.log_lines_dropped.fetch_add(lines, Ordering::Relaxed)
            }
        };
    }

    /// Does `work` in transactions that do not wait for the disk.
    pub(crate) fn without_waiting<T>(
        &mut self,
        db: &mut Connection,
        work: impl FnOnce(&mut Self, &Connection) -> T,
    ) -> T {
        // A connection that waits all the same is slower and nothing else.
        if connection::synchronise(db, Durability::Process).is_ok() {
            self.counters.set_waits(Durability::Process);
        }
        self.unsynced = true;
        let done = work(self, db);
        if !db.is_autocommit() {
            // What could not be committed is given up; the next transaction begins afresh.
            let _ = execute(db, "ROLLBACK");
        }
        if (connection::synchronise(db, self.durability).is_err() || !db.is_autocommit())
            && let Err(error) = self.reopen(db)
        {
            // Appends must never be told to be durable by a connection that does not wait.
            self.queue.close(Arc::new(StoreError::GaveUp(Arc::new(error))));
        }
        self.counters.set_waits(self.durability);
        done
    }
}

/// Returns whether the disk did not keep what was written.
fn is_failed_sync(error: &StoreError) -> bool {
    matches!(error, StoreError::Disk { is_sync: true, .. })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
