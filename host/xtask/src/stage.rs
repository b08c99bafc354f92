//! How stages with their times are shown.

use anyhow::{Context, Result};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Stages that follow one another, each with a name and a time.
pub(crate) struct Stages {
    started: Instant,
    total: usize,
    done: Vec<(String, Duration)>,
}

impl Stages {
    pub(crate) fn new(total: usize) -> Self {
        Self {
            started: Instant::now(),
            total,
            done: Vec::new(),
        }
    }

    /// The number and name that a line of the next stage begins with.
    pub(crate) fn heading(&self, name: &str) -> String {
        format!("{:>2}/{} {name:<11}", self.done.len() + 1, self.total)
    }

    /// Does the work of a stage and prints what it returns with the time it took.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce(&str) -> Result<String>) -> Result<()> {
        let heading = self.heading(name);
        // Where nobody sees a line grow, a log says what is being waited for.
        if !std::io::stderr().is_terminal() {
            eprintln!("{heading} ...");
        }
        let started = Instant::now();
        let said = work(&heading).with_context(|| format!("stage `{name}`"))?;
        let took = started.elapsed();
        self.done.push((name.to_owned(), took));
        println!("{}", line(&heading, &said, took));
        Ok(())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the stages with their times, and all of it together.
    pub(crate) fn summary(&self) -> String {
        let rows = self
            .done
            .iter()
            .map(|(name, took)| format!("  {name:<14}{:>14}\n", shown(*took)));
        let total = format!("  {:<14}{:>14}", "all", shown(self.elapsed()));
        rows.chain([total]).collect()
    }
}

fn line(heading: &str, said: &str, took: Duration) -> String {
    const WIDTH: usize = 64;
    let gap = WIDTH.saturating_sub(said.chars().count()).max(2);
    format!("{heading} {said}{:gap$}{:>12}", "", shown(took))
}

/// Returns a time as people say it.
pub(crate) fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::{line, shown};
    use std::time::Duration;

    #[test]
    fn times_are_short() {
        assert_eq!(shown(Duration::from_millis(140)), "0.1 s");
        assert_eq!(shown(Duration::from_secs(52)), "52 s");
        assert_eq!(shown(Duration::from_secs(182)), "3 min 02 s");
    }

    #[test]
    fn a_long_line_keeps_its_time() {
        let line = line(" 1/5 host       ", &"x".repeat(200), Duration::from_secs(52));
        assert!(line.ends_with("        52 s"), "{line}");
    }
}
