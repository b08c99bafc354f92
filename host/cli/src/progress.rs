//! What is known of each step of a run, from its events: the model behind the tree, `show` and `run --json`.

use crate::talk::Sign;
use cofferdam_engine::event::{AfterFailure, Ending, SkipReason};
use cofferdam_engine::plan::{Condition, Node, NodeIndex, NodeKind, Plan, Test};
use cofferdam_engine::{Data, Dropped, Event, Failure, Fence, Occurrence, Recorded, StepPath, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a step is at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StepState {
    /// An attempt is under way, or the steps inside it are.
    Running,
    /// The next attempt starts at this time.
    Waiting(Timestamp),
    /// It completed.
    Completed,
    /// It failed.
    Failed(Box<Failure>),
    /// It did not run.
    Skipped,
    /// It was stopped.
    Cancelled,
}

/// The latest occurrence of one step.
#[derive(Clone, Debug)]
pub(crate) struct StepProgress {
    /// What it is at.
    pub(crate) state: StepState,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it ended.
    pub(crate) ended_at: Option<Timestamp>,
    /// Which attempt is or was the last.
    pub(crate) attempt: u32,
    /// How often its guest was entered in all.
    pub(crate) entered: u32,
    /// Which time round its loops.
    pub(crate) occurrence: Occurrence,
    /// Words about it: what it returned, which arm was taken.
    pub(crate) note: String,
    /// What it returned.
    pub(crate) output: Data,
    /// What conditions ask for.
    pub(crate) markers: Vec<String>,
    /// Whether it ended before this process took the run over.
    pub(crate) kept: bool,
    /// Variables of its templates that nothing gave a value.
    pub(crate) missing: Vec<String>,
    /// How often it ended in all.
    pub(crate) rounds: u32,
    /// Whether its failure did not fail the block around it.
    pub(crate) continued: bool,
    /// Of a loop that goes on: how many rounds were kept, and how many steps in them.
    pub(crate) kept_rounds: Option<(u32, u64)>,
    /// How many calls inside of it completed: in all, and before its latest round.
    inside: (u64, u64),
}

/// What is known of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunProgress {
    pub(crate) plan: Arc<Plan>,
    steps: BTreeMap<NodeIndex, StepProgress>,
    /// When it started.
    pub(crate) started_at: Option<Timestamp>,
    /// When its latest event was decided.
    pub(crate) last_at: Timestamp,
    /// How it ended.
    pub(crate) ending: Option<Ending>,
    /// What it returned.
    pub(crate) outputs: Data,
    /// How many calls completed.
    pub(crate) completed: u64,
    /// How many calls failed.
    pub(crate) failed: u64,
    /// How many calls had completed when this process took the run over.
    pub(crate) kept: u64,
    /// How many events it has.
    pub(crate) version: u64,
    in_flight: BTreeMap<Fence, NodeIndex>,
}

