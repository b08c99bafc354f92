//! Gates and waits: a run is left waiting, somebody decides or tells it something, and it goes on.

use crate::project::Project;
use insta::assert_snapshot;
use std::io::{BufRead as _, BufReader};

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
fn a_decision_can_be_left_to_the_next_host() {
    let project = project();
    assert_eq!(project.say(&["run", "release.wf"]).code, Some(6));
    let approve = ["approve", "last", "publish", "--by", "ops", "--detach"];
    assert_snapshot!("detached", project.transcript(&approve));
    assert_eq!(project.say(&["runs"]).stdout.matches("interrupted").count(), 1);
    let said = project.say(&["work", "--until-idle"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(project.say(&["runs"]).stdout.matches("completed").count(), 1);
}

const EFFECT: &str = r#"workflow effect edition 1 {
  gate human_review go { prompt = "Go?" }
  call note { use = fs.write  params { path = "out/note"  text = "gone" } }
}
"#;

// row G03, rule C7
#[test]
fn the_first_decision_wins_whoever_carries_the_run_on_and_the_second_one_enters_nothing() {
    let project = Project::with(&[("effect.wf", EFFECT)]);
    assert_eq!(project.say(&["run", "effect.wf"]).code, Some(6));
    let approve = project.say(&["approve", "last", "--by", "ops", "--detach"]);
    assert_eq!(approve.code, Some(0), "{approve}");
    for detach in [&["--detach"][..], &[]] {
        let reject = project.say(&[&["reject", "last", "--by", "eve"], detach].concat());
        assert_eq!(reject.code, Some(5), "{reject}");
        assert!(reject.stderr.contains("already approved by ops"), "{reject}");
    }
    let started = |project: &Project| {
        let events = project.say(&["events", "last", "--json"]).stdout;
        events.matches("\"type\":\"attempt.started\"").count()
    };
    assert_eq!(started(&project), 0, "who was refused entered something");
    let said = project.say(&["resume", "last"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(started(&project), 1);
}

// row G02, rule C7
#[test]
fn of_four_who_decide_at_once_one_is_heard_and_the_run_is_carried_on() {
    let project = Project::with(&[("effect.wf", EFFECT)]);
    for round in 0..5 {
        assert_eq!(project.say(&["run", "effect.wf", "--progress", "none"]).code, Some(6));
        let deciders = [
            ("approve", "ann"),
            ("reject", "bob"),
            ("approve", "cid"),
            ("reject", "dan"),
        ];
        let deciding =
            deciders.map(|(word, by)| project.start(&[word, "last", "go", "--by", by, "--progress", "none"]));
        let said = deciding.map(|child| project.said(&child.wait_with_output().expect("it ends")));
        let all: String = said.iter().map(ToString::to_string).collect();
        let heard: Vec<usize> = (0..4).filter(|at| said[*at].code != Some(5)).collect();
        assert_eq!(heard.len(), 1, "round {round}: {all}");
        let (word, by) = deciders[heard[0]];
        let approved = word == "approve";
        // Whoever rejected and carried the run on ends as the run did.
        let code = said[heard[0]].code;
        assert!(
            code == Some(0) || (code == Some(1) && !approved),
            "round {round}: {all}"
        );
        for (at, said) in said.iter().enumerate().filter(|(at, _)| *at != heard[0]) {
            let told = format!("already {} by {by}", if approved { "approved" } else { "rejected" });
            assert!(said.stderr.contains(&told), "round {round}, {}: {all}", deciders[at].1);
        }
        // It has ended by now, whoever carried it on, and what follows the gate was entered once.
        let runs: serde_json::Value = serde_json::from_str(&project.say(&["runs", "--json"]).stdout).expect("JSON");
        let status = if approved { "completed" } else { "failed" };
        assert_eq!(runs["runs"][0]["status"], status, "round {round}: {all}");
        let events = project.say(&["events", "last", "--json"]).stdout;
        assert_eq!(events.matches(r#""type":"gate.decided""#).count(), 1, "{events}");
        let entered = events.matches(r#""type":"attempt.started""#).count();
        assert_eq!(entered, usize::from(approved), "round {round}: {events}");
    }
}

// row H07
#[test]
fn a_run_that_takes_too_long_cleans_up_and_fails() {
    let slow = "workflow slow edition 1 {\n  meta { timeout = 500ms }\n  wait nap { for = 10m }\n  always {\n    call bye { use = text.join  params { items = [\"bye\"] } }\n  }\n}\n";
    let project = Project::with(&[("slow.wf", slow)]);
    let said = project.say(&["run", "slow.wf", "--progress", "tree"]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("`timeout` of the workflow passed"), "{said}");
    let events = project.say(&["events", "last", "--json"]).stdout;
    let kinds: Vec<&str> = ["run.timed_out", "cleanup_started", "attempt.started", "run.finished"]
        .into_iter()
        .filter(|kind| events.contains(kind))
        .collect();
    assert_eq!(kinds.len(), 4, "{events}");
}

// row L01, row L10
#[test]
fn a_host_at_work_carries_on_what_is_due_and_what_is_asked_for() {
    let project = Project::with(&[
        (
            "nap.wf",
            "workflow nap edition 1 {\n  wait nap { for = 1500ms }\n  outputs { rested = true }\n}\n",
        ),
        ("release.wf", RELEASE),
    ]);
    // It is left alone while it waits.
    let mut child = project.start(&["run", "nap.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 2);
    child.kill().expect("it is there");
    child.wait().expect("it ends");
    assert_eq!(project.say(&["run", "release.wf"]).code, Some(6));
    let mut worker = project.start(&["work", "--json"]);
    let mut reported = BufReader::new(worker.stdout.take().expect("it is piped")).lines();
    let mut completes = || {
        let report = reported.find(|line| line.as_ref().is_ok_and(|line| line.contains("\"completed\"")));
        report.expect("a run completes").expect("it can be read")
    };
    let nap = completes();
    let listed = project.say(&["runs"]).stdout;
    assert_eq!(
        (listed.matches("completed").count(), listed.matches("waiting").count()),
        (1, 1),
        "{listed}"
    );
    let said = project.say(&["approve", "last", "publish", "--by", "ops"]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (Some(0), "approved: gate `publish` of run [run], by ops\n"),
        "{said}"
    );
    assert_ne!(completes(), nap);
    assert_eq!(project.say(&["runs"]).stdout.matches("completed").count(), 2);
    let process = rustix::process::Pid::from_raw(worker.id().try_into().expect("a process")).expect("a process");
    rustix::process::kill_process(process, rustix::process::Signal::INT).expect("it is there");
    let said = project.said(&worker.wait_with_output().expect("it ends"));
    assert_eq!(said.code, Some(130), "{said}");
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

#[test]
fn whoever_sits_at_the_terminal_is_asked() {
    let project = project();
    let seen = crate::run::typing(&project, &[], "run release.wf", "x\ns\na\n9\n1\nmention it\n");
    for expected in [
        "Publish one",
        "[a]pprove",
        "a, r, s or l",
        "numbers from 1 to 2",
        "Feedback for the next step",
        "published: mention it",
    ] {
        assert!(seen.contains(expected), "{expected}: {seen}");
    }
    // Whoever leaves the gate waiting is told how to decide it later.
    let binary = project
        .command(&["run", "release.wf", "--plain"])
        .output()
        .expect("it runs");
    assert_eq!(binary.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&binary.stderr).contains("needs a decision"));
}
