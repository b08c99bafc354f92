//! What the writer of a log has done so far, for the bench and for `done in .. · N flushes`.

/// Counts since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commits of the writer that waited for the disk.
    pub flushes: u64,
    /// Appends made durable by them.
    pub appends: u64,
    /// Events in those appends.
    pub events: u64,
    /// Bytes of pages that the commits wrote.
    pub bytes: u64,
    /// How often the writer itself saw to it that the write-ahead log begins again.
    pub restarts: u64,
    /// Log lines kept.
    pub log_lines: u64,
    /// Log lines dropped.
    pub log_lines_dropped: u64,
}
