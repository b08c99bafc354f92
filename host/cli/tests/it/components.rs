//! A plugin file is replaced, taken away, or its copy damaged, while a run is under way.

use crate::project::{Listener, Project, Said, another};
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

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
    another(name, "tool")
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

/// Returns how the newest run stands, as programs are told.
fn newest(project: &Project) -> serde_json::Value {
    let runs = project.say(&["runs", "--json"]);
    let runs: serde_json::Value = serde_json::from_str(&runs.stdout).expect("runs as JSON");
    runs["runs"][0].clone()
}

/// Waits until the newest run has this status.
fn wait_for_status(project: &Project, status: &str, lacks: bool) {
    let since = Instant::now();
    loop {
        let newest = newest(project);
        if newest["status"] == status && newest["lacks"].is_string() == lacks {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{newest} is not {status}");
    }
}

/// Takes the plugin of a killed run away, and its copy; returns where that was and what it was.
fn taken_away(project: &Project) -> (PathBuf, Vec<u8>) {
    std::fs::remove_file(project.path("plugins/tool.wasm")).expect("it is ours");
    let copy = copies(project).pop().expect("a copy");
    let bytes = std::fs::read(&copy).expect("a copy");
    std::fs::remove_file(&copy).expect("it is ours");
    (copy, bytes)
}

fn idle(project: &Project) -> Said {
    let said = project.say(&["work", "--until-idle", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
    said
}

// row K11, row P02
#[test]
fn work_parks_a_run_that_lacks_a_component_and_goes_on_when_it_is_back() {
    let project = killed();
    let (copy, bytes) = taken_away(&project);
    let name = copy.file_name().expect("a file").to_string_lossy().into_owned();
    let shown = |arguments: &[&str]| project.transcript(arguments).replace(&name, "[copy]");
    let said = idle(&project);
    assert!(said.stderr.contains("cannot be carried on now"), "{said}");
    insta::assert_snapshot!("lacking_why", shown(&["why", "last"]));
    let events = newest(&project)["events"].as_u64().expect("a number");
    let listed = shown(&["runs"]);
    assert!(listed.contains("interrupted, lacks a component"), "{listed}");
    assert!(
        listed.contains("could not go on: it needs `tool` ([digest])"),
        "{listed}"
    );
    let drawn = shown(&["show", "last"]);
    assert!(
        drawn.contains("it could not go on: it needs `tool` ([digest])"),
        "{drawn}"
    );
    // The next host finds the same, and nothing more is recorded.
    idle(&project);
    assert_eq!(newest(&project)["events"], events);
    std::fs::write(&copy, &bytes[1..]).expect("it is ours");
    idle(&project);
    let why = shown(&["why", "last"]);
    assert!(
        why.contains("its copy `[project]/.cofferdam/components/[copy]` is damaged"),
        "{why}"
    );
    std::fs::write(&copy, &bytes).expect("it is ours");
    idle(&project);
    assert_eq!(newest(&project)["status"], "completed");
}

// row E02, row K11, row P02
#[test]
fn a_host_at_work_notices_that_the_file_is_back() {
    let project = killed();
    taken_away(&project);
    let child = project.start(&["work", "--progress", "none"]);
    wait_for_status(&project, "interrupted", true);
    project.write("plugins/.tool.new", built("text"));
    std::fs::rename(project.path("plugins/.tool.new"), project.path("plugins/tool.wasm")).expect("it is ours");
    wait_for_status(&project, "completed", false);
    let said = stopped(&project, child);
    assert!(said.stderr.contains("plugin `tool` is there ([digest])"), "{said}");
}

/// Ends a host at work with ctrl-c.
fn stopped(project: &Project, child: Child) -> Said {
    let pid = Pid::from_raw(child.id().try_into().expect("a process id")).expect("a process id");
    kill_process(pid, Signal::INT).expect("the process is there");
    let said = project.said(&child.wait_with_output().expect("it ends"));
    assert_eq!(said.code, Some(130), "{said}");
    said
}

// row E02
#[test]
fn a_host_at_work_says_once_which_file_it_cannot_use() {
    let project = Project::with(&[("cofferdam.toml", CONFIGURED)]);
    project.write("plugins/tool.wasm", built("text"));
    project.write("plugins/.broken", "no component");
    project.write("plugins/.good", built("json"));
    let (child, mut host) = Listener::at_work(&project);
    let put = |name: &str| std::fs::rename(project.path(name), project.path("plugins/tool.wasm")).expect("it is ours");
    put("plugins/.broken");
    let mut text = host.wait_for("goes on in its place (sha256:");
    put("plugins/.good");
    text += &host.wait_for("plugin `tool` is another component from now on (sha256:");
    text += &host.stop(child);
    assert_eq!(text.matches("is not loaded").count(), 1, "{text}");
    assert!(
        text.contains("warning[CF0501]: plugins/tool.wasm is not loaded: "),
        "{text}"
    );
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

/// Joins words, before and after somebody says that it may go on.
const JOINS: &str = r#"workflow joins edition 1 {
  call one { use = text.join  params { items = ["a", "b"]  separator = " " } }
  wait go { event = "go" }
  call two { use = text.join  params { items = ["c", "d"]  separator = " " } }
}
"#;

// row E02, row E14
#[test]
fn a_host_at_work_notices_what_is_accepted_meanwhile() {
    const GRANTED: &str =
        "config = 1\n[plugins.tool]\ndirs = [{ guest = \"/\", host = \"data\", access = \"read\" }]\n";
    const WAITS: &str = r#"workflow waits edition 1 {
  call one { use = tool.list  params { root = "/" } }
  wait go { event = "go" }
  call two { use = tool.list  params { root = "/" } }
}
"#;
    let project = Project::with(&[("waits.wf", WAITS), ("cofferdam.toml", GRANTED), ("data/a", "a")]);
    project.write("plugins/tool.wasm", built("fs"));
    let ended = |arguments: &[&str], code: i32| {
        let said = project.say(arguments);
        assert_eq!(said.code, Some(code), "{said}");
    };
    ended(&["plugin", "accept", "tool", "--yes"], 0);
    ended(&["run", "waits.wf"], 6);
    ended(&["trust", "--forget"], 0);
    project.write("cofferdam.lock", "lock = 1\n");
    let (child, mut said) = Listener::at_work(&project);
    ended(&["signal", "last", "go", "--detach"], 0);
    said.wait_for("nobody has accepted it yet");
    ended(&["plugin", "accept", "tool", "--yes"], 0);
    wait_for_status(&project, "completed", false);
    said.stop(child);
}

// row E02
// key registry.dirs
#[test]
fn a_host_at_work_reads_its_configuration_again_and_keeps_the_one_before_a_broken_one() {
    let project = Project::with(&[
        ("joins.wf", JOINS),
        ("cofferdam.toml", "config = 1\n"),
        ("spare.toml", "config = 1\n"),
    ]);
    // While the file of the project is broken, requests come by another one.
    let by_spare = |arguments: &[&str]| project.say(&[&["--config", "spare.toml"], arguments].concat());
    let start = || {
        let said = by_spare(&["run", "joins.wf", "--detach"]);
        assert_eq!(said.code, Some(0), "{said}");
    };
    let goes_on = || {
        let since = Instant::now();
        while !by_spare(&["runs", "--json", "--limit", "1"])
            .stdout
            .contains(r#""status":"completed""#)
        {
            assert!(since.elapsed() < PATIENCE, "{}", by_spare(&["runs"]));
        }
    };
    let (child, mut said) = Listener::at_work(&project);
    start();
    said.wait_for("waits for somebody");
    project.write("cofferdam.toml", "config = 1\nfoo = 1\n");
    let signal = by_spare(&["signal", "last", "go", "--detach"]);
    assert_eq!(signal.code, Some(0), "{signal}");
    let told = said.wait_for("what it said before goes on");
    assert!(told.contains("error[CF0631]"), "{told}");
    goes_on();
    // What is withdrawn counts for what is taken up from then on.
    project.write("cofferdam.toml", "config = 1\n[plugins.text]\nenabled = false\n");
    start();
    let told = said.wait_for("which the configuration switches off");
    assert_eq!(told.matches("the configuration can be used again").count(), 1, "{told}");
    // Another directory of plugins.
    project.write("more/tool.wasm", built("json"));
    project.write(
        "cofferdam.toml",
        "config = 1\n[registry]\ndirs = [\"plugins\", \"more\"]\n",
    );
    said.wait_for("plugin `tool` is there (sha256:");
    said.stop(child);
}
