//! How often does a run wait for the disk, and does it wait before each of its effects?

use crate::driving::ended;
use cofferdam_engine::plan::ActionReference;
use cofferdam_engine::{AttemptOutcome, Data, Event, Metrics, RunId, RunStatus};
use cofferdam_runtime::{Entry, Executed, Execution, Executor, Host, Request, Unobserved};
use cofferdam_store::{Creation, Durability, HostId, LeaseTerms, RunLog, SqliteLog, SqliteOptions};
use cofferdam_testkit::disk::Recording;
use cofferdam_testkit::plan_builder::{Step, call, parallel, workflow};
use cofferdam_wasm::EffectClass;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const RUN: RunId = RunId::from_bits(7);

/// An effect that was begun: after how many operations on the disk, and of which delivery.
type Begun = (usize, String, u32, u32);

/// Actions that note when they are entered. Those called `quiet` are.
struct Noting {
    recording: Arc<Recording>,
    begun: Arc<Mutex<Vec<Begun>>>,
}

impl Executor for Noting {
    fn class(&self, action: &ActionReference) -> EffectClass {
        if action.action == "quiet" {
            EffectClass::Quiet
        } else {
            EffectClass::Effectful
        }
    }

    fn enter(&self, entry: Entry) -> Execution {
        let attempt = &entry.attempt;
        let step = attempt.at.step.to_string();
        if attempt.action.action != "quiet" {
            let place = self.recording.position();
            let begun = (place, step.clone(), attempt.number, attempt.delivery);
            self.begun.lock().unwrap().push(begun);
        }
        Box::pin(async move {
            Executed {
                outcome: AttemptOutcome::Completed {
                    output: Data::from(step),
                    markers: Vec::new(),
                    context: None,
                },
                metrics: Metrics::new(),
                saved: None,
                shared: Vec::new(),
                used: None,
                denied: Vec::new(),
            }
        })
    }
}

fn open(directory: &Path, host: &str) -> Arc<dyn RunLog> {
    let options = SqliteOptions {
        path: directory.join("state.db"),
        host: HostId::parse(host).unwrap(),
        durability: Durability::Full,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    };
    Arc::new(SqliteLog::open(options).unwrap())
}

/// Runs the steps to their end on a disk that is recorded; returns the recording, what was begun and when, and how many
/// syncs the run took.
async fn run(steps: Vec<Step>, directory: &Path) -> (Arc<Recording>, Vec<Begun>, usize) {
    let recording = Arc::new(Recording::of(directory));
    let log = open(directory, "before");
    let begun = Arc::new(Mutex::new(Vec::new()));
    let actions = Noting {
        recording: Arc::clone(&recording),
        begun: Arc::clone(&begun),
    };
    let before = recording.syncs();
    let host = Host::new(Arc::clone(&log), Arc::new(actions), 8);
    let request = Request {
        plan: Arc::new(workflow(steps).plan()),
        file: "test.wf".to_owned(),
        source: String::new(),
        inputs: BTreeMap::new(),
        injected: BTreeMap::new(),
        dry_run: false,
        caller_id: None,
    };
    let driving = host.start(RUN, request, Arc::new(Unobserved));
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    let syncs = recording.syncs() - before;
    let begun = std::mem::take(&mut *begun.lock().unwrap());
    (recording, begun, syncs)
}

// row Q02
#[tokio::test]
async fn forty_effectful_steps_are_forty_two_flushes_of_the_disk_at_most() {
    let directory = TempDir::new().unwrap();
    let steps = (0..40).map(|number| call(&format!("s{number}"))).collect();
    let (_recording, begun, syncs) = run(steps, directory.path()).await;
    assert_eq!(begun.len(), 40);
    // Each must wait for its start, so that fewer than 40 would be a lie.
    assert!((40..=42).contains(&syncs), "{syncs} syncs");
}

// row Q02
#[tokio::test]
async fn what_was_begun_before_a_power_cut_is_in_the_log_after_it() {
    let directory = TempDir::new().unwrap();
    let quiet = |name: &str| call(name).action("quiet");
    let mut steps = vec![quiet("a"), call("b"), quiet("c"), quiet("d"), call("e")];
    let sides = [call("left"), quiet("right"), call("middle")];
    steps.push(parallel(sides));
    steps.extend((0..6).flat_map(|number| [quiet(&format!("q{number}")), call(&format!("f{number}"))]));
    let (recording, begun, _) = run(steps, directory.path()).await;
    assert_eq!(begun.len(), 10);
    for (number, (place, step, attempt, delivery)) in begun.iter().enumerate() {
        // At the moment of the effect itself, and somewhat later; whatever the disk did not promise is gone.
        for position in [*place, (*place + number).min(recording.position())] {
            let cut = TempDir::new().unwrap();
            recording.cut(position, |_| 0, cut.path()).unwrap();
            let log = open(cut.path(), "after");
            let events = log.events(RUN, 0, usize::MAX).await.unwrap();
            let is_start = |event: &Event| {
                matches!(event, Event::AttemptStarted { at, attempt: number, delivery: round, .. }
                    if at.step.as_str() == step.as_str() && number == attempt && round == delivery)
            };
            assert!(
                events.iter().any(|recorded| is_start(&recorded.event)),
                "{step} was entered at {place}, and a cut at {position} leaves no start of it"
            );
        }
    }
}
