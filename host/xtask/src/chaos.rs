//! Do the promises hold when real processes die? A plugin keeps a book outside of the host, and the book is held against
//! what the host recorded.

mod company;
mod dice;
mod disk;
mod history;
mod kills;
mod moment;
mod oracles;
mod place;
mod points;
mod trial;
mod victim;

use crate::repository::Repository;
use crate::{host, plugins, stage, toolchain};
use anyhow::{Context, Result, bail};
use dice::Dice;
use kills::Tally;
use place::{Case, Place};
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use victim::TooLate;

const USAGE: &str = "cargo xtask chaos [--kills N] [--seed S]";
/// Names a host that was built already.
const BINARY: &str = "COFFERDAM_BINARY";

/// What is asked for.
struct Options {
    kills: usize,
    seed: u64,
}

/// Builds what is needed, does all scenarios, and prints what happened.
pub(crate) fn run(repository: &Repository, arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let binary = match std::env::var_os(BINARY) {
        Some(binary) => PathBuf::from(binary),
        None => {
            toolchain::prepare(repository)?;
            plugins::build(repository)?;
            host::build(repository, "host")?;
            repository.binary()
        }
    };
    plugins::build_guests(repository)?;
    println!("{}", campaign(repository, binary, &options)?);
    Ok(())
}

/// Does the same with what is built, and returns the first line of what happened. Each time at other moments.
pub(crate) fn once(repository: &Repository, kills: usize) -> Result<String> {
    let options = Options { kills, seed: random()? };
    let said = campaign(repository, repository.binary(), &options)?;
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// What is done to a host besides killing it.
type Scenario = fn(&Place, &Case, &mut Dice) -> Result<String>;

/// How many hosts are killed at random moments for each round of the named points.
const KILLS_PER_ROUND: usize = 100;

/// How often a scenario is tried on a machine that is too slow for it.
const TRIES: usize = 4;

const SCENARIOS: [(&str, Scenario); 9] = [
    ("heirs", company::heirs),
    ("neighbours", company::neighbours),
    ("stopped", company::stopped),
    ("deadly", company::deadly),
    ("unrepeatable", company::unrepeatable),
    ("no-room", disk::no_room),
    ("limited", disk::limited),
    ("damaged", disk::damaged),
    ("outlived", company::outlived),
];

fn campaign(repository: &Repository, binary: PathBuf, options: &Options) -> Result<String> {
    let started = Instant::now();
    let place = Place::make(repository, binary, &options.seed.to_string())?;
    let mut tally = Tally::default();
    let said = scenarios(&place, options, &mut tally).with_context(|| {
        format!(
            "seed {} after {} kills; everything is kept in {}",
            options.seed,
            tally.kills,
            place.root().display()
        )
    })?;
    std::fs::remove_dir_all(place.root())?;
    let took = stage::shown(started.elapsed());
    Ok(format!("{tally}\n{}\nseed {} · {took}", said.join("\n"), options.seed))
}

fn scenarios(place: &Place, options: &Options, tally: &mut Tally) -> Result<Vec<String>> {
    let mut dice = Dice::new(options.seed);
    kills::kill(place, options.kills, &mut dice, tally)?;
    let times = 1 + options.kills / KILLS_PER_ROUND;
    let mut said = vec![points::kill(place, times, &mut dice).context("named points")?];
    for (name, scenario) in SCENARIOS {
        said.push(attempt(place, name, scenario, &mut dice).with_context(|| format!("scenario `{name}`"))?);
    }
    Ok(said)
}

/// Does a scenario, and again if the machine was too slow for it.
fn attempt(place: &Place, name: &str, scenario: Scenario, dice: &mut Dice) -> Result<String> {
    for number in 1..TRIES {
        let case = place.case(&format!("{name}-{number}"))?;
        match scenario(place, &case, dice) {
            Err(error) if error.is::<TooLate>() => {}
            said => {
                let said = said?;
                case.remove()?;
                return Ok(said);
            }
        }
    }
    scenario(place, &place.case(name)?, dice)
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            kills: 200,
            seed: random()?,
        };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else {
                bail!("`{}` needs a value: {USAGE}", pair[0])
            };
            let number: u64 = value
                .parse()
                .with_context(|| format!("`{value}` is no number: {USAGE}"))?;
            match name.as_str() {
                "--kills" => options.kills = usize::try_from(number)?,
                "--seed" => options.seed = number,
                _ => bail!("`chaos` has no option `{name}`: {USAGE}"),
            }
        }
        Ok(options)
    }
}

/// Returns a seed of the moment, short enough to be typed.
fn random() -> Result<u64> {
    Ok(u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos()))
}
