//! How much computing time a guest has used.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// A clock that runs only while the guest's future is being polled, and counts that thread's processor time.
#[derive(Clone, Default)]
pub(crate) struct Meter(Arc<Reading>);

#[derive(Default)]
struct Reading {
    finished: AtomicU64,
    poll_began: AtomicU64,
}

const NOT_POLLED: u64 = 0;

impl Meter {
    /// Returns the time used so far; inside of a poll only the polling thread may ask.
    pub(crate) fn used(&self) -> Duration {
        let began = self.0.poll_began.load(Ordering::Relaxed);
        let running = if began == NOT_POLLED {
            0
        } else {
            thread_time().saturating_sub(began)
        };
        Duration::from_nanos(self.0.finished.load(Ordering::Relaxed) + running)
    }

    /// Returns `future`, measured.
    pub(crate) fn measure<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        Measured {
            future: Box::pin(future),
            meter: self.clone(),
        }
    }
}

struct Measured<F> {
    future: Pin<Box<F>>,
    meter: Meter,
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let reading = Arc::clone(&self.meter.0);
        let began = thread_time();
        reading.poll_began.store(began, Ordering::Relaxed);
        let polled = self.future.as_mut().poll(context);
        reading.poll_began.store(NOT_POLLED, Ordering::Relaxed);
        reading
            .finished
            .fetch_add(thread_time().saturating_sub(began), Ordering::Relaxed);
        polled
    }
}

fn thread_time() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // A running thread has used some time, so that 0 can stand for "not polled".
    (now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()).max(1)
}
