//! How tests write plans: steps as values, with paths, keys and numbers worked out for them.

use cofferdam_engine::expr::{Expression, Template, TemplatePart, ValueSource};
use cofferdam_engine::plan::{
    ActionReference, Arm, Block, Branch, Call, Condition, Gate, If, InputDeclaration, InputKind, Join, Loop, LoopOrder,
    Node, NodeIndex, NodeKind, OnFail, OnLimit, OnLost, OnReject, OnTimeout, Parallel, Parts, Place, RetryPolicy, Test,
    Wait, WaitUntil,
};
use cofferdam_engine::{Data, Digest, Plan, StepPath};
use std::collections::BTreeMap;
use std::time::Duration;

/// A step with everything inside it.
#[derive(Clone, Debug)]
pub struct Step {
    key: Option<String>,
    guard: Option<Condition>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Call(Box<CallStep>),
    If {
        arms: Vec<(Condition, Vec<Step>)>,
        otherwise: Vec<Step>,
    },
    Loop(Box<LoopStep>),
    Do(Vec<Step>),
    Parallel(ParallelStep),
    Always(Vec<Step>),
    Set(Vec<(String, ValueSource)>),
    Fail(Template),
    Gate(Box<Gate>),
    Wait(Box<Wait>),
}

#[derive(Clone, Debug)]
struct CallStep {
    action: String,
    params: ValueSource,
    retry: RetryPolicy,
    timeout: Option<Duration>,
    timeout_total: Option<Duration>,
    on_fail: Reaction,
    on_lost: OnLost,
    output: Option<String>,
    with: Vec<String>,
}

#[derive(Clone, Debug)]
enum Reaction {
    Fail,
    Continue,
    Handle(Vec<Step>),
}

#[derive(Clone, Debug)]
struct LoopStep {
    condition: Condition,
    order: LoopOrder,
    limit: ValueSource,
    on_limit: OnLimit,
    stuck_after: Option<u32>,
    body: Vec<Step>,
}

#[derive(Clone, Debug)]
struct ParallelStep {
    branches: Vec<BranchStep>,
    join: Join,
    max_parallel: Option<u32>,
    fail_fast: bool,
    min_success: Option<u32>,
}

/// A step as a branch of a parallel block.
#[derive(Clone, Debug)]
pub struct BranchStep {
    step: Step,
    needs: Vec<u32>,
    needs_any_result: bool,
}

impl From<Step> for BranchStep {
    fn from(step: Step) -> Self {
        Self {
            step,
            needs: Vec::new(),
            needs_any_result: false,
        }
    }
}

/// Returns the value of an expression.
///
/// # Panics
/// If `source` is not an expression.
pub fn expression(source: &str) -> ValueSource {
    ValueSource::Expression(parsed(source))
}

/// Returns a value that is written down, from JSON.
///
/// # Panics
/// If `text` is not JSON.
pub fn json(text: &str) -> Data {
    Data::from_json(text, usize::MAX).expect("tests write valid JSON")
}

/// Returns the template that `text` stands for: `{{name}}` is a variable, `{{ (expression) }}` an expression.
///
/// # Panics
/// If a brace is not closed or an expression is none.
pub fn template(text: &str) -> Template {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}").expect("tests close their braces");
        if !before.is_empty() {
            parts.push(TemplatePart::Text(before.to_owned()));
        }
        let inside = inside.trim();
        parts.push(if inside.starts_with('(') {
            TemplatePart::Expression(parsed(inside))
        } else {
            TemplatePart::Variable(inside.to_owned())
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(TemplatePart::Text(rest.to_owned()));
    }
    Template { parts }
}

/// Returns the condition that the latest result under `step` has `marker`.
pub fn marker(step: &str, marker: &str) -> Condition {
    condition(Test::Marker {
        step: step.into(),
        marker: marker.to_owned(),
    })
}

/// Returns the condition that the input called `name` is true.
pub fn input(name: &str) -> Condition {
    condition(Test::Input(name.to_owned()))
}

