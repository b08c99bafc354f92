use cofferdam_plugin::{action, plugin};

/// Counts.
#[action]
async fn count() -> u8 {
    0
}

plugin!(count);
