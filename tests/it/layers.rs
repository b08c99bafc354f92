//! Who may depend on whom? The table of layers, held against what cargo sees.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each crate of the host workspace, whom it may use, and whom its tests may use besides.
///
/// cli -> server -> runtime -> { store, wasm, dsl } -> engine. A new arrow is a change of the design and gets a line in
/// `host/ARCHITECTURE.md`.
const LAYERS: &[(&str, &[&str], &[&str])] = &[
    ("engine", &[], &["testkit"]),
    ("dsl", &["engine"], &["testkit"]),
    ("store", &["engine"], &["testkit"]),
    ("wasm", &["engine"], &[]),
    ("runtime", &["engine", "dsl", "store", "wasm"], &["testkit"]),
    ("server", &["engine", "dsl", "store", "wasm", "runtime"], &["testkit"]),
    (
        "cli",
        &["engine", "dsl", "store", "wasm", "runtime", "server"],
        &["testkit"],
    ),
    ("testkit", &["engine", "dsl", "store", "wasm", "runtime"], &[]),
    ("xtask", &[], &[]),
    ("plugin", &["plugin-macros"], &[]),
    ("plugin-macros", &[], &["plugin"]),
    ("tests", &[], &["engine", "dsl", "store", "wasm", "runtime", "testkit"]),
];

/// The only crates that may use these libraries.
const OWNERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["store", "testkit"]),
    ("wasmtime", &["wasm"]),
    ("wasmtime-wasi", &["wasm"]),
    ("wasmtime-wasi-http", &["wasm"]),
    ("hyper", &["wasm"]),
    ("rustls", &["wasm"]),
    ("ring", &["wasm"]),
    ("wasmparser", &["wasm"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("anyhow", &["cli", "xtask", "tests", "wasm", "testkit"]),
];

/// What the pure crates must not know: the time, chance, tasks, files.
const IMPURE: &[&str] = &[
    "tokio",
    "rand",
    "getrandom",
    "uuid",
    "rustix",
    "cap-std",
    "chrono",
    "jiff",
    "tempfile",
    "futures",
];

/// Libraries that many others bring along if nobody looks: builds in C, and tables of time zones.
const FORBIDDEN: &[&str] = &[
    "aws-lc-sys",
    "aws-lc-rs",
    "openssl-sys",
    "native-tls",
    "chrono-tz",
    "reqwest",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The dependencies of each crate of the workspace: name, and whether only its tests use it.
fn dependencies() -> BTreeMap<String, Vec<(String, bool)>> {
    let metadata = metadata(&["--no-deps"]);
    let short = |name: &str| name.strip_prefix("cofferdam-").unwrap_or(name).to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    let of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        dependencies
            .map(|dependency| {
                (
                    dependency["name"].as_str().unwrap().to_owned(),
                    dependency["kind"] == "dev",
                )
            })
            .collect()
    };
    packages
        .iter()
        .map(|package| (short(package["name"].as_str().unwrap()), of(package)))
        .collect()
}

#[test]
fn the_crates_depend_on_each_other_as_the_table_says() {
    let mut wrong = Vec::new();
    let dependencies = dependencies();
    for (package, uses) in &dependencies {
        let Some((_, allowed, in_tests)) = LAYERS.iter().find(|(name, ..)| name == package) else {
            wrong.push(format!("`{package}` is not in the table"));
            continue;
        };
        for (name, dev) in uses {
            let Some(name) = name.strip_prefix("cofferdam-") else {
                continue;
            };
            if !(allowed.contains(&name) || *dev && in_tests.contains(&name)) {
                wrong.push(format!(
                    "`{package}` must not use `{name}`{}",
                    if *dev { " in its tests" } else { "" }
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(dependencies.len() >= 10, "cargo sees only {dependencies:?}");
}

#[test]
fn the_pure_crates_know_no_world() {
    for (package, uses) in dependencies() {
        if matches!(package.as_str(), "engine" | "dsl") {
            let impure: Vec<_> = uses
                .iter()
                .filter(|(name, dev)| !dev && IMPURE.contains(&name.as_str()))
                .collect();
            assert!(impure.is_empty(), "`{package}` uses {impure:?}");
            let lints = std::fs::read_to_string(root().join("host").join(&package).join("clippy.toml")).unwrap();
            for forbidden in [
                "std::time::SystemTime",
                "std::time::Instant",
                "std::thread::spawn",
                "std::env::var",
                "std::fs::read",
            ] {
                assert!(
                    lints.contains(forbidden),
                    "clippy.toml of `{package}` does not forbid {forbidden}"
                );
            }
        }
    }
}

#[test]
fn one_crate_owns_each_great_library() {
    let mut wrong = Vec::new();
    for (package, uses) in dependencies() {
        for (name, dev) in uses {
            if let Some((_, owners)) = OWNERS.iter().find(|(library, _)| *library == name)
                && !dev
                && !owners.contains(&package.as_str())
            {
                wrong.push(format!("`{package}` uses `{name}`, which belongs to {owners:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tasks_stay_light() {
    let dependencies = dependencies();
    let names: Vec<&str> = dependencies["xtask"].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["anyhow", "serde_json"],
        "what `cargo xtask` compiles before its first line"
    );
}

#[test]
fn components_are_a_workspace_of_their_own() {
    let host = metadata(&["--no-deps"]);
    let inside = root().join("plugins");
    for package in host["packages"].as_array().unwrap() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        assert!(
            !manifest.starts_with(&inside),
            "{} is in the workspace of the host",
            manifest.display()
        );
    }
    for workspace in ["plugins/Cargo.toml", "tests/guests/Cargo.toml"] {
        if !root().join(workspace).is_file() {
            assert_ne!(workspace, "plugins/Cargo.toml", "the first-party plugins are gone");
            continue;
        }
        let guests = metadata(&["--no-deps", "--manifest-path", workspace]);
        for package in guests["packages"].as_array().unwrap() {
            for dependency in package["dependencies"].as_array().unwrap() {
                let name = dependency["name"].as_str().unwrap();
                let ours = name.strip_prefix("cofferdam-").is_some_and(|name| name != "plugin");
                assert!(
                    !ours,
                    "{} uses `{name}`: a component knows the SDK only",
                    package["name"]
                );
            }
        }
    }
}

#[test]
fn forbidden_libraries_are_absent() {
    // The lock file names all of them; `cargo metadata` would fetch those of other systems first.
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = || {
        lock.lines()
            .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
    };
    let names: BTreeSet<&str> = packages().collect();
    assert!(names.contains("wasmtime"));
    let found: Vec<_> = FORBIDDEN.iter().filter(|name| names.contains(*name)).collect();
    assert!(found.is_empty(), "{found:?}; `cargo tree -i NAME` says who brings them");
    let times = packages().filter(|name| *name == "wasmtime").count();
    assert_eq!(times, 1, "wasmtime is compiled more than once");
}

/// Cargo unifies features over what it is asked to build. The demo asks for one test besides the host, so that it builds
/// the sandbox with the features that the tests need, and the tests do not compile it again.
#[test]
fn the_test_that_the_demo_builds_is_the_only_one_of_its_name() {
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().unwrap().iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let houses = targets.filter(|target| target["name"] == "house").count();
    assert_eq!(houses, 1);
    let task = std::fs::read_to_string(root().join("host/xtask/src/host.rs")).unwrap();
    assert!(task.contains(r#"["--workspace", "--bin", "cofferdam", "--test", "house"]"#));
}
