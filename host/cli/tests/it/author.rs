//! `check`, `fmt`, `explain`, `ast`: what a writer of workflows sees.

use crate::project::Project;
use insta::assert_snapshot;
use std::io::Write as _;
use std::process::Stdio;

const TODOS: &str = r#"workflow todos edition 1 {
  inputs {
    root default = "."
  }
  call list { use = fs.list  params { root = (inputs.root) } }
  call todos { use = fs.grep  params { files = (steps.list.output.files)  patern = "TODO" } }
  call big   { use = fs.stat  params { files = (steps.list.output.files) }  retires = 3 }

  if (steps.todo.output.count > 10) {
    fail "too many"
  }
}
"#;

// row B01
#[test]
fn three_mistakes_are_three_errors() {
    let project = Project::with(&[("workflows/todos.wf", TODOS)]);
    assert_snapshot!("check_three", project.transcript(&["check", "workflows/todos.wf"]));
    assert_snapshot!("check_json", project.transcript(&["check", "--json"]));
}

#[test]
fn a_sound_workflow_has_no_problems() {
    let project = Project::with(&[(
        "workflows/good.wf",
        "workflow good edition 1 {\n  call list { use = fs.list }\n}\n",
    )]);
    assert_snapshot!("check_sound", project.transcript(&["check"]));
    assert_snapshot!("check_nothing", Project::empty().transcript(&["check"]));
    assert_snapshot!("check_absent", project.transcript(&["check", "absent.wf"]));
}

const LATER: &str = r#"workflow later edition 1 {
  meta {
    concurrency { key = "all" }
  }
  call list {
    use = fs.list
    undo {
      fail "no"
    }
  }
}
"#;

/// What this version does not carry out is checked all the same; only running it is refused.
#[test]
fn constructs_of_later_versions_are_checked_and_not_run() {
    let project = Project::with(&[("workflows/later.wf", LATER)]);
    assert_snapshot!("check_later", project.transcript(&["check"]));
    assert_snapshot!("run_later", project.transcript(&["run", "later"]));
}

const REVIEW: &str = "fields:\n  findings:\n    type: array\n    items: {severity: \"enum(critical, warning)\"}\n\
markers:\n  has_critical: findings[severity == critcal].length > 0\n";

// row D07 B11 A16
// key project.snippets, project.schemas
#[test]
fn files_that_a_workflow_names_are_looked_at() {
    let project = Project::with(&[
        (
            "missing.wf",
            "workflow missing edition 1 {\n  call list { use = fs.list  output = reviw }\n}\n",
        ),
        (
            "marker.wf",
            "workflow marker edition 1 {\n  call list { use = fs.list  output = review }\n}\n",
        ),
        (
            "script.wf",
            "workflow script edition 1 {\n  script tests { run = \"ci/test.sh --json\" }\n}\n",
        ),
        (
            "leak.wf",
            "workflow leak edition 1 {\n  inputs { token type = secret  default = \"crm\" }\n  \
             call list { use = fs.list }\n  if (inputs.token == \"x\") { fail \"it is {{token}}\" }\n}\n",
        ),
        ("schemas/review.yaml", REVIEW),
        ("ci/test.sh", "#!/bin/sh\n"),
    ]);
    assert_snapshot!("check_missing_schema", project.transcript(&["check", "missing.wf"]));
    assert_snapshot!("check_wrong_marker", project.transcript(&["check", "marker.wf"]));
    assert_snapshot!(
        "check_wrong_marker_json",
        project.transcript(&["check", "marker.wf", "--json"])
    );
    assert_snapshot!("check_script", project.transcript(&["check", "script.wf"]));
    assert_snapshot!("check_leak", project.transcript(&["check", "leak.wf"]));
    let refused = project.say(&["run", "missing.wf"]);
    assert!(
        refused.stderr.contains("CF0320"),
        "run refuses what check refuses: {refused}"
    );
}

const UGLY: &str = "workflow ugly edition 1 {\n call list {use=fs.list}\n // kept\n   set {n=1}\n}\n";

#[test]
fn a_file_that_is_no_text_is_a_finding_with_a_code() {
    let project = Project::empty();
    std::fs::write(
        project.path("latin.wf"),
        b"workflow latin edition 1 {\n  fail \"caf\xe9\"\n}\n",
    )
    .expect("a file");
    assert_snapshot!(
        "check_latin",
        [
            project.transcript(&["check", "latin.wf"]),
            project.transcript(&["check", "latin.wf", "--json"]),
        ]
        .join("\n")
    );
}

