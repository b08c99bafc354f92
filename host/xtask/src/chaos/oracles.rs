//! What must hold of a run whatever happened to its hosts?

use super::history::{Event, History, Line, Occurrence, Sight};
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[cfg(test)]
mod forged;

/// Judges one promise.
type Judge = fn(&History) -> Result<()>;

/// All of them, with the names that a violation is reported under.
pub(super) const ORACLES: [(&str, Judge); 11] = [
    ("events are numbered without gaps", numbered),
    ("what is recorded stays", kept),
    ("what was shown is recorded", shown),
    ("each step is recorded once", once),
    ("what is recorded is not done again", done),
    ("deliveries rise and say the same", delivered),
    ("an effect begins after its start is recorded", started),
    ("what the book has seen follows from the log", caused),
    ("`always` is recorded once", cleaned),
    ("the run ends and its outputs fit the book", ended),
    ("a dead host is succeeded at once", succeeded),
];

/// A host that looks dead for so long would be taken for dead anyway; one whose process is gone must be noticed at once.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Asks all oracles.
pub(super) fn judge(history: &History) -> Result<()> {
    for (name, judge) in ORACLES {
        judge(history).with_context(|| format!("violated: {name}"))?;
    }
    Ok(())
}

fn numbered(history: &History) -> Result<()> {
    for sight in &history.sights {
        for (event, expected) in sight.events.iter().zip(1..) {
            ensure!(
                event.sequence == expected,
                "event {} stands in place {expected}",
                event.sequence
            );
        }
    }
    Ok(())
}

// row K01
fn kept(history: &History) -> Result<()> {
    for pair in history.sights.windows(2) {
        ensure!(
            pair[1].events.starts_with(&pair[0].events),
            "of {} events that were recorded when a host died, some are gone or differ",
            pair[0].events.len()
        );
        ensure!(pair[1].lines.starts_with(&pair[0].lines), "the book itself lost lines");
    }
    Ok(())
}

fn shown(history: &History) -> Result<()> {
    for sight in &history.sights {
        let recorded: BTreeSet<String> = sight.events.iter().filter_map(as_shown).collect();
        for line in &sight.shown {
            // The time and the run come first.
            let mut words = line.split(' ').skip(2);
            let (Some(subject), Some(verb)) = (words.next(), words.next()) else {
                continue;
            };
            let said = format!("{subject} {verb}");
            if verb == "completed" || said == "run started" {
                ensure!(
                    recorded.contains(&said),
                    "the terminal showed `{said}`, which is not recorded"
                );
            }
        }
    }
    Ok(())
}

/// Returns the words with which a terminal shows an event.
fn as_shown(event: &Event) -> Option<String> {
    match event.kind() {
        "run.started" => Some("run started".to_owned()),
        "run.finished" => Some("run completed".to_owned()),
        "step.completed" | "variables.set" | "block.ended" => Some(format!("{} completed", event.occurrence())),
        _ => None,
    }
}

// row K01
// row K02
fn once(history: &History) -> Result<()> {
    let mut recorded = BTreeMap::new();
    for event in history.end().of("step.completed") {
        *recorded.entry(event.occurrence()).or_insert(0) += 1;
    }
    for (occurrence, times) in &recorded {
        ensure!(*times == 1, "{occurrence} is recorded {times} times");
    }
    let mut failed = BTreeSet::new();
    for event in history.end().of("attempt.failed") {
        let (occurrence, attempt) = (event.occurrence(), event.attempt());
        ensure!(
            failed.insert((occurrence.clone(), attempt)),
            "the failure of attempt {attempt} of {occurrence} is recorded twice"
        );
    }
    let recorded: BTreeSet<Occurrence> = recorded.into_keys().collect();
    let expected = expected(history)?;
    if let Some(missing) = expected.difference(&recorded).next() {
        bail!("{missing} never ran");
    }
    if let Some(other) = recorded.difference(&expected).next() {
        bail!("{other} should not have run");
    }
    Ok(())
}

/// Returns which calls of the workflow complete, the thrown coin considered.
fn expected(history: &History) -> Result<BTreeSet<Occurrence>> {
    let once = |step: &str| Occurrence {
        step: step.to_owned(),
        iteration: Vec::new(),
    };
    let coin = history.end().first("step.completed", &once("coin"));
    let thrown = coin
        .and_then(|event| event.output("fresh"))
        .context("the coin was not thrown")?;
    let side = if thrown < "8" { "if/heads" } else { "if/tails" };
    let calls = "idea plan open sides/left-idea sides/left sides/right-idea sides/right sides/alone coin stumble always/farewell always/close";
    let mut expected: BTreeSet<Occurrence> = calls.split(' ').chain([side]).map(once).collect();
    for round in 0..history.rounds {
        for step in ["while/round-idea", "while/round-plan", "while/round"] {
            expected.insert(Occurrence {
                step: step.to_owned(),
                iteration: vec![round],
            });
        }
    }
    Ok(expected)
}

// row K02
fn done(history: &History) -> Result<()> {
    let end = history.end();
    let mut completed = BTreeSet::new();
    for event in &end.events {
        let occurrence = event.occurrence();
        match event.kind() {
            "step.completed" => {
                completed.insert(occurrence);
            }
            "attempt.started" => ensure!(
                !completed.contains(&occurrence),
                "{occurrence} was recorded and ran again"
            ),
            _ => {}
        }
    }
    for sight in &history.sights {
        let tokens = sight.tokens();
        let later = &end.lines[sight.lines.len().min(end.lines.len())..];
        for line in later {
            if let Some(occurrence) = tokens.get(line.token.as_str()) {
                bail!("{occurrence} was recorded, and later the book got {line}");
            }
        }
    }
    Ok(())
}

