//! For how long this host may drive runs: told in nanoseconds, so that every call that leaves the sandbox can ask first.

use crate::boot_clock::BootClock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Names how many seconds the leases of a host of the dev profile last, for tests that would wait too long for the end of
/// one. In a release build nothing is asked.
pub const VARIABLE: &str = "COFFERDAM_LEASE_SECONDS";

/// How leases of a host last.
#[derive(Clone, Debug)]
pub struct LeaseTerms {
    /// How long other hosts wait for one that is silent before they take its runs.
    pub lasts: Duration,
    /// How often a lease is renewed.
    pub renewed_every: Duration,
    /// What the time is taken from.
    pub clock: BootClock,
}

impl Default for LeaseTerms {
    /// Returns the terms of rule B11: six renewals must fail in a row.
    fn default() -> Self {
        Self::lasting(Duration::from_secs(30))
    }
}

impl LeaseTerms {
    /// Returns the terms of a host that runs as a process of its own: the default ones, or in the dev profile those that
    /// [`VARIABLE`] asks for.
    pub fn of_this_process() -> Self {
        let asked = if cfg!(debug_assertions) {
            std::env::var(VARIABLE).ok()
        } else {
            None
        };
        let seconds = asked.and_then(|seconds| seconds.parse().ok());
        seconds.map_or_else(Self::default, |seconds| Self::lasting(Duration::from_secs(seconds)))
    }

    /// Returns terms by which a lease lasts so long; six renewals must fail in a row.
    pub fn lasting(lasts: Duration) -> Self {
        Self {
            lasts,
            renewed_every: lasts / 6,
            clock: BootClock::default(),
        }
    }

    /// Returns how long before others may take its runs a host stops: a tenth of the lease.
    fn margin(&self) -> Duration {
        self.lasts / 10
    }
}

/// The lease under which a host drives runs. Clones are the same lease.
///
/// Once it is lost it is lost for good, since another host may drive the runs that it was for; what the host claims
/// afterwards is under a new one. It counts as lost a tenth of its length before other hosts may take the runs.
#[derive(Clone, Debug)]
pub struct Lease {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: BootClock,
    margin: Duration,
    /// In milliseconds since boot; [`LOST`] and [`FOR_EVER`] are no times.
    end: AtomicU64,
    gone: Notify,
}

const LOST: u64 = 0;
const FOR_EVER: u64 = u64::MAX;

impl Lease {
    /// Returns a lease that nobody ever had, as of a host that drives nothing.
    pub fn none() -> Self {
        Self::with(BootClock::default(), Duration::ZERO, LOST)
    }

    /// Returns a lease that lasts until it is given up.
    pub fn for_ever() -> Self {
        Self::with(BootClock::default(), Duration::ZERO, FOR_EVER)
    }

    /// Returns a lease by `terms` that other hosts respect until `end`.
    pub(crate) fn until(end: Duration, terms: &LeaseTerms) -> Self {
        let lease = Self::with(terms.clock.clone(), terms.margin(), LOST);
        lease.shared.end.store(lease.own_end(end), Ordering::Release);
        lease
    }

    fn with(clock: BootClock, margin: Duration, end: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                clock,
                margin,
                end: AtomicU64::new(end),
                gone: Notify::new(),
            }),
        }
    }

    /// Returns whether the host may act for its runs now.
    pub fn is_held(&self) -> bool {
        self.remaining().is_some()
    }

    /// Returns for how long the host may act for its runs if the lease is not renewed; none if it is lost.
    pub fn remaining(&self) -> Option<Duration> {
        match self.shared.end.load(Ordering::Acquire) {
            LOST => None,
            FOR_EVER => Some(Duration::MAX),
            end => Duration::from_millis(end)
                .checked_sub(self.shared.clock.now())
                .filter(|left| !left.is_zero()),
        }
    }

    /// Waits until the lease is lost.
    pub async fn lost(&self) {
        loop {
            let mut gone = std::pin::pin!(self.shared.gone.notified());
            // Before looking, so that no loss falls between the two.
            gone.as_mut().enable();
            if !self.is_held() {
                return;
            }
            gone.await;
        }
    }

    /// Ends the lease for good, and tells those who wait for it.
    pub fn give_up(&self) {
        self.shared.end.store(LOST, Ordering::Release);
        self.shared.gone.notify_waiters();
    }

    /// Prolongs the lease to when other hosts respect it now. Returns whether it was still held; one that was not is given
    /// up, whatever was written, since its host did nothing for too long.
    pub(crate) fn prolong(&self, end: Duration) -> bool {
        let before = self.shared.end.load(Ordering::Acquire);
        let prolonged = self.is_held()
            && self
                .shared
                .end
                .compare_exchange(before, self.own_end(end), Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
        if !prolonged {
            self.give_up();
        }
        prolonged
    }

    fn own_end(&self, end: Duration) -> u64 {
        let own = end.saturating_sub(self.shared.margin).as_millis();
        u64::try_from(own).map_or(FOR_EVER - 1, |own| own.clamp(1, FOR_EVER - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot_clock::ManualClock;

    fn terms(clock: &ManualClock) -> LeaseTerms {
        LeaseTerms {
            clock: clock.clock(),
            ..LeaseTerms::default()
        }
    }

    // row J09
    #[test]
    fn a_lease_ends_a_tenth_before_others_may_act_and_can_be_prolonged_until_then() {
        let clock = ManualClock::at(Duration::from_secs(100));
        let lease = Lease::until(Duration::from_secs(130), &terms(&clock));
        assert_eq!(lease.remaining(), Some(Duration::from_secs(27)));
        clock.advance(Duration::from_secs(26));
        assert!(lease.is_held());
        assert!(lease.prolong(Duration::from_secs(156)));
        assert_eq!(lease.remaining(), Some(Duration::from_secs(27)));
        clock.advance(Duration::from_secs(27));
        assert!(!lease.is_held());
    }

    // row J10
    #[test]
    fn a_lease_that_was_lost_never_comes_back() {
        let clock = ManualClock::at(Duration::from_secs(100));
        let lease = Lease::until(Duration::from_secs(130), &terms(&clock));
        clock.advance(Duration::from_secs(40));
        assert!(!lease.prolong(Duration::from_secs(170)));
        assert_eq!(lease.remaining(), None);
        let lease = Lease::for_ever();
        assert!(lease.is_held());
        lease.give_up();
        assert!(!lease.is_held() && !Lease::none().is_held());
    }

    #[test]
    fn a_loss_is_told() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lease = Lease::for_ever();
        let other = lease.clone();
        runtime.block_on(async {
            let (_, ()) = tokio::join!(lease.lost(), async { other.give_up() });
        });
        runtime.block_on(lease.lost());
    }
}
