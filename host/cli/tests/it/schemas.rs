//! The schemas of outputs, as their author sees them: what a step returns is held against them while the run goes on.

use crate::project::Project;
use insta::assert_snapshot;

const SCHEMA: &str = r#"fields:
  value:
    type: object
    fields:
      title: string
      findings: { type: array, items: { type: object, fields: { severity: { type: enum, values: [low, critical] } } } }
      limit?: number
markers:
  blocked: "value.findings.exists(f, f.severity == 'critical')"
  small: "value.limit + 0 < 3"
"#;

const REVIEW: &str = r#"workflow review edition 1 {
  inputs { text required }
  call review { use = json.parse  params { text = (inputs.text) }  output = verdict  retries = 1 }
  if review.blocked { fail "{{steps.review.output.value.title}} is blocked" }
}
"#;

fn project() -> Project {
    Project::with(&[("schemas/verdict.yaml", SCHEMA), ("workflows/review.wf", REVIEW)])
}

// row D07
#[test]
fn markers_follow_from_what_a_step_returns() {
    let project = project();
    let run = |text: &str| project.say(&["run", "review", "-i", &format!("text={text}")]);
    let blocked = run(r#"{"title": "it", "findings": [{"severity": "critical"}], "limit": 5}"#);
    assert!(
        blocked.code == Some(1) && blocked.stderr.contains("it is blocked"),
        "{blocked}"
    );
    let passed = run(r#"{"title": "it", "findings": [{"severity": "low"}], "limit": 5}"#);
    assert_eq!(passed.code, Some(0), "{passed}");
}

// row D07
#[test]
fn an_output_of_another_form_fails_its_attempt() {
    let project = project();
    let text = r#"text={"title": 5, "findings": [{"severity": "high"}], "limit": 5}"#;
    assert_snapshot!("another_form", project.transcript(&["run", "review", "-i", text]));
    let events = project.say(&["events", "--json"]).stdout;
    let failed: Vec<&str> = events.lines().filter(|line| line.contains("attempt.failed")).collect();
    assert!(
        failed.len() == 2 && failed.iter().all(|line| line.contains("output-schema")),
        "the schema is asked about each attempt: {events}"
    );
    assert!(events.contains("value.findings[0].severity"), "{events}");
}

// row D07
#[test]
fn a_marker_of_which_nothing_can_be_told_fails_its_step() {
    let project = project();
    let text = r#"text={"title": "it", "findings": []}"#;
    assert_snapshot!("no_marker", project.transcript(&["run", "review", "-i", text]));
}

// row D07
#[test]
fn a_run_is_judged_by_the_schema_it_started_with() {
    let gate = "  gate human_approval go { prompt = \"Go?\" }\n  call review {";
    let project = project();
    project.write("workflows/review.wf", REVIEW.replace("  call review {", gate));
    let text = r#"text={"title": "it", "findings": [{"severity": "critical"}], "limit": 5}"#;
    let parked = project.say(&["run", "review", "-i", text]);
    assert_eq!(parked.code, Some(6), "{parked}");
    project.write("schemas/verdict.yaml", "fields:\n  other: string\n");
    let approved = project.say(&["approve", "last", "go"]);
    assert!(approved.stderr.contains("it is blocked"), "{approved}");
}

// row D07
#[test]
fn a_dry_run_is_held_against_no_schema() {
    let text = "workflow w edition 1 {\n  call fs.write { params { path = \"out/a.txt\"  text = \"a\" }  output = verdict }\n}\n";
    let project = project();
    project.write("workflows/w.wf", text);
    let run = project.say(&["run", "w", "--dry-run"]);
    assert_eq!(run.code, Some(0), "{run}");
}
