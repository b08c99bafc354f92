//! What every log must do about who drives what: leases, and finding the runs that nobody drives.

use super::{Check, Open, answer, append, begin, durable, end, fenced, new_run, step};
use cofferdam_engine::{Append, Event, Request, RunId, RunRow, RunStatus, Timestamp};
use cofferdam_store::{NewMessage, Reason, RunLog, Runnable};
use std::sync::Arc;

/// The checks by name.
pub(super) const CHECKS: &[Check] = &[
    (
        "a lease is held from the first run on until the host is gone",
        a_lease_is_held_from_the_first_run_on_until_the_host_is_gone,
    ),
    (
        "runs that wait are found when they are due",
        runs_that_wait_are_found_when_they_are_due,
    ),
    ("the next wake-up is exact", the_next_wake_up_is_exact),
    ("a host at work is known to others", a_host_at_work_is_known_to_others),
    ("runs of a lost host are found", runs_of_a_lost_host_are_found),
    (
        "runs that their host let go of are found",
        runs_that_their_host_let_go_of_are_found,
    ),
    (
        "runs that are asked something are found",
        runs_that_are_asked_something_are_found,
    ),
    (
        "what is found is bounded and ordered",
        what_is_found_is_bounded_and_ordered,
    ),
];

/// Returns the append with which a run begins to wait until `wake_at`.
fn park(run: RunId, generation: u64, version: u64, status: RunStatus, wake_at: Option<i64>) -> Append {
    let event = Event::RunInterrupted {
        stopped: Vec::new(),
        reason: None,
    };
    let append = append(run, generation, version, status, vec![event]);
    Append {
        row: RunRow {
            wake_at: wake_at.map(Timestamp::from_millis),
            ..append.row
        },
        ..append
    }
}

fn waiting(log: &Arc<dyn RunLog>, number: u32, wake_at: Option<i64>) -> RunId {
    let run = begin(log, number).id;
    durable(log.hand_over(park(run, 1, 1, RunStatus::Waiting, wake_at)));
    run
}

fn claimable(log: &Arc<dyn RunLog>, now: i64) -> Vec<Runnable> {
    answer(log.claimable(Timestamp::from_millis(now), 100)).expect("the runs can be read")
}

fn runs(found: &[Runnable]) -> Vec<RunId> {
    found.iter().map(|runnable| runnable.run).collect()
}

fn next_wake(log: &Arc<dyn RunLog>) -> Option<i64> {
    wake_after(log, 0)
}

fn wake_after(log: &Arc<dyn RunLog>, after: i64) -> Option<i64> {
    answer(log.next_wake(Timestamp::from_millis(after)))
        .expect("the runs can be read")
        .map(Timestamp::as_millis)
}

// rows J02, J06
fn a_lease_is_held_from_the_first_run_on_until_the_host_is_gone(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    assert!(!a.lease().is_held());
    let run = begin(&a, 1).id;
    let lease = a.lease();
    assert!(lease.is_held() && lease.remaining().is_some());
    assert!(!b.lease().is_held());
    durable(a.hand_over(park(run, 1, 1, RunStatus::Waiting, None)));
    answer(b.claim(run)).expect("the run is free");
    assert!(b.lease().is_held());
    drop(a);
    assert!(!lease.is_held());
    answer(lease.lost());
}

// row L01, L03
fn runs_that_wait_are_found_when_they_are_due(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    let (timer, gate) = (waiting(&a, 1, Some(10_000)), waiting(&a, 2, None));
    let paused = begin(&a, 3).id;
    durable(a.hand_over(park(paused, 1, 1, RunStatus::Paused, None)));
    let running = begin(&a, 5).id;
    let with_deadline = Append {
        row: RunRow {
            wake_at: Some(Timestamp::from_millis(10_000)),
            ..step(running, 1, 1).row
        },
        ..step(running, 1, 1)
    };
    durable(a.hand_over(with_deadline));
    for log in [&a, &b] {
        assert_eq!(claimable(log, 9_999), []);
        let expected = Runnable {
            run: timer,
            since: Timestamp::from_millis(10_000),
            reason: Reason::Due,
        };
        assert_eq!(claimable(log, 10_000), [expected]);
    }
    let claim = answer(b.claim(timer)).unwrap();
    assert_eq!(claimable(&a, 99_000), []);
    // It may wait again, for another time or for none.
    let generation = claim.generation.0;
    durable(b.hand_over(park(timer, generation, 2, RunStatus::Waiting, Some(20_000))));
    assert_eq!(claimable(&a, 19_999), []);
    assert_eq!(runs(&claimable(&a, 20_000)), [timer]);
    answer(a.claim(timer)).unwrap();
    durable(a.hand_over(park(timer, generation + 1, 3, RunStatus::Waiting, None)));
    assert_eq!(claimable(&b, i64::MAX), []);
    answer(a.claim(gate)).unwrap();
    durable(a.hand_over(end(gate, 2, 2)));
    assert_eq!(claimable(&b, i64::MAX), []);
}

// row L01
fn a_host_at_work_is_known_to_others(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    assert!(!b.is_anybody_at_work());
    let first = a.at_work().unwrap();
    let second = b.at_work().unwrap();
    assert!(a.is_anybody_at_work() && b.is_anybody_at_work());
    drop(first);
    assert!(a.is_anybody_at_work() && b.is_anybody_at_work());
    drop(second);
    assert!(!a.is_anybody_at_work() && !b.is_anybody_at_work());
}

