//! Who watches a run for the person at the terminal: a live tree, or a line for each event.

use crate::arguments::Progress as How;
use crate::mouth::utter;
use crate::progress::{RunProgress, StepState};
use crate::run_log::{self, RunLogFile};
use crate::talk::{DIM, Look, harmless, say};
use crate::tree::{self, Watched};
use cofferdam_engine::plan::{NodeIndex, NodeKind};
use cofferdam_engine::{Data, Event, RunId, StepReference, Timestamp};
use cofferdam_runtime::configuration::Configuration;
use cofferdam_runtime::{Notice, Observer};
use cofferdam_store::{LogLevel, LogLine, RunLog};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use unicode_width::UnicodeWidthStr;

/// Watches one run.
pub(crate) struct Watcher {
    run: RunId,
    short: String,
    look: Look,
    how: How,
    log: Arc<dyn RunLog>,
    file: Option<Arc<RunLogFile>>,
    state: Mutex<Watching>,
}

struct Watching {
    progress: RunProgress,
    watched: Watched,
    /// The delivery that each step is at, for the lines of its guest.
    deliveries: BTreeMap<NodeIndex, (u32, u32)>,
    /// How many lines of the live tree are on the screen.
    drawn: usize,
    memory: u64,
    heading: String,
    finished: bool,
    denied: Vec<(String, String)>,
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// The most memory that one of its guests had at once, in bytes.
    pub(crate) memory: u64,
}

impl Watcher {
    /// Returns a watcher for a run of which `progress` is known already.
    pub(crate) fn new(
        run: RunId,
        short: String,
        progress: RunProgress,
        heading: String,
        look: Look,
        how: How,
        log: Arc<dyn RunLog>,
    ) -> Self {
        let how = match how {
            How::Auto if look.live => How::Auto,
            How::Auto => How::Lines,
            other => other,
        };
        let watching = Watching {
            progress,
            watched: Watched::default(),
            deliveries: BTreeMap::new(),
            drawn: 0,
            memory: 0,
            heading,
            finished: false,
            denied: Vec::new(),
        };
        Self {
            run,
            short,
            look,
            how,
            log,
            file: None,
            state: Mutex::new(watching),
        }
    }

    /// Writes what happens to a file as well, if the configuration wants one. Where that fails it is said, and nothing else changes.
    pub(crate) fn with_file(mut self, configuration: &Configuration) -> Self {
        if configuration.run_logs() {
            match RunLogFile::open(&configuration.state_directory(), self.run) {
                Ok(file) => self.file = Some(file),
                Err(reason) => run_log::complain(&reason),
            }
        }
        self
    }

    /// Writes a line to the file of the run.
    fn write(&self, at: Timestamp, text: impl FnOnce() -> String) {
        if let Some(file) = &self.file {
            file.write(&format!("{at} {}", harmless(&text())));
        }
    }

    /// Returns the ending of the run's id that people are told.
    pub(crate) fn short(&self) -> &str {
        &self.short
    }

    /// Returns whether the tree is drawn while the run goes on.
    pub(crate) fn is_live(&self) -> bool {
        self.how == How::Auto
    }

    /// Draws the next frame of the live tree.
    pub(crate) fn draw(&self) {
        if !self.is_live() {
            return;
        }
        let mut state = self.lock();
        if state.finished {
            return;
        }
        state.watched.frame += 1;
        // The window may have been resized since the last frame.
        let look = self.look.measured();
        let now = cofferdam_runtime::now();
        let mut lines = vec![state.heading.clone()];
        lines.extend(tree::draw(&state.progress, Some(&state.watched), now, &look));
        let to_come = state.progress.to_come();
        if !to_come.is_empty() {
            let line = tree::cut(
                &format!("   then: {}", to_come.join(", ")),
                look.width.saturating_sub(1),
            );
            lines.push(look.paint(DIM, &line));
        }
        // What does not fit the screen would be drawn again and again below each other.
        let room = look.height.saturating_sub(2).max(4);
        if lines.len() > room {
            let hidden = lines.len() - room;
            lines.drain(1..=hidden);
        }
        state.redraw(&lines, &look);
    }

