//! What people ask of a run: cancel, kill, pause and resume, at every point and after every other.

use cofferdam_engine::transitions::{self, Outcome, outcome};
use cofferdam_engine::{
    Data, Ending, Event, Input, Parking, Rejected, Request, RequestKind, RetryRefused, RunStatus, Standing, Verdict,
};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{call, gate, parallel, set, wait_signal, workflow};
use std::time::Duration;

fn cancel() -> Request {
    Request::Cancel {
        reason: "enough".to_owned(),
    }
}

fn kill() -> Request {
    Request::Kill {
        reason: "at once".to_owned(),
    }
}

fn pause() -> Request {
    Request::Pause {
        reason: "lunch".to_owned(),
    }
}

/// Returns a scenario of a run that stands there.
fn standing(standing: Standing) -> Scenario {
    let policy = cofferdam_engine::plan::RetryPolicy {
        attempts: 2,
        backoff: Duration::from_secs(60),
        ..cofferdam_engine::plan::RetryPolicy::block_defaults()
    };
    let plan = workflow([call("a").retry(policy), call("b")])
        .always([call("end")])
        .plan();
    let mut scenario = Scenario::new(plan);
    scenario.parking = Parking::LetGo;
    scenario.start([]);
    let finish = |scenario: &mut Scenario| {
        while !scenario.flights().is_empty() {
            let name = scenario.flights()[0].clone();
            scenario.complete(&name, "1");
        }
    };
    match standing {
        Standing::Running => {}
        Standing::Pausing => drop(scenario.ask("ada", pause())),
        Standing::Cancelling => drop(scenario.ask("ada", cancel())),
        Standing::Interrupted => scenario.decide(Input::InterruptRequested),
        Standing::Waiting => scenario.fail("a", "again"),
        Standing::Paused => {
            scenario.ask("ada", pause());
            scenario.complete("a", "1");
        }
        Standing::Completed => finish(&mut scenario),
        Standing::Failed => {
            scenario.end(
                "a",
                cofferdam_testkit::scenario::failed(cofferdam_engine::FailureClass::Permanent, "broken"),
            );
            finish(&mut scenario);
        }
        Standing::Cancelled => {
            scenario.ask("ada", cancel());
            finish(&mut scenario);
        }
        Standing::Killed => drop(scenario.ask("ada", kill())),
    }
    assert_eq!(scenario.run().standing(), standing);
    scenario
}

// row H01
#[test]
fn every_request_at_every_standing_does_what_the_table_says() {
    insta::assert_snapshot!("transitions", transitions::table());
    the_documentation_shows(&transitions::table());
    for from in Standing::ALL {
        for kind in RequestKind::ALL {
            let request = match kind {
                RequestKind::Cancel => cancel(),
                RequestKind::Kill => kill(),
                RequestKind::Pause => pause(),
                RequestKind::Resume => Request::Resume,
                RequestKind::Decide | RequestKind::Signal => {
                    answer_at(from, kind);
                    continue;
                }
                RequestKind::Retry => {
                    retry_at(from);
                    continue;
                }
            };
            let mut scenario = standing(from);
            let (before, events) = (scenario.run().standing(), scenario.log.len());
            let verdict = scenario.ask("bob", request);
            let case = format!("{from:?} {kind:?}: {verdict:?}");
            match outcome(from, kind) {
                Outcome::To(to) => {
                    assert_eq!(verdict, Verdict::Accepted, "{case}");
                    // A run with nothing under way comes to rest at once.
                    let reached = scenario.run().standing();
                    let at_rest = to == Standing::Running && reached == Standing::Waiting;
                    assert!(reached == to || at_rest, "{case} led to {reached:?}");
                }
                Outcome::Stays => panic!("{case}: nothing of this stays"),
                Outcome::Unchanged => assert!(matches!(verdict, Verdict::Unchanged { .. }), "{case}"),
                Outcome::Conflict => assert!(matches!(verdict, Verdict::Conflict { .. }), "{case}"),
            }
            if verdict != Verdict::Accepted {
                // row I09
                let adopted = usize::from(from.status().is_parked());
                assert_eq!(scenario.log.len(), events + adopted, "{case} is answered, not recorded");
                assert_eq!(scenario.run().standing(), before, "{case}");
            }
        }
    }
}

