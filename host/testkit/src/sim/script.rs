//! What scripted actions do: how often they fail follows from their name, what they return is new at every execution.

use super::dice::Dice;
use cofferdam_engine::{Attempt, AttemptOutcome, Data, Failure, FailureClass};

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
