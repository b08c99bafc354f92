//! Which events of a log still count: those that a retry dropped are told, and no part of the run any more.

use crate::event::{Event, Recorded};
use serde::{Deserialize, Serialize};

/// Events that follow each other, by their numbers; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "(u64, u64)", from = "(u64, u64)")]
pub struct Span {
    /// The number of the first event.
    pub first: u64,
    /// The number of the last event.
    pub last: u64,
}

impl From<(u64, u64)> for Span {
    fn from((first, last): (u64, u64)) -> Self {
        Self { first, last }
    }
}

impl From<Span> for (u64, u64) {
    fn from(span: Span) -> Self {
        (span.first, span.last)
    }
}

/// What all retries of a run dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped(Vec<Span>);

impl Dropped {
    /// Returns what the retries among `events` dropped.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Self {
        let mut dropped = Self::default();
        for recorded in events {
            dropped.add(&recorded.event);
        }
        dropped
    }

    /// Adds what `event` dropped, if it is a retry.
    pub fn add(&mut self, event: &Event) {
        let Event::RunRetried { dropped, .. } = event else {
            return;
        };
        self.0.extend(dropped);
        self.0.sort_unstable();
        // Later retries drop around what earlier ones dropped.
        let mut merged: Vec<Span> = Vec::with_capacity(self.0.len());
        for span in self.0.drain(..) {
            match merged.last_mut().filter(|last| span.first <= last.last) {
                Some(last) => last.last = last.last.max(span.last),
                None => merged.push(span),
            }
        }
        self.0 = merged;
    }

    /// Returns whether the event with this number was dropped.
    pub fn contains(&self, sequence: u64) -> bool {
        let after = self.0.partition_point(|span| span.first <= sequence);
        after > 0 && sequence <= self.0[after - 1].last
    }

    /// Returns whether nothing was dropped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_several_retries_are_one_set() {
        let span = |first, last| Span { first, last };
        let mut dropped = Dropped(vec![span(5, 7), span(9, 9)]);
        for (number, expected) in [(4, false), (5, true), (7, true), (8, false), (9, true), (10, false)] {
            assert_eq!(dropped.contains(number), expected, "{number}");
        }
        dropped.add(&Event::RunRetried {
            generation: crate::id::Generation(3),
            host: "host".to_owned(),
            lineage: 2,
            from: None,
            dropped: vec![span(3, 12)],
            plan: None,
            inputs: None,
            cause: crate::event::Cause::default(),
        });
        assert!((3..=12).all(|number| dropped.contains(number)));
        assert!(!dropped.contains(2) && !dropped.contains(13));
    }
}
