//! How are random texts thrown at the language, and random files at the host?

use crate::process;
use crate::repository::Repository;
use anyhow::{Result, bail};
use std::process::Command;

/// Asked for over the whole workspace, as everything is, so that the same features are built.
const SELECTION: [&str; 6] = ["--workspace", "--example", "fuzz", "--example", "fuzz-host", "--quiet"];
/// The campaigns: against the language, and against what reads configurations and components.
const CAMPAIGNS: [&str; 2] = ["fuzz", "fuzz-host"];

/// Runs a campaign with the options of the person, and shows all that it prints.
pub(crate) fn run(repository: &Repository, options: &[String]) -> Result<()> {
    let known = ["--seconds", "--seed"];
    if let Some(unknown) = options
        .iter()
        .step_by(2)
        .find(|option| !known.contains(&option.as_str()))
    {
        bail!("`fuzz` has no option `{unknown}`: cargo xtask fuzz [--seconds N] [--seed S]");
    }
    build(repository)?;
    for campaign in CAMPAIGNS {
        process::run(binary(repository, campaign).args(options))?;
    }
    Ok(())
}

/// Runs a short campaign of each kind and returns the last line that each prints; if one fails, all of it is shown.
pub(crate) fn once(repository: &Repository, options: &[&str]) -> Result<String> {
    build(repository)?;
    let mut last = Vec::new();
    for campaign in CAMPAIGNS {
        let printed = process::output(binary(repository, campaign).args(options))?;
        last.push(printed.lines().last().unwrap_or_default().to_owned());
    }
    Ok(last.join("; "))
}

fn build(repository: &Repository) -> Result<()> {
    process::run(
        repository
            .cargo()
            .arg("build")
            .args(SELECTION)
            .args(["--test", "house"]),
    )
}

fn binary(repository: &Repository, campaign: &str) -> Command {
    let mut command = Command::new(repository.target().join("debug/examples").join(campaign));
    command
        .current_dir(repository.root())
        .env("CARGO_TARGET_DIR", repository.target());
    command
}
