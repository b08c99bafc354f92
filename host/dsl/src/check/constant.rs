//! What expressions that ask for nothing are worth: known before any run.

use super::Checker;
use cofferdam_engine::Expression;
use cofferdam_engine::expr::{Budget, Names, Root, references};

/// Steps of one evaluation, as at run time (LANGUAGE rule R23).
const STEPS: usize = 100_000;

/// Steps of all evaluations for one file: checking it stays quick, whatever is in it.
pub(super) const STEPS_OF_FILE: usize = 400_000;

/// No root at all.
struct Nothing;

impl Names for Nothing {
    fn root(&self, _: &str) -> Option<Root<'_>> {
        None
    }
}

impl Checker<'_> {
    /// Returns why `expression` costs too much, if it asks for nothing and so does in every run.
    pub(super) fn too_costly(&mut self, expression: &Expression) -> Option<String> {
        if self.constant_steps < STEPS || !references(expression).is_empty() {
            return None;
        }
        let mut budget = Budget::with_steps(STEPS);
        let result = expression.evaluate(&Nothing, &mut budget);
        let taken = budget.steps_taken();
        self.constant_steps -= taken.min(self.constant_steps);
        // Any other failure may be meant.
        result.err().filter(|_| taken == STEPS).map(|error| error.message)
    }
}
