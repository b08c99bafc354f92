//! Says which build of itself serves a call: a test that puts another number into the bytes of the component has another build.

use cofferdam_plugin::{action, data, plugin};
use std::hint::black_box;

plugin!(which);

/// What stands in the bytes of the component exactly once.
static EDITION: [u8; 32] = *b"edition of the guest is 00000000";

/// Which build served a call, and which call it was.
#[data]
#[derive(Eq)]
struct Which {
    /// The number of the build.
    edition: u64,
    /// What the call was asked with.
    n: u64,
}

/// Says which build this is. Asks for no grant.
#[action(example = { "n": 3 })]
fn which(
    /// What tells this call from others.
    n: u64,
) -> Which {
    let digits = black_box(&EDITION).iter().filter(|byte| byte.is_ascii_digit());
    let edition = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Which { edition, n }
}

#[cfg(test)]
mod tests {
    use super::which;

    #[test]
    fn the_build_that_cargo_makes_is_the_first() {
        let said = which(7);
        assert_eq!((said.edition, said.n), (0, 7));
    }
}
