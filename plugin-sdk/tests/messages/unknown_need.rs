use cofferdam_plugin::{action, plugin};

/// Counts.
#[action(needs = [raed])]
fn count() -> u8 {
    0
}

plugin!(count);
