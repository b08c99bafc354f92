//! Waits for times and signals.

use cofferdam_engine::plan::OnTimeout;
use cofferdam_engine::run::MAX_SIGNALS;
use cofferdam_engine::{Data, FailureClass, Input, Parking, Request, RunStatus, Start, Verdict, Waiting};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    Step, call, json, marker, parallel, wait_for, wait_signal, wait_until, workflow,
};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn parking(steps: impl Into<Vec<Step>>) -> Scenario {
    let mut scenario = Scenario::new(workflow(steps).plan());
    scenario.parking = Parking::LetGo;
    scenario.start([]);
    scenario
}

fn signal(topic: &str, correlation: Option<&str>, data: &str, key: Option<&str>) -> Request {
    Request::Signal {
        topic: topic.to_owned(),
        correlation: correlation.map(str::to_owned),
        data: json(data),
        key: key.map(str::to_owned),
    }
}

// rows H02, L01, L10
#[test]
fn a_wait_for_a_time_ends_at_it_across_restarts() {
    for (step, after) in [
        (wait_for("soak", "'2h'"), 2 * HOUR),
        (wait_for("soak", "7200"), 2 * HOUR),
        (wait_for("soak", "1.5"), Duration::from_millis(1_500)),
        // Scenarios begin 1 000 seconds after 1970.
        (wait_until("soak", "'1970-01-01T02:16:40Z'"), 2 * HOUR),
    ] {
        let mut scenario = parking([step, call("a")]);
        let due = scenario.now.saturating_add(after);
        assert_eq!(
            scenario.row.map(|row| (row.status, row.wake_at)),
            Some((RunStatus::Waiting, Some(due)))
        );
        let waiting = scenario.run().waiting(&scenario.plan);
        assert!(
            matches!(&waiting[..], [Waiting::Time { until, .. }] if *until == due),
            "{waiting:?}"
        );
        scenario.now = scenario.now.saturating_add(after - Duration::from_millis(1_100));
        scenario.adopt([]);
        assert_eq!(
            scenario.row.map(|row| (row.status, row.wake_at)),
            Some((RunStatus::Waiting, Some(due)))
        );
        scenario.now = due;
        scenario.adopt([]);
        assert_eq!(scenario.flights(), ["a"]);
        assert_eq!(scenario.story_of("soak"), ["wait.started", "step.completed"]);
    }
}

// rows L08, L09
#[test]
fn a_wait_that_makes_no_sense_fails_when_it_begins() {
    for (step, message) in [
        (
            wait_for("w", "'soon'"),
            "`for` must be a duration such as `30s` or `2h`, it is \"soon\"",
        ),
        (
            wait_for("w", "-1"),
            "`for` must be a duration such as `30s` or `2h`, it is -1",
        ),
        (
            wait_until("w", "'tomorrow'"),
            "`until` must be a time such as `2030-01-31T12:00:00Z`, it is \"tomorrow\"",
        ),
        (
            wait_until("w", "'1970-01-01T00:00:00Z'"),
            "`until` is in the past: 1970-01-01T00:00:00.000Z",
        ),
        (
            wait_until("w", "'2970-01-01T00:00:00Z'"),
            "a wait until 2970-01-01T00:00:00.000Z is longer than 1830 days",
        ),
    ] {
        let scenario = parking([step]);
        let (step, failure) = scenario.failure();
        assert_eq!((step.as_str(), failure.class), ("w", FailureClass::InvalidInput));
        assert_eq!(failure.message, message);
    }
}

