//! `do` and `always` blocks: what runs when a block is left early.

use cofferdam_engine::expr::ValueSource;
use cofferdam_engine::{Data, FailureClass, RunStatus};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    Workflow, always, block, call, choose, do_while, fail, json, repeat_while, set, template, when, workflow,
};
use cofferdam_testkit::scenario::{failed, name_of, returned};

/// Plays `workflow` while the steps called `failing` fail; returns the scenario.
fn play(workflow: Workflow, failing: &[&str]) -> Scenario {
    let mut scenario = Scenario::started(workflow.plan());
    scenario.play_at_once(|attempt| {
        if failing.contains(&name_of(attempt).as_str()) {
            failed(FailureClass::Permanent, &format!("{} broke", attempt.at.step))
        } else {
            returned("1")
        }
    });
    scenario
}

// row C22
#[test]
fn always_runs_once_after_success_failure_and_cancellation_and_sees_which() {
    let status = ValueSource::Template(template("{{workflow_status}}/{{ (run.status) }}"));
    let workflow = || workflow([call("a"), call("b")]).always([call("tidy").with_value("status", status.clone())]);
    let mut scenario = Scenario::started(workflow().plan());
    scenario.complete("a", "1");
    scenario.complete("b", "1");
    assert_eq!(
        scenario.attempt("always/tidy").params,
        json(r#"{"status": "completed/completed"}"#)
    );
    scenario.complete("always/tidy", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);

    let mut scenario = Scenario::started(workflow().plan());
    scenario.fail("a", "broken");
    assert_eq!(
        scenario.attempt("always/tidy").params,
        json(r#"{"status": "failed/failed"}"#)
    );
    scenario.complete("always/tidy", "1");
    assert_eq!(scenario.failure().0, "a");

    let mut scenario = Scenario::started(workflow().plan());
    scenario.cancel();
    assert_eq!(
        scenario.attempt("always/tidy").params,
        json(r#"{"status": "cancelled/cancelled"}"#)
    );
    scenario.complete("always/tidy", "1");
    assert_eq!(scenario.status(), RunStatus::Cancelled);
    for kind in ["run.cleanup_started", "run.finished"] {
        let count = scenario
            .log
            .iter()
            .filter(|recorded| recorded.event.kind() == kind)
            .count();
        assert_eq!(count, 1, "{kind}");
    }
}

// row C22
#[test]
fn a_failing_always_block_changes_nothing_and_the_next_one_runs() {
    let workflow = workflow([call("a")])
        .always([call("x"), call("never")])
        .always([call("y")]);
    let scenario = play(workflow, &["always/x"]);
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.completed(), ["a", "always#2/y"]);
}

// R42
#[test]
fn a_nested_always_runs_at_its_place_and_when_its_block_is_left_before_it() {
    let body = || {
        workflow([
            block([
                always([call("x")]),
                call("a"),
                always([call("y")]),
                call("b"),
                always([call("z")]),
            ]),
            call("c"),
        ])
    };
    let scenario = play(body(), &[]);
    assert_eq!(
        scenario.completed(),
        ["do/always/x", "do/a", "do/always#2/y", "do/b", "do/always#3/z", "c"]
    );
    let scenario = play(body(), &["do/a"]);
    assert_eq!(scenario.completed(), ["do/always/x", "do/always#2/y", "do/always#3/z"]);
    assert_eq!(scenario.failure().0, "do/a");
    let scenario = play(body(), &["do/b"]);
    assert_eq!(
        scenario.completed(),
        ["do/always/x", "do/a", "do/always#2/y", "do/always#3/z"]
    );
    // The first failure is the reason, also when an `always` on the way out fails too.
    let scenario = play(body(), &["do/a", "do/always#2/y"]);
    assert_eq!(scenario.completed(), ["do/always/x", "do/always#3/z"]);
    assert_eq!(scenario.failure().0, "do/a");
}

// R42
#[test]
fn a_nested_always_runs_in_every_kind_of_block_that_is_left() {
    let body = [
        do_while(
            when("true"),
            3,
            [
                choose(when("true"), [call("a"), always([call("x")])]),
                always([call("y")]),
            ],
        ),
        always([call("z")]),
    ];
    let scenario = play(workflow(body), &["while/if/a@1"]);
    assert_eq!(
        scenario.completed(),
        [
            "while/if/a@0",
            "while/if/always/x@0",
            "while/always/y@0",
            "while/if/always/x@1",
            "while/always/y@1",
            "always/z"
        ]
    );
    assert_eq!(scenario.failure().0, "while/if/a");
}

#[test]
fn a_failing_nested_always_fails_a_block_that_went_well() {
    let scenario = play(workflow([block([always([call("x")])]), call("b")]), &["do/always/x"]);
    assert_eq!(scenario.failure().0, "do/always/x");
}

// row C22
#[test]
fn cancelling_runs_the_rest_of_nested_always_blocks_once() {
    let workflow = workflow([block([
        call("a"),
        always([call("x"), call("y")]),
        call("b"),
        always([call("z")]),
    ])])
    .always([call("end")]);
    for cancelled_during in [
        "do/a",
        "do/always/x",
        "do/always/y",
        "do/b",
        "do/always#2/z",
        "always/end",
    ] {
        let mut scenario = Scenario::started(workflow.clone().plan());
        let mut asked = false;
        while scenario.run().ending().is_none() {
            let name = scenario.flights()[0].clone();
            if name == cancelled_during && !asked {
                asked = true;
                scenario.cancel();
                continue;
            }
            scenario.complete(&name, "1");
        }
        assert_eq!(scenario.status(), RunStatus::Cancelled, "{cancelled_during}");
        let completed = scenario.completed();
        for always in ["do/always/x", "do/always/y", "do/always#2/z", "always/end"] {
            let count = completed.iter().filter(|name| *name == always).count();
            assert_eq!(count, 1, "{always} when cancelled during {cancelled_during}");
        }
    }
}

#[test]
fn a_cancelled_block_is_cancelled_even_if_its_always_block_fails() {
    let mut scenario = Scenario::started(workflow([block([call("a"), always([call("x")])])]).plan());
    scenario.cancel();
    scenario.fail("do/always/x", "broken");
    assert_eq!(scenario.status(), RunStatus::Cancelled);
}

#[test]
fn fail_ends_the_run_with_its_text() {
    let plan = workflow([
        set([("n", "3")]),
        block([fail("only {{ (vars.n) }} left")]),
        call("never"),
    ])
    .plan();
    let scenario = Scenario::started(plan);
    let (step, failure) = scenario.failure();
    assert_eq!((step.as_str(), failure.class), ("do/fail", FailureClass::Permanent));
    assert_eq!(failure.message, "only 3 left");
}

#[test]
fn the_results_of_a_block_are_seen_after_it() {
    let plan = workflow([
        block([choose(
            when("true"),
            [repeat_while(when("!has(steps.a.output)"), 3, [call("a")])],
        )]),
        call("b").with("a", "steps.a.output"),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("do/if/while/a@0", "5");
    assert_eq!(scenario.attempt("b").params.get("a"), Some(&Data::Int(5)));
}
