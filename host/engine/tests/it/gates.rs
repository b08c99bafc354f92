//! Gates: who may decide what, until when, and what later steps see of it.

use cofferdam_engine::expr::ValueSource;
use cofferdam_engine::plan::OnTimeout;
use cofferdam_engine::{Data, Event, FailureClass, Input, Parking, Request, RunStatus, Start, Verdict, Waiting};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    Step, block, call, gate, marker, parallel, repeat_while, template, when, workflow,
};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn decide(gate: Option<&str>, approved: bool, feedback: Option<&str>, selections: &[&str]) -> Request {
    Request::Decide {
        gate: gate.map(str::to_owned),
        approved,
        feedback: feedback.map(str::to_owned),
        selections: selections.iter().map(|selection| (*selection).to_owned()).collect(),
        form: Data::Null,
    }
}

fn approve() -> Request {
    decide(None, true, None, &[])
}

fn reject(feedback: &str) -> Request {
    decide(None, false, Some(feedback), &[])
}

/// Returns a scenario whose host lets go of the run whenever everything in it waits.
fn parking(steps: impl Into<Vec<Step>>) -> Scenario {
    let mut scenario = Scenario::new(workflow(steps).plan());
    scenario.parking = Parking::LetGo;
    scenario.start([]);
    scenario
}

fn conflict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Conflict { reason } => reason,
        other => panic!("{other:?} is no conflict"),
    }
}

fn refusal(verdict: Verdict) -> String {
    match verdict {
        Verdict::Refused { reason } => reason,
        other => panic!("{other:?} is no refusal"),
    }
}

