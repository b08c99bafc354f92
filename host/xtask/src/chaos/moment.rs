//! When is a host killed?

use super::dice::Dice;
use super::place::Case;
use super::victim::Victim;
use anyhow::Result;
use std::fmt;
use std::time::{Duration, Instant};

/// A moment in the life of a process. A seed chooses the same moments again; what the process does then is its own.
#[derive(Clone, Copy)]
pub(super) enum Moment {
    /// So long after its start.
    After(Duration),
    /// So long after it wrote a number of lines into the book: between an effect and its report.
    Written { lines: usize, after: Duration },
    /// So long after it showed something: what is shown is recorded.
    Shown { text: &'static str, after: Duration },
}

impl Moment {
    /// Chooses a moment for a process that may live about so long.
    pub(super) fn choose(dice: &mut Dice, life: Duration) -> Self {
        let micros = |dice: &mut Dice, most: u64| Duration::from_micros(dice.below(most));
        match dice.below(10) {
            0 => Self::After(micros(dice, 5_000)),
            1..5 => Self::After(micros(dice, u64::try_from(life.as_micros()).unwrap_or(u64::MAX).max(1))),
            5..8 => Self::Written {
                lines: 1 + usize::try_from(dice.below(6)).unwrap_or_default(),
                after: micros(dice, 4_000),
            },
            8 => Self::Shown {
                text: "run started",
                after: micros(dice, 20_000),
            },
            _ => Self::Shown {
                text: " completed",
                after: micros(dice, 10_000),
            },
        }
    }

    /// Waits for the moment; false if the process ended before it came.
    pub(super) fn wait(self, victim: &mut Victim, case: &Case) -> Result<bool> {
        let (came, after) = match self {
            Self::After(after) => return victim.until(|victim| victim.age() >= after),
            Self::Written { lines, after } => {
                let before = case.written();
                (victim.until(|_| case.written() >= before + lines)?, after)
            }
            Self::Shown { text, after } => (victim.until(|victim| victim.showed(text))?, after),
        };
        let now = Instant::now();
        Ok(came && victim.until(|_| now.elapsed() >= after)?)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(after) => write!(formatter, "{after:?} after its start"),
            Self::Written { lines, after } => write!(formatter, "{after:?} after {lines} lines"),
            Self::Shown { text, after } => write!(formatter, "{after:?} after it showed `{}`", text.trim()),
        }
    }
}
