//! What has happened in a run: facts in the past tense, the only thing that is ever stored about it.

use crate::data::{Data, present};
use crate::failure::Failure;
use crate::history::Span;
use crate::id::{Digest, Fence, Generation, Occurrence, StepPath};
use crate::inbox::MessageId;
use crate::shared::SharedChange;
use crate::time::Timestamp;
use crate::value::{Blob, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the encoding of events that this release writes. It reads this and all earlier ones.
pub const EVENT_ENCODING: u32 = 3;

/// Amounts by name that a plugin reported: cost, tokens, rows.
pub type Metrics = BTreeMap<String, f64>;

/// What an attempt used, beside what it was allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Time from entering the guest to its end, in milliseconds.
    pub wall: Share,
    /// Time in which it computed, in milliseconds.
    pub cpu: Share,
    /// The most memory that it had at once, in bytes.
    pub memory: Share,
    /// Length of its output, in bytes.
    pub output: Share,
}

/// An amount, and how much was allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share(pub u64, pub u64);

/// An event with its place in the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its number within the run, from 1 without gaps.
    pub sequence: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Which step an event is about, and which time round its loops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReference {
    /// The stable name of the step.
    pub step: StepPath,
    /// Which time round each enclosing loop.
    #[serde(default, rename = "iteration", skip_serializing_if = "Occurrence::is_empty")]
    pub occurrence: Occurrence,
}