// rows G01, G07, H02
#[test]
fn a_run_that_waits_for_a_gate_is_parked_and_says_what_it_waits_for() {
    let mut scenario = parking([
        call("draft"),
        gate("publish")
            .prompt("Publish {{ (steps.draft.output.title) }}?")
            .showing("steps.draft.output")
            .options("['eu', 'us']")
            .open_for(2 * HOUR, OnTimeout::Fail),
        call("after"),
    ]);
    scenario.complete("draft", r#"{"title": "News"}"#);
    let row = scenario.row.unwrap();
    assert_eq!(row.status, RunStatus::Waiting);
    assert_eq!(row.wake_at, Some(scenario.now.saturating_add(2 * HOUR)));
    let waiting = scenario.run().waiting(&scenario.plan);
    let [
        Waiting::Gate {
            name,
            kind,
            prompt,
            options,
            shown,
            since,
            until,
            ..
        },
    ] = waiting.as_slice()
    else {
        panic!("{waiting:?}")
    };
    assert_eq!((name.as_str(), kind.as_str()), ("publish", "human_review"));
    assert_eq!(prompt.as_deref(), Some("Publish News?"));
    let values: Vec<&str> = options.iter().map(|option| option.value.as_str()).collect();
    assert_eq!(values, ["eu", "us"]);
    assert_eq!(shown.to_json(), r#"{"show":{"title":"News"}}"#);
    assert_eq!((*since, *until), (scenario.now, row.wake_at));
}

// row G02
#[test]
fn an_approval_is_what_conditions_and_expressions_see() {
    let plan = workflow([
        gate("publish").options("{'eu': 'Europe', 'us': 'States'}"),
        call("a")
            .with_value("said", ValueSource::Template(template("{{gate_feedback}}")))
            .only_if(marker("publish", "approved")),
    ])
    .output("gate", "steps.publish.output")
    .output("status", "steps.publish.status")
    .output("nothing", "prior.output")
    .plan();
    let mut scenario = Scenario::started(plan);
    let verdict = scenario.ask("ada", decide(Some("publish"), true, Some("go"), &["us", "eu"]));
    assert_eq!(verdict, Verdict::Accepted);
    // Selections take the place of what was said.
    assert_eq!(scenario.attempt("a").params.to_json(), r#"{"said":"us, eu"}"#);
    scenario.end("a", cofferdam_testkit::scenario::marked([]));
    assert_eq!(
        scenario.outputs(),
        r#"{"gate":{"approvals":["ada"],"at":"1970-01-01T00:16:40.000Z","by":"ada","decision":"approved","feedback":"go","form":null,"selection":"us","selections":["us","eu"]},"nothing":null,"status":"completed"}"#
    );
}

// row G02
#[test]
fn the_first_decision_counts_and_later_ones_hear_who_made_it() {
    let mut scenario = parking([gate("publish"), call("a")]);
    assert_eq!(scenario.ask("ada", approve()), Verdict::Accepted);
    let reason = conflict(scenario.ask("bob", reject("no")));
    assert_eq!(
        reason,
        "gate `publish` was already approved by ada at 1970-01-01T00:16:40.000Z"
    );
    let reason = conflict(scenario.ask("bob", decide(Some("publish"), true, None, &[])));
    assert!(reason.contains("approved by ada"), "{reason}");
    let decided = scenario
        .log
        .iter()
        .filter(|recorded| matches!(recorded.event, Event::GateDecided { .. }))
        .count();
    assert_eq!(decided, 1);
    assert_eq!(scenario.flights(), ["a"]);
}

// row G02
#[test]
fn a_rejection_fails_the_run_with_what_was_said() {
    let plan = workflow([gate("publish"), call("a")])
        .output("by", "steps.publish.output.by")
        .output("said", "steps.publish.output.feedback")
        .output("rejected", "'rejected' in steps.publish.markers")
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.ask("ada", reject("too early"));
    let (step, failure) = scenario.failure();
    assert_eq!(
        (
            step.as_str(),
            failure.class,
            failure.code.as_deref(),
            failure.message.as_str()
        ),
        (
            "publish",
            FailureClass::Permanent,
            Some("rejected"),
            "rejected by ada: too early"
        )
    );
    assert_eq!(scenario.outputs(), r#"{"by":"ada","rejected":true,"said":"too early"}"#);
}

#[test]
fn a_rejection_may_be_skipped_over() {
    let mut scenario = parking([
        gate("publish").skip_if_rejected(),
        call("a").only_if(marker("publish", "rejected")),
    ]);
    scenario.ask("ada", reject("no"));
    assert_eq!(scenario.flights(), ["a"]);
}

// row G03
#[test]
fn only_options_can_be_chosen() {
    let mut scenario = parking([
        call("list"),
        gate("pick").options("steps.list.output.choices"),
        gate("plain"),
    ]);
    scenario.complete("list", r#"{"choices": [{"value": "a", "label": "A"}, {"value": 2}]}"#);
    let reason = refusal(scenario.ask("ada", decide(None, true, None, &["b"])));
    assert_eq!(reason, "`b` is no option of gate `pick`; there are: a, 2");
    scenario.adopt([]);
    let verdict = scenario.ask("ada", decide(None, true, None, &["2"]));
    assert_eq!(verdict, Verdict::Accepted, "options survive a restart");
    let reason = refusal(scenario.ask("ada", decide(None, true, None, &["a"])));
    assert_eq!(reason, "gate `plain` has no options to choose from");
}

#[test]
fn options_that_are_none_fail_the_gate_when_it_begins() {
    let mut scenario = parking([gate("pick").options("1 + 1")]);
    assert_eq!(scenario.failure().1.class, FailureClass::Expression);
    scenario = parking([gate("pick").prompt("{{ (1 / 0) }}")]);
    assert_eq!(scenario.failure().1.class, FailureClass::Expression);
}

// row G04
#[test]
fn the_deadline_of_a_gate_survives_a_restart() {
    for then in [OnTimeout::Fail, OnTimeout::Continue] {
        let mut scenario = parking([
            gate("publish").open_for(2 * HOUR, then),
            call("late").only_if(marker("publish", "timed_out")),
        ]);
        let deadline = scenario.now.saturating_add(2 * HOUR);
        scenario.now = scenario.now.saturating_add(HOUR);
        scenario.adopt([]);
        assert_eq!(scenario.row.unwrap().wake_at, Some(deadline), "not from the restart on");
        scenario.now = deadline;
        // Who comes at the deadline comes too late, also if nobody looked at the clock before.
        let reason = conflict(scenario.ask("ada", approve()));
        assert_eq!(reason, format!("gate `publish` timed out at {deadline}"));
        match then {
            OnTimeout::Fail => {
                assert_eq!(scenario.failure().1.class, FailureClass::Timeout);
                assert!(matches!(scenario.ask("ada", approve()), Verdict::Conflict { .. }));
            }
            OnTimeout::Continue => {
                assert_eq!(scenario.flights(), ["late"]);
                assert!(conflict(scenario.ask("ada", approve())).contains("timed out"));
            }
        }
    }
}

// row G05
#[test]
fn several_approvals_come_from_several_people() {
    let mut scenario = parking([gate("publish").approvals(2), call("a")]);
    assert_eq!(scenario.ask("ada", approve()), Verdict::Accepted);
    assert_eq!(scenario.status(), RunStatus::Waiting);
    assert!(matches!(scenario.ask("ada", approve()), Verdict::Unchanged { .. }));
    scenario.adopt([]);
    assert!(matches!(scenario.ask("ada", approve()), Verdict::Unchanged { .. }));
    assert_eq!(scenario.ask("bob", approve()), Verdict::Accepted);
    assert_eq!(scenario.flights(), ["a"]);
    let mut scenario = parking([gate("publish").approvals(2)]);
    scenario.ask("ada", approve());
    scenario.ask("bob", reject("no"));
    assert_eq!(scenario.status(), RunStatus::Failed, "one rejection is enough");
}

// row L06
#[test]
fn branches_beside_a_gate_go_on_and_the_gate_is_named() {
    let mut scenario = parking([parallel([gate("one"), gate("two"), block([call("a"), call("b")])])]);
    let reason = refusal(scenario.ask("ada", approve()));
    assert_eq!(
        reason,
        "several gates are open, name one: `parallel/one`, `parallel/two`"
    );
    let reason = refusal(scenario.ask("ada", decide(Some("three"), true, None, &[])));
    assert_eq!(reason, "there is no gate `three`; open: `parallel/one`, `parallel/two`");
    scenario.complete("parallel/do/a", "1");
    assert_eq!(scenario.status(), RunStatus::Running, "something is under way");
    scenario.complete("parallel/do/b", "1");
    assert_eq!(scenario.status(), RunStatus::Waiting);
    assert_eq!(
        scenario.ask("ada", decide(Some("two"), true, None, &[])),
        Verdict::Accepted
    );
    let verdict = scenario.ask("ada", decide(Some("parallel/one"), true, None, &[]));
    assert_eq!(verdict, Verdict::Accepted);
    assert_eq!(scenario.status(), RunStatus::Completed);
}

#[test]
fn a_gate_that_is_not_open_cannot_be_decided() {
    let mut scenario = parking([call("a"), gate("publish")]);
    assert_eq!(
        conflict(scenario.ask("ada", decide(Some("publish"), true, None, &[]))),
        "gate `publish` is not open"
    );
    let mut scenario = parking([call("a")]);
    assert_eq!(refusal(scenario.ask("ada", approve())), "no gate is open");
}

#[test]
fn each_round_of_a_loop_opens_its_gate_anew() {
    let mut scenario = parking([repeat_while(
        when("!has(steps.more.output) || steps.more.output.feedback == 'again'"),
        5,
        [gate("more")],
    )]);
    for feedback in ["again", "again", "stop"] {
        assert_eq!(scenario.status(), RunStatus::Waiting);
        let verdict = scenario.ask("ada", decide(Some("more"), true, Some(feedback), &[]));
        assert_eq!(verdict, Verdict::Accepted);
    }
    assert_eq!(scenario.status(), RunStatus::Completed);
}

// row I05
#[test]
fn a_cancel_closes_a_gate() {
    let mut scenario = parking([gate("publish").open_for(HOUR, OnTimeout::Fail)]);
    scenario.ask(
        "ada",
        Request::Cancel {
            reason: "enough".to_owned(),
        },
    );
    assert_eq!(scenario.status(), RunStatus::Cancelled);
    assert_eq!(scenario.row.unwrap().wake_at, None);
    assert_eq!(scenario.story_of("publish"), ["gate.opened", "step.cancelled"]);
}

// row H03
#[test]
fn a_gate_can_be_decided_during_a_pause_and_goes_on_after_it() {
    let mut scenario = parking([gate("publish"), call("a")]);
    let reason = "lunch".to_owned();
    scenario.ask("ada", Request::Pause { reason });
    assert_eq!(scenario.status(), RunStatus::Paused);
    assert_eq!(scenario.ask("bob", approve()), Verdict::Accepted);
    assert_eq!(scenario.status(), RunStatus::Paused);
    assert_eq!(scenario.flights(), [""; 0]);
    scenario.ask("ada", Request::Resume);
    assert_eq!(scenario.flights(), ["a"]);
}

#[test]
fn gates_pass_in_a_dry_run() {
    let plan = workflow([gate("publish"), call("a").only_if(marker("publish", "approved"))]).plan();
    let mut scenario = Scenario::new(plan);
    scenario.decide(Input::Start(Start {
        dry_run: true,
        ..Start::default()
    }));
    assert_eq!(scenario.flights(), ["a"]);
    assert_eq!(scenario.story_of("publish"), ["step.completed"]);
}

#[test]
fn an_answer_without_an_event_is_an_append_of_its_own() {
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    let events = scenario.log.len();
    refusal(scenario.ask("ada", approve()));
    assert_eq!(scenario.log.len(), events);
    assert_eq!(scenario.answers.len(), 1);
}