// row L10
fn the_next_wake_up_is_exact(open: Open<'_>) {
    let log = open("a");
    assert_eq!(next_wake(&log), None);
    waiting(&log, 1, None);
    begin(&log, 2);
    assert_eq!(next_wake(&log), None);
    let late = waiting(&log, 3, Some(70_001));
    assert_eq!(next_wake(&log), Some(70_001));
    let early = waiting(&log, 4, Some(5));
    assert_eq!(next_wake(&log), Some(5));
    // One that is due already, and that nobody can take on, hides no other.
    assert_eq!(wake_after(&log, 4), Some(5));
    assert_eq!(wake_after(&log, 5), Some(70_001));
    assert_eq!(wake_after(&log, 70_001), None);
    answer(log.claim(early)).unwrap();
    assert_eq!(next_wake(&log), Some(70_001));
    answer(log.claim(late)).unwrap();
    durable(log.hand_over(end(late, 2, 2)));
    assert_eq!(next_wake(&log), None);
}

// row K09
fn runs_of_a_lost_host_are_found(open: Open<'_>) {
    let (a, b, c) = (open("a"), open("b"), open("c"));
    let (one, two) = (begin(&a, 1).id, begin(&a, 2).id);
    let other = begin(&b, 3).id;
    let done = begin(&a, 4).id;
    durable(a.hand_over(end(done, 1, 1)));
    durable(a.hand_over(step(one, 1, 1)));
    for log in [&a, &b, &c] {
        assert_eq!(claimable(log, i64::MAX), []);
    }
    drop(a);
    for log in [&b, &c] {
        let found = claimable(log, 0);
        assert!(found.iter().all(|runnable| runnable.reason == Reason::HostLost));
        let mut found = runs(&found);
        found.sort();
        assert_eq!(found, [one, two]);
    }
    let claim = answer(b.claim(one)).unwrap();
    assert_eq!((claim.generation.0, claim.events.len()), (2, 2));
    assert_eq!(runs(&claimable(&c, 0)), [two]);
    drop(b);
    let mut found = runs(&claimable(&c, 0));
    found.sort();
    assert_eq!(found, [one, two, other]);
    fenced(c.hand_over(step(one, 2, 2)));
}

fn runs_that_their_host_let_go_of_are_found(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    let interrupted = begin(&a, 1).id;
    assert_eq!(claimable(&b, 60_000), []);
    // A retry is pending far ahead: that is for whoever takes it up to wait for.
    durable(a.hand_over(park(interrupted, 1, 1, RunStatus::Interrupted, Some(90_000))));
    let since = answer(a.run(interrupted)).unwrap().unwrap().updated_at;
    for log in [&a, &b] {
        let expected = Runnable {
            run: interrupted,
            since,
            reason: Reason::Due,
        };
        assert_eq!(claimable(log, 60_000), [expected]);
    }
    assert!(!answer(b.claim(interrupted)).unwrap().host_lost);
    assert_eq!(claimable(&a, 60_000), []);
    // Who keeps it back pauses it.
    durable(b.hand_over(park(interrupted, 2, 2, RunStatus::Paused, None)));
    assert_eq!(claimable(&a, 60_000), []);
}

fn runs_that_are_asked_something_are_found(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    let (gate, timer, busy) = (waiting(&a, 1, None), waiting(&a, 2, Some(50_000)), begin(&a, 3).id);
    let interrupted = begin(&a, 4).id;
    durable(a.hand_over(park(interrupted, 1, 1, RunStatus::Paused, None)));
    for (at, run) in [
        (7_000, gate),
        (6_000, timer),
        (5_000, busy),
        (4_000, interrupted),
        (8_000, gate),
    ] {
        let request = Request::Resume;
        answer(b.post(NewMessage::new(run, Timestamp::from_millis(at), "ada", request))).unwrap();
    }
    let found = claimable(&b, 9_000);
    assert_eq!(runs(&found), [interrupted, timer, gate]);
    assert!(found.iter().all(|runnable| runnable.reason == Reason::Asked));
    assert_eq!(found[2].since, Timestamp::from_millis(7_000));
    // One that is due as well is found once.
    assert_eq!(runs(&claimable(&b, 60_000)), [interrupted, timer, gate]);
    answer(b.claim(gate)).unwrap();
    assert_eq!(runs(&claimable(&a, 9_000)), [interrupted, timer]);
}

fn what_is_found_is_bounded_and_ordered(open: Open<'_>) {
    let log = open("a");
    let runs_by_time: Vec<RunId> = (0..20)
        .map(|number: u32| (number * 7) % 20)
        .map(|number| (number, waiting(&log, number, Some(1_000 + i64::from(number)))))
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_values()
        .collect();
    let found = |limit| runs(&answer(log.claimable(Timestamp::from_millis(1_009), limit)).unwrap());
    assert_eq!(found(3), runs_by_time[..3]);
    assert_eq!(found(100), runs_by_time[..10]);
    assert_eq!(found(0), []);
    assert_eq!(next_wake(&log), Some(1_000));
    assert_eq!(runs_by_time[0], new_run(0).id);
}
