//! Many schedules, one after the other or beside each other, with what they amounted to.

use super::faults::Fault;
use super::oracles::{Compared, Violation};
use super::world;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What schedules amounted to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many were played.
    pub schedules: u64,
    /// How many of them were compared with the interpreter.
    pub compared: u64,
    /// In how many of them actions kept something while they were under way.
    pub kept: u64,
    /// How many events all runs had.
    pub events: u64,
    /// How often each fault struck.
    pub faults: BTreeMap<Fault, u64>,
    /// The schedule that failed, if one did.
    pub failed: Option<Failed>,
}

/// A schedule that showed a defect.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Its number: the whole schedule follows from it.
    pub seed: u64,
    /// What was seen.
    pub violation: Violation,
}

impl Summary {
    /// Adds the other summary to this one; the failure with the smaller number stays.
    pub fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.compared += other.compared;
        self.kept += other.kept;
        self.events += other.events;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        self.failed = [self.failed.take(), other.failed]
            .into_iter()
            .flatten()
            .min_by_key(|failed| failed.seed);
    }
}

/// Plays the schedules with these numbers until one fails.
pub fn campaign(seeds: impl IntoIterator<Item = u64>) -> Summary {
    let mut summary = Summary::default();
    for seed in seeds {
        summary.schedules += 1;
        // A panic of the core is a defect like any other, and its schedule must be known.
        let played = catch_unwind(AssertUnwindSafe(|| world::play(seed)));
        match played {
            Ok(Ok(played)) => {
                summary.compared += u64::from(played.compared == Compared::Yes);
                summary.kept += u64::from(played.kept);
                summary.events += played.events as u64;
                for (fault, count) in played.faults {
                    *summary.faults.entry(fault).or_default() += count;
                }
            }
            Ok(Err(violation)) => {
                summary.failed = Some(Failed { seed, violation });
                break;
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                let violation = Violation {
                    oracle: "the core panicked",
                    detail: text.unwrap_or_default(),
                };
                summary.failed = Some(Failed { seed, violation });
                break;
            }
        }
    }
    summary
}
