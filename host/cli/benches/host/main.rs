//! What does a host cost that waits, how soon does it do what is due, and how soon is lost work taken up again?
//!
//! The host is the binary of this profile, started as a process of its own (`cofferdam work`); runs are made and asked by this
//! process, through the same log. Times are differences of the times in the log, in milliseconds, which both processes take from the
//! same clock. Nothing here is a ratio: beside other work the numbers are those of the machine.
//! Names after `--` leave out the other parts: parked, timers, overrun, starting, answering, crash.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

mod answering;
mod crash;
mod overrun;
mod parked;
mod place;
mod starting;
#[path = "../../../engine/benches/shared/table.rs"]
mod table;
mod timers;

use std::error::Error;
use std::path::Path;
use table::Table;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == crash::VICTIM) {
        let directory = arguments.get(at + 1).ok_or("a victim needs a directory")?;
        return runtime()?.block_on(crash::suffer(Path::new(directory)));
    }
    let named: Vec<&String> = arguments
        .iter()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|named| *named == name);
    let runtime = runtime()?;
    let mut table = Table::begin("host: a process that carries runs on, seen from another one");
    runtime.block_on(async {
        if is_wanted("parked") {
            parked::measure(&mut table).await?;
        }
        if is_wanted("timers") {
            timers::measure(&mut table).await?;
        }
        if is_wanted("overrun") {
            overrun::measure(&mut table).await?;
        }
        if is_wanted("starting") {
            starting::measure(&mut table).await?;
        }
        if is_wanted("answering") {
            answering::measure(&mut table).await?;
        }
        if is_wanted("crash") {
            crash::measure(&mut table).await?;
        }
        Outcome::Ok(())
    })?;
    table.end();
    runtime.shutdown_background();
    Ok(())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

/// Returns the value that so many of a hundred do not exceed.
fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    let index = (times.len() * percent).div_ceil(100).max(1) - 1;
    times.get(index).copied().unwrap_or(f64::NAN)
}
