//! Does the plugin that a new author starts from compile, and do its tests pass?

use std::path::Path;
use std::process::Command;

use crate::messages::{compiler, library};

#[test]
fn its_tests_pass() {
    let out = tempfile::tempdir().expect("a directory can be made");
    let program = out.path().join("wordcount");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("template/src/lib.rs");
    let output = compiler(&library("cofferdam_plugin", ".rlib"))
        .args(["--test", "-Dwarnings", "-o"])
        .arg(&program)
        .arg(source)
        .output()
        .expect("the compiler can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tested = Command::new(&program).output().expect("the tests can be run");
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
    assert!(String::from_utf8_lossy(&tested.stdout).contains("1 passed"));
}
