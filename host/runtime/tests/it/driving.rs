//! Runs are driven to their end, let go of, taken up again, and survive a log that fails.

use cofferdam_engine::plan::{ActionReference, Plan};
use cofferdam_engine::{
    AttemptOutcome, Data, Event, Failure, FailureClass, MessageId, Metrics, Request, RunId, RunStatus, Verdict,
};
use cofferdam_runtime::{
    Driven, Driving, Entry, Executed, Execution, Executor, Host, Request as RunRequest, Unobserved,
};
use cofferdam_store::{HostId, NewMessage, RunLog};
use cofferdam_testkit::memory_log::{Failure as LogFailure, MemoryLog};
use cofferdam_testkit::plan_builder::{call, gate, parallel, workflow};
use cofferdam_wasm::EffectClass;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// What the scripted actions do, by the step's name.
#[derive(Default)]
pub(crate) struct Script {
    entered: Mutex<Vec<(String, u32, u32)>>,
    at_once: AtomicUsize,
    most: AtomicUsize,
    /// Steps called `gate..` wait for it.
    gate: Notify,
}

impl Script {
    pub(crate) fn open_the_gate(&self) {
        self.gate.notify_one();
    }

    pub(crate) fn entered(&self) -> Vec<(String, u32, u32)> {
        self.entered.lock().unwrap().clone()
    }
}

pub(crate) struct Actions(pub(crate) Arc<Script>);

impl Executor for Actions {
    fn class(&self, action: &ActionReference) -> EffectClass {
        if action.action == "quiet" {
            EffectClass::Quiet
        } else {
            EffectClass::Effectful
        }
    }

    fn enter(&self, entry: Entry) -> Execution {
        let script = Arc::clone(&self.0);
        let step = entry.attempt.at.step.to_string();
        Box::pin(async move {
            if entry.attempt.action.action != "quiet" {
                assert!(
                    entry.proof.is_some(),
                    "{step} was entered before its start was recorded"
                );
            }
            script
                .entered
                .lock()
                .unwrap()
                .push((step.clone(), entry.attempt.number, entry.attempt.delivery));
            let now = script.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            script.most.fetch_max(now, Ordering::SeqCst);
            if step.starts_with("gate") {
                script.gate.notified().await;
            } else if step.starts_with("polite") {
                while !entry.cancel.is_asked() {
                    tokio::task::yield_now().await;
                }
                script.entered.lock().unwrap().push((format!("{step} leaves"), 0, 0));
            } else if step.starts_with("slow") {
                while !entry.cancel.is_stopped() {
                    tokio::task::yield_now().await;
                }
                script.entered.lock().unwrap().push((format!("{step} leaves"), 0, 0));
            } else if step.starts_with("stubborn") {
                std::future::pending::<()>().await;
            } else {
                tokio::task::yield_now().await;
            }
            script.at_once.fetch_sub(1, Ordering::SeqCst);
            let outcome = if step.starts_with("flaky") && entry.attempt.number == 1 {
                AttemptOutcome::Failed(Failure::new(FailureClass::Transient, "not now"))
            } else {
                AttemptOutcome::Completed {
                    output: Data::from(step),
                    markers: Vec::new(),
                    context: None,
                }
            };
            Executed {
                outcome,
                metrics: Metrics::new(),
                saved: None,
                shared: Vec::new(),
                used: None,
                denied: Vec::new(),
            }
        })
    }
}

pub(crate) fn host(name: &str) -> HostId {
    HostId::parse(name).unwrap()
}

pub(crate) fn request(plan: Plan) -> RunRequest {
    RunRequest {
        plan: Arc::new(plan),
        file: "test.wf".to_owned(),
        source: String::new(),
        inputs: BTreeMap::new(),
        injected: BTreeMap::new(),
        dry_run: false,
        caller_id: None,
    }
}

pub(crate) fn start(log: &Arc<dyn RunLog>, script: &Arc<Script>, attempts: u32, plan: Plan) -> (Host, Driving) {
    let host = Host::new(Arc::clone(log), Arc::new(Actions(Arc::clone(script))), attempts);
    let driving = host.start(RunId::from_bits(7), request(plan), Arc::new(Unobserved));
    (host, driving)
}

