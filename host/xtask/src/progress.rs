//! How far is a build, and how long will it take? One line on a terminal, a line now and then elsewhere.

use crate::stage;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const BAR: usize = 20;
/// Without a terminal, a line this often says that the build is alive.
const QUIET: Duration = Duration::from_secs(60);
/// An estimate from less than this would be a guess.
const ENOUGH: Duration = Duration::from_secs(15);

/// The progress of one build.
pub(crate) struct Progress<'a> {
    heading: &'a str,
    total: usize,
    done: usize,
    /// Crates that were there already: they took no time and say nothing about the rest.
    fresh: usize,
    started: Instant,
    said: Instant,
    terminal: bool,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(heading: &'a str, total: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            heading,
            total,
            done: 0,
            fresh: 0,
            started: Instant::now(),
            said: Instant::now(),
            terminal,
        }
    }

    /// Takes one crate more.
    pub(crate) fn step(&mut self, name: &str, fresh: bool) {
        self.done += 1;
        self.fresh += usize::from(fresh);
        self.total = self.total.max(self.done);
        let line = self.line(name, self.started.elapsed());
        if self.terminal {
            eprint!("\r{line}\x1b[K");
            drop(std::io::stderr().flush());
        } else if self.said.elapsed() >= QUIET {
            self.said = Instant::now();
            eprintln!("{line}");
        }
    }

    /// Takes the line off the screen.
    pub(crate) fn finish(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
            drop(std::io::stderr().flush());
        }
    }

    fn line(&self, name: &str, elapsed: Duration) -> String {
        let full = self.done * BAR / self.total.max(1);
        let bar: String = (0..BAR).map(|place| if place < full { '█' } else { '░' }).collect();
        let left = match self.left(elapsed) {
            Some(left) => format!(", about {} left", roughly(left)),
            None => String::new(),
        };
        let (heading, done, total) = (self.heading, self.done, self.total);
        format!(
            "{heading} ▕{bar}▏ {done} of {total} crates · {name}   {}{left}",
            stage::shown(elapsed)
        )
    }

    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let compiled = self.done.saturating_sub(self.fresh);
        let rest = self.total - self.done.min(self.total);
        let each = elapsed.checked_div(u32::try_from(compiled).ok()?)?;
        (elapsed >= ENOUGH && rest > 0).then(|| each * u32::try_from(rest).unwrap_or(u32::MAX))
    }
}

fn roughly(time: Duration) -> String {
    match time.as_secs() {
        0..60 => "1 min".to_owned(),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use std::time::Duration;

    #[test]
    fn a_line_counts_and_estimates() {
        let mut progress = Progress {
            terminal: false,
            ..Progress::new(" 3/5 host", 40)
        };
        (0..10).for_each(|_| progress.step("serde", true));
        (0..10).for_each(|_| progress.step("wasmtime", false));
        let line = progress.line("wasmtime", Duration::from_secs(60));
        assert_eq!(
            line,
            " 3/5 host ▕██████████░░░░░░░░░░▏ 20 of 40 crates · wasmtime   1 min 00 s, about 2 min left"
        );
        assert!(!progress.line("x", Duration::from_secs(3)).contains("left"));
    }

    #[test]
    fn more_crates_than_expected_do_no_harm() {
        let mut progress = Progress {
            terminal: false,
            ..Progress::new("host", 0)
        };
        progress.step("a", false);
        assert!(progress.line("a", Duration::from_secs(60)).contains("1 of 1 crates"));
    }
}
