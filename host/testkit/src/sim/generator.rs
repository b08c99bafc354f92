//! Random programs of the language: small ones, with every construct that runs.

use super::dice::Dice;
use crate::plan_builder::{
    BranchStep, Step, Workflow, always, block, call, choose, do_while, fail, gate, input, marker, parallel,
    repeat_while, set_values, unless, wait_for, wait_signal, when, workflow,
};
use cofferdam_engine::plan::{Condition, InputKind, OnLost, OnTimeout, RetryPolicy};
use std::time::Duration;

/// The most calls of a program.
const MOST_CALLS: usize = 14;

/// The deepest nesting of blocks.
const MOST_LEVELS: usize = 4;

/// Returns a program.
pub(super) fn program(dice: &mut Dice) -> Workflow {
    let mut generator = Generator {
        dice,
        calls: 0,
        waits: 0,
        keys: Vec::new(),
        named: Vec::new(),
    };
    let body = generator.block(0, 5);
    let mut program = workflow(body)
        .input("flag", InputKind::Boolean)
        .input("n", InputKind::Number);
    for _ in 0..generator.dice.below(3) {
        program = program.always(generator.block(2, 2));
    }
    if generator.dice.chance(70) {
        let value = generator.number(2);
        program = program.output("value", &value).output("x", "vars.x");
    }
    if generator.dice.chance(25) {
        let most = 1 + generator.dice.below(3);
        program = program.max_parallel(u32::try_from(most).unwrap_or(1));
    }
    program
}

struct Generator<'a> {
    dice: &'a mut Dice,
    calls: usize,
    waits: usize,
    keys: Vec<String>,
    named: Vec<String>,
}