#[test]
fn formatting_lists_its_files_as_json_and_checks_stdin() {
    let project = Project::with(&[
        ("ugly.wf", UGLY),
        ("broken.wf", "workflow broken {\n  cal x\n}\n"),
        ("good.wf", "workflow good {\n  call x\n}\n"),
    ]);
    let transcript = [
        project.transcript(&["fmt", "ugly.wf", "broken.wf", "good.wf", "--check", "--json"]),
        project.transcript(&["fmt", "ugly.wf", "--json"]),
        project.transcript(&["fmt", "ugly.wf", "--json"]),
    ];
    assert_snapshot!("fmt_json", transcript.join("\n"));
    for (text, status) in [(UGLY, 4), ("workflow good {\n  call x\n}\n", 0)] {
        let mut child = project
            .command(&["fmt", "--check", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        child
            .stdin
            .take()
            .expect("its input")
            .write_all(text.as_bytes())
            .expect("its input");
        let output = child.wait_with_output().expect("its end");
        assert_eq!(output.status.code(), Some(status));
        assert!(output.stdout.is_empty(), "nothing is printed");
    }
}

#[cfg(unix)]
#[test]
fn formatting_a_symbolic_link_keeps_the_link() {
    let project = Project::with(&[("real/ugly.wf", UGLY)]);
    std::os::unix::fs::symlink("real/ugly.wf", project.path("link.wf")).expect("a link");
    project.transcript(&["fmt", "link.wf"]);
    assert!(project.path("link.wf").is_symlink());
    let text = std::fs::read_to_string(project.path("real/ugly.wf")).expect("the file");
    assert!(text.contains("\n  set { n = 1 }\n"), "{text}");
}

#[test]
fn files_are_brought_into_the_canonical_form() {
    let project = Project::with(&[("ugly.wf", UGLY)]);
    let mut transcript = vec![
        project.transcript(&["fmt", "ugly.wf", "--check"]),
        project.transcript(&["fmt", "ugly.wf", "--stdout"]),
    ];
    assert_eq!(
        std::fs::read_to_string(project.path("ugly.wf")).expect("the file"),
        UGLY
    );
    transcript.push(project.transcript(&["fmt", "ugly.wf"]));
    transcript.push(project.transcript(&["fmt", "ugly.wf", "--check"]));
    assert_snapshot!(transcript.join("\n"));
}

#[test]
fn stdin_is_formatted_to_stdout() {
    let project = Project::empty();
    let mut child = project
        .command(&["fmt", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(UGLY.as_bytes()).expect("it reads");
    drop(stdin);
    let said = project.said(&child.wait_with_output().expect("it ends"));
    assert_snapshot!(said);
}

#[test]
fn codes_are_explained() {
    let project = Project::empty();
    assert_snapshot!("explain_known", project.transcript(&["explain", "CF0301"]));
    assert_snapshot!("explain_unknown", project.transcript(&["explain", "CF9999"]));
    let all = project.say(&["explain"]);
    assert!(all.stdout.lines().count() > 50, "{all}");
    for line in all.stdout.lines() {
        let code = &line[..6];
        let page = project.say(&["explain", &code.to_lowercase()]);
        assert_eq!(page.code, Some(0), "{code}: {page}");
        assert!(page.stdout.starts_with(code), "{page}");
    }
}

#[test]
fn a_syntax_tree_is_json() {
    let project = Project::with(&[(
        "good.wf",
        "workflow good edition 1 {\n  call list { use = fs.list }\n}\n",
    )]);
    let said = project.say(&["ast", "good.wf"]);
    let tree: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert!(tree.is_object() && said.code == Some(0), "{said}");
    assert_snapshot!(project.transcript(&["ast", "absent.wf"]));
}

// row P04
#[test]
fn the_verbs_are_listed() {
    let project = Project::empty();
    assert_snapshot!("help", project.transcript(&["--help"]));
    assert_snapshot!("unknown_verb", project.transcript(&["runn"]));
    let said = project.say(&["completions", "bash"]);
    assert!(said.code == Some(0) && said.stdout.contains("cofferdam"), "{said}");
}
