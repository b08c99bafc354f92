//! How plugins from files come and go: installed, listed, switched off, removed.

use crate::project::{Project, Said, another};
use insta::assert_snapshot;

/// Waits between two calls of a plugin that asks for nothing.
const JOINS: &str = r#"workflow joins edition 1 {
  call one { use = tool.join  params { items = ["a", "b"]  separator = " " } }
  wait go { event = "go" }
  call two { use = tool.join  params { items = ["c", "d"]  separator = " " } }
  outputs { text = (steps.two.output.text) }
}
"#;

const JOINS_AT_ONCE: &str = r#"workflow once edition 1 {
  call one { use = tool.join  params { items = ["a", "b"]  separator = " " } }
}
"#;

/// Returns the plugin `text` as somebody else's: each name of a section makes another component of it.
fn tool(section: &str) -> Vec<u8> {
    another("text", section)
}

fn project() -> Project {
    let project = Project::with(&[
        ("cofferdam.toml", "config = 1\n"),
        ("workflows/joins.wf", JOINS),
        ("workflows/once.wf", JOINS_AT_ONCE),
        ("broken.wasm", "no component"),
    ]);
    project.write("downloads/tool.wasm", tool("one"));
    project.write("downloads/newer.wasm", tool("two"));
    project
}

fn ended(said: &Said, code: i32) {
    assert_eq!(said.code, Some(code), "{said}");
}

// row E02
#[test]
fn a_plugin_is_installed_listed_and_replaced() {
    let project = project();
    let installed = project.say(&["plugin", "install", "downloads/tool.wasm"]);
    ended(&installed, 0);
    assert!(
        installed.stderr.contains("installed plugins/tool.wasm: 7 actions"),
        "{installed}"
    );
    ended(&project.say(&["run", "once", "--locked"]), 0);
    let again = project.say(&["plugin", "install", "downloads/tool.wasm"]);
    assert!(again.stderr.contains("is installed already"), "{again}");

    let newer = ["plugin", "install", "downloads/newer.wasm", "--name", "tool"];
    assert_snapshot!("install_another", project.transcript(&newer));
    // Whoever copies it there by hand has not listed it.
    project.write("plugins/tool.wasm", tool("three"));
    assert_snapshot!("run_not_locked", project.transcript(&["run", "once", "--locked"]));
    ended(&project.say(&["run", "once"]), 0);
    ended(&project.say(&[&newer[..], &["--replace"]].concat()), 0);
    ended(&project.say(&["run", "once", "--locked"]), 0);

    for (file, name, code) in [
        ("broken.wasm", "broken", 4),
        ("downloads/tool.wasm", "fs", 2),
        ("downloads/tool.wasm", "../tool", 2),
        ("downloads/none.wasm", "none", 2),
    ] {
        ended(&project.say(&["plugin", "install", file, "--name", name]), code);
    }
    let files = std::fs::read_dir(project.path("plugins")).expect("plugins");
    assert_eq!(files.count(), 1, "nothing else was left there");
}

// row E02, row E03, row K11
#[test]
fn a_plugin_is_removed_and_runs_that_started_with_it_go_on() {
    let project = project();
    ended(&project.say(&["plugin", "install", "downloads/tool.wasm"]), 0);
    ended(&project.say(&["run", "joins"]), 6);
    let asked = project.say(&["plugin", "remove", "tool"]);
    ended(&asked, 5);
    assert!(asked.stderr.contains("2 workflows call it: "), "{asked}");
    assert!(
        asked.stderr.contains("1 unfinished run uses it and keeps its copy: "),
        "{asked}"
    );
    assert!(project.path("plugins/tool.wasm").exists());
    ended(&project.say(&["plugin", "remove", "tool", "--yes"]), 0);
    assert!(!project.path("plugins/tool.wasm").exists());
    let lock = std::fs::read_to_string(project.path("cofferdam.lock")).expect("a lock file");
    assert!(!lock.contains("tool"), "{lock}");
    ended(&project.say(&["run", "once"]), 4);
    ended(&project.say(&["signal", "last", "go"]), 0);
    ended(&project.say(&["plugin", "install", "downloads/tool.wasm"]), 0);
    let unused = project.say(&["plugin", "remove", "tool", "--yes"]);
    assert!(unused.stderr.contains("no unfinished run uses it"), "{unused}");
    ended(&project.say(&["plugin", "remove", "text", "--yes"]), 5);
}

// row E02
// key plugins.enabled
#[test]
fn only_what_the_lock_file_lists_is_used_wherever_a_component_is_chosen() {
    let project = project();
    ended(&project.say(&["plugin", "install", "downloads/tool.wasm"]), 0);
    ended(&project.say(&["check", "workflows/once.wf", "--locked"]), 0);
    ended(&project.say(&["run", "joins", "--locked"]), 6);
    // Whoever copies another one there by hand has not listed it; a run keeps what it started with.
    project.write("plugins/tool.wasm", tool("three"));
    ended(&project.say(&["signal", "last", "go", "--locked"]), 0);
    ended(&project.say(&["run", "joins"]), 6);
    let refused = |arguments: &[&str]| {
        let said = project.say(arguments);
        ended(&said, 4);
        let expected = "error[CF0622]: cofferdam.lock does not list `tool` as [digest]";
        assert!(said.stderr.contains(expected), "{said}");
    };
    refused(&["check", "workflows/once.wf", "--locked"]);
    refused(&["run", "once", "--locked"]);
    refused(&["resume", "last", "--locked"]);
    refused(&["signal", "last", "go", "--locked"]);
    refused(&["plugin", "run", "tool.join", "--params", "{}", "--locked"]);
    ended(&project.say(&["signal", "last", "go", "--detach"]), 0);
    let left = project.say(&["work", "--until-idle", "--locked"]);
    ended(&left, 0);
    assert!(
        left.stderr
            .contains("cannot be carried on now: cofferdam.lock does not list `tool` as [digest]"),
        "{left}"
    );
    assert!(left.stderr.contains("0 runs carried on"), "{left}");
    let carried = project.say(&["work", "--until-idle"]);
    assert!(carried.stderr.contains("1 run carried on"), "{carried}");
    refused(&["retry", "last", "--from", "two", "--latest", "--locked"]);
    // What asks for nothing from files is not touched by it.
    project.write(
        "workflows/own.wf",
        "workflow own edition 1 {\n  call a { use = text.join  params { items = [\"a\"] } }\n}\n",
    );
    ended(&project.say(&["check", "workflows/own.wf", "--locked"]), 0);
}

// row E02
#[test]
fn a_plugin_is_switched_off_and_on_again() {
    let project = project();
    ended(&project.say(&["plugin", "install", "downloads/tool.wasm"]), 0);
    ended(&project.say(&["plugin", "disable", "tool"]), 0);
    let off = project.say(&["run", "once"]);
    ended(&off, 4);
    assert!(
        project
            .say(&["plugin", "disable", "tool"])
            .stderr
            .contains("switched off already")
    );
    ended(&project.say(&["plugin", "enable", "tool"]), 0);
    ended(&project.say(&["run", "once"]), 0);
    let file = std::fs::read_to_string(project.path("cofferdam.toml")).expect("the file");
    assert_eq!(file, "config = 1\n\n[plugins.tool]\nenabled = true\n");
    ended(&project.say(&["plugin", "disable", "tol"]), 2);
}
