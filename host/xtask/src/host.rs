//! How is the host built, while somebody watches?

use crate::progress::Progress;
use crate::repository::Repository;
use crate::{crates, process};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// What every build of the host for demo, tests and gate has in common.
///
/// Cargo unifies the features of dependencies over what it is asked to build. Asking for the whole workspace, with one
/// test target so that the dependencies of tests count, gives the same features as a run of all tests; with others the
/// sandbox would be compiled twice.
pub(crate) const SELECTION: [&str; 5] = ["--workspace", "--bin", "cofferdam", "--test", "house"];

/// Builds the host of the dev profile and says what was built.
pub(crate) fn build(repository: &Repository, heading: &str) -> Result<String> {
    let expected = crates::of(&repository.metadata()?, "cofferdam-cli")?;
    let mut cargo = repository.cargo();
    cargo
        .args(["build", "--quiet", "--message-format", "json-render-diagnostics"])
        .args(SELECTION);
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let messages = child.stdout.take().context("cargo has no output")?;
    let mut progress = Progress::new(heading, expected.len());
    let mut seen = BTreeSet::new();
    for line in BufReader::new(messages).lines() {
        // Whatever is no message is what a build script printed.
        let Ok(message) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        let Some((package, name)) = compiled(&message) else {
            continue;
        };
        if expected.contains(package) && seen.insert(package.to_owned()) {
            progress.step(name, message["fresh"] == true);
        }
    }
    progress.finish();
    let status = child.wait()?;
    if !status.success() {
        bail!("{} failed: {status}", process::shown(&cargo));
    }
    let version = process::output(std::process::Command::new(repository.binary()).arg("--version"))?;
    Ok(format!("{} · {} crates", version.trim(), seen.len()))
}

/// Returns the package and the name of what a message says is built; build scripts do not count.
fn compiled(message: &Value) -> Option<(&str, &str)> {
    let kinds = message["target"]["kind"].as_array()?;
    let counts = message["reason"] == "compiler-artifact" && !kinds.iter().any(|kind| kind == "custom-build");
    counts.then_some((message["package_id"].as_str()?, message["target"]["name"].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::compiled;
    use serde_json::json;

    #[test]
    fn what_is_compiled_is_counted_and_build_scripts_are_not() {
        let message = |reason: &str, kind: &str| json!({ "reason": reason, "package_id": "p", "target": { "name": "serde", "kind": [kind] } });
        assert_eq!(compiled(&message("compiler-artifact", "lib")), Some(("p", "serde")));
        assert_eq!(
            compiled(&message("compiler-artifact", "proc-macro")),
            Some(("p", "serde"))
        );
        assert_eq!(compiled(&message("compiler-artifact", "custom-build")), None);
        assert_eq!(compiled(&message("compiler-message", "lib")), None);
        assert_eq!(compiled(&json!({ "reason": "build-finished", "success": true })), None);
    }
}
