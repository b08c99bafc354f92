//! How a run is drawn as a tree of steps.

use crate::progress::{RunProgress, StepProgress, StepState, detail, name};
use crate::talk::{BAD, DIM, Look, STRONG, Sign, duration, harmless};
use cofferdam_engine::plan::{Block, NodeIndex, NodeKind, OnFail};
use cofferdam_engine::{Data, Occurrence, Timestamp};
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr;

/// What only a tree that is being watched knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    /// The latest line that a guest of the step said.
    pub(crate) said: BTreeMap<NodeIndex, String>,
    /// How far a guest says it is.
    pub(crate) progressed: BTreeMap<NodeIndex, String>,
    /// Which frame of the spinner is shown.
    pub(crate) frame: usize,
}

/// Where columns of the tree are.
const NAME: usize = 16;
const DETAIL: usize = 22;
const WIDTH: usize = 80;

/// Returns the lines of the tree.
pub(crate) fn draw(progress: &RunProgress, watched: Option<&Watched>, now: Timestamp, look: &Look) -> Vec<String> {
    let mut tree = Tree {
        progress,
        watched,
        now,
        look,
        lines: Vec::new(),
    };
    let parts = progress.plan.parts();
    tree.block(&parts.body, " ");
    tree.block(&parts.always, " ");
    tree.lines
}

struct Tree<'a> {
    progress: &'a RunProgress,
    watched: Option<&'a Watched>,
    now: Timestamp,
    look: &'a Look,
    lines: Vec<String>,
}

