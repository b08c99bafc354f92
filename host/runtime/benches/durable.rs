//! What does a durable step cost from end to end without a sandbox: driver, core and log, with actions that return at
//! once, against one thread that writes the same rows with the same barriers?
//!
//! Each round drives runs through the host on a new database, then writes the rows of the same runs as bare rows beside
//! it (`host/store/benches/shared/floor.rs`): a program without the engine. A step is the end of one attempt and the
//! start of the next, two events and the row of the run. The host has the threads of the command line. Numbers are
//! medians of the rounds after one that does not count, ratios are taken within a round. `idle` leaves the processor
//! alone while the disk works, `busy` keeps one core busy meanwhile.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

#[path = "../../store/benches/shared/busy.rs"]
mod busy;
#[path = "../../store/benches/shared/floor.rs"]
mod floor;
#[path = "../../store/benches/shared/script.rs"]
mod script;
#[path = "../../engine/benches/shared/table.rs"]
mod table;

use busy::Busy;
use cofferdam_engine::{Append, AttemptOutcome, Metrics, Plan, RunId, RunStatus};
use cofferdam_runtime::{Driven, Entry, Executed, Execution, Executor, Host, Request, Unobserved};
use cofferdam_store::{RunLog, Statistics};
use cofferdam_wasm::Usage;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use table::{Table, median, threads};
use tokio::runtime::{Builder, Handle, Runtime};

/// What a measurement drives.
struct Work {
    plan: Arc<Plan>,
    steps: u32,
    runs: u32,
    /// How many attempts the host carries out at the same time.
    attempts: u32,
    script: Vec<Vec<Append>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let control = runtime("control", 2)?;
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let guests = runtime("guests", cores)?;
    let mut table = Table::begin("durable: driver, core and log on this disk, full durability, scripted actions");
    for regime in ["idle", "busy"] {
        let busy = (regime == "busy").then(Busy::begin);
        table.section(&format!("1 run of 40 steps one after the other, {regime}"));
        let work = Work::new(40, 1, 64);
        let rounds = work.measure(5, &control, guests.handle())?;
        let flushes = rounds.iter().map(|round| round.done.flushes).max().unwrap_or_default();
        table.bar(
            "flushes, the most of all rounds",
            &flushes.to_string(),
            "<= 42",
            flushes <= 42,
        );
        work.show(&table, &rounds);
        let share = share(&rounds);
        table.row("share of the floor", &format!("{share:.2}"));
        drop(busy);
    }
    let mut seen = Vec::new();
    // With 256 no run waits for another one's attempt; 64 is what a host is configured with. The bare rows are committed
    // by so many as well.
    for attempts in [256, 64] {
        table.section(&format!(
            "256 runs of 20 steps at the same time, {attempts} attempts at a time"
        ));
        let work = Work::new(20, 256, attempts);
        let rounds = work.measure(5, &control, guests.handle())?;
        work.show(&table, &rounds);
        let share = share(&rounds);
        table.bar("share of the floor", &format!("{share:.2}"), ">= 0.4", share >= 0.4);
        seen.extend(rounds.iter().map(|round| round.threads));
    }
    let single = Work::new(40, 1, 64).measure(1, &control, guests.handle())?[0].threads;
    let most = seen.into_iter().max().unwrap_or_default();
    table.section("all of it");
    table.bar(
        "threads with 256 runs",
        &most.to_string(),
        &format!("= {single} with 1"),
        most == single,
    );
    table.end();
    guests.shutdown_background();
    control.shutdown_background();
    Ok(())
}

fn runtime(name: &str, threads: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .enable_all()
        .build()
}

struct Round {
    host: Duration,
    floor: Duration,
    done: Statistics,
    threads: u64,
}

impl Work {
    fn new(steps: u32, runs: u32, attempts: u32) -> Self {
        let plan = script::sequence(steps);
        let script = (1..=runs)
            .map(|number| script::appends(&plan, RunId::from_bits(u128::from(number))))
            .collect();
        Self {
            plan: Arc::new(plan),
            steps,
            runs,
            attempts,
            script,
        }
    }

