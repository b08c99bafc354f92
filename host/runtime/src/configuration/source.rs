//! Where a setting or a grant comes from.

use serde::{Serialize, Serializer};
use std::fmt;

/// Where a setting or a grant comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing was said: the value that is built in.
    BuiltIn,
    /// The frame that holds where there is no project file.
    Frame,
    /// A flag of the command.
    CommandLine,
    /// A line of a file.
    File {
        /// The file, as short as it can be named from the project.
        file: String,
        /// The line, from 1.
        line: usize,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::Frame => f.write_str("built in (no cofferdam.toml)"),
            Self::CommandLine => f.write_str("command line"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
