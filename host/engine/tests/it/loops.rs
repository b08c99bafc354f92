//! Loops: how many rounds, when they are stuck, how rounds are counted.

use cofferdam_engine::plan::InputKind;
use cofferdam_engine::{Data, FailureClass, RunStatus};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    Step, block, call, choose, do_while, marker, parallel, repeat_while, set, unless, when, workflow,
};
use cofferdam_testkit::scenario::{marked, returned};

/// Plays `step` while `a` answers rounds before `stop` with the marker `more`; returns the scenario.
fn rounds(step: Step, stop: u32) -> Scenario {
    let mut scenario = Scenario::started(workflow([call("first"), step]).plan());
    scenario.play_at_once(|attempt| {
        let more = if attempt.at.step.as_str() == "first" {
            stop > 0
        } else {
            attempt.at.occurrence.innermost() + 1 < stop
        };
        if more { marked(["more"]) } else { marked([]) }
    });
    scenario
}

fn while_more(limit: i64) -> Step {
    repeat_while(marker("a", "more"), limit, [call("a")])
}

/// A loop whose condition looks at `first` before the first round.
fn while_either(limit: i64) -> Step {
    repeat_while(
        when("has(steps.a.markers) ? 'more' in steps.a.markers : 'more' in steps.first.markers"),
        limit,
        [call("a")],
    )
}

// row C05
#[test]
fn a_while_loop_runs_exactly_as_often_as_its_condition_holds() {
    for stop in [0, 1, 2, 7] {
        let scenario = rounds(while_either(10), stop);
        assert_eq!(scenario.status(), RunStatus::Completed, "{stop}");
        let expected: Vec<String> = (0..stop).map(|round| format!("while/a@{round}")).collect();
        assert_eq!(scenario.completed()[1..], expected);
    }
    // The condition is tested first: nothing has left the marker yet.
    assert_eq!(rounds(while_more(10), 5).completed(), ["first"]);
}

// row C06
#[test]
fn a_do_while_loop_runs_once_before_it_tests() {
    for (stop, expected) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let scenario = rounds(do_while(marker("a", "more"), 10, [call("a")]), stop);
        assert_eq!(scenario.status(), RunStatus::Completed, "{stop}");
        assert_eq!(scenario.completed().len() - 1, expected, "{stop}");
    }
}

// row C05
#[test]
fn a_loop_at_its_limit_fails_or_goes_on() {
    for step in [while_either(3), do_while(marker("a", "more"), 3, [call("a")])] {
        let failed = rounds(step.clone(), 9);
        assert_eq!(failed.completed().len() - 1, 3);
        let (path, failure) = failed.failure();
        assert_eq!((path.as_str(), failure.class), ("while", FailureClass::Permanent));
        assert!(failure.message.contains("max_iterations"), "{}", failure.message);
        let continued = rounds(step.clone().continue_at_limit(), 9);
        assert_eq!(continued.completed().len() - 1, 3);
        assert_eq!(continued.status(), RunStatus::Completed);
        // Exactly at the limit the condition decides.
        assert_eq!(rounds(step, 3).status(), RunStatus::Completed);
    }
    let none = rounds(do_while(marker("a", "more"), 0, [call("a")]), 9);
    assert_eq!((none.completed().len(), none.status()), (1, RunStatus::Failed));
}

// row C05
#[test]
fn a_loop_is_stuck_after_equal_rounds_in_a_row() {
    let stuck = |answers: &'static [&'static str]| {
        let step = do_while(unless(marker("a", "done")), 20, [call("a")]).stuck_after(3);
        let mut scenario = Scenario::started(workflow([step]).plan());
        scenario.play_at_once(|attempt| {
            let round = attempt.at.occurrence.innermost() as usize;
            marked([answers[round]])
        });
        (scenario.completed().len(), scenario.status())
    };
    assert_eq!(stuck(&["x", "x", "x"]), (3, RunStatus::Failed));
    assert_eq!(stuck(&["x", "x", "y", "y", "y"]), (5, RunStatus::Failed));
    assert_eq!(
        stuck(&["x", "x", "y", "y", "x", "x", "done"]),
        (7, RunStatus::Completed)
    );
}

