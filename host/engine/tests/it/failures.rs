//! What a failed step does: `on_fail` in its three forms.

use cofferdam_engine::expr::ValueSource;
use cofferdam_engine::{FailureClass, RunStatus};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{always, block, call, json, set, template, when, workflow};
use cofferdam_testkit::scenario::{failed, returned};

// row C24
#[test]
fn a_continued_failure_leaves_a_sentinel_and_the_run_completes() {
    let plan = workflow([call("a").or_continue(), call("b").with("a", "steps.a.output")])
        .output("status", "steps.a.status")
        .output("failed", "steps.a.failed")
        .output("class", "steps.a.error.class")
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.end("a", failed(FailureClass::Exit, "code 2"));
    let error = scenario
        .attempt("b")
        .params
        .get("a")
        .and_then(|a| a.get("__error__"))
        .cloned();
    let error = error.expect("the sentinel");
    assert_eq!(error.get("class"), Some(&"exit".into()));
    assert_eq!(error.get("message"), Some(&"code 2".into()));
    scenario.complete("b", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(
        scenario.outputs(),
        r#"{"class":"exit","failed":true,"status":"failed"}"#
    );
}

// row C23
#[test]
fn a_handler_sees_the_failure_and_the_step_still_counts_as_failed() {
    let old = ValueSource::Template(template("{{failed_step}}|{{failure_reason}}|{{retry_count}}"));
    let handler = call("h")
        .with("error", "[error.step, error.class, error.message, error.attempt]")
        .with_value("old", old);
    let plan = workflow([call("a").attempts(2).or_handle([handler, call("i")]), call("never")]).plan();
    let mut scenario = Scenario::started(plan);
    scenario.fail("a", "first");
    scenario.fail("a", "second");
    let expected = json(r#"{"error": ["a", "transient", "second", 2], "old": "a|second|1"}"#);
    assert_eq!(scenario.attempt("a/h").params, expected);
    scenario.complete("a/h", "1");
    scenario.complete("a/i", "1");
    let (step, failure) = scenario.failure();
    assert_eq!((step.as_str(), failure.message.as_str()), ("a", "second"));
    assert_eq!(
        scenario.story_of("a"),
        [
            "attempt.started",
            "attempt.failed",
            "attempt.started",
            "attempt.failed",
            "step.failed",
            "step.handled"
        ]
    );
}

// row C23
#[test]
fn a_handler_that_fails_does_not_change_the_outcome() {
    let plan = workflow([call("a").or_handle([call("h"), call("never"), always([call("x")])])]).plan();
    let mut scenario = Scenario::started(plan);
    scenario.fail("a", "first");
    scenario.fail("a/h", "handler");
    assert_eq!(scenario.flights(), ["a/always/x"]);
    scenario.complete("a/always/x", "1");
    assert_eq!(scenario.failure().1.message, "first");
}

#[test]
fn the_nearest_handler_gives_the_error() {
    let inner = call("h").or_handle([call("g").with("step", "error.step")]);
    let mut scenario = Scenario::started(workflow([call("a").or_handle([inner])]).plan());
    scenario.fail("a", "outer");
    scenario.fail("a/h", "inner");
    assert_eq!(scenario.attempt("a/h/g").params, json(r#"{"step": "h"}"#));
    scenario.complete("a/h/g", "1");
    assert_eq!(scenario.failure().1.message, "outer");
}

#[test]
fn a_handler_runs_also_for_a_step_that_failed_before_its_first_attempt() {
    let plan = workflow([call("a")
        .with("x", "1 / 0")
        .or_handle([call("h").with("class", "error.class").with("attempts", "error.attempt")])])
    .plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(
        scenario.attempt("a/h").params,
        json(r#"{"class": "expression", "attempts": 0}"#)
    );
    scenario.complete("a/h", "1");
    assert_eq!(scenario.failure().0, "a");
}

#[test]
fn a_step_whose_guard_fails_is_continued_like_any_failure() {
    let plan = workflow([call("a").only_if(when("1 / 0 > 1")).or_continue(), call("b")]).plan();
    assert_eq!(Scenario::started(plan).flights(), ["b"]);
}

// row C25
#[test]
fn a_workflow_can_undo_what_an_exhausted_step_left() {
    let plan = workflow([
        call("make"),
        call("use").attempts(2).or_continue(),
        call("undo")
            .with("id", "steps.make.output.id")
            .only_if(when("steps.use.failed")),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("make", r#"{"id": 7}"#);
    scenario.fail("use", "1");
    scenario.adopt([]);
    scenario.fail("use", "2");
    scenario.adopt([]);
    assert_eq!(scenario.attempt("undo").params, json(r#"{"id": 7}"#));
}

#[test]
fn errors_end_with_their_handler() {
    let plan = workflow([
        call("a").or_continue(),
        block([call("b").with("e", "has(error.message)").or_continue()]),
        set([("x", "1")]),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.fail("a", "broken");
    // `error` is known only inside a handler: elsewhere its use is a failure of the step.
    scenario.play_at_once(|_| returned("1"));
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.story_of("do/b"), ["step.failed"]);
}