    /// Takes the live tree off the screen and prints the whole of it.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        if state.finished {
            return;
        }
        state.finished = true;
        match self.how {
            How::Auto | How::Tree => {
                let mut lines = vec![state.heading.clone()];
                lines.extend(tree::draw(&state.progress, None, state.progress.last_at, &self.look));
                state.redraw(&lines, &self.look);
            }
            How::Lines | How::None => {}
        }
    }

    /// Returns what is known of the run, and what it used.
    pub(crate) fn result(&self) -> (RunProgress, Used) {
        let state = self.lock();
        (state.progress.clone(), Used { memory: state.memory })
    }

    /// Takes the live tree off the screen, so that something else can be said.
    pub(crate) fn make_room(&self) {
        if self.is_live() {
            self.lock().redraw(&[], &self.look);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watching> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, at: Timestamp, text: &str) {
        if self.how == How::Lines {
            say(format!("{} {} {text}", tree::time_of_day(at), self.short));
        }
        self.write(at, || text.to_owned());
    }

    fn said(&self, at: &StepReference, line: &cofferdam_wasm::LogLine) {
        let mut state = self.lock();
        let Some(node) = state.progress.plan.find(&at.step) else {
            return;
        };
        let (attempt, delivery) = state.deliveries.get(&node).copied().unwrap_or((1, 1));
        state.watched.said.insert(node, line.message.clone());
        drop(state);
        let level = match line.level {
            cofferdam_wasm::LogLevel::Trace => LogLevel::Trace,
            cofferdam_wasm::LogLevel::Debug => LogLevel::Debug,
            cofferdam_wasm::LogLevel::Info => LogLevel::Info,
            cofferdam_wasm::LogLevel::Warn => LogLevel::Warn,
            cofferdam_wasm::LogLevel::Error => LogLevel::Error,
        };
        let fields = if line.fields.is_empty() {
            cofferdam_engine::Data::Null
        } else {
            cofferdam_engine::Data::map(line.fields.iter().map(|(name, value)| (name.as_str(), value.clone())))
        };
        let now = cofferdam_runtime::now();
        self.write(now, || {
            let rest = match &fields {
                Data::Null => String::new(),
                fields => format!(" {}", fields.to_json()),
            };
            let round = tree::round(&at.occurrence);
            format!("{}{round} {} {}{rest}", at.step, level.word(), line.message)
        });
        self.log.note(LogLine {
            run: self.run,
            step: at.step.clone(),
            occurrence: at.occurrence.clone(),
            attempt,
            delivery,
            at: now,
            level,
            message: line.message.clone(),
            fields,
        });
    }
}

impl Watching {
    fn redraw(&mut self, lines: &[String], look: &Look) {
        let mut screen = String::new();
        if self.drawn > 0 {
            // Up to the first line of the tree, and away with all below.
            screen.push_str(&format!("\u{1b}[{}A\r\u{1b}[J", self.drawn));
        }
        for line in lines {
            screen.push_str(line);
            screen.push('\n');
        }
        // What is not shown leaves on the screen what was there.
        if !utter(screen.into_bytes()) {
            return;
        }
        // A line that is too long for the window takes several of its rows.
        self.drawn = lines
            .iter()
            .map(|line| visible(line).div_ceil(look.width.max(1)).max(1))
            .sum();
    }
}

impl Observer for Watcher {
    fn is_instant(&self) -> bool {
        // What it says is written by other threads.
        true
    }

