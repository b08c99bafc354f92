//! How is somebody told what happens in a run who may be slow, hang or panic?
//!
//! Notices for such an observer are put into a queue, and one of a few threads hands them on: the run waits for nobody. What the
//! queue has no room for is left out and counted; events that are left out can still be read from the log.

use crate::observer::{Notice, Observer};
use cofferdam_engine::{Fence, Recorded, StepReference, Used};
use cofferdam_wasm::{DeniedCall, LogLine, Progress};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// How many notices of one run may wait for its observer.
pub(crate) const ROOM: usize = 4_096;
/// How many observers of a host may be told something at the same time: one that hangs keeps one of them.
const THREADS: usize = 4;
/// How long the end of a run waits for its observer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of notices that did not reach their observers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unheard {
    /// How many were left out because their observer was too slow.
    pub left_out: u64,
    /// How many made their observer panic; it is told the next ones all the same.
    pub panics: u64,
}

/// Where the relays of all runs of a host wait for one of its few threads.
#[derive(Default)]
pub(crate) struct Desk {
    left_out: AtomicU64,
    panics: AtomicU64,
    due: Mutex<Due>,
}

#[derive(Default)]
struct Due {
    relays: VecDeque<Arc<Relay>>,
    threads: usize,
}

impl Desk {
    pub(crate) fn unheard(&self) -> Unheard {
        Unheard {
            left_out: self.left_out.load(Ordering::Relaxed),
            panics: self.panics.load(Ordering::Relaxed),
        }
    }

    /// Has the notices of a relay handed on.
    fn add(self: &Arc<Self>, relay: Arc<Relay>) {
        let mut due = lock(&self.due);
        due.relays.push_back(relay);
        if due.threads < THREADS {
            let desk = Arc::clone(self);
            let thread = std::thread::Builder::new().name("observers".to_owned());
            // Without a thread the next notice of any run tries again.
            due.threads += usize::from(thread.spawn(move || desk.work()).is_ok());
        }
    }

    fn work(&self) {
        loop {
            let mut due = lock(&self.due);
            let Some(relay) = due.relays.pop_front() else {
                due.threads -= 1;
                return;
            };
            drop(due);
            relay.hand_on();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A notice that waits.
enum Kept {
    Durable(Vec<Recorded>),
    Said(StepReference, LogLine),
    Progressed(StepReference, Progress),
    Ended(StepReference, Fence, Option<Used>, Vec<DeniedCall>),
}

impl Kept {
    fn of(notice: &Notice<'_>) -> Self {
        match notice {
            Notice::Durable(events) => Self::Durable(events.to_vec()),
            Notice::Said { at, line } => Self::Said((*at).clone(), (*line).clone()),
            Notice::Progressed { at, progress } => Self::Progressed((*at).clone(), (*progress).clone()),
            Notice::Ended {
                at,
                fence,
                used,
                denied,
            } => Self::Ended((*at).clone(), *fence, *used, denied.to_vec()),
        }
    }

    fn notice(&self) -> Notice<'_> {
        match self {
            Self::Durable(events) => Notice::Durable(events),
            Self::Said(at, line) => Notice::Said { at, line },
            Self::Progressed(at, progress) => Notice::Progressed { at, progress },
            Self::Ended(at, fence, used, denied) => Notice::Ended {
                at,
                fence: *fence,
                used: *used,
                denied,
            },
        }
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Kept>,
    /// Whether the desk has it, or one of its threads.
    is_due: bool,
}

/// Stands between a run and its observer.
pub(crate) struct Relay {
    observer: Arc<dyn Observer>,
    queue: Mutex<Queue>,
    done: Notify,
    desk: Arc<Desk>,
    itself: Weak<Self>,
}

impl Relay {
    pub(crate) fn new(observer: Arc<dyn Observer>, desk: Arc<Desk>) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            observer,
            queue: Mutex::default(),
            done: Notify::new(),
            desk,
            itself: itself.clone(),
        })
    }

    /// Waits until the observer has been told everything, not for long if it hangs.
    pub(crate) async fn finish(&self) {
        let _ = tokio::time::timeout(PATIENCE, async {
            loop {
                let done = self.done.notified();
                if !lock(&self.queue).is_due {
                    return;
                }
                done.await;
            }
        })
        .await;
    }

    fn hand_on(&self) {
        loop {
            let mut queue = lock(&self.queue);
            let Some(kept) = queue.waiting.pop_front() else {
                queue.is_due = false;
                self.done.notify_waiters();
                return;
            };
            drop(queue);
            if catch_unwind(AssertUnwindSafe(|| self.observer.notice(kept.notice()))).is_err() {
                self.desk.panics.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Observer for Relay {
    fn notice(&self, notice: Notice<'_>) {
        let mut queue = lock(&self.queue);
        if queue.waiting.len() >= ROOM {
            self.desk.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.waiting.push_back(Kept::of(&notice));
        if let (false, Some(relay)) = (queue.is_due, self.itself.upgrade()) {
            queue.is_due = true;
            drop(queue);
            self.desk.add(relay);
        }
    }
}
