//! What happens to a state that is damaged or whose host was stopped: nothing is guessed, nothing is lost, everybody is told.

use crate::project::{Project, Said};
use std::fs;

/// What the text of the workflow does not hold, only what was recorded of the run.
const RECORDED: &str = "needlework";

const WORKFLOW: &str = r#"workflow kept edition 1 {
  call word { use = text.join  params { items = ["needle", "work"]  separator = "" } }
  gate human_review publish { prompt = "Publish?" }
}
"#;

/// A project with a run that waits for a decision.
fn project() -> Project {
    let project = Project::with(&[("kept.wf", WORKFLOW)]);
    assert_eq!(project.say(&["run", "kept.wf", "--progress", "none"]).code, Some(6));
    project
}

fn change(project: &Project, with: impl FnOnce(&mut Vec<u8>)) {
    // Whoever closes the state last moves everything into one file; a process that was interrupted may not have come to it.
    assert_eq!(project.say(&["runs"]).code, Some(0));
    let beside = fs::metadata(project.path(".cofferdam/state.db-wal"));
    assert!(beside.is_err(), "there is a write-ahead log: {beside:?}");
    let path = project.path(".cofferdam/state.db");
    let mut bytes = fs::read(&path).expect("the state");
    with(&mut bytes);
    fs::write(&path, bytes).expect("the state");
}

/// Makes another byte of what was recorded.
fn damage(project: &Project, recorded: &str) {
    change(project, |bytes| {
        let places: Vec<usize> = (0..bytes.len() - recorded.len())
            .filter(|at| bytes[*at..].starts_with(recorded.as_bytes()))
            .collect();
        assert!(!places.is_empty(), "what was recorded is in the file");
        places.into_iter().for_each(|at| bytes[at] = b'm');
    });
}

fn is_refused_as_damaged(said: &Said) {
    assert_eq!(said.code, Some(4), "{said}");
    assert!(said.stderr.contains(".cofferdam/state.db` is damaged"), "{said}");
    assert!(said.stderr.contains("restore a backup"), "{said}");
    assert!(said.stderr.contains("  = help: keep the file"), "{said}");
    assert!(!said.stderr.contains("cofferdam resume"), "{said}");
}

// One byte of a stored value is another one: the page is fine, the event can be read, and it is not what happened.
#[test]
fn a_flipped_byte_in_a_value_is_noticed_by_everyone_who_reads_it() {
    let project = project();
    damage(&project, RECORDED);
    for verb in ["show", "events", "resume", "why"] {
        is_refused_as_damaged(&project.say(&[verb, "last"]));
    }
    is_refused_as_damaged(&project.say(&["approve", "last", "publish"]));
}

#[test]
fn a_run_on_damaged_pages_is_not_said_to_be_there() {
    let project = project();
    change(&project, |bytes| {
        // The first page has the header and the schema, so that the state opens.
        bytes[4096..].iter_mut().step_by(3).for_each(|byte| *byte = 0xee);
    });
    is_refused_as_damaged(&project.say(&["run", "kept.wf", "--progress", "none"]));
}

// A state may have come with the project: that it cannot be listed is no reason to say nothing of it.
#[test]
fn whoever_is_asked_for_trust_is_told_of_a_state_that_cannot_be_read() {
    let project = project();
    project.write("cofferdam.toml", "config = 1\n[host]\nattempts = 65\n");
    let told = project.say(&["trust"]);
    assert!(told.stderr.contains("has 1 run that has not ended"), "{told}");
    change(&project, |bytes| {
        bytes[4096..].iter_mut().step_by(3).for_each(|byte| *byte = 0xee);
    });
    let told = project.say(&["trust"]);
    assert!(
        told.stderr.contains("cannot be read") && told.stderr.contains("it may hold runs"),
        "{told}"
    );
}

const GATED: &str = r#"workflow gated edition 1 {
  call word { use = text.join  params { items = ["a", "b"]  separator = "" } }
  call go { use = fs.read  params { path = "go" }  retry { attempts = 1000  backoff = 100ms  factor = 1  never = [] } }
}
"#;

