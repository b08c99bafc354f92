//! `why`, `cancel`, `kill`, `pause` and `resume`: what a run is at, and what it can be asked for, from any process.

use crate::project::{Project, Said};
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;

/// Fails at its second step again and again, and cleans up.
const STUBBORN: &str = r#"workflow stubborn edition 1 {
  call join { use = text.join  params { items = ["a", "b"] } }
  call look { use = fs.read  params { path = "absent" }  retry { attempts = 100000  backoff = 900ms  max = 900ms  jitter = 0  never = [] } }
  always {
    call bye { use = text.join  params { items = ["bye"] } }
  }
}
"#;

/// Waits for a long time before it tries again.
const PATIENT: &str = r#"workflow patient edition 1 {
  call look { use = fs.read  params { path = "absent" }  retry { attempts = 3  backoff = 1h  max = 1h  jitter = 0  never = [] } }
  always {
    call bye { use = text.join  params { items = ["bye"] } }
  }
}
"#;

fn project() -> Project {
    Project::with(&[("stubborn.wf", STUBBORN), ("patient.wf", PATIENT)])
}

/// Starts the run and waits until it waits.
fn waiting(project: &Project) -> Child {
    let mut child = project.start(&["run", "stubborn.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 5);
    child
}

fn ended(project: &Project, child: Child) -> Said {
    project.said(&child.wait_with_output().expect("it ends"))
}

fn count(project: &Project, kind: &str) -> usize {
    let events = project.say(&["events", "--json"]);
    let kind = format!("\"type\":\"{kind}\"");
    events.stdout.lines().filter(|line| line.contains(&kind)).count()
}

// row I03, row I07
#[test]
fn a_run_that_another_process_drives_is_cancelled_and_cleans_up() {
    let project = project();
    let child = waiting(&project);
    assert_snapshot!(
        "driven",
        project.transcript(&["cancel", "last", "--reason", "enough", "--by", "ops"])
    );
    let said = ended(&project, child);
    assert_eq!(said.code, Some(3), "{said}");
    assert_eq!(count(&project, "run.cancel_requested"), 1);
    assert_eq!(count(&project, "run.finished"), 1);
    let events = project.say(&["events", "--json"]).stdout;
    // row I09
    assert_snapshot!("again", project.transcript(&["cancel", "last"]));
    assert_snapshot!("resumed", project.transcript(&["resume", "last"]));
    assert_eq!(project.say(&["events", "--json"]).stdout, events, "nothing was added");
}

// row H04
#[test]
fn a_killed_run_ends_at_once_without_cleaning_up() {
    let project = project();
    let child = waiting(&project);
    assert_snapshot!("killed", project.transcript(&["kill", "last", "--by", "ops"]));
    let said = ended(&project, child);
    assert_eq!(said.code, Some(3), "{said}");
    assert!(!project.say(&["events", "--json"]).stdout.contains("always/bye"));
    assert_snapshot!("killed_why", project.transcript(&["why", "last"]));
}

// row H03, row J08
#[test]
fn a_paused_run_is_parked_and_goes_on_in_another_process() {
    let project = project();
    let child = waiting(&project);
    assert_snapshot!(
        "paused",
        project.transcript(&["pause", "last", "--reason", "lunch", "--by", "ops"])
    );
    let said = ended(&project, child);
    assert_eq!(said.code, Some(6), "{said}");
    assert!(
        said.stderr
            .contains("paused: run [run] starts nothing until it is resumed"),
        "{said}"
    );
    assert_snapshot!("paused_why", project.transcript(&["why", "last"]));
    project.write("absent", "here");
    let said = project.say(&["resume", "last", "--progress", "tree"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stderr.contains("resumed: run [run]"), "{said}");
    assert_eq!((count(&project, "run.paused"), count(&project, "run.resumed")), (1, 1));
}

// row I04
#[test]
fn a_run_that_waits_for_a_time_is_nobodys_and_can_be_given_up_by_anybody() {
    let project = project();
    let mut child = project.start(&["run", "patient.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 3);
    assert_snapshot!("patient", project.transcript(&["why"]));
    let said = project.say(&["cancel", "last", "--progress", "tree", "--by", "ops"]);
    assert_eq!(said.code, Some(3), "{said}");
    assert_snapshot!("given_up", said);
    let said = ended(&project, child);
    // On a slow machine it looks while the other process is still at it.
    let (code, told) = match said.code {
        Some(6) => (6, "carries the run on"),
        _ => (3, "cancelled by another process"),
    };
    assert_eq!(said.code, Some(code), "{said}");
    assert!(said.stderr.contains(told), "{said}");
}

fn end(project: &Project, child: Child, signal: Signal) -> Said {
    let pid = Pid::from_raw(child.id().try_into().expect("a process id")).expect("a process id");
    kill_process(pid, signal).expect("the process is there");
    project.said(&child.wait_with_output().expect("it ends"))
}

#[test]
fn a_run_says_what_it_waits_for_as_long_as_it_lives_and_afterwards() {
    let project = project();
    let child = waiting(&project);
    let why = project.say(&["why"]);
    assert!(
        why.stdout.starts_with("waiting to try again: step `look`, attempt ")
            || why.stdout.starts_with("running: step `look`"),
        "{why}"
    );
    let said = end(&project, child, Signal::KILL);
    assert_eq!(said.code, None);
    let why = project.say(&["why"]);
    assert!(
        why.stdout.starts_with("nobody works on it: its host (process "),
        "{why}"
    );
    assert_eq!(project.say(&["cancel", "last", "--reason", "enough"]).code, Some(3));
    assert_snapshot!("cancelled", project.transcript(&["why", "--json"]));
}

#[test]
fn a_run_that_failed_says_where_and_why() {
    let text = PATIENT.replace(
        "retry { attempts = 3  backoff = 1h  max = 1h  jitter = 0  never = [] }",
        "",
    );
    let project = Project::with(&[("patient.wf", &text)]);
    assert_eq!(project.say(&["run", "patient.wf", "--progress", "none"]).code, Some(1));
    assert_snapshot!(project.transcript(&["why"]));
}