/// Returns a scenario of a run that stands there, with a gate that is open and a wait for a signal beside a call.
fn standing_open(standing: Standing) -> Scenario {
    let beside = |call_name: &str, gate_name: &str, wait_name: &str| {
        parallel([call(call_name), gate(gate_name), wait_signal(wait_name, "news")])
    };
    let plan = workflow([beside("a", "go", "hear")])
        .always([beside("end", "leave", "late")])
        .plan();
    let mut scenario = Scenario::new(plan);
    scenario.parking = Parking::LetGo;
    scenario.start([]);
    let open = |scenario: &mut Scenario, gate: &str, step: &str| {
        scenario.complete(step, "1");
        scenario.ask("ada", decide(gate));
        scenario.ask("ada", news());
    };
    match standing {
        Standing::Running => {}
        Standing::Pausing => drop(scenario.ask("ada", pause())),
        Standing::Cancelling => drop(scenario.ask("ada", cancel())),
        Standing::Interrupted => scenario.decide(Input::InterruptRequested),
        Standing::Waiting => scenario.complete("parallel/a", "1"),
        Standing::Paused => {
            scenario.ask("ada", pause());
            scenario.complete("parallel/a", "1");
        }
        Standing::Completed => {
            open(&mut scenario, "go", "parallel/a");
            open(&mut scenario, "leave", "always/parallel/end");
        }
        Standing::Failed => {
            let broken = cofferdam_testkit::scenario::failed(cofferdam_engine::FailureClass::Permanent, "broken");
            scenario.end("parallel/a", broken);
            open(&mut scenario, "leave", "always/parallel/end");
        }
        Standing::Cancelled => {
            scenario.ask("ada", cancel());
            open(&mut scenario, "leave", "always/parallel/end");
        }
        Standing::Killed => drop(scenario.ask("ada", kill())),
    }
    assert_eq!(scenario.run().standing(), standing);
    scenario
}

fn decide(gate: &str) -> Request {
    Request::Decide {
        gate: Some(gate.to_owned()),
        approved: true,
        feedback: None,
        selections: Vec::new(),
        form: Data::Null,
    }
}

fn news() -> Request {
    Request::Signal {
        topic: "news".to_owned(),
        correlation: None,
        data: Data::Null,
        key: None,
    }
}

/// Decides a gate of a run that stands there, or tells it something that it waits for.
fn answer_at(from: Standing, kind: RequestKind) {
    let mut scenario = standing_open(from);
    let is_leaving = from == Standing::Cancelling;
    let (request, recorded) = match kind {
        RequestKind::Decide => (decide(if is_leaving { "leave" } else { "go" }), "gate.decided"),
        _ => (news(), "signal.received"),
    };
    let count = |scenario: &Scenario| {
        scenario
            .log
            .iter()
            .filter(|event| event.event.kind() == recorded)
            .count()
    };
    let before = count(&scenario);
    let verdict = scenario.ask("bob", request);
    let case = format!("{from:?} {kind:?}: {verdict:?}");
    match outcome(from, kind) {
        Outcome::Stays => {
            assert_eq!(verdict, Verdict::Accepted, "{case}");
            assert_eq!(count(&scenario), before + 1, "{case}");
            // Whoever takes an interrupted run up to answer goes on with it.
            let adopted = from == Standing::Interrupted;
            let reached = scenario.run().standing();
            assert!(
                reached == from || adopted && reached == Standing::Running,
                "{case} led to {reached:?}"
            );
        }
        Outcome::Conflict => {
            assert!(matches!(verdict, Verdict::Conflict { .. }), "{case}");
            assert_eq!(count(&scenario), before, "{case}");
            assert_eq!(scenario.run().standing(), from, "{case}");
        }
        other => panic!("{case}: {other:?}"),
    }
}

