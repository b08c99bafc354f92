//! The standard streams of a guest: what it prints becomes lines of its log, and printing never fails.

use crate::log::{LogBook, LogLevel, LogSource};
use bytes::Bytes;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Which of the two streams.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// A stream whose lines go to the log; what the log has no room for is dropped there.
#[derive(Clone)]
pub(crate) struct LogStream {
    stream: Stream,
    log: LogBook,
    // A line that has not ended yet, cut where it grows too long.
    pending: Arc<Mutex<Vec<u8>>>,
}

/// What the guest may hand over in one write.
const WRITE_CAPACITY: usize = 64 * 1024;
const MAX_PENDING: usize = 8 * 1024;

impl LogStream {
    pub(crate) fn new(stream: Stream, log: LogBook) -> Self {
        Self {
            stream,
            log,
            pending: Arc::default(),
        }
    }

    /// Passes on a last line that has no line end.
    pub(crate) fn finish(&self) {
        let line = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        if !line.is_empty() {
            self.line(&line);
        }
    }

    fn accept(&self, bytes: &[u8]) {
        if self.stream == Stream::Stderr {
            self.log.remember_stderr(bytes);
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let last = parts.next_back().unwrap_or_default();
        for part in parts {
            push(&mut pending, part);
            self.line(&pending);
            pending.clear();
        }
        push(&mut pending, last);
    }

    fn line(&self, bytes: &[u8]) {
        let (level, source) = match self.stream {
            Stream::Stdout => (LogLevel::Info, LogSource::Stdout),
            Stream::Stderr => (LogLevel::Warn, LogSource::Stderr),
        };
        let text = String::from_utf8_lossy(bytes);
        if !text.trim().is_empty() {
            self.log.write(level, source, text.trim_end(), Vec::new());
        }
    }
}

fn push(pending: &mut Vec<u8>, part: &[u8]) {
    let room = MAX_PENDING.saturating_sub(pending.len());
    pending.extend_from_slice(&part[..part.len().min(room)]);
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.accept(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_CAPACITY)
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.accept(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
