//! What becomes of calls that behave, offered at half a core, beside a guest that never lets go?

use super::{Result, call};
use crate::table::Table;
use cofferdam_wasm::{Action, AttemptCall, CancelFlag, LimitName, Limits, Sandbox, Verdict};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long calls are offered.
const OFFERED: Duration = Duration::from_secs(5);
/// How often some of them are.
const EVERY: Duration = Duration::from_millis(5);
/// A guest that computes gives way as often.
const TICK: Duration = Duration::from_millis(10);

/// What became of the calls of one round.
struct Round {
    /// How many completed in time, of those that were offered.
    share: f64,
    /// In milliseconds.
    late: f64,
}

/// Measures calls of `action`, one of which takes `one`, alone and beside `spin` of the ledger that the tests use.
pub(crate) async fn measure(table: &mut Table, sandbox: &Sandbox, action: &Action, one: Duration) -> Result<()> {
    let ledger = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/ledger.wasm");
    let Ok(bytes) = std::fs::read(&ledger) else {
        table.row("calls beside a guest that spins", "not measured: no guests are built");
        return Ok(());
    };
    table.section("calls at half a core, beside a guest that never lets go, on 2 threads");
    let spin = sandbox
        .load(bytes.into())
        .await?
        .action("spin")
        .ok_or("the ledger does not spin")?;
    let alone = round(action, one).await?;
    let stop = CancelFlag::default();
    let hostile = tokio::spawn({
        let stop = stop.clone();
        async move { spin.run(endless(stop)).await }
    });
    let beside = round(action, one).await?;
    stop.stop();
    hostile.await?;
    table.row("p99 alone", &format!("{:.1} ms", alone.late));
    table.bar(
        "completed beside it",
        &format!("{:.3}", beside.share),
        ">= 0.95",
        beside.share >= 0.95,
    );
    let more = beside.late - alone.late;
    let most = 2.0 * TICK.as_secs_f64() * 1e3;
    table.bar(
        "p99 beside it, beyond that alone",
        &format!("{more:.1} ms"),
        &format!("<= {most:.0} ms"),
        more <= most,
    );
    Ok(())
}

fn endless(cancel: CancelFlag) -> AttemptCall {
    let minute = 60_000;
    AttemptCall {
        limits: Limits::default()
            .merge([(LimitName::Wall, minute), (LimitName::Cpu, minute)])
            .unwrap_or_default(),
        cancel,
        ..call()
    }
}

/// Offers calls at a steady rate, however many are still under way.
async fn round(action: &Action, one: Duration) -> Result<Round> {
    let at_once = (EVERY.as_secs_f64() * 0.5 / one.as_secs_f64()).max(1.0) as usize;
    let mut under_way = JoinSet::new();
    let mut late = Vec::new();
    let began = Instant::now();
    let mut clock = tokio::time::interval(EVERY);
    let mut offered = 0;
    while began.elapsed() < OFFERED {
        clock.tick().await;
        for _ in 0..at_once {
            let action = action.clone();
            offered += 1;
            under_way.spawn(async move {
                let began = Instant::now();
                let report = action.run(call()).await;
                matches!(report.verdict, Verdict::Completed(_)).then(|| began.elapsed())
            });
        }
        while let Some(done) = under_way.try_join_next() {
            late.extend(done?);
        }
    }
    let share = late.len() as f64 / offered as f64;
    while let Some(done) = under_way.join_next().await {
        late.extend(done?);
    }
    late.sort_unstable();
    let most = late.get(late.len() * 99 / 100).ok_or("no call completed")?;
    Ok(Round {
        share,
        late: most.as_secs_f64() * 1e3,
    })
}
