//! When what is in the write-ahead log moves to the database: off the writer's path, unless the log gets too long.

use crate::bounds::WriterBounds;
use crate::error::StoreError;
use crate::failpoint::Failpoint;
use crate::sqlite::connection::{self, PATIENCE};
use crate::sqlite::counters::Counters;
use crate::sqlite::error::from_sqlite;
use crate::sqlite::queue::Queue;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How many new frames make a checkpoint worth its two syncs: 4 MiB, as SQLite's own default.
const WORTH: u64 = 1_000;

/// How long the writer waits for readers of the old log; they are done within a second, and are met again soon.
const RESTART_PATIENCE: Duration = Duration::from_millis(100);

/// How many checkpoints may fail to reach the disk in a row before nothing is taken any more (rule C5).
const MOST_FAILURES: u32 = 3;

/// Decides when checkpoints run. Its thread ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    ask: SyncSender<()>,
    asked_at: u64,
    restart_at: u64,
    /// From how many frames on the writer itself sees to it that the log starts again.
    too_long: u64,
    trouble: Arc<Trouble>,
}

impl Checkpoints {
    /// Starts the thread that makes checkpoints beside the writer.
    pub(crate) fn start(
        path: &Path,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        bounds: WriterBounds,
    ) -> Result<(Self, JoinHandle<()>), CheckpointStart> {
        let trouble = Arc::new(Trouble {
            path: path.to_owned(),
            queue,
            failures: AtomicU32::new(0),
        });
        let worker = Worker {
            db: connection::open_again(path, OpenFlags::default()).map_err(CheckpointStart::Connection)?,
            counters,
            trouble: Arc::clone(&trouble),
        };
        // One request says all: whoever makes the checkpoint takes what is there then.
        let (ask, asked) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("log-checkpoint".to_owned())
            .spawn(move || worker.work(&asked))
            .map_err(CheckpointStart::Thread)?;
        let checkpoints = Self {
            ask,
            asked_at: 0,
            restart_at: bounds.restart_at,
            too_long: bounds.restart_at,
            trouble,
        };
        Ok((checkpoints, thread))
    }

    /// Sees to the length of the log; called by the writer when it holds no lock. Returns whether the connection is as good
    /// as before.
    pub(crate) fn between_batches(&mut self, db: &mut Connection, counters: &Counters) -> Connected {
        let frames = counters.frames();
        if frames < self.asked_at {
            self.asked_at = 0;
            self.restart_at = self.too_long;
        }
        if frames >= self.restart_at {
            return self.restart(db, counters, frames);
        }
        if frames >= self.asked_at + WORTH {
            self.asked_at = frames;
            // Full means that one is asked for already.
            let _ = self.ask.try_send(());
        }
        Connected::Still
    }

    fn restart(&mut self, db: &mut Connection, counters: &Counters, frames: u64) -> Connected {
        let restarted =
            connection::patience(db, RESTART_PATIENCE).and_then(|()| checkpoint(db, "PRAGMA wal_checkpoint(RESTART)"));
        if let Err(error) = connection::patience(db, PATIENCE) {
            tracing::warn!(%error, "the log waits less long for other processes than it should");
        }
        if matches!(&restarted, Ok(made) if made.is_unhindered) {
            counters.restarted();
            self.asked_at = 0;
            self.restart_at = self.too_long;
        } else {
            self.restart_at = frames + self.too_long / 4;
        }
        match restarted {
            Ok(made) => {
                if made.is_unhindered {
                    self.trouble.is_over();
                }
                Connected::Still
            }
            Err(error) => {
                self.trouble.tell(error);
                Connected::Dubiously
            }
        }
    }
}

/// Whether a connection is what it was before a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Connected {
    /// It is.
    Still,
    /// What a file that did not reach the disk holds is not known to it: another one must be opened.
    Dubiously,
}

/// How often checkpoints failed, whoever made them.
#[derive(Debug)]
struct Trouble {
    path: PathBuf,
    queue: Arc<Queue>,
    /// Checkpoints in a row that did not reach the disk.
    failures: AtomicU32,
}

impl Trouble {
    fn is_over(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    fn tell(&self, error: rusqlite::Error) {
        tracing::warn!(%error, "a checkpoint of the log failed; it will be tried again");
        // A full disk is told to whoever commits; only one that does not write what it took cannot be trusted.
        if error.sqlite_error_code() != Some(ErrorCode::SystemIoFailure) {
            return;
        }
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_FAILURES {
            let error = Arc::new(from_sqlite(&self.path, error));
            self.queue.close(Arc::new(StoreError::GaveUp(error)));
        }
    }
}

/// Makes the checkpoints that it is asked for.
struct Worker {
    db: Connection,
    counters: Arc<Counters>,
    trouble: Arc<Trouble>,
}

impl Worker {
    fn work(mut self, asked: &Receiver<()>) {
        while asked.recv().is_ok() {
            match checkpoint(&self.db, "PRAGMA wal_checkpoint(PASSIVE)") {
                // One that did not come to the end of the log has synced nothing: no news of the disk.
                Ok(made) if made.moved >= self.counters.frames() => self.trouble.is_over(),
                Ok(_) => {}
                Err(error) => {
                    self.trouble.tell(error);
                    self.reopen();
                }
            }
        }
    }

    /// Goes on with a new connection: what a file that did not reach the disk holds is not known to the old one.
    fn reopen(&mut self) {
        match connection::open_again(&self.trouble.path, OpenFlags::default()) {
            Ok(db) => self.db = db,
            Err(error) => tracing::warn!(%error, "the log could not be opened again for checkpoints"),
        }
    }
}

/// Why the thread could not be started.
#[derive(Debug)]
pub(crate) enum CheckpointStart {
    Connection(StoreError),
    Thread(std::io::Error),
}

/// What a checkpoint has done.
struct Checkpoint {
    /// Whether nobody stood in its way.
    is_unhindered: bool,
    /// How many frames of the log are in the database by now.
    moved: u64,
}

fn checkpoint(db: &Connection, statement: &str) -> rusqlite::Result<Checkpoint> {
    Failpoint::BeforeCheckpoint.reached();
    let made = db.prepare_cached(statement)?.query_row([], |row| {
        Ok(Checkpoint {
            is_unhindered: row.get::<_, i64>(0)? == 0,
            moved: row.get::<_, i64>(2)?.try_into().unwrap_or_default(),
        })
    })?;
    Failpoint::AfterCheckpoint.reached();
    Ok(made)
}
