//! How is a plugin replaced under load?

use crate::repository::Repository;
use crate::{plugins, process, toolchain};
use anyhow::{Result, bail};
use std::process::Command;

/// Asked for over the whole workspace, as everything is, so that the same features are built.
const SELECTION: [&str; 6] = ["--workspace", "--example", "reload", "--quiet", "--test", "house"];

/// Calls a plugin while its file is replaced every second, and shows what came of it.
pub(crate) fn run(repository: &Repository, options: &[String]) -> Result<()> {
    let known = ["--seconds", "--rate"];
    if let Some(unknown) = options
        .iter()
        .step_by(2)
        .find(|option| !known.contains(&option.as_str()))
    {
        bail!("`reload` has no option `{unknown}`: cargo xtask reload [--seconds N] [--rate N]");
    }
    toolchain::prepare(repository)?;
    let guests = plugins::build_guests(repository)?;
    process::run(repository.cargo().arg("build").args(SELECTION))?;
    let mut command = Command::new(repository.target().join("debug/examples/reload"));
    process::run(command.arg(guests.join("edition.wasm")).args(options))
}
