//! What does a step cost in a state that has seen a million runs?

use crate::Work;
use crate::table::{Table, median};
use cofferdam_engine::{
    Append, Data, Digest, Ending, Event, Generation, Recorded, RunId, RunRow, RunStatus, Timestamp, Value, Version,
};
use cofferdam_store::{Definition, NewRun, RunLog, Ticket};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use tokio::runtime::Runtime;

const FINISHED: u128 = 1_000_000;
/// How many runs are handed over before the first of them is waited for.
const AT_ONCE: u128 = 10_000;
const ROUNDS: u32 = 5;
/// Where the numbers of the finished runs begin, far from those that are driven.
const FIRST: u128 = 1 << 64;

/// Drives the same work in turn in an empty state and in one that is full of finished runs.
pub(crate) fn measure(table: &mut Table, work: &Work, control: &Runtime) -> Result<(), Box<dyn Error>> {
    table.section(&format!(
        "{} runs of {} steps at the same time, beside {FINISHED} finished runs and beside none",
        work.runs, work.steps
    ));
    let full = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    fill(&crate::floor::open(&full.path().join("state.db"))?)?;
    // Or the disk would still be busy with them.
    rustix::fs::sync();
    let drive = |directory: &Path, round: u32| -> Result<f64, Box<dyn Error>> {
        let before = u128::from(round) * u128::from(work.runs);
        let (took, ..) = control.block_on(work.drive_after(before, directory))?;
        Ok(took.as_secs_f64() * 1e6 / f64::from(work.steps * work.runs))
    };
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let empty = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        rounds.push((drive(empty.path(), 0)?, drive(full.path(), round)?));
    }
    let rounds = &rounds[1..];
    table.row(
        "a step beside none",
        &format!("{:.1} us", median(rounds.iter().map(|round| round.0))),
    );
    table.row(
        "a step beside them",
        &format!("{:.1} us", median(rounds.iter().map(|round| round.1))),
    );
    let times = median(rounds.iter().map(|(without, with)| with / without));
    table.bar("times as long", &format!("{times:.2}"), "<= 1.15", times <= 1.15);
    Ok(())
}

fn fill(log: &dyn RunLog) -> Result<(), Box<dyn Error>> {
    for batch in 0..FINISHED / AT_ONCE {
        let tickets: Vec<Ticket> = (0..AT_ONCE)
            .map(|number| {
                let run = finished(FIRST + batch * AT_ONCE + number);
                let append = whole(&run);
                log.begin(run, append)
            })
            .collect();
        for ticket in tickets {
            ticket.wait().position().ok_or("a run was not recorded")?;
        }
    }
    Ok(())
}

fn finished(number: u128) -> NewRun {
    let plan: &[u8] = b"{}";
    NewRun {
        id: RunId::from_bits(number),
        definition: Definition {
            workflow: "past".into(),
            file: "past.wf".into(),
            source: "".into(),
            plan: plan.into(),
            digest: Digest::of(plan),
        },
        created_at: Timestamp::from_millis(0),
        caller_id: None,
        labels: BTreeMap::new(),
    }
}

/// Returns all that happened to a run.
fn whole(run: &NewRun) -> Append {
    let events = [
        Event::RunStarted {
            workflow: run.definition.workflow.to_string(),
            plan: run.definition.digest,
            inputs: Value::new(Data::Null),
            injected: BTreeMap::new(),
            dry_run: false,
        },
        Event::RunFinished {
            ending: Ending::Completed,
            outputs: Value::new(Data::Null),
        },
    ];
    let recorded = (1..).zip(events).map(|(sequence, event)| Recorded {
        sequence,
        at: Timestamp::from_millis(0),
        event,
    });
    Append {
        run: run.id,
        generation: Generation(1),
        expected: Version(0),
        events: recorded.collect(),
        row: RunRow {
            status: RunStatus::Completed,
            wake_at: None,
            version: Version(2),
        },
        answers: Vec::new(),
        snapshot: None,
    }
}
