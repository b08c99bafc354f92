//! `plugin new`, `build`, `check`, `run`: from nothing to a plugin that works, with the real compiler.

use crate::project::{Project, Said};
use insta::assert_snapshot;
use std::path::{Path, PathBuf};

/// A plugin with actions that go wrong in ways that a beginner meets.
const WRONG: &str = r#"use cofferdam_plugin::{Context, action, plugin};

/// Panics.
#[action]
fn panics() -> u8 {
    eprintln!("just before");
    let empty: Vec<u8> = Vec::new();
    empty[std::env::args().count() + 3]
}

/// Ends the process.
#[action]
fn exits() -> u8 {
    std::process::exit(77)
}

/// Says far too much.
#[action]
fn chatters(ctx: &Context) -> u8 {
    for line in 0..300 {
        ctx.info(format!("line {line}"));
    }
    1
}

plugin!(panics, exits, chatters);
"#;

/// Carries a command out with the compiler of whoever runs the tests, without the network.
fn with_cargo(project: &Project, arguments: &[&str]) -> Said {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let of = |name: &str, usual: &str| std::env::var_os(name).map_or_else(|| home.join(usual), PathBuf::from);
    let output = project
        .command(arguments)
        .env("CARGO_HOME", of("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", of("RUSTUP_HOME", ".rustup"))
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring"),
        )
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_QUIET", "true")
        .output()
        .expect("the binary starts");
    project.said(&output)
}

/// Lets cargo find the versions that the plugins of this repository are built with, without asking anybody.
fn lock(project: &Project, plugin: &str) {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/Cargo.lock");
    let text = std::fs::read_to_string(lock).expect("the lock file of the plugins");
    project.write(&format!("{plugin}/Cargo.lock"), text);
}

// row P05
#[test]
fn a_new_plugin_is_built_checked_and_run() {
    let project = Project::empty();
    assert_snapshot!("new", project.transcript(&["plugin", "new", "wordcount"]));
    assert_snapshot!("new_again", project.transcript(&["plugin", "new", "wordcount"]));
    assert_snapshot!("new_reserved", project.transcript(&["plugin", "new", "fs"]));
    lock(&project, "wordcount");
    let built = with_cargo(&project, &["plugin", "build", "wordcount", "--to", "plugins"]);
    assert_eq!(built.code, Some(0), "{built}");
    assert!(built.stderr.contains("1 action, built in"), "{built}");
    assert!(built.stderr.contains("copied to plugins/wordcount.wasm"), "{built}");
    let checked = project.say(&["plugin", "check", "plugins/wordcount.wasm"]);
    assert_eq!(checked.code, Some(0), "{checked}");
    assert!(checked.stderr.contains("(wordcount.wasm) can be used"), "{checked}");
    let run = [
        "plugin",
        "run",
        "wordcount.count",
        "--params",
        "{\"text\": \"to be\\nor not\"}",
    ];
    assert_snapshot!("run_new", project.transcript(&run));

    // Whoever builds a plugin that has grants need not accept it as well.
    let granted = "config = 1\n[plugins.wordcount]\ndirs = [{ guest = \"/\", host = \".\", access = \"read\" }]\n";
    project.write("cofferdam.toml", granted);
    project.write("wordcount/src/lib.rs", WRONG);
    let built = with_cargo(&project, &["plugin", "build", "wordcount", "--to", "plugins"]);
    assert_eq!(built.code, Some(0), "{built}");
    assert!(
        built.stderr.contains("accepted as `wordcount`: you built it"),
        "{built}"
    );
    let accepted = project.say(&["plugin", "accept", "wordcount"]);
    assert!(accepted.stderr.contains("is accepted already"), "{accepted}");
    let panicked = project
        .command(&["plugin", "run", "wordcount.panics"])
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&panicked.stderr).into_owned();
    let told_once = "warn: just before\nerror[CF0711]: wordcount.panics: `panics` panicked at src/lib.rs:8: ";
    assert!(told.starts_with(told_once), "{told}");
    assert_eq!(panicked.status.code(), Some(1));
    assert_eq!(told.matches("index out of bounds").count(), 1, "{told}");
    assert_snapshot!("exits", project.transcript(&["plugin", "run", "wordcount.exits"]));
    let said = project.say(&["plugin", "run", "wordcount.chatters"]);
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert_eq!((said.code, lines.len()), (Some(0), 258), "{said}");
    assert_snapshot!("chatters", lines[254..].join("\n"));

    let wrong = "workflow wrong edition 1 {\n  call panics { use = wordcount.panics }\n}\n";
    project.write("wrong.wf", wrong);
    let failed = project.command(&["run", "wrong.wf"]).output().expect("it starts");
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(told.contains("= log: just before\n"), "{told}");
    let report = told.split("error[CF0711]").nth(1).unwrap_or_default();
    assert_eq!(report.matches("index out of bounds").count(), 1, "{told}");
}
