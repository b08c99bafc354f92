//! When does the epoch tick? From a thread of its own, so that no guest can hold it up, and only while there are guests.

use crate::sandbox::TICK;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How many ticks go on after the last guest: one guest after the other need not wake the thread each time.
const LINGERING: u32 = 100;

/// Keeps the thread; it ends with this and the last guest.
pub(crate) struct Ticker(Arc<Beat>);

/// A guest for whom the epoch ticks.
pub(crate) struct Ticking(Arc<Beat>);

#[derive(Default)]
struct Beat {
    guests: AtomicUsize,
    /// Whether the thread waits for a guest, or is about to.
    resting: AtomicBool,
    over: AtomicBool,
    door: Mutex<()>,
    bell: Condvar,
}

impl Ticker {
    /// Starts the thread. It calls `tick` until that returns false.
    pub(crate) fn start(tick: impl FnMut() -> bool + Send + 'static) -> std::io::Result<Self> {
        let beat = Arc::new(Beat::default());
        let own = Arc::clone(&beat);
        std::thread::Builder::new()
            .name("cofferdam-ticks".to_owned())
            .spawn(move || own.run(tick))?;
        Ok(Self(beat))
    }

    /// Lets the epoch tick until what is returned is dropped.
    pub(crate) fn enter(&self) -> Ticking {
        self.0.guests.fetch_add(1, Ordering::SeqCst);
        if self.0.resting.load(Ordering::SeqCst) {
            self.0.ring();
        }
        Ticking(Arc::clone(&self.0))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
        self.0.ring();
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.guests.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Beat {
    fn ring(&self) {
        // Who holds the door is about to wait: only after that it can hear the bell.
        drop(self.door.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_one();
    }

    fn run(&self, mut tick: impl FnMut() -> bool) {
        let mut alone = 0;
        loop {
            if self.guests.load(Ordering::SeqCst) > 0 {
                alone = 0;
            } else if alone < LINGERING && !self.over.load(Ordering::SeqCst) {
                alone += 1;
            } else if !self.rest() {
                return;
            }
            std::thread::sleep(TICK);
            if !tick() {
                return;
            }
        }
    }

    /// Waits for a guest, and returns whether there can be one.
    fn rest(&self) -> bool {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        self.resting.store(true, Ordering::SeqCst);
        let is_wanted = loop {
            if self.guests.load(Ordering::SeqCst) > 0 {
                break true;
            }
            if self.over.load(Ordering::SeqCst) {
                break false;
            }
            door = self.bell.wait(door).unwrap_or_else(PoisonError::into_inner);
        };
        self.resting.store(false, Ordering::SeqCst);
        is_wanted
    }
}

#[cfg(test)]
mod tests {
    use super::Ticker;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    fn ticker() -> (Ticker, Receiver<()>) {
        let (said, ticks) = channel();
        (Ticker::start(move || said.send(()).is_ok()).unwrap(), ticks)
    }

    fn until_it_rests(ticker: &Ticker) {
        while !ticker.0.resting.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_rests_without_guests_and_ticks_for_those_that_come() {
        let (ticker, ticks) = ticker();
        until_it_rests(&ticker);
        for _ in 0..2 {
            while ticks.try_recv().is_ok() {}
            let guest = ticker.enter();
            // For as long as one is there: more often than it lingers.
            for _ in 0..super::LINGERING + 20 {
                ticks.recv_timeout(Duration::from_mins(1)).unwrap();
            }
            drop(guest);
            until_it_rests(&ticker);
        }
    }

    #[test]
    fn the_thread_outlives_what_started_it_only_for_guests() {
        let (ticker, ticks) = ticker();
        let guest = ticker.enter();
        drop(ticker);
        for _ in 0..3 {
            ticks.recv_timeout(Duration::from_mins(1)).unwrap();
        }
        drop(guest);
        // The channel closes with the thread.
        while ticks.recv_timeout(Duration::from_mins(1)).is_ok() {}
        assert!(ticks.recv().is_err());
    }
}
