//! How is a host started, watched and killed?

use super::place::Case;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// No run of the workflow takes so long, whatever else the machine does.
const ENDLESS: Duration = Duration::from_secs(120);
/// How often is looked at what a host does: short beside the milliseconds that a step takes.
const GLANCE: Duration = Duration::from_micros(200);

/// A process of Cofferdam with what it prints.
pub(super) struct Victim {
    child: Child,
    started: Instant,
    stderr: PathBuf,
    took_over: Option<Duration>,
}

/// What a process left.
pub(super) struct Remains {
    pub(super) status: ExitStatus,
    /// The lines that it printed for people; one that is not whole does not count.
    pub(super) shown: Vec<String>,
    /// How long it took until it drove a run that another one had left.
    pub(super) took_over: Option<Duration>,
}

/// The machine was so slow that what was to be interrupted was over: nothing is shown by that.
#[derive(Debug)]
pub(super) struct TooLate;

impl Victim {
    /// Starts a process; its terminal is a file of the case.
    pub(super) fn start(mut command: Command, case: &Case, number: usize) -> Result<Self> {
        let stderr = case.directory.join(format!("terminal-{number}.txt"));
        let stdout = File::create(case.directory.join(format!("stdout-{number}.txt")))?;
        command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(File::create(&stderr)?);
        Ok(Self {
            child: command.spawn().context("cannot start the host")?,
            started: Instant::now(),
            stderr,
            took_over: None,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns whether it has shown a text.
    pub(super) fn showed(&self, text: &str) -> bool {
        fs::read_to_string(&self.stderr).is_ok_and(|shown| shown.contains(text))
    }

    /// Waits until something is so; false if the process ended before.
    pub(super) fn until(&mut self, mut so: impl FnMut(&Self) -> bool) -> Result<bool> {
        loop {
            if self.took_over.is_none() && self.showed("run taken over") {
                self.took_over = Some(self.age());
            }
            if so(self) {
                return Ok(true);
            }
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            if self.age() > ENDLESS {
                self.child.kill()?;
                self.child.wait()?;
                bail!("process {} did not end within {ENDLESS:?}", self.id());
            }
            sleep(GLANCE);
        }
    }

    /// Kills it with the signal that cannot be caught. It may have ended by itself before.
    pub(super) fn kill(mut self) -> Result<Remains> {
        self.child.kill()?;
        self.remains()
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> Result<Remains> {
        self.until(|_| false)?;
        self.remains()
    }

    fn remains(mut self) -> Result<Remains> {
        let status = self.child.wait()?;
        let text = fs::read_to_string(&self.stderr)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Ok(Remains {
            status,
            shown: whole.lines().map(str::to_owned).collect(),
            took_over: self.took_over,
        })
    }
}

impl Remains {
    /// Returns whether it was killed before it could end by itself.
    pub(super) fn was_killed(&self) -> bool {
        self.status.code().is_none()
    }

    /// Returns whether it said something.
    pub(super) fn said(&self, text: &str) -> bool {
        self.shown.iter().any(|line| line.contains(text))
    }
}

impl fmt::Display for Remains {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.shown.len().saturating_sub(6);
        let last = self.shown[from..].join("\n");
        write!(formatter, "a host ended with {} and these words:\n{last}", self.status)
    }
}

impl fmt::Display for TooLate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what was to be interrupted was over")
    }
}

impl std::error::Error for TooLate {}
