//! `plugin`: what is known of components, and of files that are none.

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
}
