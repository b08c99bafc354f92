//! What a run will do: a validated tree of steps, bound to actions, independent of the text it came from.

mod build;
mod encoding;

pub use build::InvalidPlan;
pub use encoding::{PLAN_ENCODING, UnreadablePlan};

use crate::data::Data;
use crate::expr::{Expression, Template, ValueSource};
use crate::failure::FailureClass;
use crate::id::{Digest, StepPath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The name under which the result of a step is found by conditions and expressions.
pub type StepKey = Arc<str>;

/// The place of a step in [`Plan::nodes`]. Stored only with the plan that gives it its meaning, and in snapshots of its runs:
/// events name steps by [`StepPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeIndex(pub u32);

/// Steps that run one after the other.
pub type Block = Vec<NodeIndex>;

/// A workflow that is ready to run. Made by [`Plan::build`], read and written by [`Plan::encode`] and [`Plan::decode`].
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    parts: Parts,
    index: build::Index,
    digest: Digest,
}

/// What a plan is made of, before it is validated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Name of the workflow.
    pub name: String,
    /// Title for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Edition of the language that the text was read as; 0 for files without one.
    pub edition: u32,
    /// What the workflow takes.
    pub inputs: Vec<InputDeclaration>,
    /// What the workflow returns; without it the output of the last completed step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<(String, ValueSource)>>,
    /// All steps, each before the steps inside it, the steps inside it directly after it.
    pub nodes: Vec<Node>,
    /// The steps of the workflow itself.
    pub body: Block,
    /// The top-level `always` blocks in the order of the text: nodes of kind [`NodeKind::Always`].
    pub always: Block,
    /// At most this many attempts of the run at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// How long the run may take from its start, or its latest retry, to its clean-up.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "encoding::optional_millis")]
    pub timeout: Option<Duration>,
    /// The schemas that calls name for their outputs, by name, in the form of whoever judges outputs: here they are only
    /// kept, so that a run is judged by those it started with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schemas: BTreeMap<String, Data>,
}

/// One input of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputDeclaration {
    /// Its name.
    pub name: String,
    /// What it must be.
    pub kind: InputKind,
    /// Whether a run cannot start without it.
    pub required: bool,
    /// What it is when it is not given; absent optional inputs are null, absent booleans false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Data>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The only values it may have, if there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Data>,
    /// The smallest number it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest number it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// A regular expression that its text must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// What an input must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A map.
    Object,
    /// A list.
    Array,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its stable name.
    pub path: StepPath,
    /// Where its result is found; blocks without a name have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<StepKey>,
    /// Runs only if this holds (`if =`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Condition>,
    /// What it does.
    pub kind: NodeKind,
    /// Where it stands in the text.
    pub place: Place,
}

/// A place in the text of a workflow, counted from 1; columns in Unicode scalar values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Line of the step's first word.
    pub line: u32,
    /// Column of the step's first word.
    pub column: u32,
    /// Length of what is pointed at, in Unicode scalar values of that line.
    pub length: u32,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// Calls an action.
    Call(Box<Call>),
    /// Runs the first arm whose condition holds (`if`, `unless`, `else`).
    If(If),
    /// Runs its body again and again (`while`, `do .. while`).
    Loop(Box<Loop>),
    /// Runs its body once (`do`).
    Do(Block),
    /// Runs its branches beside each other.
    Parallel(Parallel),
    /// Runs its body also when the block around it is left early (`always`).
    Always(Block),
    /// Writes variables of the run.
    Set(Vec<(String, ValueSource)>),
    /// Fails with a text.
    Fail(Template),
    /// Waits until people have decided.
    Gate(Box<Gate>),
    /// Waits for a time or a signal.
    Wait(Box<Wait>),
}

/// The action that a call means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionReference {
    /// Name of the plugin.
    pub plugin: String,
    /// Name of the action within the plugin.
    pub action: String,
    /// The component that the run will use, whatever is installed later.
    pub component: Digest,
}

impl std::fmt::Display for ActionReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.plugin, self.action)
    }
}

/// A call of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// What is called.
    pub action: ActionReference,
    /// The parameters, a map.
    pub params: ValueSource,
    /// Whether and when it is tried again.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "encoding::optional_millis")]
    pub timeout: Option<Duration>,
    /// How long all attempts with the waits between them may take.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "encoding::optional_millis")]
    pub timeout_total: Option<Duration>,
    /// What a failure does.
    #[serde(default)]
    pub on_fail: OnFail,
    /// What becomes of a delivery that could be noticed outside and was lost with its host, as the action says.
    #[serde(default, skip_serializing_if = "OnLost::is_default")]
    pub on_lost: OnLost,
    /// The name of the schema that its output must fit, if the call or a block around it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The names of the snippets that go with its prompt: those of outer blocks first, its own last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
}