const READS: &str = "config = 1\n[host]\nshutdown_grace = \"300ms\"\n[plugins.fs]\ndirs = [{ guest = \"/\", host = \".\", access = \"read\" }]\n";

// What a host lets go of goes on at the next one that looks for work; what a person keeps back does not.
// row I10
// key host.shutdown_grace
#[test]
fn work_carries_on_an_interrupted_run_and_leaves_a_paused_one() {
    let project = Project::with(&[("gated.wf", GATED), ("cofferdam.toml", READS)]);
    for count in 1..=2 {
        let mut child = project.start(&["run", "gated.wf", "--progress", "none"]);
        project.wait_for_run(&mut child, count, 6);
        crate::interrupt::signal(&child, rustix::process::Signal::INT);
        let said = project.said(&child.wait_with_output().expect("it ends"));
        assert_eq!(said.code, Some(130), "{said}");
    }
    let paused = project.say(&["pause", "last"]);
    assert_eq!(paused.code, Some(0), "{paused}");
    project.write("go", "");
    let said = project.say(&["work", "--until-idle"]);
    assert_eq!(said.code, Some(0), "{said}");
    let runs = project.say(&["runs"]);
    assert_eq!(runs.stdout.matches("completed").count(), 1, "{runs}");
    assert_eq!(runs.stdout.matches("paused").count(), 1, "{runs}");
    let said = project.say(&["resume", "last", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
}

const LONG: &str = r#"workflow long edition 1 {
  set { n = 0 }
  while (vars.n < 600) {
    max_iterations = 600
    call one { use = text.join  params { items = ["round", (vars.n), "of"]  separator = "-" } }
    set { n = (vars.n + 1) }
  }
  call go { use = fs.read  params { path = "go" }  retry { attempts = 1000  backoff = 100ms  factor = 1  never = [] } }
}
"#;

// Recovery reads a tail: what is damaged before the snapshot is noticed by whoever reads it, and not by a host at work.
#[test]
fn a_long_run_is_carried_on_from_its_snapshot() {
    let project = Project::with(&[("long.wf", LONG), ("cofferdam.toml", READS)]);
    let mut child = project.start(&["run", "long.wf", "--progress", "none"]);
    project.wait_for_run(&mut child, 1, 1_210);
    crate::interrupt::signal(&child, rustix::process::Signal::INT);
    let said = project.said(&child.wait_with_output().expect("it ends"));
    assert_eq!(said.code, Some(130), "{said}");
    damage(&project, "round-7-of");
    is_refused_as_damaged(&project.say(&["show", "last"]));
    project.write("go", "");
    let said = project.say(&["work", "--until-idle", "--progress", "lines"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(
        said.stderr.contains(" go completed ") && said.stderr.contains(" run completed "),
        "{said}"
    );
    assert!(!said.stderr.contains(" run completed 0ms"), "{said}");
}

// rule C5
#[test]
fn a_state_that_may_not_grow_is_told_in_words_and_is_no_mistake_of_the_user() {
    let project = project();
    let approve = project.command(&["approve", "last", "--by", "ops"]);
    let mut limited = std::process::Command::new("sh");
    // In blocks of 512 bytes: less than what readers of the write-ahead log share.
    limited.args(["-c", "ulimit -f 20; exec \"$0\" \"$@\""]);
    limited
        .arg(approve.get_program())
        .args(approve.get_args())
        .current_dir(project.path(""));
    limited
        .env_clear()
        .envs(approve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = project.said(&limited.output().expect("a shell"));
    assert_eq!(said.code, Some(70), "{said}");
    assert!(
        said.stderr.contains("a file may not grow (a quota, `ulimit -f`)"),
        "{said}"
    );
    assert!(said.stderr.contains("what is recorded is kept"), "{said}");
    assert!(
        !said.stderr.contains('\u{1b}'),
        "no colours where nobody sees them: {said}"
    );
    let said = project.say(&["approve", "last", "--by", "ops", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
}

const FILED: &str = r#"workflow filed edition 1 {
  call word { use = text.join  params { items = ["a", "b"]  separator = "" } }
  call stray { use = fs.read  params { path = "/elsewhere/file" }  retries = 1  on_fail = continue }
  call last { use = text.join  params { items = ["c"]  separator = "" } }
}
"#;

const GRANTED: &str =
    "config = 1\n[plugins.fs]\ndirs = [{ guest = \"/small\", host = \"small\", access = \"read\" }]\n";

/// A project that wants files for its runs, and the directory in which they are.
fn filed() -> (Project, std::path::PathBuf) {
    let project = Project::with(&[
        ("filed.wf", FILED),
        ("cofferdam.toml", &format!("{GRANTED}[state]\nrun_logs = true\n")),
        ("small/file", ""),
    ]);
    let directory = project.path(".cofferdam/logs");
    (project, directory)
}

fn only_file(directory: &std::path::Path) -> String {
    let mut files = fs::read_dir(directory).expect("a directory of logs");
    let file = files.next().expect("a file").expect("an entry").path();
    assert!(files.next().is_none(), "one run, one file");
    assert!(file.extension().is_some_and(|extension| extension == "log"), "{file:?}");
    fs::read_to_string(file).expect("text")
}

// row N10
// key state.run_logs
#[test]
fn what_happens_in_a_run_is_in_a_file_of_its_own_if_that_is_wanted() {
    let (project, directory) = filed();
    let said = project.say(&["run", "filed.wf", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
    let text = only_file(&directory);
    // What is on disk comes in its order; what was denied is told before it is.
    for told in [
        " word completed ",
        " stray denied filesystem",
        " stray attempt 1 failed {",
        "/elsewhere/file: not granted",
        " last completed ",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with(" run started filed"), "{text}");
    assert!(lines[lines.len() - 1].contains(" run completed "), "{text}");
    let is_dated = |line: &str| {
        line.split_once(' ')
            .is_some_and(|(at, _)| at.ends_with('Z') && at.len() > 20)
    };
    assert!(text.lines().all(is_dated), "{text}");

    let (project, directory) = filed();
    project.write("cofferdam.toml", GRANTED);
    assert_eq!(project.say(&["run", "filed.wf", "--progress", "none"]).code, Some(0));
    assert!(!directory.exists(), "nobody asked for files");
}

// row N10
#[test]
fn a_file_that_cannot_be_written_hinders_no_run_and_is_told() {
    let (project, directory) = filed();
    fs::create_dir(project.path(".cofferdam")).expect("a directory");
    fs::write(&directory, "in its place").expect("a file");
    let said = project.say(&["run", "filed.wf", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stderr.contains("warning: the log file of the run"), "{said}");
    assert_eq!(said.stderr.matches("is not written").count(), 1, "{said}");
}

// row N10
#[test]
fn a_link_that_came_with_a_project_leads_no_file_elsewhere() {
    let (project, directory) = filed();
    let elsewhere = project.path("elsewhere");
    fs::create_dir(&elsewhere).expect("a directory");
    fs::create_dir(project.path(".cofferdam")).expect("a directory");
    std::os::unix::fs::symlink(&elsewhere, &directory).expect("a link");
    let said = project.say(&["run", "filed.wf", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stderr.contains("is not written"), "{said}");
    assert_eq!(fs::read_dir(&elsewhere).expect("a directory").count(), 0);
}

// row N10
#[test]
fn a_panic_of_the_host_is_in_the_file_of_each_run_that_it_drove() {
    let (project, directory) = filed();
    let mut command = project.command(&["run", "filed.wf", "--progress", "none"]);
    command.env("COFFERDAM_FAILPOINT", "before-report:1:panic");
    let panicked = command.output().expect("it starts");
    assert_eq!(panicked.status.code(), Some(70));
    let text = only_file(&directory);
    assert!(text.contains(" the host panicked at "), "{text}");
    assert!(text.contains("failpoint before-report reached"), "{text}");
    // The next host writes on in the same file.
    let said = project.say(&["resume", "last", "--progress", "none"]);
    assert_eq!(said.code, Some(0), "{said}");
    let all = only_file(&directory);
    assert!(
        all.starts_with(&text) && all.contains("run taken over") && all.contains("run completed"),
        "{all}"
    );
}
