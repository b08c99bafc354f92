//! `runs`, `show`, `events`, `logs`: what happened.

use crate::project::Project;
use insta::assert_snapshot;

const JOIN: &str = "workflow join edition 1 {\n  call join { use = text.join  params { items = [\"a\", \"b\"] } }\n  outputs { text = (steps.join.output.text) }\n}\n";

#[test]
fn without_runs_there_is_a_hint() {
    let project = Project::empty();
    let transcripts = [vec!["runs"], vec!["show"], vec!["events"], vec!["logs"], vec!["resume"]]
        .map(|arguments| project.transcript(&arguments));
    assert_snapshot!(transcripts.join("\n"));
    assert!(!project.path(".cofferdam").exists(), "looking leaves nothing behind");
}

// row H11, row N01, row P04
#[test]
fn what_happened_can_be_looked_at() {
    let project = Project::with(&[("join.wf", JOIN)]);
    assert_eq!(project.say(&["run", "join.wf"]).code, Some(0));
    assert_snapshot!("runs", project.transcript(&["runs"]));
    assert_snapshot!("runs_json", project.transcript(&["runs", "--json"]));
    assert_snapshot!("runs_none", project.transcript(&["runs", "--status", "failed"]));
    assert_snapshot!("runs_status", project.transcript(&["runs", "--status", "sleeping"]));
    assert_snapshot!("show", project.transcript(&["show", "last"]));
    assert_snapshot!("events", project.transcript(&["events"]));
    assert_snapshot!("events_json", project.transcript(&["events", "--json", "--after", "2"]));
    assert_snapshot!("logs", project.transcript(&["logs"]));
    assert_snapshot!("logs_unknown_step", project.transcript(&["logs", "last", "jion"]));
}

#[test]
fn a_run_that_is_not_there_is_not_found() {
    let project = Project::with(&[("join.wf", JOIN)]);
    assert_eq!(project.say(&["run", "join.wf"]).code, Some(0));
    let transcripts = [
        vec!["show", "zzz"],
        vec!["show", "000000"],
        vec!["show", "0"],
        vec!["show", ""],
        vec!["show", "018f0000-0000-7000-8000-000000000000"],
        vec!["logs", "000000", "join"],
        vec!["events", "000000"],
        vec!["resume", "000000"],
    ]
    .map(|arguments| project.transcript(&arguments));
    assert_snapshot!(transcripts.join("\n"));
}

#[test]
fn an_ended_run_is_not_resumed() {
    let project = Project::with(&[("join.wf", JOIN)]);
    assert_eq!(project.say(&["run", "join.wf"]).code, Some(0));
    assert_snapshot!(project.transcript(&["resume"]));
}
