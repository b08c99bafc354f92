//! How this host keeps its lease: a thread that renews it, whatever the writer and the guests are busy with.

use crate::boot_clock::Bell;
use crate::error::StoreError;
use crate::lease::{Lease, LeaseTerms};
use crate::record::HostId;
use crate::sqlite::batch::execute;
use crate::sqlite::connection::{self, Durability};
use crate::sqlite::error::from_sqlite;
use crate::sqlite::write;
use rusqlite::{Connection, OpenFlags};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a renewal waits for the lock of the database before it counts as failed and is tried again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lease of this host, renewed by whoever comes first: the writer with what it writes anyway, or the keeper.
#[derive(Debug)]
pub(crate) struct Holding {
    terms: LeaseTerms,
    state: Mutex<State>,
    bell: Arc<Bell>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct State {
    lease: Lease,
    renewed_at: Duration,
}

/// What a transaction that has the lock of the database writes about the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the lease follows what was committed"]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// It is renewed.
    Renewal { now: Duration, end: Duration },
    /// There is none, or it was lost: a new one begins.
    Beginning { now: Duration, end: Duration },
}

impl Holding {
    pub(crate) fn new(terms: LeaseTerms) -> Self {
        Self {
            bell: Bell::on(&terms.clock),
            terms,
            state: Mutex::new(State {
                lease: Lease::none(),
                renewed_at: Duration::ZERO,
            }),
            closed: AtomicBool::new(false),
        }
    }

    /// Returns the lease of now.
    pub(crate) fn lease(&self) -> Lease {
        self.lock().lease.clone()
    }

    /// Returns what is to be written about the lease; asked under the lock of the database, so that no other host decides
    /// in between.
    pub(crate) fn due(&self) -> Due {
        let now = self.terms.clock.now();
        let end = now + self.terms.lasts;
        let state = self.lock();
        if !state.lease.is_held() {
            state.lease.give_up();
            Due::Beginning { now, end }
        } else if now >= state.renewed_at + self.terms.renewed_every {
            Due::Renewal { now, end }
        } else {
            Due::Nothing
        }
    }

    /// Lets the lease follow what was committed.
    pub(crate) fn committed(&self, due: Due) {
        let mut state = self.lock();
        match due {
            Due::Nothing => return,
            Due::Renewal { now, end } => {
                if state.lease.prolong(end) {
                    state.renewed_at = now;
                }
            }
            Due::Beginning { now, end } => {
                state.lease = Lease::until(end, &self.terms);
                state.renewed_at = now;
            }
        }
        drop(state);
        self.bell.ring();
    }

    /// Ends the lease and its thread.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.lock().lease.give_up();
        self.bell.ring();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread that keeps the lease of `host` in the database at `path`.
pub(crate) fn start(holding: Arc<Holding>, path: &Path, host: HostId) -> io::Result<JoinHandle<()>> {
    let path = path.to_owned();
    thread::Builder::new()
        .name("log-lease".to_owned())
        .spawn(move || Keeper { holding, path, host }.keep())
}

struct Keeper {
    holding: Arc<Holding>,
    path: PathBuf,
    host: HostId,
}

impl Keeper {
    fn keep(&self) {
        let holding = &self.holding;
        // Often enough that a failed renewal is soon tried again, and a loss during sleep is soon noticed.
        let pause = holding.terms.renewed_every / 5;
        let mut db = None;
        while !holding.closed.load(Ordering::Acquire) {
            let lease = holding.lease();
            let wait = lease.remaining().map(|left| left.min(pause));
            if wait.is_none() {
                // Tells those who wait for it.
                lease.give_up();
            } else if holding.due() != Due::Nothing
                && let Err(error) = self.renew(&mut db)
            {
                // A connection whose transaction failed is not trusted any more.
                db = None;
                tracing::warn!(host = %self.host, %error, "the lease was not renewed; it is tried again");
            }
            holding.bell.wait(&holding.terms.clock, wait);
        }
    }

    fn renew(&self, db: &mut Option<Connection>) -> Result<(), StoreError> {
        let fail = |error| from_sqlite(&self.path, error);
        if db.is_none() {
            *db = Some(self.connect()?);
        }
        let Some(db) = db else {
            return Ok(());
        };
        execute(db, "BEGIN IMMEDIATE").map_err(fail)?;
        // Asked again under the lock: the writer may have been faster.
        let due = self.holding.due();
        let written = match due {
            // A new lease is the writer's to begin: it knows which runs the old one was for.
            Due::Nothing | Due::Beginning { .. } => Ok(false),
            Due::Renewal { now, end } => write::renew_lease(db, &self.host, now, end),
        };
        match written {
            Ok(true) => execute(db, "COMMIT").map_err(fail)?,
            Ok(false) => {
                return execute(db, "ROLLBACK").map_err(fail);
            }
            Err(error) => {
                // The connection is closed anyway.
                let _ = execute(db, "ROLLBACK");
                return Err(fail(error));
            }
        }
        self.holding.committed(due);
        Ok(())
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let mut db = connection::open_again(&self.path, OpenFlags::default())?;
        let prepare = |db: &mut Connection| {
            connection::patience(db, PATIENCE)?;
            // A lease need not survive a power cut: no lease does.
            connection::synchronise(db, Durability::Process)?;
            // An idle host writes nothing else, so that nobody else would shorten the write-ahead log.
            db.pragma_update(None, "wal_autocheckpoint", 1_000)
        };
        prepare(&mut db).map_err(|error| from_sqlite(&self.path, error))?;
        Ok(db)
    }
}