    fn measure(&self, rounds: usize, control: &Runtime, guests: &Handle) -> Result<Vec<Round>, Box<dyn Error>> {
        (0..=rounds)
            .map(|_| {
                let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
                let (host, done, threads) = control.block_on(self.drive(directory.path(), guests.clone()))?;
                let floor = floor::write(directory.path(), &self.script, self.attempts as usize)?;
                Ok(Round {
                    host,
                    floor,
                    done,
                    threads,
                })
            })
            .skip(1)
            .collect()
    }

    /// Drives all runs to their ends on a new log.
    async fn drive(&self, directory: &Path, guests: Handle) -> Result<(Duration, Statistics, u64), Box<dyn Error>> {
        let log: Arc<dyn RunLog> = Arc::new(floor::open(&directory.join("state.db"))?);
        let host = Host::new(Arc::clone(&log), Arc::new(Scripted), self.attempts, guests);
        let began = Instant::now();
        let driving: Vec<_> = (1..=self.runs)
            .map(|number| {
                let id = RunId::from_bits(u128::from(number));
                host.start(id, self.request(), Arc::new(Unobserved))
            })
            .collect();
        for driving in driving {
            match driving.wait().await? {
                Driven::Ended(run) if run.status() == RunStatus::Completed => {}
                driven => return Err(format!("a run did not complete: {driven:?}").into()),
            }
        }
        let took = began.elapsed();
        let done = log.statistics();
        let expected = u64::from(self.runs) * u64::from(2 * self.steps + 2);
        if done.events != expected {
            return Err(format!("{} events were recorded instead of {expected}", done.events).into());
        }
        Ok((took, done, threads()))
    }

    fn request(&self) -> Request {
        Request {
            plan: Arc::clone(&self.plan),
            file: "bench.wf".to_owned(),
            source: String::new(),
            inputs: BTreeMap::new(),
            injected: BTreeMap::new(),
            dry_run: false,
            caller_id: None,
        }
    }

    fn show(&self, table: &Table, rounds: &[Round]) {
        let steps = f64::from(self.steps) * f64::from(self.runs);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / steps;
        let host = median(rounds.iter().map(|round| each(round.host)));
        let floor = median(rounds.iter().map(|round| each(round.floor)));
        table.row("a step", &format!("{host:.1} us, {:.0}/s", 1e6 / host));
        table.row(
            "a step as bare rows, the floor",
            &format!("{floor:.1} us, {:.0}/s", 1e6 / floor),
        );
        let per_step = |of: fn(&Statistics) -> u64| median(rounds.iter().map(|round| of(&round.done) as f64 / steps));
        table.row("bytes written per step", &format!("{:.0}", per_step(|done| done.bytes)));
        let appends = f64::from(self.runs) * f64::from(self.steps + 1);
        let more = median(rounds.iter().map(|round| round.done.appends as f64 / appends));
        table.row("appends, 1 is end and start together", &format!("{more:.2}"));
        table.row(
            "steps per flush",
            &format!("{:.1}", 1.0 / per_step(|done| done.flushes)),
        );
    }
}

/// Returns what part of the floor's speed the host has.
fn share(rounds: &[Round]) -> f64 {
    median(
        rounds
            .iter()
            .map(|round| round.floor.as_secs_f64() / round.host.as_secs_f64()),
    )
}

/// Returns the parameters of every attempt as its result, at once.
struct Scripted;

impl Executor for Scripted {
    fn enter(&self, entry: Entry) -> Execution {
        Box::pin(async move {
            Executed {
                outcome: AttemptOutcome::Completed {
                    output: entry.attempt.params,
                    markers: Vec::new(),
                    context: None,
                },
                metrics: Metrics::new(),
                usage: Usage::default(),
                denied: Vec::new(),
            }
        })
    }
}
