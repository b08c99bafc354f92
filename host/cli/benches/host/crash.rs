//! How soon can 10 000 runs go on again whose host was killed?

use super::{Outcome, Table};
use cofferdam_engine::{Plan, RunId};
use cofferdam_runtime::{Embedded, Entry, Executed, Execution, Executor, Host, Request, Unobserved, now};
use cofferdam_store::{Creation, Durability, HostId, LeaseTerms, RunLog, SqliteLog, SqliteOptions};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The argument with which this program is the host that is killed.
pub(crate) const VICTIM: &str = "--victim";

const RUNS: u32 = 10_000;
const PATIENCE: Duration = Duration::from_secs(300);

const WORKS: &str = r#"workflow works edition 1 {
  call join { use = text.join  params { items = ["a", "b"] } }
}
"#;

/// Counts who is entered, and lets nobody come back.
#[derive(Default)]
struct Endless(AtomicU32);

impl Executor for Endless {
    fn enter(&self, _: Entry) -> Execution {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending::<Executed>())
    }
}

impl Endless {
    async fn until_all_are_entered(&self) -> Outcome {
        let began = Instant::now();
        while self.0.load(Ordering::Relaxed) < RUNS {
            if began.elapsed() > PATIENCE {
                return Err("the runs do not come to their step".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

pub(crate) async fn measure(table: &mut Table) -> Outcome {
    table.section(&format!("{RUNS} runs in flight, their host killed with -9"));
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut victim = Command::new(std::env::current_exe()?)
        .arg(VICTIM)
        .arg(directory.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let said = victim.stdout.take().ok_or("the victim says nothing")?;
    let is_ready = BufReader::new(said).lines().next().transpose()?.as_deref() == Some("ready");
    victim.kill()?;
    victim.wait()?;
    if !is_ready {
        return Err("the victim was not ready".into());
    }

    let began = Instant::now();
    let log = open(directory.path(), "survivor")?;
    let executor = Arc::new(Endless::default());
    let host = Host::new(Arc::clone(&log), Arc::clone(&executor) as Arc<dyn Executor>, RUNS);
    let mut resuming = JoinSet::new();
    let found = log.claimable(now(), RUNS as usize).await?;
    let looked = began.elapsed();
    for runnable in found {
        let host = host.clone();
        resuming.spawn(async move { host.resume(runnable.run, Arc::new(Unobserved)).await });
    }
    let mut driving = Vec::new();
    while let Some(resumed) = resuming.join_next().await {
        driving.push(resumed??);
    }
    let claimed = began.elapsed();
    executor.until_all_are_entered().await?;
    let entered = began.elapsed();
    table.row("all are found after", &format!("{:.3} s", looked.as_secs_f64()));
    let claimed = claimed.as_secs_f64();
    table.bar(
        "all are claimed after",
        &format!("{claimed:.2} s"),
        "< 5 s",
        claimed < 5.0,
    );
    table.row(
        "all have entered their step after",
        &format!("{:.2} s", entered.as_secs_f64()),
    );
    Ok(())
}

/// Takes up all runs and waits for its end.
pub(crate) async fn suffer(directory: &Path) -> Outcome {
    let log = open(directory, "victim")?;
    let executor = Arc::new(Endless::default());
    let host = Host::new(log, Arc::clone(&executor) as Arc<dyn Executor>, RUNS);
    let plan = plan(directory).await?;
    let _driving: Vec<_> = (1..=RUNS)
        .map(|number| {
            let request = Request {
                plan: Arc::clone(&plan),
                file: "works.wf".to_owned(),
                source: WORKS.to_owned(),
                inputs: BTreeMap::new(),
                injected: BTreeMap::new(),
                dry_run: false,
                caller_id: None,
            };
            host.start(RunId::from_bits(u128::from(number)), request, Arc::new(Unobserved))
        })
        .collect();
    executor.until_all_are_entered().await?;
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    out.flush()?;
    std::future::pending().await
}

async fn plan(directory: &Path) -> Outcome<Arc<Plan>> {
    let checking = Embedded::builder()
        .state(directory.join("checking/state.db"))
        .plugins(Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins"))
        .build()
        .await?;
    Ok(Arc::clone(checking.check(WORKS, "works.wf")?.plan()))
}

fn open(directory: &Path, host: &str) -> Outcome<Arc<dyn RunLog>> {
    Ok(Arc::new(SqliteLog::open(SqliteOptions {
        path: directory.join("state.db"),
        host: HostId::parse(host).ok_or("the host has a name")?,
        durability: Durability::Full,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    })?))
}
