//! How whoever waits for work hears that there may be some.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Tells one listener that there may be something to look for: a message for any run, or a run that was let go of.
///
/// A listener misses nothing that came after it began to listen, and looks by itself now and then nevertheless: nothing
/// tells that a process died.
#[derive(Clone, Debug)]
pub struct Arrivals {
    rung: watch::Receiver<u64>,
    hears_others: Arc<AtomicBool>,
}

/// What listeners hear. Clones are the same bell.
#[derive(Clone, Debug)]
pub struct Bell {
    rung: watch::Sender<u64>,
    hears_others: Arc<AtomicBool>,
}

impl Arrivals {
    /// Waits until something has arrived since the last call, or since this listener began to listen.
    pub async fn next(&mut self) {
        if self.rung.changed().await.is_err() {
            // The log is gone: nothing arrives any more.
            std::future::pending::<()>().await;
        }
    }

    /// Returns whether what other processes do is heard; else it is found by looking only.
    pub fn hears_others(&self) -> bool {
        self.hears_others.load(Ordering::Relaxed)
    }
}

impl Bell {
    /// Returns a bell that only this process rings, until [`Bell::hear_others`].
    pub fn new() -> Self {
        Self {
            rung: watch::Sender::new(0),
            hears_others: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Returns a new listener.
    pub fn arrivals(&self) -> Arrivals {
        Arrivals {
            rung: self.rung.subscribe(),
            hears_others: Arc::clone(&self.hears_others),
        }
    }

    /// Tells all listeners.
    pub fn ring(&self) {
        self.rung.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Says whether this bell rings for what other processes do.
    pub fn hear_others(&self, hears: bool) {
        self.hears_others.store(hears, Ordering::Relaxed);
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}
