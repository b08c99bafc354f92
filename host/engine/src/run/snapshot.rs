//! How the state of a run is kept beside its log, so that whoever takes the run over reads only what came after.
//!
//! A snapshot is never the truth: one that cannot be read, or is of another release, is left aside and the log is
//! replayed from its beginning. What can be derived from the rest of the state is not in it.

use super::frame::{CallPhase, Frame, FrameKey, State};
use super::gate::Settled;
use super::requests::Asked;
use super::scope::Scopes;
use super::wait::{Signal, Signals};
use super::{Flight, Phase, Run};
use crate::append::RunStatus;
use crate::data::Data;
use crate::event::Metrics;
use crate::id::{Digest, Fence, Generation, RunId, Version};
use crate::plan::{NodeIndex, NodeKind, Plan};
use crate::shared::SharedValues;
use crate::time::Timestamp;
use crate::value::{Blob, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The version of the encoding of snapshots that this release writes, and the only one that it reads: a golden file holds
/// the form, and any change of it is another version.
pub const SNAPSHOT_ENCODING: u32 = 3;

/// How many events follow a snapshot at least before the next one: they are replayed in a millisecond or two.
const SHORTEST_TAIL: u64 = 1_000;

/// What an event has on disk, about. A snapshot that is larger than the events behind it would be waits until it is not,
/// so that snapshots never write more than the log does.
const BYTES_PER_EVENT: u64 = 128;

/// The state of a run after its event number `version`, as bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The last event that it covers.
    pub version: Version,
    /// The encoding of `data`.
    pub encoding: u32,
    /// The state, as UTF-8.
    pub data: Vec<u8>,
    /// The large values that the state names by digest.
    pub blobs: Vec<Blob>,
}

/// Why a snapshot is of no use. The log is.
#[derive(Debug, thiserror::Error)]
pub enum UnusableSnapshot {
    /// Another release wrote it.
    #[error("the snapshot has encoding {found}, this release reads {SNAPSHOT_ENCODING}")]
    OtherEncoding {
        /// The version found.
        found: u32,
    },
    /// The bytes are damaged.
    #[error("the snapshot is damaged")]
    Damaged(#[source] serde_json::Error),
    /// It is of another run, plan or version than it is said to be, or a large value is missing.
    #[error("the snapshot does not fit: {what}")]
    Unfit {
        /// What does not fit.
        what: &'static str,
    },
}

/// The next version at which a run is worth a snapshot. Not part of its state: it only says when to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due(u64);

impl Due {
    pub(super) const FIRST: Self = Self(SHORTEST_TAIL);

    fn after(snapshot: &Snapshot) -> Self {
        let size = snapshot.data.len() as u64;
        Self(snapshot.version.0 + SHORTEST_TAIL.max(size / BYTES_PER_EVENT))
    }
}

/// What is stored, in the order in which it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    run: RunId,
    plan: Digest,
    generation: Generation,
    lineage: u32,
    version: Version,
    last_at: Timestamp,
    started_at: Timestamp,
    interrupted: bool,
    dry_run: bool,
    inputs: Data,
    injected: BTreeMap<String, String>,
    cancel: Option<Asked>,
    kill: Option<Asked>,
    pause: Option<Asked>,
    due: Option<Timestamp>,
    timed_out: bool,
    metrics: Metrics,
    shared: SharedValues,
    frames: Vec<(FrameKey, Frame)>,
    held: BTreeSet<FrameKey>,
    scopes: Scopes,
    flights: Vec<(Fence, Flight)>,
    settled: Vec<(NodeIndex, Settled)>,
    signals: Vec<(u64, Signal)>,
    signal_keys: Vec<(String, (u64, Digest))>,
}

