//! A plugin file is replaced, taken away, or its copy damaged, while a run is under way.

use crate::project::{Project, Said};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};

/// A run of an action of a plugin from a file and one of a built-in plugin, long enough to be interrupted.
const LONG: &str = r#"workflow long edition 1 {
  set { n = 0 }
  while (vars.n < 1500) {
    max_iterations = 1500
    call look { use = tool.join  params { items = ["round", (vars.n)]  separator = " " } }
    set { n = (vars.n + 1) }
  }
  call last { use = tool.join  params { items = ["the", "end"]  separator = " " } }
  call also { use = text.join  params { items = ["of", "it"]  separator = " " } }
  outputs {
    text = (steps.last.output.text)
    also = (steps.also.output.text)
  }
}
"#;

/// What the plugin that takes its place can do, and the old one cannot.
const NEW: &str = r#"workflow new edition 1 {
  call parsed { use = tool.parse  params { text = "[1, 2]" } }
  outputs { value = (steps.parsed.output) }
}
"#;

const CONFIGURED: &str = "config = 1\n[plugins.tool]\nlimits = { wall = \"9s\" }\n";

/// Returns a component that `cargo xtask plugins` has built, as one of its own: with another digest than the plugin in
/// the binary.
fn built(name: &str) -> Vec<u8> {
    const CUSTOM_SECTION: &[u8] = b"\0\x05\x04tool";
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins");
    let mut bytes = std::fs::read(directory.join(format!("{name}.wasm"))).expect("a plugin from `cargo xtask plugins`");
    bytes.extend_from_slice(CUSTOM_SECTION);
    bytes
}

/// Starts a run and takes its process away in the middle of it.
fn killed() -> Project {
    let project = Project::with(&[("long.wf", LONG), ("new.wf", NEW), ("cofferdam.toml", CONFIGURED)]);
    project.write("plugins/tool.wasm", built("text"));
    let mut child = project.start(&["run", "long.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 30);
    let pid = Pid::from_raw(child.id().try_into().expect("a process id")).expect("a process id");
    kill_process(pid, Signal::KILL).expect("the process is there");
    child.wait().expect("it ends");
    project
}

fn resumed(project: &Project) -> Said {
    project.say(&["resume", "last", "--progress", "none"])
}

fn completed(said: &Said) {
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "  text  \"the end\"\n  also  \"of it\"\n"),
        "{said}"
    );
}

/// Returns the copies that are kept, those of built-in plugins first.
fn copies(project: &Project) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project.path(".cofferdam/components")).expect("copies");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort_by_key(|file| {
        !file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("text."))
    });
    files
}

// row E02, row K11, row A17
#[test]
fn an_old_run_stays_on_its_component_and_a_new_one_takes_the_new() {
    let project = killed();
    project.write("plugins/tool.wasm", built("json"));
    completed(&resumed(&project));
    let old = project.say(&["run", "long.wf", "--progress", "none"]);
    assert_eq!(old.code, Some(4), "{old}");
    assert!(old.stderr.contains("there is no action `tool.join`"), "{old}");
    let new = project.say(&["run", "new.wf", "--progress", "none"]);
    assert_eq!(new.code, Some(0), "{new}");
    assert!(new.stdout.contains("[1,2]"), "{new}");
}

// row E02, row K11
#[test]
fn a_run_goes_on_without_the_file_of_its_plugin() {
    let project = killed();
    let names: Vec<String> = copies(&project)
        .iter()
        .filter_map(|file| Some(file.file_name()?.to_str()?.split("sha256-").next()?.to_owned()))
        .collect();
    assert_eq!(names, ["text.", ""], "of the plugin in the binary too, under its name");
    std::fs::remove_file(project.path("plugins/tool.wasm")).expect("it is ours");
    completed(&resumed(&project));
    let new = project.say(&["run", "new.wf"]);
    assert_eq!(new.code, Some(4), "{new}");
    assert!(new.stderr.contains("there is no plugin `tool`"), "{new}");
}

// row K11
#[test]
fn a_damaged_copy_is_refused_and_nothing_is_lost() {
    let project = killed();
    std::fs::remove_file(project.path("plugins/tool.wasm")).expect("it is ours");
    let copy = copies(&project).pop().expect("a copy");
    let mut bytes = std::fs::read(&copy).expect("a copy");
    bytes[1000] ^= 1;
    std::fs::write(&copy, bytes).expect("it is ours");
    let name = copy.file_name().expect("a file").to_string_lossy().into_owned();
    let refused = || resumed(&project).to_string().replace(&name, "[copy]");
    insta::assert_snapshot!("damaged", refused());
    std::fs::remove_file(&copy).expect("it is ours");
    insta::assert_snapshot!("missing", refused());
    // A run that ended in nothing is still there to go on with.
    project.write("plugins/tool.wasm", built("text"));
    completed(&resumed(&project));
    assert!(copy.is_file(), "the copy is there again");
}

#[test]
fn a_plugin_that_was_switched_off_is_not_entered_by_an_old_run_either() {
    let project = killed();
    project.write("cofferdam.toml", format!("{CONFIGURED}enabled = false\n"));
    insta::assert_snapshot!("switched_off", resumed(&project));
    project.write("cofferdam.toml", CONFIGURED);
    completed(&resumed(&project));
}

// row E14
#[test]
fn two_plugins_that_are_one_component_keep_their_own_grants() {
    const READS: &str = r#"workflow reads edition 1 {
  call first { use = one.read  params { path = "x" } }
  call second { use = two.read  params { path = "x" } }
  outputs {
    first  = (steps.first.output.text)
    second = (steps.second.output.text)
  }
}
"#;
    let section =
        |name: &str| format!("[plugins.{name}]\ndirs = [{{ guest = \"/\", host = \"{name}\", access = \"read\" }}]\n");
    let project = Project::with(&[
        ("reads.wf", READS),
        ("one/x", "of one"),
        ("two/x", "of two"),
        (
            "cofferdam.toml",
            &format!("config = 1\n{}{}", section("one"), section("two")),
        ),
    ]);
    project.write("plugins/one.wasm", built("fs"));
    project.write("plugins/two.wasm", built("fs"));
    // To accept it as the one is not to accept it as the other.
    for name in ["one", "two"] {
        let refused = project.say(&["run", "reads.wf", "--progress", "none"]);
        assert!(refused.stderr.contains(&format!("`{name}` has no grants")), "{refused}");
        let accepted = project.say(&["plugin", "accept", name, "--yes"]);
        assert_eq!(accepted.code, Some(0), "{accepted}");
    }
    let said = project.say(&["run", "reads.wf", "--progress", "none"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "  first   \"of one\"\n  second  \"of two\"\n"),
        "{said}"
    );
}
