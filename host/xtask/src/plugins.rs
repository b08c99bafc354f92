//! How are the first-party plugins built, and where does the build of the host find them?

use crate::process;
use crate::repository::Repository;
use crate::toolchain::TARGET;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// A guest workspace: its manifest and where its components are put.
struct Workspace {
    manifest: &'static str,
    placed: PathBuf,
}

/// Builds the components and puts them where the build of the host, or the tests, look for them.
pub(crate) fn build(repository: &Repository) -> Result<String> {
    let first_party = Workspace {
        manifest: "plugins/Cargo.toml",
        placed: repository.built_plugins(),
    };
    let (said, changed) = first_party.build(repository)?;
    if changed {
        announce(repository)?;
    }
    build_guests(repository)?;
    Ok(said)
}

/// Builds the components that only tests use, and returns where they are.
pub(crate) fn build_guests(repository: &Repository) -> Result<PathBuf> {
    let guests = Workspace {
        manifest: "tests/guests/Cargo.toml",
        placed: repository.target().join("guests"),
    };
    guests.build(repository)?;
    Ok(guests.placed)
}

/// Returns a command of cargo over each workspace of components: that of the first-party plugins and that of the tests.
pub(crate) fn cargo(repository: &Repository, verb: &str) -> [Command; 2] {
    ["plugins/Cargo.toml", "tests/guests/Cargo.toml"].map(|manifest| {
        let mut cargo = repository.cargo();
        cargo.args([verb, "--manifest-path", manifest]);
        cargo
    })
}

impl Workspace {
    /// Returns the sizes of the components, and whether one is new.
    fn build(&self, repository: &Repository) -> Result<(String, bool)> {
        let names = self.components(repository)?;
        if names.is_empty() {
            bail!("`{}` has no member that is a component", self.manifest);
        }
        let mut cargo = repository.cargo();
        cargo.args(["build", "--quiet", "--manifest-path", self.manifest, "--workspace"]);
        cargo.args(["--profile", "guest", "--target", TARGET]);
        process::run(&mut cargo)?;
        fs::create_dir_all(&self.placed).with_context(|| format!("cannot make {}", self.placed.display()))?;
        let built = repository.target().join(TARGET).join("guest");
        let mut changed = false;
        let mut sizes = Vec::new();
        for (file, name) in &names {
            let component = built.join(file);
            let bytes = fs::read(&component).with_context(|| format!("no component at {}", component.display()))?;
            changed |= place(&self.placed.join(format!("{name}.wasm")), &bytes)?;
            sizes.push(format!("{name} {} KB", bytes.len().div_ceil(1000)));
        }
        changed |= self.remove_others(&names)?;
        Ok((sizes.join(" · "), changed))
    }

    /// Returns the file that cargo makes of each component, and what it is called here.
    fn components(&self, repository: &Repository) -> Result<BTreeSet<(String, String)>> {
        let mut cargo = repository.cargo();
        cargo.args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
            self.manifest,
        ]);
        let metadata = process::json(&mut cargo)?;
        let mut names = BTreeSet::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            for target in package["targets"].as_array().into_iter().flatten() {
                let kinds = target["crate_types"].as_array();
                if kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib")) {
                    let name = target["name"].as_str().context("a target without a name")?;
                    names.insert((format!("{}.wasm", name.replace('-', "_")), name.replace('_', "-")));
                }
            }
        }
        Ok(names)
    }

    /// A plugin that no longer exists must not stay in the binary.
    fn remove_others(&self, names: &BTreeSet<(String, String)>) -> Result<bool> {
        let mut removed = false;
        for entry in fs::read_dir(&self.placed)? {
            let path = entry?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let component = path.extension().is_some_and(|extension| extension == "wasm");
            if component && !names.iter().any(|(_, name)| *name == stem) {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
                removed = true;
            }
        }
        Ok(removed)
    }
}

/// A host that was built before the directory of the plugins was there does not look into it; its build script runs again
/// when it is newer.
fn announce(repository: &Repository) -> Result<()> {
    let script = repository.root().join("host/cli/build.rs");
    if script.is_file() {
        let file = fs::File::options()
            .append(true)
            .open(&script)
            .context("cannot open the build script of the host")?;
        file.set_modified(SystemTime::now())
            .context("cannot touch the build script of the host")?;
    }
    Ok(())
}

/// Writes `bytes` unless they are there already: what does not change is not built again. Returns whether it did.
fn place(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(false);
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}
