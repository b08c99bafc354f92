//! `runs`, `show`, `events`, `logs`: what happened.

use crate::project::Project;
use cofferdam_dsl::{Actions, Options};
use cofferdam_engine::RunId;
use cofferdam_runtime::{Host, Request, SandboxExecutor, Unobserved};
use cofferdam_store::{Creation, Durability, HostId, LeaseTerms, RunLog, SqliteLog, SqliteOptions};
use insta::assert_snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;

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

// row N01
#[test]
fn an_ending_that_several_runs_have_names_them() {
    let project = Project::with(&[("join.wf", JOIN)]);
    assert_eq!(project.say(&["run", "join.wf"]).code, Some(0));
    // Ids are made of the time and of chance: those that end alike are made by hand.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let options = SqliteOptions {
        path: project.path(".cofferdam/state.db"),
        host: HostId::parse("test").expect("a name"),
        durability: Durability::Process,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    };
    let log: Arc<dyn RunLog> = Arc::new(SqliteLog::open(options).expect("the state"));
    let newest = runtime.block_on(log.find("last")).expect("a run").bits();
    let text = "workflow alike edition 1 {\n  set { n = 1 }\n}\n";
    let compiled = cofferdam_dsl::compile(text, "alike.wf", &Actions::default(), &Options::default());
    let plan = Arc::new(compiled.plan.expect("a plan"));
    let host = Host::new(Arc::clone(&log), Arc::new(SandboxExecutor::new()), 1);
    for beginning in [1_u128, 2] {
        let request = Request {
            plan: Arc::clone(&plan),
            file: "alike.wf".to_owned(),
            source: text.to_owned(),
            inputs: BTreeMap::new(),
            injected: BTreeMap::new(),
            dry_run: false,
            caller_id: None,
        };
        let id = RunId::from_bits(newest + (beginning << 100));
        runtime.block_on(async {
            let driving = host.start(id, request, Arc::new(Unobserved));
            driving.wait().await.expect("it ends");
        });
    }
    drop((host, log));
    let ending = format!("{newest:032x}")[26..].to_owned();
    let said = project.say(&["show", &ending]);
    let listed = said.stderr.lines().filter(|line| *line == "  = help: [run]").count();
    assert_eq!((said.code, listed), (Some(2), 3), "{said}");
    assert!(said.stderr.contains("fits several runs"), "{said}");
}
