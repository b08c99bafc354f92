//! Which attributes every construct has, what values they take, and what this version carries out.

use crate::ast::{CallTarget, Node, NodeKind};

/// A construct that has attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Construct {
    /// `meta { }`.
    Meta,
    /// The map `concurrency` of `meta`.
    Concurrency,
    /// The map `webhook` of `meta`.
    Webhook,
    /// The declaration of an input.
    Input,
    /// `call NAME`, `call PLUGIN.ACTION`, `call "path"`.
    Call,
    /// `call workflow NAME`.
    CallWorkflow,
    /// `if` and `unless`, which have none.
    If,
    /// `while COND { }`.
    While,
    /// `do { }`.
    Do,
    /// `do { } while COND`.
    DoWhile,
    /// `parallel { }`.
    Parallel,
    /// `gate KIND { }`.
    Gate,
    /// `gate quality_gate { }`.
    QualityGate,
    /// `script NAME { }`.
    Script,
    /// `wait NAME { }`.
    Wait,
    /// `foreach NAME { }`.
    Foreach,
    /// The map `retry` of a step.
    Retry,
}

/// What values an attribute takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text.
    Text,
    /// A name, bare or quoted; names with dots too.
    Name,
    /// One name or a list of names.
    Names,
    /// One of some words, bare or quoted.
    Word(&'static [&'static str]),
    /// A list of some words.
    Words(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A whole number that is not negative.
    Integer,
    /// A number.
    Number,
    /// A span of time.
    Duration,
    /// A condition.
    Condition,
    /// A map.
    Map,
    /// `continue`, an action, or steps.
    OnFail,
    /// Steps only.
    Steps,
    /// Anything.
    Any,
}

/// One attribute of a construct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// The values it takes.
    pub shape: Shape,
    /// Whether `{{ }}` in its texts is filled in, and expressions may stand there (rule R33).
    pub template: bool,
    /// Whether this version carries it out.
    pub carried_out: bool,
}

impl Rule {
    const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            template: false,
            carried_out: true,
        }
    }

    const fn template(mut self) -> Self {
        self.template = true;
        self
    }

    const fn later(mut self) -> Self {
        self.carried_out = false;
        self
    }
}

/// The words for the classes of failures (rule R49).
pub const FAILURE_CLASSES: &[&str] = &[
    "transient",
    "permanent",
    "invalid-input",
    "timeout",
    "exit",
    "trap",
    "limit",
    "denied",
    "expression",
    "cancelled",
    "lost",
];

/// The kinds of inputs.
pub const INPUT_TYPES: &[&str] = &["string", "number", "boolean", "array", "object", "secret"];

const IF: Rule = Rule::new("if", Shape::Condition);
const NEEDS: Rule = Rule::new("needs", Shape::Names);
const NEEDS_ANY_RESULT: Rule = Rule::new("needs_any_result", Shape::Boolean);
const RETRIES: Rule = Rule::new("retries", Shape::Integer);
const RETRY: Rule = Rule::new("retry", Shape::Map);
const ON_FAIL: Rule = Rule::new("on_fail", Shape::OnFail);
const UNDO: Rule = Rule::new("undo", Shape::Steps).later();
const TIMEOUT: Rule = Rule::new("timeout", Shape::Duration);
const TIMEOUT_TOTAL: Rule = Rule::new("timeout_total", Shape::Duration);
const TIMEOUT_IN_QUEUE: Rule = Rule::new("timeout_in_queue", Shape::Duration).later();
const BLOCK_TIMEOUT: Rule = Rule::new("timeout", Shape::Duration).later();
const AS: Rule = Rule::new("as", Shape::Name).later();
const OUTPUT: Rule = Rule::new("output", Shape::Name);
const WITH: Rule = Rule::new("with", Shape::Names);
const MAX_ITERATIONS: Rule = Rule::new("max_iterations", Shape::Integer).template();
const STUCK_AFTER: Rule = Rule::new("stuck_after", Shape::Any);
const ON_MAX_ITER: Rule = Rule::new("on_max_iter", Shape::Word(&["fail", "continue"]));
const MAX_PARALLEL: Rule = Rule::new("max_parallel", Shape::Integer);
const ON_TIMEOUT: Rule = Rule::new("on_timeout", Shape::Word(&["fail", "continue"]));

const META: &[Rule] = &[
    Rule::new("title", Shape::Text),
    Rule::new("description", Shape::Text),
    Rule::new("trigger", Shape::Word(&["manual", "pr", "scheduled"])),
    Rule::new("targets", Shape::Names),
    Rule::new("group", Shape::Name),
    Rule::new("timeout", Shape::Duration),
    Rule::new("fail_fast", Shape::Boolean),
    Rule::new("schedule", Shape::Text).later(),
    Rule::new("timezone", Shape::Text).later(),
    Rule::new("overlap", Shape::Word(&["skip", "queue", "cancel_old", "allow"])).later(),
    Rule::new("catch_up", Shape::Word(&["last", "all", "none"])).later(),
    Rule::new("webhook", Shape::Map).later(),
    Rule::new("concurrency", Shape::Map).later(),
];

