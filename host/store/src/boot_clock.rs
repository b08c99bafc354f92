//! What time leases are measured in: time since boot, the same for all processes, which goes on while the machine sleeps.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Tells how long ago the machine was started. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct BootClock {
    manual: Option<Arc<Manual>>,
}

/// A clock that tests set. Leases that are measured by it are looked at whenever it moves.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    shared: Arc<Manual>,
}

#[derive(Debug, Default)]
struct Manual {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: Duration,
    bells: Vec<Weak<Bell>>,
}

impl BootClock {
    /// Returns the time since boot. Neither setting the clock nor sleep disturbs it.
    pub fn now(&self) -> Duration {
        match &self.manual {
            Some(manual) => manual.lock().now,
            None => since_boot(),
        }
    }
}

impl ManualClock {
    /// Returns a clock that shows `now`.
    pub fn at(now: Duration) -> Self {
        let clock = Self::default();
        clock.shared.lock().now = now;
        clock
    }

    /// Returns the clock as those see it who only read it.
    pub fn clock(&self) -> BootClock {
        BootClock {
            manual: Some(Arc::clone(&self.shared)),
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let mut state = self.shared.lock();
        state.now += by;
        state.bells.retain(|bell| bell.strong_count() > 0);
        let bells: Vec<Arc<Bell>> = state.bells.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        bells.iter().for_each(|bell| bell.ring());
    }
}

impl Manual {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    // CLOCK_MONOTONIC, which `Instant` reads, stands still while the machine sleeps.
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    // Elsewhere, macOS among them, this clock goes on while the machine sleeps.
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// What a thread waits at until some time has come or somebody rings.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// Returns a bell that also rings whenever `clock` is moved.
    pub(crate) fn on(clock: &BootClock) -> Arc<Self> {
        let bell = Arc::new(Self::default());
        if let Some(manual) = &clock.manual {
            manual.lock().bells.push(Arc::downgrade(&bell));
        }
        bell
    }

    /// Wakes whoever waits, or the next one who does.
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until the bell rings, or `time` has passed; a clock that is set by hand rings it instead.
    pub(crate) fn wait(&self, clock: &BootClock, time: Option<Duration>) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = |rung: &mut bool| !*rung;
        rung = match time.filter(|_| clock.manual.is_none()) {
            None => self
                .changed
                .wait_while(rung, silent)
                .unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                self.changed
                    .wait_timeout_while(rung, time, silent)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        *rung = false;
    }
}
