//! How much an attempt has written and made: what the system's own quotas, if there are any, do not keep apart.
//!
//! What is counted is what was ever written, not what is left of it: a guest that writes and deletes in a loop wears the
//! disk out, too. A file that grows without being written, as sparse files do, counts as if it were.

use super::room::{Full, Quota};
use crate::authority::Authority;
use crate::host::denials::Denials;
use crate::limits::{LimitName, Limits};
use crate::store::Stopped;
use bytes::Bytes;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::{JoinError, JoinHandle};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

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
fn hole(file: &File, offset: u64) -> u64 {
    // A file whose length is unknown counts as empty.
    offset.saturating_sub(file.metadata().map_or(0, |metadata| metadata.len()))
}

fn take(left: &AtomicU64, wanted: u64, limit: LimitName) -> wasmtime::Result<()> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(wanted))
        .map(drop)
        .map_err(|_| wasmtime::Error::new(Stopped::Limit(limit)))
}

/// A stream into a file: each write is counted, and asked of the authority of the host.
pub(super) struct Pouring {
    pub(super) file: Arc<File>,
    /// Where it writes next; none: at the end.
    pub(super) position: Option<u64>,
    pub(super) meter: DiskMeter,
    pub(super) authority: Authority,
    /// What it must have room in, if that is bounded, and where it is recorded that there was none.
    pub(super) quota: Option<(Quota, Denials)>,
    pub(super) flow: Flow,
}

/// What a stream is doing.
pub(super) enum Flow {
    Ready,
    Writing(JoinHandle<io::Result<Result<(), Full>>>),
    Failed(wasmtime::Error),
    Closed,
}

/// What a guest may write at once.
const CAPACITY: usize = 1024 * 1024;

impl Pouring {
    fn settle(&mut self, written: Result<io::Result<Result<(), Full>>, JoinError>) {
        self.flow = match written {
            Ok(Ok(Ok(()))) => Flow::Ready,
            Ok(Ok(Err(full))) => {
                if let Some((_, denials)) = &self.quota {
                    denials.record("filesystem.write-via-stream", &full.guest, full.to_string());
                }
                Flow::Failed(wasmtime::Error::new(full))
            }
            Ok(Err(error)) => Flow::Failed(error.into()),
            Err(error) => Flow::Failed(error.into()),
        };
    }

    fn failed(&mut self) -> StreamResult<()> {
        match std::mem::replace(&mut self.flow, Flow::Closed) {
            Flow::Failed(error) => Err(StreamError::LastOperationFailed(error)),
            Flow::Closed => Err(StreamError::Closed),
            going_on @ (Flow::Ready | Flow::Writing(_)) => {
                self.flow = going_on;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Pollable for Pouring {
    async fn ready(&mut self) {
        if let Flow::Writing(task) = &mut self.flow {
            let written = task.await;
            self.settle(written);
        }
        if let Some((quota, _)) = &self.quota {
            quota.count().await;
        }
    }
}

#[async_trait]
impl OutputStream for Pouring {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.failed()?;
        if matches!(self.flow, Flow::Writing(_)) || bytes.len() > CAPACITY {
            return Err(StreamError::Trap(wasmtime::Error::msg(
                "write of more than was permitted",
            )));
        }
        self.authority.check().map_err(StreamError::Trap)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.len() as u64;
        // The file may have been cut since the stream was opened: what lies between its end and here counts now.
        let hole = self.position.map_or(0, |position| hole(&self.file, position));
        self.meter
            .write(hole.saturating_add(length))
            .map_err(StreamError::Trap)?;
        let (file, position) = (Arc::clone(&self.file), self.position);
        let quota = self.quota.as_ref().map(|(quota, _)| quota.clone());
        self.flow = Flow::Writing(tokio::task::spawn_blocking(move || match quota {
            Some(quota) => quota.fill(&file, position, &bytes),
            None => write_all(&file, position, &bytes).map(Ok),
        }));
        self.position = self.position.map(|position| position.saturating_add(length));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.failed()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.failed()?;
        Ok(if matches!(self.flow, Flow::Writing(_)) {
            0
        } else {
            CAPACITY
        })
    }

    /// Waits for what has begun, so that no guest leaves any number of writes behind.
    async fn cancel(&mut self) {
        if let Flow::Writing(task) = std::mem::replace(&mut self.flow, Flow::Closed) {
            task.abort();
            // Nobody is left who would hear how it ended.
            let _ = task.await;
        }
    }
}

impl Drop for Pouring {
    fn drop(&mut self) {
        if let Flow::Writing(task) = &self.flow {
            task.abort();
        }
    }
}

/// Writes all of `bytes` at `position`, or at the end of the file.
pub(super) fn write_all(file: &File, position: Option<u64>, mut bytes: &[u8]) -> io::Result<()> {
    if let Some(position) = position {
        return file.write_all_at(bytes, position);
    }
    while !bytes.is_empty() {
        match append(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn append(file: &File, bytes: &[u8]) -> Result<usize, Errno> {
    #[cfg(target_os = "linux")]
    {
        let flags = rustix::io::ReadWriteFlags::APPEND;
        match rustix::io::pwritev2(file, &[io::IoSlice::new(bytes)], 0, flags) {
            Err(Errno::NOSYS | Errno::NOTSUP) => {}
            written => return written,
        }
    }
    // The file was opened for this guest alone, and nothing else writes to it where it stands.
    let before = rustix::fs::fcntl_getfl(file)?;
    rustix::fs::fcntl_setfl(file, before | rustix::fs::OFlags::APPEND)?;
    let written = rustix::io::write(file, bytes);
    rustix::fs::fcntl_setfl(file, before)?;
    written
}