const CONCURRENCY: &[Rule] = &[
    Rule::new("key", Shape::Text).template(),
    Rule::new("limit", Shape::Integer),
    Rule::new("policy", Shape::Word(&["queue", "cancel_old", "cancel_new", "skip"])),
];

const WEBHOOK: &[Rule] = &[Rule::new("path", Shape::Text), Rule::new("secret", Shape::Name)];

const INPUT: &[Rule] = &[
    Rule::new("default", Shape::Any),
    Rule::new("description", Shape::Text),
    Rule::new("type", Shape::Word(INPUT_TYPES)),
    Rule::new("enum", Shape::Any),
    Rule::new("min", Shape::Number),
    Rule::new("max", Shape::Number),
    Rule::new("pattern", Shape::Text),
];

const CALL: &[Rule] = &[
    Rule::new("use", Shape::Name),
    Rule::new("params", Shape::Map).template(),
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
    RETRIES,
    RETRY,
    ON_FAIL,
    UNDO,
    TIMEOUT,
    TIMEOUT_TOTAL,
    TIMEOUT_IN_QUEUE,
    OUTPUT,
    WITH,
    AS,
    Rule::new("plugin_dirs", Shape::Names).later(),
    Rule::new("max_turns", Shape::Integer).later(),
];

const CALL_WORKFLOW: &[Rule] = &[
    Rule::new("inputs", Shape::Map).template(),
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
    RETRIES,
    RETRY,
    ON_FAIL,
    UNDO,
    TIMEOUT,
    TIMEOUT_TOTAL,
    TIMEOUT_IN_QUEUE,
    AS,
    Rule::new("close", Shape::Word(&["cancel", "abandon"])),
];

const WHILE: &[Rule] = &[
    MAX_ITERATIONS,
    STUCK_AFTER,
    ON_MAX_ITER,
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
    BLOCK_TIMEOUT,
];

const DO: &[Rule] = &[OUTPUT, WITH, IF, NEEDS, NEEDS_ANY_RESULT, BLOCK_TIMEOUT];

const DO_WHILE: &[Rule] = &[
    MAX_ITERATIONS,
    STUCK_AFTER,
    ON_MAX_ITER,
    OUTPUT,
    WITH,
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
    BLOCK_TIMEOUT,
];

const PARALLEL: &[Rule] = &[
    Rule::new("fail_fast", Shape::Boolean),
    Rule::new("min_success", Shape::Integer),
    Rule::new("join", Shape::Word(&["all", "any"])),
    MAX_PARALLEL,
    OUTPUT,
    WITH,
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
    BLOCK_TIMEOUT,
];

const GATE: &[Rule] = &[
    Rule::new("prompt", Shape::Text).template(),
    Rule::new("show", Shape::Any).template(),
    Rule::new("data", Shape::Any).template(),
    Rule::new("options", Shape::Any).template(),
    Rule::new("form", Shape::Map),
    Rule::new("timeout", Shape::Duration),
    ON_TIMEOUT,
    Rule::new("on_reject", Shape::Word(&["fail", "skip"])),
    Rule::new("remind", Shape::Duration).later(),
    Rule::new("min_approvals", Shape::Integer),
    Rule::new("mode", Shape::Word(&["min_approvals", "review_decision"])),
    AS,
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
];

const QUALITY_GATE: &[Rule] = &[
    Rule::new("source", Shape::Name),
    Rule::new("threshold", Shape::Integer),
    Rule::new("on_fail", Shape::Word(&["fail", "continue"])),
    Rule::new("prompt", Shape::Text).template(),
    AS,
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
];

const SCRIPT: &[Rule] = &[
    Rule::new("run", Shape::Text).template(),
    Rule::new("source", Shape::Text),
    Rule::new("lang", Shape::Name),
    Rule::new("stdin", Shape::Any).template(),
    Rule::new("env", Shape::Map).template(),
    RETRIES,
    RETRY,
    ON_FAIL,
    UNDO,
    TIMEOUT,
    TIMEOUT_TOTAL,
    TIMEOUT_IN_QUEUE,
    AS,
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
];

const WAIT: &[Rule] = &[
    Rule::new("for", Shape::Duration).template(),
    Rule::new("until", Shape::Text).template(),
    Rule::new("event", Shape::Text).template(),
    Rule::new("correlation", Shape::Text).template(),
    Rule::new("timeout", Shape::Duration),
    ON_TIMEOUT,
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
];