pub(crate) async fn kinds(log: &Arc<dyn RunLog>, kind: &str) -> usize {
    let events = log.events(RunId::from_bits(7), 0, 10_000).await.unwrap();
    events.iter().filter(|recorded| recorded.event.kind() == kind).count()
}

pub(crate) fn ended(driven: Driven) -> RunStatus {
    match driven {
        Driven::Ended(run) => run.status(),
        Driven::Interrupted { .. } => panic!("interrupted"),
        Driven::Parked(run) => panic!("parked: {:?}", run.status()),
    }
}

#[tokio::test]
async fn a_run_is_driven_to_its_end_and_tries_again_on_its_way() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let plan = workflow([call("first"), call("flaky").attempts(2), call("last")]).plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    let entered = script.entered();
    let expected = [("first", 1), ("flaky", 1), ("flaky", 2), ("last", 1)];
    assert_eq!(
        entered
            .iter()
            .map(|(step, number, _)| (step.as_str(), *number))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(kinds(&log, "run.finished").await, 1);
}

// row C14
// key host.attempts
#[tokio::test]
async fn no_more_attempts_than_permits_are_under_way() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let plan = workflow([parallel((0..40).map(|n| call(&format!("branch{n}"))))]).plan();
    let (_host, driving) = start(&log, &script, 3, plan);
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    assert_eq!(script.entered().len(), 40);
    let most = script.most.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most} at the same time");
}

#[tokio::test]
async fn an_interrupted_run_keeps_what_it_has_and_is_taken_up_again() {
    let memory = MemoryLog::new(host("a"));
    let log: Arc<dyn RunLog> = Arc::new(memory);
    let script = Arc::new(Script::default());
    let plan = workflow([call("first"), call("gate"), call("last")]).plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    while script.entered().len() < 2 {
        tokio::task::yield_now().await;
    }
    driving.interrupt(Duration::ZERO).await;
    let Driven::Interrupted { stopped, run } = driving.wait().await.unwrap() else {
        panic!("not interrupted")
    };
    assert_eq!(
        (stopped, run.status()),
        (vec!["gate".to_owned()], RunStatus::Interrupted)
    );
    let host = Host::new(Arc::clone(&log), Arc::new(Actions(Arc::clone(&script))), 4);
    let driving = host.resume(RunId::from_bits(7), Arc::new(Unobserved)).await.unwrap();
    while script.entered().len() < 3 {
        tokio::task::yield_now().await;
    }
    script.gate.notify_one();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    let entered = script.entered();
    let expected = [("first", 1, 1), ("gate", 1, 1), ("gate", 1, 2), ("last", 1, 1)];
    assert_eq!(
        entered
            .iter()
            .map(|(step, number, delivery)| (step.as_str(), *number, *delivery))
            .collect::<Vec<_>>(),
        expected
    );
}

#[tokio::test]
async fn a_report_outlives_the_append_that_was_to_record_it() {
    let memory = Arc::new(MemoryLog::new(host("a")));
    let log: Arc<dyn RunLog> = Arc::clone(&memory) as Arc<dyn RunLog>;
    let script = Arc::new(Script::default());
    let plan = workflow([call("gate"), call("last")]).plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    while script.entered().is_empty() {
        tokio::task::yield_now().await;
    }
    memory.fail_next(LogFailure::NotWritten);
    script.gate.notify_one();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    // The result of `gate` was decided again from the kept report, not computed again.
    let steps: Vec<String> = script.entered().into_iter().map(|(step, ..)| step).collect();
    assert_eq!(steps, ["gate", "last"]);
    assert_eq!(kinds(&log, "run.adopted").await, 1);
    let events = log.events(RunId::from_bits(7), 0, 100).await.unwrap();
    let completed = events
        .iter()
        .filter(|recorded| matches!(recorded.event, Event::StepCompleted { .. }))
        .count();
    assert_eq!(completed, 2);
}

