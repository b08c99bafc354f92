//! `run`: how runs look that complete, fail, or are not started at all.

use crate::project::Project;
use insta::assert_snapshot;

const REPORT: &str = r#"workflow report edition 1 {
  inputs {
    root  default = "src"
    few   type = number  default = 3  min = 0  max = 9
  }
  call files { use = fs.list  params { root = (inputs.root) } }
  parallel looks {
    call todos { use = fs.grep  params { files = (steps.files.output.files)  pattern = "TODO" } }
    call words { use = text.split  params { text = "a b c"  separator = " " } }
  }
  if (steps.todos.output.count > inputs.few) {
    call long { use = text.join  params { items = ["x"] } }
  }
  set { seen = (steps.todos.output.count) }
  always {
    call write { use = fs.write  params { path = "out/seen.txt"  text = "{{vars.seen}} TODOs" } }
  }
  outputs {
    seen  = (vars.seen)
    file  = (steps.write.output.path)
    apple = "after file: the order is that of the text"
    note  = "first line\nsecond line"
  }
}
"#;

fn project() -> Project {
    Project::with(&[
        ("src/one.txt", "one\nTODO two\n"),
        ("src/three.txt", "TODO\nfour\n"),
        ("report.wf", REPORT),
    ])
}

// row C01
#[test]
fn a_run_that_completes_shows_its_steps_as_a_tree() {
    let project = project();
    assert_snapshot!(project.transcript(&["run", "report.wf", "--progress", "tree"]));
    let written = std::fs::read_to_string(project.path("out/seen.txt")).expect("the step wrote it");
    assert_eq!(written, "2 TODOs");
}

#[test]
fn without_a_terminal_each_event_is_a_line() {
    let said = project().say(&["run", "report.wf"]);
    assert_eq!(said.code, Some(0), "{said}");
    // Branches run side by side, so the two lines of them come in either order.
    let mut lines: Vec<&str> = said.stderr.lines().collect();
    lines[2..4].sort_unstable();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn without_signs_the_tree_is_plain() {
    assert_snapshot!(project().transcript(&["run", "report.wf", "--progress", "tree", "--plain"]));
}

/// Runs a command of the binary on a terminal of its own, and returns what the terminal was sent.
fn on_a_terminal(project: &Project, variables: &[(&str, &str)], arguments: &str) -> String {
    typing(project, variables, arguments, "")
}

/// Does the same while somebody types `keys`.
pub(crate) fn typing(project: &Project, variables: &[(&str, &str)], arguments: &str, keys: &str) -> String {
    let binary = assert_cmd::cargo::cargo_bin!("cofferdam");
    let line = format!("{} {arguments}", binary.display());
    let mut command = project.command(&[]);
    let environment: Vec<(std::ffi::OsString, std::ffi::OsString)> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = std::process::Command::new("script");
    command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(project.path(""))
        .env_clear()
        .envs(environment)
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied())
        .stdin(if keys.is_empty() {
            std::process::Stdio::null()
        } else {
            std::process::Stdio::piped()
        })
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("`script` of util-linux");
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, keys.as_bytes()).expect("it reads");
    }
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn on_a_terminal_colours_and_movement_can_be_turned_off() {
    let project = project();
    let live = on_a_terminal(&project, &[], "run report.wf");
    assert!(live.contains("\u{1b}[32m") && live.contains("A\r\u{1b}[J"), "{live:?}");
    let colourless = on_a_terminal(&project, &[("NO_COLOR", "1")], "run report.wf");
    let colours = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("a pattern");
    assert!(!colours.is_match(&colourless), "{colourless:?}");
    let plain = on_a_terminal(&project, &[], "run report.wf --plain");
    assert!(plain.is_ascii() && !plain.contains('\u{1b}'), "{plain:?}");
    for said in [&live, &colourless, &plain] {
        assert!(said.contains("todos") && said.contains("out/seen.txt"), "{said:?}");
    }
}

#[test]
fn colours_stay_out_of_files_unless_they_are_forced() {
    let project = project();
    let colourless = project.say(&["run", "report.wf", "--progress", "tree"]);
    assert!(!colourless.stderr.contains('\u{1b}'), "{colourless}");
    let forced = project.say(&["run", "report.wf", "--progress", "tree", "--color", "always"]);
    assert!(forced.stderr.contains('\u{1b}'), "{forced}");
    assert!(!forced.stdout.contains('\u{1b}'), "{forced}");
}

