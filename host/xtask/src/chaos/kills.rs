//! Does a run survive that its hosts are killed at random moments?

use super::dice::Dice;
use super::history::History;
use super::moment::Moment;
use super::oracles;
use super::place::{Case, Place};
use super::trial::Trial;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// A step whose host died five times is given up, which is another promise: fewer deaths than that must not matter.
const MOST_DEATHS: u64 = 4;
/// How long an effectful step takes, in milliseconds.
const WORK: u64 = 6;
const ROUNDS: u64 = 3;

/// What happened, for a person to see that the moments were good ones.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) cases: usize,
    pub(super) kills: usize,
    /// The run was not recorded yet, so that nobody was told of it.
    pub(super) before_acknowledgement: usize,
    /// The process that was killed had been started to resume.
    pub(super) of_resumes: usize,
    /// Lines in the book whose step was not recorded as done when the host died.
    pub(super) in_doubt: usize,
    /// Deliveries that were recorded after the first of their attempt.
    pub(super) redeliveries: usize,
    /// Of these, those that the book saw as well.
    pub(super) repeated_lines: usize,
    /// Hosts that ended before their moment came.
    pub(super) escaped: usize,
    pub(super) slowest_takeover: Duration,
}

/// Kills as many hosts as asked for, over as many runs as that takes.
pub(super) fn kill(place: &Place, kills: usize, dice: &mut Dice, tally: &mut Tally) -> Result<()> {
    let life = measure(place)?;
    while tally.kills < kills {
        tally.cases += 1;
        let case = place.case(&format!("kill-{}", tally.cases))?;
        let history =
            one(place, &case, life, dice, tally).with_context(|| format!("in {}", case.directory.display()))?;
        tally.count(&history);
        oracles::judge(&history).with_context(|| format!("in {}", case.directory.display()))?;
        case.remove()?;
    }
    Ok(())
}

/// Runs the workflow once without killing anybody, and returns how long a process lives.
fn measure(place: &Place) -> Result<Duration> {
    let mut life = Duration::ZERO;
    // The first run compiles the component and says little.
    for name in ["first", "whole"] {
        let case = place.case(name)?;
        let mut trial = Trial::of(ROUNDS);
        let started = Instant::now();
        let victim = trial.start(place, &case, WORK)?;
        let history = trial.end(place, &case, victim)?;
        life = started.elapsed();
        oracles::judge(&history).context("of a run that nobody killed")?;
        case.remove()?;
    }
    Ok(life)
}

/// Kills the hosts of one run some times, and lets the last one finish.
fn one(place: &Place, case: &Case, life: Duration, dice: &mut Dice, tally: &mut Tally) -> Result<History> {
    let mut trial = Trial::of(ROUNDS);
    let deaths = 1 + dice.below(MOST_DEATHS);
    for _ in 0..deaths {
        let resumes = trial.is_recorded();
        let mut victim = trial.start(place, case, WORK)?;
        let moment = Moment::choose(dice, life);
        if !moment.wait(&mut victim, case)? {
            tally.escaped += 1;
            return trial.end(place, case, victim);
        }
        if !trial
            .kill(place, case, victim)
            .with_context(|| format!("killed {moment}"))?
        {
            tally.escaped += 1;
            return trial.succeeded();
        }
        tally.kills += 1;
        tally.of_resumes += usize::from(resumes);
        tally.before_acknowledgement += usize::from(!trial.is_recorded());
        if trial.is_over() {
            return trial.succeeded();
        }
    }
    let last = trial.start(place, case, WORK)?;
    trial.end(place, case, last)
}

impl Tally {
    fn count(&mut self, history: &History) {
        let (end, dead) = history.sights.split_last().expect("a history has an end");
        for sight in dead {
            let recorded: BTreeSet<&str> = sight.tokens().into_keys().collect();
            self.in_doubt += sight
                .lines
                .iter()
                .filter(|line| !recorded.contains(line.token.as_str()))
                .count();
        }
        self.redeliveries += end.of("attempt.started").filter(|event| event.delivery() > 1).count();
        self.repeated_lines += end.lines.iter().filter(|line| line.delivery > 1).count();
        let slowest = history.takeovers.iter().max().copied().unwrap_or_default();
        self.slowest_takeover = self.slowest_takeover.max(slowest);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cases,
            kills,
            before_acknowledgement,
            of_resumes,
            in_doubt,
            redeliveries,
            repeated_lines,
            escaped,
            slowest_takeover,
        } = self;
        writeln!(
            formatter,
            "{kills} kills in {cases} runs: {before_acknowledgement} before the run was acknowledged, {of_resumes} of a resume; {escaped} hosts ended first"
        )?;
        writeln!(
            formatter,
            "{in_doubt} lines were in the book and not recorded as done when the host died"
        )?;
        writeln!(
            formatter,
            "{redeliveries} deliveries after the first, {repeated_lines} of them seen by the book"
        )?;
        write!(formatter, "slowest takeover {slowest_takeover:.1?}")
    }
}