/// Returns the condition that an expression is true.
///
/// # Panics
/// If `source` is not an expression.
pub fn when(source: &str) -> Condition {
    condition(Test::Expression(parsed(source)))
}

/// Returns the opposite of `condition`.
pub fn unless(condition: Condition) -> Condition {
    Condition {
        negated: !condition.negated,
        ..condition
    }
}

fn condition(test: Test) -> Condition {
    Condition { test, negated: false }
}

fn parsed(source: &str) -> Expression {
    Expression::parse(source).unwrap_or_else(|error| panic!("`{source}` is not an expression: {error}"))
}

/// Returns a call whose result is found under `key`.
pub fn call(key: &str) -> Step {
    Step::of(
        Some(key),
        Kind::Call(Box::new(CallStep {
            action: "act".to_owned(),
            params: ValueSource::Literal(Data::map::<&str>([])),
            retry: RetryPolicy::times(1),
            timeout: None,
            timeout_total: None,
            on_fail: Reaction::Fail,
            on_lost: OnLost::default(),
            output: None,
            with: Vec::new(),
        })),
    )
}

/// Returns a choice with one arm.
pub fn choose(condition: Condition, body: impl Into<Vec<Step>>) -> Step {
    Step::of(
        None,
        Kind::If {
            arms: vec![(condition, body.into())],
            otherwise: Vec::new(),
        },
    )
}

/// Returns a loop that tests before each round.
pub fn repeat_while(condition: Condition, limit: i64, body: impl Into<Vec<Step>>) -> Step {
    repeat(LoopOrder::TestFirst, condition, limit, body.into())
}

/// Returns a loop that tests after each round.
pub fn do_while(condition: Condition, limit: i64, body: impl Into<Vec<Step>>) -> Step {
    repeat(LoopOrder::BodyFirst, condition, limit, body.into())
}

fn repeat(order: LoopOrder, condition: Condition, limit: i64, body: Vec<Step>) -> Step {
    Step::of(
        None,
        Kind::Loop(Box::new(LoopStep {
            condition,
            order,
            limit: ValueSource::Literal(Data::Int(limit)),
            on_limit: OnLimit::Fail,
            stuck_after: None,
            body,
        })),
    )
}

/// Returns a block that runs once.
pub fn block(body: impl Into<Vec<Step>>) -> Step {
    Step::of(None, Kind::Do(body.into()))
}

/// Returns a block that runs also when the block around it is left early.
pub fn always(body: impl Into<Vec<Step>>) -> Step {
    Step::of(None, Kind::Always(body.into()))
}

/// Returns a block whose branches run beside each other, with the defaults of the language.
pub fn parallel<B: Into<BranchStep>>(branches: impl IntoIterator<Item = B>) -> Step {
    Step::of(
        None,
        Kind::Parallel(ParallelStep {
            branches: branches.into_iter().map(Into::into).collect(),
            join: Join::All,
            max_parallel: None,
            fail_fast: true,
            min_success: None,
        }),
    )
}

/// Returns a step that writes variables, each the value of an expression.
pub fn set<const N: usize>(values: [(&str, &str); N]) -> Step {
    let values = values.map(|(name, source)| (name.to_owned(), expression(source)));
    Step::of(None, Kind::Set(values.into()))
}

/// Returns a step that writes variables, each the value of an expression.
pub fn set_values(values: impl IntoIterator<Item = (String, String)>) -> Step {
    let values = values.into_iter().map(|(name, source)| (name, expression(&source)));
    Step::of(None, Kind::Set(values.collect()))
}

/// Returns a step that fails with a text, which may have `{{ }}`.
pub fn fail(text: &str) -> Step {
    Step::of(None, Kind::Fail(template(text)))
}

/// Returns a gate of kind `human_review` that stays open for ever and needs one approval.
pub fn gate(key: &str) -> Step {
    let gate = Gate {
        kind: "human_review".to_owned(),
        prompt: None,
        show: None,
        data: None,
        options: None,
        form: None,
        timeout: None,
        on_timeout: OnTimeout::Fail,
        on_reject: OnReject::Fail,
        min_approvals: 1,
    };
    Step::of(Some(key), Kind::Gate(Box::new(gate)))
}