// row K08
fn delivered(history: &History) -> Result<()> {
    let mut last: BTreeMap<&str, &Line> = BTreeMap::new();
    for line in &history.end().lines {
        if let Some(before) = last.insert(&line.token, line) {
            let (old, new) = ((before.attempt, before.delivery), (line.attempt, line.delivery));
            ensure!(old < new, "{line} came after {before}");
            ensure!(
                (&before.step, &before.text) == (&line.step, &line.text),
                "{line} and {before} have one token and say different things"
            );
        }
    }
    let hosts = history.sights.len() as u64;
    for event in history.end().of("attempt.started") {
        ensure!(
            event.delivery() <= hosts,
            "{} was delivered {} times, but there were only {hosts} hosts",
            event.occurrence(),
            event.delivery()
        );
    }
    Ok(())
}

// row K08
fn started(history: &History) -> Result<()> {
    for sight in &history.sights {
        for line in &sight.lines {
            let start = start(sight, line).with_context(|| format!("{line}, but no step was given this text"))?;
            let occurrence = start.occurrence();
            let entered = sight.of("attempt.started").any(|event| {
                event.occurrence() == occurrence && (event.attempt(), event.delivery()) == (line.attempt, line.delivery)
            });
            ensure!(entered, "{line}, but the start of this delivery is not recorded");
        }
    }
    Ok(())
}

fn caused(history: &History) -> Result<()> {
    for sight in &history.sights {
        for line in &sight.lines {
            // A line without a start is for another oracle to tell.
            let Some(start) = start(sight, line) else { continue };
            for word in line.text.split(' ') {
                let (name, fresh) = word.split_once('=').with_context(|| format!("{line} names no cause"))?;
                let cause = sight
                    .events
                    .iter()
                    .take_while(|event| event.sequence < start.sequence)
                    .find(|event| {
                        let Occurrence { step, iteration } = event.occurrence();
                        event.kind() == "step.completed"
                            && step.rsplit('/').next() == Some(name)
                            && start.occurrence().iteration.starts_with(&iteration)
                    });
                ensure!(
                    cause.and_then(|event| event.output("fresh")) == Some(fresh),
                    "{line}, but `{name}` is not recorded with this number before it"
                );
            }
        }
    }
    Ok(())
}

/// Returns the first start of the step that left a line. Texts hold fresh numbers: no two steps of one path share one.
fn start<'sight>(sight: &'sight Sight, line: &Line) -> Option<&'sight Event> {
    sight
        .of("attempt.started")
        .find(|event| event.occurrence().step == line.step && event.text() == Some(line.text.as_str()))
}

fn cleaned(history: &History) -> Result<()> {
    let end = history.end();
    let cleanups = end.of("run.cleanup_started").count();
    ensure!(cleanups == 1, "the clean-up began {cleanups} times");
    for kind in ["block.started", "block.ended"] {
        let times = end.of(kind).filter(|event| event.occurrence().step == "always").count();
        ensure!(times == 1, "`{kind}` of `always` is recorded {times} times");
    }
    Ok(())
}

// row K01
fn ended(history: &History) -> Result<()> {
    let end = history.end();
    let last = end.events.last().context("nothing is recorded")?;
    ensure!(last.kind() == "run.finished", "the last event is `{}`", last.kind());
    let status = &last.body["ending"]["status"];
    ensure!(status == "completed", "the run ended as {status}");
    let tokens = end.tokens();
    for line in &end.lines {
        ensure!(
            tokens.contains_key(line.token.as_str()),
            "{line} has a token that no recorded step has"
        );
    }
    for event in end.of("step.completed") {
        let Some(token) = event.output("token") else { continue };
        let occurrence = event.occurrence();
        let failures = end
            .of("attempt.failed")
            .filter(|failure| failure.occurrence() == occurrence)
            .count() as u64;
        ensure!(
            event.attempt() == failures + 1,
            "{occurrence} completed with attempt {} after {failures} reported failures",
            event.attempt()
        );
        let output = &event.body["output"]["v"];
        let (attempt, delivery) = (output["attempt"].as_u64(), output["delivery"].as_u64());
        let written = end
            .lines
            .iter()
            .any(|line| line.token == token && (Some(line.attempt), Some(line.delivery)) == (attempt, delivery));
        ensure!(written, "{occurrence} is recorded, but the book has no line of it");
    }
    for (output, step, iteration) in [
        ("open", "open", vec![]),
        ("round", "while/round", vec![history.rounds - 1]),
        ("stumble", "stumble", vec![]),
        ("close", "always/close", vec![]),
    ] {
        let token = last.body["outputs"]["v"][output].as_str().unwrap_or_default();
        let owner = tokens.get(token);
        let expected = Occurrence {
            step: step.to_owned(),
            iteration,
        };
        ensure!(
            owner == Some(&expected),
            "the output `{output}` is not the token of {expected}"
        );
    }
    Ok(())
}

// row K09
fn succeeded(history: &History) -> Result<()> {
    for took in &history.takeovers {
        ensure!(
            *took < AT_ONCE,
            "`resume` took {took:?} to take over from a process that was gone"
        );
    }
    Ok(())
}