impl Tree<'_> {
    fn block(&mut self, block: &Block, indent: &str) {
        let shown: Vec<NodeIndex> = block
            .iter()
            .copied()
            .filter(|node| self.progress.step(*node).is_some())
            .collect();
        for (place, node) in shown.iter().enumerate() {
            self.node(*node, indent, place + 1 == shown.len());
        }
    }

    fn node(&mut self, index: NodeIndex, indent: &str, last: bool) {
        let Some(step) = self.progress.step(index) else { return };
        let node = self.progress.plan.node(index);
        if let Some((rounds, steps)) = step.kept_rounds {
            self.kept_rounds(indent, name(node), rounds, steps);
        }
        let (middle, summary) = self.words(index, step);
        self.row(indent, step, name(node), &middle, &summary);
        self.below(index, step, indent);
        let bar = if last {
            " "
        } else if self.look.signs {
            "│"
        } else {
            "|"
        };
        let deeper = format!("{indent}{bar} ");
        match &node.kind {
            NodeKind::Call(call) => {
                if let OnFail::Handle(block) = &call.on_fail {
                    self.block(block, &deeper);
                }
            }
            NodeKind::If(choice) => {
                for arm in &choice.arms {
                    self.block(&arm.body, &deeper);
                }
                self.block(&choice.otherwise, &deeper);
            }
            NodeKind::Loop(repeat) => self.block(&repeat.body, &deeper),
            NodeKind::Do(block) | NodeKind::Always(block) => self.block(block, &deeper),
            NodeKind::Parallel(parallel) => {
                let block: Block = parallel.branches.iter().map(|branch| branch.node).collect();
                self.block(&block, &deeper);
            }
            NodeKind::Set(_) | NodeKind::Fail(_) | NodeKind::Gate(_) | NodeKind::Wait(_) => {}
        }
    }

    /// Returns the words of the middle column and those behind it; a step without an action uses both.
    fn words(&self, index: NodeIndex, step: &StepProgress) -> (String, String) {
        let node = self.progress.plan.node(index);
        let note = if step.kept {
            "kept".to_owned()
        } else {
            harmless(&step.note)
        };
        match &node.kind {
            NodeKind::Call(_) => {
                let said = self.watched.and_then(|watched| watched.progressed.get(&index));
                let summary = match &step.state {
                    StepState::Running => match said {
                        Some(said) => said.clone(),
                        None if step.attempt > 1 => format!("attempt {}", step.attempt),
                        None => String::new(),
                    },
                    StepState::Waiting(at) => {
                        let left = u64::try_from(at.since(self.now).as_millis()).unwrap_or(0);
                        format!("{note}, trying again in {}", duration(left))
                    }
                    StepState::Completed if note.is_empty() => brief(&step.output),
                    StepState::Completed | StepState::Failed(_) | StepState::Skipped | StepState::Cancelled => note,
                };
                (detail(node), summary)
            }
            NodeKind::If(_) => {
                let question = harmless(&detail(node));
                (join(&question, &note), String::new())
            }
            NodeKind::Loop(_) => (join(&harmless(&detail(node)), &note), String::new()),
            NodeKind::Gate(_) | NodeKind::Wait(_) => (note, String::new()),
            NodeKind::Parallel(_) => {
                let (ended, all) = self.progress.branches(node).unwrap_or_default();
                (
                    if step.kept { note } else { format!("{ended} of {all}") },
                    String::new(),
                )
            }
            NodeKind::Do(_) | NodeKind::Always(_) => (String::new(), String::new()),
            NodeKind::Set(_) | NodeKind::Fail(_) => (note, String::new()),
        }
    }

    fn row(&mut self, indent: &str, step: &StepProgress, name: &str, middle: &str, summary: &str) {
        let sign = self.sign(step);
        let sign_width = self.look.sign(step.sign()).width();
        let lead = indent.width() + sign_width.max(1) + 1;
        let name_width = (NAME + 3).saturating_sub(lead).max(name.width());
        let time = match step.state {
            StepState::Skipped | StepState::Cancelled => String::new(),
            _ if step.kept => String::new(),
            _ => duration(step.millis(self.now)),
        };
        let has_time = !time.is_empty() && !matches!(middle, "" if summary.is_empty() && time == "0 ms");
        let used = lead + name_width + 1;
        let room = self.look.width.clamp(40, WIDTH).saturating_sub(used + 10).max(10);
        let body = if summary.is_empty() {
            middle.to_owned()
        } else if room < DETAIL + 16 {
            format!("{middle} {summary}")
        } else {
            format!("{} {summary}", pad(middle, DETAIL))
        };
        let body = cut(&body, room);
        let body = if matches!(step.state, StepState::Failed(_)) {
            self.look.paint(BAD, &pad(&body, room))
        } else {
            pad(&body, room)
        };
        let name = self
            .look
            .paint(if step.kept { DIM } else { STRONG }, &pad(name, name_width));
        let time = if has_time {
            self.look.paint(DIM, &format!("{time:>9}"))
        } else {
            String::new()
        };
        let line = format!("{indent}{sign} {name} {body} {time}");
        self.lines.push(line.trim_end().to_owned());
    }

    /// Adds the line for the rounds of a loop that were kept.
    fn kept_rounds(&mut self, indent: &str, name: &str, rounds: u32, steps: u64) {
        let look = self.look;
        let lead = indent.width() + look.sign(Sign::Keep).width().max(1) + 1;
        let name_width = (NAME + 3).saturating_sub(lead).max(name.width());
        let rounds = match rounds {
            1 => "round 1".to_owned(),
            several => format!("rounds 1-{several}"),
        };
        let steps = crate::talk::counted(steps, "step");
        self.lines.push(format!(
            "{indent}{} {} {rounds} kept ({steps})",
            look.painted_sign(Sign::Keep),
            look.paint(DIM, &pad(name, name_width))
        ));
    }

    fn sign(&self, step: &StepProgress) -> String {
        const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
        if let (StepState::Running, Some(watched), true) = (&step.state, self.watched, self.look.signs) {
            return FRAMES[watched.frame % FRAMES.len()].to_owned();
        }
        self.look.painted_sign(step.sign())
    }

    /// Adds the latest line that a running guest said.
    fn below(&mut self, index: NodeIndex, step: &StepProgress, indent: &str) {
        let said = self.watched.and_then(|watched| watched.said.get(&index));
        if let (StepState::Running, Some(said)) = (&step.state, said) {
            let corner = if self.look.signs { "└" } else { "`" };
            let room = self.look.width.saturating_sub(indent.width() + 6).max(20);
            let line = format!("{indent}  {corner} {}", cut(&harmless(said), room));
            self.lines.push(self.look.paint(DIM, &line));
        }
    }
}

/// Returns the heading of a run.
pub(crate) fn heading(workflow: &str, run: &str, extra: &str, look: &Look) -> String {
    let dot = if look.signs { "·" } else { "-" };
    let extra = if extra.is_empty() {
        String::new()
    } else {
        format!(" {dot} {extra}")
    };
    format!("{} {dot} run {run}{extra}", look.paint(STRONG, workflow))
}

/// What outputs of actions often count: the field with the things, and the word for one of them.
const COUNTED: [(&str, &str, &str); 7] = [
    ("matches", "match", "matches"),
    ("files", "file", "files"),
    ("items", "item", "items"),
    ("rows", "row", "rows"),
    ("lines", "line", "lines"),
    ("parts", "part", "parts"),
    ("entries", "entry", "entries"),
];

