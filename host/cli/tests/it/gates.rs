//! Gates and waits: a run is left waiting, somebody decides or tells it something, and it goes on.

use crate::project::Project;
use insta::assert_snapshot;

const RELEASE: &str = r#"workflow release edition 1 {
  call notes { use = text.join  params { items = ["one", "two"] } }
  gate human_review publish {
    prompt  = "Publish {{steps.notes.output.text}}?"
    timeout = 24h
    options = ["now", "later"]
  }
  if publish.approved {
    call done { use = text.join  params { items = ["published", (steps.publish.output.feedback)]  separator = ": " } }
  }
  always {
    call bye { use = text.join  params { items = ["bye"] } }
  }
  outputs {
    said   = (steps.done.output.text)
    picked = (steps.publish.output.selection)
  }
}
"#;

const DEPLOY: &str = r#"workflow deploy edition 1 {
  wait news {
    event       = "deployed"
    correlation = "shop"
    timeout     = 1h
  }
  outputs {
    version = (steps.news.output.version)
  }
}
"#;

fn project() -> Project {
    Project::with(&[("release.wf", RELEASE), ("deploy.wf", DEPLOY)])
}

// row G02, row G03, row G07
#[test]
fn a_gate_is_decided_from_another_process_which_carries_the_run_on() {
    let project = project();
    assert_snapshot!(
        "waits",
        project.transcript(&["run", "release.wf", "--progress", "tree"])
    );
    assert_snapshot!("why", project.transcript(&["why"]));
    assert_snapshot!("no_such_gate", project.transcript(&["approve", "last", "publsh"]));
    assert_snapshot!(
        "no_such_option",
        project.transcript(&["approve", "last", "--select", "never"])
    );
    let approve = [
        "approve",
        "last",
        "publish",
        "--feedback",
        "good",
        "--select",
        "now",
        "--by",
        "ops",
        "--progress",
        "tree",
    ];
    assert_snapshot!("approved", project.transcript(&approve));
    assert_snapshot!("too_late", project.transcript(&["reject", "last", "publish"]));
}

// row G02
#[test]
fn a_rejection_fails_the_run_with_its_feedback() {
    let project = project();
    assert_eq!(project.say(&["run", "release.wf"]).code, Some(6));
    let reject = [
        "reject",
        "last",
        "--feedback",
        "not like this",
        "--by",
        "ops",
        "--progress",
        "none",
    ];
    assert_snapshot!("rejected", project.transcript(&reject));
}

#[test]
fn a_decision_can_be_left_to_whoever_drives_the_run_next() {
    let project = project();
    assert_eq!(project.say(&["run", "release.wf"]).code, Some(6));
    assert_snapshot!(
        "detached",
        project.transcript(&["approve", "last", "--by", "ops", "--detach"])
    );
    let said = project.say(&["resume", "last"]);
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn programs_are_told_what_a_run_waits_for() {
    let project = project();
    let said = project.say(&["run", "release.wf", "--json"]);
    assert_eq!(said.code, Some(6), "{said}");
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(json["status"], "waiting");
    assert_eq!(json["waiting"][0]["gate"], "publish");
    assert_eq!(json["waiting"][0]["prompt"], "Publish one\ntwo?");
    assert_eq!(json["waiting"][0]["options"][1]["value"], "later");
}

// row L02
#[test]
fn a_run_waits_for_what_it_is_told() {
    let project = project();
    assert_snapshot!(
        "waits_for_news",
        project.transcript(&["run", "deploy.wf", "--progress", "none"])
    );
    // Another topic, another correlation: kept, and nothing happens.
    assert_eq!(
        project
            .say(&["signal", "last", "deployed", "--correlation", "blog"])
            .code,
        Some(6)
    );
    assert_snapshot!(
        "no_json",
        project.transcript(&["signal", "last", "deployed", "--data", "{"])
    );
    let signal = [
        "signal",
        "last",
        "deployed",
        "--correlation",
        "shop",
        "--data",
        "{\"version\": 7}",
        "--by",
        "ci",
        "--progress",
        "none",
    ];
    assert_snapshot!("told", project.transcript(&signal));
}
