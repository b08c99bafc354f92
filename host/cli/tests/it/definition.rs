//! `graph`, `diff`, `inventory`, `show --effective`, `check --sarif`: definitions seen as a whole.

use crate::project::Project;
use insta::assert_snapshot;

const FLOW: &str = r#"workflow flow edition 1 {
  inputs { root default = "." }
  call list { use = fs.list  params { root = (inputs.root) }  retries = 1 }
  if (size(steps.list.output.files) > 0) {
    set { n = 1 }
  } else {
    fail "nothing there"
  }
  always { call stat { use = fs.stat  params { files = (steps.list.output.files) } } }
}
"#;

// row P06
#[test]
fn a_workflow_and_its_run_are_drawn() {
    let project = Project::with(&[("flow.wf", FLOW), ("a.txt", "a")]);
    assert_snapshot!("graph_file", project.transcript(&["graph", "flow.wf"]));
    let svg = project.say(&["graph", "flow.wf", "--format", "svg"]);
    assert!(
        svg.code == Some(0) && svg.stdout.starts_with("<svg ") && svg.stdout.contains("fs.list"),
        "{svg}"
    );
    let run = project.say(&["run", "flow.wf"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_snapshot!("graph_run", project.transcript(&["graph", "last"]));
    let dot = project.say(&["graph", "last", "--format", "dot"]);
    assert!(
        dot.stdout.contains("✓ call list") && dot.stdout.starts_with("digraph"),
        "{dot}"
    );
}

#[test]
fn a_broken_workflow_is_not_drawn() {
    let project = Project::with(&[("bad.wf", "workflow bad edition 1 {\n  call a { retires = 1 }\n}\n")]);
    assert_snapshot!(project.transcript(&["graph", "bad.wf"]));
}

#[test]
fn what_two_definitions_do_differently_is_a_table() {
    let other = FLOW
        .replace("retries = 1", "retries = 2")
        .replace("    set { n = 1 }\n", "");
    let project = Project::with(&[("flow.wf", FLOW), ("other.wf", &other)]);
    let mut transcript = vec![
        project.transcript(&["diff", "flow.wf", "other.wf", "--exit-code"]),
        project.transcript(&["diff", "flow.wf", "other.wf", "--json"]),
    ];
    transcript.push(project.transcript(&["diff", "flow.wf", "flow.wf", "--exit-code"]));
    assert_snapshot!(transcript.join("\n"));
}

// row A18
#[test]
fn what_workflows_use_is_listed() {
    let project = Project::with(&[("workflows/flow.wf", FLOW)]);
    assert_snapshot!("inventory", project.transcript(&["inventory"]));
    assert_snapshot!("inventory_json", project.transcript(&["inventory", "--json"]));
}

#[test]
fn everything_that_applies_to_a_step_is_shown() {
    let project = Project::with(&[("flow.wf", FLOW)]);
    assert_snapshot!(project.transcript(&["show", "--effective", "flow.wf"]));
}

// row B01
#[test]
fn findings_are_printed_as_sarif() {
    let project = Project::with(&[(
        "bad.wf",
        "workflow bad edition 1 {\n  call fs.list { retires = 1 }\n}\n",
    )]);
    let said = project.say(&["check", "--sarif", "bad.wf"]);
    assert_eq!(said.code, Some(4), "{said}");
    let log: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "CF0204", "{result}");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "bad.wf");
    assert_eq!(place["region"]["startLine"], 2);
    assert_eq!(
        result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"],
        "retries"
    );
}

#[test]
fn the_schema_of_trees_is_printed() {
    let said = Project::empty().say(&["ast", "--schema"]);
    let schema: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert!(said.code == Some(0) && schema["$defs"]["Node"].is_object(), "{said}");
}
