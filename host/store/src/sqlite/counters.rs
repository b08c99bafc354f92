//! What the writer counts while it works.

use crate::sqlite::connection::Durability;
use crate::statistics::Statistics;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A page and its header in the write-ahead log (sqlite.org/fileformat2.html, 4.1), with the page size of new databases.
const FRAME_BYTES: u64 = 4096 + 24;

/// Counts that the writer raises and anybody reads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    flushes: AtomicU64,
    frames_written: AtomicU64,
    restarts: AtomicU64,
    /// How long the write-ahead log is, in frames.
    frames: AtomicU64,
    /// Whether the commits of now wait for the disk.
    waits: AtomicBool,
    pub(crate) appends: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) log_lines: AtomicU64,
    pub(crate) log_lines_dropped: AtomicU64,
}

impl Counters {
    /// Counts the commits of `connection` from now on. A commit that wrote nothing is none.
    pub(crate) fn watch(counters: &Arc<Self>, connection: &mut Connection) -> rusqlite::Result<()> {
        let counters = Arc::clone(counters);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, frames: std::ffi::c_int| {
            counters.committed(u64::from(frames.unsigned_abs()));
            Ok(())
        }))
    }

    fn committed(&self, frames: u64) {
        let before = self.frames.swap(frames, Ordering::Relaxed);
        // Shorter than before: the log was used from its start again.
        let written = if frames > before { frames - before } else { frames };
        self.frames_written.fetch_add(written, Ordering::Relaxed);
        if self.waits() {
            self.flushes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says what the next commits wait for.
    pub(crate) fn set_waits(&self, durability: Durability) {
        self.waits.store(durability == Durability::Full, Ordering::Relaxed);
    }

    /// Returns whether the commits of now wait for the disk.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Returns how long the write-ahead log is, in frames.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Notes that the write-ahead log will be used from its start again.
    pub(crate) fn restarted(&self) {
        self.frames.store(0, Ordering::Relaxed);
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns all counts.
    pub(crate) fn statistics(&self) -> Statistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            flushes: read(&self.flushes),
            appends: read(&self.appends),
            events: read(&self.events),
            bytes: read(&self.frames_written) * FRAME_BYTES,
            restarts: read(&self.restarts),
            log_lines: read(&self.log_lines),
            log_lines_dropped: read(&self.log_lines_dropped),
        }
    }
}
