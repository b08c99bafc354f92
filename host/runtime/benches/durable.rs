//! What does a durable step cost from end to end, against a program without the engine that does the same?
//!
//! Each round drives runs through the host on a new database, then lets the floor do their work beside it. With
//! components a step enters `text.join` of the first-party plugins, and the floor (`components.rs`) enters it as often on
//! the same threads and commits the same rows with the same barriers. With scripted actions, which return at once, the
//! floor (`host/store/benches/shared/floor.rs`) is one thread that writes rows: what engine and shell cost by themselves.
//! A step is the end of one attempt and the start of the next, two events and the row of the run. The host has the threads of the command line. Numbers are
//! medians of the rounds after one that does not count, ratios are taken within a round. `idle` leaves the processor
//! alone while the disk works, `busy` keeps one core busy meanwhile. Quiet steps are the same steps with actions that nothing
//! outside can notice; both are driven in turn within a round. Names after `--` leave out the other parts: sequence, quiet,
//! past, many.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

#[path = "../../store/benches/shared/busy.rs"]
mod busy;
mod components;
#[path = "../../store/benches/shared/floor.rs"]
mod floor;
mod past;
#[path = "../../store/benches/shared/script.rs"]
mod script;
#[path = "../../engine/benches/shared/table.rs"]
mod table;

use busy::Busy;
use cofferdam_engine::plan::ActionReference;
use cofferdam_engine::{Append, AttemptOutcome, Data, Metrics, Plan, RunId, RunStatus};
use cofferdam_runtime::{
    Driven, Entry, Executed, Execution, Executor, Host, PreparedAction, Request, SandboxExecutor, Unobserved,
    guest_threads,
};
use cofferdam_store::{RunLog, Statistics};
use cofferdam_testkit::plan_builder::{Step, call, workflow};
use cofferdam_wasm::{EffectClass, Effective, Limits, Sandbox, SandboxOptions};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
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
    /// What every step enters; none returns its parameters at once.
    component: Option<PreparedAction>,
    class: EffectClass,
}

fn main() -> Result<(), Box<dyn Error>> {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|named| named == name);
    let control = runtime("control", 2)?;
    let guests = guest_threads()?;
    let mut table = Table::begin("durable: driver, core and log on this disk, full durability");
    if is_wanted("sequence") {
        sequence(&mut table, &control)?;
    }
    if is_wanted("quiet") {
        quiet(&mut table, &control)?;
    }
    if is_wanted("past") {
        past::measure(&mut table, &Work::new(20, 256, 64), &control)?;
    }
    if is_wanted("many") {
        many(&mut table, &control, guests.handle())?;
    }
    table.end();
    guests.shutdown_background();
    control.shutdown_background();
    Ok(())
}

/// One effectful step after the other.
fn sequence(table: &mut Table, control: &Runtime) -> Result<(), Box<dyn Error>> {
    const STEPS: u32 = 40;
    for regime in ["idle", "busy"] {
        let busy = (regime == "busy").then(Busy::begin);
        table.section(&format!("1 run of {STEPS} steps one after the other, {regime}"));
        let work = Work::new(STEPS, 1, 64);
        let rounds = work.measure(45, control)?;
        let most = |of: fn(&Statistics) -> u64| rounds.iter().map(|round| of(&round.done)).max().unwrap_or_default();
        let flushes = most(|done| done.flushes);
        table.bar(
            "flushes, the most of all rounds",
            &flushes.to_string(),
            "<= 42",
            flushes <= 42,
        );
        let bytes = most(|done| done.bytes) / u64::from(STEPS);
        table.bar(
            "bytes written per step, the most of all rounds",
            &bytes.to_string(),
            "<= 24576",
            bytes <= 24 * 1024,
        );
        work.show(table, &rounds);
        let beyond = |round: &Round| (round.host.as_secs_f64() - round.floor.as_secs_f64()) * 1e6 / f64::from(STEPS);
        let beyond = median(rounds.iter().map(beyond));
        table.bar(
            "a step, beyond the floor",
            &format!("{beyond:.1} us"),
            "<= 200 us",
            beyond <= 200.0,
        );
        drop(busy);
    }
    Ok(())
}

