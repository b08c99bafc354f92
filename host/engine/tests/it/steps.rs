//! Calls, variables, outputs: what happens one after the other.

use cofferdam_engine::plan::RetryPolicy;
use cofferdam_engine::{Data, FailureClass, Input, Plan, Rejected, RunStatus, Start};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{block, call, choose, fail, json, parallel, set, when, workflow};
use cofferdam_testkit::scenario::returned;

// row C01
#[test]
fn later_steps_see_what_earlier_ones_returned() {
    let plan = workflow([call("a"), call("b").with("n", "steps.a.output.n + 1")]).plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(scenario.flights(), ["a"]);
    scenario.complete("a", r#"{"n": 2}"#);
    assert_eq!(scenario.attempt("b").params, json(r#"{"n": 3}"#));
    scenario.complete("b", r#"{"m": 9}"#);
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.outputs(), r#"{"m":9}"#);
    assert_eq!(scenario.completed(), ["a", "b"]);
}

#[test]
fn a_run_begins_once_and_ends_once() {
    let mut scenario = Scenario::new(workflow([call("a")]).plan());
    assert_eq!(scenario.try_decide(Input::Tick), Err(Rejected::NotStarted));
    scenario.start([]);
    assert_eq!(
        scenario.try_decide(Input::Start(Start::default())),
        Err(Rejected::AlreadyStarted)
    );
    scenario.complete("a", "1");
    let finished = scenario.log.len();
    assert_eq!(scenario.try_decide(Input::Tick), Err(Rejected::Finished));
    assert_eq!(scenario.try_decide(Input::InterruptRequested), Err(Rejected::Finished));
    assert_eq!(scenario.log.len(), finished);
}

#[test]
fn a_run_without_steps_completes_with_null() {
    let scenario = Scenario::started(workflow([]).plan());
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.outputs(), "null");
}

// row C28
#[test]
fn declared_outputs_are_what_the_run_returns() {
    let plan = workflow([call("a"), set([("n", "steps.a.output.n * 2")])])
        .output("twice", "vars.n")
        .output("missing", "steps.a.output.nothing")
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("a", r#"{"n": 4}"#);
    assert_eq!(scenario.outputs(), r#"{"missing":null,"twice":8}"#);
}

#[test]
fn outputs_are_given_on_failure_too_and_null_where_they_fail() {
    let plan = workflow([call("a"), fail("no more")])
        .output("n", "steps.a.output.n")
        .output("bad", "1 / 0")
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("a", r#"{"n": 4}"#);
    assert_eq!(scenario.outputs(), r#"{"bad":null,"n":4}"#);
    let (step, failure) = scenario.failure();
    assert_eq!((step.as_str(), failure.class), ("fail", FailureClass::Permanent));
    assert_eq!(failure.message, "no more");
}

#[test]
fn an_output_that_cannot_be_evaluated_fails_a_run_that_went_well() {
    let plan = workflow([call("a")]).output("bad", "1 / 0").plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("a", "1");
    let (step, failure) = scenario.failure();
    assert_eq!((step.as_str(), failure.class), ("outputs", FailureClass::Expression));
    assert!(failure.message.starts_with("output `bad`"), "{}", failure.message);
}

#[test]
fn the_last_completed_step_gives_the_output_even_inside_a_named_block() {
    let plan = workflow([
        call("a"),
        block([call("b"), call("c").only_if(when("false"))]).named("outer"),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.play_at_once(|attempt| returned(&format!(r#"{{"from": "{}"}}"#, attempt.at.step)));
    assert_eq!(scenario.outputs(), r#"{"from":"outer/b"}"#);
}

// row C10
#[test]
fn the_last_branch_of_the_text_gives_the_output_whatever_ended_last() {
    for order in [["p/a", "p/b"], ["p/b", "p/a"]] {
        let plan = workflow([parallel([call("a"), call("b")]).named("p")]).plan();
        let mut scenario = Scenario::started(plan);
        for name in order {
            scenario.complete(name, &format!(r#"{{"from": "{name}"}}"#));
        }
        assert_eq!(scenario.outputs(), r#"{"from":"p/b"}"#);
    }
}

// row C04
#[test]
fn a_guarded_step_is_skipped_and_keeps_its_older_result() {
    let plan = workflow([
        call("a"),
        call("a").only_if(when("steps.a.output.n > 3")),
        choose(when("steps.a.skipped && steps.a.completed"), [call("b")]),
        call("c").only_if(when("steps.nothing.output.n > 3")),
    ])
    .output("c", "steps.c.output")
    .output("skipped", "steps.c.skipped")
    .output("a", "steps.a.output.n")
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("a", r#"{"n": 1}"#);
    assert_eq!(scenario.flights(), ["if/b"]);
    scenario.complete("if/b", "1");
    assert_eq!(scenario.outputs(), r#"{"a":1,"c":null,"skipped":true}"#);
}

// row D10
#[test]
fn variables_are_seen_downstream_and_survive_a_restart() {
    let plan = workflow([
        set([("n", "1")]),
        call("a"),
        set([("n", "vars.n + 1"), ("m", "vars.n")]),
        call("b"),
    ])
    .output("n", "vars.n")
    .output("m", "vars.m")
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.adopt([]);
    scenario.complete("a", "1");
    scenario.adopt([]);
    scenario.complete("b", "1");
    // All values of one `set` are evaluated before any of them is written.
    assert_eq!(scenario.outputs(), r#"{"m":1,"n":2}"#);
}

#[test]
fn parameters_that_cannot_be_evaluated_fail_the_step_before_its_first_attempt() {
    let plan = workflow([call("a").with("x", "1 / 0"), call("b")]).plan();
    let scenario = Scenario::started(plan);
    let (step, failure) = scenario.failure();
    assert_eq!((step.as_str(), failure.class), ("a", FailureClass::Expression));
    assert_eq!(scenario.story_of("a"), ["step.failed"]);
}

#[test]
fn a_large_output_is_kept_beside_its_event_and_seen_whole() {
    let text = "x".repeat(100_000);
    let plan = workflow([call("a")]).output("size", "size(steps.a.output)").plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("a", &Data::from(text).to_json());
    assert_eq!(scenario.outputs(), r#"{"size":100000}"#);
    assert_eq!(
        scenario
            .log
            .iter()
            .filter(|recorded| recorded.event.blob().is_some())
            .count(),
        1
    );
}

// row C09
#[test]
fn every_attempt_knows_the_schema_and_the_snippets_of_its_step() {
    let first = call("a").output_schema("report").snippet("outer").snippet("own");
    let plan = workflow([first.retry(RetryPolicy::times(2)), call("b")]).plan();
    assert_eq!(Plan::decode(&plan.encode()).unwrap(), plan);
    let mut scenario = Scenario::started(plan);
    for _ in 0..2 {
        let attempt = scenario.attempt("a");
        assert_eq!(attempt.output.as_deref(), Some("report"));
        assert_eq!(attempt.with, ["outer", "own"]);
        if attempt.number == 1 {
            scenario.fail("a", "again");
        }
    }
    scenario.complete("a", "1");
    assert_eq!(scenario.attempt("b").output, None);
    assert_eq!(scenario.attempt("b").with, <[&str; 0]>::default());
}
