//! Where is a project that is measured, and who works in it?

use super::Outcome;
use cofferdam_engine::{Data, Event, Recorded, RunId};
use cofferdam_runtime::{Embedded, Unobserved, Workflow};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often the log is looked at. What is measured is in the log: how often it is read changes nothing.
const LOOK: Duration = Duration::from_millis(20);

const CONFIGURATION: &str = r#"config = 1

[registry]
dirs = ["plugins"]

[host]
cancel_grace = "1s"

[limits]
cpu  = "10m"
wall = "10m"

[plugins.ledger]
dirs = [{ guest = "/books", host = "books", access = "write" }]
"#;

/// A project with the plugins that the tests use, trusted.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn make() -> Outcome<Self> {
        let place = Self {
            root: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
        };
        for directory in ["project/plugins", "project/books", "home"] {
            std::fs::create_dir_all(place.path(directory))?;
        }
        std::fs::write(place.path("project/cofferdam.toml"), CONFIGURATION)?;
        let ledger = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/ledger.wasm");
        std::fs::copy(&ledger, place.path("project/plugins/ledger.wasm"))
            .map_err(|error| format!("{}: {error}; `cargo xtask plugins` builds it", ledger.display()))?;
        for words in [&["trust", "--yes"][..], &["plugin", "accept", "ledger", "--yes"]] {
            let done = place
                .cofferdam(words)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .output()?;
            if !done.status.success() {
                return Err(format!("{words:?}: {}", String::from_utf8_lossy(&done.stderr)).into());
            }
        }
        Ok(place)
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("project/.cofferdam/state.db")
    }

    /// Returns the command line of this profile, in the project.
    pub(crate) fn cofferdam(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
        command
            .args(words)
            .current_dir(self.path("project"))
            .env("XDG_STATE_HOME", self.path("home"));
        command
    }

    /// Begins a host in a process of its own.
    pub(crate) fn work(&self) -> Outcome<Worker> {
        let mut process = self
            .cofferdam(&["work"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = process.stderr.take().ok_or("it says nothing")?;
        let mut first = String::new();
        let mut said = BufReader::new(said);
        said.read_line(&mut first)?;
        if !first.contains("at work") {
            return Err(format!("the host says {first:?}").into());
        }
        // What it says later is nobody's concern, as long as it can say it.
        std::thread::spawn(move || said.lines().for_each(drop));
        Ok(Worker(process))
    }

    /// Returns the log of the project, with what checks and begins runs.
    pub(crate) async fn embedded(&self) -> Outcome<Embedded> {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins");
        let grants = cofferdam_wasm::Allowed::default();
        Ok(Embedded::builder()
            .state(self.state())
            .plugins(built)
            .plugins(self.path("project/plugins"))
            .allow("ledger", grants)
            .build()
            .await?)
    }

    /// Begins a run that another process carries on.
    pub(crate) fn detach(&self, file: &str, text: &str) -> Outcome {
        std::fs::write(self.path("project").join(file), text)?;
        let done = self.cofferdam(&["run", file, "--detach"]).output()?;
        if !done.status.success() {
            return Err(format!("{file}: {}", String::from_utf8_lossy(&done.stderr)).into());
        }
        Ok(())
    }
}

/// A host in a process of its own, stopped when it is dropped.
pub(crate) struct Worker(Child);

impl Worker {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Begins a run and leaves it where it parks.
pub(crate) async fn park(host: &Embedded, workflow: &Workflow, inputs: Vec<(String, Data)>) -> Outcome<RunId> {
    let driving = host.start(workflow, inputs, Arc::new(Unobserved)).await?;
    let run = driving.run;
    match driving.wait().await? {
        cofferdam_runtime::Driven::Parked(_) => Ok(run),
        other => Err(format!("the run does not wait: {other:?}").into()),
    }
}

/// Returns the events of a run as soon as one of them is `wanted`.
pub(crate) async fn events_until(
    host: &Embedded,
    run: RunId,
    wanted: impl Fn(&Event) -> bool,
) -> Outcome<Vec<Recorded>> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let events = host.log().events(run, 0, usize::MAX).await?;
        if events.iter().any(|recorded| wanted(&recorded.event)) {
            return Ok(events);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(format!("run {run} did not come so far within {PATIENCE:?}").into())
}

/// Returns the newest run as soon as so many of its attempts are under way.
pub(crate) async fn newest_with_attempts(host: &Embedded, attempts: usize) -> Outcome<RunId> {
    let run = host.log().find("last").await?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let events = host.log().events(run, 0, usize::MAX).await?;
        let started = |recorded: &&Recorded| matches!(recorded.event, Event::AttemptStarted { .. });
        if events.iter().filter(started).count() >= attempts {
            return Ok(run);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(format!("{attempts} attempts of {run} did not begin within {PATIENCE:?}").into())
}
