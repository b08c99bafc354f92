//! Where is everything in this repository?

use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository with its target directory.
pub(crate) struct Repository {
    root: PathBuf,
    target: PathBuf,
}

impl Repository {
    /// Asks cargo, so that a configured target directory is respected.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root
            .canonicalize()
            .with_context(|| format!("no repository at {}", root.display()))?;
        let mut cargo = cargo(&root);
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata = crate::process::json(&mut cargo)?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo names no target directory")?;
        Ok(Self {
            target: PathBuf::from(target),
            root,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The one target directory of the host and of the components.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where the build of the host looks for the components that it includes.
    pub(crate) fn built_plugins(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// The binary of the dev profile, which serves tests, demo and gate alike.
    pub(crate) fn binary(&self) -> PathBuf {
        self.target.join("debug/cofferdam")
    }

    /// Returns cargo, started in the root of the repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo(&self.root);
        command.env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Returns how `path` is called from the root.
    pub(crate) fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Returns what cargo knows of the dependencies of the workspace on this machine.
    pub(crate) fn metadata(&self) -> Result<Value> {
        let mut cargo = self.cargo();
        cargo.args([
            "metadata",
            "--format-version",
            "1",
            "--filter-platform",
            env!("XTASK_HOST"),
        ]);
        crate::process::json(&mut cargo)
    }
}

/// What `cargo run` set for this program must not reach the builds that it starts: a build script that looks at it would
/// run again whenever it differs.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|prefix| shown.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
}
