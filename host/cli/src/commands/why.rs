//! `cofferdam why`: what a run does or waits for, since when, until when, in one sentence.

use super::history::{LookedUp, dropped, each_event, look_up};
use super::take_up::lack;
use super::waiting::{self, Parked};
use crate::arguments::{Manner, Why};
use crate::failure::{Exit, Outcome};
use crate::progress::{RunProgress, StepProgress, StepState, detail, name};
use crate::station::Station;
use crate::talk::{counted, duration, harmless, print};
use crate::tree::day_and_time;
use cofferdam_engine::event::Ending;
use cofferdam_engine::plan::{NodeIndex, NodeKind};
use cofferdam_engine::{RunStatus, Timestamp, Waiting};
use cofferdam_store::{Definition, RunSummary};
use serde_json::{Value, json};

/// What a run that nobody drives takes from the machine.
const HOLDS_NOTHING: &str = "nothing: no process, no memory, no slot";

/// One answer: the sentence, and what one would ask next.
struct Answer {
    /// What the run is at, as one word for programs.
    state: &'static str,
    sentence: String,
    /// Label and text.
    more: Vec<(&'static str, String)>,
    step: Option<String>,
    since: Timestamp,
    until: Option<Timestamp>,
}

/// Says why a run is where it is.
pub(crate) async fn why(station: &Station, manner: &Manner, arguments: &Why) -> Outcome {
    let log = station.existing_log()?;
    let LookedUp {
        run,
        short,
        definition,
        summary,
        mut progress,
    } = look_up(&log, &arguments.run).await?;
    let mut events = Vec::new();
    let dropped = dropped(&log, &summary).await?;
    each_event(&log, run, 0, |recorded| {
        progress.apply_unless(&dropped, recorded);
        events.push(recorded.clone());
    })
    .await?;
    let parked = match summary.status {
        RunStatus::Waiting | RunStatus::Paused => waiting::parked(run, &progress.plan, &events)?,
        _ => Parked::default(),
    };
    let lacks = lack(&log, &summary).await?;
    let view = View {
        parked: &parked,
        lacks: lacks.as_deref(),
        is_anybody_at_work: log.is_anybody_at_work(),
        progress: &progress,
        summary: &summary,
        definition: &definition,
        short: &short,
    };
    let answer = view.answer();
    if manner.json {
        print(view.json(&run.to_string(), &answer).to_string());
        return Ok(Exit::Done);
    }
    print(&answer.sentence);
    for (label, text) in &answer.more {
        print(format!("  {label:<8}  {text}"));
    }
    Ok(Exit::Done)
}

/// All that an answer is made of.
struct View<'a> {
    parked: &'a Parked,
    /// What the run lacks to go on.
    lacks: Option<&'a str>,
    /// Whether there is a host that takes runs on when they are due.
    is_anybody_at_work: bool,
    progress: &'a RunProgress,
    summary: &'a RunSummary,
    definition: &'a Definition,
    short: &'a str,
}

