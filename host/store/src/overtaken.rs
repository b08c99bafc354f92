//! What was an append decided for that was fenced, and what is its run by now?

use cofferdam_engine::{Append, Generation, Version};
use std::fmt;

/// Which incarnation of a run it is, and how many events it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    /// How often the run was adopted.
    pub generation: Generation,
    /// How many events are recorded.
    pub version: Version,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}, version {}", self.generation.0, self.version.0)
    }
}

/// Why an append was fenced: the run is not what it was decided for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overtaken {
    /// What it was decided for.
    pub expected: Revision,
    /// What the run was when the append was to be written; none if there is no such run. The same as expected if the run has
    /// ended, or its host has let go of it or lost it and nobody has claimed it yet.
    pub actual: Option<Revision>,
}

impl Overtaken {
    /// Returns that the run of `append` is something else.
    pub fn new(append: &Append, actual: Option<Revision>) -> Self {
        Self {
            expected: Revision {
                generation: append.generation,
                version: append.expected,
            },
            actual,
        }
    }
}

impl fmt::Display for Overtaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, actual } = self;
        match actual {
            None => write!(f, "what was decided for {expected} is of a run that is not there"),
            Some(actual) if actual == expected => {
                write!(
                    f,
                    "what was decided for {expected} came when the run was not this host's any more"
                )
            }
            Some(actual) => write!(
                f,
                "what was decided for {expected} came too late: the run is at {actual}"
            ),
        }
    }
}

impl std::error::Error for Overtaken {}
