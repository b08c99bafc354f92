//! Cancellation at every point of a run.

use cofferdam_engine::plan::OnTimeout;
use cofferdam_engine::{Parking, Request, RunStatus, Verdict};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    Workflow, always, block, call, choose, do_while, gate, parallel, repeat_while, set, wait_for, wait_signal, when,
    workflow,
};

fn everything() -> Workflow {
    workflow([
        call("a").attempts(2),
        parallel([
            block([call("b"), always([call("tidy")]), call("c")]).needs([]),
            call("d").or_handle([call("h")]).needs([]),
            do_while(when("steps.e.iteration < 1"), 4, [call("e")]).needs([0]),
        ])
        .without_fail_fast()
        .min_success(1),
        choose(when("true"), [set([("x", "1")]), call("f")]),
    ])
    .always([call("end")])
}

/// Lets the first attempt under way end: `d` fails, everything else returns.
fn step(scenario: &mut Scenario) {
    let name = scenario.flights()[0].clone();
    if name == "parallel/d" {
        scenario.fail(&name, "broken");
    } else {
        scenario.complete(&name, "1");
    }
}

// rows I05, I06
#[test]
fn a_cancel_that_was_accepted_decides_the_end_wherever_it_comes() {
    let mut scenario = Scenario::started(everything().plan());
    let mut reports = 0;
    while scenario.run().ending().is_none() {
        step(&mut scenario);
        reports += 1;
    }
    assert_eq!(scenario.status(), RunStatus::Completed);
    for point in 0..reports {
        let mut scenario = Scenario::started(everything().plan());
        for _ in 0..point {
            step(&mut scenario);
        }
        scenario.cancel();
        let again = scenario.ask("bob", Request::Cancel { reason: String::new() });
        assert!(matches!(again, Verdict::Unchanged { .. }), "{again:?}");
        while scenario.run().ending().is_none() {
            let name = scenario.flights()[0].clone();
            assert!(
                name.contains("always"),
                "only `always` blocks run after the cancel at {point}: {name}"
            );
            scenario.complete(&name, "1");
        }
        assert_eq!(scenario.status(), RunStatus::Cancelled, "{point}");
        let ends = scenario.completed().iter().filter(|name| *name == "always/end").count();
        assert_eq!(ends, 1, "{point}");
    }
}

// row I06
#[test]
fn a_run_that_failed_and_is_cancelled_while_it_cleans_up_is_cancelled() {
    let mut scenario = Scenario::started(workflow([call("a")]).always([call("end")]).plan());
    scenario.fail("a", "broken");
    scenario.cancel();
    assert_eq!(scenario.flights(), ["always/end"]);
    scenario.complete("always/end", "1");
    assert_eq!(scenario.status(), RunStatus::Cancelled);
}

// row I05
#[test]
fn a_cancel_ends_waits_for_another_attempt() {
    let policy = cofferdam_engine::plan::RetryPolicy::block_defaults();
    let mut scenario = Scenario::started(workflow([call("a").retry(policy)]).plan());
    scenario.fail("a", "again");
    scenario.cancel();
    assert_eq!(scenario.status(), RunStatus::Cancelled);
    assert_eq!(
        scenario.story_of("a"),
        ["attempt.started", "attempt.failed", "step.cancelled"]
    );
    assert_eq!(scenario.run().next_deadline(), None);
}

// row I05
#[test]
fn a_cancel_is_heard_by_whatever_waits_and_goes_round() {
    let hour = std::time::Duration::from_secs(3_600);
    let waiting = [
        wait_for("w", "'1h'"),
        wait_signal("w", "news"),
        gate("w").open_for(hour, OnTimeout::Continue),
        repeat_while(when("true"), 1_000, [wait_for("w", "'1h'")]),
        do_while(when("true"), 1_000, [wait_for("w", "'1h'")]),
        parallel([wait_for("v", "'1h'"), wait_signal("w", "news")]),
        block([wait_for("w", "'1h'")]),
    ];
    for step in waiting {
        for parking in [Parking::Keep, Parking::LetGo] {
            let said = format!("{step:?}, {parking:?}");
            let mut scenario = Scenario::new(workflow([step.clone(), call("next")]).always([call("end")]).plan());
            scenario.parking = parking;
            scenario.start([]);
            assert_eq!(scenario.flights(), [""; 0], "{said}");
            if parking == Parking::LetGo {
                let cancel = Request::Cancel {
                    reason: "enough".to_owned(),
                };
                let letter = scenario.letter("ada", cancel);
                scenario.adopt_with([], vec![letter]);
            } else {
                scenario.cancel();
            }
            assert_eq!(scenario.flights(), ["always/end"], "{said}");
            scenario.complete("always/end", "1");
            assert_eq!(scenario.status(), RunStatus::Cancelled, "{said}");
            assert_eq!(scenario.run().next_deadline(), None, "{said}");
        }
    }
}

// rows I04, I08
#[test]
fn a_cancel_survives_a_restart() {
    let mut scenario = Scenario::started(workflow([call("a")]).always([call("end")]).plan());
    scenario.cancel();
    scenario.adopt([]);
    assert_eq!(scenario.flights(), ["always/end"]);
    assert_eq!(scenario.attempt("always/end").delivery, 2);
    scenario.complete("always/end", "1");
    assert_eq!(scenario.status(), RunStatus::Cancelled);
}

#[test]
fn a_cancelled_step_says_so() {
    let plan = workflow([call("a")])
        .output("a", "steps.a.status")
        .output("b", "steps.b.status")
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.cancel();
    assert_eq!(scenario.outputs(), r#"{"a":"cancelled","b":null}"#);
}

#[test]
fn cancelling_many_branches_takes_several_decisions_and_ends() {
    let branches: Vec<_> = (0..3_000).map(|number| call(&format!("c{number}"))).collect();
    let mut scenario = Scenario::started(workflow([parallel(branches)]).plan());
    assert_eq!(scenario.flights().len(), 3_000);
    scenario.cancel();
    assert_eq!(scenario.status(), RunStatus::Cancelled);
    assert_eq!(scenario.flights().len(), 0);
}