impl Run {
    /// Returns the state of the run as bytes; none before its start and after its end.
    ///
    /// The bytes depend on the events of the run only, not on who replayed them or when.
    pub fn snapshot(&self, plan: &Plan) -> Option<Snapshot> {
        let interrupted = match self.phase {
            Phase::New | Phase::Finished { .. } => return None,
            Phase::Active => false,
            Phase::Interrupted => true,
        };
        // Everything is named, so that a new part of the state cannot be forgotten here.
        let Self {
            id,
            generation,
            lineage,
            version,
            last_at,
            started_at,
            phase: _,
            inputs,
            injected,
            dry_run,
            cancel,
            kill,
            pause,
            due,
            timed_out,
            metrics,
            shared,
            frames,
            scopes,
            flights,
            deadlines: _,
            gates: _,
            settled,
            signals,
            changes: _,
            ready: _,
            wanting: _,
            suspects: _,
            held,
            looked_at: _,
            row_status: _,
            snapshot_due: _,
        } = self;
        let stored = Stored {
            run: *id,
            plan: plan.digest(),
            generation: *generation,
            lineage: *lineage,
            version: *version,
            last_at: *last_at,
            started_at: *started_at,
            interrupted,
            dry_run: *dry_run,
            inputs: inputs.clone(),
            injected: injected.clone(),
            cancel: cancel.clone(),
            kill: kill.clone(),
            pause: pause.clone(),
            due: *due,
            timed_out: *timed_out,
            metrics: metrics.clone(),
            shared: shared.clone(),
            frames: pairs(frames),
            held: held.clone(),
            scopes: scopes.clone(),
            flights: pairs(flights),
            settled: pairs(settled),
            signals: pairs(&signals.kept),
            signal_keys: pairs(&signals.keys),
        };
        let blobs: BTreeMap<Digest, &Blob> = stored
            .values()
            .filter_map(Value::blob)
            .map(|blob| (blob.digest, blob))
            .collect();
        let blobs = blobs.into_values().cloned().collect();
        Some(Snapshot {
            version: *version,
            encoding: SNAPSHOT_ENCODING,
            data: serde_json::to_vec(&stored).expect("names are the only keys and numbers are finite"),
            blobs,
        })
    }

    /// Returns a snapshot if enough has happened since the last one. The one place that decides when.
    pub(super) fn snapshot_when_due(&mut self, plan: &Plan) -> Option<Snapshot> {
        if self.version.0 < self.snapshot_due.0 {
            return None;
        }
        let snapshot = self.snapshot(plan)?;
        self.snapshot_due = Due::after(&snapshot);
        Some(snapshot)
    }

    /// Returns the run that `snapshot` is of.
    pub(super) fn from_snapshot(id: RunId, plan: &Plan, snapshot: &Snapshot) -> Result<Self, UnusableSnapshot> {
        if snapshot.encoding != SNAPSHOT_ENCODING {
            return Err(UnusableSnapshot::OtherEncoding {
                found: snapshot.encoding,
            });
        }
        let mut stored: Stored = serde_json::from_slice(&snapshot.data).map_err(UnusableSnapshot::Damaged)?;
        stored.fill(&snapshot.blobs)?;
        for (what, fits) in [
            ("it is of another run", stored.run == id),
            ("it is of another plan", stored.plan == plan.digest()),
            ("it is of another version", stored.version == snapshot.version),
            ("a step is not that of the plan", stored.fits(plan)),
        ] {
            if !fits {
                return Err(UnusableSnapshot::Unfit { what });
            }
        }
        let frames: BTreeMap<FrameKey, Frame> = stored.frames.into_iter().collect();
        let mut derived = Derived::of(&frames);
        derived.deadlines.extend(stored.due.map(|due| (due, FrameKey::root())));
        Ok(Self {
            id,
            generation: stored.generation,
            lineage: stored.lineage,
            version: stored.version,
            last_at: stored.last_at,
            started_at: stored.started_at,
            phase: if stored.interrupted {
                Phase::Interrupted
            } else {
                Phase::Active
            },
            inputs: stored.inputs,
            injected: stored.injected,
            dry_run: stored.dry_run,
            cancel: stored.cancel,
            kill: stored.kill,
            pause: stored.pause,
            due: stored.due,
            timed_out: stored.timed_out,
            metrics: stored.metrics,
            shared: stored.shared,
            frames,
            scopes: stored.scopes,
            flights: stored.flights.into_iter().collect(),
            deadlines: derived.deadlines,
            gates: derived.gates,
            settled: stored.settled.into_iter().collect(),
            signals: Signals {
                kept: stored.signals.into_iter().collect(),
                keys: stored.signal_keys.into_iter().collect(),
                waits: derived.waits,
            },
            changes: Vec::new(),
            ready: BTreeSet::new(),
            wanting: BTreeSet::new(),
            suspects: derived.suspects,
            held: stored.held,
            looked_at: Timestamp::default(),
            row_status: RunStatus::Running,
            snapshot_due: Due::after(snapshot),
        })
    }
}

impl Stored {
    /// Returns every value of the state that may be large.
    fn values(&self) -> impl Iterator<Item = &Value> {
        let frames = self.frames.iter().filter_map(|(_, frame)| match &frame.state {
            State::Call(call) => Some(&call.params),
            State::Gate(gate) => gate.shown.as_ref(),
            State::Wait(wait) => wait.received.as_ref(),
            State::Root(_) | State::Block(_) | State::Loop(_) | State::Parallel(_) => None,
        });
        let signals = self.signals.iter().map(|(_, signal)| &signal.data);
        frames.chain(self.scopes.values()).chain(signals)
    }