/// Waits until as many guests were entered, and lets everything that could follow by itself happen.
async fn entered(script: &Script, count: usize) -> Vec<String> {
    while script.entered().len() < count {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    script.entered().into_iter().map(|(step, ..)| step).collect()
}

#[tokio::test]
async fn quiet_attempts_run_ahead_of_the_log_and_effectful_ones_wait_for_it() {
    let memory = Arc::new(MemoryLog::new(host("a")));
    let log: Arc<dyn RunLog> = Arc::clone(&memory) as Arc<dyn RunLog>;
    let script = Arc::new(Script::default());
    let quiet = |name| call(name).action("quiet");
    let plan = workflow([
        quiet("gate"),
        quiet("second"),
        quiet("third"),
        call("mail"),
        quiet("last"),
    ])
    .plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    assert_eq!(entered(&script, 1).await, ["gate"]);
    memory.hold();
    script.gate.notify_one();
    // Nothing of this is on disk; the mail has not been sent.
    assert_eq!(entered(&script, 3).await, ["gate", "second", "third"]);
    assert_eq!(kinds(&log, "step.completed").await, 0);
    memory.release();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    assert_eq!(entered(&script, 5).await, ["gate", "second", "third", "mail", "last"]);
}

#[tokio::test]
async fn what_ran_ahead_of_a_log_that_failed_is_thrown_away_and_done_again() {
    let memory = Arc::new(MemoryLog::new(host("a")));
    let log: Arc<dyn RunLog> = Arc::clone(&memory) as Arc<dyn RunLog>;
    let script = Arc::new(Script::default());
    let quiet = |name| call(name).action("quiet");
    let plan = workflow([quiet("gate"), quiet("second"), quiet("third"), call("mail")]).plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    assert_eq!(entered(&script, 1).await, ["gate"]);
    memory.hold();
    script.gate.notify_one();
    assert_eq!(entered(&script, 3).await, ["gate", "second", "third"]);
    memory.lose_held();
    memory.release();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    // The report of `gate`, whose start was recorded, was kept; the others never were.
    let expected = [
        ("gate", 1, 1),
        ("second", 1, 1),
        ("third", 1, 1),
        ("second", 1, 1),
        ("third", 1, 1),
        ("mail", 1, 1),
    ];
    let entered: Vec<(String, u32, u32)> = script.entered();
    let entered: Vec<(&str, u32, u32)> = entered.iter().map(|(step, n, d)| (step.as_str(), *n, *d)).collect();
    assert_eq!(entered, expected);
    assert_eq!(kinds(&log, "step.completed").await, 4);
}

#[tokio::test]
async fn a_host_that_lost_the_run_stops() {
    let memory = MemoryLog::new(host("a"));
    let other = memory.another_host(host("b"));
    let log: Arc<dyn RunLog> = Arc::new(memory);
    let script = Arc::new(Script::default());
    let plan = workflow([call("gate"), call("last")]).plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    while script.entered().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(
        other.claim(RunId::from_bits(7)).await.is_err(),
        "the run has a living host"
    );
    let events_before = kinds(&log, "attempt.started").await;
    // As after a takeover: this host may claim its own run, which is a new generation.
    let _claim = log.claim(RunId::from_bits(7)).await.unwrap();
    script.gate.notify_one();
    let error = driving.wait().await.unwrap_err();
    assert_eq!(error.to_string(), "another host took the run over");
    assert_eq!(kinds(&log, "attempt.started").await, events_before);
    assert_eq!(kinds(&log, "step.completed").await, 0);
}

async fn post(log: &Arc<dyn RunLog>, request: Request) -> MessageId {
    let at = cofferdam_runtime::now();
    let message = NewMessage::new(RunId::from_bits(7), at, "somebody", request);
    log.post(message).await.unwrap()
}

async fn answered(log: &Arc<dyn RunLog>, message: MessageId) -> Verdict {
    loop {
        if let Some(verdict) = log.answer(message).await.unwrap() {
            return verdict;
        }
        tokio::task::yield_now().await;
    }
}

// row I03
#[tokio::test]
async fn a_run_is_told_what_is_in_its_inbox_and_answers_once() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let plan = workflow([call("gate"), call("last")]).plan();
    let (_host, driving) = start(&log, &script, 4, plan);
    assert_eq!(entered(&script, 1).await, ["gate"]);
    let reason = || "enough".to_owned();
    let first = post(&log, Request::Pause { reason: reason() }).await;
    assert_eq!(answered(&log, first).await, Verdict::Accepted);
    let second = post(&log, Request::Pause { reason: reason() }).await;
    assert!(matches!(answered(&log, second).await, Verdict::Unchanged { .. }));
    // What is under way may end, then the run is let go of.
    script.gate.notify_one();
    let Driven::Parked(run) = driving.wait().await.unwrap() else {
        panic!("a paused run is parked");
    };
    assert_eq!(run.status(), RunStatus::Paused);
    assert_eq!(entered(&script, 1).await, ["gate"]);
    assert_eq!(kinds(&log, "run.paused").await, 1);
}

