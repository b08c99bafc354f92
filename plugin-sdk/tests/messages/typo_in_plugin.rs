use cofferdam_plugin::{action, plugin};

/// Counts.
#[action]
fn count() -> u8 {
    0
}

plugin!(cuont);
