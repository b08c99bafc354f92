//! The values that the steps of a run share, and what an attempt keeps for the one after it.

use cofferdam_engine::event::EVENT_ENCODING;
use cofferdam_engine::shared::{ChangeRefused, MAX_SHARED, MAX_SHARED_VALUE};
use cofferdam_engine::{Data, Event, FailureClass, Input, Rejected, Report, RunStatus, SharedChange, SharedValues};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{call, json, parallel, workflow};
use cofferdam_testkit::scenario::{failed, returned};
use std::time::Duration;

pub(crate) fn change(key: &str, value: Option<Data>, expected: Option<u64>) -> SharedChange {
    SharedChange {
        key: key.into(),
        value,
        expected,
    }
}

fn set(key: &str, value: &str) -> SharedChange {
    change(key, Some(json(value)), None)
}

/// Ends the attempt of a step, with what it changes of the shared values.
fn end_with(scenario: &mut Scenario, name: &str, shared: Vec<SharedChange>) {
    let report = Report {
        shared,
        ..scenario.report(name, returned("1"))
    };
    scenario.decide(Input::Reported(report));
}

/// Lets the attempt of a step keep something while it is under way.
fn save(scenario: &mut Scenario, name: &str, detail: &str) {
    let attempt = scenario.attempt(name);
    let saved = Input::Saved {
        generation: attempt.generation,
        fence: attempt.fence,
        detail: json(detail),
    };
    scenario.decide(saved);
}

/// Returns what an attempt under way sees of the shared values.
fn seen(scenario: &Scenario, name: &str) -> String {
    told(&scenario.attempt(name).shared)
}

fn told(shared: &SharedValues) -> String {
    let values: Vec<String> = shared
        .iter()
        .map(|(key, shared)| format!("{key}={}@{}", shared.value, shared.revision))
        .collect();
    values.join(" ")
}

// row D09
#[test]
fn a_step_sees_what_the_steps_before_it_shared() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b"), call("c"), call("d")]).plan());
    assert_eq!(seen(&scenario, "a"), "");
    end_with(&mut scenario, "a", vec![set("x", "1"), set("y", "null")]);
    assert_eq!(seen(&scenario, "b"), "x=1@1 y=null@1");
    end_with(&mut scenario, "b", vec![set("x", "2"), change("y", None, Some(1))]);
    assert_eq!(seen(&scenario, "c"), "x=2@2");
    // One that comes after one that was removed is a later one.
    end_with(&mut scenario, "c", vec![set("y", "3"), change("x", None, None)]);
    assert_eq!(seen(&scenario, "d"), "y=3@2");
    end_with(&mut scenario, "d", vec![set("x", "4")]);
    assert_eq!(told(scenario.run().shared()), "x=4@3 y=3@2");
}

// row D09
#[test]
fn what_an_attempt_would_have_changed_counts_only_with_its_result() {
    let mut scenario = Scenario::started(workflow([call("a").attempts(2), call("b")]).plan());
    let report = Report {
        shared: vec![set("x", "1")],
        ..scenario.report("a", failed(FailureClass::Transient, "broken"))
    };
    scenario.decide(Input::Reported(report));
    scenario.advance(Duration::from_mins(5));
    assert_eq!(seen(&scenario, "a"), "");
    end_with(&mut scenario, "a", vec![set("x", "2")]);
    assert_eq!(seen(&scenario, "b"), "x=2@1");
}

