//! What does it cost to enter a guest once: a store of its own, an instance, one call, and everything dropped?
//!
//! The guest is a Rust action with WASI, and every interface of the host is linked: `text.join` of the first-party
//! plugins, from the directory in COFFERDAM_PLUGINS or where `cargo xtask plugins` puts it; without it a component of
//! some lines of text, which is no Rust and held to no bar. A call is [`cofferdam_wasm::Action::run`] as the host makes
//! it: limits, deadline and report are part of it. Times of single calls are taken on one thread; a share is that of one
//! round, and the number shown the median of the rounds after one that does not count.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

#[path = "entry/beside.rs"]
mod beside;
#[expect(dead_code, reason = "only the simplest guest of the tests is of use here")]
#[path = "../tests/it/guests.rs"]
mod guests;
#[path = "entry/loading.rs"]
mod loading;
#[path = "../../engine/benches/shared/table.rs"]
mod table;

use cofferdam_engine::Data;
use cofferdam_wasm::{
    Action, AttemptCall, AttemptInfo, Authority, CancelFlag, Effective, Limits, Sandbox, SandboxOptions, Silent,
    Verdict,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use table::{Table, median, threads};
use tokio::runtime::Builder;

/// Everything here ends the bench, also what a task comes back with.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 7;
const CALLS: usize = 2_000;

fn main() -> Result<()> {
    let one_thread = Builder::new_current_thread().enable_all().build()?;
    let two_threads = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sandbox = Sandbox::new(&SandboxOptions::default())?;
    let mut table = Table::begin("entry: a fresh store, an instance, one call, all of it dropped");
    let plugin = plugin();
    let action = one_thread.block_on(load(&sandbox, plugin.as_deref()))?;
    let pooled = if sandbox.is_pooled() { "pooled" } else { "not pooled" };
    table.section(&match &plugin {
        Some(_) => format!("`text.join`, {} KB, {pooled}", action.component().size() / 1000),
        None => format!("no plugins are built: a component of a few lines of text instead, {pooled}"),
    });

    let rounds: Vec<Vec<Duration>> = (0..=ROUNDS)
        .map(|_| one_thread.block_on(calls(&action, CALLS)))
        .skip(1)
        .collect::<Result<_>>()?;
    let share = |percent: usize| {
        median(
            rounds
                .iter()
                .map(|round| round[round.len() * percent / 100].as_secs_f64() * 1e6),
        )
    };
    let half = share(50);
    let shown = format!("{half:.1} us");
    match &plugin {
        Some(_) => table.bar("p50", &shown, "<= 50 us", half <= 50.0),
        None => table.row("p50", &shown),
    }
    table.row("p95", &format!("{:.1} us", share(95)));
    let most = share(99);
    table.bar("p99", &format!("{most:.1} us"), "<= 3 p50", most <= 3.0 * half);
    let mut medians = Vec::new();
    for tasks in [1, 2] {
        let rates: Vec<f64> = (0..=ROUNDS)
            .map(|_| two_threads.block_on(rate(&action, tasks)))
            .skip(1)
            .collect::<Result<_>>()?;
        let rate = median(rates);
        medians.push(rate);
        table.row(
            &format!("calls with {tasks} at a time on 2 threads"),
            &format!("{rate:.0}/s"),
        );
    }
    let ratio = medians[1] / medians[0];
    table.bar(
        "the second of these by the first",
        &format!("{ratio:.2}"),
        ">= 0.9",
        ratio >= 0.9,
    );
    two_threads.block_on(beside::measure(
        &mut table,
        &sandbox,
        &action,
        Duration::from_secs_f64(half / 1e6),
    ))?;
    if let Some(largest) = plugin
        .as_deref()
        .and_then(Path::parent)
        .map(|built| built.join("fs.wasm"))
    {
        one_thread.block_on(loading::measure(&mut table, &largest))?;
    }
    table.row("threads", &threads("self").to_string());
    table.end();
    Ok(())
}

/// Returns where the component of the plugin `text` is, if it was built.
fn plugin() -> Option<PathBuf> {
    let directory = std::env::var_os("COFFERDAM_PLUGINS").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins"),
        PathBuf::from,
    );
    Some(directory.join("text.wasm")).filter(|path| path.is_file())
}

async fn load(sandbox: &Sandbox, plugin: Option<&Path>) -> Result<Action> {
    let Some(path) = plugin else {
        return Ok(guests::Guest::default().action(sandbox).await);
    };
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let component = sandbox.load(bytes.into()).await?;
    let action = component.action("join");
    Ok(action.ok_or("the plugin `text` has no action `join`")?)
}

/// Returns how long each of `count` calls one after the other took, the shortest first.
async fn calls(action: &Action, count: usize) -> Result<Vec<Duration>> {
    let call = call();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let call = call.clone();
        let began = Instant::now();
        let report = action.run(call).await;
        times.push(began.elapsed());
        if !matches!(report.verdict, Verdict::Completed(_)) {
            return Err(format!("the guest did not return: {:?}", report.verdict).into());
        }
    }
    times.sort_unstable();
    Ok(times)
}

/// Returns how many calls a second `tasks` tasks make together.
async fn rate(action: &Action, tasks: usize) -> Result<f64> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let action = action.clone();
            tokio::spawn(async move { calls(&action, CALLS).await })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += task.await??.len();
    }
    Ok(made as f64 / began.elapsed().as_secs_f64())
}

fn call() -> AttemptCall {
    AttemptCall {
        params: Data::map([("items", Data::list([Data::text("a"), Data::text("b")]))]),
        attempt: AttemptInfo {
            number: 1,
            delivery: 1,
            ..AttemptInfo::default()
        },
        grants: Arc::new(Effective::nothing()),
        settings: Arc::new(BTreeMap::new()),
        limits: Limits::default(),
        observer: Arc::new(Silent),
        cancel: CancelFlag::default(),
        authority: Authority::unlimited(),
    }
}
