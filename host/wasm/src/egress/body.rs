//! How much may go out and come in, and how long may it take?

use super::mask::Mask;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

/// What holds for the bodies of one exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    /// The longest body.
    pub(super) largest: u64,
    /// The longest pause within an answer that the guest wants to wait for.
    pub(super) pause: Option<Duration>,
    /// When all is over.
    pub(super) deadline: Instant,
}

/// A body on its way out.
pub(super) struct RequestBody {
    inner: WasiBody,
    left: u64,
    largest: u64,
    too_large: Arc<AtomicBool>,
}

/// A body on its way in.
pub(super) struct ResponseBody {
    inner: hyper::body::Incoming,
    flow: Flow,
    got: u64,
    mask: Mask,
    patience: Pin<Box<Sleep>>,
    over: bool,
}

impl RequestBody {
    pub(super) fn new(inner: WasiBody, largest: u64, too_large: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            left: largest,
            largest,
            too_large,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        let size = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len) as u64,
            Some(Err(_)) | None => 0,
        };
        match self.left.checked_sub(size) {
            Some(left) => self.left = left,
            None => {
                // The library says only that the body failed.
                self.too_large.store(true, Ordering::Relaxed);
                return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.largest)))));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl ResponseBody {
    pub(super) fn new(inner: hyper::body::Incoming, flow: Flow, mask: Mask) -> Self {
        Self {
            inner,
            flow,
            got: 0,
            mask,
            patience: Box::pin(tokio::time::sleep_until(flow.next())),
            over: false,
        }
    }

    fn end(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.over = true;
        Poll::Ready(Some(Err(error)))
    }
}

impl Flow {
    fn next(&self) -> Instant {
        let wish = self.pause.and_then(|pause| Instant::now().checked_add(pause));
        wish.map_or(self.deadline, |wish| wish.min(self.deadline))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
                ready!(self.patience.as_mut().poll(context));
                return self.end(Error::ConnectionReadTimeout);
            };
            let next = self.flow.next();
            self.patience.as_mut().reset(next);
            let data = match frame {
                None => {
                    self.over = true;
                    return Poll::Ready(self.mask.rest().map(|rest| Ok(Frame::data(rest))));
                }
                Some(Err(error)) => return self.end(super::explain(error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    // Trailers are headers that come late; nobody needs them, and they would have to be judged.
                    Err(_) => continue,
                },
            };
            self.got = self.got.saturating_add(data.len() as u64);
            if self.got > self.flow.largest {
                let largest = self.flow.largest;
                return self.end(Error::HttpResponseBodySize(Some(largest)));
            }
            let shown = self.mask.next(data);
            if !shown.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(shown))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}
