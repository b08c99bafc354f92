//! Does a run survive that its host dies at each named point of its path?
//!
//! The points are those of `host/store/src/failpoint.rs`. Each way leads past one for certain: a host that is not killed
//! there, and does not say so, is a failure of the harness.

use super::dice::Dice;
use super::oracles;
use super::place::{Case, Place};
use super::trial::Trial;
use super::victim::{Remains, TooLate, Victim};
use crate::process;
use anyhow::{Context, Result, ensure};
use std::process::{Command, Output};

/// What tells a host where to die.
const VARIABLE: &str = "COFFERDAM_FAILPOINT";
/// How long an effectful step takes, in milliseconds.
const WORK: u64 = 4;
/// Long enough for somebody to ask the run something before it is over.
const LONG: u64 = 150;
/// Long enough for a run to need a renewal of its lease, which comes after 5 seconds.
const PAST_A_RENEWAL: u64 = 1_000;
/// Enough for a checkpoint to be worth its syncs: each round writes some of the 1 000 pages that this takes.
const ROUNDS_TO_A_CHECKPOINT: u64 = 600;
/// What the command line returns when it refuses.
const REFUSED: i32 = 5;
/// How often a point is tried on a machine that is too slow for it.
const TRIES: usize = 4;
/// What the command line returns when a run was left waiting or paused.
const WAITING: i32 = 6;
/// Every run passes the points of its steps more often than this.
const MOST_PASSES: u64 = 8;

/// How a host is led to a point.
#[derive(Clone, Copy)]
enum Way {
    /// Each step passes it some times.
    Steps,
    /// A new run passes it once.
    Once,
    /// Whoever takes a run over passes it.
    TakeOver,
    /// A host whose run somebody pauses passes it.
    Message,
    /// A host that is asked to end passes it.
    Stop,
    /// Whoever sends a message passes it. The message is answered afterwards so many times.
    Sender(usize),
    /// A run that takes longer than a renewal of the lease passes it.
    Renewal,
    /// A run that writes much passes it.
    Checkpoint,
}

const POINTS: [(&str, Way); 25] = [
    ("before-handover", Way::Steps),
    ("before-append", Way::Steps),
    ("after-append", Way::Steps),
    ("after-commit", Way::Steps),
    ("after-acknowledgement", Way::Steps),
    ("before-dispatch", Way::Steps),
    ("after-dispatch", Way::Steps),
    ("guest-ended", Way::Steps),
    ("before-report", Way::Steps),
    ("before-lease", Way::Once),
    ("before-renewal", Way::Renewal),
    ("before-claim", Way::TakeOver),
    ("after-claim", Way::TakeOver),
    ("before-adoption", Way::TakeOver),
    ("before-parking", Way::Message),
    ("after-parking", Way::Message),
    ("before-post", Way::Sender(0)),
    ("after-post", Way::Sender(1)),
    ("before-message", Way::Message),
    ("before-answer", Way::Message),
    ("before-checkpoint", Way::Checkpoint),
    ("after-checkpoint", Way::Checkpoint),
    ("before-letting-go", Way::Stop),
    ("after-end", Way::Once),
    ("before-leaving", Way::Once),
];

/// Lets a host die at each point, so many times.
pub(super) fn kill(place: &Place, times: usize, dice: &mut Dice) -> Result<String> {
    let mut deaths = 0;
    for time in 1..=times {
        for (name, way) in POINTS {
            attempt(place, &format!("{name}-{time}"), name, way, dice)
                .with_context(|| format!("at the point `{name}`"))?;
            deaths += 1;
        }
    }
    Ok(format!(
        "{deaths} hosts died at {} named points, each of them reached",
        POINTS.len()
    ))
}

/// Does it, and again if the machine was so slow that the run was over before somebody could ask it something.
fn attempt(place: &Place, case: &str, name: &str, way: Way, dice: &mut Dice) -> Result<()> {
    for number in 1..TRIES {
        let case = place.case(&format!("{case}-{number}"))?;
        match die(place, &case, name, way, dice) {
            Err(error) if error.is::<TooLate>() => {}
            died => {
                died?;
                return case.remove();
            }
        }
    }
    die(place, &place.case(case)?, name, way, dice)
}