// row D08, row P04
#[test]
fn for_programs_a_run_is_one_object() {
    let project = project();
    let said = project.say(&["run", "report.wf", "--json"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said}");
    assert_eq!(said.stdout.lines().count(), 1);
    assert_snapshot!(said.stdout);
    let shown = project.say(&["show", "--json"]);
    assert_eq!(shown.stdout, said.stdout, "`show --json` prints the same object");
}

const MISSING: &str = r#"workflow missing edition 1 {
  inputs { file required }
  call list { use = fs.list }
  call read { use = fs.read  params { path = (inputs.file) } }
  outputs { text = (steps.read.output.text) }
}
"#;

#[test]
fn a_step_that_fails_is_shown_at_its_place() {
    let project = Project::with(&[("missing.wf", MISSING)]);
    let run = ["run", "missing.wf", "-i", "file=nope.txt"];
    assert_snapshot!("fails_lines", project.transcript(&run));
    assert_snapshot!(
        "fails_tree",
        project.transcript(&[&run[..], &["--progress", "tree"]].concat())
    );
    assert_snapshot!("fails_json", project.transcript(&[&run[..], &["--json"]].concat()));
    assert_snapshot!("fails_show", project.transcript(&["show"]));
}

#[test]
fn fail_ends_the_run_with_its_words() {
    let stops = "workflow stops edition 1 {\n  call list { use = fs.list }\n  if (steps.list.output.count > 0) {\n    fail \"too many: {{steps.list.output.count}}\"\n  }\n}\n";
    let project = Project::with(&[("stops.wf", stops)]);
    assert_snapshot!(project.transcript(&["run", "stops.wf", "--progress", "tree"]));
}

#[test]
fn an_expression_without_a_value_shows_its_operands() {
    let divides = "workflow divides edition 1 {\n  set { n = 0 }\n  call join { use = text.join  params { items = [(1 / vars.n)] } }\n}\n";
    let project = Project::with(&[("divides.wf", divides)]);
    assert_snapshot!(project.transcript(&["run", "divides.wf"]));
}

// row E10
#[test]
fn a_limit_of_the_sandbox_fails_the_step_and_names_the_setting() {
    let project = Project::with(&[
        (
            "cofferdam.toml",
            "config = 1\n\n[plugins.text]\nlimits = { output = \"64 B\" }\n",
        ),
        (
            "wide.wf",
            "workflow wide edition 1 {\n  call join { use = text.join  params { items = [\"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\", \"0123456789\"] } }\n}\n",
        ),
    ]);
    assert_snapshot!(project.transcript(&["run", "wide.wf"]));
}

// row E14
#[test]
fn a_place_that_is_not_granted_is_denied_and_the_grant_is_named() {
    let copies =
        "workflow copies edition 1 {\n  call copy { use = fs.write  params { path = \"/etc/x\"  text = \"x\" } }\n}\n";
    let project = Project::with(&[("copies.wf", copies)]);
    assert_snapshot!(project.transcript(&["run", "copies.wf"]));
}

// row E14
// key dirs.create
#[test]
fn a_denied_call_shows_what_is_granted_and_the_line_to_add() {
    const GRANTS: &str = "config = 1\n\n[plugins.fs]\ndirs = [\n  { guest = \"/src\", host = \"src\", access = \"read\" },\n  { guest = \"/out\", host = \"out\", access = \"write\", create = true },\n]\n";
    let project = Project::with(&[
        ("cofferdam.toml", GRANTS),
        ("src/a.txt", "a"),
        ("data/orders.csv", "a,b"),
        (
            "reads.wf",
            "workflow reads edition 1 {\n  call first { use = fs.read  params { path = \"/src/a.txt\" } }\n  call read { use = fs.read  params { path = \"/data/orders.csv\" } }\n}\n",
        ),
        (
            "writes.wf",
            "workflow writes edition 1 {\n  call write { use = fs.write  params { path = \"/data/new/x\"  text = \"x\" } }\n}\n",
        ),
        (
            "changes.wf",
            "workflow changes edition 1 {\n  call copy { use = fs.copy  params { from = \"/src/a.txt\"  to = \"/src/b.txt\" } }\n}\n",
        ),
    ]);
    let transcripts =
        ["reads.wf", "writes.wf", "changes.wf"].map(|file| project.transcript(&["run", file, "--progress", "tree"]));
    assert_snapshot!("denied", transcripts.join("\n"));
    // The line that is said is a line that works.
    project.write(
        "cofferdam.toml",
        GRANTS.replace(
            "dirs = [\n",
            "dirs = [\n  { guest = \"/data\", host = \"data\", access = \"read\" },\n",
        ),
    );
    assert_eq!(project.say(&["run", "reads.wf"]).code, Some(0));
    assert_snapshot!(
        "denied_plugin_run",
        project.transcript(&["plugin", "run", "fs.read", "--params", "{\"path\": \"/etc/passwd\"}"])
    );
}