/// What becomes of a delivery that was lost with its host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnLost {
    /// It is delivered again.
    #[default]
    Redeliver,
    /// The attempt fails.
    Fail,
    /// The run is paused until a person lets it go on.
    Ask,
}

impl OnLost {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
    fn is_default(&self) -> bool {
        *self == Self::Redeliver
    }
}

/// A question to people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The word after `gate`: who is asked, and how.
    pub kind: String,
    /// What is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Template>,
    /// What is shown with the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<ValueSource>,
    /// What programs that resolve gates are given with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ValueSource>,
    /// What can be chosen: a list, or a map from values to labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<ValueSource>,
    /// The schema of what is to be filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Data>,
    /// How long it stays open; for ever if not given.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "encoding::optional_millis")]
    pub timeout: Option<Duration>,
    /// What happens when nobody has decided until then.
    pub on_timeout: OnTimeout,
    /// What a rejection does.
    pub on_reject: OnReject,
    /// How many different people must approve, at least 1.
    pub min_approvals: u32,
}

/// What happens when the time of a gate or a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnTimeout {
    /// The step fails.
    Fail,
    /// The step completes with the marker `timed_out`.
    Continue,
}

/// What a rejection does to a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnReject {
    /// The gate fails.
    Fail,
    /// The gate completes with the marker `rejected`.
    Skip,
}

/// A wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// What it waits for.
    pub until: WaitUntil,
    /// How long it waits for a signal; for ever if not given.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "encoding::optional_millis")]
    pub timeout: Option<Duration>,
    /// What happens when no signal came until then.
    pub on_timeout: OnTimeout,
}

/// What ends a wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitUntil {
    /// That this long has passed: a duration such as `30s`, or a number of seconds.
    Passed(ValueSource),
    /// That it is this time (RFC 3339).
    Time(ValueSource),
    /// That a signal came.
    Signal {
        /// With this topic.
        topic: ValueSource,
        /// With this correlation; any if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        correlation: Option<ValueSource>,
    },
}

/// What the failure of a step does to the block around it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFail {
    /// The block fails.
    #[default]
    Fail,
    /// The block goes on.
    Continue,
    /// These steps run, then the block fails.
    Handle(Block),
}

/// Whether and when a failed attempt is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// How many attempts there are in all, at least 1.
    pub attempts: u32,
    /// Wait before the second attempt.
    #[serde(with = "encoding::millis")]
    pub backoff: Duration,
    /// By what the wait grows from attempt to attempt.
    pub factor: f64,
    /// The longest wait.
    #[serde(with = "encoding::millis")]
    pub max: Duration,
    /// By which share a wait may be shorter or longer, 0 to 1.
    pub jitter: f64,
    /// The only classes that are tried again, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<FailureClass>>,
    /// Classes that are not tried again.
    pub never: Vec<FailureClass>,
}

impl Default for RetryPolicy {
    /// Returns the policy of a step that says nothing: one attempt.
    fn default() -> Self {
        Self::times(1)
    }
}

impl RetryPolicy {
    /// The classes that are not tried again unless a policy says otherwise (LANGUAGE rule R48).
    pub const NEVER: [FailureClass; 4] = [
        FailureClass::InvalidInput,
        FailureClass::Denied,
        FailureClass::Cancelled,
        FailureClass::Permanent,
    ];

    /// Returns the policy of `retries = attempts - 1`: no wait between the attempts.
    pub fn times(attempts: u32) -> Self {
        Self {
            attempts,
            backoff: Duration::ZERO,
            factor: 2.0,
            max: Duration::from_secs(60),
            jitter: 0.0,
            on: None,
            never: Self::NEVER.to_vec(),
        }
    }

    /// Returns the defaults of a `retry { }` block (LANGUAGE rule R48).
    pub fn block_defaults() -> Self {
        Self {
            backoff: Duration::from_secs(1),
            jitter: 0.1,
            ..Self::times(3)
        }
    }
}

/// A choice between blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct If {
    /// The arms in the order of the text.
    pub arms: Vec<Arm>,
    /// What runs when no arm's condition holds.
    pub otherwise: Block,
}

/// One arm of a choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// When it is taken.
    pub condition: Condition,
    /// What it runs.
    pub body: Block,
}

