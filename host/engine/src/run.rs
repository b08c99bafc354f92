//! The state of one run, changed only by its events.

mod decide;
mod evolve;
mod frame;
mod gate;
mod limit;
mod orphan;
mod parking;
mod progress;
mod requests;
mod retrial;
mod retry;
mod room;
mod scope;
mod snapshot;
mod view;
mod wait;
mod waiting;

pub use decide::{Decision, Staged};
pub use orphan::{Adoption, FormerOwner, Orphan, Unrestorable};
pub use retrial::{Difference, Retrial, Retry, RetryRefused};
pub use snapshot::{SNAPSHOT_ENCODING, Snapshot, UnusableSnapshot};
pub use wait::{LONGEST_WAIT, MAX_SIGNALS};
pub use waiting::Waiting;

use crate::append::{RunRow, RunStatus};
use crate::data::Data;
use crate::effect::{Attempt, EffectChange};
use crate::event::{Ending, Metrics};
use crate::id::{Digest, Fence, Generation, RunId, Version};
use crate::plan::{Call, NodeIndex, NodeKind, Plan};
use crate::result::StepResult;
use crate::shared::SharedValues;
use crate::time::Timestamp;
use crate::value::Value;
use frame::{Frame, FrameKey, State};
use requests::Asked;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most events that one decision records; a run that has more to say goes on at the next [`crate::Input::Tick`].
pub const MAX_EVENTS_PER_DECISION: usize = 1_024;

/// So many hosts may die while they work on one attempt; then the run is paused until a person lets it go on.
pub const MAX_LOST_DELIVERIES: u32 = 5;

/// One run: what its events so far amount to.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    id: RunId,
    generation: Generation,
    /// How often it was retried.
    lineage: u32,
    version: Version,
    last_at: Timestamp,
    started_at: Timestamp,
    phase: Phase,
    inputs: Data,
    injected: BTreeMap<String, String>,
    dry_run: bool,
    cancel: Option<Asked>,
    kill: Option<Asked>,
    pause: Option<Asked>,
    /// When the time of the run is over, if it has a limit.
    due: Option<Timestamp>,
    /// Whether that came before its end.
    timed_out: bool,
    metrics: Metrics,
    /// The values that its steps share.
    shared: SharedValues,
    frames: BTreeMap<FrameKey, Frame>,
    scopes: scope::Scopes,
    flights: BTreeMap<Fence, Flight>,
    deadlines: BTreeSet<(Timestamp, FrameKey)>,
    /// The gates that are open.
    gates: BTreeSet<FrameKey>,
    /// How the latest occurrence of each gate ended.
    settled: BTreeMap<NodeIndex, gate::Settled>,
    signals: wait::Signals,
    changes: Vec<EffectChange>,
    /// Frames that may have something to decide. Derived: a restored run has all its frames here.
    ready: BTreeSet<FrameKey>,
    /// Frames that can go on once there is a permit. Derived likewise.
    wanting: BTreeSet<FrameKey>,
    /// Calls of which hosts died, and which have not ended since. Derived at an adoption.
    suspects: BTreeSet<FrameKey>,
    /// Branches that have begun and wait for room since the latest retry.
    held: BTreeSet<FrameKey>,
    /// The latest time that a decision was made at, also one without events: deadlines up to it have been looked at.
    looked_at: Timestamp,
    /// The status that the last decision gave the row.
    row_status: RunStatus,
    /// When the next snapshot is worth writing.
    snapshot_due: snapshot::Due,
}

/// A delivery that is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flight {
    key: FrameKey,
    /// The generation that started it; its reports name it, also after an adoption that left it in flight.
    generation: Generation,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    New,
    Active,
    Interrupted,
    Finished { ending: Ending, outputs: Value },
}

impl Run {
    /// Returns a run that has not begun, of generation 1.
    pub fn new(id: RunId) -> Self {
        Self {
            id,
            generation: Generation(1),
            lineage: 0,
            version: Version(0),
            last_at: Timestamp::default(),
            started_at: Timestamp::default(),
            phase: Phase::New,
            inputs: Data::Null,
            injected: BTreeMap::new(),
            dry_run: false,
            cancel: None,
            kill: None,
            pause: None,
            due: None,
            timed_out: false,
            metrics: Metrics::new(),
            shared: SharedValues::default(),
            frames: BTreeMap::new(),
            scopes: scope::Scopes::default(),
            flights: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            gates: BTreeSet::new(),
            settled: BTreeMap::new(),
            signals: wait::Signals::default(),
            changes: Vec::new(),
            ready: BTreeSet::new(),
            wanting: BTreeSet::new(),
            suspects: BTreeSet::new(),
            held: BTreeSet::new(),
            looked_at: Timestamp::default(),
            row_status: RunStatus::Running,
            snapshot_due: snapshot::Due::FIRST,
        }
    }

    /// Returns the id of the run.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Returns how often the run was adopted.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Returns how often the run was retried.
    pub fn lineage(&self) -> u32 {
        self.lineage
    }

    /// Returns how many events the run has.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns when the run started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Returns what the run is doing.
    pub fn status(&self) -> RunStatus {
        match &self.phase {
            // What the last decision said: whether a run that waits is parked depends on when it was looked at.
            Phase::New | Phase::Active => self.row_status,
            Phase::Interrupted => RunStatus::Interrupted,
            Phase::Finished { ending, .. } => match ending {
                Ending::Completed => RunStatus::Completed,
                Ending::Failed { .. } => RunStatus::Failed,
                Ending::Cancelled { .. } => RunStatus::Cancelled,
                Ending::Killed { .. } => RunStatus::Killed,
            },
        }
    }

