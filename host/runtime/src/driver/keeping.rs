//! What do attempts under way keep for those after them, and when is it recorded?

use cofferdam_engine::{Data, Fence, Generation};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often what the attempts of a run keep is recorded at most. Of what one keeps in between, the last counts.
const PAUSE: Duration = Duration::from_secs(1);

type Kept = BTreeMap<(Generation, Fence), Data>;

#[derive(Default)]
struct Shelf {
    kept: Mutex<Kept>,
    filled: Notify,
}

/// What the attempts of one run keep until it is recorded.
pub(super) struct Keeping {
    shelf: Arc<Shelf>,
    /// When something may be recorded again.
    next: Instant,
}

/// Takes what one delivery keeps.
#[derive(Clone)]
pub struct Keeper {
    shelf: Arc<Shelf>,
    delivery: (Generation, Fence),
}

impl Keeper {
    /// Keeps `detail` for the delivery or attempt after this one, in the place of what was kept before. It is recorded within about a
    /// second; should the host die before that, it is what was recorded last.
    pub fn keep(&self, detail: Data) {
        self.shelf.lock().insert(self.delivery, detail);
        self.shelf.filled.notify_one();
    }
}

impl Keeping {
    pub(super) fn new() -> Self {
        Self {
            shelf: Arc::default(),
            next: Instant::now(),
        }
    }

    pub(super) fn keeper(&self, generation: Generation, fence: Fence) -> Keeper {
        Keeper {
            shelf: Arc::clone(&self.shelf),
            delivery: (generation, fence),
        }
    }

    /// Waits until there is something to record, and it is time.
    pub(super) fn due(&self) -> impl Future<Output = ()> + use<> {
        let (shelf, next) = (Arc::clone(&self.shelf), self.next);
        async move {
            while shelf.lock().is_empty() {
                shelf.filled.notified().await;
            }
            tokio::time::sleep_until(next).await;
        }
    }

    /// Takes what is to be recorded.
    pub(super) fn take(&mut self) -> Kept {
        self.next = Instant::now() + PAUSE;
        std::mem::take(&mut self.shelf.lock())
    }

    /// Forgets what a delivery kept: it is over, and its report says it.
    pub(super) fn forget(&self, generation: Generation, fence: Fence) {
        self.shelf.lock().remove(&(generation, fence));
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
