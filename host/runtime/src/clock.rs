//! Where the core's time comes from.

use cofferdam_engine::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time of the system's wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
