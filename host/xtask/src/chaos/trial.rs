//! Which hosts did one run have, and what was there after each?

use super::history::{History, Sight};
use super::place::{Case, Place};
use super::victim::{Remains, Victim};
use anyhow::{Context, Result, bail, ensure};
use std::process::Command;

/// A run from its first host to its last.
pub(super) struct Trial {
    history: History,
    hosts: usize,
    shown: Vec<String>,
}

impl Trial {
    /// Makes the trial of a run whose loop goes round so many times.
    pub(super) fn of(rounds: u64) -> Self {
        Self {
            history: History {
                sights: Vec::new(),
                takeovers: Vec::new(),
                rounds,
            },
            hosts: 0,
            shown: Vec::new(),
        }
    }

    /// Returns whether a run was found in the state.
    pub(super) fn is_recorded(&self) -> bool {
        self.history.sights.last().is_some_and(|sight| !sight.run.is_empty())
    }

    /// Returns whether the end of the run was found in the state.
    pub(super) fn is_over(&self) -> bool {
        let last = self.history.sights.last();
        last.is_some_and(|sight| sight.of("run.finished").next().is_some())
    }

    /// Returns what the next host is started with: it begins the run, or goes on with it.
    pub(super) fn arguments(&self, case: &Case, work: u64) -> Vec<String> {
        match self.history.sights.last() {
            Some(sight) => case.resume(&sight.run),
            None => case.run(work, self.history.rounds),
        }
    }

    /// Starts the next host.
    pub(super) fn start(&mut self, place: &Place, case: &Case, work: u64) -> Result<Victim> {
        let mut command = place.cofferdam();
        command.args(self.arguments(case, work));
        self.start_as(command, case)
    }

    /// Starts the next host by a command of its own.
    pub(super) fn start_as(&mut self, command: Command, case: &Case) -> Result<Victim> {
        self.hosts += 1;
        Victim::start(command, case, self.hosts)
    }

    /// Kills a host and looks at what it left; false if it ended in good order before.
    pub(super) fn kill(&mut self, place: &Place, case: &Case, victim: Victim) -> Result<bool> {
        let remains = victim.kill()?;
        let killed = remains.was_killed();
        ensure!(killed || remains.status.success(), "{remains}");
        self.left(place, case, &remains)?;
        Ok(killed)
    }

    /// Looks at what there is while the only host is stopped.
    pub(super) fn stopped(&mut self, place: &Place, case: &Case) -> Result<()> {
        let sight = case.look(place, self.hosts, self.shown.clone())?;
        self.history.sights.push(sight);
        ensure!(self.is_recorded(), "the run of a stopped host is not recorded");
        Ok(())
    }

    /// Waits for the end of the last host, and returns what is known of the run.
    pub(super) fn end(self, place: &Place, case: &Case, victim: Victim) -> Result<History> {
        let remains = victim.end()?;
        self.ended(place, case, &remains)
    }

    /// Returns what is known of a run whose last host has ended.
    pub(super) fn ended(mut self, place: &Place, case: &Case, remains: &Remains) -> Result<History> {
        ensure!(remains.status.success(), "{remains}");
        self.left(place, case, remains)?;
        self.succeeded()
    }

    /// Waits for the end of a host that cannot succeed.
    pub(super) fn fail(&mut self, place: &Place, case: &Case, victim: Victim) -> Result<Remains> {
        let remains = victim.end()?;
        ensure!(!remains.status.success() && !remains.was_killed(), "{remains}");
        self.left(place, case, &remains)?;
        Ok(remains)
    }

    /// Returns what is known of a run that has no host any more.
    pub(super) fn succeeded(self) -> Result<History> {
        ensure!(self.is_recorded(), "the run ended and is not recorded");
        Ok(self.history)
    }

    /// Returns what there was after the last host.
    pub(super) fn last(&self) -> Result<&Sight> {
        self.history.sights.last().context("no host has ended yet")
    }

    /// Looks at what the last host left.
    pub(super) fn left(&mut self, place: &Place, case: &Case, remains: &Remains) -> Result<()> {
        self.history.takeovers.extend(remains.took_over);
        self.shown.extend(remains.shown.iter().cloned());
        let sight = case.look(place, self.hosts, self.shown.clone())?;
        if !sight.run.is_empty() {
            self.history.sights.push(sight);
            return Ok(());
        }
        // Nobody was told of the run, and nothing may have been done for it.
        if self.is_recorded() {
            bail!("a run that was recorded is gone");
        }
        ensure!(
            sight.lines.is_empty(),
            "the book has lines of a run that is not recorded"
        );
        let told = self.shown.iter().any(|line| line.contains("run started"));
        ensure!(!told, "the terminal showed a run that is not recorded");
        Ok(())
    }
}