// row G01, row J08
#[tokio::test]
async fn a_run_that_waits_for_a_decision_is_parked_and_goes_on_where_it_is_decided() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let plan = workflow([call("first"), gate("publish"), call("last")]).plan();
    let (host, driving) = start(&log, &script, 4, plan);
    assert!(matches!(driving.wait().await.unwrap(), Driven::Parked(_)));
    let summary = log.run(RunId::from_bits(7)).await.unwrap().unwrap();
    assert_eq!((summary.status, summary.owner), (RunStatus::Waiting, None));
    let decide = |approved| Request::Decide {
        gate: Some("publish".to_owned()),
        approved,
        feedback: None,
        selections: Vec::new(),
        form: Data::Null,
    };
    let (yes, no) = (post(&log, decide(true)).await, post(&log, decide(false)).await);
    let driving = host.resume(RunId::from_bits(7), Arc::new(Unobserved)).await.unwrap();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    assert_eq!(answered(&log, yes).await, Verdict::Accepted);
    assert!(matches!(answered(&log, no).await, Verdict::Conflict { .. }));
    assert_eq!(entered(&script, 2).await, ["first", "last"]);
}

#[tokio::test]
async fn a_run_that_only_decides_enters_nothing() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let plan = workflow([gate("publish"), call("last")]).plan();
    let (host, driving) = start(&log, &script, 4, plan);
    assert!(matches!(driving.wait().await.unwrap(), Driven::Parked(_)));
    let decided = post(
        &log,
        Request::Decide {
            gate: None,
            approved: true,
            feedback: None,
            selections: Vec::new(),
            form: Data::Null,
        },
    )
    .await;
    let claim = log.claim(RunId::from_bits(7)).await.unwrap();
    let driving = host.decide_only(claim, Arc::new(Unobserved)).await.unwrap();
    assert!(matches!(driving.wait().await.unwrap(), Driven::Interrupted { .. }));
    assert_eq!(answered(&log, decided).await, Verdict::Accepted);
    assert!(script.entered().is_empty());
}

// row J10
#[tokio::test]
async fn a_host_that_lost_its_lease_stops_its_guests_and_goes_on_only_if_nobody_has_the_run() {
    for taken in [false, true] {
        let memory = MemoryLog::new(host("a"));
        let other = memory.another_host(host("b"));
        let memory = Arc::new(memory);
        let log: Arc<dyn RunLog> = Arc::clone(&memory) as Arc<dyn RunLog>;
        let script = Arc::new(Script::default());
        let plan = workflow([call("polite"), call("last")]).plan();
        let (_host, driving) = start(&log, &script, 4, plan);
        assert_eq!(entered(&script, 1).await, ["polite"]);
        if taken {
            memory.die();
            other.claim(RunId::from_bits(7)).await.unwrap();
        } else {
            memory.lose_lease();
        }
        if taken {
            let error = driving.wait().await.unwrap_err();
            assert_eq!(error.to_string(), "another host took the run over");
            assert_eq!(kinds(&log, "step.completed").await, 0);
        } else {
            // The guest was stopped without being asked, and is delivered again.
            while script.entered().len() < 2 {
                tokio::task::yield_now().await;
            }
            assert_eq!(script.entered()[1], ("polite".to_owned(), 1, 2));
            post(
                &log,
                Request::Cancel {
                    reason: "enough".to_owned(),
                },
            )
            .await;
            assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Cancelled);
        }
    }
}

