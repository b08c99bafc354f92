//! Is there a run that tells each kind of event?

use cofferdam_engine::{Data, Event, Input, Parking, Request, RunStatus};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    call, choose, gate, parallel, repeat_while, set, unless, wait_signal, when, workflow,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many kinds there are.
const KINDS: usize = 31;

/// Returns the number of a kind. A kind that is added needs one here, and a run below that tells it.
fn number(event: &Event) -> usize {
    match event {
        Event::RunStarted { .. } => 0,
        Event::RunAdopted { .. } => 1,
        Event::RunInterrupted { .. } => 2,
        Event::CancelRequested { .. } => 3,
        Event::KillRequested { .. } => 4,
        Event::RunTimedOut => 5,
        Event::RunPaused { .. } => 6,
        Event::RunResumed { .. } => 7,
        Event::RunRetried { .. } => 8,
        Event::CleanupStarted { .. } => 9,
        Event::RunFinished { .. } => 10,
        Event::AttemptStarted { .. } => 11,
        Event::AttemptFailed { .. } => 12,
        Event::StepCompleted { .. } => 13,
        Event::StepFailed { .. } => 14,
        Event::StepHandled { .. } => 15,
        Event::StepSkipped { .. } => 16,
        Event::StepCancelled { .. } => 17,
        Event::VariablesSet { .. } => 18,
        Event::GateOpened { .. } => 19,
        Event::GateApproved { .. } => 20,
        Event::GateDecided { .. } => 21,
        Event::WaitStarted { .. } => 22,
        Event::WaitReceived { .. } => 23,
        Event::SignalReceived { .. } => 24,
        Event::BlockStarted { .. } => 25,
        Event::BranchChosen { .. } => 26,
        Event::IterationStarted { .. } => 27,
        Event::BranchesCancelled { .. } => 28,
        Event::BlockEnded { .. } => 29,
        Event::ProgressSaved { .. } => 30,
    }
}

fn approve() -> Request {
    Request::Decide {
        gate: None,
        approved: true,
        feedback: None,
        selections: Vec::new(),
        form: Data::Null,
    }
}

fn signal(topic: &str) -> Request {
    Request::Signal {
        topic: topic.to_owned(),
        correlation: None,
        data: Data::Null,
        key: None,
    }
}

fn because() -> String {
    "enough".to_owned()
}

/// Steps of all sorts, to the end.
fn ends_well() -> Scenario {
    let plan = workflow([
        set([("x", "1")]),
        call("flaky").attempts(2),
        call("skipped").only_if(unless(when("true"))),
        choose(when("vars.x == 1"), [call("chosen")]),
        repeat_while(when("vars.x < 2"), 5, [set([("x", "vars.x + 1")]), call("round")]),
        gate("two").approvals(2),
        wait_signal("news", "news"),
        wait_signal("early", "early"),
    ])
    .always([call("end")])
    .plan();
    let mut scenario = Scenario::started(plan);
    scenario.fail("flaky", "not now");
    scenario.play_until_quiet();
    scenario.ask("ann", signal("early"));
    scenario.ask("ann", approve());
    scenario.ask("bob", approve());
    scenario.ask("ann", signal("news"));
    scenario.play_until_quiet();
    scenario
}

trait Plays {
    /// Lets what is under way end, until the run waits or has ended.
    fn play_until_quiet(&mut self);
}

impl Plays for Scenario {
    fn play_until_quiet(&mut self) {
        while let [name] = &self.flights()[..] {
            self.complete(name, "1");
        }
    }
}

/// What is asked of runs, and what becomes of their hosts.
fn asked() -> Vec<Scenario> {
    let plan = || workflow([call("a")]).always([call("end")]).plan();
    let mut paused = Scenario::started(plan());
    paused.parking = Parking::LetGo;
    paused.ask("ann", Request::Pause { reason: because() });
    paused.ask("ann", Request::Resume);
    paused.adopt([]);
    paused.decide(Input::InterruptRequested);

    let mut killed = Scenario::started(plan());
    killed.ask("ann", Request::Kill { reason: because() });

    let mut keeps = Scenario::started(plan());
    let attempt = keeps.attempt("a");
    let saved = Input::Saved {
        generation: attempt.generation,
        fence: attempt.fence,
        detail: Data::Int(1),
    };
    keeps.decide(saved);

    let mut late = Scenario::started(workflow([call("a")]).timeout(Duration::from_secs(60)).plan());
    late.advance(Duration::from_secs(61));

    let mut handled = Scenario::started(workflow([call("a").or_handle([call("b")])]).plan());
    handled.fail("a", "broken");
    handled.complete("a/b", "1");

    let mut branches = Scenario::started(workflow([parallel([call("fails"), call("stops")])]).plan());
    branches.fail("parallel/fails", "no");

    let mut retried = Scenario::started(plan());
    retried.cancel();
    retried.complete("always/end", "1");
    assert_eq!(retried.retry(Some("a")), Ok(()));
    vec![paused, killed, keeps, late, handled, branches, retried]
}

// row N02
#[test]
fn each_kind_of_event_is_told_by_some_run() {
    let whole = ends_well();
    assert_eq!(whole.status(), RunStatus::Completed, "{}", whole.transcript());
    let mut told = BTreeMap::new();
    for scenario in asked().iter().chain([&whole]) {
        for recorded in &scenario.log {
            told.insert(number(&recorded.event), recorded.event.kind());
        }
    }
    let silent: Vec<usize> = (0..KINDS).filter(|number| !told.contains_key(number)).collect();
    assert_eq!(silent, [0; 0], "told were {told:?}");
    assert_eq!(told.len(), KINDS, "{told:?}");
    let names: std::collections::BTreeSet<_> = told.values().collect();
    assert_eq!(names.len(), KINDS, "each kind has a name of its own");
}
