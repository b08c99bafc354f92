use cofferdam_plugin::{action, plugin};

/// Counts.
#[action]
fn count() -> Result<u8, String> {
    Ok(0)
}

plugin!(count);