// row I05, row I07
// key host.cancel_grace
#[tokio::test]
async fn a_guest_that_can_be_noticed_leaves_before_the_clean_up_begins() {
    for (step, expected) in [
        ("polite", vec!["polite", "polite leaves", "always/cleanup"]),
        // One that does not listen is stopped after its grace, and waited for.
        ("slow", vec!["slow", "slow leaves", "always/cleanup"]),
        // One that does not go even then is waited for no more.
        ("stubborn", vec!["stubborn", "always/cleanup"]),
    ] {
        let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
        let script = Arc::new(Script::default());
        let plan = workflow([call(step)]).always([call("cleanup").action("quiet")]).plan();
        let host = Host::new(Arc::clone(&log), Arc::new(Actions(Arc::clone(&script))), 4);
        let host = host.with_grace(Duration::from_millis(if step == "polite" { 60_000 } else { 20 }));
        let driving = host.start(RunId::from_bits(7), request(plan), Arc::new(Unobserved));
        assert_eq!(entered(&script, 1).await, [step]);
        post(
            &log,
            Request::Cancel {
                reason: "enough".to_owned(),
            },
        )
        .await;
        assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Cancelled);
        assert_eq!(entered(&script, expected.len()).await, expected);
    }
}

#[tokio::test]
async fn a_run_that_nobody_drives_is_cancelled_without_entering_a_guest_again_and_cleans_up() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let plan = workflow([call("first"), call("gate")]).always([call("cleanup")]).plan();
    let (host, driving) = start(&log, &script, 4, plan);
    while script.entered().len() < 2 {
        tokio::task::yield_now().await;
    }
    driving.interrupt(Duration::ZERO).await;
    assert!(matches!(driving.wait().await.unwrap(), Driven::Interrupted { .. }));
    post(
        &log,
        Request::Cancel {
            reason: "enough".to_owned(),
        },
    )
    .await;
    let driving = host.resume(RunId::from_bits(7), Arc::new(Unobserved)).await.unwrap();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Cancelled);
    let entered: Vec<String> = script.entered().into_iter().map(|(step, ..)| step).collect();
    assert_eq!(entered, ["first", "gate", "always/cleanup"]);
    assert_eq!(kinds(&log, "run.cancel_requested").await, 1);
}

/// Tells a process that is counted how many runs it is to have.
const COUNTED: &str = "COFFERDAM_TEST_RUNS";

/// Returns how many runs this process is to have, if it is one that is counted.
fn counted() -> Option<u32> {
    std::env::var(COUNTED).ok()?.parse().ok()
}

/// Returns what a test said as a process of its own that has so many runs: other tests may have threads in this one.
fn said_with(test: &str, runs: u32) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1", test])
        .env(COUNTED, runs.to_string())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the number behind a word.
