//! Is the toolchain complete, and what is added if it is not?

use crate::process;
use crate::repository::Repository;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Adds the target of the components where it is missing, and says what there is.
pub(crate) fn prepare(repository: &Repository) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = process::output(Command::new(&rustc).arg("--version").current_dir(repository.root()))?;
    let version = version.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let sysroot = process::output(
        Command::new(&rustc)
            .args(["--print", "sysroot"])
            .current_dir(repository.root()),
    )?;
    // The build of the host looks into this directory, and notices what appears in it only if it is there.
    std::fs::create_dir_all(repository.built_plugins()).context("cannot make the directory of the built plugins")?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(format!("{version} · {TARGET} present"));
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(repository.root());
    if !process::succeeds(Command::new("rustup").arg("--version")) {
        bail!(
            "the target {TARGET} is missing and there is no rustup to add it: install rustup, or the target with what your Rust came from"
        );
    }
    eprintln!("running: {}", process::shown(&rustup));
    process::run(&mut rustup)?;
    Ok(format!("{version} · {TARGET} added"))
}

/// Adds what the checks of source text need and a minimal toolchain has not.
pub(crate) fn add_checks(repository: &Repository) -> Result<()> {
    for (component, tool) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if process::succeeds(repository.cargo().args([tool, "--version"])) {
            continue;
        }
        let mut rustup = Command::new("rustup");
        rustup
            .args(["component", "add", component])
            .current_dir(repository.root());
        eprintln!("running: {}", process::shown(&rustup));
        process::run(&mut rustup)?;
    }
    Ok(())
}
