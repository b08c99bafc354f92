//! A project in a directory of its own, and what the binary says in it, with all that differs from run to run taken out.

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A project, and the home of the user who works in it.
pub(crate) struct Project {
    directory: TempDir,
    home: TempDir,
}

/// What a command said, and how it ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// Makes an empty project.
    pub(crate) fn empty() -> Self {
        let new = || TempDir::new().expect("a temporary directory");
        Self {
            directory: new(),
            home: new(),
        }
    }

    /// Makes a project with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let project = Self::empty();
        for (path, content) in files {
            project.write(path, content);
        }
        project
    }

    /// Returns the path of a file in the project.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Returns the home of the user.
    pub(crate) fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("the directory of a file");
        fs::write(path, content).expect("a file of the project");
    }

    /// Returns the binary with these arguments, in this project, far from the home of whoever runs the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("cofferdam"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("LANG", "C.UTF-8")
            .env("COLUMNS", "100")
            // Compiled code is worth sharing: compiling the plugins takes seconds.
            .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
            .stdin(Stdio::null());
        command
    }

    /// Carries a command out.
    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().expect("the binary starts");
        self.said(&output)
    }

    /// Carries a command out and returns all of it as one text.
    pub(crate) fn transcript(&self, arguments: &[&str]) -> String {
        format!("$ cofferdam {}\n{}", arguments.join(" "), self.say(arguments))
    }

    /// Returns what a command said.
    pub(crate) fn said(&self, output: &Output) -> Said {
        let said = Said {
            code: output.status.code(),
            stdout: self.normal(&String::from_utf8_lossy(&output.stdout)),
            stderr: self.normal(&String::from_utf8_lossy(&output.stderr)),
        };
        let missing = "built without its plugins";
        assert!(
            !said.stderr.contains(missing) && !said.stdout.contains(missing),
            "the binary has no plugins in it: run `cargo xtask plugins` first, then build it again"
        );
        assert!(!said.stderr.contains("panicked at"), "{}", said.stderr);
        said
    }

    /// Starts a command that is going to be interrupted.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    /// Waits until there are `count` runs, the newest of which has `events` events and is driven by `child`.
    pub(crate) fn wait_for_run(&self, child: &mut Child, count: usize, events: u64) {
        let since = Instant::now();
        loop {
            let runs = self.say(&["runs", "--json"]).stdout;
            let runs = serde_json::from_str::<serde_json::Value>(&runs).unwrap_or_default();
            if runs["runs"].as_array().is_some_and(|runs| runs.len() >= count) {
                return self.wait_for_events(child, events);
            }
            let ended = child.try_wait().expect("a child of this process");
            assert!(ended.is_none(), "it ended too early: {ended:?}");
            assert!(since.elapsed() < PATIENCE, "{runs} where {count} runs are expected");
        }
    }

    /// Waits until the newest run has this many events.
    pub(crate) fn wait_for_events(&self, child: &mut Child, events: u64) {
        let since = Instant::now();
        loop {
            let runs = self.say(&["runs", "--json"]);
            let newest = serde_json::from_str::<serde_json::Value>(&runs.stdout)
                .ok()
                .and_then(|runs| runs["runs"][0]["events"].as_u64());
            if newest.is_some_and(|newest| newest >= events) {
                return;
            }
            let ended = child.try_wait().expect("a child of this process");
            assert!(ended.is_none(), "it ended too early: {ended:?}");
            assert!(since.elapsed() < PATIENCE, "{newest:?} of {events} events");
        }
    }

    /// Takes out what differs from run to run: times, ids, sizes, digests, paths.
    fn normal(&self, text: &str) -> String {
        static RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
            [
                (
                    r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b",
                    "[run]",
                ),
                (r"(?m)^\d\d:\d\d:\d\d\.\d{3} [0-9a-f]{6} ", "[time] [run] "),
                (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "[time]"),
                (r"\d\d:\d\d:\d\d(\.\d+)?", "[time]"),
                (
                    r"(run|logs|show|resume|cancel|approve|reject|signal|retry)( +)[0-9a-f]{6,12}\b",
                    "$1$2[run]",
                ),
                (r"(?m)^( [✓✗–●◌·=]  )[0-9a-f]{6}  ", "$1[run]  "),
                (r"(?m)^([✓✗–●◌·=]  )[0-9a-f]{6}  ", "$1[run]  "),
                (r"\.[0-9a-f]{16}\.part|\.x\.[0-9a-f]{8,}", ".[random]"),
                (r"\d+\.\d ms cpu, [0-9.]+ [KM]?B of memory", "[used]"),
                (r"(?m) *\b(\d+ ms|\d+\.\d s)$", " [took]"),
                // A block that took no time does not say so.
                (r"(?m)^( *[│ ]*✓ always) \[took\]$", "$1"),
                (r"(?m) +(\d+ ms|\d+\.\d s) +(\d+)$", " [took] $2"),
                // The width of a column depends on what took long.
                (r"(?m)STARTED +TOOK +EVENTS$", "STARTED TOOK EVENTS"),
                (r"\b\d+ ms\b|\b\d+\.\d s\b", "[took]"),
                (r"\b(completed|failed) \d+(ms|\.\ds)\b", "$1 [took]"),
                (r"at most [0-9.]+ [KM]?B", "at most [size]"),
                (
                    r"\d+\.\d ms cpu, [0-9.]+ [KM]?B of memory, [0-9.]+ [KM]?B out",
                    "[used]",
                ),
                (r"\b\d+ flush(es)?\b", "[flushes]"),
                (r#""(cpu|memory|wall)":\[\d+,"#, "\"$1\":[\"[used]\","),
                (r"ed25519:[A-Za-z0-9+/]{43}=", "[key]"),
                (r"sha256:[0-9a-f]{64}", "[digest]"),
                (r"sha256:[0-9a-f]{8}…[0-9a-f]{8}", "[digest]"),
                (r"(\[digest\] · )\d+ KB", "$1[size]"),
                (r"(?m)^(  size +)\d.*$", "$1[size]"),
                (
                    r#""(duration_ms|created_at|updated_at|started_at|ended_at|finished_at|at|size)":("[^"]*"|\d+)"#,
                    r#""$1":"[$1]""#,
                ),
                (r"\b\d+ of them kept", "[some] of them kept"),
                (r"process \d+", "process [pid]"),
                (r"kill -INT \d+", "kill -INT [pid]"),
                (r"\(in [^)]*\)", "(in [while])"),
                (r"\b\d+ steps (is|are) recorded", "[some] steps are recorded"),
                (r"process \[pid\] on this machine", "process [pid] on this machine"),
            ]
            .map(|(pattern, with)| (Regex::new(pattern).expect(pattern), with))
            .into()
        });
        let mut text = text
            .replace(&self.directory.path().display().to_string(), "[project]")
            .replace(
                &*self.directory.path().file_name().unwrap_or_default().to_string_lossy(),
                "[name]",
            )
            .replace(&self.home.path().display().to_string(), "[home]");
        for (rule, with) in RULES.iter() {
            text = rule.replace_all(&text, *with).into_owned();
        }
        text
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => writeln!(formatter, "exit {code}")?,
            None => writeln!(formatter, "ended by a signal")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(formatter, "--- {name}\n{}", text.trim_end_matches('\n'))?;
            }
        }
        Ok(())
    }
}

