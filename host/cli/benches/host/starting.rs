//! How soon does a program do something whose plugins are compiled already?

use super::place::{Place, events_until};
use super::table::median;
use super::{Outcome, Table};
use cofferdam_engine::Event;
use cofferdam_runtime::now;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

const PLUGINS: usize = 100;
const ROUNDS: usize = 9;

const FIRST: &str = r#"workflow first edition 1 {
  call join { use = text.join  params { items = ["a", "b"] } }
}
"#;

pub(crate) async fn measure(table: &mut Table) -> Outcome {
    table.section("starting, with a warm cache");
    let place = Place::make()?;
    std::fs::write(place.path("project/first.wf"), FIRST)?;
    let host = place.embedded().await?;
    let mut took = Vec::new();
    for _ in 0..=ROUNDS {
        let began = now();
        let mut run = place.cofferdam(&["run", "first.wf"]);
        let done = run.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if !done.success() {
            return Err("the run does not complete".into());
        }
        let run = host.log().find("last").await?;
        let events = events_until(&host, run, |event| matches!(event, Event::AttemptStarted { .. })).await?;
        let started = events
            .iter()
            .find(|recorded| matches!(recorded.event, Event::AttemptStarted { .. }));
        let started = started.ok_or("no attempt was started")?;
        took.push((started.at.as_millis() - began.as_millis()) as f64);
    }
    // The first has filled the cache.
    let half = median(took.into_iter().skip(1));
    table.bar(
        "from the start of `run` to that of its first step",
        &format!("{half:.0} ms"),
        "<= 60 ms",
        half <= 60.0,
    );
    drop(host);

    let crowded = Place::make()?;
    let component = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/edition.wasm");
    let bytes = std::fs::read(&component)
        .map_err(|error| format!("{}: {error}; `cargo xtask plugins` builds it", component.display()))?;
    for number in 0..PLUGINS {
        let mut bytes = bytes.clone();
        // Each is another component: a section with a name of its own.
        let name = format!("copy{number:03}");
        bytes.extend([0, u8::try_from(name.len() + 1)?, u8::try_from(name.len())?]);
        bytes.extend_from_slice(name.as_bytes());
        std::fs::write(
            crowded.path("project/plugins").join(format!("p{number:03}.wasm")),
            bytes,
        )?;
    }
    let mut took = Vec::new();
    for _ in 0..=ROUNDS {
        let began = Instant::now();
        let list = crowded.cofferdam(&["plugin", "list"]).stderr(Stdio::null()).output()?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        let listed = String::from_utf8_lossy(&list.stdout).matches(".wasm").count();
        if !list.status.success() || listed < PLUGINS {
            return Err(format!("{listed} plugins are listed").into());
        }
    }
    let half = median(took.into_iter().skip(1));
    table.bar(
        &format!("`plugin list` with {PLUGINS} plugins of {} KB", bytes.len() / 1_000),
        &format!("{half:.0} ms"),
        "< 1000 ms",
        half < 1_000.0,
    );
    Ok(())
}
