//! Long and wide runs: the same work per event from the first to the last, and memory that does not grow.

use cofferdam_engine::RunStatus;
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{Step, call, fail, parallel, repeat_while, set, when, workflow};
use cofferdam_testkit::scenario::returned;

// row H13
#[test]
fn two_hundred_thousand_rounds_keep_the_same_few_frames_and_scopes() {
    let body = [
        set([("n", "vars.n + 1")]),
        parallel([set([("a", "vars.n")]), set([("b", "vars.n")])]),
    ];
    let step = repeat_while(when("vars.n < 50000"), 1_000_000, body);
    let plan = workflow([set([("n", "0")]), step]).output("n", "vars.n").plan();
    let mut scenario = Scenario::new(plan);
    scenario
        .decide_once(cofferdam_engine::Input::Start(cofferdam_engine::Start::default()))
        .unwrap();
    let mut most = (0, 0);
    while scenario.run().has_more() {
        let (frames, scopes) = scenario.run().open_parts();
        most = (most.0.max(frames), most.1.max(scopes));
        scenario.decide_once(cofferdam_engine::Input::Tick).unwrap();
        // The log is what would be on disk; the run does not need it.
        let finished = scenario.run().ending().is_some();
        if !finished && scenario.log.len() > 100_000 {
            assert!(most.0 <= 3 && most.1 <= 3, "{most:?}");
        }
    }
    assert_eq!(scenario.outputs(), r#"{"n":50000}"#);
    assert!(most.0 <= 3 && most.1 <= 3, "frames and scopes: {most:?}");
    assert!(scenario.log.len() > 250_000);
}

// row Q07
#[test]
fn ten_thousand_steps_in_a_row_have_one_frame() {
    let steps: Vec<Step> = (0..10_000).map(|number| call(&format!("c{number}"))).collect();
    let mut scenario = Scenario::started(workflow(steps).plan());
    let mut most = 0;
    for number in 0..10_000 {
        most = most.max(scenario.run().open_parts().0);
        scenario.complete(&format!("c{number}"), "1");
    }
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(most, 2);
    assert_eq!(scenario.log.len(), 20_002);
}

// row Q05
#[test]
fn ten_thousand_branches_end_and_leave_nothing_open() {
    let branches: Vec<Step> = (0..10_000).map(|number| call(&format!("c{number}"))).collect();
    let mut scenario = Scenario::new(workflow([parallel(branches)]).plan());
    scenario.capacity = 64;
    scenario.start([]);
    scenario.play_at_once(|_| returned("1"));
    assert_eq!(scenario.status(), RunStatus::Completed);
    assert_eq!(scenario.most_in_flight, 64);
    assert_eq!(scenario.run().open_parts(), (0, 1));
}

#[test]
fn ten_thousand_running_siblings_are_stopped_by_one_failure() {
    let branches = (0..10_000)
        .map(|number| call(&format!("c{number}")))
        .chain([fail("no")]);
    let scenario = Scenario::started(workflow([parallel(branches)]).plan());
    assert_eq!(scenario.failure().1.message, "no");
    assert_eq!(scenario.flights().len(), 0);
}
