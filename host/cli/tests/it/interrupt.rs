//! ctrl-c, `kill -9`, two processes on one run: nothing that was recorded is lost, and nothing runs twice.

use crate::project::{Project, Said};
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Stdio};

/// A run that is in the middle of its loop until the file `go` is there: each round enters the sandbox once.
const LONG: &str = r#"workflow long edition 1 {
  call files { use = fs.list }
  set { n = 0 }
  while (vars.n < 400) {
    max_iterations = 400
    call look { use = fs.grep  params { files = (steps.files.output.files)  pattern = "TODO" } }
    set { n = (vars.n + 1) }
    if (vars.n == 20) {
      call go { use = fs.read  params { path = "go" }  retry { attempts = 1000  backoff = 100ms  factor = 1  never = [] } }
    }
  }
  call last { use = text.join  params { items = ["the", "end"]  separator = " " } }
  outputs {
    rounds = (vars.n)
    text   = (steps.last.output.text)
  }
}
"#;

/// Lets the run go on, from now on or when it is resumed.
fn go(project: &Project) {
    project.write("go", "");
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().try_into().expect("a process id")).expect("a process id");
    kill_process(pid, signal).expect("the process is there");
}

fn project() -> Project {
    Project::with(&[("long.wf", LONG), ("a.txt", "TODO\n")])
}

fn ended(project: &Project, child: Child) -> Said {
    project.said(&child.wait_with_output().expect("it ends"))
}

/// Returns what was said, without how far the run had come when it was interrupted.
fn wherever_it_was(mut said: Said) -> Said {
    let rounds = regex::Regex::new(r"rounds? [0-9-]+ kept \(\d+ steps?\)").expect("a pattern");
    assert!(rounds.is_match(&said.stderr), "{said}");
    said.stderr = rounds
        .replace(&said.stderr, "rounds [some] kept ([some] steps)")
        .into_owned();
    said
}

/// Returns what the steps of the newest run say of themselves, and how many of its events are of this kind.
fn events(project: &Project, kind: &str, step: &str) -> usize {
    let said = project.say(&["events", "--json"]);
    let events = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    events
        .filter(|event| event["event"]["type"] == kind && event["event"]["step"] == step)
        .count()
}

// row A15, row A17, row I10
#[test]
fn ctrl_c_keeps_what_is_recorded_and_resume_goes_on() {
    let project = project();
    let mut child = project.start(&["run", "long.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 30);
    signal(&child, Signal::INT);
    let said = ended(&project, child);
    assert_eq!(said.code, Some(130), "{said}");
    assert!(said.stderr.contains("recorded; nothing is lost"), "{said}");
    assert!(said.stderr.contains("  cofferdam resume [run]        go on"), "{said}");
    let runs = project.say(&["runs"]);
    assert!(runs.stdout.contains("interrupted"), "{runs}");
    // The run keeps the text that it started with; the next run has the new one.
    std::fs::write(
        project.path("long.wf"),
        "workflow long edition 1 { outputs { new = true } }\n",
    )
    .expect("it is ours");
    go(&project);
    let said = project.say(&["resume", "last", "--progress", "tree"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_snapshot!(wherever_it_was(said));
    assert_eq!(
        events(&project, "step.completed", "files"),
        1,
        "a kept step did not run again"
    );
    assert_eq!(events(&project, "step.completed", "while/look"), 400);
    let said = project.say(&["run", "long.wf", "--progress", "none"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "  new  true\n"), "{said}");
}

// row I10
#[test]
fn whose_terminal_is_gone_lets_go_of_the_run_unless_it_was_told_to_stay() {
    let project = project();
    let mut child = project.start(&["run", "long.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 10);
    signal(&child, Signal::HUP);
    let said = ended(&project, child);
    assert_eq!(said.code, Some(130), "{said}");
    assert!(project.say(&["runs"]).stdout.contains("interrupted"));

    let run = project.command(&["run", "long.wf", "--progress", "none"]);
    let mut staying = std::process::Command::new("nohup");
    staying
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(project.path(""));
    staying
        .env_clear()
        .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    staying
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = staying.spawn().expect("nohup is there");
    project.wait_for_run(&mut child, 2, 10);
    signal(&child, Signal::HUP);
    go(&project);
    let said = ended(&project, child);
    assert_eq!(said.code, Some(0), "{said}");
}

// row K01, row K02
#[test]
fn a_killed_process_is_taken_over_at_once() {
    let project = project();
    let mut child = project.start(&["run", "long.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 30);
    signal(&child, Signal::KILL);
    assert_eq!(ended(&project, child).code, None);
    let runs = project.say(&["runs"]);
    assert!(runs.stdout.contains("running, its host is gone"), "{runs}");
    let shown = project.say(&["show"]);
    assert!(
        shown
            .stderr
            .contains("nobody works on it; go on with: cofferdam resume [run]"),
        "{shown}"
    );
    go(&project);
    let said = project.say(&["resume", "--progress", "tree"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_snapshot!(wherever_it_was(said));
    assert_eq!(events(&project, "step.completed", "files"), 1);
    assert_eq!(events(&project, "step.completed", "while/look"), 400);
}

// row J06
#[test]
fn a_run_that_another_process_drives_is_refused() {
    let project = project();
    let mut child = project.start(&["run", "long.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 10);
    let said = project.say(&["resume"]);
    signal(&child, Signal::TERM);
    assert_eq!(ended(&project, child).code, Some(130));
    assert_snapshot!(said);
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let project = project();
    let mut child = project.start(&["run", "long.wf", "--progress", "none"]);
    project.wait_for_events(&mut child, 10);
    signal(&child, Signal::INT);
    signal(&child, Signal::INT);
    let said = ended(&project, child);
    assert_eq!(said.code, Some(130), "{said}");
    go(&project);
    assert_eq!(project.say(&["resume", "--progress", "none"]).code, Some(0));
}

const TALKS: &str = "workflow talks edition 1 {
  set { n = 0 }
  while (vars.n < 600) {
    max_iterations = 600
    call join { use = text.join  params { items = [\"a\", \"b\"] } }
    set { n = (vars.n + 1) }
  }
}
";

// row N06
#[test]
fn a_run_waits_for_nobody_who_reads_what_is_said_about_it() {
    let project = Project::with(&[("talks.wf", TALKS)]);
    let mut child = project.start(&["run", "talks.wf", "--progress", "lines"]);
    // A pipe takes 64 KiB, and nobody reads this one before the process has ended.
    let stderr = child.stderr.take().expect("it is piped");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
    let mut said = Vec::new();
    std::io::Read::read_to_end(&mut { stderr }, &mut said).expect("it can be read");
    assert!(said.len() >= 60_000, "{} bytes are no test of a full pipe", said.len());
    let shown = project.say(&["runs"]).stdout;
    assert!(shown.contains("completed"), "{shown}");
}
