//! A component from a file has the grants of its name when somebody accepted it, and what is put in its place has not.

use crate::project::{Project, Said, another};
use insta::assert_snapshot;
use std::path::Path;

/// What `tool` may touch: within the frame, so that the project needs no trust for it.
const GRANTED: &str = "config = 1\n\n[plugins.tool]\ndirs = [{ guest = \"/\", host = \"data\", access = \"read\" }]\n";

const LISTS: &str = r#"workflow lists edition 1 {
  call list { use = tool.list  params { root = "/" } }
  outputs { count = (steps.list.output.count) }
}
"#;

/// A run that waits between two calls.
const WAITS: &str = r#"workflow waits edition 1 {
  call one { use = tool.list  params { root = "/" } }
  wait go { event = "go" }
  call two { use = tool.list  params { root = "/" } }
}
"#;

/// Returns the plugin `fs` as somebody else's: each name of a section makes another component of it.
fn tool(section: &str) -> Vec<u8> {
    another("fs", section)
}

fn project(configuration: &str) -> Project {
    let project = Project::with(&[
        ("cofferdam.toml", configuration),
        ("lists.wf", LISTS),
        ("waits.wf", WAITS),
        ("data/a.txt", "a"),
    ]);
    project.write("plugins/tool.wasm", tool("one"));
    project
}

fn completed(said: &Said) {
    assert_eq!(said.code, Some(0), "{said}");
}

fn refused(said: &Said, reason: &str) {
    assert_eq!(said.code, Some(4), "{said}");
    assert!(said.stderr.contains(reason), "{said}");
}

// rows E02, E14
#[test]
fn a_copy_that_says_that_it_was_built_in_is_no_proof() {
    let project = project(GRANTED);
    completed(&project.say(&["plugin", "accept", "tool", "--yes"]));
    assert_eq!(project.say(&["run", "waits.wf", "--progress", "none"]).code, Some(6));
    // As a repository would bring it along: the copy of a component from a file, with the name that built-in ones have.
    for copy in std::fs::read_dir(project.path(".cofferdam/components")).expect("the copies") {
        let name = copy.expect("a copy").file_name().into_string().expect("a name");
        let forged = project.path(&format!(".cofferdam/components/tool.{name}"));
        std::fs::rename(project.path(&format!(".cofferdam/components/{name}")), forged).expect("the copy");
    }
    std::fs::remove_file(project.path("plugins/tool.wasm")).expect("the plugin");
    std::fs::remove_file(project.path("cofferdam.lock")).expect("the lock file");
    completed(&project.say(&["trust", "--forget"]));
    refused(&project.say(&["signal", "last", "go"]), "nobody has accepted it yet");
}

// row E02, row E14
#[test]
fn a_component_has_grants_once_it_is_accepted_and_another_in_its_file_has_not() {
    let project = project(GRANTED);
    assert_snapshot!("accept_first_run", project.transcript(&["run", "lists.wf"]));
    assert!(!project.path(".cofferdam/state.db").exists(), "nothing was started");
    refused(
        &project.say(&["plugin", "run", "tool.list"]),
        "error[CF0621]: `tool` has no grants",
    );
    let listed = project.say(&["plugin", "list"]);
    assert!(listed.stdout.contains("none: not accepted"), "{listed}");

    // Without somebody to ask, nothing is accepted.
    let asked = project.say(&["plugin", "accept", "tool"]);
    assert_eq!(asked.code, Some(5), "{asked}");
    refused(&project.say(&["run", "lists.wf"]), "nobody has accepted it yet");

    assert_snapshot!(
        "accept_first",
        project.transcript(&["plugin", "accept", "tool", "--yes"])
    );
    let lock = std::fs::read_to_string(project.path("cofferdam.lock")).expect("a lock file");
    assert!(
        lock.contains("name = \"tool\"") && lock.contains("digest = \"sha256:"),
        "{lock}"
    );
    completed(&project.say(&["run", "lists.wf"]));
    assert!(
        project
            .say(&["plugin", "accept", "tool"])
            .stderr
            .contains("accepted already")
    );

    project.write("plugins/tool.wasm", tool("two"));
    assert_snapshot!("accept_changed_run", project.transcript(&["run", "lists.wf"]));
    assert_snapshot!(
        "accept_changed_grants",
        project.transcript(&["grants", "--plugin", "tool"])
    );
    assert_snapshot!(
        "accept_changed",
        project.transcript(&["plugin", "accept", "tool", "--yes"])
    );
    completed(&project.say(&["run", "lists.wf"]));
}

// row E02
#[test]
fn a_file_from_elsewhere_does_not_get_the_grants_of_its_name() {
    let project = project(GRANTED);
    completed(&project.say(&["plugin", "accept", "tool", "--yes"]));
    project.write("elsewhere/tool.wasm", tool("two"));
    let run = ["plugin", "run", "elsewhere/tool.wasm", "list"];
    refused(&project.say(&run), "it changed since it was accepted");
    completed(&project.say(&["plugin", "accept", "elsewhere/tool.wasm", "--yes"]));
    completed(&project.say(&run));
    let lock = std::fs::read_to_string(project.path("cofferdam.lock")).expect("a lock file");
    assert_eq!(lock.matches("[[plugin]]").count(), 1, "{lock}");
    // What is installed was accepted before, and still is.
    completed(&project.say(&["run", "lists.wf"]));
}

