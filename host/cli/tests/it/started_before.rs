//! `run --id`: a run that is started twice is one run.

use crate::project::Project;
use insta::assert_snapshot;
use serde_json::Value;

const NOTES: &str = r#"workflow notes edition 1 {
  inputs { word type = string  default = "a" }
  call join { use = text.join  params { items = [(inputs.word), "b"] } }
  outputs { text = (steps.join.output.text) }
}
"#;

fn runs(project: &Project) -> Vec<Value> {
    let said = project.say(&["runs", "--json"]);
    let runs: Value = serde_json::from_str(&said.stdout).expect("an object");
    runs["runs"].as_array().expect("runs").clone()
}

// row H05
#[test]
fn the_same_id_workflow_and_inputs_are_the_same_run() {
    let project = Project::with(&[("notes.wf", NOTES)]);
    let run = |more: &[&str]| {
        let mut arguments = vec!["run", "notes.wf", "--id", "nightly-1", "--json"];
        arguments.extend(more);
        project.say(&arguments)
    };
    let (first, second) = (run(&[]), run(&["-i", "word=a"]));
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{second}");
    let object = |text: &str| serde_json::from_str::<Value>(text).expect("an object");
    let (first, second) = (object(&first.stdout), object(&second.stdout));
    assert_eq!((&first["run"], &first["outputs"]), (&second["run"], &second["outputs"]));
    assert_eq!(runs(&project).len(), 1);
    // row H05: what comments say is not what a workflow does.
    project.write("notes.wf", format!("// A remark.\n{NOTES}"));
    assert_eq!(run(&[]).code, Some(0));

    let transcript = |more: &[&str]| {
        let mut arguments = vec!["run", "notes.wf", "--id", "nightly-1"];
        arguments.extend(more);
        project.transcript(&arguments)
    };
    assert_snapshot!("other_inputs", transcript(&["-i", "word=c"]));
    project.write("notes.wf", NOTES.replace("\"b\"", "\"x\""));
    assert_snapshot!("other_workflow", transcript(&[]));
    assert_eq!(runs(&project).len(), 1);
    let said = project.say(&["run", "notes.wf", "--id", "nightly-2", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(runs(&project).len(), 2);
}

// row H05
#[test]
fn several_processes_that_start_it_at_the_same_time_start_it_once() {
    let project = Project::with(&[("notes.wf", NOTES)]);
    // The compiled plugins are there before, so that the processes meet.
    assert_eq!(
        project.say(&["run", "notes.wf", "--id", "before", "--json"]).code,
        Some(0)
    );
    let children: Vec<_> = (0..4)
        .map(|_| project.start(&["run", "notes.wf", "--id", "once", "--json"]))
        .collect();
    let said: Vec<_> = children
        .into_iter()
        .map(|child| project.said(&child.wait_with_output().expect("it ends")))
        .collect();
    for one in &said {
        assert_eq!(one.code, Some(0), "{one}");
        assert!(one.stdout.contains("\"status\":\"completed\""), "{one}");
    }
    assert_eq!(runs(&project).len(), 2);
    let events = project.say(&["events", "last", "--json"]).stdout;
    let started = events
        .lines()
        .filter(|line| line.contains("\"attempt.started\""))
        .count();
    assert_eq!(started, 1, "{events}");
}
