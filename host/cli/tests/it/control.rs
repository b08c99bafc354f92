//! `why` and `cancel`: what a run is at, and giving it up.

use crate::project::{Project, Said};
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;

/// Fails at its second step, tries again after a long time, and cleans up.
const STUBBORN: &str = r#"workflow stubborn edition 1 {
  call join { use = text.join  params { items = ["a", "b"] } }
  call look { use = text.extract  params { text = "x"  pattern = "(" }  retry { attempts = 3  backoff = 1h  max = 1h  never = [] } }
  always {
    call bye { use = text.join  params { items = ["bye"] } }
  }
}
"#;

fn project() -> Project {
    Project::with(&[("stubborn.wf", STUBBORN)])
}

/// Starts the run and waits until it waits.
fn waiting(project: &Project) -> Child {
    let mut child = project.start(&["run", "stubborn.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 5);
    child
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
    assert_snapshot!("waiting", project.transcript(&["why"]));
    let said = end(&project, child, Signal::KILL);
    assert_eq!(said.code, None);
    assert_snapshot!("orphaned", project.transcript(&["why"]));
    assert_eq!(project.say(&["cancel", "last", "--reason", "enough"]).code, Some(3));
    assert_snapshot!("cancelled", project.transcript(&["why", "--json"]));
}

// row I09
#[test]
fn a_run_that_was_interrupted_is_given_up_and_cleans_up() {
    let project = project();
    let child = waiting(&project);
    assert_snapshot!("driven", project.transcript(&["cancel", "last"]));
    let said = end(&project, child, Signal::INT);
    assert_eq!(said.code, Some(130), "{said}");
    assert_snapshot!("interrupted", project.transcript(&["why"]));
    assert_snapshot!(
        "given_up",
        project.transcript(&["cancel", "last", "--reason", "not needed", "--progress", "tree"])
    );
    let events = project.say(&["events", "--json"]);
    let count = |kind: &str| events.stdout.lines().filter(|line| line.contains(kind)).count();
    assert_eq!(count("\"run.cancel_requested\""), 1, "{events}");
    assert_eq!(count("\"run.finished\""), 1, "{events}");
    assert_snapshot!("again", project.transcript(&["cancel", "last"]));
    assert_snapshot!("resumed", project.transcript(&["resume", "last"]));
    assert_eq!(
        project.say(&["events", "--json"]).stdout,
        events.stdout,
        "nothing was added"
    );
}

#[test]
fn a_run_that_failed_says_where_and_why() {
    let text = STUBBORN.replace("retry { attempts = 3  backoff = 1h  max = 1h  never = [] } ", "");
    let project = Project::with(&[("stubborn.wf", &text)]);
    assert_eq!(project.say(&["run", "stubborn.wf", "--progress", "none"]).code, Some(1));
    assert_snapshot!(project.transcript(&["why"]));
}
