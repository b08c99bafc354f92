//! Is each key of a configuration enforced by a test that says so?

use cofferdam_runtime::configuration::KEYS;
use cofferdam_wasm::LIMITS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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

/// The keys that are named in a comment `// key SECTION.KEY, ..` above a test.
fn shown() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")), &mut files);
    let mut shown = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut named: Vec<&str> = Vec::new();
        let mut tests = false;
        for line in text.lines().map(str::trim) {
            if let Some(keys) = line.strip_prefix("// key ") {
                named.extend(keys.split(", "));
            } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                tests = true;
            } else if line.contains("fn ") {
                assert!(
                    named.is_empty() || tests,
                    "{}: no test follows {named:?}",
                    file.display()
                );
                shown.extend(named.drain(..).map(str::to_owned));
                tests = false;
            }
        }
        assert!(named.is_empty(), "{}: no test follows {named:?}", file.display());
    }
    shown
}

#[test]
fn each_key_has_a_test_that_shows_what_it_does() {
    let sections: BTreeSet<&str> = KEYS.iter().map(|(section, _)| *section).collect();
    let mut known: BTreeSet<String> = LIMITS.iter().map(|row| format!("limits.{}", row.setting)).collect();
    for (section, keys) in KEYS {
        let keys = keys.iter().map(|key| match *section {
            "" => (*key).to_owned(),
            section => format!("{section}.{key}"),
        });
        // What is in a section is shown key by key.
        known.extend(keys.filter(|key| !sections.contains(key.as_str())));
    }
    let shown = shown();
    let missing: Vec<_> = known.difference(&shown).collect();
    let unknown: Vec<_> = shown.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "keys without a test that says `// key ..`: {missing:?}"
    );
    assert!(unknown.is_empty(), "tests of keys that there are not: {unknown:?}");
}