// row L02
#[test]
fn a_signal_ends_the_wait_that_it_fits() {
    let plan = workflow([
        wait_signal("login", "customer/login").correlated("'c-' + string(7)"),
        call("a")
            .with("device", "steps.login.output.device")
            .only_if(marker("login", "received")),
    ])
    .plan();
    let mut scenario = Scenario::new(plan);
    scenario.parking = Parking::LetGo;
    scenario.start([]);
    for (topic, correlation) in [
        ("customer/logout", Some("c-7")),
        ("customer/login", Some("c-8")),
        ("customer/login", None),
    ] {
        let verdict = scenario.ask("shop", signal(topic, correlation, "1", None));
        assert_eq!(verdict, Verdict::Accepted, "kept for a wait to come");
        assert_eq!(scenario.status(), RunStatus::Waiting);
    }
    scenario.ask(
        "shop",
        signal("customer/login", Some("c-7"), r#"{"device": "phone"}"#, None),
    );
    assert_eq!(scenario.attempt("a").params.to_json(), r#"{"device":"phone"}"#);
}

// row L04
#[test]
fn signals_are_kept_until_somebody_waits_in_the_order_they_came() {
    let mut scenario = parking([
        call("a"),
        wait_signal("first", "paid"),
        wait_signal("second", "paid"),
        wait_signal("third", "paid"),
    ]);
    scenario.ask("shop", signal("paid", None, "1", Some("k1")));
    scenario.ask("shop", signal("paid", Some("x"), "2", Some("k2")));
    assert!(matches!(
        scenario.ask("shop", signal("paid", None, "1", Some("k1"))),
        Verdict::Unchanged { .. }
    ));
    assert!(matches!(
        scenario.ask("shop", signal("paid", None, "3", Some("k1"))),
        Verdict::Conflict { .. }
    ));
    scenario.adopt([]);
    scenario.complete("a", "1");
    let output = |name: &str| scenario.run().result(name).map(|result| result.output.data().clone());
    assert_eq!(output("first"), Some(Data::Int(1)));
    assert_eq!(output("second"), Some(Data::Int(2)));
    assert_eq!(output("third"), None);
    assert_eq!(scenario.status(), RunStatus::Waiting);
    assert!(matches!(
        scenario.ask("shop", signal("paid", None, "1", Some("k1"))),
        Verdict::Unchanged { .. }
    ));
}

// rows L03, L05
#[test]
fn a_wait_for_a_signal_ends_with_its_time_and_only_once() {
    for then in [OnTimeout::Fail, OnTimeout::Continue] {
        let mut scenario = parking([
            wait_signal("login", "customer/login").open_for(HOUR, then),
            call("a").only_if(marker("login", "timed_out")),
        ]);
        assert!(matches!(
            scenario.ask("ada", Request::Resume),
            Verdict::Unchanged { .. }
        ));
        assert_eq!(scenario.status(), RunStatus::Waiting, "a resume releases no wait");
        scenario.now = scenario.now.saturating_add(HOUR + Duration::from_millis(1));
        // A signal that comes after the end, and before anybody looked at the clock, comes too late.
        scenario.ask("shop", signal("customer/login", None, "1", None));
        match then {
            OnTimeout::Fail => assert_eq!(scenario.failure().1.class, FailureClass::Timeout),
            OnTimeout::Continue => assert_eq!(scenario.flights(), ["a"]),
        }
    }
}

#[test]
fn one_signal_ends_one_wait() {
    let mut scenario = parking([parallel([wait_signal("a", "go"), wait_signal("b", "go")])]);
    scenario.ask("shop", signal("go", None, "1", None));
    assert_eq!(scenario.completed(), ["parallel/a"]);
    scenario.ask("shop", signal("go", None, "2", None));
    assert_eq!(scenario.status(), RunStatus::Completed);
}

#[test]
fn signals_that_nobody_will_take_are_refused() {
    let mut scenario = parking([call("a")]);
    assert!(matches!(
        scenario.ask("shop", signal("go", None, "1", None)),
        Verdict::Refused { .. }
    ));
    let mut scenario = parking([call("a"), wait_signal("w", "go")]);
    for _ in 0..MAX_SIGNALS {
        let message = scenario.letter("shop", signal("stop", None, "1", None));
        scenario.decide(Input::Message(message));
    }
    assert!(matches!(
        scenario.ask("shop", signal("go", None, "1", None)),
        Verdict::Refused { .. }
    ));
}

#[test]
fn waits_pass_in_a_dry_run() {
    let plan = workflow([wait_for("soak", "'2h'"), wait_signal("login", "x"), call("a")]).plan();
    let mut scenario = Scenario::new(plan);
    scenario.decide(Input::Start(Start {
        dry_run: true,
        ..Start::default()
    }));
    assert_eq!(scenario.flights(), ["a"]);
}