/// Retries a run that stands there: no message, since nobody has a run that has ended.
fn retry_at(from: Standing) {
    let mut scenario = standing(from);
    let events = scenario.log.len();
    match outcome(from, RequestKind::Retry) {
        Outcome::To(to) => {
            assert_eq!(scenario.retry(Some("a")), Ok(()), "{from:?}");
            assert_eq!(scenario.run().standing(), to, "{from:?}");
        }
        Outcome::Conflict => {
            assert_eq!(scenario.retry(Some("a")), Err(RetryRefused::NotEnded), "{from:?}");
            assert_eq!(scenario.log.len(), events, "{from:?}");
        }
        other => panic!("{from:?}: {other:?}"),
    }
}

// row I01
#[test]
fn the_reason_of_the_first_cancel_is_that_of_the_end() {
    let mut scenario = standing(Standing::Cancelling);
    let verdict = scenario.ask(
        "bob",
        Request::Cancel {
            reason: "me too".to_owned(),
        },
    );
    let Verdict::Unchanged { reason } = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        reason,
        "the run is being cancelled, as asked by ada at 1970-01-01T00:16:40.000Z: enough"
    );
    scenario.complete("always/end", "1");
    let ending = scenario.run().ending().map(|(ending, _)| ending.clone());
    let reason = "enough".to_owned();
    assert_eq!(ending, Some(Ending::Cancelled { reason }));
}

// row I01
#[test]
fn a_cancel_is_the_reason_although_a_time_is_over_as_well() {
    let minute = Duration::from_secs(60);
    let plan = workflow([call("a").timeout(minute).timeout_total(minute)])
        .always([call("end")])
        .timeout(2 * minute)
        .plan();
    let mut scenario = Scenario::started(plan);
    scenario.advance(minute / 2);
    let request = Request::Cancel {
        reason: "enough".to_owned(),
    };
    assert_eq!(scenario.ask("ada", request), Verdict::Accepted);
    // The time of the step is over, then that of the run, while it cleans up.
    scenario.advance(minute);
    scenario.advance(2 * minute);
    assert_eq!(scenario.flights(), ["always/end"]);
    scenario.complete("always/end", "1");
    let ending = scenario.run().ending().map(|(ending, _)| ending.clone());
    let reason = "enough".to_owned();
    assert_eq!(ending, Some(Ending::Cancelled { reason }));
    let told: Vec<&str> = scenario.log.iter().map(|recorded| recorded.event.kind()).collect();
    assert!(
        !told.contains(&"attempt.failed") && !told.contains(&"run.timed_out"),
        "{told:?}"
    );

    // The other way round the time was first.
    let plan = workflow([call("a")]).always([call("end")]).timeout(minute).plan();
    let mut scenario = Scenario::started(plan);
    scenario.advance(minute);
    let request = Request::Cancel {
        reason: "enough".to_owned(),
    };
    scenario.ask("ada", request);
    scenario.complete("always/end", "1");
    let told: Vec<&str> = scenario.log.iter().map(|recorded| recorded.event.kind()).collect();
    let of = |kind| told.iter().position(|told| *told == kind);
    assert!(of("run.timed_out") < of("run.cancel_requested"), "{told:?}");
}

// rows I04, H03
#[test]
fn what_was_accepted_survives_a_restart() {
    let mut scenario = standing(Standing::Cancelling);
    scenario.adopt([]);
    assert!(matches!(scenario.ask("bob", Request::Resume), Verdict::Conflict { .. }));
    assert!(matches!(scenario.ask("bob", pause()), Verdict::Conflict { .. }));
    scenario.complete("always/end", "1");
    assert_eq!(scenario.status(), RunStatus::Cancelled);

    let mut scenario = standing(Standing::Pausing);
    scenario.adopt([]);
    assert_eq!(scenario.flights(), [""; 0], "a lost delivery waits for the resume too");
    assert_eq!(scenario.status(), RunStatus::Paused);
    scenario.ask("bob", Request::Resume);
    assert_eq!(scenario.attempt("a").delivery, 2);
}