#[test]
fn a_loop_with_an_expression_is_stuck_when_what_it_mentions_stays_the_same() {
    let step = repeat_while(when("vars.n < 5"), 20, [set([("n", "min([vars.n + 1, 3])")])]).stuck_after(2);
    let scenario = Scenario::started(workflow([set([("n", "0")]), step]).plan());
    let (path, failure) = scenario.failure();
    assert_eq!(path, "while");
    assert!(failure.message.starts_with("stuck"), "{}", failure.message);
    assert_eq!(scenario.story_of("while/set@4").len(), 0);
    assert_eq!(scenario.story_of("while/set@3").len(), 1);
}

#[test]
fn the_limit_of_a_loop_may_be_computed() {
    let plan = |n: Data| {
        let step = repeat_while(when("true"), 0, [call("a")])
            .limited_by("inputs.n")
            .continue_at_limit();
        let plan = workflow([step]).input("n", InputKind::Number).plan();
        let mut scenario = Scenario::started_with(plan, [("n", n)]);
        scenario.play_at_once(|_| returned("1"));
        (scenario.completed().len(), scenario.status())
    };
    assert_eq!(plan(Data::Int(4)), (4, RunStatus::Completed));
    assert_eq!(plan(Data::Int(0)), (0, RunStatus::Completed));
    assert_eq!(plan(Data::Int(-1)), (0, RunStatus::Failed));
    assert_eq!(plan(Data::from("x")), (0, RunStatus::Failed));
}

// row C08
#[test]
fn rounds_are_counted_right_at_any_nesting() {
    let inner = repeat_while(
        when("vars.j < 2"),
        9,
        [
            choose(when("true"), [block([parallel([call("a"), call("b")])])]),
            set([("j", "vars.j + 1")]),
        ],
    );
    let outer = do_while(
        when("vars.i < 2"),
        9,
        [set([("j", "0"), ("i", "vars.i + 1")]), inner, call("after")],
    );
    let plan = workflow([set([("i", "0")]), outer])
        .output("iteration", "steps.a.iteration")
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.play_at_once(|_| returned("1"));
    let path = "while/while/if/do/parallel";
    assert_eq!(
        scenario.completed(),
        [
            format!("{path}/a@0.0"),
            format!("{path}/b@0.0"),
            format!("{path}/a@0.1"),
            format!("{path}/b@0.1"),
            "while/after@0".to_owned(),
            format!("{path}/a@1.0"),
            format!("{path}/b@1.0"),
            format!("{path}/a@1.1"),
            format!("{path}/b@1.1"),
            "while/after@1".to_owned(),
        ]
    );
    assert_eq!(scenario.outputs(), r#"{"iteration":1}"#);
}

#[test]
fn every_round_has_a_token_of_its_own_and_every_attempt_of_it_the_same() {
    let step = do_while(when("steps.a.iteration < 2"), 9, [call("a").attempts(2)]);
    let mut scenario = Scenario::started(workflow([step]).plan());
    let mut tokens = Vec::new();
    scenario.play_at_once(|attempt| {
        tokens.push((attempt.at.occurrence.innermost(), attempt.number, attempt.token.clone()));
        if attempt.number == 1 {
            cofferdam_testkit::scenario::failed(FailureClass::Transient, "again")
        } else {
            returned("1")
        }
    });
    let shown: Vec<(u32, u32)> = tokens.iter().map(|(round, number, _)| (*round, *number)).collect();
    assert_eq!(shown, [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]);
    for pair in tokens.chunks(2) {
        assert_eq!(pair[0].2, pair[1].2);
    }
    assert_ne!(tokens[0].2, tokens[2].2);
}

#[test]
fn the_markers_of_a_named_loop_are_those_of_its_steps() {
    let step = do_while(when("false"), 9, [call("a")]).named("again");
    let plan = workflow([step, choose(marker("again", "yes"), [call("b")])]).plan();
    let mut scenario = Scenario::started(plan);
    scenario.end("again/a@0", marked(["yes"]));
    assert_eq!(scenario.flights(), ["if/b"]);
}

#[test]
fn a_failing_round_ends_the_loop() {
    let mut scenario = Scenario::started(workflow([do_while(when("true"), 9, [call("a"), call("b")])]).plan());
    scenario.complete("while/a@0", "1");
    scenario.fail("while/b@0", "broken");
    assert_eq!(scenario.failure().0, "while/b");
}
