//! What did each attempt of a run use, beside what it was allowed?

use crate::table::{print_table, table};
use crate::talk::{duration, harmless, size};
use crate::tree::round;
use cofferdam_engine::{Event, Share, StepReference, Used};
use serde_json::{Value, json};

/// The attempts of a run that came to an end, in the order in which they did.
#[derive(Default)]
pub(super) struct Attempts(Vec<Attempt>);

struct Attempt {
    at: StepReference,
    number: u32,
    how: String,
    used: Used,
}

impl Attempts {
    /// Takes an event, if it is the end of an attempt that was measured.
    pub(super) fn add(&mut self, event: &Event) {
        let (at, number, how, used) = match event {
            Event::StepCompleted { at, attempt, used, .. } => (at, attempt, "completed".to_owned(), used),
            Event::AttemptFailed {
                at,
                attempt,
                failure,
                used,
                ..
            } => (at, attempt, format!("failed ({})", failure.class), used),
            _ => return,
        };
        self.0.extend(used.map(|used| Attempt {
            at: at.clone(),
            number: *number,
            how,
            used,
        }));
    }

    pub(super) fn json(&self) -> Value {
        self.0
            .iter()
            .map(|attempt| {
                let mut object = json!(attempt.at);
                object["attempt"] = attempt.number.into();
                object["how"] = attempt.how.as_str().into();
                object["used"] = json!(attempt.used);
                object
            })
            .collect()
    }

    pub(super) fn print(&self) {
        let mut lines = table(["step", "attempt", "", "time", "computing", "memory", "output"]);
        for attempt in &self.0 {
            let Used {
                wall,
                cpu,
                memory,
                output,
            } = attempt.used;
            lines.add_row([
                harmless(&format!("{}{}", attempt.at.step, round(&attempt.at.occurrence))),
                attempt.number.to_string(),
                attempt.how.clone(),
                of(wall, duration),
                of(cpu, duration),
                of(memory, size),
                of(output, size),
            ]);
        }
        print_table(&mut lines, &[1]);
    }
}

fn of(Share(used, allowed): Share, shown: fn(u64) -> String) -> String {
    format!("{} of {}", shown(used), shown(allowed))
}
