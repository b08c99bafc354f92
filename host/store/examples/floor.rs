//! How fast this disk takes the rows of steps: the floor that runs are measured against (two events and one row each).
//!
//! `cargo run --release -p cofferdam-store --example floor [DIRECTORY]`

use cofferdam_engine::{
    Append, Data, Digest, Event, Generation, Occurrence, Recorded, RunId, RunRow, RunStatus, StepPath, StepReference,
    Timestamp, Value, Version,
};
use cofferdam_store::{
    Creation, Definition, Durability, Fate, HostId, LeaseTerms, NewRun, RunLog, SqliteLog, SqliteOptions, Ticket,
};
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Long enough to see checkpoints.
const MEASURED: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    for in_flight in [1, 256] {
        measure(&directory, in_flight)?;
    }
    Ok(())
}

/// Writes steps of `in_flight` runs, the next one of each as soon as the one before is durable.
fn measure(directory: &Path, in_flight: u128) -> Result<(), Box<dyn Error>> {
    let place = directory.join(format!("cofferdam-floor-{}-{in_flight}", std::process::id()));
    let log = SqliteLog::open(SqliteOptions {
        path: place.join("state.db"),
        host: HostId::parse("floor").ok_or("the host has a name")?,
        durability: Durability::Full,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    })?;
    let mut open: VecDeque<(RunId, u64, Ticket)> = (0..in_flight)
        .map(|number| {
            let run = new_run(number);
            (run.id, 2, log.begin(run.clone(), step(run.id, 0)))
        })
        .collect();
    let began = Instant::now();
    let mut steps = 0_u64;
    while let Some((run, version, ticket)) = open.pop_front() {
        if let fate @ (Fate::Failed(_) | Fate::Fenced(_) | Fate::InboxNotEmpty) = ticket.wait() {
            return Err(format!("a step was not written: {fate:?}").into());
        }
        steps += 1;
        if began.elapsed() < MEASURED {
            open.push_back((run, version + 2, log.hand_over(step(run, version))));
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let statistics = log.statistics();
    drop(log);
    std::fs::remove_dir_all(place)?;
    writeln!(
        std::io::stdout(),
        "{in_flight:>4} in flight: {:>8.0} steps/s, {:>7.0} flushes/s, {:>6} bytes a step",
        steps as f64 / seconds,
        statistics.flushes as f64 / seconds,
        statistics.bytes / steps.max(1),
    )?;
    Ok(())
}

fn new_run(number: u128) -> NewRun {
    let plan: &[u8] = b"floor";
    NewRun {
        id: RunId::from_bits(number),
        definition: Definition {
            workflow: "floor".into(),
            file: "floor.wf".into(),
            source: "".into(),
            plan: plan.into(),
            digest: Digest::of(plan),
        },
        created_at: Timestamp::default(),
        caller_id: None,
        labels: BTreeMap::new(),
    }
}

/// Returns the append between two steps: the end of one and the start of the next.
fn step(run: RunId, version: u64) -> Append {
    let at = StepReference {
        step: StepPath::new("steps/measure"),
        occurrence: Occurrence::default(),
    };
    let completed = Event::StepCompleted {
        at: at.clone(),
        attempt: 1,
        output: Value::new(Data::map([("count", Data::Int(version as i64))])),
        markers: Vec::new(),
        context: None,
        metrics: BTreeMap::new(),
        shared: Vec::new(),
        used: None,
    };
    let started = Event::AttemptStarted {
        at,
        attempt: 1,
        delivery: 1,
        params: Some(Value::new(Data::map([("path", Data::text("some/path/of/a/file"))]))),
        missing: Vec::new(),
        class: None,
    };
    let recorded = |sequence, event| Recorded {
        sequence,
        at: Timestamp::default(),
        event,
    };
    Append {
        run,
        generation: Generation(1),
        expected: Version(version),
        events: vec![recorded(version + 1, completed), recorded(version + 2, started)],
        row: RunRow {
            status: RunStatus::Running,
            wake_at: None,
            version: Version(version + 2),
        },
        answers: Vec::new(),
        snapshot: None,
    }
}
