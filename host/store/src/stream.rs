//! How the events of all runs are followed: in the order in which they became durable, from any place on.

use crate::error::StoreError;
use crate::ticket::Position;
use cofferdam_engine::{Recorded, RunId};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A place in the events of one log: behind one of them. Its text means nothing to others than the log.
///
/// Whoever keeps the cursor of the last event that it is done with sees each event at least once, in order, and tells those
/// that it has seen by their cursors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    log: Arc<str>,
    position: Position,
}

impl Cursor {
    /// Returns the cursor behind `position` of the log that calls itself `log`; for those who implement logs.
    pub fn new(log: impl Into<Arc<str>>, position: Position) -> Self {
        Self {
            log: log.into(),
            position,
        }
    }

    /// Returns the position, if this is a cursor of `log`.
    ///
    /// # Errors
    /// If it is one of another log.
    pub fn position_in(&self, log: &str) -> Result<Position, StreamError> {
        if *self.log == *log {
            Ok(self.position)
        } else {
            Err(StreamError::Foreign { cursor: self.clone() })
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.log, self.position.0)
    }
}

impl FromStr for Cursor {
    type Err = StreamError;

    fn from_str(text: &str) -> Result<Self, StreamError> {
        let parsed = text.rsplit_once('-').and_then(|(log, position)| {
            let fits = !log.is_empty() && position.bytes().all(|byte| byte.is_ascii_digit());
            let position = position.parse().ok().filter(|_| fits)?;
            Some(Self::new(log, Position(position)))
        });
        parsed.ok_or_else(|| StreamError::Invalid { text: text.to_owned() })
    }
}

/// An event with its place among those of all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Streamed {
    /// The place behind it.
    pub cursor: Cursor,
    /// Which run it is of.
    pub run: RunId,
    /// The event.
    pub recorded: Recorded,
}

/// Why events cannot be followed from somewhere on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The text is no cursor.
    #[error("`{text}` is not a cursor")]
    Invalid {
        /// The text.
        text: String,
    },
    /// The cursor is of another log.
    #[error("the cursor `{cursor}` is of another state")]
    Foreign {
        /// The cursor.
        cursor: Cursor,
    },
    /// The log is not that far.
    #[error("the cursor `{cursor}` is ahead of the state, which was restored from an earlier copy; begin anew")]
    Ahead {
        /// The cursor.
        cursor: Cursor,
    },
    /// Events behind the cursor were taken away.
    #[error("events behind the cursor `{cursor}` were pruned; begin anew, or read the runs that are left")]
    Pruned {
        /// The cursor.
        cursor: Cursor,
    },
    /// The log could not be read.
    #[error("the events could not be read")]
    Store(#[source] Arc<StoreError>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_shows() {
        let cursor = Cursor::new("a1-b2", Position(77));
        assert_eq!(cursor.to_string(), "a1-b2-77");
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        assert_eq!(cursor.position_in("a1-b2").unwrap(), Position(77));
        assert!(matches!(cursor.position_in("other"), Err(StreamError::Foreign { .. })));
        for text in ["", "7", "-7", "a-", "a-+7", "a-7x", "a-99999999999999999999"] {
            assert!(
                matches!(text.parse::<Cursor>(), Err(StreamError::Invalid { .. })),
                "{text}"
            );
        }
    }
}
