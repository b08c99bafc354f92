//! What must be green before a change goes in?

use crate::repository::Repository;
use crate::stage::Stages;
use crate::{chaos, demo, fuzz, host, kill, plugins, process, simulation, toolchain};
use anyhow::{Result, ensure};
use std::process::Command;
use std::time::Duration;

/// The limit of the machine that runs this for every change is 90 minutes; it is up to a fifth slower on some days.
const MOST: Duration = Duration::from_secs(60 * 60);
const SCHEDULES: &str = "2000";
/// Seconds of random texts; longer campaigns are started by hand.
const FUZZING: &str = "30";
/// Hosts that are killed; more are killed by hand.
const KILLS: usize = 20;

/// Runs every stage, and prints their times. It stops at the first that fails.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let mut stages = Stages::new(13);
    let result = run_stages(repository, &mut stages);
    println!("\nstages\n{}", stages.summary());
    result?;
    ensure!(
        stages.elapsed() <= MOST,
        "all stages passed, but took more than {} minutes",
        MOST.as_secs() / 60
    );
    println!("all green");
    Ok(())
}

fn run_stages(repository: &Repository, stages: &mut Stages) -> Result<()> {
    stages.run("setup", |_| {
        toolchain::add_checks(repository)?;
        toolchain::prepare(repository)
    })?;
    stages.run("format", |_| {
        process::run(repository.cargo().args(["fmt", "--all", "--check"]))?;
        for mut cargo in plugins::cargo(repository, "fmt") {
            process::run(cargo.args(["--all", "--", "--check"]))?;
        }
        said("host, SDK, plugins and test guests are formatted")
    })?;
    stages.run("clippy", |_| {
        let all = ["--workspace", "--all-targets"];
        let deny = ["--", "-D", "warnings"];
        process::run(
            repository
                .cargo()
                .args(["clippy", "--quiet"])
                .args(locked())
                .args(all)
                .args(deny),
        )?;
        for mut cargo in plugins::cargo(repository, "clippy") {
            process::run(cargo.arg("--quiet").args(locked()).args(all).args(deny))?;
        }
        said("no warnings")
    })?;
    stages.run("plugins", |_| plugins::build(repository))?;
    stages.run("native", |_| {
        for mut cargo in plugins::cargo(repository, "test") {
            process::run(cargo.args(["--quiet", "--workspace"]).args(locked()))?;
        }
        said("plugins and test guests pass their own tests")
    })?;
    stages.run("host", |heading| host::build(repository, heading))?;
    stages.run("tests", |_| tests(repository))?;
    stages.run("doctests", |_| {
        process::run(
            repository
                .cargo()
                .args(["test", "--quiet", "--doc", "--workspace"])
                .args(locked()),
        )?;
        said("the examples in the documentation run")
    })?;
    stages.run("docs", |_| {
        let mut cargo = repository.cargo();
        cargo
            .args(["doc", "--quiet", "--workspace", "--no-deps"])
            .args(locked());
        process::run(cargo.env("RUSTDOCFLAGS", "-D warnings"))?;
        said("no warnings")
    })?;
    stages.run("simulation", |_| {
        simulation::once(repository, &["--schedules", SCHEDULES])
    })?;
    stages.run("fuzz", |_| fuzz::once(repository, &["--seconds", FUZZING]))?;
    stages.run("chaos", |_| chaos::once(repository, KILLS))?;
    stages.run("demo", |_| {
        demo::demo(repository)?;
        kill::demo(repository)?;
        said("as a whole, and killed and resumed")
    })
}

/// Runs all tests: with nextest where it is installed, which gives each a process of its own.
fn tests(repository: &Repository) -> Result<String> {
    if process::succeeds(Command::new("cargo-nextest").args(["nextest", "--version"])) {
        let mut cargo = repository.cargo();
        cargo
            .args(["nextest", "run", "--workspace", "--profile", "ci"])
            .args(locked());
        process::run(&mut cargo)?;
        return said("with nextest");
    }
    process::run(
        repository
            .cargo()
            .args(["test", "--quiet", "--workspace", "--lib", "--bins", "--tests"])
            .args(locked()),
    )?;
    said("with cargo test; cargo-nextest is not installed")
}

/// Where nobody works on it, the lock files are right or it fails.
fn locked() -> &'static [&'static str] {
    if std::env::var_os("CI").is_some() {
        &["--locked"]
    } else {
        &[]
    }
}

fn said(text: &str) -> Result<String> {
    Ok(text.to_owned())
}
