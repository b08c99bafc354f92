//! Which way a run goes: conditions on markers, inputs and expressions.

use cofferdam_engine::plan::{Condition, InputKind};
use cofferdam_engine::{Data, FailureClass, RunStatus};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{call, choose, input, marker, unless, when, workflow};
use cofferdam_testkit::scenario::marked;

/// Returns whether `condition` holds after `a` left the marker `yes`, with these inputs.
fn holds<const N: usize>(condition: Condition, inputs: [(&str, Data); N]) -> bool {
    let plan = workflow([
        call("a"),
        choose(condition, [call("then")]).or_else([call("otherwise")]),
    ])
    .input("flag", InputKind::Boolean)
    .plan();
    let mut scenario = Scenario::started_with(plan, inputs);
    scenario.end("a", marked(["yes", "more"]));
    let taken = scenario.flights();
    match taken.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["if/then"] => true,
        ["if/otherwise"] => false,
        _ => panic!("{taken:?}"),
    }
}

// row C02
#[test]
fn conditions_on_markers_and_inputs_follow_the_truth_table() {
    let table = [
        (marker("a", "yes"), true),
        (marker("a", "more"), true),
        (marker("a", "no"), false),
        (marker("a", "YES"), false),
        (marker("missing", "yes"), false),
    ];
    for (condition, expected) in table {
        assert_eq!(holds(condition.clone(), []), expected, "{condition:?}");
        assert_eq!(holds(unless(condition.clone()), []), !expected, "unless {condition:?}");
    }
    let table = [
        (Some(Data::from("TRUE")), true),
        (Some(Data::from("true")), true),
        (Some(Data::Bool(true)), true),
        (Some(Data::Bool(false)), false),
        (Some(Data::from("yes")), false),
        (Some(Data::Int(1)), false),
        (Some(Data::Null), false),
        (None, false),
    ];
    for (value, expected) in table {
        let inputs = || [("flag", value.clone().unwrap_or_default())];
        let (plain, negated) = if value.is_some() {
            (holds(input("flag"), inputs()), holds(unless(input("flag")), inputs()))
        } else {
            (holds(input("flag"), []), holds(unless(input("flag")), []))
        };
        assert_eq!((plain, negated), (expected, !expected), "{value:?}");
    }
}

// row C03
#[test]
fn the_first_arm_that_holds_is_taken_and_missing_sources_are_false() {
    let plan = |n: i64| {
        let plan = workflow([choose(when("inputs.n > 10"), [call("many")])
            .or_if(when("inputs.n > 5 || steps.missing.output.ok"), [call("some")])
            .or_if(when("inputs.n > 3 && inputs.n != 5"), [call("few")])
            .or_else([call("none")])])
        .input("n", InputKind::Number)
        .plan();
        Scenario::started_with(plan, [("n", Data::Int(n))]).flights().join(" ")
    };
    let taken = [11, 10, 6, 5, 4, 0].map(plan);
    assert_eq!(taken, ["if/many", "if/some", "if/some", "if/none", "if/few", "if/none"]);
    assert!(!holds(when("steps.missing.output.ok"), []));
    assert!(!holds(when("steps.missing.output.count > 3"), []));
    assert!(!holds(when("steps.a.output.nothing"), []));
}

#[test]
fn a_choice_that_takes_no_arm_is_skipped() {
    let scenario = Scenario::started(workflow([choose(when("false"), [call("a")])]).plan());
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.story_of("if"), ["step.skipped"]);
}

#[test]
fn an_empty_arm_is_taken_and_ends() {
    let scenario = Scenario::started(workflow([choose(when("true"), []).or_else([call("a")])]).plan());
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.story_of("if"), ["branch.chosen", "block.ended"]);
}

#[test]
fn a_condition_that_is_no_boolean_or_fails_fails_the_step() {
    for source in ["1 + 1", "1 / 0 > 1"] {
        let scenario = Scenario::started(workflow([choose(when(source), [call("a")])]).plan());
        let (step, failure) = scenario.failure();
        assert_eq!(
            (step.as_str(), failure.class),
            ("if", FailureClass::Expression),
            "{source}"
        );
        let guarded = Scenario::started(workflow([call("a").only_if(when(source))]).plan());
        assert_eq!(guarded.failure().0, "a", "{source}");
    }
}
