//! Parallel blocks: who runs beside whom, who sees what, when the block ends.

use cofferdam_engine::{Attempt, FailureClass, Input, RunStatus};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    Step, always, block, call, choose, do_while, fail, json, marker, parallel, set, when, workflow,
};
use cofferdam_testkit::scenario::{failed, marked, name_of, returned};
use std::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

// row C10
#[test]
fn all_branches_start_together_and_the_next_step_waits_for_all() {
    let plan = workflow([parallel([call("a"), call("b"), call("c")]), call("d")]).plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(scenario.flights(), ["parallel/a", "parallel/b", "parallel/c"]);
    scenario.complete("parallel/c", "3");
    scenario.complete("parallel/a", "1");
    assert_eq!(scenario.flights(), ["parallel/b"]);
    scenario.complete("parallel/b", "2");
    assert_eq!(scenario.flights(), ["d"]);
}

// row C12
#[test]
fn any_step_may_be_a_branch() {
    let branches = [
        block([call("a"), call("b")]),
        choose(when("true"), [call("c")]),
        do_while(when("false"), 3, [call("d")]),
        parallel([call("e"), call("f")]),
        set([("x", "1")]),
        always([call("g")]),
    ];
    let plan = workflow([parallel(branches)]).output("x", "vars.x").plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(scenario.flights().len(), 6);
    scenario.play_at_once(|_| returned("1"));
    assert_eq!(scenario.outputs(), r#"{"x":1}"#);
    let failing = Scenario::started(workflow([parallel([fail("no"), fail("neither")])]).plan());
    assert_eq!(failing.failure().1.message, "no");
}

// row C11
#[test]
fn fail_fast_stops_the_siblings_and_they_end_as_cancelled() {
    let slow = block([call("slow"), call("never")]);
    let plan = workflow([parallel([call("a"), slow, call("c").attempts(3)])])
        .always([call("report")])
        .output("slow", "steps.slow.status")
        .output("c", "steps.c.status")
        .output("never", "steps.never.status")
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.fail("parallel/c", "at first");
    scenario.fail("parallel/a", "broken");
    assert_eq!(scenario.flights(), ["always/report"]);
    assert_eq!(
        scenario.story_of("parallel/do/slow"),
        ["attempt.started", "step.cancelled"]
    );
    scenario.complete("always/report", "1");
    assert_eq!(
        scenario.outputs(),
        r#"{"c":"cancelled","never":null,"slow":"cancelled"}"#
    );
    assert_eq!(scenario.failure().0, "parallel/a");
}

#[test]
fn fail_fast_lets_always_blocks_of_the_siblings_run() {
    let sibling = block([call("slow"), always([call("tidy")])]);
    let mut scenario = Scenario::started(workflow([parallel([call("a"), sibling])]).plan());
    scenario.fail("parallel/a", "broken");
    assert_eq!(scenario.flights(), ["parallel/do/always/tidy"]);
    scenario.complete("parallel/do/always/tidy", "1");
    assert_eq!(scenario.failure().0, "parallel/a");
}

#[test]
fn a_sibling_that_was_stopped_is_no_failure_even_if_its_always_block_fails() {
    let sibling = block([call("slow"), always([call("tidy")])]);
    let mut scenario = Scenario::started(workflow([parallel([sibling, call("z")])]).plan());
    scenario.fail("parallel/z", "broken");
    scenario.fail("parallel/do/always/tidy", "too");
    assert_eq!(scenario.failure().0, "parallel/z");
}

// row C10
#[test]
fn without_fail_fast_every_branch_ends_and_the_first_of_the_text_is_the_reason() {
    for order in [["a", "c", "b"], ["c", "b", "a"], ["b", "a", "c"]] {
        let plan = workflow([parallel([call("b"), call("a"), call("c")]).without_fail_fast()]).plan();
        let mut scenario = Scenario::started(plan);
        for name in order {
            let name = format!("parallel/{name}");
            if name.ends_with('b') {
                scenario.complete(&name, "1");
            } else {
                scenario.fail(&name, "broken");
            }
        }
        assert_eq!(scenario.failure().0, "parallel/a");
    }
}

// row C10
#[test]
fn min_success_judges_at_the_end_and_skipped_branches_count() {
    let play = |least: u32, failing: &[&str]| {
        let branches = [call("a"), call("b"), call("c").only_if(when("false"))];
        let plan = workflow([parallel(branches).without_fail_fast().min_success(least)]).plan();
        let mut scenario = Scenario::started(plan);
        scenario.play_at_once(|attempt| {
            if failing.contains(&name_of(attempt).as_str()) {
                failed(FailureClass::Permanent, "broken")
            } else {
                returned("1")
            }
        });
        scenario.status()
    };
    assert_eq!(play(2, &["parallel/a"]), RunStatus::Completed);
    assert_eq!(play(3, &["parallel/a"]), RunStatus::Failed);
    assert_eq!(play(1, &["parallel/a", "parallel/b"]), RunStatus::Completed);
    assert_eq!(play(3, &[]), RunStatus::Completed);
}

#[test]
fn a_branch_that_failed_and_was_continued_counts_neither_way() {
    let play = |least: Option<u32>| {
        let block = parallel([call("a").or_continue(), call("b")]);
        let block = match least {
            Some(least) => block.min_success(least),
            None => block,
        };
        let mut scenario = Scenario::started(workflow([block]).plan());
        scenario.fail("parallel/a", "broken");
        scenario.complete("parallel/b", "1");
        scenario.status()
    };
    assert_eq!(play(None), RunStatus::Completed);
    assert_eq!(play(Some(1)), RunStatus::Completed);
    assert_eq!(play(Some(2)), RunStatus::Failed);
}

#[test]
fn the_first_success_ends_a_block_that_joins_any() {
    let plan = workflow([parallel([call("a"), call("b"), call("c").only_if(when("false"))]).join_any()])
        .output("a", "steps.a.status")
        .output("b", "steps.b.output")
        .plan();
    let mut scenario = Scenario::started(plan);
    // A skipped branch is no success to go on with.
    assert_eq!(scenario.flights(), ["parallel/a", "parallel/b"]);
    scenario.complete("parallel/b", "2");
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.outputs(), r#"{"a":"cancelled","b":2}"#);
}

#[test]
fn a_block_that_joins_any_fails_when_all_fail_and_completes_when_all_are_skipped() {
    let mut scenario = Scenario::started(workflow([parallel([call("a"), call("b")]).join_any()]).plan());
    scenario.fail("parallel/b", "second");
    scenario.fail("parallel/a", "first");
    assert_eq!(scenario.failure().1.message, "first");
    let skipped = parallel([call("a").only_if(when("false")), call("b").only_if(when("false"))]);
    let scenario = Scenario::started(workflow([skipped.join_any()]).plan());
    assert_eq!(scenario.status(), RunStatus::Completed);
}

// row C13
#[test]
fn a_graph_takes_as_long_as_its_longest_path_and_not_as_its_waves() {
    // Three waves of 336 ms at their slowest; the longest path takes 500 ms.
    let took = |attempt: &Attempt| match attempt.at.step.as_str() {
        "parallel/a" | "parallel/d" | "parallel/g" => millis(336),
        _ => millis(82),
    };
    let plan = workflow([parallel([
        call("a").needs([]),
        call("b").needs([]),
        call("c").needs([]),
        call("d").needs([1]),
        call("e").needs([0]),
        call("f").needs([0]),
        call("g").needs([2, 1]),
        call("h").needs([3]),
        call("i").needs([4]),
    ])])
    .plan();
    let mut scenario = Scenario::started(plan);
    let begin = scenario.now;
    scenario.play(|attempt| (took(attempt), returned("1")));
    assert_eq!(scenario.now.since(begin), millis(500));
    assert_eq!(scenario.completed().len(), 9);
}

// row C14
#[test]
fn caps_on_branches_permits_and_the_run_are_never_exceeded() {
    let branches = || (0..20).map(|number| call(&format!("c{number}"))).collect::<Vec<Step>>();
    let most = |plan, capacity| {
        let mut scenario = Scenario::new(plan);
        scenario.capacity = capacity;
        scenario.start([]);
        let mut odd = 0;
        scenario.play(|_| {
            odd += 7;
            (millis(1 + odd % 5), returned("1"))
        });
        assert_eq!(scenario.completed().len(), 20);
        scenario.most_in_flight
    };
    assert_eq!(most(workflow([parallel(branches())]).plan(), u32::MAX), 20);
    assert_eq!(
        most(workflow([parallel(branches()).max_parallel(3)]).plan(), u32::MAX),
        3
    );
    assert_eq!(most(workflow([parallel(branches())]).plan(), 4), 4);
    assert_eq!(
        most(workflow([parallel(branches())]).max_parallel(5).plan(), u32::MAX),
        5
    );
    assert_eq!(
        most(
            workflow([parallel(branches()).max_parallel(6)]).max_parallel(5).plan(),
            9
        ),
        5
    );
}

// row C14
#[test]
fn a_cap_counts_branches_and_not_attempts() {
    let branch = |name: &str| block([call(name), call(&format!("{name}2"))]);
    let plan = workflow([parallel([branch("a"), branch("b"), branch("c")]).max_parallel(2)]).plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(scenario.flights(), ["parallel/do/a", "parallel/do#2/b"]);
    scenario.complete("parallel/do/a", "1");
    assert_eq!(scenario.flights(), ["parallel/do#2/b", "parallel/do/a2"]);
    scenario.complete("parallel/do/a2", "1");
    assert_eq!(scenario.flights(), ["parallel/do#2/b", "parallel/do#3/c"]);
}

#[test]
fn without_permits_nothing_starts_until_there_are_some() {
    let mut scenario = Scenario::new(workflow([call("a"), parallel([call("b"), call("c")])]).plan());
    scenario.capacity = 0;
    scenario.start([]);
    assert_eq!(scenario.flights(), [""; 0]);
    assert!(scenario.run().wants_permits(&scenario.plan));
    scenario.tick();
    assert_eq!(scenario.log.len(), 1);
    scenario.capacity = 1;
    scenario.tick();
    assert!(!scenario.run().wants_permits(&scenario.plan));
    scenario.complete("a", "1");
    assert_eq!(scenario.flights(), ["parallel/b"]);
    assert!(scenario.run().wants_permits(&scenario.plan));
    scenario.complete("parallel/b", "1");
    assert_eq!(scenario.flights(), ["parallel/c"]);
}

// R45
#[test]
fn a_branch_sees_what_stood_before_the_block_and_what_it_needs_and_nothing_else() {
    let seen = "[has(steps.before.output), has(steps.a.output), has(steps.b.output), has(steps.c.output), has(steps.d.output), has(vars.v)]";
    let plan = workflow([
        call("before"),
        parallel([
            block([call("a"), set([("v", "1")])]).needs([]),
            call("b").with("seen", seen).needs([0]),
            call("c").with("seen", seen).needs([1]),
            call("d").with("seen", seen).needs([]),
            call("e").with("seen", seen).needs([3]),
        ]),
        call("after").with("seen", seen),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("before", "1");
    let seen_by = |scenario: &Scenario, name: &str| scenario.attempt(name).params.get("seen").unwrap().to_json();
    assert_eq!(seen_by(&scenario, "parallel/d"), "[true,false,false,false,false,false]");
    scenario.complete("parallel/do/a", "1");
    assert_eq!(seen_by(&scenario, "parallel/b"), "[true,true,false,false,false,true]");
    scenario.complete("parallel/b", "1");
    assert_eq!(seen_by(&scenario, "parallel/c"), "[true,true,true,false,false,true]");
    scenario.complete("parallel/d", "1");
    assert_eq!(seen_by(&scenario, "parallel/e"), "[true,false,false,false,true,false]");
    scenario.complete("parallel/c", "1");
    scenario.complete("parallel/e", "1");
    assert_eq!(seen_by(&scenario, "after"), "[true,true,true,true,true,true]");
}

// R45
#[test]
fn of_two_needs_the_later_in_the_text_wins() {
    for order in [["a", "b"], ["b", "a"]] {
        let plan = workflow([parallel([
            block([call("a"), set([("v", "'a'")])]).needs([]),
            block([call("b"), set([("v", "'b'")])]).needs([]),
            call("c").with("v", "vars.v").needs([1, 0]),
        ])])
        .plan();
        let mut scenario = Scenario::started(plan);
        for name in order {
            let name = if name == "a" {
                "parallel/do/a"
            } else {
                "parallel/do#2/b"
            };
            scenario.complete(name, "1");
        }
        assert_eq!(scenario.attempt("parallel/c").params, json(r#"{"v": "b"}"#));
    }
}

// R45
#[test]
fn a_branch_whose_need_failed_is_skipped_unless_it_takes_any_result() {
    let plan = workflow([parallel([
        call("a").or_continue().needs([]),
        call("b").needs([0]),
        call("c").needs([0]).whatever_they_did(),
        call("d").needs([1]),
        call("e").only_if(when("false")).needs([]),
        call("f").needs([4]),
    ])
    .without_fail_fast()])
    .output("b", "steps.b.status")
    .output("d", "steps.d.status")
    .plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(scenario.flights(), ["parallel/a", "parallel/f"]);
    scenario.fail("parallel/a", "broken");
    assert_eq!(scenario.flights(), ["parallel/f", "parallel/c"]);
    scenario.complete("parallel/c", "1");
    scenario.complete("parallel/f", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.outputs(), r#"{"b":"skipped","d":"skipped"}"#);
}

#[test]
fn a_guard_of_a_branch_is_evaluated_when_its_needs_have_ended() {
    let plan = workflow([parallel([
        call("a").needs([]),
        call("b").only_if(when("steps.a.output.n > 1")).needs([0]),
    ])])
    .plan();
    for (n, expected) in [(1, 0), (2, 1)] {
        let mut scenario = Scenario::started(plan.clone());
        scenario.complete("parallel/a", &format!(r#"{{"n": {n}}}"#));
        assert_eq!(scenario.flights().len(), expected);
    }
}

// row D10
#[test]
fn siblings_do_not_see_each_others_variables_and_what_follows_does() {
    let branch = |name: &str| {
        block([
            set([(name, "1")]),
            call(name).with("both", "[has(vars.x), has(vars.y)]"),
        ])
    };
    let plan = workflow([
        parallel([branch("x"), branch("y")]),
        call("after").with("both", "[vars.x, vars.y]"),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(
        scenario.attempt("parallel/do/x").params,
        json(r#"{"both": [true, false]}"#)
    );
    assert_eq!(
        scenario.attempt("parallel/do#2/y").params,
        json(r#"{"both": [false, true]}"#)
    );
    scenario.complete("parallel/do#2/y", "1");
    scenario.complete("parallel/do/x", "1");
    assert_eq!(scenario.attempt("after").params, json(r#"{"both": [1, 1]}"#));
}

#[test]
fn the_markers_of_a_named_block_are_those_of_its_branches() {
    for order in [["p/a", "p/do/b"], ["p/do/b", "p/a"]] {
        let plan = workflow([
            parallel([call("a"), block([call("b")])]).named("p"),
            choose(marker("p", "from-b"), [call("c")]),
        ])
        .output("markers", "steps.p.markers")
        .plan();
        let mut scenario = Scenario::started(plan);
        for name in order {
            scenario.end(
                name,
                marked([if name.ends_with('a') { "from-a" } else { "from-b" }, "both"]),
            );
        }
        scenario.complete("if/c", "1");
        assert_eq!(scenario.outputs(), r#"{"markers":["both","from-a","from-b"]}"#);
    }
}

#[test]
fn a_late_report_of_a_stopped_sibling_is_refused() {
    let mut scenario = Scenario::started(
        workflow([parallel([call("a"), call("b")]), call("c")])
            .always([call("d")])
            .plan(),
    );
    let late = scenario.report("parallel/b", returned("1"));
    scenario.fail("parallel/a", "broken");
    assert!(scenario.try_decide(Input::Reported(late)).is_err());
    assert_eq!(scenario.flights(), ["always/d"]);
}