// row D09
#[test]
fn of_two_steps_that_change_what_both_have_read_the_second_is_tried_again() {
    let both = parallel([call("a").attempts(2), call("b").attempts(2)]);
    let mut scenario = Scenario::started(workflow([call("first"), both]).plan());
    end_with(&mut scenario, "first", vec![set("count", "10")]);
    for name in ["parallel/a", "parallel/b"] {
        assert_eq!(seen(&scenario, name), "count=10@1");
    }
    end_with(
        &mut scenario,
        "parallel/a",
        vec![change("count", Some(json("11")), Some(1))],
    );
    let both = vec![set("mine", "1"), change("count", Some(json("11")), Some(1))];
    end_with(&mut scenario, "parallel/b", both);
    let failure = scenario.log.iter().find_map(|recorded| match &recorded.event {
        Event::AttemptFailed { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    let failure = failure.unwrap();
    assert_eq!(failure.class, FailureClass::Transient);
    assert_eq!(failure.code.as_deref(), Some("context-conflict"));
    assert_eq!(
        failure.message,
        "the shared value `count` has revision 2, expected was 1: another step changed it meanwhile"
    );
    scenario.advance(Duration::from_mins(5));
    assert_eq!(seen(&scenario, "parallel/b"), "count=11@2", "nothing of it counts");
    end_with(
        &mut scenario,
        "parallel/b",
        vec![change("count", Some(json("12")), Some(2))],
    );
    assert_eq!(told(scenario.run().shared()), "count=12@3");
    assert_eq!(scenario.status(), RunStatus::Completed);
}

#[test]
fn a_value_that_must_not_be_there_is_made_once() {
    let both = parallel([call("a"), call("b").or_continue()]);
    let mut scenario = Scenario::started(workflow([both]).plan());
    end_with(
        &mut scenario,
        "parallel/a",
        vec![change("lock", Some(json("\"a\"")), Some(0))],
    );
    end_with(
        &mut scenario,
        "parallel/b",
        vec![change("lock", Some(json("\"b\"")), Some(0))],
    );
    assert_eq!(told(scenario.run().shared()), "lock=\"a\"@1");
    assert_eq!(scenario.completed(), ["parallel/a"]);
}

#[test]
fn there_is_a_most_that_all_of_them_take() {
    let text = "x".repeat(MAX_SHARED_VALUE - 2);
    let value = Some(Data::text(&text));
    let mut values = SharedValues::default();
    let changes: Vec<SharedChange> = (0..MAX_SHARED / MAX_SHARED_VALUE)
        .map(|number| change(&format!("{number:02}"), value.clone(), None))
        .collect();
    let size = changes.len() * (MAX_SHARED_VALUE + 2);
    assert_eq!(values.admit(&changes), Err(ChangeRefused::TooMuch { size }));
    values.apply(&changes[1..]);
    values.admit(&[set("small", "1")]).unwrap();
    assert_eq!(values.size(), size - MAX_SHARED_VALUE - 2);
    // What makes room is never refused.
    values.apply(&changes);
    values.admit(&[change("01", None, None)]).unwrap();
    values.admit(&[set("small", "1")]).unwrap_err();
    let mut emptied = values.clone();
    let all: Vec<SharedChange> = changes.iter().map(|each| change(&each.key, None, None)).collect();
    emptied.apply(&all);
    assert_eq!((emptied.size(), emptied.is_empty()), (0, true));
}

#[test]
fn a_step_that_shares_too_much_fails_and_changes_nothing() {
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    let text = Data::text("x".repeat(MAX_SHARED));
    end_with(&mut scenario, "a", vec![change("x", Some(text), None)]);
    let (_, failure) = scenario.failure();
    assert_eq!(failure.class, FailureClass::Limit);
    assert_eq!(failure.code.as_deref(), Some("context-full"));
    assert_eq!(told(scenario.run().shared()), "");
}

// rows D09, K01
#[test]
fn another_host_knows_what_was_shared() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b"), call("c")]).plan());
    end_with(&mut scenario, "a", vec![set("x", "1"), set("gone", "1")]);
    end_with(
        &mut scenario,
        "b",
        vec![change("gone", None, None), set("nothing", "null")],
    );
    scenario.adopt([]);
    assert_eq!(seen(&scenario, "c"), "nothing=null@2 x=1@1");
    let snapshot = scenario.run().snapshot(&scenario.plan).unwrap();
    let restored = cofferdam_engine::Orphan::restore_from(scenario.run().id(), &scenario.plan, &snapshot, &[]).unwrap();
    assert_eq!(restored.look().shared(), scenario.run().shared());
    end_with(&mut scenario, "c", vec![set("gone", "2")]);
    assert_eq!(told(scenario.run().shared()), "gone=2@2 nothing=null@2 x=1@1");
}

// rows D09, K07
#[test]
fn a_retry_takes_back_what_the_steps_shared_that_run_again() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b"), call("c")]).plan());
    end_with(&mut scenario, "a", vec![set("x", "1")]);
    end_with(&mut scenario, "b", vec![set("x", "2"), set("y", "1")]);
    scenario.fail("c", "broken");
    scenario.retry(Some("b")).unwrap();
    assert_eq!(seen(&scenario, "b"), "x=1@1");
}

#[test]
fn what_an_attempt_keeps_is_given_to_the_next_one() {
    let mut scenario = Scenario::started(workflow([call("a").attempts(3), call("b")]).plan());
    assert_eq!(scenario.attempt("a").saved, None);
    let report = Report {
        saved: Some(json("{\"page\":1}")),
        ..scenario.report("a", failed(FailureClass::Transient, "broken"))
    };
    scenario.decide(Input::Reported(report));
    scenario.advance(Duration::from_mins(5));
    assert_eq!(scenario.attempt("a").saved, Some(json("{\"page\":1}")));
    // One that keeps nothing takes nothing away.
    scenario.fail("a", "broken again");
    scenario.advance(Duration::from_mins(5));
    assert_eq!(scenario.attempt("a").saved, Some(json("{\"page\":1}")));
    scenario.complete("a", "1");
    assert_eq!(scenario.attempt("b").saved, None);
}

// row K01
#[test]
fn what_is_kept_under_way_outlives_the_host() {
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    save(&mut scenario, "a", "1");
    save(&mut scenario, "a", "null");
    assert_eq!(
        scenario.attempt("a").saved,
        None,
        "the delivery that keeps it has it anyway"
    );
    let late = Input::Saved {
        generation: scenario.attempt("a").generation,
        fence: scenario.attempt("a").fence,
        detail: json("3"),
    };
    scenario.adopt([]);
    let attempt = scenario.attempt("a");
    assert_eq!((attempt.number, attempt.delivery), (1, 2));
    assert_eq!(attempt.saved, Some(Data::Null));
    assert!(matches!(scenario.try_decide(late), Err(Rejected::StaleReport { .. })));
    let snapshot = scenario.run().snapshot(&scenario.plan).unwrap();
    let restored = cofferdam_engine::Orphan::restore_from(scenario.run().id(), &scenario.plan, &snapshot, &[]).unwrap();
    assert_eq!(restored.look().effects(&scenario.plan)[0].saved, Some(Data::Null));
    let events = scenario.log.iter().map(|recorded| &recorded.event);
    let kept: Vec<Event> = events
        .filter(|event| matches!(event, Event::ProgressSaved { .. }))
        .map(|event| Event::decode(EVENT_ENCODING, &event.encode()).unwrap())
        .collect();
    assert!(matches!(
        kept.as_slice(),
        [
            _,
            Event::ProgressSaved {
                detail: Data::Null,
                delivery: 1,
                ..
            }
        ]
    ));
}