/// A question to the results so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What is asked.
    pub test: Test,
    /// Whether the answer is turned round (`unless`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub negated: bool,
}

/// What a condition asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// Whether the latest result under the key has the marker.
    Marker {
        /// The key of the step.
        step: StepKey,
        /// The marker.
        marker: String,
    },
    /// Whether the input is true.
    Input(String),
    /// Whether the expression is true; anything but a boolean fails the step.
    Expression(Expression),
}

/// A loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    /// Goes on while this holds.
    pub condition: Condition,
    /// Whether the condition is tested before the first round (`while`) or after it (`do .. while`).
    pub order: LoopOrder,
    /// The most rounds there may be: a number.
    pub limit: ValueSource,
    /// What happens when the limit is reached.
    pub on_limit: OnLimit,
    /// Fails after so many rounds in a row in which what the condition looks at stayed the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_after: Option<u32>,
    /// What each round runs.
    pub body: Block,
}

/// When a loop tests its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoopOrder {
    /// Before each round.
    TestFirst,
    /// After each round.
    BodyFirst,
}

/// What a loop does when its limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnLimit {
    /// The loop fails.
    Fail,
    /// The loop ends and the workflow goes on.
    Continue,
}

/// Branches that run beside each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parallel {
    /// The branches in the order of the text.
    pub branches: Vec<Branch>,
    /// When the block ends.
    pub join: Join,
    /// At most so many branches at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// Whether a failed branch cancels its siblings.
    pub fail_fast: bool,
    /// How many branches must succeed or be skipped; all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_success: Option<u32>,
}

/// One branch of a parallel block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// Its step.
    pub node: NodeIndex,
    /// The branches, by their place in [`Parallel::branches`], that must have ended before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<u32>,
    /// Whether it starts also when a branch that it needs failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_any_result: bool,
}

/// When a parallel block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// When every branch has ended.
    All,
    /// When the first branch has succeeded; the others are cancelled.
    Any,
}

impl Plan {
    /// Returns the plan made of `parts`.
    ///
    /// # Errors
    /// If the parts do not form a tree as [`Parts::nodes`] describes it, or a rule of a step does not hold.
    pub fn build(parts: Parts) -> Result<Self, InvalidPlan> {
        let index = build::index(&parts)?;
        let digest = encoding::digest(&parts);
        Ok(Self { parts, index, digest })
    }

    /// Returns the name of the workflow.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// Returns what the plan was made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the digest of the encoded plan; the places in the text and the descriptions do not count.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns all steps in the order of the text.
    pub fn nodes(&self) -> &[Node] {
        &self.parts.nodes
    }

    /// Returns the schemas that calls name for their outputs, by name.
    pub fn schemas(&self) -> &BTreeMap<String, Data> {
        &self.parts.schemas
    }

    /// Returns the step at `index`, which must come from this plan.
    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.parts.nodes[index.0 as usize]
    }

    /// Returns where the step called `path` is.
    pub fn find(&self, path: &StepPath) -> Option<NodeIndex> {
        self.index.by_path.get(path).copied()
    }

    /// Returns the step around the one at `index`, none at the top level.
    pub fn parent(&self, index: NodeIndex) -> Option<NodeIndex> {
        self.links(index).parent
    }

    pub(crate) fn links(&self, index: NodeIndex) -> &build::Links {
        &self.index.links[index.0 as usize]
    }

    pub(crate) fn dependents(&self, parallel: NodeIndex) -> &[Vec<u32>] {
        self.index.dependents.get(&parallel).map_or(&[], Vec::as_slice)
    }

    /// Returns the steps that call actions, with what they call.
    pub fn calls(&self) -> impl Iterator<Item = (&Node, &Call)> {
        self.parts.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Call(call) => Some((node, &**call)),
            NodeKind::If(_)
            | NodeKind::Loop(_)
            | NodeKind::Do(_)
            | NodeKind::Parallel(_)
            | NodeKind::Always(_)
            | NodeKind::Set(_)
            | NodeKind::Fail(_)
            | NodeKind::Gate(_)
            | NodeKind::Wait(_) => None,
        })
    }

    /// Returns whether at most one attempt of a run of this plan is ever under way.
    pub fn is_sequential(&self) -> bool {
        // Asked at every decision. Each block of parallel branches has an entry.
        self.index.dependents.is_empty()
    }

    /// Returns the components that a run of this plan needs, by plugin name.
    pub fn components(&self) -> BTreeMap<&str, Digest> {
        self.calls()
            .map(|(_, call)| (call.action.plugin.as_str(), call.action.component))
            .collect()
    }
}
