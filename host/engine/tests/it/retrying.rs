//! A run that has ended goes on from one of its steps: what is kept, what runs again, and what is refused.

use cofferdam_engine::plan::RetryPolicy;
use cofferdam_engine::run::Difference;
use cofferdam_engine::{AttemptOutcome, Data, Dropped, Event, FailureClass, Plan, RetryRefused, RunStatus, StepPath};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    always, block, call, choose, gate, parallel, repeat_while, set, wait_signal, when, workflow,
};
use cofferdam_testkit::scenario::{failed, returned};
use std::cell::RefCell;

/// Plays a run to its end: the steps called `broken` fail, the others return their name. Returns who was entered.
fn play(scenario: &mut Scenario, broken: &[&str]) -> Vec<String> {
    let entered = RefCell::new(Vec::new());
    scenario.play_at_once(|attempt| {
        let name = cofferdam_testkit::scenario::name_of(attempt);
        entered.borrow_mut().push(name.clone());
        if broken.contains(&name.as_str()) {
            failed(FailureClass::Permanent, "broken")
        } else {
            returned(&format!("\"{name}\""))
        }
    });
    entered.into_inner()
}

fn paths(steps: &[&str]) -> Vec<StepPath> {
    steps.iter().map(|step| StepPath::new(*step)).collect()
}

// rows K07, K02
#[test]
fn what_came_before_the_failed_step_is_kept() {
    let plan = workflow([
        call("a"),
        call("b").with("got", "steps.a.output"),
        call("c").with("got", "steps.b.output"),
    ])
    .always([call("end")])
    .output("last", "steps.c.output")
    .plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(play(&mut scenario, &["b"]), ["a", "b", "always/end"]);
    let before = scenario.log.clone();

    scenario.retry(None).unwrap();
    assert_eq!(
        scenario.log[..before.len()],
        before,
        "what happened stays as it was told"
    );
    assert_eq!(play(&mut scenario, &[]), ["b", "c", "always/end"]);
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.outputs(), "{\"last\":\"c\"}");
    assert_eq!(scenario.run().lineage(), 1);
    let retried = scenario.log.iter().find_map(|recorded| match &recorded.event {
        Event::RunRetried { from, lineage, .. } => Some((from.clone().unwrap().step, *lineage)),
        _ => None,
    });
    assert_eq!(retried, Some((StepPath::new("b"), 1)));
}

