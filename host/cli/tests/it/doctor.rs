//! What is allowed and worth a second look, and whether secrets can be had.

use crate::project::Project;
use insta::assert_snapshot;

const CONFIGURATION: &str = r#"config = 1

[registry]
trust = "name"

[plugins.fs]
dirs = [{ guest = "/", host = ".", access = "read" }]

[plugins.http]
network = [{ url = "https://api.example.org", methods = ["POST"] }]
secrets = ["short", "long"]

[plugins.report]
dirs = [{ guest = "/out", host = "out", access = "write", create = true }]

[secrets.short]
env = "SHORT"
to  = ["https://api.example.org"]

[secrets.long]
env = "LONG"
to  = ["https://api.example.org"]

[secrets.printed]
command = ["/bin/sh", "-c", "echo abc; : > was-run"]
to      = []

[workflows.closed]
network = "none"
"#;

/// What is read goes out in a text, through a variable.
const LEAKS: &str = r#"workflow leaks edition 1 {
  call read { use = fs.read  params { path = "notes.txt" } }
  set { text = "{{ steps.read.output.text }}" }
  call send { use = http.request  params { url = "https://api.example.org"  method = "POST"  text = (vars.text) } }
  call own { use = http.request  params { url = "https://api.example.org"  method = "POST"  text = "own" } }
}
"#;

fn project() -> Project {
    let project = Project::with(&[
        ("cofferdam.toml", CONFIGURATION),
        ("workflows/leaks.wf", LEAKS),
        ("workflows/closed.wf", &LEAKS.replace("leaks", "closed")),
        ("workflows/broken.wf", "workflow broken {"),
        (".env", "A=b"),
        (".env.example", "A="),
        ("certs/server.pem", "pem"),
        (".git/config", "[core]"),
        (".cofferdam/x.pem", "no guest sees it"),
        ("notes.txt", "notes"),
    ]);
    std::os::unix::fs::symlink(project.path(".env"), project.path("link.pem")).expect("a link");
    let trusted = project.say(&["trust", "--yes"]);
    assert_eq!(trusted.code, Some(0), "{trusted}");
    project
}

// row J16, row E14
#[test]
fn what_is_worth_a_second_look_is_said() {
    let project = project();
    let said = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        let output = command
            .env("SHORT", "abc")
            .env("LONG", "hunter2-hunter2")
            .output()
            .expect("it starts");
        format!("$ cofferdam {}\n{}", arguments.join(" "), project.said(&output))
    };
    let text = said(&["doctor"]);
    assert!(!project.path("was-run").exists(), "no program is run");
    assert_snapshot!("doctor", text);
    let json = said(&["doctor", "--json"]);
    let json = json.lines().find(|line| line.starts_with('{')).expect("one object");
    let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let mut kinds: Vec<&str> = json["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|found| found["kind"].as_str())
        .collect();
    kinds.dedup();
    assert_eq!(
        kinds,
        ["trust-by-name", "private-file", "read-and-sent", "short-secret"]
    );
    assert_eq!(json["unread"], serde_json::json!(["workflows/broken.wf"]));

    assert_snapshot!("secrets_check", said(&["secrets", "check"]));
    assert!(project.path("was-run").exists());
    let json = said(&["secrets", "check", "long", "--json"]);
    assert!(
        json.contains(r#""length":15"#) && !json.contains("hunter2") && !json.contains("short"),
        "{json}"
    );
    // What is not there is said, and the rest all the same.
    assert_snapshot!("secrets_missing", project.transcript(&["secrets", "check"]));
    assert_snapshot!("secrets_unknown", project.transcript(&["secrets", "check", "lon"]));
    let changed = format!("{CONFIGURATION}# changed\n");
    project.write("cofferdam.toml", changed);
    std::fs::remove_file(project.path("was-run")).expect("it is ours");
    let untrusted = said(&["secrets", "check"]);
    assert!(
        untrusted.contains("error[CF0620]") && !project.path("was-run").exists(),
        "{untrusted}"
    );
    let untrusted = said(&["doctor"]);
    assert!(!untrusted.contains("shorter than 8"), "{untrusted}");
}

#[test]
fn a_project_without_anything_to_look_at_says_so() {
    let project = Project::with(&[("cofferdam.toml", "config = 1\n")]);
    let said = project.say(&["doctor"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(said.stderr, "nothing is allowed here that wants a second look\n");
}
