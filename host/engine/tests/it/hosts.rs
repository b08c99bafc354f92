//! Hosts that come and go: adoption, interruption, and reports from the past.

use cofferdam_engine::plan::{OnLost, RetryPolicy};
use cofferdam_engine::run::{MAX_LOST_DELIVERIES, Unrestorable};
use cofferdam_engine::{
    Adoption, AttemptClass, Cause, Data, Decision, Event, FailureClass, Fence, FormerOwner, Generation, Input, Orphan,
    Parking, Rejected, Request, RunId, RunStatus, Situation, Timestamp,
};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{call, parallel, workflow};
use cofferdam_testkit::scenario::returned;
use std::collections::BTreeSet;

// row K08
#[test]
fn a_lost_attempt_is_delivered_again_with_its_token_and_number() {
    let mut scenario = Scenario::started(workflow([call("a").attempts(2)]).plan());
    scenario.fail("a", "first");
    let before = scenario.attempt("a").clone();
    scenario.adopt([]);
    let after = scenario.attempt("a").clone();
    assert_eq!((before.number, before.delivery), (2, 1));
    assert_eq!((after.number, after.delivery), (2, 2));
    assert_eq!(after.token, before.token);
    assert_eq!(after.params, before.params);
    assert_eq!(after.previous, before.previous);
    assert!(after.generation > before.generation);
    assert_ne!(after.fence, before.fence);
    scenario.complete("a", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);
}

// rows K08, L02
#[test]
fn a_lost_host_does_not_use_up_the_only_attempt_but_five_pause_the_run() {
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    scenario.parking = Parking::LetGo;
    for delivery in 2..=MAX_LOST_DELIVERIES {
        scenario.adopt([]);
        assert_eq!(
            (scenario.attempt("a").number, scenario.attempt("a").delivery),
            (1, delivery)
        );
    }
    scenario.adopt([]);
    assert_eq!(scenario.status(), RunStatus::Paused);
    let (reason, cause) = paused(&scenario);
    assert_eq!(
        reason,
        "5 hosts died while they worked on step `a` (test.act): resumed, it is delivered again"
    );
    assert_eq!(cause, Cause::default());
    scenario.ask("ada", Request::Resume);
    assert_eq!(scenario.attempt("a").delivery, MAX_LOST_DELIVERIES + 1);
    // The count begins anew.
    scenario.adopt([]);
    assert_eq!(scenario.attempt("a").delivery, MAX_LOST_DELIVERIES + 2);
    scenario.complete("a", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);
}

fn paused(scenario: &Scenario) -> (String, Cause) {
    let paused = scenario.log.iter().rev().find_map(|recorded| match &recorded.event {
        Event::RunPaused { reason, cause } => Some((reason.clone(), cause.clone())),
        _ => None,
    });
    paused.expect("the run was paused")
}

// ENGINE-RULES B5
#[test]
fn suspects_are_delivered_one_at_a_time_and_only_the_deadly_one_is_blamed() {
    let plan = || workflow([parallel([call("a"), call("deadly"), call("c"), call("d")])]).plan();
    let mut scenario = Scenario::started(plan());
    scenario.parking = Parking::LetGo;
    scenario.complete("parallel/d", "1");
    assert_eq!(scenario.flights().len(), 3);
    scenario.adopt([]);
    // Nobody knows who it was: each is looked at alone.
    assert_eq!(scenario.flights(), ["parallel/a"]);
    // A driver that was told of permits would ask again at once, and again.
    assert!(!scenario.run().wants_permits(&scenario.plan));
    scenario.complete("parallel/a", "1");
    assert_eq!(scenario.flights(), ["parallel/deadly"]);
    for _ in 1..MAX_LOST_DELIVERIES {
        assert_eq!(scenario.flights(), ["parallel/deadly"]);
        scenario.adopt([]);
    }
    assert_eq!(scenario.status(), RunStatus::Paused);
    assert!(
        paused(&scenario).0.contains("`parallel/deadly`"),
        "{}",
        paused(&scenario).0
    );
    scenario.ask("ada", Request::Resume);
    // Whoever lets it go on has looked: all may run beside each other again.
    assert_eq!(scenario.flights(), ["parallel/deadly", "parallel/c"]);
}