// row K07
#[test]
fn a_named_step_and_all_behind_it_run_again_with_new_tokens() {
    let plan = workflow([
        call("a"),
        set([("x", "1")]),
        call("b"),
        set([("x", "2")]),
        call("c").with("x", "vars.x"),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    let tokens = RefCell::new(Vec::new());
    let act = |attempt: &cofferdam_engine::Attempt| -> AttemptOutcome {
        tokens
            .borrow_mut()
            .push((attempt.at.step.to_string(), attempt.token.clone()));
        returned("1")
    };
    scenario.play_at_once(act);
    scenario.retry(Some("b")).unwrap();
    scenario.play_at_once(act);
    scenario.retry(Some("c")).unwrap();
    scenario.play_at_once(act);
    let tokens = tokens.into_inner();
    let steps: Vec<&str> = tokens.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(steps, ["a", "b", "c", "b", "c", "c"]);
    let different: std::collections::BTreeSet<&String> = tokens.iter().map(|(_, token)| token).collect();
    assert_eq!(different.len(), tokens.len(), "{tokens:?}");
    assert_eq!(scenario.run().lineage(), 2);
}

#[test]
fn attempts_of_one_lineage_keep_their_token() {
    let mut scenario = Scenario::started(workflow([call("a").retry(RetryPolicy::times(3))]).plan());
    scenario.end("a", failed(FailureClass::Permanent, "broken"));
    scenario.retry(None).unwrap();
    let token = scenario.attempt("a").token.clone();
    assert_eq!((scenario.attempt("a").number, scenario.attempt("a").delivery), (1, 1));
    scenario.fail("a", "again");
    assert_eq!(
        (scenario.attempt("a").number, &scenario.attempt("a").token),
        (2, &token)
    );
    scenario.adopt([]);
    assert_eq!(
        (scenario.attempt("a").delivery, &scenario.attempt("a").token),
        (2, &token)
    );
}

#[test]
fn variables_are_what_the_kept_steps_wrote() {
    let plan = workflow([set([("x", "1")]), call("a"), set([("x", "2")]), call("b")])
        .output("x", "vars.x")
        .plan();
    let mut scenario = Scenario::started(plan);
    play(&mut scenario, &["b"]);
    scenario.retry(Some("a")).unwrap();
    assert_eq!(play(&mut scenario, &["a"]), ["a"]);
    assert_eq!(scenario.outputs(), "{\"x\":1}");
    scenario.retry(None).unwrap();
    assert_eq!(play(&mut scenario, &[]), ["a", "b"]);
    assert_eq!(scenario.outputs(), "{\"x\":2}");
}

// rows K03, K07
#[test]
fn in_a_loop_the_latest_round_goes_on() {
    let body = [call("get"), call("put")];
    let plan = workflow([
        repeat_while(when("!has(steps.last.output)"), 3, body).continue_at_limit(),
        call("last"),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(
        play(&mut scenario, &["while/put@1"]),
        ["while/get@0", "while/put@0", "while/get@1", "while/put@1"]
    );
    scenario.retry(None).unwrap();
    assert_eq!(
        play(&mut scenario, &[]),
        ["while/put@1", "while/get@2", "while/put@2", "last"]
    );
    scenario.retry(Some("while/get")).unwrap();
    assert_eq!(play(&mut scenario, &[]), ["while/get@2", "while/put@2", "last"]);
    scenario.retry(Some("while")).unwrap();
    assert_eq!(play(&mut scenario, &["last"]).len(), 7, "the whole loop runs again");
}

// rows K02, K07
#[test]
fn branches_that_ended_well_are_kept_and_the_others_go_on_where_they_stopped() {
    let branches = [
        call("a").needs([]),
        block([call("b1"), call("b2"), call("b3")]).named("b").needs([]),
        call("c").needs([]),
        call("d").needs([0]),
        call("e").needs([2]).whatever_they_did(),
    ];
    let plan = workflow([parallel(branches).without_fail_fast().named("all"), call("z")]).plan();
    let mut scenario = Scenario::started(plan);
    scenario.play_at_once(|attempt| match attempt.at.step.as_str() {
        "all/b/b2" | "all/c" => failed(FailureClass::Permanent, "broken"),
        _ => returned("1"),
    });
    assert_eq!(scenario.status(), RunStatus::Failed);
    scenario.retry(None).unwrap();
    let mut entered = play(&mut scenario, &[]);
    entered.sort();
    assert_eq!(entered, ["all/b/b2", "all/b/b3", "all/c", "all/e", "z"]);
    assert_eq!(scenario.status(), RunStatus::Completed);

    scenario.retry(Some("a")).unwrap();
    let mut entered = play(&mut scenario, &[]);
    entered.sort();
    assert_eq!(
        entered,
        ["all/a", "all/d", "z"],
        "what needs it runs again, what does not is kept"
    );
}

// rows K02, K07
#[test]
fn branches_that_are_kept_in_part_wait_for_room() {
    let branch = |first: &str, second: &str| block([call(first), call(second)]);
    let plan = workflow([
        parallel([branch("a", "x"), branch("b", "y"), call("c"), branch("d", "z")])
            .max_parallel(2)
            .without_fail_fast()
            .named("all"),
        call("last"),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    let broken = ["all/do/x", "all/do#2/y", "all/c", "all/do#3/z"];
    assert_eq!(play(&mut scenario, &broken).len(), 7);

    scenario.retry(None).unwrap();
    assert_eq!(scenario.flights(), ["all/do/x", "all/do#2/y"], "as many as may");
    scenario.complete("all/do#2/y", "1");
    // What has begun goes before what has not.
    assert_eq!(scenario.flights(), ["all/do/x", "all/do#3/z"]);
    // Who takes the run over holds the same ones back.
    scenario.adopt(["all/do/x", "all/do#3/z"]);
    assert_eq!(scenario.flights(), ["all/do/x", "all/do#3/z"]);
    scenario.complete("all/do/x", "1");
    assert_eq!(scenario.flights(), ["all/do#3/z", "all/c"]);
    assert_eq!(play(&mut scenario, &[]), ["all/do#3/z", "all/c", "last"]);
    assert_eq!(scenario.status(), RunStatus::Completed);
}

// row K07
#[test]
fn the_branch_that_a_retry_is_for_goes_first() {
    let branch = |first: &str, second: &str| block([call(first), call(second)]);
    let plan = workflow([parallel([branch("a", "x"), branch("b", "y")])
        .max_parallel(1)
        .without_fail_fast()
        .named("all")])
    .plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(
        play(&mut scenario, &["all/do/x", "all/do#2/y"]),
        ["all/do/a", "all/do/x", "all/do#2/b", "all/do#2/y"]
    );
    scenario.retry(Some("all/do#2/y")).unwrap();
    assert_eq!(play(&mut scenario, &["all/do/x"]), ["all/do#2/y", "all/do/x"]);
    // Each retry decides anew who waits.
    scenario.retry(Some("all/do#2/y")).unwrap();
    scenario.adopt(["all/do#2/y"]);
    assert_eq!(play(&mut scenario, &[]), ["all/do#2/y", "all/do/x"]);
    assert_eq!(scenario.status(), RunStatus::Completed);
}

#[test]
fn a_step_is_not_gone_on_from_whose_branch_needs_one_that_runs_again() {
    let plan = workflow([parallel([
        call("a").needs([]),
        block([call("b"), call("c")]).needs([0]).whatever_they_did(),
    ])
    .without_fail_fast()
    .named("all")])
    .plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(play(&mut scenario, &["all/a"]), ["all/a", "all/do/b", "all/do/c"]);
    let refused = scenario.retry(Some("c")).unwrap_err();
    assert_eq!(
        refused,
        RetryRefused::NotWell {
            step: StepPath::new("all/do/c"),
            before: StepPath::new("all/a"),
        }
    );
    scenario.retry(None).unwrap();
    assert_eq!(play(&mut scenario, &[]), ["all/a", "all/do/b", "all/do/c"]);
}

// rows K02, K14
#[test]
fn what_cleaned_up_on_the_way_out_does_so_again_behind_what_never_began() {
    let reason = || "enough".to_owned();
    let plan = workflow([
        block([call("a"), call("b"), always([call("tidy"), call("sweep")])]).named("work"),
        call("last"),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.ask("ada", cofferdam_engine::Request::Pause { reason: reason() });
    scenario.complete("work/a", "1");
    // Nothing of the block is under way: it is left between two of its steps.
    scenario.ask("ada", cofferdam_engine::Request::Cancel { reason: reason() });
    assert_eq!(
        play(&mut scenario, &["work/always/sweep"]),
        ["work/always/tidy", "work/always/sweep"]
    );
    let refused = scenario.retry(Some("sweep")).unwrap_err();
    assert!(
        matches!(&refused, RetryRefused::NotWell { before, .. } if before.as_str() == "work/b"),
        "{refused}"
    );
    scenario.retry(None).unwrap();
    assert_eq!(
        play(&mut scenario, &[]),
        ["work/b", "work/always/tidy", "work/always/sweep", "last"]
    );
    assert_eq!(scenario.status(), RunStatus::Completed);
}

#[test]
fn a_branch_that_waits_for_room_is_left_with_the_others() {
    let branch = |first: &str, second: &str| block([call(first), call(second), always([call("tidy")])]);
    let plan = workflow([parallel([branch("a", "x"), branch("b", "y")])
        .max_parallel(1)
        .without_fail_fast()
        .named("all")])
    .plan();
    let mut scenario = Scenario::started(plan);
    play(&mut scenario, &["all/do/x", "all/do#2/y"]);
    scenario.retry(None).unwrap();
    let reason = "enough".to_owned();
    scenario.ask("ada", cofferdam_engine::Request::Cancel { reason });
    assert_eq!(
        play(&mut scenario, &[]),
        ["all/do/always/tidy", "all/do#2/always/tidy"],
        "one after the other, also on the way out"
    );
    assert_eq!(scenario.status(), RunStatus::Cancelled);
}

#[test]
fn a_branch_that_was_cancelled_by_its_sibling_starts_again() {
    let plan = workflow([parallel([call("a"), call("b"), call("c")])]).plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("parallel/c", "1");
    scenario.end("parallel/a", failed(FailureClass::Permanent, "broken"));
    assert_eq!(scenario.status(), RunStatus::Failed);
    scenario.retry(None).unwrap();
    assert_eq!(scenario.flights(), ["parallel/a", "parallel/b"]);
    play(&mut scenario, &[]);
    assert_eq!(scenario.status(), RunStatus::Completed);
}

// row K14
#[test]
fn a_cancelled_or_killed_run_is_opened_by_a_retry_and_by_nothing_else() {
    for kill in [false, true] {
        let mut scenario = Scenario::started(workflow([call("a"), call("b")]).always([call("end")]).plan());
        scenario.complete("a", "1");
        let reason = "enough".to_owned();
        let request = if kill {
            cofferdam_engine::Request::Kill { reason }
        } else {
            cofferdam_engine::Request::Cancel { reason }
        };
        scenario.ask("ada", request);
        if !kill {
            assert_eq!(scenario.flights(), ["always/end"]);
            scenario.complete("always/end", "1");
        }
        scenario.retry(None).unwrap();
        assert_eq!(play(&mut scenario, &[]), ["b", "always/end"]);
        assert_eq!(scenario.status(), RunStatus::Completed);
    }
}

#[test]
fn a_handled_failure_runs_again_with_its_handler() {
    let plan = workflow([call("a"), call("b").or_handle([call("tell")])]).plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(play(&mut scenario, &["b"]), ["a", "b", "b/tell"]);
    let refused = scenario.retry(Some("tell")).unwrap_err();
    assert!(
        matches!(&refused, RetryRefused::InHandler { of, .. } if of.as_str() == "b"),
        "{refused}"
    );
    scenario.retry(None).unwrap();
    assert_eq!(play(&mut scenario, &["b"]), ["b", "b/tell"]);
    scenario.retry(None).unwrap();
    assert_eq!(play(&mut scenario, &[]), ["b"]);
}

#[test]
fn a_choice_stays_as_it_was_made_for_the_step_inside_it() {
    let choice = choose(when("steps.a.output == 'a'"), [call("yes"), call("more")]).or_else([call("no")]);
    let plan = workflow([call("a"), choice]).plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(play(&mut scenario, &["if/more"]), ["a", "if/yes", "if/more"]);
    scenario.retry(Some("more")).unwrap();
    assert_eq!(play(&mut scenario, &["if/more"]), ["if/more"]);
    let refused = scenario.retry(Some("no")).unwrap_err();
    assert!(
        matches!(&refused, RetryRefused::NeverBegan { stopped_at: Some(at), .. } if at.as_str() == "if/more"),
        "{refused}"
    );
    // The choice itself is made again.
    scenario.retry(Some("if")).unwrap();
    assert_eq!(play(&mut scenario, &[]), ["if/yes", "if/more"]);
}

#[test]
fn gates_are_asked_again_and_signals_are_not_lost() {
    let plan = workflow([wait_signal("paid", "payment"), gate("publish"), call("a")]).plan();
    let mut scenario = Scenario::started(plan);
    let decide = |approved| cofferdam_engine::Request::Decide {
        gate: None,
        approved,
        feedback: None,
        selections: Vec::new(),
        form: Data::Null,
    };
    let signal = cofferdam_engine::Request::Signal {
        topic: "payment".to_owned(),
        correlation: None,
        data: Data::Int(7),
        key: None,
    };
    scenario.ask("ada", signal);
    scenario.ask("ada", decide(false));
    assert_eq!(scenario.status(), RunStatus::Failed);
    scenario.retry(None).unwrap();
    assert!(scenario.run().ending().is_none(), "the gate is open again");
    scenario.ask("ada", decide(true));
    scenario.complete("a", "1");
    scenario.retry(Some("paid")).unwrap();
    // The payment was made, whatever became of the run since.
    assert_eq!(
        scenario
            .story_of("paid")
            .iter()
            .filter(|kind| **kind == "wait.received")
            .count(),
        2
    );
}

#[test]
fn refusals_name_what_can_be_done() {
    let plan = || {
        workflow([
            call("a"),
            block([call("b"), always([call("tidy")])]).named("inner"),
            call("c"),
        ])
        .always([call("end")])
        .plan()
    };
    let mut scenario = Scenario::started(plan());
    play(&mut scenario, &["inner/b"]);
    let mut refused = |step| scenario.retry(Some(step)).unwrap_err();
    assert_eq!(
        refused("x"),
        RetryRefused::NoSuchStep {
            step: "x".to_owned(),
            steps: plan().nodes().iter().map(|node| node.path.clone()).collect(),
        }
    );
    let step = StepPath::new("c");
    let stopped_at = Some(StepPath::new("inner/b"));
    assert_eq!(refused("c"), RetryRefused::NeverBegan { step, stopped_at });
    let step = StepPath::new("always/end");
    assert_eq!(refused("always/end"), RetryRefused::InCleanup { step });
    let (step, before) = (StepPath::new("inner/always/tidy"), StepPath::new("inner/b"));
    assert_eq!(refused("tidy"), RetryRefused::NotWell { step, before });

    let mut scenario = Scenario::started(plan());
    play(&mut scenario, &[]);
    assert_eq!(scenario.retry(None), Err(RetryRefused::NothingFailed));
    scenario.retry(Some("a")).unwrap();
    assert_eq!(
        play(&mut scenario, &[]).len(),
        5,
        "everything runs again from the first step on"
    );
}

#[test]
fn a_block_that_failed_in_its_always_goes_on_there() {
    let plan = workflow([
        block([call("a"), always([call("one"), call("two")])]).named("inner"),
        call("z"),
    ])
    .plan();
    let mut scenario = Scenario::started(plan);
    assert_eq!(
        play(&mut scenario, &["inner/always/two"]),
        ["inner/a", "inner/always/one", "inner/always/two"]
    );
    scenario.retry(None).unwrap();
    assert_eq!(play(&mut scenario, &[]), ["inner/always/two", "z"]);
}

// rows K10, K07
#[test]
fn the_newest_definition_goes_on_from_what_the_former_one_did() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b").action("old"), call("c")]).plan());
    play(&mut scenario, &["b"]);
    let mended = workflow([
        call("a").with("note", "1"),
        call("b").action("new").with("got", "steps.a.output"),
        call("b2"),
        call("c"),
    ])
    .plan();
    scenario.retry_as(None, mended.clone()).unwrap();
    assert_eq!(scenario.attempt("b").action.action, "new");
    let token = scenario.attempt("b").token.clone();
    scenario.adopt([]);
    assert_eq!(
        scenario.attempt("b").token,
        token,
        "the new definition is that of the run from now on"
    );
    assert_eq!(play(&mut scenario, &[]), ["b", "b2", "c"]);
    let plan = scenario.log.iter().find_map(|recorded| match &recorded.event {
        Event::RunRetried { plan, .. } => *plan,
        _ => None,
    });
    assert_eq!(plan, Some(mended.digest()));
}

// row K10
#[test]
fn a_definition_that_does_not_fit_is_refused_with_every_difference() {
    let former = || workflow([call("a"), call("b"), call("c"), gate("g"), call("d"), call("e")]).plan();
    let differences = |plan: Plan| -> Vec<Difference> {
        let mut scenario = Scenario::started(former());
        for step in ["a", "b", "c"] {
            scenario.complete(step, "1");
        }
        scenario.ask(
            "ada",
            cofferdam_engine::Request::Decide {
                gate: None,
                approved: true,
                feedback: None,
                selections: Vec::new(),
                form: Data::Null,
            },
        );
        scenario.complete("d", "1");
        scenario.end("e", failed(FailureClass::Permanent, "broken"));
        let log = scenario.log.len();
        let refused = scenario.retry_as(None, plan);
        assert_eq!(scenario.log.len(), log, "nothing is recorded");
        match refused {
            Err(RetryRefused::Drifted(differences)) => differences,
            other => panic!("{other:?}"),
        }
    };
    let step = StepPath::new;
    assert_eq!(
        differences(
            workflow([
                call("a").action("other"),
                call("c"),
                call("g"),
                call("new"),
                call("d"),
                call("e")
            ])
            .plan()
        ),
        [
            Difference::Action {
                step: step("a"),
                was: "test.act".to_owned(),
                is: "test.other".to_owned()
            },
            Difference::Gone { step: step("b") },
            Difference::Kind {
                step: step("g"),
                was: "a gate",
                is: "a call"
            },
            Difference::NotRun { step: step("new") },
        ]
    );
    assert_eq!(
        differences(workflow([call("b"), call("a"), call("c"), gate("g"), call("d"), call("e")]).plan()),
        [Difference::Moved { step: step("b") }]
    );
    assert_eq!(
        differences(workflow([call("a"), call("b"), call("c"), gate("g"), call("e"), call("d")]).plan()),
        [Difference::Moved { step: step("d") }]
    );
    let mut with_input = workflow([call("a"), call("b"), call("c"), gate("g"), call("d"), call("e")])
        .input("must", cofferdam_engine::plan::InputKind::String)
        .parts();
    with_input.inputs[0].required = true;
    let found = differences(Plan::build(with_input).unwrap());
    assert!(
        matches!(found.as_slice(), [Difference::Input(cofferdam_engine::inputs::InvalidInput::Missing { name, .. })] if name == "must"),
        "{found:?}"
    );
}

#[test]
fn what_is_dropped_is_told_apart_from_what_counts() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b"), call("c")]).plan());
    play(&mut scenario, &["c"]);
    scenario.retry(Some("b")).unwrap();
    play(&mut scenario, &["c"]);
    scenario.retry(Some("c")).unwrap();
    play(&mut scenario, &[]);
    let dropped = Dropped::of(&scenario.log);
    let counts: Vec<StepPath> = scenario
        .log
        .iter()
        .filter(|recorded| !dropped.contains(recorded.sequence))
        .filter(|recorded| matches!(recorded.event, Event::StepCompleted { .. }))
        .filter_map(|recorded| recorded.event.step().map(|at| at.step.clone()))
        .collect();
    assert_eq!(counts, paths(&["a", "b", "c"]));
    let told = scenario.completed();
    assert_eq!(told, ["a", "b", "b", "c"], "what happened is still told");
}
