//! Which measurements are there, and how are they started?

use crate::repository::Repository;
use crate::{plugins, process, toolchain};
use anyhow::{Context, Result, bail};

/// Runs the benches named, or all of them, in the release profile. They are the bench targets of the workspace.
pub(crate) fn run(repository: &Repository, names: &[String]) -> Result<()> {
    let benches = benches(repository)?;
    if let Some(unknown) = names
        .iter()
        .find(|name| !benches.iter().any(|(_, bench)| bench == *name))
    {
        let known: Vec<&str> = benches.iter().map(|(_, bench)| bench.as_str()).collect();
        bail!("there is no bench `{unknown}`; there are: {}", known.join(", "));
    }
    if benches.is_empty() {
        bail!("the workspace has no bench targets");
    }
    toolchain::prepare(repository)?;
    println!("plugins   {}", plugins::build(repository)?);
    let chosen: Vec<&str> = benches
        .iter()
        .map(|(_, bench)| bench.as_str())
        .filter(|bench| names.is_empty() || names.iter().any(|name| name == bench))
        .collect();
    println!("The release profile is built first; that compiles the sandbox once more.");
    // Asked for over the whole workspace, as everything is, so that every bench finds the sandbox with the same features.
    let mut build = repository.cargo();
    build.args(["bench", "--workspace", "--no-run"]);
    chosen.iter().for_each(|bench| {
        build.args(["--bench", bench]);
    });
    process::run(&mut build)?;
    for bench in &chosen {
        let mut cargo = repository.cargo();
        process::run(cargo.args(["bench", "--quiet", "--workspace", "--bench", bench]))?;
    }
    Ok(())
}

/// Returns package and name of every bench target.
fn benches(repository: &Repository) -> Result<Vec<(String, String)>> {
    let mut cargo = repository.cargo();
    let metadata = process::json(cargo.args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let mut benches = Vec::new();
    for package in metadata["packages"].as_array().context("cargo lists no packages")? {
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_bench = target["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == "bench"));
            if let (true, Some(package), Some(name)) = (is_bench, package["name"].as_str(), target["name"].as_str()) {
                benches.push((package.to_owned(), name.to_owned()));
            }
        }
    }
    Ok(benches)
}
