//! What happens when the disk fails: it is full, or it does not give back what was written?

use super::dice::Dice;
use super::oracles;
use super::place::{Case, Place};
use super::trial::Trial;
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The page of the database.
const PAGE: usize = 4096;
/// What the command line returns when the state is not valid.
const INVALID: i32 = 4;
/// The exit code of a host whose log takes nothing more.
const INTERNAL: i32 = 70;
/// Enough rounds to write past any of the limits.
const ROUNDS: u64 = 60;

/// The file system of the state is small and full: the host says so and ends, nothing is lost, and with room the run goes on.
pub(super) fn no_room(place: &Place, case: &Case, dice: &mut Dice) -> Result<String> {
    if !process::succeeds(Command::new("unshare").args(["-Urm", "true"])) {
        return Ok("a file system without room: not tried, nobody may mount one here".to_owned());
    }
    let mut trial = Trial::of(ROUNDS);
    let (state, kept) = (directory(case.state())?, case.directory.join("kept"));
    fs::create_dir_all(state)?;
    // More than the component and the beginning of a log, less than the log of so many rounds.
    let kilobytes = 550 + dice.below(350);
    let script = r#"
        mount -t tmpfs -o "size=$1k,mode=700" none "$2" || exit 99
        kept=$3
        small=$2
        shift 3
        "$0" "$@"
        status=$?
        cp -r "$small" "$kept" || exit 99
        exit $status"#;
    let mut command = place.within("unshare", &["-Urm", "sh", "-c", script]);
    command.arg(kilobytes.to_string()).arg(state).arg(&kept);
    command.args(trial.arguments(case, 1));
    // It is looked at when what is left was brought back from the file system that only the host saw.
    let remains = trial.start_as(command, case)?.end()?;
    ensure!(
        !remains.status.success() && remains.status.code() != Some(99),
        "{remains}"
    );
    fs::remove_dir(state)?;
    fs::rename(&kept, state)?;
    trial.left(place, case, &remains)?;
    ensure!(
        remains.said("no space left") && remains.said("cofferdam resume"),
        "nobody is told what happened and what to do: {remains}"
    );
    let recorded = trial.last()?.events.len();
    let heir = trial.start(place, case, 1)?;
    oracles::judge(&trial.end(place, case, heir)?)?;
    Ok(format!(
        "a file system that is full after {recorded} events costs none of them"
    ))
}

fn directory(state: &Path) -> Result<&Path> {
    state.parent().context("a state without a directory")
}

/// No file may grow beyond a limit: the host says so and ends, nothing is lost, and without the limit the run goes on.
pub(super) fn limited(place: &Place, case: &Case, dice: &mut Dice) -> Result<String> {
    let mut trial = Trial::of(ROUNDS);
    // In blocks of 512 bytes: more than the component, less than the log of so many rounds. The signal that comes with the
    // error must not end the host: a full disk sends none.
    let blocks = 500 + dice.below(700);
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = place.within("sh", &["-c", &script]);
    command.args(trial.arguments(case, 1));
    let limited = trial.start_as(command, case)?;
    let remains = trial.fail(place, case, limited)?;
    ensure!(
        remains.status.code() == Some(INTERNAL),
        "a log that fails ends its host with {INTERNAL}: {remains}"
    );
    ensure!(
        remains.said("caused by:") && remains.said("cofferdam resume"),
        "nobody is told what happened and what to do: {remains}"
    );
    let kept = trial.last()?.events.len();
    let heir = trial.start(place, case, 1)?;
    oracles::judge(&trial.end(place, case, heir)?)?;
    Ok(format!(
        "a file that may not grow after {kept} events costs none of them"
    ))
}

/// Pages of the state are damaged: what is read is right, or it is refused with a word on what to do. The file stays.
pub(super) fn damaged(place: &Place, case: &Case, dice: &mut Dice) -> Result<String> {
    let mut trial = Trial::of(1);
    let whole = trial.start(place, case, 1)?;
    trial.end(place, case, whole)?;
    // Whoever closes the state last leaves one file.
    let expected = read(place, case.state())?;
    let honest = fs::read(case.state())?;
    ensure!(honest.len() > 10 * PAGE, "the state is not in its file");
    let copy = case.directory.join("damaged/state.db");
    fs::create_dir_all(case.directory.join("damaged"))?;
    let (mut refused, pages) = (0, honest.len() / PAGE);
    for page in 0..pages {
        let mut damaged = honest.clone();
        let at = page * PAGE + usize::try_from(dice.below(6))?;
        // The head of a page says what is in it.
        damaged[at..at + 8].iter_mut().for_each(|byte| *byte ^= 0xff);
        fs::write(&copy, &damaged)?;
        let found = read(place, &copy)?;
        for (found, expected) in found.iter().zip(&expected) {
            refused += usize::from(is_refused(found, expected).with_context(|| format!("page {page} is damaged"))?);
        }
        if page == 0 {
            ensure!(
                found.iter().all(|found| found.status.code() == Some(INVALID)),
                "what is no database any more is not refused as one"
            );
        }
        ensure!(fs::read(&copy)? == damaged, "a damaged state was changed");
    }
    ensure!(refused > 0, "no damage was noticed");
    Ok(format!(
        "of {pages} damaged pages none gives a wrong answer, {refused} readings are refused"
    ))
}

/// Returns whether the reading of a damaged state is refused; it fails if it answers something else than before.
fn is_refused(found: &Output, expected: &Output) -> Result<bool> {
    if found.status.success() {
        ensure!(found.stdout == expected.stdout, "the answer is another one");
        return Ok(false);
    }
    let said = String::from_utf8_lossy(&found.stderr);
    if found.status.code().is_none_or(|code| code == 101) || !said.contains("is damaged") {
        bail!("{}: {said}", found.status);
    }
    Ok(true)
}

/// Asks what a state holds, without changing it.
fn read(place: &Place, state: &Path) -> Result<[Output; 2]> {
    let ask = |arguments: &[&str]| {
        let mut command = place.cofferdam();
        command.args(arguments).arg("--json").arg("--state").arg(state);
        command.output()
    };
    Ok([ask(&["runs"])?, ask(&["events", "last"])?])
}