/// Quiet steps against effectful ones.
fn quiet(table: &mut Table, control: &Runtime) -> Result<(), Box<dyn Error>> {
    let mut rates = Vec::new();
    for (regime, steps, least) in [("idle", 1_000, 1.0), ("busy", 1_000, 4.0), ("busy", 10_000, 4.0)] {
        let busy = (regime == "busy").then(Busy::begin);
        table.section(&format!(
            "1 run of {steps} steps one after the other, quiet against effectful, {regime}"
        ));
        let pairs = Work::new(steps, 1, 64).compare(&Work::new(steps, 1, 64).quiet(), 7, control)?;
        rates.push(show_pairs(table, (1, steps), &pairs, least));
        drop(busy);
    }
    if let [_, thousand, ten_thousand] = rates[..] {
        let ratio = ten_thousand / thousand;
        table.bar(
            "quiet steps/s, by those of 1000 steps",
            &format!("{ratio:.2}"),
            ">= 0.9",
            ratio >= 0.9,
        );
    }
    table.section("256 runs of 20 steps at the same time, quiet against effectful");
    let pairs = Work::new(20, 256, 64).compare(&Work::new(20, 256, 64).quiet(), 5, control)?;
    show_pairs(table, (256, 20), &pairs, 1.0);
    Ok(())
}

/// Many runs at the same time.
fn many(table: &mut Table, control: &Runtime, guests: &Handle) -> Result<(), Box<dyn Error>> {
    let component = control.block_on(component(guests))?;
    // 64 attempts at a time is what a host is configured with; with 256 no run waits for another one's attempt. The floor
    // enters and commits by so many as well.
    for (component, attempts) in [(&component, 64), (&component, 256), (&None, 64), (&None, 256)] {
        let actions = component.as_ref().map_or("scripted actions", |_| "components");
        table.section(&format!(
            "256 runs of 20 steps at the same time, {actions}, {attempts} attempts at a time"
        ));
        let work = Work::of(component.clone(), 20, 256, attempts);
        let rounds = work.measure(5, control)?;
        work.show(table, &rounds);
        let share = share(&rounds);
        let shown = format!("{share:.2}");
        match component {
            Some(_) => table.bar("share of the floor", &shown, ">= 0.5", share >= 0.5),
            None => table.row("share of the floor, rows alone", &shown),
        }
        let alone = Work::of(component.clone(), 20, 1, attempts).measure(1, control)?;
        let (many, one) = (fewest(&rounds), fewest(&alone));
        table.bar("threads", &many.to_string(), &format!("= {one} with 1"), many == one);
    }
    if component.is_none() {
        table.section("no components: `cargo xtask plugins` builds them, and the bar needs them");
    }
    Ok(())
}

fn runtime(name: &str, threads: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        // A thread that loaded a component must not be counted long after.
        .thread_keep_alive(Duration::from_millis(50))
        .enable_all()
        .build()
}

/// What the same work took with attempts of either class, in one round.
struct Pair {
    effectful: (Duration, Statistics),
    quiet: (Duration, Statistics),
}