impl View<'_> {
    fn answer(&self) -> Answer {
        match (&self.progress.ending, self.summary.status) {
            (Some(ending), _) => self.ended(ending),
            (None, RunStatus::Interrupted) => self.let_go(),
            (None, RunStatus::Paused) => self.paused(),
            (None, RunStatus::Waiting) => self.waiting(),
            (None, _) if self.summary.owner.as_ref().is_some_and(|owner| owner.alive) => self.at_work(),
            (None, _) => self.orphaned(),
        }
    }

    fn ended(&self, ending: &Ending) -> Answer {
        let at = self.progress.last_at;
        let when = day_and_time(at);
        let mut more = Vec::new();
        let (state, sentence, step) = match ending {
            Ending::Completed => {
                more.push(("look", format!("cofferdam show {}", self.short)));
                ("completed", format!("completed at {when}"), None)
            }
            Ending::Cancelled { reason } => {
                more.push(("look", format!("cofferdam show {}", self.short)));
                ("cancelled", format!("cancelled at {when}: {}", harmless(reason)), None)
            }
            Ending::Killed { reason } => {
                more.push(("look", format!("cofferdam show {}", self.short)));
                ("killed", format!("killed at {when}: {}", harmless(reason)), None)
            }
            Ending::Failed { step, failure } => {
                let node = self.progress.plan.find(step);
                let what = node.map_or_else(String::new, |node| match detail(self.progress.plan.node(node)) {
                    action if action.is_empty() => format!("step `{}`, ", self.named(node)),
                    action => format!("step `{}` ({action}), ", self.named(node)),
                });
                let message = harmless(failure.message.lines().next().unwrap_or_default());
                if let Some(node) = node {
                    let attempts = self.progress.step(node).map_or(1, |step| step.attempt.max(1));
                    let after = counted(u64::from(attempts), "attempt");
                    more.push(("where", format!("{} · after {after}", self.place(node))));
                }
                let logs = format!("cofferdam logs {} {step}", self.short);
                more.push(("look", format!("cofferdam show {} · {logs}", self.short)));
                let sentence = format!("failed at {when}: {what}{}: {message}", failure.class.word());
                ("failed", sentence, Some(step.to_string()))
            }
        };
        Answer {
            state,
            sentence,
            more,
            step,
            since: at,
            until: None,
        }
    }

    fn let_go(&self) -> Answer {
        let since = self.progress.last_at;
        if let Some(lacks) = self.lacks {
            return Answer {
                state: "missing-component",
                sentence: format!("could not go on at {}: it {}", day_and_time(since), harmless(lacks)),
                more: vec![
                    ("where", self.reached()),
                    (
                        "next",
                        format!(
                            "put it back; a host at work goes on by itself, or: cofferdam resume {}",
                            self.short
                        ),
                    ),
                    ("holds", HOLDS_NOTHING.to_owned()),
                ],
                step: None,
                since,
                until: None,
            };
        }
        Answer {
            state: "interrupted",
            sentence: format!(
                "interrupted at {}: its host was asked to stop, and let go of it",
                day_and_time(since)
            ),
            more: vec![
                ("where", self.reached()),
                ("next", format!("cofferdam resume {}", self.short)),
                ("holds", HOLDS_NOTHING.to_owned()),
            ],
            step: None,
            since,
            until: None,
        }
    }

    fn paused(&self) -> Answer {
        let since = self.parked.pause.as_ref().map_or(self.progress.last_at, |(at, ..)| *at);
        let (reason, by) = self
            .parked
            .pause
            .as_ref()
            .map_or_else(Default::default, |(_, reason, by)| {
                let by = by
                    .as_ref()
                    .map_or_else(String::new, |by| format!(" by {}", harmless(by)));
                (harmless(reason), by)
            });
        Answer {
            state: "paused",
            sentence: format!("paused at {}{by}: {reason}", day_and_time(since)),
            more: vec![
                ("where", self.reached()),
                ("next", format!("cofferdam resume {}", self.short)),
                ("holds", HOLDS_NOTHING.to_owned()),
            ],
            step: None,
            since,
            until: None,
        }
    }

    /// Says how long it is until a time, or how long ago it should have gone on.
    fn left(&self, now: Timestamp, until: Timestamp) -> String {
        if until > now {
            return format!(" (in {})", duration(millis(now, until)));
        }
        let nobody = if self.is_anybody_at_work { "" } else { "; nobody works" };
        format!(" (overdue by {}{nobody})", duration(millis(until, now)))
    }

    fn waiting(&self) -> Answer {
        let now = cofferdam_runtime::now();
        let Some(first) = self.parked.waiting.first() else {
            return self.orphaned();
        };
        let (at, since, until) = match first {
            Waiting::Gate { at, since, until, .. } | Waiting::Signal { at, since, until, .. } => (at, *since, *until),
            Waiting::Time { at, since, until } => (at, *since, Some(*until)),
            Waiting::Attempt { at, until, .. } => (at, self.progress.last_at, Some(*until)),
        };
        let node = self.progress.plan.find(&at.step);
        let left = until.map_or_else(String::new, |until| self.left(now, until));
        let others = match self.parked.waiting.len() {
            1 => String::new(),
            all => format!(", and for {}", counted(all as u64 - 1, "other")),
        };
        let mut more = Vec::new();
        if let Waiting::Gate {
            prompt: Some(prompt), ..
        } = first
        {
            more.push(("asks", harmless(prompt.lines().next().unwrap_or_default())));
        }
        if let (Waiting::Attempt { .. }, Some(step)) = (first, node.and_then(|node| self.progress.step(node))) {
            let because = format!("attempt {} failed: {}", step.attempt, harmless(&step.note));
            more.push(("because", because));
        }
        if let Some(node) = node {
            more.push(("where", format!("{} · {}", self.place(node), self.reached())));
        }
        let next = waiting::remedy(first, self.short);
        more.extend(next.iter().skip(1).map(|line| ("next", line.trim().to_owned())));
        more.push(("holds", HOLDS_NOTHING.to_owned()));
        Answer {
            state: if matches!(first, Waiting::Attempt { .. }) {
                "retrying"
            } else {
                "waiting"
            },
            sentence: format!(
                "waiting since {}: {}{left}{others}",
                day_and_time(since),
                waiting::in_words(first)
            ),
            more,
            step: node.map(|node| self.named(node)),
            since,
            until,
        }
    }

    fn orphaned(&self) -> Answer {
        let since = self.progress.last_at;
        let process = self
            .summary
            .owner
            .as_ref()
            .map_or_else(String::new, |owner| format!(" (process {})", owner.pid));
        let open: Vec<String> = self.open().map(|(node, _)| format!("`{}`", self.named(node))).collect();
        let mut more = vec![("where", self.reached())];
        if !open.is_empty() {
            more.push(("open", format!("{}: will be entered again", open.join(", "))));
        }
        more.push(("next", format!("cofferdam resume {}", self.short)));
        Answer {
            state: "orphaned",
            sentence: format!(
                "nobody works on it: its host{process} is gone, the last thing recorded is of {}",
                day_and_time(since)
            ),
            more,
            step: None,
            since,
            until: None,
        }
    }

    fn at_work(&self) -> Answer {
        let now = cofferdam_runtime::now();
        let pid = self.summary.owner.as_ref().map_or(0, |owner| owner.pid);
        let place = |node| format!("{} · {}", self.place(node), self.reached());
        let first = self.open().next();
        let waiting = self.open().find_map(|(node, step)| match step.state {
            StepState::Waiting(until) => Some((node, step, until)),
            _ => None,
        });
        let running = self.open().filter(|(_, step)| step.state == StepState::Running).count();
        match (first, waiting) {
            // Only when nothing else goes on is the back-off what the run waits for.
            (_, Some((node, step, until))) if running == 0 => Answer {
                state: "retrying",
                sentence: format!(
                    "waiting to try again: step `{}`, attempt {}, at {} (in {})",
                    self.named(node),
                    step.attempt + 1,
                    day_and_time(until),
                    duration(millis(now, until))
                ),
                more: vec![
                    (
                        "because",
                        format!("attempt {} failed: {}", step.attempt, harmless(&step.note)),
                    ),
                    ("where", place(node)),
                ],
                step: Some(self.named(node)),
                since: step.started_at,
                until: Some(until),
            },
            (Some((node, step)), _) => {
                let others = match self.open().count() {
                    0 | 1 => String::new(),
                    open => format!(", and {} at the same time", counted(open as u64 - 1, "other")),
                };
                Answer {
                    state: "running",
                    sentence: format!(
                        "running: step `{}` ({}), attempt {}, since {} ({}){others}",
                        self.named(node),
                        detail(self.progress.plan.node(node)),
                        step.attempt,
                        day_and_time(step.started_at),
                        duration(millis(step.started_at, now))
                    ),
                    more: vec![
                        ("where", place(node)),
                        ("who", format!("process {pid} on this machine")),
                    ],
                    step: Some(self.named(node)),
                    since: step.started_at,
                    until: None,
                }
            }
            (None, _) => Answer {
                state: "running",
                sentence: format!("running: process {pid} decides what comes next"),
                more: vec![("where", self.reached())],
                step: None,
                since: self.progress.last_at,
                until: None,
            },
        }
    }

    /// Returns the calls that have not ended.
    fn open(&self) -> impl Iterator<Item = (NodeIndex, &StepProgress)> {
        self.progress
            .steps()
            .filter(|(_, node, step)| matches!(node.kind, NodeKind::Call(_)) && step.ended_at.is_none())
            .map(|(index, _, step)| (index, step))
    }

    fn named(&self, node: NodeIndex) -> String {
        name(self.progress.plan.node(node)).to_owned()
    }

    fn place(&self, node: NodeIndex) -> String {
        let place = self.progress.plan.node(node).place;
        format!("{}:{}", harmless(&self.definition.file), place.line)
    }

    fn reached(&self) -> String {
        let recorded = counted(self.progress.completed, "step");
        let verb = if self.progress.completed == 1 { "is" } else { "are" };
        format!("{recorded} {verb} recorded")
    }

    fn json(&self, run: &str, answer: &Answer) -> Value {
        let mut object = json!({
            "run": run,
            "workflow": &*self.definition.workflow,
            "status": self.summary.status,
            "state": answer.state,
            "why": answer.sentence,
            "since": answer.since.to_string(),
        });
        if let Some(step) = &answer.step {
            object["step"] = json!(step);
        }
        if let Some(until) = answer.until {
            object["until"] = json!(until.to_string());
        }
        object
    }
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}
