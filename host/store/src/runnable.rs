//! Which runs could be driven and are not: what a host with nothing to do looks for.

use cofferdam_engine::{RunId, Timestamp};

/// A run that a host should claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runnable {
    /// The run.
    pub run: RunId,
    /// Since when it could go on.
    pub since: Timestamp,
    /// Why it should.
    pub reason: Reason,
}

/// Why a run should be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The host that drove it is gone, or silent for longer than its lease.
    HostLost,
    /// What it waited for, by the clock, has come; or its host let go of it in good order.
    Due,
    /// Something is asked of it, and nobody drives it.
    Asked,
}
