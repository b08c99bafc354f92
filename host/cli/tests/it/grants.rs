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

/// Two plugins that may do more than the workflows of this project are left.
const NARROWED: &str = r#"config = 1

[plugins.fs]
dirs = [
  { guest = "/src", host = "src", access = "read" },
  { guest = "/out", host = "out", access = "write", create = true, quota = "1 KiB", files = 3 },
]

[plugins.http]
network = [{ url = "https://*.example.org" }]

[workflows."gentle-*"]
network = [{ url = "https://api.example.org/v1", methods = ["GET"] }]
dirs = { "/src" = "none" }
limits = { cpu = "2s", output = "100 B" }

[workflows."*-reader"]
dirs = { "/out" = "read" }
"#;

/// Returns a trusted project with that configuration and these workflows.
fn narrowed(workflows: &[(&str, &str)]) -> Project {
    let project = Project::with(&[&[("cofferdam.toml", NARROWED), ("src/a", "a")], workflows].concat());
    let trusted = project.say(&["trust", "--yes"]);
    assert_eq!(trusted.code, Some(0), "{trusted}");
    project
}

/// Waits between two writes, so that another process carries the run on.
const PATIENT: &str = r#"workflow NAME edition 1 {
  call one { use = fs.write  params { path = "/out/one"  text = "1" } }
  wait go { event = "go" }
  call two { use = fs.write  params { path = "/src/two"  text = "2" } }
}
"#;

// row E14
// key workflows.network.url, workflows.dirs, workflows.limits
#[test]
fn a_workflow_that_is_given_less_shows_it() {
    let project = Project::with(&[("cofferdam.toml", NARROWED), ("src/a", "a")]);
    assert_snapshot!(
        "narrow_gentle",
        project.transcript(&["grants", "--workflow", "gentle-x"])
    );
    assert_snapshot!(
        "narrow_reader",
        project.transcript(&["grants", "--plugin", "fs", "--workflow", "gentle-reader"])
    );
    let other = project.say(&["grants", "--plugin", "fs", "--workflow", "other"]);
    assert!(
        other
            .stderr
            .contains("nothing is taken away from `other`: no [workflows] section means it"),
        "{other}"
    );
    let json = project.say(&["grants", "--workflow", "gentle-x", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&json.stdout).expect("one object");
    assert_eq!(
        shown["narrowed"],
        serde_json::json!(["[workflows.\"gentle-*\"], cofferdam.toml:12"])
    );
    assert_snapshot!("narrow_settings", project.transcript(&["config", "show"]));
}

// row E14
// key workflows.dirs
#[test]
fn another_process_that_carries_a_run_on_leaves_it_no_more() {
    let narrow = NARROWED.replace(
        "\"/src\", host = \"src\", access = \"read\"",
        "\"/src\", host = \"src\", access = \"write\"",
    );
    let named = |name: &str| PATIENT.replace("NAME", name);
    let project = Project::with(&[
        ("cofferdam.toml", &narrow),
        ("src/a", "a"),
        ("wide.wf", &named("wide")),
        ("gentle-x.wf", &named("gentle-x")),
    ]);
    assert_eq!(project.say(&["trust", "--yes"]).code, Some(0));
    for (name, exit, written) in [("wide", 0, true), ("gentle-x", 1, false)] {
        let waiting = project.say(&["run", &format!("{name}.wf")]);
        assert_eq!(waiting.code, Some(6), "{waiting}");
        let said = project.say(&["signal", "last", "go"]);
        assert_eq!(said.code, Some(exit), "{said}");
        assert_eq!(project.path("src/two").exists(), written, "{said}");
        let _ = std::fs::remove_file(project.path("src/two"));
        if !written {
            // Who carries the run on speaks while its first steps are told already.
            let why = said.stderr.split("error[").nth(1).expect("why it failed");
            assert_snapshot!("narrow_resumed", why);
        }
    }
    // Taking more away meanwhile holds for runs that began before.
    let waiting = project.say(&["run", "wide.wf"]);
    assert_eq!(waiting.code, Some(6), "{waiting}");
    let less = narrow
        .replace("*-reader", "wi*")
        .replace("\"/out\" = \"read\"", "\"/\" = \"read\"");
    project.write("cofferdam.toml", less);
    assert_eq!(project.say(&["trust", "--yes"]).code, Some(0));
    let refused = project.say(&["signal", "last", "go"]);
    assert!(
        refused
            .stderr
            .contains("[workflows.\"wi*\"], cofferdam.toml:17 takes it away"),
        "{refused}"
    );
    assert!(!project.path("src/two").exists());
}

// row E14
// key workflows.limits
#[test]
fn a_limit_of_a_workflow_names_the_line_that_sets_it() {
    let text = "workflow gentle-x edition 1 {\n  call join { use = text.join  params { items = [\"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\"]  separator = \"\" } }\n}\n";
    let project = narrowed(&[("gentle-x.wf", text)]);
    assert_snapshot!(project.transcript(&["run", "gentle-x.wf"]));
    let other = narrowed(&[("other.wf", &text.replace("gentle-x", "other"))]);
    assert_eq!(other.say(&["run", "other.wf"]).code, Some(0));
}

// row E10
// key dirs.quota, dirs.files
#[test]
fn a_directory_that_is_full_says_so() {
    let write =
        |text: &str| format!("call write {{ use = fs.write  params {{ path = \"/out/x\"  text = \"{text}\" }} }}");
    let project = narrowed(&[
        (
            "fits.wf",
            &format!("workflow fits edition 1 {{\n  {}\n}}\n", write(&"x".repeat(400))),
        ),
        (
            "full.wf",
            &format!("workflow full edition 1 {{\n  {}\n}}\n", write(&"x".repeat(2000))),
        ),
    ]);
    for _ in 0..3 {
        let said = project.say(&["run", "fits.wf"]);
        assert_eq!(said.code, Some(0), "written over and over: {said}");
    }
    assert_snapshot!("full_directory", project.transcript(&["run", "full.wf"]));
    assert_eq!(std::fs::read(project.path("out/x")).expect("what was there").len(), 400);
}
