//! How soon does a host in another process do what it is asked for?

use super::place::{Place, events_until, newest_with_attempts, park};
use super::table::median;
use super::{Outcome, Table, percentile};
use cofferdam_engine::{Data, Event, Recorded, Request, Timestamp};
use cofferdam_runtime::{Embedded, now};
use cofferdam_store::NewMessage;
use std::time::Duration;

const DECISIONS: usize = 100;
const CANCELS: usize = 5;
/// What the configuration of the place says.
const GRACE: Duration = Duration::from_secs(1);

const ASKS: &str = r#"workflow asks edition 1 {
  gate human_review go { prompt = "Go?" }
  call say { use = text.join  params { items = ["gone"] } }
}
"#;

// row G09
pub(crate) async fn measure(table: &mut Table) -> Outcome {
    let place = Place::make()?;
    let host = place.embedded().await?;
    let worker = place.work()?;

    table.section("asked from another process");
    let mut took = Vec::new();
    let workflow = host.check(ASKS, "asks.wf")?;
    for _ in 0..DECISIONS {
        let run = park(&host, &workflow, Vec::new()).await?;
        let asked = now();
        let decision = Request::Decide {
            gate: None,
            approved: true,
            feedback: None,
            selections: Vec::new(),
            form: Data::Null,
        };
        let message = NewMessage::new(run, asked, "bench", decision);
        host.log().post(message).await?;
        let events = events_until(&host, run, |event| matches!(event, Event::RunFinished { .. })).await?;
        let goes_on = at(&events, |event| matches!(event, Event::AttemptStarted { .. }))?;
        took.push(millis(asked, goes_on));
    }
    let (half, most) = (median(took.iter().copied()), percentile(&mut took, 99));
    table.row("from a decision to the next step (p50)", &format!("{half:.0} ms"));
    table.bar(
        "from a decision to the next step (p99)",
        &format!("{most:.0} ms"),
        "< 50 ms",
        most < 50.0,
    );

    for (action, grace) in [("spin", Duration::ZERO), ("grind", GRACE)] {
        let mut most: f64 = 0.0;
        for round in 0..CANCELS {
            most = most.max(cancel(&place, &host, action, round).await?);
        }
        let grace = grace.as_secs_f64() * 1e3;
        table.bar(
            &format!("from cancel to the end of `{action}`, the most"),
            &format!("{most:.0} ms"),
            &format!("<= {:.0} ms", grace + 100.0),
            most <= grace + 100.0,
        );
    }
    drop(worker);
    Ok(())
}

/// Returns how many milliseconds a guest in an endless loop is there after its run is told to stop.
async fn cancel(place: &Place, host: &Embedded, action: &str, round: usize) -> Outcome<f64> {
    let text = format!("workflow loops edition 1 {{\n  call loop {{ use = ledger.{action} }}\n}}\n");
    place.detach(&format!("{action}{round}.wf"), &text)?;
    let run = newest_with_attempts(host, 1).await?;
    let reason = "enough".to_owned();
    host.ask(run, "bench", Request::Cancel { reason }).await?;
    let events = events_until(host, run, |event| matches!(event, Event::RunFinished { .. })).await?;
    let asked = at(&events, |event| matches!(event, Event::CancelRequested { .. }))?;
    let ended = at(&events, |event| matches!(event, Event::RunFinished { .. }))?;
    Ok(millis(asked, ended))
}

fn at(events: &[Recorded], wanted: impl Fn(&Event) -> bool) -> Outcome<Timestamp> {
    let found = events.iter().find(|recorded| wanted(&recorded.event));
    found
        .map(|recorded| recorded.at)
        .ok_or_else(|| "an event is missing".into())
}

fn millis(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_millis() - from.as_millis()) as f64
}