/// Shows how much faster quiet steps are, and how often they wait for the disk. Returns how many are made in a second.
fn show_pairs(table: &mut Table, (runs, steps): (u32, u32), pairs: &[Pair], least: f64) -> f64 {
    let all = f64::from(runs) * f64::from(steps);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / all;
    let effectful = median(pairs.iter().map(|pair| each(pair.effectful.0)));
    let quiet = median(pairs.iter().map(|pair| each(pair.quiet.0)));
    table.row(
        "an effectful step",
        &format!("{effectful:.1} us, {:.0}/s", 1e6 / effectful),
    );
    table.row("a quiet step", &format!("{quiet:.1} us, {:.0}/s", 1e6 / quiet));
    let times = median(
        pairs
            .iter()
            .map(|pair| pair.effectful.0.as_secs_f64() / pair.quiet.0.as_secs_f64()),
    );
    table.bar(
        "quiet, times as fast",
        &format!("{times:.2}"),
        &format!(">= {least}"),
        times >= least,
    );
    let worst = pairs
        .iter()
        .map(|pair| pair.quiet.1.flushes as f64 - pair.quiet.0.as_secs_f64() / 0.2)
        .fold(0.0, f64::max);
    let (label, shown) = ("flushes of quiet steps, beyond one in 200 ms", format!("{worst:.1}"));
    match (runs, steps) {
        (1, 1_000) => table.bar(label, &shown, "<= 2", worst <= 2.0),
        // Each of many runs begins and ends with one that it shares with those that do so at the same time. What 10 000 steps leave
        // within 200 ms is more than the log may take with its lock held (rule C11).
        _ => table.row(label, &shown),
    }
    1e6 / quiet
}

struct Round {
    host: Duration,
    floor: Duration,
    done: Statistics,
    threads: u64,
}

impl Work {
    fn new(steps: u32, runs: u32, attempts: u32) -> Self {
        Self::of(None, steps, runs, attempts)
    }

    fn of(component: Option<PreparedAction>, steps: u32, runs: u32, attempts: u32) -> Self {
        let (plan, result): (_, fn(Data) -> Data) = match component {
            None => (script::sequence(steps), std::convert::identity),
            Some(_) => (joins(steps), joined),
        };
        let script = (1..=runs)
            .map(|number| script::appends(&plan, RunId::from_bits(u128::from(number)), result))
            .collect();
        Self {
            component,
            plan: Arc::new(plan),
            steps,
            runs,
            attempts,
            script,
            class: EffectClass::Effectful,
        }
    }

    /// The same work with attempts that nothing outside can notice.
    fn quiet(mut self) -> Self {
        self.class = EffectClass::Quiet;
        self
    }

    /// Drives quiet and effectful runs in turn, and returns the rounds of each.
    fn compare(&self, quiet: &Self, rounds: usize, control: &Runtime) -> Result<Vec<Pair>, Box<dyn Error>> {
        (0..=rounds)
            .map(|_| {
                let drive = |work: &Self| -> Result<_, Box<dyn Error>> {
                    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
                    let (took, done, _) = control.block_on(work.drive(directory.path()))?;
                    Ok((took, done))
                };
                Ok(Pair {
                    effectful: drive(self)?,
                    quiet: drive(quiet)?,
                })
            })
            .skip(1)
            .collect()
    }