/// Returns what an output amounts to in a few words.
fn brief(output: &Data) -> String {
    match output {
        Data::Null => String::new(),
        Data::Bool(_) | Data::Int(_) | Data::Double(_) => output.to_json(),
        Data::Text(text) => cut(&harmless(text), 40),
        Data::List(items) => crate::talk::counted(items.len() as u64, "item"),
        Data::Map(entries) => {
            let whole = |name: &str| match entries.get(name) {
                Some(Data::Int(number)) => u64::try_from(*number).ok(),
                _ => None,
            };
            let text = |name: &str| entries.get(name).and_then(Data::as_text);
            if let Some(count) = whole("count") {
                let things = COUNTED.iter().find(|(field, ..)| entries.contains_key(*field));
                return match things {
                    Some((_, one, _)) if count == 1 => format!("1 {one}"),
                    Some((_, _, several)) => format!("{count} {several}"),
                    None => format!("count {count}"),
                };
            }
            match (text("path"), whole("size"), text("text")) {
                (Some(path), Some(size), _) => format!("{}, {}", harmless(path), crate::talk::size(size)),
                (Some(path), None, _) => harmless(path),
                (None, _, Some(text)) if entries.len() == 1 => cut(&harmless(text), 40),
                _ => crate::talk::counted(entries.len() as u64, "field"),
            }
        }
    }
}

fn join(left: &str, right: &str) -> String {
    if right.is_empty() {
        left.to_owned()
    } else {
        format!("{left}  {right}").trim_start().to_owned()
    }
}

fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// Returns `text` in at most `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    for character in text.chars() {
        if shown.width() + 2 > width {
            break;
        }
        shown.push(character);
    }
    shown.push('…');
    shown
}

/// Returns which time round its loops a step is, such as `[2.1]`; nothing outside of loops.
pub(crate) fn round(occurrence: &Occurrence) -> String {
    if occurrence.is_empty() {
        return String::new();
    }
    let rounds = occurrence.iterations().iter().map(|round| (round + 1).to_string());
    format!("[{}]", rounds.collect::<Vec<_>>().join("."))
}

/// Returns the line for one event, where there is no terminal.
pub(crate) fn event_line(progress: &RunProgress, node: NodeIndex, step: &StepProgress, look: &Look) -> Option<String> {
    let node = progress.plan.node(node);
    let path = node.path.as_str();
    let round = round(&step.occurrence);
    let note = cut(&harmless(&step.note), 80);
    let note = if note.is_empty() { note } else { format!(" {note}") };
    let text = match &step.state {
        StepState::Running if matches!(node.kind, NodeKind::Call(_)) && step.attempt > 1 => {
            format!("started attempt {}", step.attempt)
        }
        StepState::Running => return None,
        StepState::Waiting(_) => format!("failed{note}, will be tried again"),
        StepState::Completed | StepState::Failed(_) => {
            format!("{} {}{note}", step.word(), compact(step.millis(progress.last_at)))
        }
        StepState::Skipped | StepState::Cancelled => format!("{}{note}", step.word()),
    };
    let text = if matches!(step.state, StepState::Failed(_)) {
        look.paint(BAD, &text)
    } else {
        text
    };
    Some(format!("{path}{round} {text}"))
}

/// Returns a duration without a blank, for lines that programs may split.
pub(crate) fn compact(millis: u64) -> String {
    if millis < 10_000 {
        format!("{millis}ms")
    } else {
        format!("{}.{}s", millis / 1_000, millis % 1_000 / 100)
    }
}

/// Returns the time of day in UTC.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    at.to_string().get(11..23).unwrap_or_default().to_owned()
}

/// Returns the day and the time of day in UTC.
pub(crate) fn day_and_time(at: Timestamp) -> String {
    at.to_string().get(..19).unwrap_or_default().replace('T', " ")
}

/// Returns the sign for how a run ended.
pub(crate) fn status_sign(status: cofferdam_engine::RunStatus) -> Sign {
    use cofferdam_engine::RunStatus;
    match status {
        RunStatus::Running => Sign::Run,
        RunStatus::Interrupted | RunStatus::Waiting | RunStatus::Paused => Sign::Wait,
        RunStatus::Completed => Sign::Ok,
        RunStatus::Failed => Sign::Fail,
        RunStatus::Cancelled | RunStatus::Killed => Sign::Stop,
    }
}
