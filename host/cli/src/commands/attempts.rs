//! What did each attempt of a run use, beside what it was allowed?

use crate::table::{print_table, table};
use crate::talk::{duration, harmless, size};
use crate::tree::round;
use cofferdam_engine::{Event, FailureClass, Share, StepReference, Used};
use serde_json::{Value, json};
use std::fmt;

/// The attempts of a run, in the order in which they began.
#[derive(Default)]
pub(super) struct Attempts {
    all: Vec<Attempt>,
    /// The places of those that are not over.
    open: Vec<usize>,
}

struct Attempt {
    at: StepReference,
    number: u32,
    how: How,
    /// None if nobody measured: those that are stopped say nothing any more.
    used: Option<Used>,
}

#[derive(Clone, Copy)]
enum How {
    Open,
    Completed,
    Failed(FailureClass),
    Stopped,
}

impl Attempts {
    /// Takes an event, if it says something of an attempt.
    pub(super) fn add(&mut self, event: &Event) {
        match event {
            Event::AttemptStarted { at, attempt, .. } => self.begin(at, *attempt),
            Event::StepCompleted { at, attempt, used, .. } => {
                self.end(|open| open.is(at, *attempt), How::Completed, *used);
            }
            Event::AttemptFailed {
                at,
                attempt,
                failure,
                used,
                ..
            } => self.end(|open| open.is(at, *attempt), How::Failed(failure.class), *used),
            Event::StepFailed { at, .. } | Event::StepCancelled { at } => {
                self.end(|open| open.at == *at, How::Stopped, None);
            }
            Event::RunFinished { .. } => self.end(|_| true, How::Stopped, None),
            _ => {}
        }
    }

    fn begin(&mut self, at: &StepReference, number: u32) {
        // Another delivery is the same attempt.
        if self.open.iter().any(|place| self.all[*place].is(at, number)) {
            return;
        }
        self.open.push(self.all.len());
        self.all.push(Attempt {
            at: at.clone(),
            number,
            how: How::Open,
            used: None,
        });
    }

    fn end(&mut self, which: impl Fn(&Attempt) -> bool, how: How, used: Option<Used>) {
        self.open.retain(|place| {
            let attempt = &mut self.all[*place];
            let ends = which(attempt);
            if ends {
                (attempt.how, attempt.used) = (how, used);
            }
            !ends
        });
    }

    pub(super) fn json(&self) -> Value {
        self.all
            .iter()
            .map(|attempt| {
                let mut object = json!(attempt.at);
                object["attempt"] = attempt.number.into();
                object["how"] = attempt.how.to_string().into();
                object["used"] = json!(attempt.used);
                object
            })
            .collect()
    }

    pub(super) fn print(&self) {
        let mut lines = table(["step", "attempt", "", "time", "computing", "memory", "output"]);
        for attempt in &self.all {
            let of = |share: fn(Used) -> Share, shown: fn(u64) -> String| {
                let of = |used| {
                    let Share(used, allowed) = share(used);
                    format!("{} of {}", shown(used), shown(allowed))
                };
                attempt.used.map_or_else(|| "-".to_owned(), of)
            };
            lines.add_row([
                harmless(&format!("{}{}", attempt.at.step, round(&attempt.at.occurrence))),
                attempt.number.to_string(),
                attempt.how.to_string(),
                of(|used| used.wall, duration),
                of(|used| used.cpu, duration),
                of(|used| used.memory, size),
                of(|used| used.output, size),
            ]);
        }
        print_table(&mut lines, &[1]);
    }
}

impl Attempt {
    fn is(&self, at: &StepReference, number: u32) -> bool {
        self.number == number && self.at == *at
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("not over"),
            Self::Completed => f.write_str("completed"),
            Self::Failed(class) => write!(f, "failed ({class})"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
