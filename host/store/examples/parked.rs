//! What runs that only wait cost: a look for something to drive beside 100 000 of them, and taking back 10 000 of a host that died.
//!
//! `cargo run --release -p cofferdam-store --example parked [DIRECTORY]`

use cofferdam_engine::{
    Append, Data, Digest, Event, Generation, Recorded, RunId, RunRow, RunStatus, Timestamp, Value, Version,
};
use cofferdam_store::{
    Creation, Definition, Durability, HostId, Inbox, LeaseTerms, NewRun, RunLog, SqliteLog, SqliteOptions, Ticket,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// As in the figures that the host is held to.
const WAITING: u128 = 100_000;
const LOST: u128 = 10_000;
const LOOKS: u32 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let place = directory.join(format!("cofferdam-parked-{}", std::process::id()));
    let measured = measure(&place);
    std::fs::remove_dir_all(&place)?;
    measured
}

fn measure(place: &Path) -> Result<(), Box<dyn Error>> {
    let log = open(place, "first")?;
    let far = Timestamp::from_millis(i64::MAX / 2);
    begin(&log, 0..WAITING, RunStatus::Waiting, Some(far))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let now = Timestamp::from_millis(1_000_000);
    let looks = [
        (
            "nothing to claim",
            each(|| runtime.block_on(log.claimable(now, 64)).map(drop))?,
        ),
        ("the next time", each(|| runtime.block_on(log.next_wake()).map(drop))?),
        (
            "an empty inbox",
            each(|| runtime.block_on(log.unanswered(Inbox::OfThisHost)).map(drop))?,
        ),
    ];
    let mut out = std::io::stdout();
    for (what, time) in looks {
        writeln!(
            out,
            "{what:<24}{:>10.1} us a look beside {WAITING} waiting runs",
            time.as_secs_f64() * 1e6
        )?;
    }
    begin(&log, WAITING..WAITING + LOST, RunStatus::Running, None)?;
    let second = open(place, "second")?;
    drop(log);
    let began = Instant::now();
    let found = runtime.block_on(second.claimable(now, LOST as usize))?;
    let looked = began.elapsed();
    runtime.block_on(async {
        // At the same time, as a host takes them up: many become one transaction.
        let claims: Vec<_> = found
            .iter()
            .map(|runnable| tokio::spawn(second.claim(runnable.run)))
            .collect();
        for claim in claims {
            claim.await??;
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    writeln!(
        out,
        "{} runs of a lost host found in {:.1} ms, claimed in {:.2} s",
        found.len(),
        looked.as_secs_f64() * 1e3,
        began.elapsed().as_secs_f64(),
    )?;
    Ok(())
}

fn open(place: &Path, host: &str) -> Result<SqliteLog, Box<dyn Error>> {
    Ok(SqliteLog::open(SqliteOptions {
        path: place.join("state.db"),
        host: HostId::parse(host).ok_or("the host has a name")?,
        durability: Durability::Full,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    })?)
}

/// Returns what one of many looks takes.
fn each<E: Error + 'static>(mut look: impl FnMut() -> Result<(), E>) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    for _ in 0..LOOKS {
        look()?;
    }
    Ok(began.elapsed() / LOOKS)
}

fn begin(
    log: &SqliteLog,
    numbers: std::ops::Range<u128>,
    status: RunStatus,
    wake_at: Option<Timestamp>,
) -> Result<(), Box<dyn Error>> {
    let tickets: Vec<Ticket> = numbers
        .map(|number| {
            let run = new_run(number);
            let first = first(&run, status, wake_at);
            log.begin(run, first)
        })
        .collect();
    for ticket in tickets {
        ticket.wait().position().ok_or("a run did not begin")?;
    }
    Ok(())
}

fn new_run(number: u128) -> NewRun {
    let plan: &[u8] = b"{}";
    NewRun {
        id: RunId::from_bits(0x0192_f3a4_7b1c_7000_8000_0000_0000_0000 | number),
        definition: Definition {
            workflow: "parked".into(),
            file: "parked.wf".into(),
            source: "".into(),
            plan: plan.into(),
            digest: Digest::of(plan),
        },
        created_at: Timestamp::from_millis(0),
        caller_id: None,
        labels: BTreeMap::new(),
    }
}

fn first(run: &NewRun, status: RunStatus, wake_at: Option<Timestamp>) -> Append {
    let event = Event::RunStarted {
        workflow: run.definition.workflow.to_string(),
        plan: run.definition.digest,
        inputs: Value::new(Data::Null),
        injected: BTreeMap::new(),
        dry_run: false,
    };
    Append {
        run: run.id,
        generation: Generation(1),
        expected: Version(0),
        events: vec![Recorded {
            sequence: 1,
            at: Timestamp::from_millis(0),
            event,
        }],
        row: RunRow {
            status,
            wake_at,
            version: Version(1),
        },
        answers: Vec::new(),
        snapshot: None,
    }
}