/// Returns a wait for as long as an expression says.
pub fn wait_for(key: &str, source: &str) -> Step {
    wait(key, WaitUntil::Passed(expression(source)))
}

/// Returns a wait until the time that an expression says.
pub fn wait_until(key: &str, source: &str) -> Step {
    wait(key, WaitUntil::Time(expression(source)))
}

/// Returns a wait for a signal with a topic and any correlation.
pub fn wait_signal(key: &str, topic: &str) -> Step {
    let topic = ValueSource::Literal(Data::text(topic));
    let correlation = None;
    wait(key, WaitUntil::Signal { topic, correlation })
}

fn wait(key: &str, until: WaitUntil) -> Step {
    let wait = Wait {
        until,
        timeout: None,
        on_timeout: OnTimeout::Fail,
    };
    Step::of(Some(key), Kind::Wait(Box::new(wait)))
}

impl Step {
    fn of(key: Option<&str>, kind: Kind) -> Self {
        Self {
            key: key.map(str::to_owned),
            guard: None,
            kind,
        }
    }

    fn change_call(mut self, change: impl FnOnce(&mut CallStep)) -> Self {
        match &mut self.kind {
            Kind::Call(call) => change(call),
            _ => panic!("only calls have this"),
        }
        self
    }

    fn change_loop(mut self, change: impl FnOnce(&mut LoopStep)) -> Self {
        match &mut self.kind {
            Kind::Loop(repeat) => change(repeat),
            _ => panic!("only loops have this"),
        }
        self
    }

    fn change_parallel(mut self, change: impl FnOnce(&mut ParallelStep)) -> Self {
        match &mut self.kind {
            Kind::Parallel(parallel) => change(parallel),
            _ => panic!("only parallel blocks have this"),
        }
        self
    }

    fn change_gate(mut self, change: impl FnOnce(&mut Gate)) -> Self {
        match &mut self.kind {
            Kind::Gate(gate) => change(gate),
            _ => panic!("only gates have this"),
        }
        self
    }

    /// Says what a gate asks.
    #[must_use]
    pub fn prompt(self, text: &str) -> Self {
        self.change_gate(|gate| gate.prompt = Some(template(text)))
    }

    /// Says what can be chosen at a gate: the value of an expression.
    #[must_use]
    pub fn options(self, source: &str) -> Self {
        self.change_gate(|gate| gate.options = Some(expression(source)))
    }

    /// Says what a gate shows: the value of an expression.
    #[must_use]
    pub fn showing(self, source: &str) -> Self {
        self.change_gate(|gate| gate.show = Some(expression(source)))
    }

    /// Lets a gate need approvals of so many people.
    #[must_use]
    pub fn approvals(self, least: u32) -> Self {
        self.change_gate(|gate| gate.min_approvals = least)
    }

    /// Lets the workflow go on after a rejection.
    #[must_use]
    pub fn skip_if_rejected(self) -> Self {
        self.change_gate(|gate| gate.on_reject = OnReject::Skip)
    }

    /// Says how long a gate, or a wait for a signal, lasts, and what follows then.
    #[must_use]
    pub fn open_for(mut self, time: Duration, then: OnTimeout) -> Self {
        match &mut self.kind {
            Kind::Gate(gate) => (gate.timeout, gate.on_timeout) = (Some(time), then),
            Kind::Wait(wait) => (wait.timeout, wait.on_timeout) = (Some(time), then),
            _ => panic!("only gates and waits have this"),
        }
        self
    }

    /// Says which correlation a wait takes: the value of an expression.
    #[must_use]
    pub fn correlated(mut self, source: &str) -> Self {
        match &mut self.kind {
            Kind::Wait(wait) => match &mut wait.until {
                WaitUntil::Signal { correlation, .. } => *correlation = Some(expression(source)),
                _ => panic!("only waits for signals have this"),
            },
            _ => panic!("only waits have this"),
        }
        self
    }

