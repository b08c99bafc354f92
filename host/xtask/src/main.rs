//! Which task of this repository is asked for? `cargo xtask help` lists them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to the person who started it"
)]

mod bench;
mod chaos;
mod crates;
mod demo;
mod dist;
mod fuzz;
mod gate;
mod host;
mod kill;
mod plugins;
mod process;
mod progress;
mod reload;
mod report;
mod repository;
mod simulation;
mod stage;
mod toolchain;

use anyhow::{Context, Result, bail};
use repository::Repository;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask demo [--kill]            builds everything and audits this source tree; --kill shows a crash and the resume
cargo xtask test                     everything that must be green before a change goes in; .ci/run calls it
cargo xtask setup                    adds the wasm32-wasip2 target
cargo xtask plugins                  builds the first-party plugins, which the next build of the host includes
cargo xtask sim [--schedules N] [--seed S]
                                     runs the simulation of the core
cargo xtask fuzz [--seconds N] [--seed S]
                                     throws random texts at the language
cargo xtask chaos [--kills N] [--seed S]
                                     kills hosts at random moments and at each named point, and holds what a plugin saw
                                     against what is recorded
cargo xtask reload [--seconds N] [--rate N]
                                     calls a plugin while its file is replaced every second, and counts what fails
cargo xtask bench [NAME..]           prints the measurements
cargo xtask dist                     builds the binary that is given away

All set-up is done by the task that needs it.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = arguments.collect();
    if matches!(task.as_str(), "help" | "--help" | "-h") {
        println!("{HELP}");
        return Ok(());
    }
    let repository = Repository::find().context("cannot find the repository")?;
    match (task.as_str(), rest.as_slice()) {
        ("demo", []) => demo::demo(&repository),
        ("demo", [flag]) if flag == "--kill" => kill::demo(&repository),
        ("test", []) => gate::run(&repository),
        ("setup", []) => {
            println!("{}", toolchain::prepare(&repository)?);
            Ok(())
        }
        ("plugins", []) => {
            toolchain::prepare(&repository)?;
            println!("{}", plugins::build(&repository)?);
            Ok(())
        }
        ("sim", options) => simulation::run(&repository, options),
        ("fuzz", options) => fuzz::run(&repository, options),
        ("chaos", options) => chaos::run(&repository, options),
        ("reload", options) => reload::run(&repository, options),
        ("bench", names) => bench::run(&repository, names),
        ("dist", []) => dist::run(&repository),
        ("demo" | "test" | "setup" | "plugins" | "dist", rest) => {
            bail!("`{task}` takes no `{}`\n\n{HELP}", rest.join(" "))
        }
        _ => bail!("there is no task `{task}`\n\n{HELP}"),
    }
}
