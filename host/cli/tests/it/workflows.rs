//! Workflows that call each other, as their author sees them: `check`, `run`, and the directories that they are found in.

use crate::project::Project;
use insta::assert_snapshot;

const CHILD: &str = r#"workflow child edition 1 {
  inputs {
    root  required  description = "where to look"
    limit type = number  default = 10
  }
  call list { use = fs.list  params { root = (inputs.root) } }
  if (size(steps.list.output.files) > inputs.limit) { fail "too many" }
  outputs { files = (steps.list.output.files) }
}
"#;

// row B08
#[test]
fn workflows_that_call_each_other_in_a_circle_are_refused() {
    let project = Project::with(&[
        ("workflows/a.wf", "workflow a edition 1 {\n  call workflow b\n}\n"),
        (
            "workflows/b.wf",
            "workflow b edition 1 {\n  if (run.dry_run) {\n    call workflow c\n  }\n}\n",
        ),
        (
            "workflows/c.wf",
            "workflow c edition 1 {\n  foreach each-one { over = ([1])  workflow = a }\n}\n",
        ),
    ]);
    assert_snapshot!("circle", project.transcript(&["check", "workflows/a.wf"]));
    let run = project.say(&["run", "a"]);
    assert!(run.code == Some(4) && run.stderr.contains("CF0242"), "{run}");
    assert!(!project.path(".cofferdam").exists(), "nothing was started");
}

// row B06
#[test]
fn a_call_that_means_a_workflow_or_an_agent_is_told_how_that_is_called() {
    let project = Project::with(&[
        ("workflows/child.wf", CHILD),
        ("agents/review.md", "---\nrole: reviewer\n---\nReview it.\n"),
        (
            "workflows/a.wf",
            "workflow a edition 1 {\n  call child\n  call review\n  call other { use = child }\n}\n",
        ),
    ]);
    assert_snapshot!("meant_otherwise", project.transcript(&["check", "workflows/a.wf"]));
}

// row B08
// key project.call_levels
#[test]
fn the_depth_of_calls_is_configured() {
    let project = Project::with(&[
        ("cofferdam.toml", "config = 1\n[project]\ncall_levels = 1\n"),
        ("workflows/a.wf", "workflow a edition 1 {\n  call workflow b\n}\n"),
        ("workflows/b.wf", "workflow b edition 1 {\n  call workflow c\n}\n"),
        (
            "workflows/c.wf",
            "workflow c edition 1 {\n  set { n = 1 }\n  outputs { n = (vars.n) }\n}\n",
        ),
    ]);
    assert_snapshot!("levels", project.transcript(&["check", "workflows/a.wf"]));
    project.write("cofferdam.toml", "config = 1\n[project]\ncall_levels = 0\n");
    assert_snapshot!("levels_none", project.transcript(&["config", "check"]));
}

// row B04
#[test]
fn an_input_that_is_missing_is_told_with_its_declaration() {
    let project = Project::with(&[
        ("workflows/child.wf", CHILD),
        (
            "workflows/parent.wf",
            "workflow parent edition 1 {\n  inputs { root default = \".\" }\n  call workflow child { inputs { limt = 3 } }\n  outputs { files = (steps.child.output.fiels) }\n}\n",
        ),
    ]);
    assert_snapshot!("missing_input", project.transcript(&["check", "workflows/parent.wf"]));
}

// row B06
#[test]
fn a_broken_workflow_is_one_finding_of_those_that_call_it() {
    let project = Project::with(&[
        (
            "workflows/child.wf",
            "workflow child edition 1 {\n  call fs.lsit { params { root = \".\" } }\n  call fs.stat { params { files = [] }  on_fail = fs.reed }\n}\n",
        ),
        (
            "workflows/parent.wf",
            "workflow parent edition 1 {\n  call fs.list { params { root = \".\" } }\n  call workflow child\n}\n",
        ),
    ]);
    assert_snapshot!("broken_child", project.transcript(&["check", "workflows/parent.wf"]));
    // Nothing of the parent runs either, though its own first step could.
    let run = project.say(&["run", "parent"]);
    assert!(run.code == Some(4) && run.stderr.contains("CF0241"), "{run}");
    assert!(!project.path(".cofferdam").exists(), "nothing was started");
}