const FOREACH: &[Rule] = &[
    Rule::new("over", Shape::Any).template(),
    Rule::new("each", Shape::Name),
    MAX_PARALLEL,
    Rule::new("on_item_fail", Shape::Word(&["fail", "continue", "halt"])),
    Rule::new("workflow", Shape::Name),
    Rule::new("scope", Shape::Any).template(),
    Rule::new("filter", Shape::Any).template(),
    Rule::new("inputs", Shape::Map).template(),
    Rule::new("ordered", Shape::Boolean),
    Rule::new("on_cycle", Shape::Word(&["fail", "warn"])),
    Rule::new("on_child_fail", Shape::Word(&["halt", "continue", "skip_dependents"])),
    IF,
    NEEDS,
    NEEDS_ANY_RESULT,
    BLOCK_TIMEOUT,
];

const RETRY_MAP: &[Rule] = &[
    Rule::new("attempts", Shape::Integer),
    Rule::new("backoff", Shape::Duration),
    Rule::new("factor", Shape::Number),
    Rule::new("max", Shape::Duration),
    Rule::new("jitter", Shape::Number),
    Rule::new("on", Shape::Words(FAILURE_CLASSES)),
    Rule::new("never", Shape::Words(FAILURE_CLASSES)),
    Rule::new("on_exhausted", Shape::Word(&["fail", "pause"])),
];

impl Construct {
    /// All constructs.
    pub const ALL: &'static [Self] = &[
        Self::Meta,
        Self::Concurrency,
        Self::Webhook,
        Self::Input,
        Self::Call,
        Self::CallWorkflow,
        Self::If,
        Self::While,
        Self::Do,
        Self::DoWhile,
        Self::Parallel,
        Self::Gate,
        Self::QualityGate,
        Self::Script,
        Self::Wait,
        Self::Foreach,
        Self::Retry,
    ];

    /// Returns which construct a step is; none for steps that have no attributes.
    pub fn of(node: &Node) -> Option<Self> {
        Some(match &node.kind {
            NodeKind::Call(call) => match call.target {
                CallTarget::Workflow(_) => Self::CallWorkflow,
                CallTarget::Name(_) | CallTarget::Plugin { .. } | CallTarget::Path(_) => Self::Call,
            },
            NodeKind::If(_) => Self::If,
            NodeKind::While(_) => Self::While,
            NodeKind::Do(block) if block.condition.is_some() => Self::DoWhile,
            NodeKind::Do(_) => Self::Do,
            NodeKind::Parallel(_) => Self::Parallel,
            NodeKind::Gate(gate) if gate.gate_kind.text == "quality_gate" => Self::QualityGate,
            NodeKind::Gate(_) => Self::Gate,
            NodeKind::Script(_) => Self::Script,
            NodeKind::Wait(_) => Self::Wait,
            NodeKind::Foreach(_) => Self::Foreach,
            NodeKind::Always(_) | NodeKind::Set(_) | NodeKind::Fail(_) => return None,
        })
    }

    /// Returns the attributes that the construct has.
    pub fn rules(self) -> &'static [Rule] {
        match self {
            Self::Meta => META,
            Self::Concurrency => CONCURRENCY,
            Self::Webhook => WEBHOOK,
            Self::Input => INPUT,
            Self::Call => CALL,
            Self::CallWorkflow => CALL_WORKFLOW,
            Self::If => &[],
            Self::While => WHILE,
            Self::Do => DO,
            Self::DoWhile => DO_WHILE,
            Self::Parallel => PARALLEL,
            Self::Gate => GATE,
            Self::QualityGate => QUALITY_GATE,
            Self::Script => SCRIPT,
            Self::Wait => WAIT,
            Self::Foreach => FOREACH,
            Self::Retry => RETRY_MAP,
        }
    }

    /// Returns the rule of the attribute called `name`.
    pub fn rule(self, name: &str) -> Option<&'static Rule> {
        self.rules().iter().find(|rule| rule.name == name)
    }

    /// Returns whether this version carries the construct out.
    pub fn carried_out(self) -> bool {
        match self {
            Self::Meta
            | Self::Input
            | Self::Call
            | Self::If
            | Self::While
            | Self::Do
            | Self::DoWhile
            | Self::Parallel
            | Self::Gate
            | Self::Wait
            | Self::Retry => true,
            Self::Concurrency
            | Self::Webhook
            | Self::CallWorkflow
            | Self::QualityGate
            | Self::Script
            | Self::Foreach => false,
        }
    }

    /// Returns how a sentence names one such construct.
    pub fn article(self) -> &'static str {
        match self {
            Self::Meta => "`meta`",
            Self::Concurrency => "`concurrency`",
            Self::Webhook => "`webhook`",
            Self::Input => "an input",
            Self::Call => "a call",
            Self::CallWorkflow => "a call of a workflow",
            Self::If => "`if`",
            Self::While => "`while`",
            Self::Do => "`do`",
            Self::DoWhile => "`do … while`",
            Self::Parallel => "`parallel`",
            Self::Gate => "a gate",
            Self::QualityGate => "a quality gate",
            Self::Script => "a script",
            Self::Wait => "a wait",
            Self::Foreach => "`foreach`",
            Self::Retry => "`retry`",
        }
    }
}