impl RunProgress {
    /// Returns what is known of a run before its first event.
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            steps: BTreeMap::new(),
            started_at: None,
            last_at: Timestamp::default(),
            ending: None,
            outputs: Data::Null,
            completed: 0,
            failed: 0,
            kept: 0,
            version: 0,
            in_flight: BTreeMap::new(),
        }
    }

    /// Returns what `events` amount to.
    pub(crate) fn of(plan: Arc<Plan>, events: &[Recorded]) -> Self {
        let mut progress = Self::new(plan);
        let dropped = Dropped::of(events);
        for recorded in events {
            progress.apply_unless(&dropped, recorded);
        }
        progress
    }

    /// Takes an event in, unless a retry dropped it.
    pub(crate) fn apply_unless(&mut self, dropped: &Dropped, recorded: &Recorded) {
        if dropped.contains(recorded.sequence) {
            self.last_at = recorded.at;
            self.version = recorded.sequence;
        } else {
            self.apply(recorded);
        }
    }

    /// Marks everything that has ended as kept from before.
    pub(crate) fn keep(&mut self) {
        self.kept = self.completed;
        for step in self.steps.values_mut() {
            step.kept = step.ended_at.is_some();
            if !step.kept && step.rounds > 1 && step.inside.1 > 0 {
                step.kept_rounds = Some((step.rounds - 1, step.inside.1));
            }
        }
    }

    /// Returns what is known of the step at `node`.
    pub(crate) fn step(&self, node: NodeIndex) -> Option<&StepProgress> {
        self.steps.get(&node)
    }

    /// Returns the steps that have begun, in the order of the text.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (NodeIndex, &Node, &StepProgress)> {
        self.steps
            .iter()
            .map(|(index, step)| (*index, self.plan.node(*index), step))
    }

    /// Takes an event in.
    pub(crate) fn apply(&mut self, recorded: &Recorded) {
        let at = recorded.at;
        self.last_at = at;
        self.version = recorded.sequence;
        match &recorded.event {
            Event::RunStarted { .. } => self.started_at = Some(at),
            Event::RunFinished { ending, outputs } => {
                self.ending = Some(ending.clone());
                self.outputs = outputs.data().clone();
            }
            Event::RunRetried { .. } => {
                self.ending = None;
                self.outputs = Data::Null;
            }
            Event::RunAdopted { lost, .. } => self.stop(lost),
            Event::RunInterrupted { stopped, .. } => self.stop(stopped),
            Event::CancelRequested { .. } | Event::CleanupStarted { .. } => {}
            event => self.apply_to_step(recorded.sequence, event, at),
        }
    }

    fn stop(&mut self, fences: &[Fence]) {
        for fence in fences {
            let Some(node) = self.in_flight.remove(fence) else {
                continue;
            };
            if let Some(step) = self.steps.get_mut(&node) {
                step.state = StepState::Cancelled;
            }
        }
    }

    fn apply_to_step(&mut self, sequence: u64, event: &Event, at: Timestamp) {
        let Some((reference, node)) = event.step().and_then(|step| Some((step, self.plan.find(&step.step)?))) else {
            return;
        };
        let plan = Arc::clone(&self.plan);
        let kind = &plan.node(node).kind;
        let fresh = self.steps.get(&node).is_none_or(|step| {
            step.occurrence != reference.occurrence || (step.ended_at.is_some() && !step.kept_failure())
        });
        if fresh {
            let rounds = self.steps.get(&node).map_or(0, |step| step.rounds);
            self.steps
                .insert(node, StepProgress::begun(at, reference.occurrence.clone(), rounds));
        }
        let Some(step) = self.steps.get_mut(&node) else { return };
        match event {
            Event::AttemptStarted { attempt, missing, .. } => {
                if !missing.is_empty() {
                    step.missing.clone_from(missing);
                }
                step.state = StepState::Running;
                step.attempt = *attempt;
                step.entered += 1;
                step.kept = false;
                self.in_flight.insert(Fence(sequence), node);
            }
            Event::AttemptFailed { failure, retry_at, .. } => {
                step.note = in_words(failure);
                if let Some(retry_at) = retry_at {
                    step.state = StepState::Waiting(*retry_at);
                }
            }
            Event::StepCompleted {
                output,
                markers,
                context,
                ..
            } => {
                step.end(at, StepState::Completed);
                step.output = output.data().clone();
                step.markers.clone_from(markers);
                // What was said about a gate stays.
                if !matches!(kind, NodeKind::Gate(_)) {
                    step.note = context
                        .as_deref()
                        .and_then(|text| text.lines().next())
                        .unwrap_or("")
                        .to_owned();
                }
                self.completed += 1;
                self.count_inside(reference.step.as_str());
            }
            Event::StepFailed { failure, then, .. } => {
                step.end(at, StepState::Failed(Box::new(failure.clone())));
                step.note = in_words(failure);
                step.continued = *then == AfterFailure::Continue;
                self.failed += 1;
            }
            Event::StepSkipped { reason, .. } => {
                step.end(at, StepState::Skipped);
                step.note = match reason {
                    SkipReason::Need(need) => format!("needs {need}, which did not succeed"),
                    SkipReason::Condition => skipped_condition(plan.node(node)),
                };
            }
            Event::StepCancelled { .. } => step.end(at, StepState::Cancelled),
            Event::VariablesSet { values, .. } => {
                step.end(at, StepState::Completed);
                step.note = written(values.data());
            }
            Event::BlockStarted { .. } | Event::StepHandled { .. } | Event::WaitReceived { .. } => {}
            Event::GateOpened { prompt, deadline, .. } => {
                step.note = prompt.clone().unwrap_or_else(|| "waits for a decision".to_owned());
                if let Some(deadline) = deadline {
                    step.note.push_str(&format!(" (until {deadline})"));
                }
            }
            Event::GateApproved { cause, .. } => {
                step.note = format!("approved by {}", cause.by.as_deref().unwrap_or("somebody"));
            }
            Event::GateDecided {
                approved,
                feedback,
                cause,
                ..
            } => {
                let word = if *approved { "approved" } else { "rejected" };
                step.note = format!("{word} by {}", cause.by.as_deref().unwrap_or("somebody"));
                if let Some(feedback) = feedback {
                    step.note.push_str(&format!(": \"{feedback}\""));
                }
            }
            Event::WaitStarted { topic, due, .. } => {
                step.note = match (topic, due) {
                    (Some(topic), Some(due)) => format!("waits for `{topic}` until {due}"),
                    (Some(topic), None) => format!("waits for `{topic}`"),
                    (None, Some(due)) => format!("waits until {due}"),
                    (None, None) => String::new(),
                };
            }
            Event::BranchChosen { arm, .. } => step.note = chosen(kind, *arm),
            Event::IterationStarted { round, .. } => {
                step.rounds = round + 1;
                step.inside.1 = step.inside.0;
                step.note = format!("round {}", round + 1);
            }
            Event::BranchesCancelled { branches, .. } => {
                if let NodeKind::Parallel(parallel) = kind {
                    for place in branches {
                        let Some(branch) = parallel.branches.get(*place as usize) else {
                            continue;
                        };
                        let branch = branch.node;
                        self.steps.entry(branch).or_insert_with(|| {
                            let mut step = StepProgress::begun(at, reference.occurrence.clone(), 0);
                            step.end(at, StepState::Cancelled);
                            step
                        });
                    }
                }
            }
            Event::BlockEnded { ending, markers, .. } => {
                let state = match ending {
                    Ending::Completed => StepState::Completed,
                    Ending::Failed { failure, .. } => StepState::Failed(Box::new(failure.clone())),
                    Ending::Cancelled { .. } | Ending::Killed { .. } => StepState::Cancelled,
                };
                step.end(at, state);
                step.markers.clone_from(markers);
                if let NodeKind::Loop(_) = kind {
                    step.note = crate::talk::counted(u64::from(step.rounds), "round");
                }
            }
            Event::RunStarted { .. }
            | Event::RunAdopted { .. }
            | Event::RunInterrupted { .. }
            | Event::CancelRequested { .. }
            | Event::KillRequested { .. }
            | Event::RunTimedOut
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::RunRetried { .. }
            | Event::ProgressSaved { .. }
            | Event::SignalReceived { .. }
            | Event::CleanupStarted { .. }
            | Event::RunFinished { .. } => {}
        }
    }

    /// Counts a call that completed for all that it lies in.
    fn count_inside(&mut self, path: &str) {
        for (end, _) in path.match_indices('/') {
            let around = self.plan.find(&StepPath::new(&path[..end]));
            if let Some(step) = around.and_then(|node| self.steps.get_mut(&node)) {
                step.inside.0 += 1;
            }
        }
    }

    /// Returns the steps of the top level that have not begun, by name.
    pub(crate) fn to_come(&self) -> Vec<&str> {
        let parts = self.plan.parts();
        let last = parts
            .body
            .iter()
            .rposition(|node| self.steps.contains_key(node))
            .map_or(0, |place| place + 1);
        parts.body[last.min(parts.body.len())..]
            .iter()
            .map(|node| name(self.plan.node(*node)))
            .collect()
    }

    /// Returns how many branches of a parallel block have ended, and how many there are.
    pub(crate) fn branches(&self, node: &Node) -> Option<(usize, usize)> {
        let NodeKind::Parallel(parallel) = &node.kind else {
            return None;
        };
        let ended = parallel
            .branches
            .iter()
            .filter(|branch| self.steps.get(&branch.node).is_some_and(|step| step.ended_at.is_some()))
            .count();
        Some((ended, parallel.branches.len()))
    }
}

