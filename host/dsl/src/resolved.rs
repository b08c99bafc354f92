//! What a workflow means: names bound to actions, values understood, still nested as its author wrote it.

use cofferdam_engine::Data;
use cofferdam_engine::expr::{Template, ValueSource};
use cofferdam_engine::plan::{
    ActionReference, Condition, Gate, InputDeclaration, Join, LoopOrder, OnLimit, OnLost, Place, RetryPolicy, StepKey,
    Wait,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A workflow without errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Its name.
    pub name: String,
    /// Its title for people.
    pub title: Option<String>,
    /// The edition it is written in, 0 for files without one.
    pub edition: u32,
    /// What it takes.
    pub inputs: Vec<InputDeclaration>,
    /// What it returns, if it says so.
    pub outputs: Option<Vec<(String, ValueSource)>>,
    /// Its steps.
    pub body: Vec<Step>,
    /// Its top-level `always` blocks, in the order of the text.
    pub always: Vec<Cleanup>,
    /// At most this many attempts at the same time.
    pub max_parallel: Option<u32>,
    /// How long a run may take.
    pub timeout: Option<Duration>,
    /// The schemas that its calls name, by name, as [`crate::OutputSchema::to_data`] gives them.
    pub schemas: BTreeMap<String, Data>,
}

/// A top-level `always` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleanup {
    /// Its steps.
    pub body: Vec<Step>,
    /// Where it stands.
    pub place: Place,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name in paths: the key, or the word of a block without name.
    pub segment: String,
    /// Where its result is found.
    pub key: Option<StepKey>,
    /// When it runs.
    pub guard: Option<Condition>,
    /// What it does.
    pub kind: StepKind,
    /// Where it stands.
    pub place: Place,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Calls an action.
    Call(Box<Call>),
    /// Runs the first arm whose condition holds.
    If(If),
    /// Repeats its body.
    Loop(Box<Loop>),
    /// Runs its body once.
    Do(Vec<Step>),
    /// Runs its branches beside each other.
    Parallel(Parallel),
    /// Runs its body also when the block around it is left early.
    Always(Vec<Step>),
    /// Writes variables.
    Set(Vec<(String, ValueSource)>),
    /// Fails with a text.
    Fail(Template),
    /// Waits until people have decided.
    Gate(Box<Gate>),
    /// Waits for a time or a signal.
    Wait(Box<Wait>),
}

/// A call of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is called.
    pub action: ActionReference,
    /// The parameters, a map.
    pub params: ValueSource,
    /// Whether and when it is tried again.
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How long all attempts may take.
    pub timeout_total: Option<Duration>,
    /// What becomes of a delivery that was lost with its host.
    pub on_lost: OnLost,
    /// What a failure does.
    pub on_fail: OnFail,
    /// The name of the schema of its output.
    pub output: Option<String>,
    /// The names of its snippets, those of outer blocks first.
    pub with: Vec<String>,
}

/// What the failure of a call does.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OnFail {
    /// The block around it fails.
    #[default]
    Fail,
    /// The block goes on.
    Continue,
    /// These steps run, then the block fails.
    Handle(Vec<Step>),
}

/// A choice between blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct If {
    /// The conditions with their steps.
    pub arms: Vec<(Condition, Vec<Step>)>,
    /// The steps when no condition holds.
    pub otherwise: Vec<Step>,
}

/// A loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// Goes on while this holds.
    pub condition: Condition,
    /// When the condition is tested.
    pub order: LoopOrder,
    /// The most rounds.
    pub limit: ValueSource,
    /// What happens at the limit.
    pub on_limit: OnLimit,
    /// How many rounds without a change fail the loop.
    pub stuck_after: Option<u32>,
    /// What each round runs.
    pub body: Vec<Step>,
}

/// Branches beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Parallel {
    /// The branches.
    pub branches: Vec<Branch>,
    /// When the block ends.
    pub join: Join,
    /// At most so many branches at the same time.
    pub max_parallel: Option<u32>,
    /// Whether a failed branch cancels its siblings.
    pub fail_fast: bool,
    /// How many branches must succeed.
    pub min_success: Option<u32>,
}

/// One branch.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// Its step.
    pub step: Step,
    /// The branches it waits for, by their places in the block.
    pub needs: Vec<u32>,
    /// Whether it starts also when one of them failed.
    pub needs_any_result: bool,
}
