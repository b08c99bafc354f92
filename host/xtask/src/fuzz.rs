//! How are random texts thrown at the language?

use crate::process;
use crate::repository::Repository;
use anyhow::{Result, bail};
use std::process::Command;

/// Asked for over the whole workspace, as everything is, so that the same features are built.
const SELECTION: [&str; 4] = ["--workspace", "--example", "fuzz", "--quiet"];

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
    process::run(binary(repository).args(options))
}

/// Runs a short campaign and returns the last line it prints; if it fails, all is shown.
pub(crate) fn once(repository: &Repository, options: &[&str]) -> Result<String> {
    build(repository)?;
    let printed = process::output(binary(repository).args(options))?;
    Ok(printed.lines().last().unwrap_or_default().to_owned())
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

fn binary(repository: &Repository) -> Command {
    let mut command = Command::new(repository.target().join("debug/examples/fuzz"));
    command
        .current_dir(repository.root())
        .env("CARGO_TARGET_DIR", repository.target());
    command
}