    fn measure(&self, rounds: usize, control: &Runtime) -> Result<Vec<Round>, Box<dyn Error>> {
        let floor = |directory: &Path| -> Result<Duration, Box<dyn Error>> {
            let attempts = self.attempts as usize;
            match &self.component {
                None => floor::write(directory, &self.script, attempts),
                Some(action) => components::drive(directory, &self.script, action, attempts, control),
            }
        };
        (0..=rounds)
            .map(|round| {
                let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
                // In turn: the first one also waits for what the disk does about the round before.
                let early = if round % 2 == 0 {
                    Some(floor(directory.path())?)
                } else {
                    None
                };
                let (host, done, threads) = control.block_on(self.drive(directory.path()))?;
                let floor = match early {
                    Some(floor) => floor,
                    None => floor(directory.path())?,
                };
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
    async fn drive(&self, directory: &Path) -> Result<(Duration, Statistics, u64), Box<dyn Error>> {
        self.drive_after(0, directory).await
    }

    /// Drives all runs to their ends, with numbers after those of others that the log has already.
    async fn drive_after(&self, before: u128, directory: &Path) -> Result<(Duration, Statistics, u64), Box<dyn Error>> {
        let log: Arc<dyn RunLog> = Arc::new(floor::open(&directory.join("state.db"))?);
        let host = Host::new(Arc::clone(&log), self.executor(), self.attempts);
        let began = Instant::now();
        let driving: Vec<_> = (1..=self.runs)
            .map(|number| {
                let id = RunId::from_bits(before + u128::from(number));
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
        Ok((took, done, threads("self")))
    }

    fn executor(&self) -> Arc<dyn Executor> {
        let Some(action) = &self.component else {
            return Arc::new(Scripted(self.class));
        };
        let reference = ActionReference {
            plugin: "text".to_owned(),
            action: "join".to_owned(),
            component: *action.action.component().digest(),
        };
        let mut sandbox = SandboxExecutor::new();
        sandbox.add(&reference.plugin, action.clone());
        Arc::new(Sandboxed { sandbox, reference })
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
        table.row("the floor, per step", &format!("{floor:.1} us, {:.0}/s", 1e6 / floor));
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

fn fewest(rounds: &[Round]) -> u64 {
    rounds.iter().map(|round| round.threads).min().unwrap_or_default()
}

/// Returns what part of the floor's speed the host has.
fn share(rounds: &[Round]) -> f64 {
    median(
        rounds
            .iter()
            .map(|round| round.floor.as_secs_f64() / round.host.as_secs_f64()),
    )
}

/// Returns a plan of calls of `text.join`, each with the text of the one before.
fn joins(steps: u32) -> Plan {
    let steps: Vec<Step> = (0..steps)
        .map(|number| match number.checked_sub(1) {
            None => call("s0").with("items", "['a', 'b']"),
            Some(before) => call(&format!("s{number}")).with("items", &format!("['a', steps.s{before}.output.text]")),
        })
        .collect();
    workflow(steps).plan()
}

/// Returns what `text.join` makes of its parameters.
fn joined(params: Data) -> Data {
    let Some(Data::List(items)) = params.get("items") else {
        return Data::Null;
    };
    let texts: Vec<&str> = items.iter().filter_map(Data::as_text).collect();
    Data::map([("text", Data::text(texts.join("\n")))])
}

/// Loads the component that the steps enter, if it was built.
async fn component(guests: &Handle) -> Result<Option<PreparedAction>, Box<dyn Error>> {
    let directory = std::env::var_os("COFFERDAM_PLUGINS").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins"),
        PathBuf::from,
    );
    let path = directory.join("text.wasm");
    if !path.is_file() {
        return Ok(None);
    }
    let sandbox = Sandbox::new(&SandboxOptions {
        threads: Some(guests.clone()),
        ..SandboxOptions::default()
    })?;
    let component = sandbox.load(std::fs::read(path)?.into()).await?;
    let action = component
        .action("join")
        .ok_or("the plugin `text` has no action `join`")?;
    Ok(Some(PreparedAction {
        action,
        grants: Arc::new(Effective::nothing()),
        settings: Arc::default(),
        limits: Limits::default(),
    }))
}

/// Enters the same component in every step, as the command line does; plans of the test kit name none.
struct Sandboxed {
    sandbox: SandboxExecutor,
    reference: ActionReference,
}

impl Executor for Sandboxed {
    fn enter(&self, mut entry: Entry) -> Execution {
        entry.attempt.action = self.reference.clone();
        self.sandbox.enter(entry)
    }
}

/// Returns the parameters of every attempt as its result, at once.
struct Scripted(EffectClass);

impl Executor for Scripted {
    fn class(&self, _: &ActionReference) -> EffectClass {
        self.0
    }

    fn enter(&self, entry: Entry) -> Execution {
        Box::pin(async move {
            Executed {
                outcome: AttemptOutcome::Completed {
                    output: entry.attempt.params,
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
