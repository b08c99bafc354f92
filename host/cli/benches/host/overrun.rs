//! By how much does a guest exceed its time beside others that never let go?

use super::place::{Place, events_until, newest_with_attempts};
use super::table::median;
use super::timers::{SPINNING, spins};
use super::{Outcome, Table, percentile};
use cofferdam_engine::Event;

/// How many times end, one after the other.
const TIMEOUTS: usize = 100;
/// The time of each, in milliseconds.
const TIME: u64 = 100;

pub(crate) async fn measure(table: &mut Table) -> Outcome {
    table.section(&format!(
        "{TIMEOUTS} guests that never let go, {TIME} ms each, beside {SPINNING} more"
    ));
    let place = Place::make()?;
    let host = place.embedded().await?;
    let worker = place.work()?;
    place.detach("spins.wf", &spins(SPINNING))?;
    newest_with_attempts(&host, SPINNING).await?;
    let calls: String = (0..TIMEOUTS)
        .map(|number| format!("  call s{number} {{ use = ledger.spin  timeout = {TIME}ms  on_fail = continue }}\n"))
        .collect();
    place.detach("times.wf", &format!("workflow times edition 1 {{\n{calls}}}\n"))?;
    let run = host.log().find("last").await?;
    let events = events_until(&host, run, |event| matches!(event, Event::RunFinished { .. })).await?;
    drop(worker);
    let mut began = None;
    let mut late = Vec::new();
    for recorded in &events {
        match &recorded.event {
            Event::AttemptStarted { .. } => began = Some(recorded.at),
            Event::AttemptFailed { .. } => {
                let began = began.take().ok_or("an attempt ends that did not begin")?;
                late.push(recorded.at.since(began).as_secs_f64() * 1e3 - TIME as f64);
            }
            _ => {}
        }
    }
    if late.len() != TIMEOUTS {
        return Err(format!("{} of {TIMEOUTS} times ended", late.len()).into());
    }
    let (half, most) = (median(late.iter().copied()), percentile(&mut late, 99));
    table.row("too long by (p50)", &format!("{half:.0} ms"));
    table.bar("too long by (p99)", &format!("{most:.0} ms"), "<= 50 ms", most <= 50.0);
    Ok(())
}
