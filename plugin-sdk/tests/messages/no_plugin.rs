use cofferdam_plugin::action;

/// Counts.
#[action]
fn count() -> u8 {
    0
}
