//! Files that are made from the tables of the language and kept in the repository.

use std::path::Path;

/// Compares a generated file with the one in the repository; with `UPDATE_GENERATED=1` it is written instead.
#[expect(clippy::disallowed_methods, reason = "a test of files reads files")]
pub(crate) fn assert_generated(file: &str, content: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, content).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(content.lines()).position(|(kept, made)| kept != made);
    assert!(
        kept == content,
        "{file} is not what the tables say, from line {} on; write it again: UPDATE_GENERATED=1 cargo test -p cofferdam-dsl",
        differs.unwrap_or_else(|| kept.lines().count().min(content.lines().count())) + 1
    );
}