    /// Gives a block a name under which its result is found.
    #[must_use]
    pub fn named(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Runs the step only if `condition` holds.
    #[must_use]
    pub fn only_if(mut self, condition: Condition) -> Self {
        self.guard = Some(condition);
        self
    }

    /// Makes this step a branch that needs the branches at these places.
    pub fn needs(self, needs: impl Into<Vec<u32>>) -> BranchStep {
        BranchStep {
            needs: needs.into(),
            ..self.into()
        }
    }

    /// Says which action a call means, instead of `act`.
    #[must_use]
    pub fn action(self, name: &str) -> Self {
        self.change_call(|call| call.action = name.to_owned())
    }

    /// Adds a parameter to a call: the value of an expression.
    #[must_use]
    pub fn with(self, name: &str, source: &str) -> Self {
        let value = expression(source);
        self.with_value(name, value)
    }

    /// Adds a parameter to a call.
    #[must_use]
    pub fn with_value(self, name: &str, value: ValueSource) -> Self {
        self.change_call(|call| {
            if !matches!(call.params, ValueSource::Map(_)) {
                call.params = ValueSource::Map(BTreeMap::new());
            }
            if let ValueSource::Map(entries) = &mut call.params {
                entries.insert(name.to_owned(), value);
            }
        })
    }

    /// Lets a call make up to `attempts` attempts without waits between them.
    #[must_use]
    pub fn attempts(self, attempts: u32) -> Self {
        self.retry(RetryPolicy::times(attempts))
    }

    /// Gives a call a retry policy.
    #[must_use]
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.change_call(|call| call.retry = policy)
    }

    /// Bounds one attempt of a call.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.change_call(|call| call.timeout = Some(timeout))
    }

    /// Bounds all attempts of a call together.
    #[must_use]
    pub fn timeout_total(self, timeout: Duration) -> Self {
        self.change_call(|call| call.timeout_total = Some(timeout))
    }

    /// Says what becomes of a delivery of a call that was lost with its host.
    #[must_use]
    pub fn on_lost(self, on_lost: OnLost) -> Self {
        self.change_call(|call| call.on_lost = on_lost)
    }

    /// Names the schema of a call's output.
    #[must_use]
    pub fn output_schema(self, name: &str) -> Self {
        self.change_call(|call| call.output = Some(name.to_owned()))
    }

    /// Adds the name of a snippet to a call.
    #[must_use]
    pub fn snippet(self, name: &str) -> Self {
        self.change_call(|call| call.with.push(name.to_owned()))
    }

    /// Lets the block go on after this call failed.
    #[must_use]
    pub fn or_continue(self) -> Self {
        self.change_call(|call| call.on_fail = Reaction::Continue)
    }

    /// Runs `steps` after this call failed.
    #[must_use]
    pub fn or_handle(self, steps: impl Into<Vec<Self>>) -> Self {
        self.change_call(|call| call.on_fail = Reaction::Handle(steps.into()))
    }

    /// Adds an arm to a choice.
    #[must_use]
    pub fn or_if(mut self, condition: Condition, body: impl Into<Vec<Self>>) -> Self {
        match &mut self.kind {
            Kind::If { arms, .. } => arms.push((condition, body.into())),
            _ => panic!("only choices have arms"),
        }
        self
    }

    /// Says what a choice runs when no arm is taken.
    #[must_use]
    pub fn or_else(mut self, body: impl Into<Vec<Self>>) -> Self {
        match &mut self.kind {
            Kind::If { otherwise, .. } => *otherwise = body.into(),
            _ => panic!("only choices have an `else`"),
        }
        self
    }

    /// Lets the workflow go on when a loop reaches its limit.
    #[must_use]
    pub fn continue_at_limit(self) -> Self {
        self.change_loop(|repeat| repeat.on_limit = OnLimit::Continue)
    }

    /// Bounds a loop by the value of an expression.
    #[must_use]
    pub fn limited_by(self, source: &str) -> Self {
        let limit = expression(source);
        self.change_loop(|repeat| repeat.limit = limit)
    }

    /// Fails a loop after so many equal rounds.
    #[must_use]
    pub fn stuck_after(self, rounds: u32) -> Self {
        self.change_loop(|repeat| repeat.stuck_after = Some(rounds))
    }

    /// Lets the branches of a parallel block go on after one of them failed.
    #[must_use]
    pub fn without_fail_fast(self) -> Self {
        self.change_parallel(|parallel| parallel.fail_fast = false)
    }

    /// Ends a parallel block with its first success.
    #[must_use]
    pub fn join_any(self) -> Self {
        self.change_parallel(|parallel| parallel.join = Join::Any)
    }

    /// Bounds how many branches run at the same time.
    #[must_use]
    pub fn max_parallel(self, most: u32) -> Self {
        self.change_parallel(|parallel| parallel.max_parallel = Some(most))
    }

    /// Says how many branches must succeed.
    #[must_use]
    pub fn min_success(self, least: u32) -> Self {
        self.change_parallel(|parallel| parallel.min_success = Some(least))
    }

    fn word(&self) -> &str {
        match (&self.key, &self.kind) {
            (Some(key), _) => key,
            (None, Kind::Call(_)) => "call",
            (None, Kind::If { .. }) => "if",
            (None, Kind::Loop(_)) => "while",
            (None, Kind::Do(_)) => "do",
            (None, Kind::Parallel(_)) => "parallel",
            (None, Kind::Always(_)) => "always",
            (None, Kind::Set(_)) => "set",
            (None, Kind::Fail(_)) => "fail",
            (None, Kind::Gate(_)) => "gate",
            (None, Kind::Wait(_)) => "wait",
        }
    }
}

