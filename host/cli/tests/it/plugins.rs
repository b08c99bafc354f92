//! `plugin`: what is known of components, and of files that are none.

mod authoring;

use crate::project::Project;
use insta::assert_snapshot;

const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

#[test]
fn plugins_are_one_table() {
    let project = Project::empty();
    assert_snapshot!("plugins", project.transcript(&["plugin", "list"]));
    project.write("plugins/old.wasm", CORE_MODULE);
    project.write("plugins/text.wasm", EMPTY_COMPONENT);
    project.write("plugins/Not a name.wasm", EMPTY_COMPONENT);
    project.write("plugins/empty.wasm", EMPTY_COMPONENT);
    project.write("plugins/prose.wasm", "hello");
    assert_snapshot!("plugins_not_loaded", project.transcript(&["plugin", "list"]));
}

// row E04
#[test]
fn a_plugin_is_shown_with_what_it_may() {
    let project = Project::empty();
    assert_snapshot!("inspect_text", project.transcript(&["plugin", "inspect", "text"]));
    assert_snapshot!("inspect_fs", project.transcript(&["plugin", "inspect", "fs"]));
    assert_snapshot!("inspect_action", project.transcript(&["plugin", "inspect", "fs.grep"]));
    assert_snapshot!("inspect_unknown", project.transcript(&["plugin", "inspect", "txt"]));
    assert_snapshot!(
        "inspect_unknown_action",
        project.transcript(&["plugin", "inspect", "fs.grp"])
    );
}

#[test]
fn a_refused_need_is_shown_with_the_line_that_grants_it() {
    let project = Project::with(&[("cofferdam.toml", "config = 1\n")]);
    assert_snapshot!(project.transcript(&["plugin", "inspect", "report"]));
}

// row E04
#[test]
fn a_plugin_is_shown_with_who_uses_it_and_how_its_attempts_ended() {
    let project = Project::with(&[
        (
            "workflows/reads.wf",
            "workflow reads edition 1 {\n  call read { use = fs.read  params { path = \"/etc/x\" } }\n}\n",
        ),
        (
            "workflows/lists.wf",
            "workflow lists edition 1 {\n  call list { use = fs.list }\n}\n",
        ),
        (
            "workflows/bad.wf",
            "workflow bad edition 1 {\n  call list { use = fs.lst }\n}\n",
        ),
    ]);
    let end = |project: &Project| {
        let said = project.say(&["plugin", "inspect", "fs"]);
        let lines: Vec<&str> = said.stdout.lines().rev().take(2).collect();
        format!("{}\n{}", lines[1], lines[0])
    };
    let before = end(&project);
    assert!(!project.path(".cofferdam").exists(), "looking leaves nothing behind");
    assert_eq!(project.say(&["run", "lists"]).code, Some(0));
    assert_eq!(project.say(&["run", "reads"]).code, Some(1));
    assert_snapshot!(format!("{before}\n\n{}", end(&project)));
}

#[test]
fn a_file_that_is_not_installed_is_shown_with_what_would_be_granted() {
    let project = Project::with(&[("cofferdam.toml", "config = 1\n")]);
    project.write("download.wasm", built_in("report"));
    assert_snapshot!(project.transcript(&["plugin", "inspect", "./download.wasm"]));
}

#[test]
fn of_two_files_with_one_name_neither_is_used() {
    let project = Project::empty();
    project.write("plugins/my_tool.wasm", built_in("json"));
    project.write("plugins/my-tool.wasm", built_in("text"));
    assert_snapshot!(project.transcript(&["plugin", "list"]));
}

/// Returns the bytes of a plugin that is built in, for files that are real components.
fn built_in(name: &str) -> Vec<u8> {
    let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it lies in the target directory");
    let directory = std::env::var_os("COFFERDAM_PLUGINS").map_or_else(|| target.join("plugins"), Into::into);
    std::fs::read(directory.join(format!("{name}.wasm"))).expect("`cargo xtask plugins` builds it")
}

// row B15
#[test]
fn files_that_are_no_plugins_are_refused_with_the_reason() {
    let project = Project::empty();
    project.write("core.wasm", CORE_MODULE);
    project.write("empty.wasm", EMPTY_COMPONENT);
    project.write("prose.wasm", "hello");
    assert_snapshot!("refused_core", project.transcript(&["plugin", "check", "core.wasm"]));
    assert_snapshot!(
        "refused_all",
        project.transcript(&[
            "plugin",
            "check",
            "core.wasm",
            "empty.wasm",
            "prose.wasm",
            "absent.wasm"
        ])
    );
}

#[test]
fn an_action_is_tried_outside_of_a_workflow() {
    let project = Project::with(&[("a.txt", "one\ntwo\n")]);
    let run = |action: &str, params: &str| project.transcript(&["plugin", "run", action, "--params", params]);
    let transcript = [
        run("text.join", r#"{"items": ["a", "b"], "separator": "-"}"#),
        run("fs.read", r#"{"path": "nope"}"#),
        run("fs.read", r#"{"pth": "nope"}"#),
        run("fs.raed", "{}"),
        run("fs.read", "[1]"),
        run("fs.read", "{"),
    ];
    assert_snapshot!(transcript.join("\n"));
    let failed = project.say(&["plugin", "run", "fs.read", "--params", r#"{"path": "nope"}"#, "--json"]);
    assert_snapshot!("run_json_failed", failed);
}

/// Returns what an action wants to survive a power cut, in order, as the host's side of its files has heard it.
fn synced(project: &Project, action: &str, params: &str) -> Vec<String> {
    let mut command = project.command(&["plugin", "run", action, "--params", params]);
    command.env("COFFERDAM_LOG", "cofferdam_wasm::host::filesystem=trace");
    let output = command.output().expect("the binary starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let told = stderr
        .lines()
        .filter_map(|line| Some(line.split_once("filesystem: ")?.1));
    told.map(str::to_owned).collect()
}

// rule B8
#[test]
fn what_is_written_is_on_the_disk_with_all_that_leads_to_it_before_the_action_returns() {
    let project = Project::empty();
    let new = synced(&project, "fs.write", r#"{"path": "out/a/b/note", "text": "x"}"#);
    let directory = |path: &str| format!("a guest syncs directory=\"{path}\"");
    assert_eq!(
        new,
        [
            directory("/out"),
            directory("/out/a"),
            "a guest syncs a file".to_owned(),
            "a guest renames to=\"/out/a/b/note\"".to_owned(),
            directory("/out/a/b"),
        ]
    );
    let again = synced(&project, "fs.write", r#"{"path": "out/a/b/note", "text": "y"}"#);
    assert_eq!(again, new[2..]);
    let new = synced(&project, "fs.append", r#"{"path": "out/log", "text": "x"}"#);
    assert_eq!(new, ["a guest syncs a file".to_owned(), directory("/out")]);
    let again = synced(&project, "fs.append", r#"{"path": "out/log", "text": "y"}"#);
    assert_eq!(again, ["a guest syncs a file"]);
}