fn number(said: &str, word: &str) -> u64 {
    let rest = said.split_once(word).map(|(_, rest)| rest);
    let number = rest.and_then(|rest| rest.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no {word} in {said}"))
}

// row Q03
#[test]
#[expect(clippy::print_stdout, reason = "the process that is counted tells the one that asks")]
fn a_hundred_runs_of_a_hundred_steps_have_the_threads_of_one_run_of_one() {
    if let Some(runs) = counted() {
        println!("threads: {}", threads_at_most(runs, runs));
        return;
    }
    let threads = |runs| {
        let test = "driving::a_hundred_runs_of_a_hundred_steps_have_the_threads_of_one_run_of_one";
        number(&said_with(test, runs), "threads: ")
    };
    let one = threads(1);
    assert!(one > 2, "{one}");
    assert_eq!(one, threads(100));
}

// rows G01, Q04
#[test]
#[expect(clippy::print_stdout, reason = "the process that is counted tells the one that asks")]
fn ten_thousand_gates_wait_without_a_thread_and_with_next_to_no_memory() {
    if let Some(runs) = counted() {
        let (threads, kilobytes) = threads_and_memory_of_waiting(runs);
        println!("threads: {threads} memory: {kilobytes} of {runs}");
        return;
    }
    let of = |runs| {
        let test = "driving::ten_thousand_gates_wait_without_a_thread_and_with_next_to_no_memory";
        let said = said_with(test, runs);
        (number(&said, "threads: "), number(&said, "memory: "))
    };
    let ((few_threads, little), (threads, memory)) = (of(100), of(10_000));
    assert_eq!(threads, few_threads);
    let more = memory.saturating_sub(little);
    assert!(more < 100_000, "{more} KB for 9 900 more");
}

/// Returns how many threads this process has and how much memory is resident, in KB, when so many runs wait for a
/// decision, of which one is then taken.
fn threads_and_memory_of_waiting(runs: u32) -> (usize, u64) {
    with_log(async |log| {
        let script = Arc::new(Script::default());
        let host = Host::new(Arc::clone(&log), Arc::new(Actions(Arc::clone(&script))), 64);
        let plan = workflow([gate("publish"), call("last")]).plan();
        let mut numbers = 1..=runs;
        loop {
            let starting = numbers.by_ref().take(64).map(|number| {
                let id = RunId::from_bits(u128::from(number));
                host.start(id, request(plan.clone()), Arc::new(Unobserved))
            });
            let starting: Vec<Driving> = starting.collect();
            if starting.is_empty() {
                break;
            }
            for driving in starting {
                assert!(matches!(driving.wait().await.unwrap(), Driven::Parked(_)));
            }
        }
        let counts = log.counts(None).await.unwrap();
        assert_eq!(counts.get(&RunStatus::Waiting), Some(&u64::from(runs)));
        let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let memory = number(&status, "VmRSS:");
        // They do wait, and not just lie there.
        let id = RunId::from_bits(u128::from(runs));
        let decide = Request::Decide {
            gate: None,
            approved: true,
            feedback: None,
            selections: Vec::new(),
            form: Data::Null,
        };
        let at = cofferdam_engine::Timestamp::from_millis(1);
        log.post(NewMessage::new(id, at, "ops".to_owned(), decide))
            .await
            .unwrap();
        let driving = host.resume(id, Arc::new(Unobserved)).await.unwrap();
        assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
        (threads, memory)
    })
}

/// Does something with a log on disk, on a runtime of two threads.
fn with_log<T>(work: impl AsyncFnOnce(Arc<dyn RunLog>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let log = cofferdam_store::SqliteLog::open(cofferdam_store::SqliteOptions {
            path: directory.path().join("state.db"),
            host: host("a"),
            durability: cofferdam_store::Durability::Process,
            creation: cofferdam_store::Creation::IfMissing,
            lease: cofferdam_store::LeaseTerms::default(),
        });
        work(Arc::new(log.unwrap())).await
    })
}

/// Returns the most threads of this process that an observer of `runs` runs of `steps` steps sees.
fn threads_at_most(runs: u32, steps: u32) -> usize {
    struct Threads(AtomicUsize);

    impl cofferdam_runtime::Observer for Threads {
        fn notice(&self, _: cofferdam_runtime::Notice<'_>) {
            let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
            self.0.fetch_max(threads, Ordering::Relaxed);
        }

        fn is_instant(&self) -> bool {
            true
        }
    }

    let threads = Arc::new(Threads(AtomicUsize::new(0)));
    with_log(async |log| {
        let script = Arc::new(Script::default());
        let host = Host::new(Arc::clone(&log), Arc::new(Actions(script)), 64);
        let steps: Vec<_> = (0..steps).map(|number| call(&format!("s{number}"))).collect();
        let plan = workflow(steps).plan();
        let all: Vec<_> = (1..=runs)
            .map(|number| {
                let observer: Arc<dyn cofferdam_runtime::Observer> = Arc::clone(&threads) as _;
                host.start(RunId::from_bits(u128::from(number)), request(plan.clone()), observer)
            })
            .collect();
        for driving in all {
            assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
        }
    });
    threads.0.load(Ordering::Relaxed)
}
