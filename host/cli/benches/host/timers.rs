//! How late does a host do what is due, alone and beside guests that never let go?

use super::place::{Place, events_until, newest_with_attempts, park};
use super::table::median;
use super::{Outcome, Table, percentile};
use cofferdam_engine::{Data, Event, RunId};
use cofferdam_runtime::{Embedded, now};
use std::time::Duration;

const TIMERS: u32 = 200;
/// How far the first one is away; all runs are parked before.
const AHEAD: Duration = Duration::from_secs(20);
const APART: Duration = Duration::from_millis(50);
pub(crate) const SPINNING: usize = 16;

const NAPS: &str = r#"workflow naps edition 1 {
  inputs { at }
  wait nap { until = "{{inputs.at}}" }
}
"#;

pub(crate) async fn measure(table: &mut Table) -> Outcome {
    table.section(&format!("{TIMERS} timers, {} ms apart", APART.as_millis()));
    for spinning in [0, SPINNING] {
        // Or the disk would still be busy with what was there before.
        rustix::fs::sync();
        let place = Place::make()?;
        let host = place.embedded().await?;
        let worker = place.work()?;
        if spinning > 0 {
            place.detach("spins.wf", &spins(spinning))?;
            newest_with_attempts(&host, spinning).await?;
        }
        let mut late = lateness(&host).await?;
        drop(worker);
        let half = median(late.iter().copied());
        let most = percentile(&mut late, 99);
        let beside = match spinning {
            0 => "on an idle host".to_owned(),
            count => format!("beside {count} spinning guests"),
        };
        table.row(&format!("late by (p50), {beside}"), &format!("{half:.0} ms"));
        table.bar(
            &format!("late by (p99), {beside}"),
            &format!("{most:.0} ms"),
            "<= 20 ms",
            most <= 20.0,
        );
    }
    Ok(())
}

/// Returns a workflow whose steps all compute without end at the same time.
pub(crate) fn spins(count: usize) -> String {
    let calls: String = (0..count)
        .map(|number| format!("    call s{number} {{ use = ledger.spin }}\n"))
        .collect();
    format!("workflow spins edition 1 {{\n  parallel all {{\n{calls}  }}\n}}\n")
}

/// Returns by how many milliseconds each timer was late.
async fn lateness(host: &Embedded) -> Outcome<Vec<f64>> {
    let workflow = host.check(NAPS, "naps.wf")?;
    let first = now().saturating_add(AHEAD);
    let mut runs: Vec<RunId> = Vec::new();
    for number in 0..TIMERS {
        let at = first.saturating_add(APART * number);
        runs.push(park(host, &workflow, vec![("at".to_owned(), Data::text(at.to_string()))]).await?);
    }
    if now() >= first {
        return Err(format!("parking {TIMERS} runs took longer than {AHEAD:?}").into());
    }
    let mut late = Vec::new();
    for run in runs {
        let events = events_until(host, run, |event| matches!(event, Event::RunFinished { .. })).await?;
        let due = events.iter().find_map(|recorded| match recorded.event {
            Event::WaitStarted { due, .. } => due,
            _ => None,
        });
        let due = due.ok_or("a wait has no end")?;
        let done = events
            .iter()
            .find(|recorded| matches!(recorded.event, Event::StepCompleted { .. }));
        let done = done.ok_or("a wait did not end")?;
        late.push((done.at.as_millis() - due.as_millis()) as f64);
    }
    Ok(late)
}