// row K08
#[test]
fn an_action_that_must_not_be_repeated_fails_when_it_could_be_noticed() {
    let lost = |class: Option<AttemptClass>, on_lost: OnLost| {
        let mut scenario = Scenario::new(workflow([call("a").attempts(3).on_lost(on_lost), call("b")]).plan());
        scenario.parking = Parking::LetGo;
        scenario.class = class;
        scenario.start([]);
        scenario.adopt([]);
        scenario
    };
    for class in [Some(AttemptClass::Effectful), None] {
        let scenario = lost(class, OnLost::Fail);
        let (step, failure) = scenario.failure();
        assert_eq!((step.as_str(), failure.class), ("a", FailureClass::Lost), "{class:?}");
        assert_eq!(
            scenario.story_of("a"),
            ["attempt.started", "attempt.failed", "step.failed"]
        );

        let mut scenario = lost(class, OnLost::Ask);
        assert_eq!(scenario.status(), RunStatus::Paused, "{class:?}");
        assert!(paused(&scenario).0.contains("step `a` (test.act)"));
        scenario.ask("ada", Request::Resume);
        assert_eq!((scenario.attempt("a").number, scenario.attempt("a").delivery), (1, 2));
        // It is asked about each time.
        scenario.adopt([]);
        assert_eq!(scenario.status(), RunStatus::Paused, "{class:?}");

        assert_eq!(lost(class, OnLost::Redeliver).attempt("a").delivery, 2, "{class:?}");
    }
    // Nothing outside can tell.
    for on_lost in [OnLost::Fail, OnLost::Ask, OnLost::Redeliver] {
        let scenario = lost(Some(AttemptClass::Quiet), on_lost);
        assert_eq!(scenario.attempt("a").delivery, 2, "{on_lost:?}");
    }
}

// row K08
#[test]
fn what_a_host_stopped_in_its_middle_is_not_repeated_either() {
    let stopped = |class: AttemptClass, on_lost: OnLost| {
        let mut scenario = Scenario::new(workflow([call("a").attempts(3).on_lost(on_lost), call("b")]).plan());
        scenario.parking = Parking::LetGo;
        scenario.class = Some(class);
        scenario.start([]);
        scenario.decide(Input::InterruptRequested);
        scenario.adopt([]);
        scenario
    };
    let (step, failure) = stopped(AttemptClass::Effectful, OnLost::Fail).failure();
    assert_eq!((step.as_str(), failure.class), ("a", FailureClass::Lost));
    assert!(failure.message.contains("its host stopped it"), "{}", failure.message);
    let scenario = stopped(AttemptClass::Effectful, OnLost::Ask);
    assert_eq!(scenario.status(), RunStatus::Paused);
    assert!(paused(&scenario).0.contains("the host stopped it while step `a`"));
    for (class, on_lost) in [
        (AttemptClass::Effectful, OnLost::Redeliver),
        (AttemptClass::Quiet, OnLost::Fail),
        (AttemptClass::Quiet, OnLost::Ask),
    ] {
        assert_eq!(
            stopped(class, on_lost).attempt("a").delivery,
            2,
            "{class:?} {on_lost:?}"
        );
    }
}

#[test]
fn a_run_that_is_being_cancelled_asks_nobody() {
    let plan = || {
        workflow([call("a")])
            .always([call("clean").on_lost(OnLost::Ask)])
            .plan()
    };
    let mut scenario = Scenario::new(plan());
    scenario.parking = Parking::LetGo;
    scenario.class = Some(AttemptClass::Effectful);
    scenario.start([]);
    scenario.cancel();
    assert_eq!(scenario.flights(), ["always/clean"]);
    scenario.adopt([]);
    assert_eq!(scenario.status(), RunStatus::Cancelled);
    let lost = scenario.log.iter().any(|recorded| {
        matches!(&recorded.event, Event::AttemptFailed { failure, .. } if failure.class == FailureClass::Lost)
    });
    assert!(lost);

    // The same for what hosts die of.
    let mut scenario = Scenario::new(workflow([call("a")]).always([call("deadly")]).plan());
    scenario.start([]);
    scenario.cancel();
    for _ in 0..MAX_LOST_DELIVERIES {
        assert_eq!(scenario.flights(), ["always/deadly"]);
        scenario.adopt([]);
    }
    assert_eq!(scenario.status(), RunStatus::Cancelled);
}

