//! What must hold of what attempts keep for those after them, and of the values that the steps of a run share.

use super::{Judge, Verdict, holds, place};
use crate::sim::interpreter::Place;
use cofferdam_engine::{Attempt, Data, Dropped, Event, Recorded, SharedChange};
use std::collections::BTreeMap;

/// What a log amounts to, said once more: nothing in here is shared with the core.
#[derive(Debug, Default)]
struct Kept {
    values: BTreeMap<String, (Data, u64)>,
    /// The highest revision of a value that was removed.
    removed: u64,
    saved: BTreeMap<Place, Data>,
}

impl Kept {
    fn of(log: &[Recorded]) -> Self {
        let dropped = Dropped::of(log);
        let mut kept = Self::default();
        for recorded in log {
            if !dropped.contains(recorded.sequence) {
                kept.read(&recorded.event);
            }
        }
        kept
    }

    fn read(&mut self, event: &Event) {
        match event {
            Event::StepCompleted { shared, .. } => shared.iter().for_each(|change| self.change(change)),
            Event::ProgressSaved { at, detail, .. } => {
                self.saved.insert(place(at), detail.clone());
            }
            Event::AttemptFailed {
                at, saved: Some(saved), ..
            } => {
                self.saved.insert(place(at), saved.clone());
            }
            _ => {}
        }
    }

    fn change(&mut self, change: &SharedChange) {
        let last = self.values.remove(&*change.key).map(|(_, revision)| revision);
        match &change.value {
            Some(value) => {
                let revision = last.unwrap_or(self.removed) + 1;
                self.values.insert(change.key.to_string(), (value.clone(), revision));
            }
            None => self.removed = self.removed.max(last.unwrap_or_default()),
        }
    }
}

impl Judge<'_> {
    /// Judges what an attempt is given that should be under way, after `log` with all that was handed over.
    ///
    /// # Errors
    /// If it is not what steps before it shared, or what an attempt before it kept.
    pub(in crate::sim) fn invariant_attempts_are_given_what_was_kept(
        &self,
        attempt: &Attempt,
        log: &[Recorded],
    ) -> Verdict {
        let kept = Kept::of(log);
        let given: BTreeMap<String, (Data, u64)> = attempt
            .shared
            .iter()
            .map(|(key, shared)| (key.to_string(), (shared.value.clone(), shared.revision)))
            .collect();
        let saved = kept.saved.get(&place(&attempt.at));
        let fits = given == kept.values && attempt.saved.as_ref() == saved;
        holds("invariant_attempts_are_given_what_was_kept", fits, || {
            format!(
                "{:?} is given {given:?} and {:?}, kept was {kept:?}",
                place(&attempt.at),
                attempt.saved
            )
        })
    }

    pub(super) fn invariant_shared_changes_expect_what_is_there(&self, recorded: &Recorded) -> Verdict {
        let Event::StepCompleted { shared, .. } = &recorded.event else {
            return Ok(());
        };
        if shared.iter().all(|change| change.expected.is_none()) {
            return Ok(());
        }
        let kept = Kept::of(&self.log);
        let found = |change: &SharedChange| kept.values.get(&*change.key).map_or(0, |(_, revision)| *revision);
        let fits = |change: &SharedChange| change.expected.is_none_or(|expected| expected == found(change));
        holds(
            "invariant_shared_changes_expect_what_is_there",
            shared.iter().all(fits),
            || format!("{shared:?} was recorded over {kept:?}"),
        )
    }
}
