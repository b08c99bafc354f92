//! Whether an append can be right at all, whatever its run is like.

use cofferdam_engine::Append;

/// Returns what is wrong with an append that no run could take; every log refuses such a one.
pub fn contradiction(append: &Append) -> Option<&'static str> {
    let count = append.events.len();
    let numbers = append.events.iter().map(|recorded| recorded.sequence);
    if !numbers.eq((append.expected.0 + 1..).take(count)) {
        return Some("its events are not numbered from its version on");
    }
    if append.row.version.0 != append.expected.0 + count as u64 {
        return Some("its version is not its number of events");
    }
    if append.row.status.is_final() && append.events.is_empty() {
        return Some("it ends the run without an event");
    }
    if append.blobs().any(|blob| blob.content.is_none()) {
        return Some("a large value has no content");
    }
    None
}