    fn notice(&self, notice: Notice<'_>) {
        match notice {
            Notice::Durable(events) => {
                let mut state = self.lock();
                for recorded in events {
                    state.progress.apply(recorded);
                    let node = recorded.event.step().and_then(|at| state.progress.plan.find(&at.step));
                    if let (Some(node), Event::AttemptStarted { attempt, delivery, .. }) = (node, &recorded.event) {
                        state.deliveries.insert(node, (*attempt, *delivery));
                        state.watched.said.remove(&node);
                        state.watched.progressed.remove(&node);
                    }
                    if self.how == How::Lines || self.file.is_some() {
                        self.event_line(&state, recorded, node);
                    }
                }
            }
            Notice::Said { at, line } => self.said(at, line),
            Notice::Progressed { at, progress } => {
                let mut state = self.lock();
                let Some(node) = state.progress.plan.find(&at.step) else {
                    return;
                };
                let amount = match progress.total {
                    Some(total) => format!("{} of {total}", progress.done),
                    None => progress.done.to_string(),
                };
                let text = format!("{amount} {}", progress.message);
                state.watched.progressed.insert(node, text.trim_end().to_owned());
            }
            Notice::Ended { at, used, denied, .. } => {
                let mut state = self.lock();
                state.memory = state.memory.max(used.map_or(0, |used| used.memory.0));
                for call in denied {
                    self.write(cofferdam_runtime::now(), || {
                        format!("{} denied {} {}: {}", at.step, call.call, call.target, call.reason)
                    });
                    state
                        .denied
                        .push((at.step.to_string(), format!("{}: {}", call.target, call.reason)));
                }
            }
        }
    }
}

impl Watcher {
    fn event_line(&self, state: &Watching, recorded: &cofferdam_engine::Recorded, node: Option<NodeIndex>) {
        let at = recorded.at;
        if let Event::AttemptFailed {
            at: step,
            attempt,
            failure,
            ..
        } = &recorded.event
        {
            self.write(at, || {
                let told = serde_json::json!(failure);
                format!("{} attempt {attempt} failed {told}", step.step)
            });
        }
        match (&recorded.event, node) {
            (Event::RunStarted { workflow, .. }, _) => self.line(at, &format!("run started {workflow}")),
            (Event::RunAdopted { .. }, _) => self.line(at, "run taken over"),
            (
                Event::RunInterrupted {
                    reason: Some(reason), ..
                },
                _,
            ) => {
                self.line(at, &format!("run interrupted: it {}", harmless(reason)));
            }
            (Event::RunInterrupted { .. }, _) => self.line(at, "run interrupted"),
            (Event::CancelRequested { reason, .. }, _) => self.line(at, &format!("run cancel requested {reason}")),
            (Event::KillRequested { reason, .. }, _) => self.line(at, &format!("run kill requested {reason}")),
            (Event::RunTimedOut, _) => self.line(at, "run timed out"),
            (Event::RunPaused { reason, .. }, _) => self.line(at, &format!("run paused {reason}")),
            (Event::RunResumed { .. }, _) => self.line(at, "run resumed"),
            (Event::RunRetried { from: Some(from), .. }, _) => {
                self.line(at, &format!("run retried from {}", from.step));
            }
            (Event::RunRetried { from: None, .. }, _) => self.line(at, "run retried"),
            (Event::RunFinished { ending, .. }, _) => {
                use cofferdam_engine::Ending;
                let word = match ending {
                    Ending::Completed => "completed",
                    Ending::Failed { .. } => "failed",
                    Ending::Cancelled { .. } => "cancelled",
                    Ending::Killed { .. } => "killed",
                };
                let took = state.progress.started_at.map_or(0, |started| millis(at.since(started)));
                self.line(at, &format!("run {word} {}", tree::compact(took)));
            }
            // The step's failure follows.
            (Event::AttemptFailed { retry_at: None, .. } | Event::StepHandled { .. }, _) => {}
            (_, Some(node)) => {
                let Some(step) = state.progress.step(node) else { return };
                let plain = matches!(state.progress.plan.node(node).kind, NodeKind::Call(_))
                    || step.state != StepState::Running;
                if let Some(text) = tree::event_line(&state.progress, node, step, &self.look).filter(|_| plain) {
                    self.line(at, &text);
                }
            }
            (_, None) => {}
        }
    }
}

/// Returns how many columns a line takes, without the sequences that colour it.
fn visible(line: &str) -> usize {
    let mut columns = 0;
    for (place, part) in line.split('\u{1b}').enumerate() {
        let text = match part.split_once('m') {
            Some((_, text)) if place > 0 => text,
            _ => part,
        };
        columns += text.width();
    }
    columns
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
