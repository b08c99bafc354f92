//! What do 100 000 runs cost that only wait?

use super::place::{Place, park};
use super::table::threads;
use super::{Outcome, Table};
use cofferdam_runtime::{Embedded, now};
use cofferdam_store::Inbox;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const RUNS: usize = 100_000;
/// How many runs are begun at the same time.
const AT_ONCE: usize = 256;
const LOOKS: u32 = 1_000;
/// How long a host is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// How long a host may get ready before: threads that it has to spare end 10 s after their last work.
const SETTLED: Duration = Duration::from_secs(15);

const WAITS: &str = r#"workflow waits edition 1 {
  wait soak { for = 30d }
}
"#;

// row L07, row Q04, row Q06
pub(crate) async fn measure(table: &mut Table) -> Outcome {
    table.section(&format!("{RUNS} parked runs"));
    let empty = Place::make()?;
    drop(empty.embedded().await?);
    let without = idle(&empty)?;

    let place = Place::make()?;
    let host = Arc::new(place.embedded().await?);
    let began = Instant::now();
    begin(&host).await?;
    let each = began.elapsed().as_secs_f64() * 1e6 / RUNS as f64;
    table.row("beginning one and parking it", &format!("{each:.0} us"));

    let mut look = 0.0;
    for _ in 0..LOOKS {
        let began = Instant::now();
        let claimable = host.log().claimable(now(), 64).await?;
        host.log().next_wake(now()).await?;
        host.log().unanswered(Inbox::OfThisHost).await?;
        look += began.elapsed().as_secs_f64() * 1e3;
        if !claimable.is_empty() {
            return Err("a parked run can be claimed".into());
        }
    }
    let look = look / f64::from(LOOKS);
    table.bar(
        "a look with nothing due",
        &format!("{look:.3} ms"),
        "< 1 ms",
        look < 1.0,
    );
    drop(host);

    let with = idle(&place)?;
    let percent = |share: f64| format!("{:.3} %", share * 100.0);
    table.row("CPU of a host without runs", &percent(without.cpu));
    table.bar("CPU of the host", &percent(with.cpu), "< 0.1 %", with.cpu < 0.001);
    table.row("memory of a host without runs", &format!("{:.1} MB", without.memory));
    let more = with.memory - without.memory;
    table.bar(
        "memory of the host beyond that",
        &format!("{more:.1} MB"),
        "<= 100 MB",
        more <= 100.0,
    );
    let (threads, fewer) = (with.threads, without.threads);
    table.bar(
        "threads of the host",
        &threads.to_string(),
        &format!("= {fewer} without runs"),
        threads == fewer,
    );
    Ok(())
}

async fn begin(host: &Arc<Embedded>) -> Outcome {
    let workflow = Arc::new(host.check(WAITS, "waits.wf")?);
    let mut parking = JoinSet::new();
    for _ in 0..RUNS {
        if parking.len() == AT_ONCE
            && let Some(parked) = parking.join_next().await
        {
            parked??;
        }
        let (host, workflow) = (Arc::clone(host), Arc::clone(&workflow));
        parking.spawn(async move {
            let parked = park(&host, &workflow, Vec::new()).await;
            parked.map(drop).map_err(|error| error.to_string())
        });
    }
    while let Some(parked) = parking.join_next().await {
        parked??;
    }
    Ok(())
}

/// What an idle host takes.
struct Idle {
    /// The share of a core.
    cpu: f64,
    /// In MB.
    memory: f64,
    threads: u64,
}

fn idle(place: &Place) -> Outcome<Idle> {
    let host = place.work()?;
    std::thread::sleep(SETTLED);
    let before = processor_time(host.id())?;
    let began = Instant::now();
    std::thread::sleep(WATCHED);
    let took = processor_time(host.id())?.checked_sub(before);
    let took = took.ok_or("a thread ended, and what it took is not known any more")?;
    let cpu = took.as_secs_f64() / began.elapsed().as_secs_f64();
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id()))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or("no memory is told")?;
    Ok(Idle {
        cpu,
        memory: kilobytes.parse::<f64>()? / 1e3,
        threads: threads(&host.id().to_string()),
    })
}

/// Returns what all threads of a process have run for so far.
fn processor_time(process: u32) -> Outcome<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let file: PathBuf = thread?.path().join("schedstat");
        // A thread may end meanwhile.
        let Ok(told) = std::fs::read_to_string(file) else {
            continue;
        };
        let ran = told.split(' ').next().ok_or("no time is told")?;
        nanoseconds += ran.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
