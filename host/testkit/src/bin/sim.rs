//! Plays schedules of the simulation: `sim [--schedules N] [--seed S]`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports to a person"
)]

use cofferdam_testkit::sim::{Summary, campaign};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How many schedules a thread plays before it looks whether another one failed.
const SHARE: u64 = 250;

/// How often progress is shown.
const PERIOD: Duration = Duration::from_secs(5);

struct Options {
    schedules: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}\nusage: sim [--schedules N] [--seed S]");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    let summary = play(&options, begin);
    report(&summary, begin.elapsed());
    match &summary.failed {
        None => ExitCode::SUCCESS,
        Some(failed) => {
            eprintln!("schedule {} violates {}:", failed.seed, failed.violation.oracle);
            eprintln!("{}", failed.violation.detail);
            eprintln!("replay: cargo xtask sim --schedules 1 --seed {}", failed.seed);
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        schedules: 2_000,
        seed: 0,
    };
    while let Some(name) = arguments.next() {
        let target = match name.as_str() {
            "--schedules" => &mut options.schedules,
            "--seed" => &mut options.seed,
            _ => return Err(format!("there is no option `{name}`")),
        };
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a number"))?;
        *target = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    }
    Ok(options)
}

fn play(options: &Options, begin: Instant) -> Summary {
    let last = options.seed.saturating_add(options.schedules);
    let next = AtomicU64::new(options.seed);
    let stop = AtomicBool::new(false);
    let total = Mutex::new((Summary::default(), begin));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let from = next.fetch_add(SHARE, Ordering::Relaxed);
            if from >= last {
                break;
            }
            let summary = campaign(from..last.min(from.saturating_add(SHARE)));
            if summary.failed.is_some() {
                stop.store(true, Ordering::Relaxed);
            }
            let Ok(mut total) = total.lock() else { break };
            total.0.add(summary);
            if total.1.elapsed() > PERIOD {
                total.1 = Instant::now();
                eprintln!("{} of {} schedules", total.0.schedules, options.schedules);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    total.into_inner().map(|(summary, _)| summary).unwrap_or_default()
}

fn report(summary: &Summary, took: Duration) {
    for (fault, count) in &summary.faults {
        println!("{count:>9}  {fault:?}");
    }
    let seconds = took.as_secs_f64();
    let rate = summary.schedules as f64 / seconds.max(f64::EPSILON);
    println!(
        "{} schedules in {seconds:.1} s ({rate:.0}/s), {} events, {} compared with the interpreter",
        summary.schedules, summary.events, summary.compared
    );
}
