//! Retries, waits and deadlines on the virtual clock.

use cofferdam_engine::plan::RetryPolicy;
use cofferdam_engine::{Event, Failure, FailureClass, RunStatus, Timestamp};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{call, parallel, workflow};
use cofferdam_testkit::scenario::{failed, returned};
use std::time::Duration;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn steady(attempts: u32) -> RetryPolicy {
    RetryPolicy {
        attempts,
        jitter: 0.0,
        ..RetryPolicy::block_defaults()
    }
}

// row M01
#[test]
fn an_attempt_sees_the_error_of_the_one_before_it() {
    let mut scenario = Scenario::started(workflow([call("a").attempts(3)]).plan());
    let mut seen = Vec::new();
    scenario.play_at_once(|attempt| {
        let previous = attempt.previous.as_ref().map(|failure| failure.message.clone());
        seen.push((attempt.number, attempt.delivery, attempt.retries_left, previous));
        if attempt.number < 3 {
            failed(FailureClass::Transient, &format!("error {}", attempt.number))
        } else {
            returned("1")
        }
    });
    assert_eq!(
        seen,
        [
            (1, 1, 2, None),
            (2, 1, 1, Some("error 1".to_owned())),
            (3, 1, 0, Some("error 2".to_owned()))
        ]
    );
    assert_eq!(scenario.status(), RunStatus::Completed);
}

// row M03
#[test]
fn a_step_without_attempts_left_fails_with_its_last_error() {
    let mut scenario = Scenario::started(workflow([call("a").attempts(2)]).plan());
    scenario.fail("a", "first");
    scenario.fail("a", "second");
    assert_eq!(scenario.failure().1.message, "second");
}

// row M05
#[test]
fn classes_that_no_attempt_can_mend_are_not_tried_again() {
    for class in RetryPolicy::NEVER {
        let mut scenario = Scenario::started(workflow([call("a").attempts(5)]).plan());
        scenario.end("a", failed(class, "no"));
        assert_eq!(scenario.failure().1.class, class);
    }
}

// row M02
#[test]
fn waits_grow_and_a_restart_keeps_the_time_of_the_next_attempt() {
    let mut scenario = Scenario::started(workflow([call("a").retry(steady(4))]).plan());
    for wait in [1, 2, 4] {
        scenario.fail("a", "again");
        assert_eq!(scenario.flights(), [""; 0]);
        let due = scenario.now.saturating_add(seconds(wait));
        assert_eq!(scenario.run().next_deadline(), Some(due));
        scenario.advance(Duration::from_millis(wait * 1_000 - 1));
        scenario.adopt([]);
        assert_eq!(scenario.flights(), [""; 0], "a restart does not shorten the wait");
        assert_eq!(scenario.run().next_deadline(), Some(due), "nor does it lengthen it");
        scenario.advance(Duration::from_millis(1));
        assert_eq!(scenario.flights(), ["a"]);
    }
    scenario.complete("a", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);
}

// row M02
#[test]
fn jitter_is_the_same_for_the_same_attempt_and_differs_between_steps() {
    let waits = || -> Vec<i64> {
        let plan = workflow([parallel([
            call("a").retry(RetryPolicy::block_defaults()),
            call("b").retry(RetryPolicy::block_defaults()),
        ])])
        .plan();
        let mut scenario = Scenario::started(plan);
        scenario.play_at_once(|attempt| {
            if attempt.number < 3 {
                failed(FailureClass::Transient, "again")
            } else {
                returned("1")
            }
        });
        scenario
            .log
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Event::AttemptFailed { retry_at, .. } => retry_at.map(|at| at.as_millis() - recorded.at.as_millis()),
                _ => None,
            })
            .collect()
    };
    let first = waits();
    assert_eq!(first, waits());
    assert_eq!(first.len(), 4);
    assert_ne!(first[0], first[1]);
    assert!(first[..2].iter().all(|wait| (900..=1_100).contains(wait)), "{first:?}");
}

#[test]
fn a_plugin_can_lengthen_a_wait() {
    let mut scenario = Scenario::started(workflow([call("a").retry(steady(3))]).plan());
    let patient = Failure {
        retry_after_ms: Some(20_000),
        ..Failure::new(FailureClass::Transient, "busy")
    };
    scenario.end("a", cofferdam_engine::AttemptOutcome::Failed(patient));
    assert_eq!(
        scenario.run().next_deadline(),
        Some(scenario.now.saturating_add(seconds(20)))
    );
}

// row M04
#[test]
fn the_deadline_of_a_step_stops_its_attempt_and_its_waits() {
    let step = || {
        call("a")
            .retry(steady(9))
            .timeout(seconds(4))
            .timeout_total(seconds(10))
    };
    let mut scenario = Scenario::started(workflow([step()]).plan());
    assert_eq!(scenario.attempt("a").timeout, Some(seconds(4)));
    scenario.advance(seconds(4));
    scenario.end("a", failed(FailureClass::Timeout, "too slow"));
    scenario.advance(seconds(1));
    scenario.advance(seconds(2));
    scenario.end("a", failed(FailureClass::Transient, "again"));
    scenario.advance(seconds(2));
    // One second is left of the ten.
    assert_eq!(scenario.attempt("a").timeout, Some(seconds(1)));
    scenario.advance(seconds(1));
    assert_eq!(scenario.flights(), [""; 0]);
    let (_, failure) = scenario.failure();
    assert_eq!(failure.class, FailureClass::Timeout);
    assert_eq!(failure.message, "`timeout_total` passed after 3 attempts");

    // A wait that would end after the deadline is not begun.
    let mut scenario = Scenario::started(workflow([step()]).plan());
    scenario.advance(Duration::from_millis(9_500));
    scenario.fail("a", "too late");
    assert_eq!(scenario.failure().1.message, "too late");
}

// row M04
#[test]
fn a_deadline_passes_while_nobody_is_at_work() {
    let mut scenario = Scenario::started(workflow([call("a").timeout_total(seconds(10))]).plan());
    scenario.now = scenario.now.saturating_add(seconds(60));
    scenario.adopt([]);
    assert_eq!(scenario.failure().1.class, FailureClass::Timeout);
}

#[test]
fn a_clock_that_goes_back_stops_nothing() {
    let mut scenario = Scenario::new(workflow([call("a").retry(steady(3))]).plan());
    scenario.capacity = 1;
    scenario.start([]);
    scenario.fail("a", "again");
    let begun = scenario.now;
    // The wait is over but there is no permit; then the clock jumps back and a permit is free.
    scenario.capacity = 0;
    scenario.advance(seconds(2));
    assert_eq!(scenario.flights(), [""; 0]);
    scenario.capacity = 1;
    scenario.now = Timestamp::from_millis(begun.as_millis() - 3_600_000);
    scenario.tick();
    assert_eq!(scenario.flights(), ["a"]);
    let times: Vec<Timestamp> = scenario.log.iter().map(|recorded| recorded.at).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn many_retries_without_a_wait_have_none() {
    let mut scenario = Scenario::started(workflow([call("a").attempts(1_100)]).plan());
    for _ in 0..1_099 {
        scenario.fail("a", "again");
    }
    assert_eq!(scenario.flights(), ["a"]);
    assert_eq!(scenario.attempt("a").number, 1_100);
}