impl BranchStep {
    /// Starts the branch also when a branch that it needs failed.
    #[must_use]
    pub fn whatever_they_did(mut self) -> Self {
        self.needs_any_result = true;
        self
    }
}

/// A workflow in the making.
#[derive(Clone, Debug)]
pub struct Workflow {
    inputs: Vec<InputDeclaration>,
    outputs: Option<Vec<(String, ValueSource)>>,
    body: Vec<Step>,
    always: Vec<Step>,
    max_parallel: Option<u32>,
    timeout: Option<Duration>,
}

/// Returns a workflow with these steps.
pub fn workflow(body: impl Into<Vec<Step>>) -> Workflow {
    Workflow {
        inputs: Vec::new(),
        outputs: None,
        body: body.into(),
        always: Vec::new(),
        max_parallel: None,
        timeout: None,
    }
}

impl Workflow {
    /// Adds a top-level `always` block.
    #[must_use]
    pub fn always(mut self, body: impl Into<Vec<Step>>) -> Self {
        self.always.push(always(body));
        self
    }

    /// Adds an output: the value of an expression.
    #[must_use]
    pub fn output(mut self, name: &str, source: &str) -> Self {
        let entry = (name.to_owned(), expression(source));
        self.outputs.get_or_insert_default().push(entry);
        self
    }

    /// Declares an optional input.
    #[must_use]
    pub fn input(mut self, name: &str, kind: InputKind) -> Self {
        self.inputs.push(InputDeclaration {
            name: name.to_owned(),
            kind,
            required: false,
            default: None,
            description: None,
            choices: Vec::new(),
            min: None,
            max: None,
            pattern: None,
        });
        self
    }

    /// Bounds how long a run may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Bounds how many attempts are under way at the same time.
    #[must_use]
    pub fn max_parallel(mut self, most: u32) -> Self {
        self.max_parallel = Some(most);
        self
    }

    /// Returns what the plan is made of.
    pub fn parts(self) -> Parts {
        let mut flat = Flattener::default();
        let mut names = BTreeMap::new();
        let body = flat.block("", &mut names, self.body);
        let always = flat.block("", &mut names, self.always);
        Parts {
            name: "test".to_owned(),
            title: None,
            edition: 1,
            inputs: self.inputs,
            outputs: self.outputs,
            nodes: flat.nodes,
            body,
            always,
            max_parallel: self.max_parallel,
            timeout: self.timeout,
            schemas: BTreeMap::new(),
        }
    }

