//! What does the log cost beside the rows that it writes: appends of runs that are known beforehand, against one thread
//! that writes the same rows with the same barriers?
//!
//! Each round writes the same appends twice, to new files beside each other: through the log, where every run hands its
//! next append over when the one before is durable, and as bare rows (`shared/floor.rs`). A step is an append of two
//! events and the row of the run. Numbers are medians of the rounds, ratios are taken within a round. `idle` leaves the
//! processor alone while the disk works, `busy` keeps one core busy.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

#[path = "shared/busy.rs"]
mod busy;
#[path = "shared/floor.rs"]
mod floor;
#[path = "shared/script.rs"]
mod script;
#[path = "../../engine/benches/shared/table.rs"]
mod table;

use busy::Busy;
use cofferdam_engine::{Append, Plan, RunId, Timestamp};
use cofferdam_store::{Definition, Fate, NewRun, RunLog, Statistics, Ticket};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};
use table::{Table, median, threads};

fn main() -> Result<(), Box<dyn Error>> {
    let mut table = Table::begin("commits: the log alone on this disk, full durability");
    for regime in ["idle", "busy"] {
        let busy = (regime == "busy").then(Busy::begin);
        table.section(&format!("1 run of 40 steps, one append after the other, {regime}"));
        let rounds = measure(5, &script::sequence(40), 1)?;
        let flushes = median(rounds.iter().map(|round| round.done.flushes as f64));
        table.bar("flushes", &flushes.to_string(), "<= 42", flushes <= 42.0);
        show(&table, &rounds, 40);
        drop(busy);
    }
    table.section("256 runs of 20 steps at the same time");
    let rounds = measure(5, &script::sequence(20), 256)?;
    show(&table, &rounds, 256 * 20);
    let flushes = median(rounds.iter().map(|round| round.done.flushes as f64));
    table.row("flushes", &flushes.to_string());
    table.row("threads of the log", &(rounds[0].threads - 1).to_string());
    table.end();
    Ok(())
}

struct Round {
    log: Duration,
    floor: Duration,
    done: Statistics,
    threads: u64,
}

fn measure(rounds: usize, plan: &Plan, runs: u128) -> Result<Vec<Round>, Box<dyn Error>> {
    let script: Vec<Vec<Append>> = (1..=runs)
        .map(|number| script::appends(plan, RunId::from_bits(number), std::convert::identity))
        .collect();
    // The first round finds cold caches.
    (0..=rounds).map(|_| once(plan, &script)).skip(1).collect()
}

fn once(plan: &Plan, script: &[Vec<Append>]) -> Result<Round, Box<dyn Error>> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (log, done, threads) = through_the_log(directory.path(), plan, script)?;
    Ok(Round {
        log,
        floor: floor::write(directory.path(), script, script.len())?,
        done,
        threads,
    })
}

fn through_the_log(
    directory: &Path,
    plan: &Plan,
    script: &[Vec<Append>],
) -> Result<(Duration, Statistics, u64), Box<dyn Error>> {
    let log = floor::open(&directory.join("state.db"))?;
    let mut script = script.to_vec();
    let runs: Vec<_> = script
        .iter()
        .flat_map(|appends| appends.first())
        .map(|first| new_run(plan, first.run))
        .collect();
    let commits = script.first().map_or(0, Vec::len);
    script.iter_mut().for_each(|appends| appends.reverse());
    let began = Instant::now();
    let mut tickets: Vec<Ticket> = runs
        .into_iter()
        .zip(&mut script)
        .filter_map(|(run, appends)| Some(log.begin(run, appends.pop()?)))
        .collect();
    for _ in 1..commits {
        let durable = tickets.drain(..).map(durable).collect::<Result<Vec<()>, _>>()?;
        let nexts = durable
            .iter()
            .zip(&mut script)
            .filter_map(|((), appends)| appends.pop());
        tickets.extend(nexts.map(|append| log.hand_over(append)));
    }
    tickets.drain(..).try_for_each(durable)?;
    Ok((began.elapsed(), log.statistics(), threads("self")))
}

fn durable(ticket: Ticket) -> Result<(), Box<dyn Error>> {
    match ticket.wait() {
        Fate::Durable(_) => Ok(()),
        fate @ (Fate::Fenced(_) | Fate::InboxNotEmpty | Fate::Failed(_)) => {
            Err(format!("an append was not written: {fate:?}").into())
        }
    }
}

fn show(table: &Table, rounds: &[Round], steps: u64) {
    let each = |time: Duration| time.as_secs_f64() * 1e6 / steps as f64;
    let log = median(rounds.iter().map(|round| each(round.log)));
    let floor = median(rounds.iter().map(|round| each(round.floor)));
    let ratio = median(rounds.iter().map(|round| each(round.floor) / each(round.log)));
    table.row("a step through the log", &format!("{log:.1} us, {:.0}/s", 1e6 / log));
    table.row("a step as bare rows", &format!("{floor:.1} us, {:.0}/s", 1e6 / floor));
    table.row("share of the floor", &format!("{ratio:.2}"));
    let bytes = median(rounds.iter().map(|round| round.done.bytes as f64 / steps as f64));
    table.row("bytes written per step", &format!("{bytes:.0}"));
}

/// Returns what the log is told of a run of `plan` before its first event.
fn new_run(plan: &Plan, id: RunId) -> NewRun {
    NewRun {
        id,
        definition: Definition {
            workflow: plan.name().into(),
            file: "bench.wf".into(),
            source: "".into(),
            plan: plan.encode().into(),
            digest: plan.digest(),
        },
        created_at: Timestamp::from_millis(1_795_000_000_000),
        caller_id: None,
        labels: BTreeMap::new(),
    }
}
