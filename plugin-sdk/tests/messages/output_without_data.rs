use cofferdam_plugin::{action, plugin};

struct Count;

/// Counts.
#[action]
fn count() -> Count {
    Count
}

plugin!(count);
