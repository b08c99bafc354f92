//! What became of something that was handed to a log: a future, or a question that can be asked without a runtime.

use crate::error::StoreError;
use crate::overtaken::Overtaken;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How far a log had come: grows with every append that it makes durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What became of an append.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It is on disk, and so is everything handed over before it that did not fail.
    Durable(Position),
    /// Another incarnation of the run is at work, or the run has ended; nothing was written.
    Fenced(Overtaken),
    /// It would have ended or parked the run while something is asked of it that it has not answered; nothing was written.
    /// After claiming the run again it decides with the messages at hand.
    InboxNotEmpty,
    /// Nothing was written, or it is unknown whether it was; only claiming the run again tells.
    Failed(Arc<StoreError>),
}

impl Fate {
    /// Returns the position if the append is durable.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Durable(position) => Some(*position),
            Self::Fenced(_) | Self::InboxNotEmpty | Self::Failed(_) => None,
        }
    }
}

/// Resolves to the [`Fate`] of what was handed over. It always resolves, also when the writer panics.
#[derive(Debug)]
#[must_use = "what was handed over is durable only when its ticket says so"]
pub struct Ticket {
    shared: Arc<Shared>,
}

/// The other half of a [`Ticket`], kept by whoever makes the append durable.
///
/// Dropping it unsettled fails the ticket, so that nobody waits for a writer that is gone.
#[derive(Debug)]
pub struct Settler {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    fate: Option<Fate>,
    waker: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, fate: Fate) {
        let mut state = self.lock();
        if state.fate.is_some() {
            return;
        }
        state.fate = Some(fate);
        let waker = mem::take(&mut state.waker);
        drop(state);
        self.settled.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Ticket {
    /// Returns a ticket that is still open and what settles it.
    pub fn open() -> (Settler, Self) {
        let shared = Arc::new(Shared::default());
        (
            Settler {
                shared: Arc::clone(&shared),
            },
            Self { shared },
        )
    }

    /// Returns a ticket whose fate is known already.
    pub fn settled(fate: Fate) -> Self {
        let (settler, ticket) = Self::open();
        settler.settle(fate);
        ticket
    }

    /// Returns the fate if it is known by now.
    pub fn try_fate(&self) -> Option<Fate> {
        self.shared.lock().fate.clone()
    }

    /// Blocks this thread until the fate is known; for code without a runtime.
    pub fn wait(self) -> Fate {
        let mut state = self.shared.lock();
        loop {
            if let Some(fate) = &state.fate {
                return fate.clone();
            }
            state = self.shared.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Future for Ticket {
    type Output = Fate;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Fate> {
        let mut state = self.shared.lock();
        if let Some(fate) = &state.fate {
            return Poll::Ready(fate.clone());
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => state.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Settler {
    /// Says what became of the append.
    pub fn settle(self, fate: Fate) {
        self.shared.settle(fate);
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        // Does nothing after `settle`.
        self.shared.settle(Fate::Failed(Arc::new(StoreError::WriterGone)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_ticket_resolves_for_whoever_waits() {
        let (settler, ticket) = Ticket::open();
        assert!(ticket.try_fate().is_none());
        let waiter = thread::spawn(move || ticket.wait());
        settler.settle(Fate::Durable(Position(7)));
        assert_eq!(waiter.join().unwrap().position(), Some(Position(7)));
    }

    #[test]
    fn a_ticket_fails_when_its_writer_is_gone() {
        let (settler, ticket) = Ticket::open();
        let waiter = thread::spawn(move || {
            // Unwinding drops the settler, as a panic in the writer does.
            let _settler = settler;
            std::panic::resume_unwind(Box::new("the writer died"));
        });
        assert!(matches!(ticket.wait(), Fate::Failed(error) if matches!(*error, StoreError::WriterGone)));
        assert!(waiter.join().is_err());
    }
}
