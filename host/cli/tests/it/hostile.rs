//! Files and surroundings that nobody means well with: refused in words, never with a panic.

use crate::project::Project;
use insta::assert_snapshot;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const JOIN: &str = "workflow join edition 1 {\n  call join { use = text.join  params { items = [\"a\", \"b\"] } }\n}\n";

#[test]
fn files_that_are_no_workflows_are_refused() {
    let project = Project::with(&[("dir.wf/x", ""), ("empty.wf", ""), ("words.wf", "hello there\n")]);
    project.write("binary.wf", b"workflow \xff\xfe\x00");
    let transcripts = [
        "dir.wf",
        "dir.wf/",
        "empty.wf",
        "words.wf",
        "binary.wf",
        "absent.wf",
        "dir.wf/x/y.wf",
    ]
    .map(|file| project.transcript(&["run", file]));
    assert_snapshot!(transcripts.join("\n"));
}

// row A12
#[test]
fn large_and_deep_files_are_refused_in_bounded_work() {
    let project = Project::empty();
    project.write("large.wf", vec![b' '; (10 << 20) + 1]);
    let deep = format!(
        "workflow deep edition 1 {{\n{}{}}}\n",
        "do { ".repeat(10_000),
        "} ".repeat(10_000)
    );
    project.write("deep.wf", deep);
    assert_snapshot!("large", project.transcript(&["run", "large.wf"]));
    let said = project.say(&["run", "deep.wf"]);
    assert_eq!(
        said.code,
        Some(4),
        "{}",
        said.stderr.chars().take(400).collect::<String>()
    );
    assert!(
        said.stderr.contains("error[CF01"),
        "{}",
        said.stderr.chars().take(400).collect::<String>()
    );
    assert!(said.stderr.len() < 40_000, "{} bytes are said", said.stderr.len());
}

// row E10, hostile 28
// key limits.compile.memory
#[test]
fn components_are_compiled_by_a_process_that_may_not_take_the_machine() {
    let project = Project::empty();
    // What is compiled is kept: a component that no test before this one has seen.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nonce = now.expect("after 1970").as_nanos().to_le_bytes();
    let mut component = b"\0asm\x0d\0\x01\0\0\x12\x01x".to_vec();
    component.extend(nonce);
    project.write("new.wasm", component);
    project.write(
        "cofferdam.toml",
        "config = 1\n[limits]\ncompile = { wall = \"30s\", memory = \"1 MiB\" }\n",
    );
    let stopped = project.transcript(&["plugin", "check", "new.wasm"]);
    project.write(
        "cofferdam.toml",
        "config = 1\n[limits]\ncompile = { memory = \"0 MiB\", wal = \"30s\" }\n",
    );
    let refused = project.transcript(&["plugin", "check", "new.wasm"]);
    project.write("cofferdam.toml", "config = 1\n");
    let compiled = project.transcript(&["plugin", "check", "new.wasm"]);
    assert_snapshot!([stopped, refused, compiled].join("\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_host_takes_as_many_open_files_as_its_user_may_have() {
    let project = Project::empty();
    let host = project.command(&[]);
    let mut child = Command::new("/bin/sh")
        .args(["-c", "ulimit -Sn 256 && exec \"$0\" work"])
        .arg(host.get_program())
        .env_clear()
        .envs(host.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(project.path("."))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let at_work = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("at work on the runs")));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id()));
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    at_work.expect("it came to work").expect("a line");
    let limits = limits.expect("it was there");
    let open_files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .expect("one");
    let numbers: Vec<&str> = open_files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{open_files}");
}

#[test]
fn a_state_that_is_none_is_left_alone() {
    let project = Project::with(&[
        ("join.wf", JOIN),
        (".cofferdam/state.db", "this is no database, whatever its name says\n"),
    ]);
    let transcripts = [project.transcript(&["run", "join.wf"]), project.transcript(&["runs"])];
    assert_snapshot!(transcripts.join("\n"));
    let content = std::fs::read_to_string(project.path(".cofferdam/state.db")).expect("the file");
    assert!(content.starts_with("this is no database"), "it was not touched");
}

/// Returns a database without tables, of the program and the format with these numbers.
fn database(program: u32, format: u32) -> Vec<u8> {
    let mut page = vec![0; 512];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    page[16..18].copy_from_slice(&512_u16.to_be_bytes());
    page[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
    // The change counter, the pages, the schema format, the encoding, and for which change they hold.
    for (at, value) in [
        (24, 1),
        (28, 1),
        (44, 4),
        (56, 1),
        (60, format),
        (68, program),
        (92, 1),
        (96, 3_040_000),
    ] {
        page[at..at + 4].copy_from_slice(&u32::to_be_bytes(value));
    }
    // An empty leaf of a table.
    page[100..108].copy_from_slice(&[13, 0, 0, 0, 0, 2, 0, 0]);
    page
}

#[test]
fn a_database_of_another_program_or_a_later_version_is_left_alone() {
    const OURS: u32 = 0x436f_6664;
    for (name, database) in [("foreign", database(0x1234_5678, 1)), ("newer", database(OURS, 99))] {
        let project = Project::with(&[("join.wf", JOIN)]);
        project.write(".cofferdam/state.db", &database);
        let transcript = [project.transcript(&["runs"]), project.transcript(&["run", "join.wf"])];
        assert_snapshot!(name, transcript.join("\n"));
        let after = std::fs::read(project.path(".cofferdam/state.db")).expect("the state");
        assert!(after == database, "it was not touched");
    }
}

#[test]
fn a_reader_that_goes_away_ends_nothing_with_a_panic() {
    let project = Project::with(&[("join.wf", JOIN)]);
    assert_eq!(project.say(&["run", "join.wf"]).code, Some(0));
    for arguments in [
        &["explain"][..],
        &["events"],
        &["plugin", "list"],
        &["completions", "bash"],
        &["--help"],
        &["run", "join.wf", "--json"],
    ] {
        let mut child = project
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        drop(child.stdout.take());
        let said = project.said(&child.wait_with_output().expect("it ends"));
        assert!(said.code.is_some_and(|code| code == 0), "{arguments:?}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let project = Project::empty();
    let strange = std::ffi::OsStr::from_bytes(b"\xff.wf");
    for verb in ["run", "check", "show", "fmt"] {
        let output = project
            .command(&[verb])
            .arg(strange)
            .output()
            .expect("the binary starts");
        let said = project.said(&output);
        assert_eq!(said.code, Some(2), "{verb}: {said}");
    }
}

#[test]
fn names_of_files_do_not_steer_the_terminal() {
    let project = Project::empty();
    for name in ["esc\u{1b}[31mred", "line\nbreak", "turned\u{202e}wolla", "c1\u{9b}2J"] {
        project.write(&format!("plugins/{name}.wasm"), b"\0asm");
    }
    for arguments in [
        &["plugin", "list"][..],
        &["plugin", "list", "--json"],
        &["check"],
        &["doctor"],
    ] {
        let said = project.say(arguments);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(
            !all.contains(['\u{1b}', '\u{202e}', '\u{9b}']),
            "{arguments:?}: {all:?}"
        );
        assert!(!all.contains("line\nbreak"), "{arguments:?}: {all:?}");
    }
    assert!(
        project
            .say(&["plugin", "list"])
            .stdout
            .contains("`turnedwolla` is no name for a plugin")
    );
}
