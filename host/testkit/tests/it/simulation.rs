//! A slice of the simulation, and proof that each of its oracles can bite.

use cofferdam_testkit::sim::{Fault, Mutant, ORACLES, campaign, play_mutant};
use std::panic::catch_unwind;

/// Enough that every fault strikes many times; `cargo xtask sim` plays hundreds of thousands.
const SCHEDULES: u64 = 4_000;

/// Programs that have no place for a defect, and schedules that never come by it, are many.
const ATTEMPTS_AT_A_MUTANT: u64 = 4_000;

#[test]
fn schedules_of_faults_break_no_invariant() {
    let summary = campaign(0..SCHEDULES);
    if let Some(failed) = summary.failed {
        panic!(
            "schedule {} violates {}: {}",
            failed.seed, failed.violation.oracle, failed.violation.detail
        );
    }
    assert_eq!(summary.schedules, SCHEDULES);
    // A simulation that compares nothing, or disturbs nothing, proves nothing.
    assert!(summary.compared * 2 > SCHEDULES, "{} compared", summary.compared);
    assert!(summary.kept * 5 > SCHEDULES, "in {} something was kept", summary.kept);
    for fault in Fault::ALL {
        let count = summary.faults.get(&fault).copied().unwrap_or(0);
        assert!(count >= 10, "{fault:?} struck {count} times");
    }
}

/// Schedules that once failed, with what they found. `cargo xtask sim` names the next one. A seed stands for other schedules
/// when faults or programs are drawn in another way: what it found is kept as a test of the crate with the defect, too.
const FOUND: [(u64, &str); 5] = [
    (95, "a crash at the claim of a run of which nothing is recorded"),
    (7_797, "a retry from a step whose branch needs one that runs again"),
    (18_814, "a retry of more branches than may run beside each other"),
    (27_939, "a retry of a block that was left between two of its steps"),
    (67_047, "a retry after a retry that had let branches wait for room"),
];

#[test]
fn schedules_that_failed_once_fail_no_more() {
    for (seed, found) in FOUND {
        let summary = campaign([seed]);
        assert!(summary.failed.is_none(), "{seed} ({found}): {:?}", summary.failed);
        assert_eq!(
            summary.kept, 0,
            "{seed} ({found}) is another schedule: actions keep something in it"
        );
    }
}

#[test]
fn every_mutant_is_caught_by_its_oracle() {
    for (mutant, oracles) in Mutant::ALL {
        // A core with a defect may also panic; that is not the oracle's merit.
        let caught = (0..ATTEMPTS_AT_A_MUTANT).any(|seed| {
            let played = catch_unwind(|| play_mutant(seed, mutant));
            matches!(played, Ok(Err(violation)) if oracles.contains(&violation.oracle))
        });
        assert!(caught, "{mutant:?} is caught by none of {oracles:?}");
    }
}

#[test]
fn every_oracle_has_a_mutant() {
    for oracle in ORACLES {
        let tripped = Mutant::ALL.iter().any(|(_, oracles)| oracles.contains(&oracle));
        assert!(tripped, "no mutant trips {oracle}");
    }
}

#[test]
fn a_schedule_is_the_same_each_time() {
    let events = |_| campaign(100..150).events;
    assert_eq!(events(1), events(2));
}
