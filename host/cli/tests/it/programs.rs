//! What programs are told with `--json`: nothing that was there once goes away or gets another name.

use crate::project::Project;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Adds what is new to the list of keys; nothing takes any away.
const UPDATE: &str = "UPDATE_KEYS";

const JOIN: &str = r#"workflow join edition 1 {
  call join { use = text.join  params { items = ["a", "b"]  separator = "" } }
  outputs { text = (steps.join.output.text) }
}
"#;

const FAILS: &str = r#"workflow fails edition 1 {
  call join { use = text.join  params { items = ["a", "b"]  separator = "" } }
  call read { use = fs.read  params { path = "nope" } }
  outputs { text = (steps.join.output.text) }
}
"#;

const GATE: &str = r#"workflow gate edition 1 {
  gate human_review go { prompt = "Go?"  options = ["now", "later"]  timeout = 24h }
}
"#;

const WAITS: &str = r#"workflow waits edition 1 {
  wait news { event = "deployed"  timeout = 1h }
}
"#;

const WRONG: &str = "workflow wrong edition 1 {\n  call join { use = text.jion }\n}\n";

fn list() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/keys.txt")
}

/// Adds the keys of a value, each with those that it lies in.
fn keys(value: &Value, within: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                // What steps, plugins and inputs are called is not ours to keep.
                let name = match within.rsplit('.').next() {
                    Some("steps" | "metrics" | "outputs" | "inputs" | "v" | "params" | "labels" | "values") => "*",
                    _ => name,
                };
                let path = format!("{within}.{name}");
                found.insert(path.clone());
                // What actions return and take is theirs.
                if !["output", "params", "schema", "details"].contains(&name) {
                    keys(value, &path, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, &format!("{within}[]"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Carries the commands out and returns which keys each of them prints.
fn printed() -> BTreeMap<String, BTreeSet<String>> {
    let project = Project::with(&[
        ("join.wf", JOIN),
        ("fails.wf", FAILS),
        ("gate.wf", GATE),
        ("waits.wf", WAITS),
        ("wrong.wf", WRONG),
    ]);
    let commands: &[&[&str]] = &[
        &["check", "wrong.wf"],
        &["check", "join.wf"],
        &["fmt", "--check", "join.wf"],
        &["inventory", "join.wf"],
        &["diff", "join.wf", "fails.wf"],
        &["graph", "join.wf"],
        &["run", "join.wf"],
        &["show", "last"],
        &["events", "last"],
        &["run", "fails.wf"],
        &["show", "last"],
        &["events", "last"],
        &["why", "last"],
        &["retry", "last", "--from", "read", "--detach"],
        &["work", "--until-idle"],
        &["run", "gate.wf"],
        &["why", "last"],
        &["runs"],
        &["reject", "last", "nosuch"],
        &["pause", "last"],
        &["resume", "last"],
        &["approve", "last", "--select", "now", "--detach"],
        &["work", "--until-idle"],
        &["events", "last"],
        &["run", "waits.wf"],
        &["why", "last"],
        &["signal", "--topic", "deployed", "--detach"],
        &["work", "--until-idle"],
        &["events", "last"],
        &["run", "waits.wf"],
        &["cancel", "last"],
        &["why", "last"],
        &["run", "waits.wf"],
        &["kill", "last"],
        &["events", "last"],
        &["runs"],
        &["events", "--all"],
        &["plugin", "list"],
        &["plugin", "inspect", "text"],
        &["plugin", "run", "text.join", "--params", r#"{"items": ["a"]}"#],
        &["plugin", "run", "fs.read", "--params", r#"{"path": "nope"}"#],
        &["grants"],
        &["config", "show"],
    ];
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for command in commands {
        let output = project
            .command(&[command, &["--json"][..]].concat())
            .output()
            .expect("the binary starts");
        let name: Vec<&str> = command
            .iter()
            .take(if command[0] == "plugin" { 2 } else { 1 })
            .copied()
            .collect();
        let text = String::from_utf8(output.stdout).expect("JSON is text");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let keys_of = found.entry(name.join(" ")).or_default();
        for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            let value = value.unwrap_or_else(|error| panic!("{command:?}: {error} in {text}{stderr}"));
            keys(&value, "", keys_of);
        }
        assert_ne!(output.status.code(), Some(70), "{command:?}: {stderr}");
    }
    found
}

// row P08
#[test]
fn no_key_that_programs_may_read_is_gone() {
    let printed = printed();
    for (command, keys) in &printed {
        assert!(!keys.is_empty(), "`{command} --json` prints no object");
    }
    let kept = fs::read_to_string(list()).expect("the list of keys");
    assert!(!kept.is_empty());
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in kept.lines() {
        let (command, key) = line.split_once(": ").expect("a command and a key");
        expected.entry(command.to_owned()).or_default().insert(key.to_owned());
    }
    let lacks = |from: &BTreeMap<String, BTreeSet<String>>, of: &BTreeMap<String, BTreeSet<String>>| {
        let mut lacking = Vec::new();
        for (command, keys) in of {
            let there = from.get(command);
            let gone = keys
                .iter()
                .filter(|key| !there.is_some_and(|there| there.contains(*key)));
            lacking.extend(gone.map(|key| format!("{command}: {key}")));
        }
        lacking
    };
    let gone = lacks(&printed, &expected);
    assert!(gone.is_empty(), "programs rely on what is no longer printed: {gone:#?}");
    // What is new may be taken back until it is in the list, which is when it is released.
    if std::env::var_os(UPDATE).is_some() {
        let mut text = String::new();
        for (command, keys) in &printed {
            for key in keys {
                writeln!(text, "{command}: {key}").expect("a text takes everything");
            }
        }
        fs::write(list(), text).expect("the list of keys");
    }
}

// row H11
#[test]
fn what_a_failed_run_has_returned_so_far_is_there_for_whoever_asks_later() {
    let project = Project::with(&[("fails.wf", FAILS)]);
    assert_eq!(project.say(&["run", "fails.wf", "--progress", "none"]).code, Some(1));
    // Another process, which knows only what is recorded.
    let shown = project.say(&["show", "last", "--json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("an object");
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["outputs"]["text"], "ab");
    assert_eq!(shown["steps"]["join"]["output"]["text"], "ab");
    assert_eq!(shown["error"]["step"], "read");
    let told = project.say(&["show", "last"]);
    assert!(told.stdout.contains("text  \"ab\""), "{told}");
}
