//! When what is in the write-ahead log moves to the database: off the writer's path, unless the log gets too long.

use crate::error::StoreError;
use crate::failpoint::Failpoint;
use crate::sqlite::connection::{self, PATIENCE};
use crate::sqlite::counters::Counters;
use crate::sqlite::error::from_sqlite;
use crate::sqlite::queue::Queue;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How many new frames make a checkpoint worth its two syncs: 4 MiB, as SQLite's own default.
const WORTH: u64 = 1_000;

/// From how many frames on the writer itself sees to it that the log starts again: 64 MiB (rule C11). Under steady load
/// no other checkpoint ever ends with the log unused.
const TOO_LONG: u64 = 16_384;

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
}

impl Checkpoints {
    /// Starts the thread that makes checkpoints beside the writer.
    pub(crate) fn start(path: &Path, queue: Arc<Queue>) -> Result<(Self, JoinHandle<()>), CheckpointStart> {
        let worker = Worker {
            db: connection::open_again(path, OpenFlags::default()).map_err(CheckpointStart::Connection)?,
            path: path.to_owned(),
            queue,
            failures: 0,
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
            restart_at: TOO_LONG,
        };
        Ok((checkpoints, thread))
    }

    /// Sees to the length of the log; called by the writer when it holds no lock.
    pub(crate) fn between_batches(&mut self, db: &mut Connection, counters: &Counters) {
        let frames = counters.frames();
        if frames < self.asked_at {
            self.asked_at = 0;
            self.restart_at = TOO_LONG;
        }
        if frames >= self.restart_at {
            self.restart(db, counters, frames);
        } else if frames >= self.asked_at + WORTH {
            self.asked_at = frames;
            // Full means that one is asked for already.
            let _ = self.ask.try_send(());
        }
    }

    fn restart(&mut self, db: &mut Connection, counters: &Counters, frames: u64) {
        let restarted = connection::patience(db, RESTART_PATIENCE)
            .and_then(|()| checkpoint(db, "PRAGMA wal_checkpoint(RESTART)"))
            .unwrap_or(false);
        if let Err(error) = connection::patience(db, PATIENCE) {
            tracing::warn!(%error, "the log waits less long for other processes than it should");
        }
        if restarted {
            counters.restarted();
            self.asked_at = 0;
            self.restart_at = TOO_LONG;
        } else {
            self.restart_at = frames + TOO_LONG / 4;
        }
    }
}

/// Makes the checkpoints that it is asked for.
struct Worker {
    db: Connection,
    path: PathBuf,
    queue: Arc<Queue>,
    /// Checkpoints in a row that did not reach the disk.
    failures: u32,
}

impl Worker {
    fn work(mut self, asked: &Receiver<()>) {
        while asked.recv().is_ok() {
            match checkpoint(&self.db, "PRAGMA wal_checkpoint(PASSIVE)") {
                Ok(_) => self.failures = 0,
                Err(error) => self.recover(error),
            }
        }
    }

    /// Goes on with a new connection: what a file that did not reach the disk holds is not known to the old one.
    fn recover(&mut self, error: rusqlite::Error) {
        tracing::warn!(%error, "a checkpoint of the log failed; it will be tried again");
        match connection::open_again(&self.path, OpenFlags::default()) {
            Ok(db) => self.db = db,
            Err(error) => tracing::warn!(%error, "the log could not be opened again for checkpoints"),
        }
        // A full disk is told to whoever commits; only one that does not write what it took cannot be trusted.
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            self.failures += 1;
            if self.failures >= MOST_FAILURES {
                let error = Arc::new(from_sqlite(&self.path, error));
                self.queue.close(Arc::new(StoreError::GaveUp(error)));
            }
        }
    }
}

/// Why the thread could not be started.
#[derive(Debug)]
pub(crate) enum CheckpointStart {
    Connection(StoreError),
    Thread(std::io::Error),
}

/// Makes a checkpoint and returns whether nobody stood in its way.
fn checkpoint(db: &Connection, statement: &str) -> rusqlite::Result<bool> {
    Failpoint::BeforeCheckpoint.reached();
    let blocked: i64 = db.prepare_cached(statement)?.query_row([], |row| row.get(0))?;
    Failpoint::AfterCheckpoint.reached();
    Ok(blocked == 0)
}