// row H04
#[test]
fn a_kill_ends_a_run_at_once_without_its_always_blocks() {
    for from in Standing::ALL
        .into_iter()
        .filter(|standing| !standing.status().is_final())
    {
        let mut scenario = standing(from);
        scenario.ask("ada", kill());
        assert_eq!(scenario.status(), RunStatus::Killed, "{from:?}");
        assert_eq!(scenario.flights(), [""; 0], "{from:?}");
        assert!(!scenario.completed().contains(&"always/end".to_owned()), "{from:?}");
        let kinds: Vec<_> = scenario
            .log
            .iter()
            .rev()
            .map(|recorded| recorded.event.kind())
            .collect();
        assert_eq!(kinds[..2], ["run.finished", "run.kill_requested"], "{from:?}");
    }
}

// row H03
#[test]
fn nothing_starts_between_a_pause_and_the_resume() {
    let plan = workflow([
        parallel([call("a").attempts(2), call("b").or_handle([call("h")]), call("c")]).without_fail_fast(),
        set([("x", "1")]),
        call("d"),
    ])
    .plan();
    let mut scenario = Scenario::new(plan);
    scenario.parking = Parking::LetGo;
    scenario.capacity = 2;
    scenario.start([]);
    assert_eq!(scenario.ask("ada", pause()), Verdict::Accepted);
    let paused_at = scenario.log.len();
    assert!(!scenario.run().wants_permits(&scenario.plan), "permits are for others");
    scenario.fail("parallel/a", "again");
    assert_eq!(scenario.status(), RunStatus::Running, "something is still under way");
    scenario.fail("parallel/b", "broken");
    let kinds: Vec<_> = scenario.log[paused_at..]
        .iter()
        .map(|recorded| recorded.event.kind())
        .collect();
    assert_eq!(kinds, ["attempt.failed", "attempt.failed", "step.failed"]);
    assert_eq!(scenario.status(), RunStatus::Paused);
    assert_eq!(scenario.row.unwrap().wake_at, None, "only a resume releases it");
    assert_eq!(scenario.try_decide(Input::Tick), Err(Rejected::Parked));
    assert_eq!(scenario.ask("bob", Request::Resume), Verdict::Accepted);
    assert_eq!(scenario.flights().len(), 2);
    while let Some(name) = scenario.flights().first().cloned() {
        scenario.complete(&name, "1");
    }
    let mut completed = scenario.completed();
    completed.sort();
    assert_eq!(completed, ["d", "parallel/a", "parallel/b/h", "parallel/c"][1..]);
    assert_eq!(scenario.status(), RunStatus::Failed);
}

#[test]
fn the_timeout_of_what_is_under_way_holds_during_a_pause() {
    let plan = workflow([call("a").timeout_total(Duration::from_secs(5)).or_continue(), call("b")]).plan();
    let mut scenario = Scenario::new(plan);
    scenario.parking = Parking::LetGo;
    scenario.start([]);
    scenario.ask("ada", pause());
    scenario.advance(Duration::from_secs(5));
    assert_eq!(
        scenario.story_of("a"),
        ["attempt.started", "attempt.failed", "step.failed"]
    );
    assert_eq!(scenario.status(), RunStatus::Paused);
    scenario.ask("ada", Request::Resume);
    assert_eq!(scenario.flights(), ["b"]);
}