// row A13
#[test]
fn a_directory_is_checked_in_the_order_of_its_names() {
    let project = Project::with(&[
        (
            "workflows/b-broken.wf",
            "workflow b-broken edition 1 {\n  call fs.list { params { root = 5 } }\n}\n",
        ),
        (
            "workflows/a-sound.wf",
            "workflow a-sound edition 1 {\n  call fs.list\n}\n",
        ),
        ("workflows/notes.txt", "no workflow\n"),
        ("workflows/below/other.wf", "no workflow\n"),
    ]);
    project.write("workflows/c-binary.wf", b"workflow \xff {}");
    project.write(
        "workflows/my flow.wf",
        "workflow my-flow edition 1 {\n  call fs.list\n}\n",
    );
    assert_snapshot!("directory", project.transcript(&["check", "workflows"]));
    assert_snapshot!("all", project.transcript(&["check"]));
    assert_snapshot!(
        "files",
        project.transcript(&["check", "workflows/a-sound.wf", "workflows/a-sound.wf", "workflows/"])
    );
    std::fs::create_dir(project.path("bare")).expect("a directory");
    assert_snapshot!("no_directory", project.transcript(&["check", "bare"]));
    assert_snapshot!("inventory_of_all", project.transcript(&["inventory", "workflows"]));
}

// row A13
// key registry.dirs
#[test]
fn a_later_directory_wins() {
    let project = Project::with(&[
        (
            "cofferdam.toml",
            "config = 1\n[project]\nworkflows = [\"base\", \"own\"]\n",
        ),
        (
            "base/child.wf",
            "workflow child edition 1 {\n  inputs { old required }\n  call fs.list { params { root = (inputs.old) } }\n}\n",
        ),
        ("own/child.wf", CHILD),
        (
            "base/parent.wf",
            "workflow parent edition 1 {\n  call workflow child { inputs { root = \".\" } }\n  call workflow chidl\n  call workflow elsewhere\n}\n",
        ),
    ]);
    assert_snapshot!("later", project.transcript(&["check", "base/parent.wf"]));
}

// row A16
#[test]
fn a_link_out_of_the_project_is_no_workflow() {
    let outside = Project::with(&[("secret.wf", CHILD)]);
    let project = Project::with(&[
        (
            "workflows/parent.wf",
            "workflow parent edition 1 {\n  call workflow linked { inputs { root = \".\" } }\n}\n",
        ),
        (
            "elsewhere/near.wf",
            "workflow near edition 1 {\n  set { n = 1 }\n  outputs { n = (vars.n) }\n}\n",
        ),
    ]);
    let link = |from: &std::path::Path, to: &str| std::os::unix::fs::symlink(from, project.path(to)).expect("a link");
    link(&outside.path("secret.wf"), "workflows/linked.wf");
    link(&project.path("elsewhere/near.wf"), "workflows/near.wf");
    let said = project.say(&["check", "workflows/parent.wf"]);
    assert_eq!(said.code, Some(4), "{said}");
    assert!(said.stderr.contains("a link that leads out of the project"), "{said}");
    let run = project.say(&["run", "linked"]);
    assert!(
        run.code == Some(2) && run.stderr.contains("leads out of the project"),
        "{run}"
    );
    let near = project.say(&["run", "near"]);
    assert_eq!(near.code, Some(0), "{near}");
}

// row B10
// key project.targets
#[test]
fn targets_are_those_of_the_project() {
    let text = "workflow w edition 1 {\n  meta { targets = [worktree, tickets] }\n  call fs.list\n}\n";
    let project = Project::with(&[("w.wf", text)]);
    assert_eq!(project.say(&["check", "w.wf"]).code, Some(0));
    project.write(
        "cofferdam.toml",
        "config = 1\n[project]\ntargets = [\"worktree\", \"ticket\"]\n",
    );
    assert_snapshot!("targets", project.transcript(&["check", "w.wf"]));
}