// row E14
#[test]
fn a_pipe_is_refused_in_words() {
    let project = Project::with(&[("a.txt", "a")]);
    let made = std::process::Command::new("mkfifo")
        .arg(project.path("pipe"))
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let run = |action: &str, params: &str| project.transcript(&["plugin", "run", action, "--params", params]);
    let transcripts = [
        run("fs.read", r#"{"path": "pipe"}"#),
        run("fs.copy", r#"{"from": "pipe", "to": "out/x"}"#),
        run("fs.read", r#"{"path": "."}"#),
    ];
    assert_snapshot!(transcripts.join("\n"));
}

// row A06, row A07
#[test]
fn inputs_that_do_not_fit_are_refused_all_at_once() {
    let project = Project::with(&[
        ("missing.wf", MISSING),
        ("report.wf", REPORT),
        ("inputs.json", "{\"file\": 3}"),
    ]);
    let transcripts = [
        vec!["run", "missing.wf"],
        vec!["run", "missing.wf", "-i", "fil=a"],
        vec!["run", "missing.wf", "-i", "file=a", "-i", "other=b"],
        vec!["run", "report.wf", "-i", "few=many"],
        vec!["run", "report.wf", "-i", "few=many", "-i", "rot=x", "-i", "other=y"],
        vec!["run", "report.wf", "-i", "few=12"],
        vec!["run", "report.wf", "-i", "few:=[1"],
        vec!["run", "report.wf", "-i", "root=@nowhere"],
        vec!["run", "report.wf", "-i", "root"],
        vec!["run", "missing.wf", "--input-file", "inputs.json"],
        vec!["run", "missing.wf", "--input-file", "nowhere.json"],
    ]
    .map(|arguments| project.transcript(&arguments));
    assert_snapshot!(transcripts.join("\n"));
    assert!(!project.path(".cofferdam/state.db").exists(), "nothing was started");
}

// row A13
// key project.workflows
#[test]
fn a_workflow_is_found_by_its_name() {
    let project = Project::with(&[("workflows/missing.wf", MISSING), ("note.txt", "hello")]);
    let said = project.say(&["run", "missing", "-i", "file=note.txt", "--progress", "none"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "  text  \"hello\"\n"),
        "{said}"
    );
    assert_snapshot!(project.transcript(&["run", "mising"]));
}

// row B06, row B14
#[test]
fn a_mistaken_workflow_is_not_started() {
    let project = Project::with(&[("bad.wf", "workflow bad edition 1 {\n  call list { use = fs.lst }\n}\n")]);
    assert_snapshot!("mistaken", project.transcript(&["run", "bad.wf"]));
    assert_snapshot!("mistaken_json", project.transcript(&["run", "bad.wf", "--json"]));
    assert!(!project.path(".cofferdam/state.db").exists(), "nothing was started");
}

// row D04
#[test]
fn a_variable_that_nothing_gives_a_value_is_told() {
    let text = "workflow old {\n  call text.join { params { items = [\"a{{repo}}\"] } }\n}\n";
    let project = Project::with(&[("old.wf", text)]);
    assert_snapshot!(
        "missing_run",
        project.transcript(&["run", "old.wf", "--progress", "none"])
    );
    assert_snapshot!("missing_show", project.transcript(&["show"]));
    let events = project.say(&["events", "--json"]).stdout;
    assert!(events.contains("\"missing\":[\"repo\"]"), "{events}");
}
