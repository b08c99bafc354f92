//! How many attempts a host carries out at the same time: permits that runs take before they decide.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;

/// The permits of a host. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Permits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: AtomicU32,
    freed: Notify,
}

/// Permits that were taken; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Taken {
    permits: Permits,
    count: u32,
}

impl Permits {
    /// Returns `count` free permits.
    pub(crate) fn new(count: u32) -> Self {
        Self(Arc::new(Shared {
            free: AtomicU32::new(count),
            freed: Notify::new(),
        }))
    }

    /// Takes up to `most` of the free permits, possibly none.
    pub(crate) fn take(&self, most: u32) -> Taken {
        let mut free = self.0.free.load(Ordering::Relaxed);
        loop {
            let count = free.min(most);
            match self
                .0
                .free
                .compare_exchange_weak(free, free - count, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => {
                    return Taken {
                        permits: self.clone(),
                        count,
                    };
                }
                Err(now) => free = now,
            }
        }
    }

    /// Waits until permits were given back.
    pub(crate) async fn freed(&self) {
        self.0.freed.notified().await;
    }

    fn give_back(&self, count: u32) {
        if count > 0 {
            self.0.free.fetch_add(count, Ordering::AcqRel);
            // One waiter is enough: whoever cannot use all of them passes the rest on by giving them back.
            self.0.freed.notify_one();
        }
    }
}

impl Taken {
    /// Returns how many were taken.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Splits one off, to be held by an attempt; none if there is none left.
    pub(crate) fn split(&mut self) -> Option<Self> {
        self.count = self.count.checked_sub(1)?;
        Some(Self {
            permits: self.permits.clone(),
            count: 1,
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.permits.give_back(self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn permits_come_back_and_wake_who_waits() {
        let permits = Permits::new(2);
        let mut taken = permits.take(5);
        assert_eq!(taken.count(), 2);
        assert_eq!(permits.take(1).count(), 0);
        let one = taken.split().unwrap();
        drop(taken);
        assert_eq!(permits.take(9).count(), 1);
        let freed = permits.freed();
        drop(one);
        freed.await;
        assert_eq!(permits.take(9).count(), 2);
    }
}
