//! What is going on inside a run: one frame for every step that has begun and not ended.

use super::gate::GateState;
use super::scope::ScopeId;
use super::wait::WaitState;
use crate::data::{Data, present};
use crate::event::{AttemptClass, Ending};
use crate::failure::Failure;
use crate::id::{Digest, Fence, Occurrence};
use crate::plan::NodeIndex;
use crate::time::Timestamp;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Names a frame: its step, none for the run itself, and which time round the loops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct FrameKey {
    pub(super) node: Option<NodeIndex>,
    pub(super) occurrence: Occurrence,
}

impl FrameKey {
    /// The frame of the run itself.
    pub(super) fn root() -> Self {
        Self {
            node: None,
            occurrence: Occurrence::default(),
        }
    }

    pub(super) fn of(node: NodeIndex, occurrence: &Occurrence) -> Self {
        Self {
            node: Some(node),
            occurrence: occurrence.clone(),
        }
    }
}

/// A step that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    pub(super) scope: ScopeId,
    pub(super) started_at: Timestamp,
    /// Whether it is being left because of something outside of it.
    pub(super) cancelling: bool,
    pub(super) state: State,
}

/// What a frame is at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum State {
    /// The body of the run, then its `always` blocks.
    Root(Root),
    /// A call.
    Call(Box<CallState>),
    /// The chosen arm of an `if`, a `do` or an `always`.
    Block(Sequence),
    /// A loop.
    Loop(LoopState),
    /// A parallel block.
    Parallel(Box<ParallelState>),
    /// A gate.
    Gate(Box<GateState>),
    /// A wait.
    Wait(Box<WaitState>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Root {
    pub(super) sequence: Sequence,
    /// How the body ended, once the `always` blocks run.
    pub(super) cleanup: Option<Ending>,
}

/// Steps one after the other: where they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sequence {
    /// Which block of the step.
    pub(super) block: u32,
    /// The place in the block of the next step to begin.
    pub(super) next: u32,
    /// Whether a step of it has begun and not ended.
    pub(super) busy: bool,
    /// Why it is being left before its end.
    pub(super) leaving: Option<Ending>,
}

impl Sequence {
    pub(super) fn of(block: u32) -> Self {
        Self {
            block,
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CallState {
    pub(super) phase: CallPhase,
    /// How many attempts have failed.
    pub(super) failed: u32,
    /// How often the guest was entered for the present attempt.
    pub(super) deliveries: u32,
    /// How many of these were lost with their host.
    pub(super) deaths: u32,
    /// What the latest delivery may do outside, if it was said.
    pub(super) class: Option<AttemptClass>,
    /// Whether a delivery that could be noticed outside was lost, and nobody has decided what follows.
    pub(super) unsure: bool,
    pub(super) params: Value,
    pub(super) previous: Option<Failure>,
    /// What an attempt or delivery kept for the one after it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) saved: Option<Data>,
    pub(super) deadline: Option<Timestamp>,
}

impl CallState {
    /// Returns whether a host died of it, perhaps, in an attempt that has not ended.
    pub(super) fn is_suspect(&self) -> bool {
        self.deaths > 0 && !matches!(self.phase, CallPhase::Handling(_))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum CallPhase {
    /// A delivery is under way.
    Running(Fence),
    /// The next attempt may start at this time.
    Waiting(Timestamp),
    /// The delivery was lost or stopped; the same attempt is to be delivered again.
    Lost,
    /// All attempts failed; the steps of `on_fail` run.
    Handling(Box<Handling>),
}

/// The steps of an `on_fail` block, and what they handle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Handling {
    pub(super) sequence: Sequence,
    pub(super) failure: Failure,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LoopState {
    pub(super) round: u32,
    /// For how many rounds in a row what the condition looks at has been the same.
    pub(super) unchanged: u32,
    pub(super) seen: Option<Digest>,
    pub(super) sequence: Sequence,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ParallelState {
    pub(super) branches: Vec<BranchState>,
    /// Branches that may begin; calls need a permit to do so.
    pub(super) ready_calls: BTreeSet<u32>,
    /// Other branches that may begin.
    pub(super) ready_others: BTreeSet<u32>,
    pub(super) running: u32,
    pub(super) ended: u32,
    /// How many completed.
    pub(super) completed: u32,
    /// How many succeeded or were skipped.
    pub(super) succeeded: u32,
    pub(super) failed: BTreeSet<u32>,
    /// Whether the branches were told to stop.
    pub(super) stopping: bool,
    /// The scope of the first branch; the others follow it.
    pub(super) first_scope: ScopeId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum BranchState {
    /// So many branches that it needs have not ended.
    Blocked(u32),
    /// It may begin.
    Ready,
    /// It has begun.
    Running,
    /// It ended.
    Ended(ChildEnd),
}

/// How a step ended, to the block around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ChildEnd {
    /// It completed.
    Completed,
    /// It never ran.
    Skipped,
    /// It failed and the block goes on.
    Continued,
    /// It failed and so does the block; or it was cancelled.
    Left(Ending),
}