/// What happened. The serialised form is the stored form: golden files hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The run began.
    #[serde(rename = "run.started")]
    RunStarted {
        /// Name of the workflow.
        workflow: String,
        /// Digest of the plan.
        plan: Digest,
        /// All inputs, defaults applied.
        inputs: Value,
        /// What the host injected; these win over inputs in templates.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        injected: BTreeMap<String, String>,
        /// Whether nothing may leave the host.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dry_run: bool,
    },
    /// A host took the run over; attempts that were under way elsewhere are lost.
    #[serde(rename = "run.adopted")]
    RunAdopted {
        /// The generation from now on.
        generation: Generation,
        /// Which host.
        host: String,
        /// The deliveries that will never report.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<Fence>,
        /// Whether the host that had the run died or was cut off while it had it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        died: bool,
    },
    /// The host let go of the run in good order; it can be resumed.
    #[serde(rename = "run.interrupted")]
    RunInterrupted {
        /// The deliveries that the host stopped; they count as not started.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stopped: Vec<Fence>,
        /// What the run needs and the host did not have; none if the host was asked to stop.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody asked for the run to be cancelled.
    #[serde(rename = "run.cancel_requested")]
    CancelRequested {
        /// Why.
        reason: String,
        /// Who asked and by which message; none when the host itself did.
        #[serde(flatten)]
        cause: Cause,
    },
    /// Somebody asked for the run to be ended at once; its end follows.
    #[serde(rename = "run.kill_requested")]
    KillRequested {
        /// Why.
        reason: String,
        /// Who asked.
        #[serde(flatten)]
        cause: Cause,
    },
    /// The time that the run may take is over: it is left, cleans up, and fails.
    #[serde(rename = "run.timed_out")]
    RunTimedOut,
    /// Nothing new starts from here on, until the run is resumed.
    #[serde(rename = "run.paused")]
    RunPaused {
        /// Why.
        reason: String,
        /// Who asked; none when the run paused itself.
        #[serde(flatten)]
        cause: Cause,
    },
    /// The run goes on after a pause.
    #[serde(rename = "run.resumed")]
    RunResumed {
        /// Who asked.
        #[serde(flatten)]
        cause: Cause,
    },
    /// A run that had ended goes on from one of its steps: what came before stays, the rest is as if it had never been.
    #[serde(rename = "run.retried")]
    RunRetried {
        /// The generation from now on.
        generation: Generation,
        /// Which host goes on with it.
        host: String,
        /// How often the run was retried; tokens of one lineage are unknown in the others.
        lineage: u32,
        /// The step that the run goes on from: the one that was asked for, else the first that runs again; none if only the
        /// outputs are evaluated again. Of branches that wait for room its own goes first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<StepReference>,
        /// The events that count no longer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dropped: Vec<Span>,
        /// Digest of the plan from now on; none if it stays the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Digest>,
        /// The inputs from now on, where a new plan has other defaults; none if they stay the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inputs: Option<Value>,
        /// Who asked.
        #[serde(flatten)]
        cause: Cause,
    },
    /// The body ended and the top-level `always` blocks begin.
    #[serde(rename = "run.cleanup_started")]
    CleanupStarted {
        /// How the body ended.
        ending: Ending,
    },
    /// The run reached its end.
    #[serde(rename = "run.finished")]
    RunFinished {
        /// How.
        ending: Ending,
        /// What it returns.
        outputs: Value,
    },
    /// An attempt of a call was started, or delivered again.
    #[serde(rename = "attempt.started")]
    AttemptStarted {
        /// The call.
        #[serde(flatten)]
        at: StepReference,
        /// Which attempt, from 1; counts reported failures.
        attempt: u32,
        /// Which delivery of this attempt, from 1; counts entries of the guest.
        delivery: u32,
        /// The parameters; none when they are those of the previous start of this occurrence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        params: Option<Value>,
        /// Variables of templates in the parameters that have no value; nothing stands in their places.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// What the sandbox of this delivery lets it do outside; none in logs of hosts that did not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<AttemptClass>,
    },
    /// An attempt failed.
    #[serde(rename = "attempt.failed")]
    AttemptFailed {
        /// The call.
        #[serde(flatten)]
        at: StepReference,
        /// Which attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// When the next attempt may start; none when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
        /// What the plugin counted.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        metrics: Metrics,
        /// What it kept for the next attempt; none if it kept nothing new.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        saved: Option<Data>,
        /// What it used; none if nobody measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used: Option<Used>,
    },
    /// An attempt under way kept something for the delivery or attempt after it.
    #[serde(rename = "progress.saved")]
    ProgressSaved {
        /// The call.
        #[serde(flatten)]
        at: StepReference,
        /// Which attempt.
        attempt: u32,
        /// Which delivery of it.
        delivery: u32,
        /// What it kept.
        detail: Data,
    },
    /// A call completed.
    #[serde(rename = "step.completed")]
    StepCompleted {
        /// The call.
        #[serde(flatten)]
        at: StepReference,
        /// Which attempt completed it.
        attempt: u32,
        /// What it returned.
        output: Value,
        /// What conditions ask for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        markers: Vec<String>,
        /// Text for later steps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        /// What the plugin counted.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        metrics: Metrics,
        /// What it changed of the values that the steps of the run share.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shared: Vec<SharedChange>,
        /// What the attempt used; none if nobody measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used: Option<Used>,
    },
    /// A step failed for good.
    #[serde(rename = "step.failed")]
    StepFailed {
        /// The step.
        #[serde(flatten)]
        at: StepReference,
        /// Why.
        failure: Failure,
        /// How many attempts there were.
        attempts: u32,
        /// What follows.
        then: AfterFailure,
    },
    /// The steps of an `on_fail` block ended.
    #[serde(rename = "step.handled")]
    StepHandled {
        /// The step that had failed.
        #[serde(flatten)]
        at: StepReference,
    },
    /// A step did not run.
    #[serde(rename = "step.skipped")]
    StepSkipped {
        /// The step.
        #[serde(flatten)]
        at: StepReference,
        /// Why not.
        reason: SkipReason,
    },
    /// A step was stopped, or will not start, because what it belongs to is being left.
    #[serde(rename = "step.cancelled")]
    StepCancelled {
        /// The step.
        #[serde(flatten)]
        at: StepReference,
    },
    /// Variables were written.
    #[serde(rename = "variables.set")]
    VariablesSet {
        /// The `set`.
        #[serde(flatten)]
        at: StepReference,
        /// The new values.
        values: Value,
    },
    /// A gate asks people.
    #[serde(rename = "gate.opened")]
    GateOpened {
        /// The gate.
        #[serde(flatten)]
        at: StepReference,
        /// What is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt: Option<String>,
        /// What can be chosen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<GateOption>,
        /// What goes with the question: a map of `show` and `data`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<Value>,
        /// Until when it is open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// Somebody approved a gate that needs more approvals.
    #[serde(rename = "gate.approved")]
    GateApproved {
        /// The gate.
        #[serde(flatten)]
        at: StepReference,
        /// Who.
        #[serde(flatten)]
        cause: Cause,
    },
    /// A gate was decided; the end of its step follows.
    #[serde(rename = "gate.decided")]
    GateDecided {
        /// The gate.
        #[serde(flatten)]
        at: StepReference,
        /// Whether it was approved; else it was rejected.
        approved: bool,
        /// What was said about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        feedback: Option<String>,
        /// What was chosen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        selections: Vec<String>,
        /// What was filled in.
        #[serde(default, skip_serializing_if = "Data::is_null")]
        form: Data,
        /// Who decided.
        #[serde(flatten)]
        cause: Cause,
    },
    /// A wait began.
    #[serde(rename = "wait.started")]
    WaitStarted {
        /// The wait.
        #[serde(flatten)]
        at: StepReference,
        /// The topic of the signal it waits for; none when it waits for a time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        /// The correlation of that signal; none for any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        correlation: Option<String>,
        /// When it ends without a signal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
    /// A wait took a signal; the end of its step follows.
    #[serde(rename = "wait.received")]
    WaitReceived {
        /// The wait.
        #[serde(flatten)]
        at: StepReference,
        /// The number of the event in which the signal came.
        signal: u64,
    },
    /// A signal came; it is kept until a wait takes it.
    #[serde(rename = "signal.received")]
    SignalReceived {
        /// What kind of thing happened.
        topic: String,
        /// Which of its kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        correlation: Option<String>,
        /// What is told about it.
        data: Value,
        /// Two signals with one key are one signal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Who sent it.
        #[serde(flatten)]
        cause: Cause,
    },
    /// A `do`, `parallel` or `always` block began.
    #[serde(rename = "block.started")]
    BlockStarted {
        /// The block.
        #[serde(flatten)]
        at: StepReference,
    },
    /// A choice was made and its arm began.
    #[serde(rename = "branch.chosen")]
    BranchChosen {
        /// The `if`.
        #[serde(flatten)]
        at: StepReference,
        /// Which arm, from 0; one more than the last arm is `else`.
        arm: u32,
    },
    /// A round of a loop began.
    #[serde(rename = "iteration.started")]
    IterationStarted {
        /// The loop.
        #[serde(flatten)]
        at: StepReference,
        /// Which round, from 0.
        round: u32,
        /// For how many rounds in a row what the condition looks at has been the same.
        #[serde(default, skip_serializing_if = "is_zero")]
        unchanged: u32,
        /// Digest of what the condition looks at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Digest>,
    },
    /// Branches of a parallel block were told to stop; those that had not started never will.
    #[serde(rename = "branches.cancelled")]
    BranchesCancelled {
        /// The parallel block.
        #[serde(flatten)]
        at: StepReference,
        /// Which branches, by their place in the block.
        branches: Vec<u32>,
    },
    /// A block ended.
    #[serde(rename = "block.ended")]
    BlockEnded {
        /// The block.
        #[serde(flatten)]
        at: StepReference,
        /// How.
        ending: Ending,
        /// The markers of all its steps, for a named block.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        markers: Vec<String>,
    },
}

/// Whether anything outside can notice a delivery: decided by what its sandbox is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptClass {
    /// Nothing outside can notice that it runs.
    Quiet,
    /// Something outside can.
    Effectful,
}

/// One thing that can be chosen at a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateOption {
    /// What a selection names.
    pub value: String,
    /// What people are shown in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Who brought something about from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The message of the inbox that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// How a block or a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum Ending {
    /// Everything in it completed, was skipped, or failed and was continued.
    Completed,
    /// A step failed.
    Failed {
        /// The step that failed.
        step: StepPath,
        /// Why.
        failure: Failure,
    },
    /// It was stopped.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// It was ended at once. Only runs are.
    Killed {
        /// Why.
        reason: String,
    },
}

