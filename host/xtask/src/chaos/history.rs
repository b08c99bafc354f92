//! What is known of a run: what the host recorded, what the book outside says, and what the terminal showed.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A run that was killed some times and then ended.
#[derive(Clone)]
pub(super) struct History {
    /// What there was after each death of a host, and at last after the end of the run.
    pub(super) sights: Vec<Sight>,
    /// How long each `resume` took until the run was taken over.
    pub(super) takeovers: Vec<Duration>,
    /// How many rounds the loop was asked for.
    pub(super) rounds: u64,
}

/// What there is while no host is alive.
#[derive(Clone, Default)]
pub(super) struct Sight {
    /// The id of the run; empty as long as none is recorded.
    pub(super) run: String,
    pub(super) events: Vec<Event>,
    pub(super) lines: Vec<Line>,
    /// What hosts had shown until then, in order.
    pub(super) shown: Vec<String>,
}

/// One recorded event.
#[derive(Clone, PartialEq)]
pub(super) struct Event {
    pub(super) sequence: u64,
    pub(super) body: Value,
}

/// One line of the book.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    pub(super) token: String,
    pub(super) attempt: u64,
    pub(super) delivery: u64,
    pub(super) step: String,
    pub(super) text: String,
}

/// One time that a step is done.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Occurrence {
    pub(super) step: String,
    pub(super) iteration: Vec<u64>,
}

impl History {
    /// Returns what there was after the end.
    pub(super) fn end(&self) -> &Sight {
        self.sights.last().expect("a history has an end")
    }
}

impl Event {
    pub(super) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    pub(super) fn occurrence(&self) -> Occurrence {
        let iteration = self.body["iteration"].as_array().into_iter().flatten();
        Occurrence {
            step: self.body["step"].as_str().unwrap_or_default().to_owned(),
            iteration: iteration.filter_map(Value::as_u64).collect(),
        }
    }

    pub(super) fn attempt(&self) -> u64 {
        self.body["attempt"].as_u64().unwrap_or_default()
    }

    pub(super) fn delivery(&self) -> u64 {
        self.body["delivery"].as_u64().unwrap_or_default()
    }

    /// Returns a member of the output of a completed step.
    pub(super) fn output(&self, member: &str) -> Option<&str> {
        self.body["output"]["v"][member].as_str()
    }

    /// Returns the text that a call was given for the book.
    pub(super) fn text(&self) -> Option<&str> {
        self.body["params"]["v"]["text"].as_str()
    }
}

impl Sight {
    /// Returns the first event of a kind at which an occurrence stands.
    pub(super) fn first(&self, kind: &str, occurrence: &Occurrence) -> Option<&Event> {
        self.of(kind).find(|event| event.occurrence() == *occurrence)
    }

    /// Returns the events of a kind.
    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.kind() == kind)
    }

    /// Returns which occurrence was given which token, as far as it is recorded.
    pub(super) fn tokens(&self) -> BTreeMap<&str, Occurrence> {
        self.of("step.completed")
            .filter_map(|event| Some((event.output("token")?, event.occurrence())))
            .collect()
    }
}

/// Reads what `cofferdam events --json` prints.
pub(super) fn events(printed: &str) -> Result<Vec<Event>> {
    let event = |line: &str| -> Result<Event> {
        let mut record: Value = serde_json::from_str(line)?;
        Ok(Event {
            sequence: record["sequence"].as_u64().context("an event without its number")?,
            body: record["event"].take(),
        })
    };
    printed
        .lines()
        .map(event)
        .collect::<Result<_>>()
        .context("`events --json` printed something else")
}

/// Reads the book, in which nothing may be torn.
pub(super) fn lines(book: &str) -> Result<Vec<Line>> {
    ensure!(
        book.is_empty() || book.ends_with('\n'),
        "the last line of the book is torn"
    );
    book.lines().map(line).collect()
}

fn line(text: &str) -> Result<Line> {
    let mut words = text.splitn(5, ' ');
    let mut word = || {
        words
            .next()
            .with_context(|| format!("a line of the book is torn: {text}"))
    };
    let line = Line {
        token: word()?.to_owned(),
        attempt: word()?.parse()?,
        delivery: word()?.parse()?,
        step: word()?.to_owned(),
        text: word()?.to_owned(),
    };
    ensure!(line.token.len() == 32, "a line of the book is torn: {text}");
    Ok(line)
}

impl fmt::Display for Occurrence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.step)?;
        self.iteration
            .iter()
            .try_for_each(|round| write!(formatter, "[{}]", round + 1))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            token,
            attempt,
            delivery,
            step,
            text,
        } = self;
        write!(formatter, "`{token} {attempt} {delivery} {step} {text}`")
    }
}