/// Leads a host to a point, lets the run go on after its death, and judges what became of it.
fn die(place: &Place, case: &Case, name: &str, way: Way, dice: &mut Dice) -> Result<()> {
    let (rounds, work) = match way {
        Way::Checkpoint => (ROUNDS_TO_A_CHECKPOINT, 0),
        Way::Renewal => (2, PAST_A_RENEWAL),
        Way::Message | Way::Stop | Way::Sender(_) => (2, LONG),
        _ => (2, WORK),
    };
    let mut trial = Trial::of(rounds);
    let mut pauses = None;
    match way {
        Way::Steps => {
            let passes = 1 + dice.below(MOST_PASSES);
            let victim = start_to(&mut trial, place, case, work, &format!("{name}:{passes}"))?;
            died(&mut trial, place, case, victim, name)?;
        }
        Way::Once | Way::Renewal | Way::Checkpoint => {
            let victim = start_to(&mut trial, place, case, work, name)?;
            died(&mut trial, place, case, victim, name)?;
        }
        Way::TakeOver => {
            let first = start_to(&mut trial, place, case, work, "after-commit:3")?;
            died(&mut trial, place, case, first, "after-commit")?;
            let heir = start_to(&mut trial, place, case, work, name)?;
            died(&mut trial, place, case, heir, name)?;
        }
        Way::Message => {
            let mut victim = start_to(&mut trial, place, case, work, name)?;
            is_recorded(&mut victim)?;
            // Whoever asks carries the pause out when the host is gone before it has.
            let asked = pause(place, case, None)?;
            died(&mut trial, place, case, victim, name)?;
            ensure!(asked.status.success(), "{}", said(&asked));
            pauses = Some(1);
        }
        Way::Stop => {
            let mut victim = start_to(&mut trial, place, case, work, name)?;
            is_recorded(&mut victim)?;
            process::run(Command::new("kill").args(["-TERM", &victim.id().to_string()]))?;
            died(&mut trial, place, case, victim, name)?;
        }
        Way::Sender(count) => {
            let mut driver = trial.start(place, case, work)?;
            is_recorded(&mut driver)?;
            let asked = pause(place, case, Some(name))?;
            ensure!(asked.status.code() != Some(REFUSED), TooLate);
            ensure!(asked.status.code().is_none(), "the sender lived: {}", said(&asked));
            reached(&said(&asked), name)?;
            pauses = Some(count);
            trial.left(place, case, &driver.end()?)?;
        }
    }
    let history = if trial.is_over() {
        trial.succeeded()?
    } else {
        let heir = inherit(&mut trial, place, case, work)?;
        trial.ended(place, case, &heir)?
    };
    let found = history.end().of("run.paused").count();
    ensure!(
        pauses.is_none_or(|pauses| found == pauses),
        "{pauses:?} pauses were asked for, {found} are recorded"
    );
    oracles::judge(&history)
}

/// Goes on with a run until it has ended. A pause that was in its inbox when its host died comes first.
fn inherit(trial: &mut Trial, place: &Place, case: &Case, work: u64) -> Result<Remains> {
    let heir = trial.start(place, case, work)?.end()?;
    if heir.status.code() != Some(WAITING) {
        return Ok(heir);
    }
    trial.left(place, case, &heir)?;
    trial.start(place, case, work)?.end()
}

fn start_to(trial: &mut Trial, place: &Place, case: &Case, work: u64, charge: &str) -> Result<Victim> {
    let mut command = place.cofferdam();
    command.args(trial.arguments(case, work)).env(VARIABLE, charge);
    trial.start_as(command, case)
}

/// Waits for the death of a host, which must be at the point.
fn died(trial: &mut Trial, place: &Place, case: &Case, victim: Victim, name: &str) -> Result<()> {
    let remains = victim.end()?;
    ensure!(remains.was_killed() || !remains.said("run completed"), TooLate);
    ensure!(remains.was_killed(), "no host died there: {remains}");
    reached(&remains.shown.join("\n"), name)?;
    trial.left(place, case, &remains)
}

fn reached(said: &str, name: &str) -> Result<()> {
    let proof = format!("failpoint {name} reached");
    ensure!(said.contains(&proof), "a host died, and not there: {said}");
    Ok(())
}

fn is_recorded(victim: &mut Victim) -> Result<()> {
    ensure!(
        victim.until(|victim| victim.showed("run started"))?,
        "the host ended before its run was recorded"
    );
    Ok(())
}

/// Asks the run to pause from another process, which may have a point to die at itself.
fn pause(place: &Place, case: &Case, charge: Option<&str>) -> Result<Output> {
    let mut command = place.cofferdam();
    command.args(["pause", "last", "--state"]).arg(case.state());
    if let Some(charge) = charge {
        command.env(VARIABLE, charge);
    }
    command.output().context("cannot start the sender")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{POINTS, VARIABLE};
    use std::collections::BTreeSet;

    /// This task knows no crate of the host; the text of one says which points there are.
    const SOURCE: &str = include_str!("../../../store/src/failpoint.rs");

    #[test]
    fn a_way_leads_to_each_point_of_the_host() {
        let named = SOURCE.lines().filter_map(|line| {
            let name = line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1;
            name.strip_suffix("\",")
        });
        let there: BTreeSet<&str> = named.collect();
        let led: BTreeSet<&str> = POINTS.iter().map(|(name, _)| *name).collect();
        assert!(!there.is_empty());
        assert_eq!(led, there);
        assert!(SOURCE.contains(&format!("VARIABLE: &str = \"{VARIABLE}\"")));
    }
}
