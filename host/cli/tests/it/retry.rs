//! `retry`: a run that has ended goes on from one of its steps, with what it did before.

use crate::project::Project;
use insta::assert_snapshot;
use serde_json::Value;

/// Fails at its second step until there is a file.
const NOTES: &str = r#"workflow notes edition 1 {
  call join { use = text.join  params { items = ["a", "b"] } }
  call look { use = fs.read  params { path = "absent" } }
  call last { use = text.join  params { items = ["c", (steps.join.output.text)] } }
  always {
    call bye { use = text.join  params { items = ["bye"] } }
  }
}
"#;

fn failed(text: &str) -> Project {
    let project = Project::with(&[("notes.wf", text)]);
    let said = project.say(&["run", "notes.wf", "--progress", "none"]);
    assert_eq!(said.code, Some(1), "{said}");
    project
}

fn events(project: &Project) -> Vec<Value> {
    let said = project.say(&["events", "--json"]);
    said.stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an event")["event"].clone())
        .collect()
}

fn started(project: &Project, step: &str) -> usize {
    let is_it = |event: &&Value| event["type"] == "attempt.started" && event["step"] == step;
    events(project).iter().filter(is_it).count()
}

// rows K07, K02
#[test]
fn what_came_before_the_failed_step_is_kept_and_the_rest_runs_again() {
    let project = failed(NOTES);
    project.write("absent", "here");
    assert_snapshot!(
        "retried",
        project.transcript(&["retry", "last", "--progress", "lines", "--by", "ops"])
    );
    assert_eq!(
        ["join", "look", "last", "always/bye"].map(|step| started(&project, step)),
        [1, 2, 1, 2]
    );
    let retried: Vec<Value> = events(&project)
        .into_iter()
        .filter(|event| event["type"] == "run.retried")
        .collect();
    assert_eq!(retried.len(), 1);
    assert_eq!((&retried[0]["lineage"], &retried[0]["by"]), (&1.into(), &"ops".into()));
    // Everything that looks at the run sees one that completed.
    let shown: Value = serde_json::from_str(&project.say(&["show", "--json"]).stdout).expect("an object");
    assert_eq!(
        (&shown["status"], &shown["steps"]["look"]["status"]),
        (&"completed".into(), &"completed".into())
    );
    assert_eq!(shown.get("error"), None);
    let runs: Value = serde_json::from_str(&project.say(&["runs", "--json"]).stdout).expect("an object");
    assert_eq!(runs["runs"][0]["status"], "completed");
    assert!(runs["runs"][0]["finished_at"].is_string());
    assert!(
        project.say(&["why"]).stdout.starts_with("completed"),
        "{}",
        project.say(&["why"])
    );
    assert_eq!(project.say(&["graph", "last"]).code, Some(0));
}

// row K07
#[test]
fn a_completed_run_starts_again_from_the_step_that_is_named() {
    let project = failed(NOTES);
    project.write("absent", "here");
    assert_eq!(project.say(&["retry", "--progress", "none"]).code, Some(0));
    assert_snapshot!("completed", project.transcript(&["retry", "last"]));
    let said = project.say(&["retry", "last", "--from", "last", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    let object: Value = serde_json::from_str(&said.stdout).expect("an object");
    assert_eq!(
        (&object["status"], &object["steps"]["join"]["status"]),
        (&"completed".into(), &"completed".into())
    );
    assert_eq!(["join", "look", "last"].map(|step| started(&project, step)), [1, 2, 2]);
}

// row K10
#[test]
fn the_newest_definition_goes_on_or_every_difference_is_told() {
    let project = failed(NOTES);
    project.write("notes.wf", NOTES.replace("path = \"absent\"", "path = \"notes.wf\""));
    // The run has its own definition.
    assert_eq!(project.say(&["retry", "--progress", "none"]).code, Some(1));
    let said = project.say(&["retry", "--latest", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(started(&project, "join"), 1);

    let project = failed(NOTES);
    let drifted = NOTES
        .replace("call join { use = text.join  params { items = [\"a\", \"b\"] } }", "call join { use = text.split  params { text = \"a\"  separator = \"b\" } }\n  call more { use = text.join  params { items = [] } }")
        .replace("(steps.join.output.text)", "\"d\"");
    project.write("notes.wf", drifted);
    let before = events(&project);
    assert_snapshot!("drifted", project.transcript(&["retry", "last", "--latest"]));
    assert_eq!(events(&project), before, "nothing was recorded");
}

// row K07
#[test]
fn a_retry_can_be_left_to_the_next_host() {
    let project = failed(NOTES);
    project.write("absent", "here");
    let said = project.say(&["retry", "last", "--detach"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(started(&project, "look"), 1, "nothing was entered");
    let said = project.say(&["work", "--until-idle"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(started(&project, "look"), 2);
    assert!(project.say(&["why"]).stdout.starts_with("completed"));
}

#[test]
fn what_cannot_be_retried_says_what_can() {
    let project = failed(NOTES);
    assert_snapshot!("no_step", project.transcript(&["retry", "last", "--from", "lok"]));
    assert_snapshot!("never_began", project.transcript(&["retry", "last", "--from", "last"]));
    assert_snapshot!("cleanup", project.transcript(&["retry", "last", "--from", "bye"]));
}

// row K14
#[test]
fn a_run_that_has_not_ended_is_not_retried() {
    let patient = NOTES.replace(
        "params { path = \"absent\" } }",
        "params { path = \"absent\" }  retry { attempts = 3  backoff = 1h  max = 1h  jitter = 0  never = [] } }",
    );
    let project = Project::with(&[("notes.wf", &patient)]);
    let mut child = project.start(&["run", "notes.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 5);
    let said = project.say(&["retry", "last"]);
    assert_eq!(said.code, Some(5), "{said}");
    assert!(said.stderr.contains("only a run that has ended is retried"), "{said}");
    assert_eq!(project.say(&["kill", "last"]).code, Some(0));
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    project.write("absent", "here");
    let said = project.say(&["retry", "last", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
}