// row L10, M02
#[test]
fn a_long_wait_for_another_attempt_parks_and_a_short_one_does_not() {
    let play = |backoff| {
        let policy = cofferdam_engine::plan::RetryPolicy {
            attempts: 2,
            backoff,
            jitter: 0.0,
            ..cofferdam_engine::plan::RetryPolicy::block_defaults()
        };
        let mut scenario = Scenario::new(workflow([call("a").retry(policy)]).plan());
        scenario.parking = Parking::LetGo;
        scenario.start([]);
        scenario.fail("a", "again");
        let row = scenario.row.unwrap();
        assert_eq!(row.wake_at, Some(scenario.now.saturating_add(backoff)));
        (scenario, row.status)
    };
    assert_eq!(play(Duration::from_millis(900)).1, RunStatus::Running);
    let (mut scenario, status) = play(Duration::from_secs(60));
    assert_eq!(status, RunStatus::Waiting);
    let wake_at = scenario.row.unwrap().wake_at;
    // A host that looks too early lets go of it again, with the same time.
    scenario.now = scenario.now.saturating_add(Duration::from_secs(30));
    scenario.adopt([]);
    assert_eq!(
        scenario.row.map(|row| (row.status, row.wake_at)),
        Some((RunStatus::Waiting, wake_at))
    );
    scenario.now = scenario.now.saturating_add(Duration::from_secs(30));
    scenario.adopt([]);
    assert_eq!(scenario.attempt("a").number, 2);
}

// row I06: the log refuses an end while a message is unread; the run is taken up again and decides both anew.
#[test]
fn a_cancel_that_was_in_the_inbox_before_the_end_decides_the_end() {
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    let before = scenario.log.clone();
    let report = scenario.report("a", cofferdam_testkit::scenario::returned("1"));
    let fence = report.fence;
    scenario.complete("a", "1");
    assert_eq!(scenario.status(), RunStatus::Completed);
    // The append of the end was refused: what is durable is what was before, and the attempt has ended here.
    let mut scenario = Scenario::started(workflow([call("a")]).plan());
    assert_eq!(scenario.log, before);
    assert_eq!(scenario.attempt("a").fence, fence);
    let message = scenario.letter("ada", cancel());
    scenario.adopt_with(["a"], vec![message]);
    assert_eq!(scenario.status(), RunStatus::Cancelled);
    assert!(scenario.try_decide(Input::Reported(report)).is_err());
    assert_eq!(scenario.answers.len(), 1);
}

#[test]
fn an_adoption_decides_about_messages_before_anything_goes_on() {
    let plan = workflow([call("a").timeout_total(Duration::from_secs(5))]).plan();
    let mut scenario = Scenario::started(plan);
    scenario.now = scenario.now.saturating_add(Duration::from_secs(9));
    let message = scenario.letter("ada", cancel());
    scenario.adopt_with([], vec![message]);
    // Without the message the deadline would have failed the run in the same append.
    assert_eq!(scenario.status(), RunStatus::Cancelled);
    let causes: Vec<_> = scenario
        .log
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::CancelRequested { cause, .. } => cause.message.map(|id| id.0),
            _ => None,
        })
        .collect();
    assert_eq!(causes, [1], "the event names the message that caused it");
}

/// The table that people read is the one that runs follow; `UPDATE_GENERATED=1` writes it anew.
#[expect(clippy::disallowed_methods, reason = "a test of a file reads the file")]
fn the_documentation_shows(table: &str) {
    const MARKS: [&str; 2] = ["<!-- requests -->\n", "<!-- end of requests -->"];
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/promises.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let begin = page.find(MARKS[0]).expect("the table begins") + MARKS[0].len();
    let end = page.find(MARKS[1]).expect("the table ends");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let page = format!("{}\n{}\n\n{}", &page[..begin], table.trim(), &page[end..]);
        std::fs::write(path, page).expect("the page can be written");
    } else {
        assert_eq!(
            page[begin..end].trim(),
            table.trim(),
            "write it again: UPDATE_GENERATED=1"
        );
    }
}
