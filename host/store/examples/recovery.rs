//! How long does it take to take over a run of 10 000 steps, with its snapshot and without, and what do snapshots write?
//!
//! `cargo run --release -p cofferdam-store --example recovery`

#![expect(clippy::print_stdout, reason = "it measures for people")]

use cofferdam_engine::{
    AttemptOutcome, Data, Decision, Input, Metrics, Orphan, Parking, Plan, Report, Run, RunId, Situation, Start,
    Timestamp, Writer,
};
use cofferdam_store::{
    Beginning, Creation, Definition, Durability, HostId, LeaseTerms, NewRun, RunLog, SqliteLog, SqliteOptions, Ticket,
};
use cofferdam_testkit::conformance::answer;
use cofferdam_testkit::plan_builder::{call, repeat_while, when, workflow};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const STEPS: usize = 10_000;
const RUN: RunId = RunId::from_bits(7);

fn open(directory: &Path, host: &str) -> SqliteLog {
    SqliteLog::open(SqliteOptions {
        path: directory.join("state.db"),
        host: HostId::parse(host).expect("a name"),
        // What is measured is reading; a write survives the process all the same.
        durability: Durability::Process,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    })
    .expect("the log opens")
}

fn situation() -> Situation {
    Situation {
        now: Timestamp::from_millis(1_000_000),
        permits: 1,
        parking: Parking::Keep,
    }
}

fn hand_over(decision: Decision, writer: &impl Writer<Ticket = Ticket>) -> Run {
    match decision {
        Decision::Unchanged(run) => run,
        Decision::Staged(staged) => staged.hand_over(writer).0,
    }
}

/// Plays all but the end of the run.
fn play(log: &SqliteLog, plan: &Plan) {
    let encoded = plan.encode();
    let new = NewRun {
        id: RUN,
        definition: Definition {
            workflow: plan.name().into(),
            file: "w.wf".into(),
            source: "".into(),
            digest: plan.digest(),
            plan: encoded.into(),
        },
        created_at: Timestamp::from_millis(1),
        caller_id: None,
        labels: BTreeMap::new(),
    };
    let start = Input::Start(Start::default());
    let decided = Run::new(RUN)
        .decide(plan, start, situation())
        .expect("a new run starts");
    let mut run = hand_over(decided, &Beginning::new(log, &new));
    let output = Data::map([("text", Data::text("x".repeat(100))), ("number", Data::Int(1))]);
    for _ in 0..STEPS {
        let attempt = run.effects(plan).remove(0);
        let report = Report {
            generation: attempt.generation,
            fence: attempt.fence,
            outcome: AttemptOutcome::Completed {
                output: output.clone(),
                markers: Vec::new(),
                context: None,
            },
            metrics: Metrics::new(),
            saved: None,
            shared: Vec::new(),
            used: None,
        };
        let decided = run.decide(plan, Input::Reported(report), situation());
        run = hand_over(decided.expect("the report is waited for"), &(log as &dyn RunLog));
        run.take_changes();
    }
}

/// Takes the run over as another host, and says how long that takes: reading and restoring.
fn take_over(directory: &Path, plan: &Plan, host: &str) -> (Duration, usize) {
    let log = open(directory, host);
    let begun = Instant::now();
    let claim = answer(log.claim(RUN)).expect("nobody has it");
    let orphan = match &claim.snapshot {
        Some(snapshot) => Orphan::restore_from(RUN, plan, snapshot, &claim.events).expect("it can be used"),
        None => Orphan::restore(RUN, plan, &claim.events).expect("the log is whole"),
    };
    let took = begun.elapsed();
    assert_eq!(orphan.look().effects(plan).len(), 1);
    (took, claim.events.len())
}

fn number(directory: &Path, query: &str) -> u64 {
    let db = rusqlite::Connection::open(directory.join("state.db")).expect("it opens");
    db.query_row(query, [], |row| row.get(0)).expect("a number")
}

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let plan = workflow([repeat_while(when("true"), STEPS as i64 + 1, [call("round")])]).plan();
    play(&open(path, "first"), &plan);
    let events = number(path, "SELECT count(*) FROM events");
    let bytes = number(path, "SELECT sum(length(data)) FROM events");
    let snapshot = number(path, "SELECT length(data) FROM snapshots");
    let written = events / 1_000 * snapshot / STEPS as u64;
    println!("{STEPS} steps: {events} events, {bytes} bytes of them; the snapshot has {snapshot} bytes");
    println!(
        "snapshots wrote about {written} bytes a step, events {}",
        bytes / STEPS as u64
    );
    let mut best = [(Duration::MAX, 0); 2];
    for round in 0..5 {
        best[0] = best[0].min(take_over(path, &plan, &format!("with-{round}")));
    }
    rusqlite::Connection::open(path.join("state.db"))
        .and_then(|db| db.execute_batch("DELETE FROM snapshots"))
        .expect("they can be taken away");
    for round in 0..5 {
        best[1] = best[1].min(take_over(path, &plan, &format!("without-{round}")));
    }
    let [(with, tail), (without, whole)] = best;
    println!("with its snapshot    {with:>10.2?}, {tail} events read");
    println!("without              {without:>10.2?}, {whole} events read");
}
