//! How large is a text?

use cofferdam_plugin::{action, data};

/// Sizes of a text.
#[data]
#[derive(Eq)]
pub(crate) struct Stats {
    lines: usize,
    words: usize,
    characters: usize,
    bytes: usize,
    /// Characters of the longest line.
    longest_line: usize,
}

/// Counts the lines, words, characters and bytes of a text.
#[action(example = { "text": "to be\nor not" })]
pub(crate) fn stats(
    /// The text to look at.
    text: String,
) -> Stats {
    Stats {
        lines: text.lines().count(),
        words: text.split_whitespace().count(),
        characters: text.chars().count(),
        bytes: text.len(),
        longest_line: text.lines().map(|line| line.chars().count()).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::{Stats, stats};

    #[test]
    fn counts_characters_and_bytes_apart() {
        let expected = Stats {
            lines: 2,
            words: 3,
            characters: 11,
            bytes: 13,
            longest_line: 5,
        };
        assert_eq!(stats("größe\nist x".into()), expected);
        assert_eq!(
            stats(String::new()),
            Stats {
                lines: 0,
                words: 0,
                characters: 0,
                bytes: 0,
                longest_line: 0
            }
        );
    }
}