impl Generator<'_> {
    fn block(&mut self, level: usize, most: usize) -> Vec<Step> {
        (0..1 + self.dice.below(most)).map(|_| self.step(level)).collect()
    }

    fn step(&mut self, level: usize) -> Step {
        let step = if level >= MOST_LEVELS || self.calls >= MOST_CALLS {
            match self.dice.below(4) {
                0 => self.set(),
                _ if self.calls < 2 * MOST_CALLS => self.call(level),
                _ => self.set(),
            }
        } else {
            match self.dice.below(100) {
                0..40 => self.call(level),
                40..44 => self.gate(),
                44..48 => self.wait(),
                48..53 => self.set(),
                53..65 => self.choice(level),
                65..77 => self.repetition(level),
                77..82 => block(self.block(level + 1, 3)),
                82..94 => self.branches(level),
                94..98 => always(self.block(level + 1, 2)),
                _ => fail("stopped at {{ (has(vars.x) ? vars.x : 0) }}"),
            }
        };
        if self.dice.chance(12) {
            let guard = self.condition();
            return step.only_if(guard);
        }
        step
    }

    fn call(&mut self, level: usize) -> Step {
        self.calls += 1;
        // Now and then a key that was used before: the latest result counts.
        let again = self
            .dice
            .chance(10)
            .then(|| self.dice.pick(&self.keys).cloned())
            .flatten();
        let key = again.unwrap_or_else(|| format!("c{}", self.calls));
        let value = self.number(2);
        let mut step = call(&key).with("value", &value);
        // The name of the action says how it behaves: so many failures of a class, then success.
        let failures = if self.dice.chance(30) {
            1 + self.dice.below(3)
        } else {
            0
        };
        let class = if self.dice.chance(80) { "transient" } else { "permanent" };
        let effect = if self.dice.chance(50) { "effectful" } else { "quiet" };
        step = step.action(&format!("{failures}-{class}-{effect}"));
        if self.dice.chance(50) {
            let attempts = u32::try_from(1 + self.dice.below(4)).unwrap_or(1);
            let policy = if self.dice.chance(50) {
                RetryPolicy::times(attempts)
            } else {
                RetryPolicy {
                    attempts,
                    backoff: Duration::from_millis(500),
                    ..RetryPolicy::block_defaults()
                }
            };
            step = step.retry(policy);
        }
        step = step.on_lost(match self.dice.below(8) {
            0 => OnLost::Fail,
            1 => OnLost::Ask,
            _ => OnLost::Redeliver,
        });
        match self.dice.below(6) {
            0 | 1 => step = step.or_continue(),
            2 if level < MOST_LEVELS => step = step.or_handle(self.block(level + 2, 2)),
            _ => {}
        }
        self.keys.push(key);
        step
    }

    fn gate(&mut self) -> Step {
        self.waits += 1;
        let key = format!("g{}", self.waits);
        let mut step = gate(&key);
        if self.dice.chance(25) {
            step = step.approvals(2);
        }
        if self.dice.chance(50) {
            step = step.skip_if_rejected();
        }
        let step = self.bounded(step, 60);
        self.keys.push(key);
        step
    }

    fn wait(&mut self) -> Step {
        self.waits += 1;
        let key = format!("w{}", self.waits);
        let step = match self.dice.below(4) {
            0 => wait_for(&key, &format!("'{}ms'", 100 + self.dice.below(5_000))),
            1 => wait_for(&key, &format!("inputs.n * {}", self.dice.below(100))),
            _ => {
                let topic = format!("t{}", self.dice.below(2));
                let step = wait_signal(&key, &topic);
                let step = if self.dice.chance(20) {
                    step.correlated("'x'")
                } else {
                    step
                };
                self.bounded(step, 80)
            }
        };
        self.keys.push(key);
        step
    }

    /// Gives most gates and waits a time after which they end, which mostly is no failure.
    fn bounded(&mut self, step: Step, percent: usize) -> Step {
        if !self.dice.chance(percent) {
            return step;
        }
        let then = if self.dice.chance(75) {
            OnTimeout::Continue
        } else {
            OnTimeout::Fail
        };
        step.open_for(Duration::from_millis(500 + self.dice.below(60_000) as u64), then)
    }

    fn set(&mut self) -> Step {
        let names = ["x", "y", "z"];
        let count = 1 + self.dice.below(2);
        let values: Vec<(String, String)> = (0..count)
            .map(|_| {
                let name = names[self.dice.below(names.len())];
                (name.to_owned(), self.number(2))
            })
            .collect();
        set_values(values)
    }

    fn choice(&mut self, level: usize) -> Step {
        let condition = self.condition();
        let mut step = choose(condition, self.block(level + 1, 2));
        if self.dice.chance(30) {
            let condition = self.condition();
            step = step.or_if(condition, self.block(level + 1, 2));
        }
        if self.dice.chance(50) {
            step = step.or_else(self.block(level + 1, 2));
        }
        step
    }

    fn repetition(&mut self, level: usize) -> Step {
        let condition = self.condition();
        let limit = self.dice.below(4) as i64;
        let body = self.block(level + 1, 2);
        let mut step = if self.dice.chance(50) {
            repeat_while(condition, limit, body)
        } else {
            do_while(condition, limit, body)
        };
        if self.dice.chance(75) {
            step = step.continue_at_limit();
        }
        if self.dice.chance(15) {
            step = step.stuck_after(2);
        }
        step
    }

    fn branches(&mut self, level: usize) -> Step {
        let count = 2 + self.dice.below(3);
        let mut branches: Vec<BranchStep> = Vec::new();
        for place in 0..count {
            let step = self.step(level + 1);
            let needs: Vec<u32> = (0..place)
                .filter(|_| self.dice.chance(25))
                .filter_map(|need| u32::try_from(need).ok())
                .collect();
            let branch = step.needs(needs);
            branches.push(if self.dice.chance(25) {
                branch.whatever_they_did()
            } else {
                branch
            });
        }
        let mut step = parallel(branches);
        if self.dice.chance(75) {
            step = step.without_fail_fast();
        }
        if self.dice.chance(30) {
            step = step.max_parallel(u32::try_from(1 + self.dice.below(2)).unwrap_or(1));
        }
        match self.dice.below(10) {
            0 => step = step.join_any(),
            1..4 => step = step.min_success(u32::try_from(self.dice.below(count + 1)).unwrap_or(0)),
            _ => {}
        }
        if self.dice.chance(30) {
            let name = format!("p{}", self.named.len());
            step = step.named(&name);
            self.named.push(name);
        }
        step
    }

    /// Returns the source of a number that can always be evaluated.
    fn number(&mut self, levels: usize) -> String {
        let literal = self.dice.below(6);
        match self.dice.below(if levels == 0 { 4 } else { 6 }) {
            0 => literal.to_string(),
            1 | 2 => match self.dice.pick(&self.keys) {
                Some(key) => format!("(has(steps.{key}.output.n) ? steps.{key}.output.n : {literal})"),
                None => literal.to_string(),
            },
            3 => {
                let name = ["x", "y", "z"][self.dice.below(3)];
                format!("(has(vars.{name}) ? vars.{name} : {literal})")
            }
            4 => "inputs.n".to_owned(),
            _ => format!("({} + {}) % 100", self.number(levels - 1), self.number(levels - 1)),
        }
    }

    fn condition(&mut self) -> Condition {
        let number = self.number(1);
        let bound = self.dice.below(10);
        let key = self.dice.pick(&self.keys).cloned();
        let named = self.dice.pick(&self.named).cloned();
        let condition = match (self.dice.below(20), key, named) {
            (0..4, Some(key), _) => marker(&key, "odd"),
            (4..6, _, Some(name)) => marker(&name, "odd"),
            (6..9, Some(key), _) => {
                let status = ["completed", "failed", "skipped"][self.dice.below(3)];
                when(&format!("steps.{key}.{status}"))
            }
            (9, _, _) => input("flag"),
            (10, _, _) => when("1 / 0 > 1"),
            _ => when(&format!("{number} < {bound}")),
        };
        if self.dice.chance(25) {
            unless(condition)
        } else {
            condition
        }
    }
}