#[test]
fn a_lost_attempt_is_tried_again_where_the_workflow_names_it() {
    let policy = RetryPolicy {
        on: Some(vec![FailureClass::Lost]),
        ..RetryPolicy::times(2)
    };
    let mut scenario = Scenario::started(workflow([call("a").on_lost(OnLost::Fail).retry(policy)]).plan());
    scenario.adopt([]);
    assert_eq!((scenario.attempt("a").number, scenario.attempt("a").delivery), (2, 1));
    let previous = scenario.attempt("a").previous.as_ref().map(|failure| failure.class);
    assert_eq!(previous, Some(FailureClass::Lost));
}

// ENGINE-RULES B10
#[test]
fn the_class_of_a_delivery_is_in_its_start() {
    let mut scenario = Scenario::new(workflow([call("a"), call("b")]).plan());
    scenario.class = Some(AttemptClass::Quiet);
    scenario.start([]);
    scenario.class = Some(AttemptClass::Effectful);
    scenario.complete("a", "1");
    let classes: Vec<Option<AttemptClass>> = scenario
        .log
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::AttemptStarted { class, .. } => Some(*class),
            _ => None,
        })
        .collect();
    assert_eq!(classes, [Some(AttemptClass::Quiet), Some(AttemptClass::Effectful)]);
}

#[test]
fn an_interrupted_run_goes_on_where_it_was_and_blames_nobody() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b")]).plan());
    scenario.complete("a", "1");
    for delivery in 1..=MAX_LOST_DELIVERIES + 2 {
        assert_eq!(scenario.attempt("b").delivery, delivery);
        let late = scenario.report("b", returned("1"));
        scenario.decide(Input::InterruptRequested);
        assert_eq!(scenario.status(), RunStatus::Interrupted);
        assert_eq!(scenario.flights(), [""; 0]);
        assert!(matches!(
            scenario.try_decide(Input::Reported(late)),
            Err(Rejected::StaleReport { .. })
        ));
        assert_eq!(scenario.try_decide(Input::Tick), Err(Rejected::Interrupted));
        scenario.adopt([]);
    }
    scenario.complete("b", "1");
    assert_eq!(scenario.completed(), ["a", "b"]);
}

// row K11
#[test]
fn a_run_that_is_set_aside_says_why_and_goes_on_like_an_interrupted_one() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b")]).plan());
    scenario.complete("a", "1");
    scenario.adopt([]);
    let reason = "needs a component".to_owned();
    scenario.decide(Input::SetAside { reason: reason.clone() });
    assert_eq!(scenario.status(), RunStatus::Interrupted);
    let last = &scenario.log.last().unwrap().event;
    assert!(
        matches!(last, Event::RunInterrupted { reason: Some(told), .. } if *told == reason),
        "{last:?}"
    );
    assert_eq!(scenario.flights(), [""; 0]);
    let again = Input::SetAside { reason };
    assert_eq!(scenario.try_decide(again), Err(Rejected::Interrupted));
    scenario.adopt([]);
    scenario.complete("b", "1");
    assert_eq!(scenario.completed(), ["a", "b"]);
}

#[test]
fn reports_that_come_late_or_twice_are_refused() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b")]).plan());
    let first = scenario.report("a", returned("1"));
    let lost = first.clone();
    scenario.adopt([]);
    let refused = scenario.try_decide(Input::Reported(lost)).unwrap_err();
    assert!(matches!(refused, Rejected::StaleReport { .. }), "{refused}");
    let report = scenario.report("a", returned("2"));
    scenario.decide(Input::Reported(report.clone()));
    assert!(scenario.try_decide(Input::Reported(report)).is_err());
    assert_eq!(scenario.completed(), ["a"]);
    assert_eq!(
        scenario.run().result("a").map(|result| result.output.data().clone()),
        Some(Data::Int(2))
    );
}

