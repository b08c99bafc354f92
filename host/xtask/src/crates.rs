//! How many crates will a build of the host compile?

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the ids of the packages that `package` is built from, itself included.
pub(crate) fn of(metadata: &Value, package: &str) -> Result<BTreeSet<String>> {
    let packages = metadata["packages"].as_array().context("cargo lists no packages")?;
    let root = packages
        .iter()
        .find(|candidate| candidate["name"] == package)
        .context("the package is not in the workspace")?;
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .context("cargo resolves no dependencies")?
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let mut found = BTreeSet::new();
    let mut waiting = vec![root["id"].as_str().context("a package without id")?];
    while let Some(id) = waiting.pop() {
        if found.insert(id.to_owned()) {
            let dependencies = nodes
                .get(id)
                .and_then(|node| node["deps"].as_array())
                .into_iter()
                .flatten();
            waiting.extend(
                dependencies
                    .filter(|dependency| is_built(dependency))
                    .filter_map(|dependency| dependency["pkg"].as_str()),
            );
        }
    }
    Ok(found)
}

fn is_built(dependency: &Value) -> bool {
    dependency["dep_kinds"]
        .as_array()
        .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn dependencies_of_tests_are_not_counted() {
        let metadata = json!({
            "packages": [{ "name": "host", "id": "h" }, { "name": "lib", "id": "l" }],
            "resolve": { "nodes": [
                { "id": "h", "deps": [
                    { "pkg": "l", "dep_kinds": [{ "kind": null }] },
                    { "pkg": "t", "dep_kinds": [{ "kind": "dev" }] },
                ] },
                { "id": "l", "deps": [{ "pkg": "b", "dep_kinds": [{ "kind": "dev" }, { "kind": "build" }] }] },
            ] },
        });
        let found = super::of(&metadata, "host").unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["b", "h", "l"]);
        assert!(super::of(&metadata, "none").is_err());
    }
}
