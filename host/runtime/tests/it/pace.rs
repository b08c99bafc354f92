//! How far a run gets ahead of the log, and how soon what it decided must be on disk.

use crate::driving::{Actions, Script, ended, host, kinds, start};
use cofferdam_engine::{RunId, RunStatus};
use cofferdam_runtime::{Driven, Host, Unobserved};
use cofferdam_store::{RunLog, Urgency};
use cofferdam_testkit::memory_log::MemoryLog;
use cofferdam_testkit::plan_builder::{Step, call, gate, repeat_while, when, workflow};
use std::sync::Arc;
use std::time::Duration;

fn quiet(name: &str) -> Step {
    call(name).action("quiet")
}

/// Lets everything that could follow by itself happen.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

// rule B1
#[tokio::test]
async fn what_tells_of_an_effect_is_soon_on_disk_and_what_somebody_waits_for_at_once() {
    let memory = Arc::new(MemoryLog::new(host("a")));
    let log: Arc<dyn RunLog> = Arc::clone(&memory) as Arc<dyn RunLog>;
    let script = Arc::new(Script::default());
    let plan = workflow([
        call("mail"),
        quiet("second"),
        quiet("third"),
        call("again"),
        quiet("last"),
        gate("go"),
    ])
    .plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    assert!(matches!(driving.wait().await.unwrap(), Driven::Parked(_)));
    let told: Vec<(String, Urgency)> = memory
        .urgencies()
        .into_iter()
        .map(|(kinds, urgency)| (kinds.join(" "), urgency))
        .collect();
    let expected = [
        // The report of an effectful attempt: a crash after it would deliver the mail again.
        ("step.completed attempt.started", Urgency::Soon),
        ("step.completed attempt.started", Urgency::Later),
        // An effectful attempt begins only when its start is on disk.
        ("step.completed attempt.started", Urgency::Now),
        ("step.completed attempt.started", Urgency::Soon),
        // A run that parks is let go of.
        ("step.completed gate.opened", Urgency::Now),
    ];
    let expected: Vec<(String, Urgency)> = expected.map(|(kinds, urgency)| (kinds.to_owned(), urgency)).into();
    assert_eq!(told, expected);
}

// rule B2
#[tokio::test]
async fn a_run_gets_no_further_ahead_of_the_log_than_its_bound() {
    let memory = Arc::new(MemoryLog::new(host("a")));
    let log: Arc<dyn RunLog> = Arc::clone(&memory) as Arc<dyn RunLog>;
    let script = Arc::new(Script::default());
    let plan = workflow([
        quiet("gate"),
        repeat_while(when("true"), 4_000, [quiet("round")]).continue_at_limit(),
    ])
    .plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    while script.entered().is_empty() {
        tokio::task::yield_now().await;
    }
    memory.hold();
    script.open_the_gate();
    let mut before = 0;
    loop {
        settle().await;
        let now = script.entered().len();
        if now == before {
            break;
        }
        before = now;
    }
    // A round is three events: its beginning, a start and an end.
    assert!((2_600..=2_731).contains(&before), "{before} rounds ran ahead");
    memory.release();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    assert_eq!(script.entered().len(), 4_001);
}

// rule B5
#[tokio::test]
async fn a_host_that_took_a_run_over_is_cautious_until_the_run_gets_on() {
    let memory = Arc::new(MemoryLog::new(host("a")));
    let log: Arc<dyn RunLog> = Arc::clone(&memory) as Arc<dyn RunLog>;
    let script = Arc::new(Script::default());
    let plan = workflow([quiet("gate"), quiet("gate2"), quiet("last")]).plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    while script.entered().is_empty() {
        tokio::task::yield_now().await;
    }
    driving.interrupt(Duration::ZERO).await;
    driving.wait().await.unwrap();

    let host = Host::new(Arc::clone(&log), Arc::new(Actions(Arc::clone(&script))), 4);
    memory.hold();
    let driving = host.resume(RunId::from_bits(7), Arc::new(Unobserved)).await.unwrap();
    settle().await;
    // It may be what hosts die of: who dies of it must have written down that it began.
    assert_eq!(script.entered().len(), 1, "it was entered before its start was on disk");
    memory.release();
    while script.entered().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(kinds(&log, "attempt.started").await, 2);
    script.open_the_gate();
    while script.entered().len() < 3 {
        tokio::task::yield_now().await;
    }
    // The run got on, and that is on disk: from here it may run ahead.
    while kinds(&log, "step.completed").await < 1 {
        tokio::task::yield_now().await;
    }
    settle().await;
    memory.hold();
    script.open_the_gate();
    while script.entered().len() < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(kinds(&log, "step.completed").await, 1);
    memory.release();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
}