// ENGINE-RULES C3: the same number may name a start that was never durable.
#[test]
fn a_report_of_an_earlier_generation_with_the_same_fence_is_refused() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b"), call("c")]).plan());
    scenario.adopt([]);
    scenario.complete("a", "1");
    let mut early = scenario.report("b", returned("1"));
    early.generation = Generation(early.generation.0 - 1);
    assert!(scenario.try_decide(Input::Reported(early)).is_err());
    assert_eq!(scenario.flights(), ["b"]);
}

// ENGINE-RULES C4
#[test]
fn an_adoption_leaves_alone_what_is_alive_and_its_report_counts() {
    let mut scenario = Scenario::started(workflow([parallel([call("a"), call("b")])]).plan());
    let report = scenario.report("parallel/a", returned("1"));
    scenario.adopt(["parallel/a"]);
    assert_eq!(scenario.attempt("parallel/a").delivery, 1);
    assert_eq!(scenario.attempt("parallel/a").generation, report.generation);
    // What was lost waits for it: nobody knows of which of the two the host died.
    assert_eq!(scenario.flights(), ["parallel/a"]);
    scenario.decide(Input::Reported(report));
    assert_eq!(scenario.flights(), ["parallel/b"]);
    assert_eq!(scenario.attempt("parallel/b").delivery, 2);
    scenario.complete("parallel/b", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);
}

#[test]
fn an_ended_run_cannot_be_adopted() {
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    scenario.complete("a", "1");
    let orphan = Orphan::restore(scenario.run().id(), &scenario.plan, &scenario.log).unwrap();
    let situation = Situation {
        now: Timestamp::from_millis(0),
        permits: 1,
        parking: Parking::Keep,
    };
    let adoption = Adoption {
        generation: Generation(2),
        host: "host",
        alive: &BTreeSet::new(),
        owner: FormerOwner::Died,
        messages: Vec::new(),
    };
    let decision = orphan.adopt(&scenario.plan, adoption, situation);
    assert!(matches!(decision, Decision::Unchanged(run) if run.status() == RunStatus::Completed));
}

#[test]
fn a_log_with_a_hole_is_refused() {
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    scenario.complete("a", "1");
    let mut log = scenario.log.clone();
    log.remove(1);
    let refused = Orphan::restore(RunId::from_bits(1), &scenario.plan, &log).unwrap_err();
    assert_eq!(refused, Unrestorable::Gap { expected: 2, found: 3 });
    let none: [&cofferdam_engine::Recorded; 0] = [];
    let empty = Orphan::restore(RunId::from_bits(1), &scenario.plan, none).unwrap_err();
    assert_eq!(empty, Unrestorable::NoStart);
}

#[test]
fn any_point_of_a_log_can_be_adopted_and_played_to_the_same_end() {
    let plan = workflow([
        call("a").attempts(2),
        parallel([call("b"), call("c")]),
        call("d").with("x", "steps.b.output.n + steps.c.output.n"),
    ])
    .plan();
    let act = |attempt: &cofferdam_engine::Attempt| {
        if attempt.at.step.as_str() == "a" && attempt.number == 1 {
            cofferdam_testkit::scenario::failed(FailureClass::Transient, "again")
        } else {
            returned(r#"{"n": 2}"#)
        }
    };
    let mut whole = Scenario::started(plan.clone());
    whole.play_at_once(act);
    for length in 1..whole.log.len() {
        let mut scenario = Scenario::started(plan.clone());
        scenario.log = whole.log[..length].to_vec();
        scenario.adopt([]);
        scenario.play_at_once(act);
        assert_eq!(scenario.outputs(), whole.outputs(), "{length}");
        let starts: BTreeSet<Fence> = scenario
            .log
            .iter()
            .filter(|recorded| matches!(recorded.event, Event::AttemptStarted { .. }))
            .map(|recorded| Fence(recorded.sequence))
            .collect();
        assert!(starts.len() >= 5, "{length}");
    }
}
