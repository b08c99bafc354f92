//! What a user means by the name of a run.

use cofferdam_engine::RunId;

/// The fewest digits of the end of an id that name a run: among 10 000 runs a given one
/// shares its last six with another once in 1 700 times.
pub const LEAST_DIGITS: usize = 6;

/// A way to name a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The run that began last.
    Last,
    /// The run of this id.
    Exact(RunId),
    /// The only run whose id ends like this.
    Ending {
        /// Hexadecimal digits in lower case, without hyphens.
        digits: String,
    },
}

impl Reference {
    /// Returns what `text` means; none if it cannot name a run.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "last" || text == "@last" {
            return Some(Self::Last);
        }
        let digits: String = text
            .chars()
            .filter(|character| *character != '-')
            .map(|character| character.to_ascii_lowercase())
            .collect();
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        match digits.len() {
            32 => digits.parse().ok().map(Self::Exact),
            LEAST_DIGITS..32 => Some(Self::Ending { digits }),
            _ => None,
        }
    }

    /// Returns whether this can mean `run`, leaving aside which one is last.
    pub fn fits(&self, run: RunId) -> bool {
        match self {
            Self::Last => true,
            Self::Exact(exact) => *exact == run,
            Self::Ending { digits } => format!("{:032x}", run.bits()).ends_with(digits),
        }
    }
}
