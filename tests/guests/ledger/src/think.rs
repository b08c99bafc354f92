//! What does a quiet action return that nobody could compute twice?

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::thread::sleep;
use std::time::Duration;

use cofferdam_plugin::{action, data};

/// A thought: one part follows from the parameters, the other from nothing.
#[data]
#[derive(Eq)]
pub(crate) struct Thought {
    /// The square of `n`.
    square: u64,
    /// A number that is different each time the action is entered: a result that was thrown away cannot be
    /// mistaken for the one that was kept.
    fresh: String,
}

/// Squares a number and thinks of another one that nobody can guess. Asks for no grant.
#[action(example = { "n": 3 })]
pub(crate) fn think(
    /// The number to square.
    n: u32,
    /// How long to think, in milliseconds.
    #[serde(default)]
    work_ms: u64,
) -> Thought {
    sleep(Duration::from_millis(work_ms));
    Thought {
        square: u64::from(n) * u64::from(n),
        fresh: fresh(),
    }
}

/// The standard library draws the keys of its hash maps from the random numbers that the host provides.
fn fresh() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::think;

    #[test]
    fn no_thought_is_had_twice() {
        let (one, other) = (think(12, 0), think(12, 0));
        assert_eq!((one.square, other.square), (144, 144));
        assert_ne!(one.fresh, other.fresh);
    }
}