    /// Returns how the run ended and what it returned, once it has.
    pub fn ending(&self) -> Option<(&Ending, &Value)> {
        match &self.phase {
            Phase::Finished { ending, outputs } => Some((ending, outputs)),
            Phase::New | Phase::Active | Phase::Interrupted => None,
        }
    }

    /// Returns the inputs, a map.
    pub fn inputs(&self) -> &Data {
        &self.inputs
    }

    /// Returns what all attempts counted so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the values that its steps share, as a step would see them that starts now.
    pub fn shared(&self) -> &SharedValues {
        &self.shared
    }

    /// Returns the latest result under `key`, as a step after the run's last one would see it.
    pub fn result(&self, key: &str) -> Option<Arc<StepResult>> {
        self.scopes.result(scope::ROOT, key)
    }

    /// Returns the run row that belongs to this state.
    pub fn row(&self) -> RunRow {
        RunRow {
            status: self.status(),
            wake_at: self.next_deadline(),
            version: self.version,
        }
    }

    /// Takes the changes of the effects since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<EffectChange> {
        std::mem::take(&mut self.changes)
    }

    /// Returns all attempts that should be under way.
    pub fn effects(&self, plan: &Plan) -> Vec<Attempt> {
        self.flights
            .keys()
            .filter_map(|fence| self.effect(plan, *fence))
            .collect()
    }

    /// Returns the attempt that `fence` names, if it should be under way.
    pub fn effect(&self, plan: &Plan, fence: Fence) -> Option<Attempt> {
        let Flight { key, generation } = self.flights.get(&fence)?;
        let node = plan.node(key.node?);
        let (NodeKind::Call(call), State::Call(state)) = (&node.kind, &self.frames.get(key)?.state) else {
            return None;
        };
        Some(Attempt {
            fence,
            generation: *generation,
            at: crate::event::StepReference {
                step: node.path.clone(),
                occurrence: key.occurrence.clone(),
            },
            action: call.action.clone(),
            params: state.params.data().clone(),
            number: state.failed + 1,
            delivery: state.deliveries,
            token: self.token(node.path.as_str(), &key.occurrence),
            timeout: self.attempt_timeout(call, state.deadline),
            retries_left: call.retry.attempts.saturating_sub(state.failed + 1),
            previous: state.previous.clone(),
            saved: state.saved.clone(),
            shared: self.shared.clone(),
            output: call.output.clone(),
            schema: call.output.as_ref().and_then(|name| plan.schemas().get(name)).cloned(),
            with: call.with.clone(),
            dry_run: self.dry_run,
        })
    }

    /// Returns what this run and one replayed from its log disagree about, none if they agree as they must.
    ///
    /// What is derived anew at an adoption does not count: frames to look at, changes of effects, deadlines seen.
    pub fn difference_to(&self, replayed: &Self) -> Option<&'static str> {
        let due = |run: &Self| -> Vec<(Timestamp, FrameKey)> {
            let ahead = |(at, _): &&(Timestamp, FrameKey)| *at > self.looked_at;
            run.deadlines.iter().filter(ahead).cloned().collect()
        };
        let parts = [
            ("id", self.id == replayed.id),
            ("generation", self.generation == replayed.generation),
            ("lineage", self.lineage == replayed.lineage),
            ("version", self.version == replayed.version),
            ("last_at", self.last_at == replayed.last_at),
            ("started_at", self.started_at == replayed.started_at),
            ("phase", self.phase == replayed.phase),
            ("inputs", self.inputs == replayed.inputs),
            ("injected", self.injected == replayed.injected),
            ("dry_run", self.dry_run == replayed.dry_run),
            ("cancel", self.cancel == replayed.cancel),
            ("kill", self.kill == replayed.kill),
            ("pause", self.pause == replayed.pause),
            ("due", (self.due, self.timed_out) == (replayed.due, replayed.timed_out)),
            ("metrics", self.metrics == replayed.metrics),
            ("shared", self.shared == replayed.shared),
            ("frames", self.frames == replayed.frames),
            ("held", self.held == replayed.held),
            ("scopes", self.scopes == replayed.scopes),
            ("gates", self.gates == replayed.gates),
            ("settled", self.settled == replayed.settled),
            ("signals", self.signals == replayed.signals),
            ("flights", self.flights == replayed.flights),
            ("deadlines", due(self) == due(replayed)),
        ];
        parts.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
    }

    /// Returns why the run was cancelled, nothing if it was not.
    fn cancel_reason(&self) -> String {
        self.cancel
            .as_ref()
            .map_or_else(String::new, |asked| asked.reason.clone())
    }

    /// Returns how many steps have begun and not ended and how many scopes are open: what a run costs in memory
    /// besides its results.
    pub fn open_parts(&self) -> (usize, usize) {
        (self.frames.len(), self.scopes.len())
    }

    /// Returns how long an attempt may take: its own timeout, at most what is left of the step's.
    fn attempt_timeout(&self, call: &Call, deadline: Option<Timestamp>) -> Option<std::time::Duration> {
        let left = deadline.map(|deadline| deadline.since(self.last_at));
        match (call.timeout, left) {
            (Some(timeout), Some(left)) => Some(timeout.min(left)),
            (timeout, left) => timeout.or(left),
        }
    }

    /// Returns the token that lets a receiver recognise repeated deliveries: the same for all attempts and deliveries
    /// of one occurrence of a step, until the run is retried: then receivers must not take it for what they had.
    fn token(&self, path: &str, occurrence: &crate::id::Occurrence) -> String {
        let mut text = format!("{}\0{path}\0{:?}", self.id, occurrence.iterations());
        if self.lineage > 0 {
            text.push_str(&format!("\0{}", self.lineage));
        }
        Digest::of(text.as_bytes()).short_hex()
    }
}
