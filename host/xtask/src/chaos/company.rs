//! What do several hosts do to one run, or to one state?

use super::dice::Dice;
use super::oracles;
use super::place::{Case, Place};
use super::trial::Trial;
use super::victim::{Remains, TooLate, Victim};
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use std::process::Command;
use std::time::{Duration, Instant};

/// Long enough for an effectful step to be interrupted in its middle, in milliseconds.
const LONG: u64 = 60;
/// Long enough for a machine that does much else to notice a line and to kill before the other half of the work is done.
const VERY_LONG: u64 = 1600;
/// What the command line returns when a run failed.
const FAILED: i32 = 1;
/// What the command line returns when it refuses.
const REFUSED: i32 = 5;
/// What the command line returns when a run waits for somebody.
const PARKED: i32 = 6;
/// What tells a host of the dev profile how many seconds its leases last.
const VARIABLE: &str = "COFFERDAM_LEASE_SECONDS";
/// How long a host may be silent before others take its runs, where that is waited for: long enough for a busy machine to
/// renew it, and far less than the 30 s of a release.
const LEASE: Duration = Duration::from_secs(6);
/// How much longer it may take until a run is free on a machine that does much else.
const AND_MORE: Duration = Duration::from_secs(60);
/// How often a step's host may die before its run waits for a person.
const DEATHS: usize = 5;

/// Two processes resume the same run at the same moment: one gets it, the other is told.
pub(super) fn heirs(place: &Place, case: &Case, dice: &mut Dice) -> Result<String> {
    let mut trial = Trial::of(2);
    let mut first = trial.start(place, case, LONG)?;
    let lines = 1 + usize::try_from(dice.below(5))?;
    written(&mut first, case, lines)?;
    ensure!(trial.kill(place, case, first)?, TooLate);
    let one = trial.start(place, case, LONG)?;
    let other = trial.start(place, case, LONG)?;
    let (one, other) = (one.end()?, other.end()?);
    let (heir, refused) = if one.status.success() {
        (one, other)
    } else {
        (other, one)
    };
    ensure!(heir.status.success(), "{heir}");
    ensure!(refused.status.code() == Some(REFUSED), "{refused}");
    ensure!(!refused.said("run taken over"), "both took the run over: {refused}");
    oracles::judge(&trial.ended(place, case, &heir)?)?;
    Ok("of two that resume at once, one gets the run and one is refused".to_owned())
}

/// Two processes drive a run each in the same state; one of them dies, which is nothing to the other.
pub(super) fn neighbours(place: &Place, case: &Case, dice: &mut Dice) -> Result<String> {
    let beside = case.beside(place)?;
    let (mut dies, mut lives) = (Trial::of(2), Trial::of(6));
    let mut victim = dies.start(place, case, LONG)?;
    let neighbour = lives.start(place, &beside, LONG / 2)?;
    let lines = 1 + usize::try_from(dice.below(5))?;
    written(&mut victim, case, lines)?;
    ensure!(dies.kill(place, case, victim)?, TooLate);
    let heir = dies.start(place, case, LONG)?;
    oracles::judge(&lives.end(place, &beside, neighbour)?).context("of the run whose host lived")?;
    oracles::judge(&dies.end(place, case, heir)?).context("of the run whose host died")?;
    beside.remove()?;
    Ok("two hosts share a state; one dies and is succeeded, the other goes on".to_owned())
}

/// A process that is only stopped keeps its run, and goes on with it.
pub(super) fn stopped(place: &Place, case: &Case, dice: &mut Dice) -> Result<String> {
    let mut trial = Trial::of(2);
    let mut driver = trial.start(place, case, LONG)?;
    let lines = 1 + usize::try_from(dice.below(5))?;
    written(&mut driver, case, lines)?;
    signal(&driver, "STOP")?;
    let mut command = place.cofferdam();
    command.args(case.resume("last"));
    let asked = trial.start_as(command, case).and_then(Victim::end);
    signal(&driver, "CONT")?;
    let refused = asked?;
    ensure!(
        refused.status.code() == Some(REFUSED),
        "somebody else got the run of a process that lives: {refused}"
    );
    ensure!(refused.said("is being driven"), TooLate);
    oracles::judge(&trial.end(place, case, driver)?)?;
    Ok("a host that is stopped for a moment keeps its run".to_owned())
}

// row K09
/// A process that is stopped for longer than its lease lasts loses its run; when it wakes up, it does nothing more for it.
pub(super) fn outlived(place: &Place, case: &Case, dice: &mut Dice) -> Result<String> {
    let mut trial = Trial::of(2);
    let mut driver = start_briefly(&mut trial, place, case, 5 * LONG)?;
    written(&mut driver, case, 1)?;
    // The rest of its work is still before it.
    let asleep = driver.age() + Duration::from_millis(20 + dice.below(LONG));
    ensure!(driver.until(|driver| driver.age() >= asleep)?, TooLate);
    signal(&driver, "STOP")?;
    let since = Instant::now();
    let heir = trial
        .stopped(place, case)
        .and_then(|()| inherit(&mut trial, place, case));
    let took = since.elapsed();
    signal(&driver, "CONT")?;
    let (heir, woken) = (heir?, driver.end()?);
    ensure!(
        took >= LEASE / 2,
        "a run was taken from a host after {took:.0?}, whose lease had not ended"
    );
    ensure!(
        !woken.status.success() && !woken.said("run completed"),
        "a host that had lost its run went on with it: {woken}"
    );
    oracles::judge(&trial.ended(place, case, &heir)?)?;
    Ok(format!(
        "a host that is stopped beyond its lease loses its run, which is over {took:.0?} later"
    ))
}

