//! Which log lines are kept: bounded per delivery and per second, so that a guest that talks cannot slow the log down.

use crate::log_line::{LogLine, MAX_BYTES_PER_SECOND, MAX_LINES_PER_DELIVERY};
use cofferdam_engine::{Occurrence, RunId, StepPath};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Deliveries whose lines are counted: many times those that can be at work at once. The oldest count is forgotten.
const COUNTED: usize = 4_096;

/// What a line weighs beside its texts.
const OVERHEAD: u64 = 64;

/// Lines that wait for the writer.
#[derive(Debug)]
pub(crate) struct Notes {
    state: Mutex<State>,
}

/// What the writer takes.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) dropped: BTreeMap<(RunId, StepPath), u64>,
}

impl Noted {
    /// Returns whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped.is_empty()
    }
}

type Delivery = (RunId, StepPath, Occurrence, u32, u32);

#[derive(Debug)]
struct State {
    noted: Noted,
    /// How many bytes of lines wait for the writer: a second's worth at most, should the disk be slow.
    waiting: u64,
    /// How many bytes may be noted now; grows by a second's worth each second up to that.
    allowance: f64,
    refilled: Instant,
    counts: HashMap<Delivery, u32>,
    order: VecDeque<Delivery>,
}

impl Notes {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            state: Mutex::new(State {
                noted: Noted::default(),
                waiting: 0,
                allowance: MAX_BYTES_PER_SECOND as f64,
                refilled: now,
                counts: HashMap::new(),
                order: VecDeque::new(),
            }),
        }
    }

    /// Keeps `line` for the writer, or counts it as dropped. Returns whether it was kept.
    pub(crate) fn note(&self, line: LogLine, now: Instant) -> bool {
        let fields = if line.fields.is_null() {
            0
        } else {
            line.fields.to_json().len()
        };
        let size = OVERHEAD + (line.message.len() + line.step.as_str().len() + fields) as u64;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(state.refilled).as_secs_f64();
        state.refilled = now;
        let most = MAX_BYTES_PER_SECOND as f64;
        state.allowance = (state.allowance + elapsed * most).min(most);
        let fits = state.waiting + size <= MAX_BYTES_PER_SECOND && state.allowance >= size as f64;
        if fits && state.count(&line) <= MAX_LINES_PER_DELIVERY {
            state.allowance -= size as f64;
            state.waiting += size;
            state.noted.lines.push(line);
            true
        } else {
            *state.noted.dropped.entry((line.run, line.step)).or_default() += 1;
            false
        }
    }

    /// Returns what was noted since the last call.
    pub(crate) fn take(&self) -> Noted {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting = 0;
        mem::take(&mut state.noted)
    }
}

impl State {
    /// Counts `line` and returns the how-manieth of its delivery it is.
    fn count(&mut self, line: &LogLine) -> u32 {
        let delivery = (
            line.run,
            line.step.clone(),
            line.occurrence.clone(),
            line.attempt,
            line.delivery,
        );
        if let Some(count) = self.counts.get_mut(&delivery) {
            *count += 1;
            return *count;
        }
        if self.order.len() == COUNTED
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.order.push_back(delivery.clone());
        self.counts.insert(delivery, 1);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_line::LogLevel;
    use cofferdam_engine::{Data, Timestamp};
    use std::time::Duration;

    fn line(delivery: u32, length: usize) -> LogLine {
        LogLine {
            run: RunId::from_bits(1),
            step: StepPath::new("a"),
            occurrence: Occurrence::default(),
            attempt: 1,
            delivery,
            at: Timestamp::from_millis(0),
            level: LogLevel::Info,
            message: "x".repeat(length),
            fields: Data::Null,
        }
    }

    #[test]
    fn a_second_has_a_mebibyte_and_the_rest_is_counted() {
        let start = Instant::now();
        let notes = Notes::new(start);
        let size = 10_000;
        let kept = (0..200).filter(|n| notes.note(line(*n, size), start)).count();
        assert_eq!(kept, (1 << 20) / (size + 64 + 1));
        let noted = notes.take();
        assert_eq!(noted.lines.len(), kept);
        assert_eq!(noted.dropped.values().sum::<u64>(), 200 - kept as u64);
        // Taking makes room in memory, only time makes room on disk.
        assert!(!notes.note(line(500, size), start));
        assert!(notes.note(line(501, size), start + Duration::from_millis(100)));
    }

    #[test]
    fn deliveries_are_counted_apart_and_in_bounded_memory() {
        let start = Instant::now();
        let notes = Notes::new(start);
        for number in 0..300 {
            assert_eq!(notes.note(line(1, 1), start), number < MAX_LINES_PER_DELIVERY);
        }
        assert!(notes.note(line(2, 1), start));
        for number in 3..20_000 {
            notes.note(line(number, 1), start + Duration::from_secs(u64::from(number)));
            notes.take();
        }
        assert_eq!(notes.state.lock().unwrap().counts.len(), COUNTED);
    }
}
