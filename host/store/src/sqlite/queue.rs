//! What waits for the writer, in the order in which it was asked for.

use crate::error::{ClaimError, PostError, StoreError};
use crate::record::{Definition, NewRun};
use crate::sqlite::inbox::Letter;
use crate::sqlite::write::Encoded;
use crate::ticket::Settler;
use crate::urgency::Urgency;
use cofferdam_engine::{Generation, Message, MessageId, RunId, Version};
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// Something for the writer to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Let a run take appends that took none before.
    Open(Opening, Encoded, Settler),
    /// Add to a run.
    Append(Encoded, Settler),
    /// Take a run over.
    Claim(RunId, oneshot::Sender<Result<Granted, ClaimError>>),
    /// Put a message into an inbox.
    Post(Letter, oneshot::Sender<Result<MessageId, PostError>>),
}

/// How a run comes to take appends.
#[derive(Debug)]
pub(crate) enum Opening {
    /// It is new.
    Begin(Box<NewRun>),
    /// It had ended, and goes on with this definition if it is another one.
    Reopen(Option<Box<Definition>>),
}

/// A run that was taken over.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) generation: Generation,
    pub(crate) version: Version,
    pub(crate) messages: Vec<Message>,
    pub(crate) host_lost: bool,
}

/// For how much and how long the writer waits once there is something to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gathering {
    /// How many orders are likely to come: as many as the last batch answered.
    pub(crate) expected: usize,
    /// The longest wait for them.
    pub(crate) patience: Duration,
}

impl Gathering {
    /// The longest wait whatever a commit takes: beyond it nobody gains.
    const LONGEST: Duration = Duration::from_millis(1);

    /// Returns how to gather after a batch of `orders` that took `time`. A single run in flight never waits.
    pub(crate) fn after(orders: usize, time: Duration) -> Self {
        Self {
            expected: orders,
            patience: (time / 2).min(Self::LONGEST),
        }
    }
}

/// What may wait in the queue in bytes of events; beyond it the writer goes on whatever the urgency (rule B2).
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// What the writer took from the queue.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) orders: VecDeque<Order>,
    /// How many of them somebody waits for.
    pub(crate) awaited: usize,
}

/// The queue of the writer.
///
/// It has no bound of its own: handing over must not wait, and a run waits for the ticket of a barrier before it goes
/// on, so that there are at most as many appends as runs being driven times what one decides between two barriers.
/// What nobody waits for stays here until it is due, so that much of it becomes durable with one flush.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Why nothing is taken any more.
    broken: watch::Sender<Option<Arc<StoreError>>>,
}

#[derive(Debug, Default)]
struct State {
    orders: VecDeque<Order>,
    /// With fewer orders than these the writer need not be woken.
    wanted: usize,
    /// When the first of the orders must be worked off.
    due: Option<Instant>,
    /// Whether the writer waits until then.
    dozes: bool,
    awaited: usize,
    bytes: usize,
    noted: bool,
    closed: Option<Arc<StoreError>>,
}

impl Queue {
    /// Adds an order that somebody waits for, or returns why nothing is taken any more.
    pub(crate) fn push(&self, order: Order) -> Result<(), Arc<StoreError>> {
        self.push_within(order, Urgency::Now, 0)
    }

    /// Adds an order of so many bytes that must be worked off as soon as `urgency` says.
    pub(crate) fn push_within(&self, order: Order, urgency: Urgency, bytes: usize) -> Result<(), Arc<StoreError>> {
        let due = Instant::now() + urgency.patience();
        let mut state = self.lock();
        if let Some(reason) = &state.closed {
            return Err(Arc::clone(reason));
        }
        let earlier = state.due.is_none_or(|other| due < other);
        if earlier {
            state.due = Some(due);
        }
        state.bytes += bytes;
        state.awaited += usize::from(urgency == Urgency::Now);
        state.orders.push_back(order);
        let wake = if state.dozes {
            earlier || state.bytes > MOST_BYTES
        } else {
            state.orders.len() >= state.wanted
        };
        drop(state);
        if wake {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Says that there are log lines to write.
    pub(crate) fn noted(&self) {
        let mut state = self.lock();
        if !mem::replace(&mut state.noted, true) {
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Waits for something to do and returns all of it; none once the queue is closed and empty.
    ///
    /// Once there is something, it waits for more as `gathering` says: those who were answered by the last batch come
    /// back one by one, and without it the first of them would be committed alone while all others queue up behind it.
    pub(crate) fn take(&self, gathering: Gathering) -> Option<Taken> {
        let mut state = self.lock();
        loop {
            let wait = state.wait();
            if !state.orders.is_empty() && wait.is_zero() {
                // Waking it for each order would cost more than gathering gains.
                state.wanted = gathering.expected;
                let few = |state: &mut State| state.orders.len() < gathering.expected && state.closed.is_none();
                let (gathered, _) = self
                    .changed
                    .wait_timeout_while(state, gathering.patience, few)
                    .unwrap_or_else(PoisonError::into_inner);
                state = gathered;
                state.wanted = 0;
                state.noted = false;
                state.due = None;
                state.bytes = 0;
                return Some(Taken {
                    orders: mem::take(&mut state.orders),
                    awaited: mem::take(&mut state.awaited),
                });
            }
            if mem::take(&mut state.noted) {
                return Some(Taken::default());
            }
            if state.orders.is_empty() {
                if state.closed.is_some() {
                    return None;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                state.dozes = true;
                let (woken, _) = self
                    .changed
                    .wait_timeout(state, wait)
                    .unwrap_or_else(PoisonError::into_inner);
                state = woken;
                state.dozes = false;
            }
        }
    }

    /// Takes nothing more, for `reason`; what was taken before is still done.
    pub(crate) fn close(&self, reason: Arc<StoreError>) {
        let reason = Arc::clone(self.lock().closed.get_or_insert(reason));
        self.changed.notify_all();
        self.broken.send_replace(Some(reason));
    }

    /// Returns what tells why nothing is taken any more, once that is so.
    pub(crate) fn broken(&self) -> watch::Receiver<Option<Arc<StoreError>>> {
        self.broken.subscribe()
    }

    /// Drops what nobody will do any more; its tickets fail.
    pub(crate) fn abandon(&self) {
        self.close(Arc::new(StoreError::WriterGone));
        let abandoned = mem::take(&mut self.lock().orders);
        drop(abandoned);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns for how long what is queued may go on waiting.
    fn wait(&self) -> Duration {
        if self.closed.is_some() || self.bytes > MOST_BYTES {
            return Duration::ZERO;
        }
        self.due
            .map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()))
    }
}