/// What follows the failure of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterFailure {
    /// The block around it fails.
    Propagate,
    /// The block around it goes on.
    Continue,
    /// The steps of its `on_fail` block run, then the block around it fails.
    Handle,
}

/// Why a step did not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// Its condition did not hold.
    Condition,
    /// A branch that it needs did not succeed.
    Need(StepPath),
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why stored bytes are not an event.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// A later release wrote it.
    #[error("the event has encoding {found}, this release reads up to {EVENT_ENCODING}")]
    Newer {
        /// The version found.
        found: u32,
    },
    /// The bytes are damaged.
    #[error("the stored event is damaged")]
    Damaged(#[source] serde_json::Error),
}

impl Event {
    /// Returns the bytes that stand for this event on disk, in encoding [`EVENT_ENCODING`].
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names are the only keys and numbers are finite")
    }

    /// Returns the event that `bytes` of `encoding` stand for; its blobs are still to be filled in.
    ///
    /// # Errors
    /// If a later release wrote them or they are damaged.
    pub fn decode(encoding: u32, bytes: &[u8]) -> Result<Self, UnreadableEvent> {
        if encoding > EVENT_ENCODING {
            return Err(UnreadableEvent::Newer { found: encoding });
        }
        serde_json::from_slice(bytes).map_err(UnreadableEvent::Damaged)
    }

    /// Returns the stable name of this kind of event, as in the stored form.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run.started",
            Self::RunAdopted { .. } => "run.adopted",
            Self::RunInterrupted { .. } => "run.interrupted",
            Self::CancelRequested { .. } => "run.cancel_requested",
            Self::KillRequested { .. } => "run.kill_requested",
            Self::RunTimedOut => "run.timed_out",
            Self::RunPaused { .. } => "run.paused",
            Self::RunResumed { .. } => "run.resumed",
            Self::RunRetried { .. } => "run.retried",
            Self::CleanupStarted { .. } => "run.cleanup_started",
            Self::RunFinished { .. } => "run.finished",
            Self::AttemptStarted { .. } => "attempt.started",
            Self::AttemptFailed { .. } => "attempt.failed",
            Self::ProgressSaved { .. } => "progress.saved",
            Self::StepCompleted { .. } => "step.completed",
            Self::StepFailed { .. } => "step.failed",
            Self::StepHandled { .. } => "step.handled",
            Self::StepSkipped { .. } => "step.skipped",
            Self::StepCancelled { .. } => "step.cancelled",
            Self::VariablesSet { .. } => "variables.set",
            Self::GateOpened { .. } => "gate.opened",
            Self::GateApproved { .. } => "gate.approved",
            Self::GateDecided { .. } => "gate.decided",
            Self::WaitStarted { .. } => "wait.started",
            Self::WaitReceived { .. } => "wait.received",
            Self::SignalReceived { .. } => "signal.received",
            Self::BlockStarted { .. } => "block.started",
            Self::BranchChosen { .. } => "branch.chosen",
            Self::IterationStarted { .. } => "iteration.started",
            Self::BranchesCancelled { .. } => "branches.cancelled",
            Self::BlockEnded { .. } => "block.ended",
        }
    }

    /// Returns the step that the event is about, none for events of the whole run.
    pub fn step(&self) -> Option<&StepReference> {
        match self {
            Self::RunStarted { .. }
            | Self::RunAdopted { .. }
            | Self::RunInterrupted { .. }
            | Self::CancelRequested { .. }
            | Self::KillRequested { .. }
            | Self::RunTimedOut
            | Self::RunPaused { .. }
            | Self::RunResumed { .. }
            | Self::RunRetried { .. }
            | Self::SignalReceived { .. }
            | Self::CleanupStarted { .. }
            | Self::RunFinished { .. } => None,
            Self::AttemptStarted { at, .. }
            | Self::AttemptFailed { at, .. }
            | Self::ProgressSaved { at, .. }
            | Self::StepCompleted { at, .. }
            | Self::StepFailed { at, .. }
            | Self::StepHandled { at }
            | Self::StepSkipped { at, .. }
            | Self::StepCancelled { at }
            | Self::VariablesSet { at, .. }
            | Self::GateOpened { at, .. }
            | Self::GateApproved { at, .. }
            | Self::GateDecided { at, .. }
            | Self::WaitStarted { at, .. }
            | Self::WaitReceived { at, .. }
            | Self::BlockStarted { at }
            | Self::BranchChosen { at, .. }
            | Self::IterationStarted { at, .. }
            | Self::BranchesCancelled { at, .. }
            | Self::BlockEnded { at, .. } => Some(at),
        }
    }

    fn value(&self) -> Option<&Value> {
        match self {
            Self::RunStarted { inputs: value, .. }
            | Self::RunRetried {
                inputs: Some(value), ..
            }
            | Self::RunFinished { outputs: value, .. }
            | Self::AttemptStarted {
                params: Some(value), ..
            }
            | Self::StepCompleted { output: value, .. }
            | Self::GateOpened { shown: Some(value), .. }
            | Self::SignalReceived { data: value, .. }
            | Self::VariablesSet { values: value, .. } => Some(value),
            Self::RunAdopted { .. }
            | Self::RunInterrupted { .. }
            | Self::CancelRequested { .. }
            | Self::KillRequested { .. }
            | Self::RunTimedOut
            | Self::RunPaused { .. }
            | Self::RunResumed { .. }
            | Self::RunRetried { inputs: None, .. }
            | Self::CleanupStarted { .. }
            | Self::AttemptStarted { params: None, .. }
            | Self::AttemptFailed { .. }
            | Self::ProgressSaved { .. }
            | Self::StepFailed { .. }
            | Self::StepHandled { .. }
            | Self::StepSkipped { .. }
            | Self::StepCancelled { .. }
            | Self::GateOpened { shown: None, .. }
            | Self::GateApproved { .. }
            | Self::GateDecided { .. }
            | Self::WaitStarted { .. }
            | Self::WaitReceived { .. }
            | Self::BlockStarted { .. }
            | Self::BranchChosen { .. }
            | Self::IterationStarted { .. }
            | Self::BranchesCancelled { .. }
            | Self::BlockEnded { .. } => None,
        }
    }

    /// Returns the large value of this event, which is stored beside it.
    pub fn blob(&self) -> Option<&Blob> {
        self.value().and_then(Value::blob)
    }

    /// Fills in the content of the large value of this event, if it has one with this digest.
    pub fn fill(&mut self, digest: Digest, content: &Data) {
        let value = match self {
            Self::RunStarted { inputs: value, .. }
            | Self::RunRetried {
                inputs: Some(value), ..
            }
            | Self::RunFinished { outputs: value, .. }
            | Self::AttemptStarted {
                params: Some(value), ..
            }
            | Self::StepCompleted { output: value, .. }
            | Self::GateOpened { shown: Some(value), .. }
            | Self::SignalReceived { data: value, .. }
            | Self::VariablesSet { values: value, .. } => value,
            _ => return,
        };
        if let Some(blob) = value.blob_mut().filter(|blob| blob.digest == digest) {
            blob.content = Some(content.clone());
        }
    }
}
