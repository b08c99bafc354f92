//! Throws what strangers may have written at the host for a while: `fuzz-host [--seconds N] [--seed S]`.
//!
//! Configurations, descriptions and components that are damaged, mixed up and made of pieces. Nothing may panic, hang or
//! point outside of its file; what is refused is refused with a reason, and no workflow is left more than its plugins have.
//! The seed of a finding is printed and brings it back.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports to a person"
)]

#[path = "../../../dsl/examples/fuzz/chance.rs"]
mod chance;
mod components;
mod configurations;
#[path = "../../../wasm/tests/it/guests.rs"]
#[expect(dead_code, reason = "the tests of the sandbox need more of it")]
mod guests;
#[path = "../../../dsl/examples/fuzz/options.rs"]
mod options;

use chance::Chance;
use options::options;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Something that must hold for whatever a seed makes; the text says what did not.
type Claim = Box<dyn Fn(&mut Chance) -> Result<(), String>>;

fn main() -> ExitCode {
    let (seconds, seed) = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}\nusage: fuzz-host [--seconds N] [--seed S]");
            return ExitCode::from(2);
        }
    };
    // A panic is a finding with a seed, not a report of its own.
    panic::set_hook(Box::new(|_| {}));
    let configurations = configurations::Bench::new();
    let components = components::Bench::new();
    let claims: [(&str, Claim); 3] = [
        ("configurations", Box::new(move |chance| configurations.try_one(chance))),
        ("descriptions", components.descriptions()),
        ("components", components.damaged()),
    ];
    let mut counts = [0_u64; 3];
    let begin = Instant::now();
    for round in 0.. {
        if begin.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
        let at = seed.wrapping_add(round);
        // A component costs a compilation, a configuration nothing. The seed chooses, so that it brings a finding back.
        let place = match at % 32 {
            0 => 2,
            1 | 2 => 1,
            _ => 0,
        };
        let (name, claim) = &claims[place];
        counts[place] += 1;
        let result = panic::catch_unwind(AssertUnwindSafe(|| claim(&mut Chance::new(at))));
        let reason = match result {
            Ok(Ok(())) => continue,
            Ok(Err(reason)) => reason,
            Err(payload) => {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
                format!("panic: {}", text.unwrap_or("without a text"))
            }
        };
        eprintln!("error: {name}: {reason}\n  again: fuzz-host --seed {at} --seconds 1");
        return ExitCode::FAILURE;
    }
    let shown: Vec<String> = claims
        .iter()
        .zip(counts)
        .map(|((name, _), count)| format!("{name} {count}"))
        .collect();
    println!(
        "{} in {} s: {}",
        counts.iter().sum::<u64>(),
        begin.elapsed().as_secs(),
        shown.join(", ")
    );
    ExitCode::SUCCESS
}
