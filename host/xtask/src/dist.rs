//! How is the binary built that is given away?

use crate::repository::Repository;
use crate::{plugins, process, toolchain};
use anyhow::{Context, Result};

/// Builds the plugins and the host with them in the profile `dist`, from the versions in the lock files.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    println!("toolchain {}", toolchain::prepare(repository)?);
    println!("plugins   {}", plugins::build(repository)?);
    let mut cargo = repository.cargo();
    cargo.args([
        "build",
        "--locked",
        "--profile",
        "dist",
        "--package",
        "cofferdam-cli",
        "--bin",
        "cofferdam",
    ]);
    process::run(cargo.env("CARGO_INCREMENTAL", "0"))?;
    let binary = repository.target().join("dist/cofferdam");
    let size = binary
        .metadata()
        .with_context(|| format!("no binary at {}", binary.display()))?
        .len();
    println!("host      {}, {:.1} MB", repository.short(&binary), size as f64 / 1e6);
    Ok(())
}
