use cofferdam_plugin::{action, plugin};

/// Counts.
#[action]
fn count(text: &str) -> u8 {
    0
}

plugin!(count);