/// Asks for a run until its driver has lost it, and drives it to its end.
fn inherit(trial: &mut Trial, place: &Place, case: &Case) -> Result<Remains> {
    let since = Instant::now();
    loop {
        let heir = start_briefly(trial, place, case, LONG)?.end()?;
        if heir.status.code() != Some(REFUSED) {
            return Ok(heir);
        }
        ensure!(
            since.elapsed() < LEASE + AND_MORE,
            "a stopped host keeps its run for ever: {heir}"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Starts the next host, whose leases are short.
fn start_briefly(trial: &mut Trial, place: &Place, case: &Case, work: u64) -> Result<Victim> {
    let mut command = place.cofferdam();
    command.args(trial.arguments(case, work));
    command.env(VARIABLE, LEASE.as_secs().to_string());
    trial.start_as(command, case)
}

/// A step that takes its host down each time pauses its run, which names it.
pub(super) fn deadly(place: &Place, case: &Case, _dice: &mut Dice) -> Result<String> {
    let mut trial = Trial::of(1);
    for death in 1..=DEATHS {
        let mut victim = trial.start(place, case, VERY_LONG)?;
        written(&mut victim, case, death)?;
        ensure!(
            trial.kill(place, case, victim)? && trial.last()?.tokens().is_empty(),
            TooLate
        );
    }
    let last = trial.start(place, case, LONG)?;
    let remains = trial.fail(place, case, last)?;
    ensure!(remains.status.code() == Some(PARKED), "{remains}");
    ensure!(remains.said("5 hosts died"), "{remains}");
    let end = trial.last()?;
    let of_step = end.lines.iter().filter(|line| line.step == "open").count();
    ensure!(of_step == DEATHS, "the step was entered {of_step} times");
    let cleaned = end.lines.iter().filter(|line| line.step == "always/close").count();
    ensure!(
        cleaned == 0,
        "`always` left {cleaned} lines of a run that has not ended"
    );
    Ok(format!(
        "a run of which a step takes its host down {DEATHS} times waits for a person"
    ))
}

// row K08
/// Hosts die in the middle of actions that must not be repeated: of one a person is asked, the other one fails.
pub(super) fn unrepeatable(place: &Place, case: &Case, _dice: &mut Dice) -> Result<String> {
    let mut trial = Trial::of(1);
    let mut command = place.cofferdam();
    command.args(case.run_unrepeatable(VERY_LONG));
    let mut victim = trial.start_as(command, case)?;
    written(&mut victim, case, 1)?;
    ensure!(trial.kill(place, case, victim)?, TooLate);
    let asks = trial.start(place, case, VERY_LONG)?;
    let asks = trial.fail(place, case, asks)?;
    ensure!(asks.status.code() == Some(PARKED), "{asks}");
    ensure!(asks.said("wants a person to look"), "{asks}");
    ensure!(case.written() == 1, "an action was repeated and nobody had said so");
    // Who resumes it has looked.
    let mut victim = trial.start(place, case, VERY_LONG)?;
    written(&mut victim, case, 3)?;
    ensure!(trial.kill(place, case, victim)?, TooLate);
    let last = trial.start(place, case, VERY_LONG)?;
    let last = trial.fail(place, case, last)?;
    ensure!(last.status.code() == Some(FAILED), "{last}");
    let end = trial.last()?;
    let written: Vec<&str> = end.lines.iter().map(|line| line.step.as_str()).collect();
    ensure!(written == ["asked", "asked", "once"], "the book says {written:?}");
    let lost: Vec<bool> = end
        .of("attempt.failed")
        .map(|event| event.body["failure"]["class"] == "lost")
        .collect();
    ensure!(lost == [true], "{last}");
    let classes: Vec<bool> = end
        .of("attempt.started")
        .map(|event| event.body["class"] == "effectful")
        .collect();
    ensure!(classes == [true; 3], "the starts say {classes:?} of their class");
    Ok("what must not be repeated is not entered again: a person is asked, or the attempt fails".to_owned())
}

/// Waits until the book has so many lines: the last step is in the second half of its work then.
fn written(victim: &mut Victim, case: &Case, lines: usize) -> Result<()> {
    if victim.until(|_| case.written() >= lines)? {
        return Ok(());
    }
    bail!("the host ended before the book had {lines} lines")
}

fn signal(victim: &Victim, name: &str) -> Result<()> {
    process::run(Command::new("kill").args([format!("-{name}"), victim.id().to_string()]))
}
