//! Is each promise, and each line of the failure matrix, proved by something that exists?

use std::fs;
use std::path::{Path, PathBuf};

/// The words before the names of proofs in `docs/promises.md`, and where what they name is.
const ROOMS: [(&str, &[&str]); 8] = [
    ("core", &["host/engine/tests/it"]),
    (
        "log",
        &[
            "host/testkit/src/conformance.rs",
            "host/testkit/src/conformance",
            "host/store/tests/it",
        ],
    ),
    ("driver", &["host/runtime/tests/it"]),
    ("guests", &["host/wasm/tests/it"]),
    ("language", &["host/dsl/tests/it"]),
    ("command", &["host/cli/tests/it"]),
    (
        "simulation",
        &["host/testkit/src/sim/oracles.rs", "host/testkit/src/sim/oracles"],
    ),
    ("chaos", &["host/xtask/src/chaos"]),
];

/// The rooms whose proofs are functions of a list, and not tests of their own.
const LISTED: [&str; 2] = ["host/testkit/src", "host/xtask/src"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The lines of the tables that say by what something is proved, each with its last cell.
fn proved(text: &str) -> Vec<(&str, &str)> {
    let mut in_table = false;
    let mut rows = Vec::new();
    for line in text.lines() {
        if !line.starts_with('|') {
            in_table = false;
        } else if line.contains("| Proved by |") {
            in_table = true;
        } else if in_table && !line.starts_with("|---") {
            let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
            rows.push((line, last));
        }
    }
    rows
}

/// The proofs that a cell names, each with its room if one is named before it.
fn proofs(cell: &str) -> Vec<(Option<&'static str>, &str)> {
    let mut room = None;
    let mut found = Vec::new();
    for (at, part) in cell.split('`').enumerate() {
        if at % 2 == 1 {
            found.push((room, part));
            continue;
        }
        for word in part.split(|character: char| !character.is_alphanumeric()) {
            if let Some((name, _)) = ROOMS.iter().find(|(name, _)| *name == word) {
                room = Some(*name);
            }
        }
    }
    found
}

fn sources(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let inside = entries.flat_map(|entry| sources(&entry.unwrap().path()));
    inside
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Whether a source has a test of this name, or a check if its proofs are those of a list.
fn has(source: &Path, name: &str) -> bool {
    let text = fs::read_to_string(source).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let is_listed = LISTED.iter().any(|listed| source.starts_with(root().join(listed)));
    let is_called = |line: &str| {
        let function = line
            .trim_start()
            .trim_start_matches("pub(super) ")
            .trim_start_matches("async ");
        let rest = function.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    lines.iter().enumerate().any(|(at, line)| {
        let above = lines[..at].iter().rev().take_while(|line| !line.trim().is_empty());
        is_called(line)
            && (is_listed
                || above
                    .into_iter()
                    .any(|line| line.contains("test]") || line.contains("test(")))
    })
}

/// Says what is wrong with a proof.
fn fault(room: Option<&str>, proof: &str) -> Option<String> {
    if let Some(task) = proof.strip_prefix("cargo xtask ") {
        let task = task.split(' ').next().unwrap_or_default();
        let help = fs::read_to_string(root().join("host/xtask/src/main.rs")).unwrap();
        let known = help.contains(&format!("\ncargo xtask {task} "));
        return (!known).then(|| format!("there is no task `{task}`"));
    }
    if proof.contains('/') {
        return (!root().join(proof).exists()).then(|| format!("`{proof}` is not there"));
    }
    let room = if proof.starts_with("invariant_") {
        Some("simulation")
    } else {
        room
    };
    let Some((_, places)) = ROOMS.iter().find(|(name, _)| Some(*name) == room) else {
        return Some(format!("`{proof}` is in no room"));
    };
    let sources: Vec<PathBuf> = places.iter().flat_map(|place| sources(&root().join(place))).collect();
    let there = if proof.ends_with(".rs") {
        sources.iter().any(|source| source.ends_with(proof))
    } else {
        sources.iter().any(|source| has(source, proof))
    };
    (!there).then(|| format!("`{proof}` is not in {places:?}"))
}

#[test]
fn each_promise_and_each_failure_names_proofs_that_exist() {
    let text = fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let rows = proved(&text);
    assert!(rows.len() > 20, "{} rows", rows.len());
    let mut faults = Vec::new();
    for (row, cell) in rows {
        let named = proofs(cell);
        if named.is_empty() {
            faults.push(format!("nothing proves: {row}"));
        }
        let stale = named.into_iter().filter_map(|(room, proof)| fault(room, proof));
        faults.extend(stale.map(|fault| format!("{fault}\n    {row}")));
    }
    assert!(faults.is_empty(), "docs/promises.md:\n{}", faults.join("\n"));
}

#[test]
fn a_name_that_is_stale_is_noticed() {
    assert_eq!(fault(Some("core"), "a_test_that_nobody_wrote").map(|_| ()), Some(()));
    assert_eq!(fault(None, "invariant_that_nobody_checks").map(|_| ()), Some(()));
    assert_eq!(fault(None, "cargo xtask nothing").map(|_| ()), Some(()));
    // A function that is there and is no test proves nothing.
    assert_eq!(fault(Some("log"), "quick_directory").map(|_| ()), Some(()));
    assert_eq!(
        proofs(" core `a`, `b`; log `c.rs` "),
        [(Some("core"), "a"), (Some("core"), "b"), (Some("log"), "c.rs")]
    );
}
