use cofferdam_plugin::{action, plugin};

struct Count;

/// Counts.
#[action]
fn count(count: Count) -> u8 {
    0
}

plugin!(count);
