//! How long an append may wait for others before it is made durable with them.

use std::time::Duration;

/// How soon an append must become durable. One flush serves all that is queued, so that what can wait costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// At once: somebody waits for it before anything else happens.
    #[default]
    Now,
    /// Nobody waits, but what it tells of has been seen outside, so that losing it would repeat that (rule B1).
    Soon,
    /// Nobody has seen it: after a crash it is computed again (rule B2).
    Later,
}

impl Urgency {
    /// Returns how long it may wait at most, not counting the flush itself.
    pub fn patience(self) -> Duration {
        match self {
            Self::Now => Duration::ZERO,
            Self::Soon => Duration::from_millis(2),
            Self::Later => Duration::from_millis(200),
        }
    }
}
