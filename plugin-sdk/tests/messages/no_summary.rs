use cofferdam_plugin::{action, plugin};

#[action]
fn count() -> u8 {
    0
}

plugin!(count);
