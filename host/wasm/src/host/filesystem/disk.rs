//! How much an attempt has written and made: what the system's own quotas, if there are any, do not keep apart.
//!
//! What is counted is what was ever written, not what is left of it: a guest that writes and deletes in a loop wears the
//! disk out, too. A file that grows without being written, as sparse files do, counts as if it were.

use super::room::Quota;
use crate::authority::Authority;
use crate::host::denials::Denials;
use crate::limits::{LimitName, Limits};
use crate::store::Stopped;
use bytes::Bytes;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

/// What is left of what an attempt may write and make. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct DiskMeter {
    bytes: Arc<AtomicU64>,
    files: Arc<AtomicU64>,
}

impl DiskMeter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            bytes: Arc::new(AtomicU64::new(limits.get(LimitName::Disk))),
            files: Arc::new(AtomicU64::new(limits.get(LimitName::NewFiles))),
        }
    }

    /// Takes `bytes` that are about to be written.
    ///
    /// # Errors
    /// If the attempt may not write as many any more; it ends with this error.
    pub(super) fn write(&self, bytes: u64) -> wasmtime::Result<()> {
        take(&self.bytes, bytes, LimitName::Disk)
    }

    /// Takes what `file` is about to grow by when something of this length is written at `offset`.
    pub(super) fn write_at(&self, file: &File, offset: u64, length: u64) -> wasmtime::Result<()> {
        self.write(hole(file, offset).saturating_add(length))
    }

    /// Takes one file or directory that is about to be made.
    pub(super) fn make(&self) -> wasmtime::Result<()> {
        take(&self.files, 1, LimitName::NewFiles)
    }

    /// Gives back one that was there already.
    pub(super) fn was_there(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns how many bytes there would be that nobody wrote, between the end of `file` and `offset`.
pub(super) fn hole(file: &File, offset: u64) -> u64 {
    // A file whose length is unknown counts as empty.
    offset.saturating_sub(file.metadata().map_or(0, |metadata| metadata.len()))
}

fn take(left: &AtomicU64, wanted: u64, limit: LimitName) -> wasmtime::Result<()> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(wanted))
        .map(drop)
        .map_err(|_| wasmtime::Error::new(Stopped::Limit(limit)))
}

/// A stream into a file: each write is counted, and asked of the authority of the host.
pub(super) struct Metered {
    pub(super) stream: DynOutputStream,
    pub(super) meter: DiskMeter,
    pub(super) authority: Authority,
    /// What is between the end of the file and where the stream begins, until something is written.
    pub(super) hole: u64,
    /// What it must have room in, if that is bounded.
    pub(super) growth: Option<Growth>,
}

/// By how much a stream makes its file grow.
pub(super) struct Growth {
    pub(super) quota: Quota,
    /// Where it is recorded that there was no room.
    pub(super) denials: Denials,
    /// Where it writes next; none: at the end.
    pub(super) position: Option<u64>,
    /// How long the file is at least.
    pub(super) length: u64,
}

impl Growth {
    fn take(&mut self, bytes: u64) -> StreamResult<()> {
        let end = self.position.map(|position| position.saturating_add(bytes));
        let more = end.map_or(bytes, |end| end.saturating_sub(self.length));
        self.quota.grow(more).map_err(|full| {
            self.denials
                .record("filesystem.write-via-stream", &full.guest, full.to_string());
            StreamError::LastOperationFailed(wasmtime::Error::new(full))
        })?;
        self.position = end;
        self.length = self.length.saturating_add(more);
        Ok(())
    }
}

#[async_trait]
impl Pollable for Metered {
    async fn ready(&mut self) {
        self.stream.ready().await;
        if let Some(growth) = &self.growth {
            growth.quota.count().await;
        }
    }
}

#[async_trait]
impl OutputStream for Metered {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.authority.check().map_err(StreamError::Trap)?;
        let hole = if bytes.is_empty() {
            0
        } else {
            std::mem::take(&mut self.hole)
        };
        let length = hole.saturating_add(bytes.len() as u64);
        if let Some(growth) = &mut self.growth {
            growth.take(bytes.len() as u64)?;
        }
        self.meter.write(length).map_err(StreamError::Trap)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}