    /// Returns the plan.
    ///
    /// # Panics
    /// If the parts are not a plan: tests of bad plans use [`Workflow::parts`].
    pub fn plan(self) -> Plan {
        Plan::build(self.parts()).expect("tests write valid plans")
    }
}

/// Writes steps one after the other, each before the steps inside it.
#[derive(Default)]
struct Flattener {
    nodes: Vec<Node>,
}

/// How often each name was used below one step.
type Used = BTreeMap<String, u32>;

impl Flattener {
    fn block(&mut self, parent: &str, used: &mut Used, steps: Vec<Step>) -> Block {
        steps.into_iter().map(|step| self.step(parent, used, step)).collect()
    }

    fn step(&mut self, parent: &str, used: &mut Used, step: Step) -> NodeIndex {
        let word = step.word().to_owned();
        let count = used.entry(word.clone()).or_default();
        *count += 1;
        let name = if *count == 1 { word } else { format!("{word}#{count}") };
        let path = if parent.is_empty() {
            name
        } else {
            format!("{parent}/{name}")
        };
        let index = NodeIndex(u32::try_from(self.nodes.len()).expect("tests have few steps"));
        self.nodes.push(Node {
            path: StepPath::new(path.as_str()),
            key: step.key.map(Into::into),
            guard: step.guard,
            kind: NodeKind::Do(Block::new()),
            place: Place::default(),
        });
        let kind = self.kind(&path, step.kind);
        self.nodes[index.0 as usize].kind = kind;
        index
    }

    fn kind(&mut self, path: &str, kind: Kind) -> NodeKind {
        let used = &mut Used::new();
        match kind {
            Kind::Call(call) => NodeKind::Call(Box::new(Call {
                action: ActionReference {
                    plugin: "test".to_owned(),
                    action: call.action,
                    component: Digest::of(b"test"),
                },
                params: call.params,
                retry: call.retry,
                timeout: call.timeout,
                timeout_total: call.timeout_total,
                on_fail: match call.on_fail {
                    Reaction::Fail => OnFail::Fail,
                    Reaction::Continue => OnFail::Continue,
                    Reaction::Handle(steps) => OnFail::Handle(self.block(path, used, steps)),
                },
                on_lost: call.on_lost,
                output: call.output,
                with: call.with,
            })),
            Kind::If { arms, otherwise } => NodeKind::If(If {
                arms: arms
                    .into_iter()
                    .map(|(condition, body)| Arm {
                        condition,
                        body: self.block(path, used, body),
                    })
                    .collect(),
                otherwise: self.block(path, used, otherwise),
            }),
            Kind::Loop(repeat) => NodeKind::Loop(Box::new(Loop {
                condition: repeat.condition,
                order: repeat.order,
                limit: repeat.limit,
                on_limit: repeat.on_limit,
                stuck_after: repeat.stuck_after,
                body: self.block(path, used, repeat.body),
            })),
            Kind::Do(body) => NodeKind::Do(self.block(path, used, body)),
            Kind::Always(body) => NodeKind::Always(self.block(path, used, body)),
            Kind::Parallel(parallel) => NodeKind::Parallel(Parallel {
                branches: parallel
                    .branches
                    .into_iter()
                    .map(|branch| Branch {
                        node: self.step(path, used, branch.step),
                        needs: branch.needs,
                        needs_any_result: branch.needs_any_result,
                    })
                    .collect(),
                join: parallel.join,
                max_parallel: parallel.max_parallel,
                fail_fast: parallel.fail_fast,
                min_success: parallel.min_success,
            }),
            Kind::Set(values) => NodeKind::Set(values),
            Kind::Fail(text) => NodeKind::Fail(text),
            Kind::Gate(gate) => NodeKind::Gate(gate),
            Kind::Wait(wait) => NodeKind::Wait(wait),
        }
    }
}
