//! A fault of the host itself: whoever supervises it learns of it by the exit code, and nothing that is recorded is lost.

use crate::project::{Listener, Project};
use std::process::Output;

const THREE: &str = r#"workflow three edition 1 {
  call one { use = text.join  params { items = ["a", "b"]  separator = "" } }
  call two { use = text.join  params { items = [(steps.one.output.text), "c"]  separator = "" } }
  call three { use = text.join  params { items = [(steps.two.output.text), "d"]  separator = "" } }
  outputs { text = (steps.three.output.text) }
}
"#;

/// Where the thread that writes panics, and where one that drives a run does.
const POINTS: [&str; 4] = [
    "after-append:2:panic",
    "after-commit:1:panic",
    "before-handover:2:panic",
    "before-report:2:panic",
];

fn failing(project: &Project, arguments: &[&str], failpoint: &str) -> Output {
    let mut command = project.command(arguments);
    command.env("COFFERDAM_FAILPOINT", failpoint);
    command.output().expect("the binary starts")
}

/// The command ended by a panic at the point, and said so in the words for people as well.
fn panicked(output: &Output, failpoint: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let (name, _) = failpoint.split_once(':').expect("a point has a name");
    assert_eq!(output.status.code(), Some(70), "{failpoint}: {stderr}");
    assert!(
        stderr.contains(&format!("failpoint {name} reached")),
        "{failpoint}: {stderr}"
    );
    assert!(stderr.contains("error: "), "{failpoint}: {stderr}");
    assert!(stderr.contains("cofferdam resume"), "{failpoint}: {stderr}");
}

// rule C13
#[test]
fn a_run_whose_host_panics_ends_with_70_and_goes_on_in_another_process() {
    for failpoint in POINTS {
        let project = Project::with(&[("three.wf", THREE)]);
        panicked(
            &failing(&project, &["run", "three.wf", "--progress", "none"], failpoint),
            failpoint,
        );
        let said = project.say(&["resume", "last", "--progress", "none"]);
        assert_eq!(said.code, Some(0), "{failpoint}: {said}");
        assert!(said.stdout.contains("abcd"), "{failpoint}: {said}");
    }
}

// rule C13
#[test]
fn a_host_at_work_that_panics_ends_with_70_and_the_next_one_carries_its_runs_on() {
    for failpoint in POINTS {
        let project = Project::with(&[("three.wf", THREE)]);
        let killed = failing(&project, &["run", "three.wf", "--progress", "none"], "before-report:1");
        assert_eq!(killed.status.code(), None, "it was killed");
        panicked(&failing(&project, &["work"], failpoint), failpoint);
        let said = project.say(&["work", "--until-idle"]);
        assert_eq!(said.code, Some(0), "{failpoint}: {said}");
        let shown = project.say(&["show", "last"]);
        assert!(shown.stdout.contains("completed"), "{failpoint}: {shown}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_dump_of_a_host_holds_its_memory() {
    let project = Project::with(&[("three.wf", THREE)]);
    let (child, said) = Listener::at_work(&project);
    let told = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).expect("it is at work");
    assert_eq!(told("coredump_filter").trim(), "00000000");
    let limits = told("limits");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let soft = core.and_then(|rest| rest.split_whitespace().next());
    assert_eq!(soft, Some("0"), "{limits}");
    said.stop(child);
}

const GATE: &str = r#"workflow gate edition 1 {
  gate human_review go { prompt = "Go?" }
  call done { use = text.join  params { items = ["done"] } }
}
"#;

// rules C7, C13
#[test]
fn who_asks_a_run_something_whose_log_fails_is_told_so_and_the_next_host_answers() {
    for failpoint in ["after-append:1:panic", "before-answer:1:panic"] {
        let project = Project::with(&[("gate.wf", GATE)]);
        assert_eq!(project.say(&["run", "gate.wf", "--progress", "none"]).code, Some(6));
        let approve = ["approve", "last", "--by", "ops", "--progress", "none"];
        panicked(&failing(&project, &approve, failpoint), failpoint);
        let said = project.say(&["work", "--until-idle"]);
        assert_eq!(said.code, Some(0), "{failpoint}: {said}");
        let shown = project.say(&["show", "last"]);
        assert!(shown.stdout.contains("completed"), "{failpoint}: {shown}");
        let reject = project.say(&["reject", "last", "go"]);
        assert!(
            reject.stderr.contains("already approved by ops"),
            "{failpoint}: {reject}"
        );
    }
}