/// Returns a plugin that `cargo xtask plugins` builds as somebody else's: each name of a section makes another component of it.
pub(crate) fn another(plugin: &str, section: &str) -> Vec<u8> {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins");
    let mut bytes = fs::read(built.join(format!("{plugin}.wasm"))).expect("a plugin from `cargo xtask plugins`");
    let length = u8::try_from(section.len()).expect("a short name");
    bytes.extend([0, length + 1, length]);
    bytes.extend_from_slice(section.as_bytes());
    bytes
}

/// Reads the lines that a host at work says.
pub(crate) struct Listener(Lines<BufReader<ChildStderr>>);

impl Listener {
    /// Starts a host, which runs until it is [`stopped`](Self::stop).
    pub(crate) fn at_work(project: &Project) -> (Child, Self) {
        let mut child = project.start(&["work", "--progress", "none"]);
        let mut said = Self(BufReader::new(child.stderr.take().expect("it is piped")).lines());
        said.wait_for("at work on the runs");
        (child, said)
    }

    /// Waits for a line with this text, and returns everything that was said since the one before it that was waited for.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut said = String::new();
        loop {
            let line = self.0.next();
            let line = line.unwrap_or_else(|| panic!("it ended without `{text}`:\n{said}"));
            let line = line.expect("a line");
            said += &format!("{line}\n");
            if line.contains(text) {
                return said;
            }
        }
    }

    /// Interrupts the host, waits for its end and returns what it said meanwhile.
    pub(crate) fn stop(self, mut child: Child) -> String {
        let pid = Pid::from_raw(child.id().try_into().expect("a process id")).expect("a process id");
        kill_process(pid, Signal::INT).expect("the process is there");
        let said = self.0.map(|line| line.expect("a line") + "\n").collect();
        child.wait().expect("it ends");
        said
    }
}
