//! Is each kind of hostile guest that `docs/security.md` names met by a test that says so?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How many kinds there are, at least.
const KINDS: usize = 52;
/// What no test can show: that nobody learns anything from time that passes.
const UNDEFENDED: &[usize] = &[47];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The tests that say in the comment above them which kinds they meet.
fn tests_by_kind() -> BTreeMap<usize, BTreeSet<String>> {
    let mut files = Vec::new();
    sources(&root().join("host"), &mut files);
    let mut tests: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut kinds: Vec<usize> = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("// ") {
                let named = comment
                    .split(", ")
                    .filter_map(|part| part.strip_prefix("hostile ")?.parse::<usize>().ok());
                kinds.extend(named);
            } else if let Some((_, rest)) = line.split_once("fn ")
                && !kinds.is_empty()
            {
                let name = rest.split('(').next().unwrap_or_default();
                for kind in kinds.drain(..) {
                    tests.entry(kind).or_default().insert(name.to_owned());
                }
            }
        }
    }
    tests
}

// row E10
#[test]
fn each_kind_of_hostile_guest_is_met_by_the_tests_that_are_named() {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.trim_end_matches('|').split(" | ");
        let kind: usize = cells.next()?.parse().ok()?;
        let named: BTreeSet<String> = cells.last()?.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((kind, named))
    });
    let documented: BTreeMap<usize, BTreeSet<String>> = rows.collect();
    assert!(
        (1..=KINDS).all(|kind| documented.contains_key(&kind)),
        "{:?}",
        documented.keys()
    );
    let mut tests = tests_by_kind();
    for kind in UNDEFENDED {
        assert!(
            tests.insert(*kind, BTreeSet::new()).is_none(),
            "{kind} is met after all"
        );
    }
    assert_eq!(documented, tests);
    assert!(
        documented
            .iter()
            .all(|(kind, tests)| UNDEFENDED.contains(kind) || !tests.is_empty())
    );
}
