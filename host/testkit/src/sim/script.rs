//! What scripted actions do: how often they fail follows from their name, what they return is new at every execution.

use super::dice::Dice;
use cofferdam_engine::{Attempt, AttemptOutcome, Data, Failure, FailureClass, SharedChange};
use std::sync::Arc;

/// How an action behaves, as its name says: `2-transient-effectful` fails two attempts, then returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behaviour {
    /// How many attempts fail.
    pub(super) failures: u32,
    /// The class of these failures.
    pub(super) class: FailureClass,
    /// Whether it can be noticed from outside, so that its start must be durable first.
    pub(super) effectful: bool,
}

impl Behaviour {
    /// Returns the behaviour of the action called `name`.
    ///
    /// # Panics
    /// If the name does not say.
    pub(super) fn of(name: &str) -> Self {
        let mut words = name.split('-');
        let mut next = || {
            words
                .next()
                .unwrap_or_else(|| panic!("`{name}` does not say how it behaves"))
        };
        Self {
            failures: next().parse().unwrap_or(0),
            class: FailureClass::from_word(next()).unwrap_or(FailureClass::Permanent),
            effectful: next() == "effectful",
        }
    }
}

/// Returns how a delivery ends. The value it returns is a fresh one, so that a result that was thrown away cannot be
/// mistaken for the one that counts; `execution` names the delivery in it.
pub(super) fn outcome(attempt: &Attempt, execution: i64, dice: &mut Dice) -> AttemptOutcome {
    let behaviour = Behaviour::of(&attempt.action.action);
    if attempt.number <= behaviour.failures {
        let message = format!("attempt {} failed", attempt.number);
        return AttemptOutcome::Failed(Failure::new(behaviour.class, message));
    }
    let n = dice.below(10) as i64;
    AttemptOutcome::Completed {
        output: Data::map([("execution", Data::Int(execution)), ("n", Data::Int(n))]),
        markers: if n % 2 == 1 { vec!["odd".to_owned()] } else { Vec::new() },
        context: None,
    }
}

/// What actions keep, besides what they return. It has dice of its own, so that what a seed did before is what it does.
#[derive(Clone, Debug)]
pub(super) struct Keeping {
    dice: Dice,
    /// Whether actions keep something while they are under way, and change values only if nobody else did: what the schedule
    /// has more of because of it.
    is_busy: bool,
    saved: i64,
}

impl Keeping {
    /// Returns what the actions of the schedule with these dice keep.
    pub(super) fn of(dice: &Dice) -> Self {
        let seed = dice.clone().below(usize::MAX) as u64;
        let mut dice = Dice::new(seed ^ KEEPING);
        let is_busy = dice.chance(30);
        Self {
            dice,
            is_busy,
            saved: 0,
        }
    }

    /// Returns whether the schedule has more events because of it.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Returns what an attempt that is over kept for the next one.
    pub(super) fn saved(&mut self) -> Option<Data> {
        self.dice.chance(30).then(|| self.next())
    }

    /// Returns what an attempt under way keeps now, and which of so many does.
    pub(super) fn saved_by(&mut self, executors: usize) -> Option<(usize, Data)> {
        let saves = self.is_busy && executors > 0 && self.dice.chance(20);
        saves.then(|| (self.dice.below(executors), self.next()))
    }

    /// Returns what a result changes of the shared values.
    pub(super) fn changes(&mut self, attempt: &Attempt) -> Vec<SharedChange> {
        if !self.dice.chance(40) {
            return Vec::new();
        }
        let first = self.dice.below(KEYS.len());
        let count = 1 + self.dice.below(2);
        let keys = KEYS.iter().cycle().skip(first).take(count);
        keys.map(|key| SharedChange {
            key: Arc::from(*key),
            value: (!self.dice.chance(25)).then(|| self.next()),
            expected: (self.is_busy && self.dice.chance(50)).then(|| attempt.shared.revision(key)),
        })
        .collect()
    }

    fn next(&mut self) -> Data {
        self.saved += 1;
        Data::Int(self.saved)
    }
}

const KEYS: [&str; 3] = ["a", "b", "c"];

/// Chosen so that the seeds that are kept as regression tests are not busy: they show what they were kept for.
const KEEPING: u64 = 5;
