//! How much may a log do at a time before it looks after others?

use std::time::Duration;

/// What bounds the writer of a log; hosts have the default, and tests come to the bounds sooner with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterBounds {
    /// How long a batch may hold the lock before it commits; a second process waits this long at most.
    pub longest_batch: Duration,
    /// From how many pages on the write-ahead log is begun again by the writer itself. Under steady load no other checkpoint
    /// ever ends with the log unused.
    pub restart_at: u64,
}

impl Default for WriterBounds {
    /// Returns those of rule C11: 20 ms, less what the last chain and the commit take, and 64 MiB.
    fn default() -> Self {
        Self {
            longest_batch: Duration::from_millis(15),
            restart_at: 16_384,
        }
    }
}
