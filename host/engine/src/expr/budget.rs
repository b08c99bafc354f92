//! How much an evaluation may cost: counted, never timed, so that every machine stops at the same point.

use super::error::Problem;
use crate::Data;
use crate::data::MAX_DEPTH;

/// Steps of one evaluation (LANGUAGE rule R23).
const STEPS: usize = 100_000;
/// Estimated bytes of a result (LANGUAGE rule R23).
const RESULT_BYTES: usize = 1 << 20;
/// Estimated bytes of all values that an evaluation makes on the way: a pipeline of a few functions over a value that
/// is itself just small enough to be a result.
const PRODUCED_BYTES: usize = 8 << 20;
/// Bytes of text that are looked through for the price of a step.
const BYTES_PER_STEP: usize = 4_096;

/// What is left of the cost that an evaluation may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    steps_allowed: usize,
    steps_left: usize,
    bytes_left: usize,
    result_bytes: usize,
}

impl Budget {
    /// Returns the budget of rule R23: 100 000 steps and 1 MiB for the result.
    pub fn standard() -> Self {
        Self::with_steps(STEPS)
    }

    /// Returns the standard budget with another number of steps.
    pub fn with_steps(steps: usize) -> Self {
        Self {
            steps_allowed: steps,
            steps_left: steps,
            bytes_left: PRODUCED_BYTES,
            result_bytes: RESULT_BYTES,
        }
    }

    /// Returns how many steps have been taken.
    pub fn steps_taken(&self) -> usize {
        self.steps_allowed - self.steps_left
    }

    pub(super) fn step(&mut self) -> Result<(), Problem> {
        self.steps(1)
    }

    pub(super) fn steps(&mut self, count: usize) -> Result<(), Problem> {
        match self.steps_left.checked_sub(count) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => {
                self.steps_left = 0;
                Err(
                    Problem::new(format!("stopped after {} steps", grouped(self.steps_allowed)))
                        .hint("move the work into an action or a script"),
                )
            }
        }
    }

    /// Counts looking through `bytes` of text.
    pub(super) fn scan(&mut self, bytes: usize) -> Result<(), Problem> {
        self.steps(bytes / BYTES_PER_STEP)
    }

    /// Counts `bytes` of a value that is being made.
    pub(super) fn produce(&mut self, bytes: usize) -> Result<(), Problem> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => {
                self.bytes_left = 0;
                Err(Problem::new("stopped after making values of 8 MiB"))
            }
        }
    }

    /// Counts a value that becomes part of one that is being made, with all it holds.
    pub(super) fn include(&mut self, data: &Data) -> Result<(), Problem> {
        let left = self.bytes_left;
        self.produce(weight(data, left + 1))
    }

    /// Checks what an evaluation returns.
    pub(super) fn check_result(&self, data: &Data) -> Result<(), Problem> {
        if weight(data, self.result_bytes + 1) > self.result_bytes {
            return Err(Problem::new("the result is larger than 1 MiB"));
        }
        if is_deeper(data, MAX_DEPTH) {
            return Err(Problem::new(format!(
                "the result is nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(())
    }

    pub(super) fn check_text(&self, bytes: usize) -> Result<(), Problem> {
        if bytes > self.result_bytes {
            Err(Problem::new("the text is larger than 1 MiB"))
        } else {
            Ok(())
        }
    }
}

/// Returns the estimated size of `data` in bytes; counting ends where it passes `limit`.
fn weight(data: &Data, limit: usize) -> usize {
    match data {
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Double(_) => 8,
        Data::Text(text) => 8 + text.len(),
        Data::List(items) => {
            let mut sum: usize = 8;
            for item in items.iter() {
                if sum >= limit {
                    break;
                }
                sum += weight(item, limit - sum);
            }
            sum
        }
        Data::Map(entries) => {
            let mut sum: usize = 8;
            for (key, value) in entries.iter() {
                if sum >= limit {
                    break;
                }
                sum += 8 + key.len() + weight(value, limit - sum);
            }
            sum
        }
    }
}

/// Returns whether lists and maps of `data` are nested deeper than `levels`.
fn is_deeper(data: &Data, levels: usize) -> bool {
    match data {
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::Text(_) => false,
        Data::List(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Data::Map(entries) => levels == 0 || entries.values().any(|value| is_deeper(value, levels - 1)),
    }
}

/// Returns `number` with its digits in groups of three.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
