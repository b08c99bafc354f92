//! Hosts that come and go: adoption, interruption, and reports from the past.

use cofferdam_engine::run::{MAX_LOST_DELIVERIES, Unrestorable};
use cofferdam_engine::{
    Adoption, Data, Decision, Event, FailureClass, Fence, FormerOwner, Generation, Input, Orphan, Parking, Rejected,
    RunId, RunStatus, Situation, Timestamp,
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

// row K08
#[test]
fn a_lost_host_does_not_use_up_the_only_attempt_but_five_do() {
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    for delivery in 2..=MAX_LOST_DELIVERIES {
        scenario.adopt([]);
        assert_eq!(
            (scenario.attempt("a").number, scenario.attempt("a").delivery),
            (1, delivery)
        );
    }
    scenario.adopt([]);
    let (_, failure) = scenario.failure();
    assert_eq!(failure.class, FailureClass::Limit);
    assert!(failure.message.contains("hosts died"), "{}", failure.message);
}

#[test]
fn a_handler_of_a_step_that_hosts_died_of_counts_its_attempt() {
    let handler = call("h").with("attempt", "error.attempt");
    let mut scenario = Scenario::started(workflow([call("a").or_handle([handler])]).plan());
    for _ in 0..MAX_LOST_DELIVERIES {
        scenario.adopt([]);
    }
    assert_eq!(scenario.attempt("a/h").params.get("attempt"), Some(&Data::Int(1)));
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
    assert_eq!(scenario.attempt("parallel/b").delivery, 2);
    scenario.decide(Input::Reported(report));
    assert_eq!(scenario.flights(), ["parallel/b"]);
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
