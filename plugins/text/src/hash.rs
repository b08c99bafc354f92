//! What is the digest of a text?

use cofferdam_plugin::{action, data};
use sha2::{Digest, Sha256};

/// Digest of a text.
#[data]
#[derive(Eq)]
pub(crate) struct Hashed {
    /// Name of the algorithm.
    algorithm: String,
    /// The digest, in hexadecimal digits.
    hex: String,
}

/// Returns the SHA-256 digest of a text.
#[action(example = { "text": "abc" })]
pub(crate) fn hash(
    /// The text whose UTF-8 bytes are digested.
    text: String,
) -> Hashed {
    let hex = Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Hashed {
        algorithm: "sha256".into(),
        hex,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn agrees_with_the_published_example() {
        let hashed = super::hash("abc".into());
        assert_eq!(
            hashed.hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
