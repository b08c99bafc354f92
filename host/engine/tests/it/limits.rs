//! How long a whole run may take.

use cofferdam_engine::{Ending, FailureClass, Input, Parking, Request, RunStatus};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{always, block, call, gate, workflow};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn end(scenario: &Scenario) -> (String, FailureClass) {
    match scenario.run().ending() {
        Some((Ending::Failed { step, failure }, _)) => (step.to_string(), failure.class),
        other => panic!("{other:?}"),
    }
}

// row H07
#[test]
fn a_run_that_takes_too_long_cleans_up_and_ends_as_timed_out() {
    let plan = workflow([block([call("a"), always([call("tidy")])]), call("b")])
        .always([call("end")])
        .timeout(HOUR)
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.advance(HOUR - Duration::from_secs(1));
    assert_eq!(scenario.flights(), ["do/a"]);
    scenario.advance(Duration::from_secs(1));
    assert_eq!(
        scenario.flights(),
        ["do/always/tidy"],
        "what is under way is left in good order"
    );
    scenario.complete("do/always/tidy", "1");
    // The clean-up of the run takes the time that it needs, also at another host.
    assert_eq!(scenario.flights(), ["always/end"]);
    scenario.advance(HOUR * 3);
    scenario.adopt([]);
    assert_eq!(scenario.flights(), ["always/end"]);
    scenario.complete("always/end", "1");
    assert_eq!(end(&scenario), ("timeout".to_owned(), FailureClass::Timeout));
    let kinds = scenario
        .log
        .iter()
        .filter(|event| event.event.kind() == "run.timed_out");
    assert_eq!(kinds.count(), 1);
}

// row H07
#[test]
fn a_parked_run_wakes_when_its_time_is_over() {
    let mut scenario = Scenario::new(workflow([gate("go")]).timeout(HOUR).plan());
    scenario.parking = Parking::LetGo;
    scenario.start([]);
    assert_eq!(scenario.status(), RunStatus::Waiting);
    let woken = scenario.run().row().wake_at.expect("it wakes");
    assert_eq!(woken.since(scenario.run().started_at()), HOUR);
    scenario.now = woken;
    scenario.adopt([]);
    assert_eq!(end(&scenario), ("timeout".to_owned(), FailureClass::Timeout));
}

#[test]
fn what_came_before_the_time_was_over_decides() {
    let limited = || Scenario::started(workflow([call("a")]).always([call("end")]).timeout(HOUR).plan());
    let mut scenario = limited();
    scenario.complete("a", "1");
    scenario.advance(HOUR * 2);
    scenario.complete("always/end", "1");
    assert_eq!(scenario.status(), RunStatus::Completed, "it was cleaning up already");
    let mut scenario = limited();
    let reason = "enough".to_owned();
    scenario.ask("ada", Request::Cancel { reason });
    scenario.advance(HOUR * 2);
    scenario.complete("always/end", "1");
    assert_eq!(scenario.status(), RunStatus::Cancelled);
}

#[test]
fn a_retry_has_the_whole_time_again() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b")]).timeout(HOUR).plan());
    scenario.complete("a", "1");
    scenario.advance(HOUR);
    assert_eq!(scenario.status(), RunStatus::Failed);
    scenario.now = scenario.now.saturating_add(HOUR);
    scenario.retry(None).unwrap();
    assert_eq!(scenario.flights(), ["b"]);
    scenario.advance(HOUR - Duration::from_secs(1));
    scenario.adopt([]);
    assert_eq!(scenario.flights(), ["b"]);
    scenario.decide(Input::Tick);
    scenario.complete("b", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);
}
