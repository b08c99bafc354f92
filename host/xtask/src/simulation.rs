//! How is the simulation of the core started?

use crate::process;
use crate::repository::Repository;
use anyhow::{Result, bail};
use std::process::Command;

const SELECTION: [&str; 4] = ["--workspace", "--bin", "sim", "--quiet"];

/// Runs the simulation with the options of the person, and shows all that it prints.
pub(crate) fn run(repository: &Repository, options: &[String]) -> Result<()> {
    let known = ["--schedules", "--seed"];
    if let Some(unknown) = options
        .iter()
        .step_by(2)
        .find(|option| !known.contains(&option.as_str()))
    {
        bail!("`sim` has no option `{unknown}`: cargo xtask sim [--schedules N] [--seed S]");
    }
    process::run(
        repository
            .cargo()
            .arg("build")
            .args(SELECTION)
            .args(["--test", "house"]),
    )?;
    process::run(binary(repository).args(options))
}

/// Runs a short simulation and returns the last line it prints; if it fails, all is shown.
pub(crate) fn once(repository: &Repository, options: &[&str]) -> Result<String> {
    process::run(
        repository
            .cargo()
            .arg("build")
            .args(SELECTION)
            .args(["--test", "house"]),
    )?;
    let printed = process::output(binary(repository).args(options))?;
    Ok(printed.lines().last().unwrap_or_default().to_owned())
}

fn binary(repository: &Repository) -> Command {
    let mut command = Command::new(repository.target().join("debug/sim"));
    command.current_dir(repository.root());
    command
}
