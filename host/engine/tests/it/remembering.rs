//! What a run still knows after its host died, at whatever point that was.

use cofferdam_engine::plan::{Plan, RetryPolicy};
use cofferdam_engine::{
    Attempt, AttemptOutcome, Data, Ending, Event, FailureClass, Input, Metrics, Report, Request, RunStatus, Verdict,
};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{call, choose, gate, marker, parallel, repeat_while, set, when, workflow};
use cofferdam_testkit::scenario::{failed, marked, returned};
use std::time::Duration;

/// Plays a run once without a death, and once for every record with a death behind it. All must come to the same end,
/// and what was completed before the death is not entered again.
fn dies_everywhere(plan: &Plan, act: impl Fn(&Attempt) -> AttemptOutcome) -> Scenario {
    let mut whole = Scenario::started(plan.clone());
    whole.play_at_once(&act);
    for length in 1..whole.log.len() {
        let mut scenario = Scenario::started(plan.clone());
        scenario.log = whole.log[..length].to_vec();
        let done = scenario.completed();
        scenario.adopt([]);
        let entered = std::cell::RefCell::new(Vec::new());
        scenario.play_at_once(|attempt| {
            entered.borrow_mut().push(place(attempt));
            act(attempt)
        });
        assert_eq!(scenario.status(), whole.status(), "{length}");
        assert_eq!(scenario.outputs(), whole.outputs(), "{length}");
        assert_eq!(scenario.completed(), whole.completed(), "{length}");
        let completed: Vec<String> = whole.log[..length]
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Event::StepCompleted { at, .. } => Some(format!("{}{:?}", at.step, at.occurrence.iterations())),
                _ => None,
            })
            .collect();
        assert_eq!(completed.len(), done.len(), "{length}");
        for again in entered.into_inner() {
            assert!(!completed.contains(&again), "{length}: {again} was completed before");
        }
    }
    whole
}

fn place(attempt: &Attempt) -> String {
    format!("{}{:?}", attempt.at.step, attempt.at.occurrence.iterations())
}