impl StepProgress {
    fn begun(at: Timestamp, occurrence: Occurrence, rounds: u32) -> Self {
        Self {
            state: StepState::Running,
            started_at: at,
            ended_at: None,
            attempt: 0,
            entered: 0,
            occurrence,
            note: String::new(),
            output: Data::Null,
            markers: Vec::new(),
            kept: false,
            missing: Vec::new(),
            rounds,
            continued: false,
            kept_rounds: None,
            inside: (0, 0),
        }
    }

    fn end(&mut self, at: Timestamp, state: StepState) {
        self.state = state;
        self.ended_at = Some(at);
        self.kept = false;
    }

    /// A step whose `on_fail` block runs has ended and still gets one more event.
    fn kept_failure(&self) -> bool {
        matches!(self.state, StepState::Failed(_))
    }

    /// Returns how long it took so far, in milliseconds.
    pub(crate) fn millis(&self, now: Timestamp) -> u64 {
        let until = self.ended_at.unwrap_or(now);
        u64::try_from(until.since(self.started_at).as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the sign for what it is at.
    pub(crate) fn sign(&self) -> Sign {
        match &self.state {
            _ if self.kept => Sign::Keep,
            StepState::Running => Sign::Run,
            StepState::Waiting(_) => Sign::Wait,
            StepState::Completed => Sign::Ok,
            StepState::Failed(_) => Sign::Fail,
            StepState::Skipped => Sign::Skip,
            StepState::Cancelled => Sign::Stop,
        }
    }

    /// Returns the word for what it is at.
    pub(crate) fn word(&self) -> &'static str {
        match &self.state {
            StepState::Running => "running",
            StepState::Waiting(_) => "waiting",
            StepState::Completed => "completed",
            StepState::Failed(_) => "failed",
            StepState::Skipped => "skipped",
            StepState::Cancelled => "cancelled",
        }
    }
}

/// Returns why a step failed, in one line; of a denied call, what it was about.
fn in_words(failure: &Failure) -> String {
    match crate::report::Denied::of(failure) {
        Some(denied) => denied.brief(),
        None => failure.message.lines().next().unwrap_or_default().to_owned(),
    }
}

/// Returns the name under which a step is shown.
pub(crate) fn name(node: &Node) -> &str {
    match &node.key {
        Some(key) => key,
        None => {
            let last = node.path.as_str().rsplit('/').next().unwrap_or_default();
            last.split('#').next().unwrap_or(last)
        }
    }
}

/// Returns what a step is: its action, or the question it asks.
pub(crate) fn detail(node: &Node) -> String {
    match &node.kind {
        NodeKind::Call(call) => format!("{}.{}", call.action.plugin, call.action.action),
        NodeKind::If(choice) => choice
            .arms
            .first()
            .map_or_else(String::new, |arm| question(&arm.condition)),
        NodeKind::Loop(repeat) => question(&repeat.condition),
        NodeKind::Gate(gate) => gate.kind.clone(),
        NodeKind::Do(_)
        | NodeKind::Parallel(_)
        | NodeKind::Always(_)
        | NodeKind::Set(_)
        | NodeKind::Fail(_)
        | NodeKind::Wait(_) => String::new(),
    }
}

fn question(condition: &Condition) -> String {
    let text = match &condition.test {
        Test::Marker { step, marker } => format!("{step}.{marker}"),
        Test::Input(name) => name.clone(),
        Test::Expression(expression) => expression.source().trim().to_owned(),
    };
    if condition.negated {
        format!("unless {text}")
    } else {
        text
    }
}

fn chosen(kind: &NodeKind, arm: u32) -> String {
    match kind {
        NodeKind::If(choice) if (arm as usize) < choice.arms.len() => {
            if arm == 0 {
                "(true)".to_owned()
            } else {
                format!("else if {}  (true)", question(&choice.arms[arm as usize].condition))
            }
        }
        _ => "(false)".to_owned(),
    }
}

fn skipped_condition(node: &Node) -> String {
    match (&node.guard, &node.kind) {
        (Some(guard), _) => format!("if {}  (false)", question(guard)),
        (None, NodeKind::If(_) | NodeKind::Loop(_)) => "(false)".to_owned(),
        (None, _) => String::new(),
    }
}

fn written(values: &Data) -> String {
    let Data::Map(values) = values else {
        return String::new();
    };
    let one = |(name, value): (&Arc<str>, &Data)| {
        let text = value.to_json();
        if values.len() == 1 && text.chars().count() <= 40 {
            format!("{name} = {text}")
        } else {
            name.to_string()
        }
    };
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}
