//! `grants` and runs that need what is not granted: who may touch what, said before anything starts.

use crate::project::Project;
use insta::assert_snapshot;

const WRITES: &str = "workflow writes edition 1 {\n  call list { use = fs.list }\n  call write { use = fs.write  params { path = \"out/x\"  text = \"x\" } }\n}\n";

// row E04
#[test]
fn who_may_touch_what_is_one_table() {
    assert_snapshot!("grants_default", Project::empty().transcript(&["grants"]));
    let project = Project::with(&[(
        "cofferdam.toml",
        "config = 1\n\n[plugins.fs]\ndirs = [{ guest = \"/\", host = \".\", access = \"read\" }]\n",
    )]);
    assert_snapshot!("grants_narrow", project.transcript(&["grants", "--plugin", "fs"]));
    assert_snapshot!("grants_unknown", project.transcript(&["grants", "--plugin", "fss"]));
}

// row E14
#[test]
fn a_run_that_needs_what_is_not_granted_does_not_start() {
    let project = Project::with(&[("cofferdam.toml", "config = 1\n"), ("writes.wf", WRITES)]);
    assert_snapshot!(project.transcript(&["run", "writes.wf"]));
    assert!(!project.path(".cofferdam/state.db").exists(), "nothing was started");
}
