use cofferdam_plugin::{action, plugin};

/// Counts.
#[action(retry = "sometimes")]
fn count(text: String) -> u8 {
    0
}

plugin!(count);