// row E02
#[test]
fn what_a_lock_file_lists_has_to_be_looked_at_by_each_user() {
    let project = project(GRANTED);
    completed(&project.say(&["plugin", "accept", "tool", "--yes"]));
    let other = tempfile::TempDir::new().expect("a home");
    let say = |arguments: &[&str]| {
        let output = project.command(arguments).env("HOME", other.path()).output();
        project.said(&output.expect("the binary starts"))
    };
    let untrusted = say(&["run", "lists.wf"]);
    refused(&untrusted, "error[CF0620]: this project wants: `tool` as [digest]");
    let trusted = say(&["trust", "--yes"]);
    completed(&trusted);
    assert!(
        trusted.stderr.contains("`tool` as [digest]   cofferdam.lock:"),
        "{trusted}"
    );
    completed(&say(&["run", "lists.wf"]));
    completed(&say(&["trust", "--forget"]));
    refused(&say(&["run", "lists.wf"]), "error[CF0620]");
}

// row E02
#[test]
fn a_run_keeps_the_grants_of_the_component_that_was_accepted_when_it_started() {
    let project = project(GRANTED);
    completed(&project.say(&["plugin", "accept", "tool", "--yes"]));
    let parked = project.say(&["run", "waits.wf"]);
    assert_ne!(parked.code, Some(0), "{parked}");
    project.write("plugins/tool.wasm", tool("two"));
    completed(&project.say(&["plugin", "accept", "tool", "--yes"]));
    completed(&project.say(&["signal", "last", "go"]));
    // Who takes everything back takes that back, too.
    project.say(&["run", "waits.wf"]);
    completed(&project.say(&["trust", "--forget"]));
    project.write("cofferdam.lock", "lock = 1\n");
    refused(&project.say(&["signal", "last", "go"]), "nobody has accepted it yet");
}

// row E02
#[test]
fn what_is_different_is_shown() {
    let project = project(GRANTED);
    completed(&project.say(&["plugin", "accept", "tool", "--yes"]));
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins/report.wasm");
    project.write("plugins/tool.wasm", std::fs::read(other).expect("a plugin"));
    assert_snapshot!(
        "accept_another",
        project.transcript(&["plugin", "accept", "tool", "--yes"])
    );
}

/// Returns the digest of `tool` as it is installed.
fn digest(project: &Project) -> String {
    let output = project
        .command(&["plugin", "list", "--json"])
        .output()
        .expect("it starts");
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut plugins = listed["plugins"].as_array().expect("plugins").iter();
    let tool = plugins.find(|plugin| plugin["name"] == "tool").expect("the tool");
    tool["digest"].as_str().expect("a digest").to_owned()
}

// row E02
// key plugins.digest
#[test]
fn a_section_can_name_its_component() {
    let project = project(GRANTED);
    let digest = digest(&project);
    project.write("cofferdam.toml", format!("{GRANTED}digest = \"{digest}\"\n"));
    refused(
        &project.say(&["run", "lists.wf"]),
        "this project wants: `tool` as [digest]",
    );
    completed(&project.say(&["trust", "--yes"]));
    completed(&project.say(&["run", "lists.wf"]));
    project.write("plugins/tool.wasm", tool("two"));
    assert_snapshot!(
        "accept_named",
        project.transcript(&["plugin", "accept", "tool", "--yes"])
    );
    refused(
        &project.say(&["run", "lists.wf"]),
        "cofferdam.toml:5 gives them to [digest], and it is [digest]",
    );
    project.write("cofferdam.toml", format!("{GRANTED}digest = \"sha256:12\"\n"));
    refused(&project.say(&["config", "check"]), "`sha256:12` is no digest");
}

// row E02
// key registry.trust
#[test]
fn whoever_is_writing_a_plugin_can_let_its_name_be_enough() {
    let by_name = format!("{GRANTED}\n[registry]\ntrust = \"name\"\n");
    let project = project(&by_name);
    refused(
        &project.say(&["run", "lists.wf"]),
        "plugins keep their grants whatever is put in their files",
    );
    completed(&project.say(&["trust", "--yes"]));
    for section in ["two", "three"] {
        project.write("plugins/tool.wasm", tool(section));
        let said = project.say(&["run", "lists.wf"]);
        completed(&said);
        assert!(said.stderr.contains("note: [registry] trust = \"name\""), "{said}");
    }
    assert!(!project.path("cofferdam.lock").exists());
}

// row E02
#[test]
fn what_needs_no_acceptance_says_so() {
    let project = project("config = 1\n");
    for (arguments, said) in [
        (["plugin", "accept", "fs"], "`fs` is built in"),
        (["plugin", "accept", "tool"], "grants it nothing"),
    ] {
        let answer = project.say(&arguments);
        completed(&answer);
        assert!(answer.stderr.contains(said), "{answer}");
    }
    assert_eq!(project.say(&["plugin", "accept", "tol"]).code, Some(2));
    // It can be listed all the same.
    let lock = std::fs::read_to_string(project.path("cofferdam.lock")).expect("a lock file");
    assert_eq!(lock.matches("[[plugin]]").count(), 1, "{lock}");
}

// row E02
#[test]
fn a_lock_file_that_is_damaged_is_refused_as_a_whole() {
    let project = project(GRANTED);
    project.write(
        "cofferdam.lock",
        "lock = 1\n\n[[plugin]]\nname = \"tool\"\ndigest = \"sha256:12\"\n\n[[plugin]]\nname = \"other\"\n",
    );
    assert_snapshot!("accept_damaged_lock", project.transcript(&["config", "check"]));
    project.write("cofferdam.lock", "lock = 2\n");
    refused(&project.say(&["run", "lists.wf"]), "this cofferdam knows format 1");
}
