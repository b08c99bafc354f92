//! What does a guest do that never lets go by itself?

use cofferdam_plugin::{action, data};

/// What no spinning action ever returns.
#[data]
#[derive(Eq)]
pub(crate) struct Nothing {}

/// Computes without end, calling nothing. Asks for no grant, so nothing outside can notice it.
#[action(example = {})]
pub(crate) fn spin() -> Nothing {
    loop {
        std::hint::spin_loop();
    }
}

/// Computes without end like `spin`, but could write: who stops it gives it the time to end well.
#[action(needs = [write], example = {})]
pub(crate) fn grind() -> Nothing {
    spin()
}