// rows K01, K02
#[test]
fn fifty_steps_come_to_the_same_outputs_whichever_record_was_the_last_of_a_host() {
    let steps: Vec<_> = (0..50)
        .map(|number: u32| match number.checked_sub(1) {
            None => call("s0").with("n", "0"),
            Some(before) => call(&format!("s{number}")).with("n", &format!("steps.s{before}.output.n")),
        })
        .collect();
    let plan = workflow(steps).output("n", "steps.s49.output.n").plan();
    let whole = dies_everywhere(&plan, |attempt| {
        let Some(Data::Int(n)) = attempt.params.get("n") else {
            panic!("{:?}", attempt.params)
        };
        returned(&format!("{{\"n\": {}}}", n + 1))
    });
    assert_eq!(whole.outputs(), r#"{"n":50}"#);
}

// rows K02, K03
#[test]
fn a_name_that_stands_twice_means_the_later_one_also_after_a_death() {
    let plan = workflow([
        call("verify"),
        choose(
            marker("verify", "broken"),
            [call("implement"), call("verify").with("again", "true")],
        ),
    ])
    .output("last", "steps.verify.output")
    .plan();
    let whole = dies_everywhere(&plan, |attempt| match attempt.at.step.as_str() {
        "verify" => marked(["broken"]),
        path => returned(&format!("{path:?}")),
    });
    assert_eq!(whole.completed(), ["verify", "if/implement", "if/verify"]);
    assert_eq!(whole.outputs(), r#"{"last":"if/verify"}"#);
}

// rows K02, K04
#[test]
fn what_failed_and_was_continued_or_was_skipped_stays_so() {
    let plan = workflow([
        call("flaky").or_continue(),
        call("never").only_if(when("false")),
        call("last"),
    ])
    .output("flaky", "steps.flaky.status")
    .output("never", "steps.never.status")
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.end("flaky", failed(FailureClass::Permanent, "broken"));
    for _ in 0..3 {
        assert_eq!(scenario.flights(), ["last"]);
        scenario.adopt([]);
    }
    scenario.complete("last", "1");
    assert_eq!(scenario.outputs(), r#"{"flaky":"failed","never":"skipped"}"#);
    assert_eq!(
        scenario
            .story_of("flaky")
            .iter()
            .filter(|kind| **kind == "attempt.started")
            .count(),
        1
    );
    assert_eq!(scenario.story_of("never"), ["step.skipped"]);
}

// row K02
#[test]
fn gates_rounds_branches_and_names_that_stand_twice_are_never_done_again() {
    let approve = || Request::Decide {
        gate: None,
        approved: true,
        feedback: None,
        selections: Vec::new(),
        form: Data::Null,
    };
    let plan = workflow([
        call("look"),
        gate("go"),
        set([("x", "1")]),
        repeat_while(when("vars.x < 3"), 5, [set([("x", "vars.x + 1")]), call("count")]),
        parallel([call("left"), call("right")]),
        gate("again"),
        call("last"),
    ])
    .plan();
    let step = |scenario: &mut Scenario| match scenario.flights().first().cloned() {
        Some(name) => scenario.complete(&name, "1"),
        None => {
            // Somebody else each time: a person counts once.
            let verdict = scenario.ask(&format!("person {}", scenario.log.len()), approve());
            assert_eq!(verdict, Verdict::Accepted, "{}", scenario.transcript());
        }
    };
    let mut whole = Scenario::started(plan.clone());
    while whole.run().ending().is_none() {
        step(&mut whole);
    }
    let done = |log: &[cofferdam_engine::Recorded]| -> Vec<String> {
        let facts = log.iter().filter_map(|recorded| match &recorded.event {
            event @ (Event::GateOpened { at, .. }
            | Event::GateDecided { at, .. }
            | Event::StepCompleted { at, .. }
            | Event::IterationStarted { at, .. }
            | Event::BlockStarted { at, .. }
            | Event::BlockEnded { at, .. }) => Some(format!("{} {at:?}", event.kind())),
            _ => None,
        });
        // Branches come in any order.
        let mut facts: Vec<String> = facts.collect();
        facts.sort();
        facts
    };
    let all = done(&whole.log);
    assert!(all.len() > 15, "{all:#?}");
    for length in 1..whole.log.len() {
        let mut scenario = Scenario::started(plan.clone());
        scenario.log = whole.log[..length].to_vec();
        scenario.adopt([]);
        while scenario.run().ending().is_none() {
            scenario.tick();
            step(&mut scenario);
        }
        assert_eq!(scenario.status(), RunStatus::Completed);
        assert_eq!(done(&scenario.log), all, "after {length} records");
    }
}

// row K05
#[test]
fn variables_markers_feedback_and_totals_are_what_they_were() {
    let plan = workflow([
        set([("x", "1")]),
        call("look"),
        gate("go"),
        repeat_while(when("vars.x < 3"), 5, [set([("x", "vars.x + 1")]), call("count")]),
        call("wait"),
    ])
    .output("x", "vars.x")
    .output("feedback", "steps.go.output.feedback")
    .plan();
    let mut scenario = Scenario::started(plan);
    let with = |scenario: &mut Scenario, name: &str, outcome: AttemptOutcome| {
        let report = Report {
            metrics: Metrics::from([("tokens".to_owned(), 7.0)]),
            ..scenario.report(name, outcome)
        };
        scenario.decide(Input::Reported(report));
    };
    with(&mut scenario, "look", marked(["odd", "new"]));
    let decision = Request::Decide {
        gate: None,
        approved: true,
        feedback: Some("good".to_owned()),
        selections: Vec::new(),
        form: Data::Null,
    };
    scenario.ask("ada", decision);
    with(&mut scenario, "while/count@0", returned("1"));
    with(&mut scenario, "while/count@1", returned("2"));
    assert_eq!(scenario.flights(), ["wait"]);
    let known = |scenario: &Scenario| {
        let run = scenario.run();
        (
            run.metrics().clone(),
            run.result("look").map(|result| result.markers.clone()),
            run.result("go").map(|result| result.output.data().clone()),
            run.result("count")
                .map(|result| (result.output.data().clone(), result.iteration)),
        )
    };
    let before = known(&scenario);
    assert_eq!(before.0.get("tokens"), Some(&21.0));
    assert_eq!(before.1.as_ref().map(Vec::len), Some(2));
    scenario.adopt([]);
    assert_eq!(known(&scenario), before);
    scenario.complete("wait", "1");
    assert_eq!(scenario.outputs(), r#"{"feedback":"good","x":3}"#);
}

// row H06
#[test]
fn every_way_to_end_is_told_apart() {
    let plan = || {
        workflow([call("a")
            .retry(RetryPolicy::times(2))
            .timeout_total(Duration::from_secs(60))])
        .plan()
    };
    let end = |scenario: &Scenario| match scenario.run().ending() {
        Some((Ending::Failed { failure, .. }, _)) => format!("failed: {}", failure.class.word()),
        Some((Ending::Cancelled { reason }, _)) => format!("cancelled: {reason}"),
        Some((Ending::Killed { reason }, _)) => format!("killed: {reason}"),
        Some((Ending::Completed, _)) => "completed".to_owned(),
        None => scenario.status().word().to_owned(),
    };
    let attempts = |scenario: &Scenario| {
        scenario.log.iter().find_map(|recorded| match &recorded.event {
            Event::StepFailed { attempts, .. } => Some(*attempts),
            _ => None,
        })
    };
    let mut scenario = Scenario::started(plan());
    scenario.complete("a", "1");
    assert_eq!(end(&scenario), "completed");
    let mut scenario = Scenario::started(plan());
    scenario.end("a", failed(FailureClass::Permanent, "broken"));
    assert_eq!(
        (end(&scenario).as_str(), attempts(&scenario)),
        ("failed: permanent", Some(1))
    );
    // Retries that are exhausted: as many attempts as the policy has.
    let mut scenario = Scenario::started(plan());
    scenario.fail("a", "1");
    scenario.advance(Duration::from_secs(10));
    scenario.fail("a", "2");
    assert_eq!(
        (end(&scenario).as_str(), attempts(&scenario)),
        ("failed: transient", Some(2))
    );
    let mut scenario = Scenario::started(plan());
    scenario.advance(Duration::from_secs(61));
    assert_eq!(end(&scenario), "failed: timeout");
    let mut scenario = Scenario::started(plan());
    let reason = || "enough".to_owned();
    scenario.ask("ada", Request::Cancel { reason: reason() });
    assert_eq!(end(&scenario), "cancelled: enough");
    let mut scenario = Scenario::started(plan());
    scenario.ask("ada", Request::Kill { reason: reason() });
    assert_eq!(end(&scenario), "killed: enough");
    let mut scenario = Scenario::started(plan());
    scenario.decide(Input::InterruptRequested);
    assert_eq!(end(&scenario), "interrupted");
    let mut scenario = Scenario::started(workflow([call("a").or_continue()]).plan());
    scenario.end("a", failed(FailureClass::Permanent, "broken"));
    assert_eq!(end(&scenario), "completed");
    let result = scenario.run().result("a").expect("it has a result");
    assert_eq!(
        result.status,
        cofferdam_engine::StepStatus::Failed,
        "continued, and still known as failed"
    );
}

// row I08
#[test]
fn a_cancel_that_came_while_nobody_worked_ends_the_run_without_anybody_asking_again() {
    let plan = workflow([parallel([call("a"), call("b")]), call("c")]).plan();
    let mut scenario = Scenario::started(plan);
    scenario.complete("parallel/a", "1");
    let reason = "enough".to_owned();
    let letter = scenario.letter("ada", Request::Cancel { reason });
    // The host died before it read it; the next one does before it enters anything.
    scenario.adopt_with([], vec![letter]);
    assert_eq!(scenario.status(), RunStatus::Cancelled);
    assert_eq!(scenario.completed(), ["parallel/a"]);
}

// row M06
#[test]
fn every_attempt_is_told_with_its_times_and_its_error() {
    let mut scenario = Scenario::started(workflow([call("a").retry(RetryPolicy::times(3))]).plan());
    scenario.fail("a", "first");
    scenario.advance(Duration::from_secs(30));
    scenario.adopt([]);
    scenario.fail("a", "second");
    scenario.advance(Duration::from_secs(60));
    scenario.complete("a", "1");
    let mut attempts = Vec::new();
    let mut began = None;
    for recorded in &scenario.log {
        match &recorded.event {
            Event::AttemptStarted { attempt, delivery, .. } => began = Some((recorded.at, *attempt, *delivery)),
            Event::AttemptFailed { attempt, failure, .. } => {
                attempts.push((began, recorded.at, *attempt, Some(failure.message.clone())));
            }
            Event::StepCompleted { attempt, .. } => attempts.push((began, recorded.at, *attempt, None)),
            _ => {}
        }
    }
    let errors: Vec<(u32, Option<&str>)> = attempts
        .iter()
        .map(|(_, _, number, error)| (*number, error.as_deref()))
        .collect();
    assert_eq!(errors, [(1, Some("first")), (2, Some("second")), (3, None)]);
    for (began, ended, number, _) in attempts {
        let (began, attempt, _) = began.expect("an attempt begins before it ends");
        assert!(began <= ended && attempt == number, "{attempt} {number}");
    }
}