    /// Visits what [`Stored::values`] returns.
    fn values_mut(&mut self, visit: &mut dyn FnMut(&mut Value)) {
        for (_, frame) in &mut self.frames {
            match &mut frame.state {
                State::Call(call) => visit(&mut call.params),
                State::Gate(gate) => gate.shown.iter_mut().for_each(&mut *visit),
                State::Wait(wait) => wait.received.iter_mut().for_each(&mut *visit),
                State::Root(_) | State::Block(_) | State::Loop(_) | State::Parallel(_) => {}
            }
        }
        self.scopes.values_mut(visit);
        self.signals.iter_mut().for_each(|(_, signal)| visit(&mut signal.data));
    }

    /// Fills the large values in.
    fn fill(&mut self, blobs: &[Blob]) -> Result<(), UnusableSnapshot> {
        let contents: BTreeMap<Digest, &Data> = blobs
            .iter()
            .filter_map(|blob| Some((blob.digest, blob.content.as_ref()?)))
            .collect();
        let mut missing = false;
        self.values_mut(&mut |value| {
            if let Some(blob) = value.blob_mut() {
                blob.content = contents.get(&blob.digest).map(|content| (*content).clone());
                missing |= blob.content.is_none();
            }
        });
        if missing {
            let what = "a large value is missing";
            return Err(UnusableSnapshot::Unfit { what });
        }
        Ok(())
    }

    /// Returns whether the frames are of steps that the plan has, each of its kind.
    fn fits(&self, plan: &Plan) -> bool {
        let count = plan.nodes().len();
        let exists = |node: NodeIndex| (node.0 as usize) < count;
        let fits = |(key, frame): &(FrameKey, Frame)| match (key.node, &frame.state) {
            (None, state) => matches!(state, State::Root(_)),
            (Some(node), state) => exists(node) && of_kind(state, &plan.node(node).kind),
        };
        let flies = |(_, flight): &(Fence, Flight)| flight.key.node.is_some_and(exists);
        self.frames.iter().all(fits)
            && self.held.iter().all(|key| key.node.is_some_and(exists))
            && self.flights.iter().all(flies)
            && self.settled.iter().all(|(node, _)| exists(*node))
    }
}

fn of_kind(state: &State, kind: &NodeKind) -> bool {
    match (state, kind) {
        (State::Parallel(state), NodeKind::Parallel(parallel)) => state.branches.len() == parallel.branches.len(),
        (State::Call(_), kind) => matches!(kind, NodeKind::Call(_)),
        (State::Gate(_), kind) => matches!(kind, NodeKind::Gate(_)),
        (State::Wait(_), kind) => matches!(kind, NodeKind::Wait(_)),
        (State::Root(_) | State::Parallel(_), _) | (_, NodeKind::Parallel(_)) => false,
        (State::Block(_) | State::Loop(_), kind) => {
            !matches!(kind, NodeKind::Call(_) | NodeKind::Gate(_) | NodeKind::Wait(_))
        }
    }
}

/// What the frames say once more, to be found faster.
#[derive(Default)]
struct Derived {
    deadlines: BTreeSet<(Timestamp, FrameKey)>,
    gates: BTreeSet<FrameKey>,
    suspects: BTreeSet<FrameKey>,
    waits: BTreeMap<(String, Option<String>), BTreeSet<FrameKey>>,
}

impl Derived {
    fn of(frames: &BTreeMap<FrameKey, Frame>) -> Self {
        let mut derived = Self::default();
        for (key, frame) in frames {
            match &frame.state {
                State::Call(call) => {
                    if call.is_suspect() {
                        derived.suspects.insert(key.clone());
                    }
                    let retry = match &call.phase {
                        // All attempts failed: the deadline of the step ended with them.
                        CallPhase::Handling(_) => continue,
                        CallPhase::Waiting(until) => Some(*until),
                        CallPhase::Running(_) | CallPhase::Lost => None,
                    };
                    let times = retry.into_iter().chain(call.deadline);
                    derived.deadlines.extend(times.map(|at| (at, key.clone())));
                }
                State::Gate(gate) => {
                    derived.gates.insert(key.clone());
                    derived.deadlines.extend(gate.deadline.map(|at| (at, key.clone())));
                }
                State::Wait(wait) => {
                    derived.deadlines.extend(wait.due.map(|at| (at, key.clone())));
                    if let Some(topic) = &wait.topic {
                        let place = (topic.clone(), wait.correlation.clone());
                        derived.waits.entry(place).or_default().insert(key.clone());
                    }
                }
                State::Root(_) | State::Block(_) | State::Loop(_) | State::Parallel(_) => {}
            }
        }
        derived
    }
}

fn pairs<K: Clone, V: Clone>(map: &BTreeMap<K, V>) -> Vec<(K, V)> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
