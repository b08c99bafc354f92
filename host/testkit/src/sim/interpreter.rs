//! What a program must do, found by walking its tree: no frames, no events, nothing shared with the core but the plan
//! and the evaluation of single expressions.

use super::script::Behaviour;
use cofferdam_engine::expr::{Budget, Members, Missing, Names, Root, ValueSource};
use cofferdam_engine::plan::{
    Block, Call, Condition, Join, Loop, LoopOrder, Node, NodeIndex, NodeKind, OnFail, OnLimit, Parallel, Test,
};
use cofferdam_engine::{Data, FailureClass, Plan, Recorded, RunStatus};
use std::collections::{BTreeMap, BTreeSet};

/// Which step, which time round its loops.
pub(super) type Place = (String, Vec<u32>);

/// What a run of a program must show.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expected {
    /// How it ends.
    pub(super) status: RunStatus,
    /// The step that fails it.
    pub(super) failed_step: Option<String>,
    /// What it returns.
    pub(super) outputs: Data,
    /// The calls that run, with their parameters.
    pub(super) params: BTreeMap<Place, Data>,
    /// How many attempts each call that completes takes.
    pub(super) completed: BTreeMap<Place, u32>,
    /// How many attempts each step that fails takes.
    pub(super) failed: BTreeMap<Place, u32>,
}

/// What the log says a call returned: its output and its markers.
type Answers = BTreeMap<Place, (Data, Vec<String>)>;

/// Why nothing can be expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// The outcome depends on which branch was faster.
    Race,
    /// A call had to complete, and the log does not say with what.
    NoAnswer(Place),
}

/// Returns the answers in a log.
fn answers<'a>(log: impl IntoIterator<Item = &'a Recorded>) -> Answers {
    log.into_iter()
        .filter_map(|recorded| match &recorded.event {
            cofferdam_engine::Event::StepCompleted {
                at, output, markers, ..
            } => {
                let place = (at.step.to_string(), at.occurrence.iterations().to_vec());
                Some((place, (output.data().clone(), markers.clone())))
            }
            _ => None,
        })
        .collect()
}

/// Returns the gates and waits that failed, by what the log says.
fn failed_waits(plan: &Plan, log: &[Recorded]) -> BTreeSet<Place> {
    log.iter()
        .filter_map(|recorded| match &recorded.event {
            cofferdam_engine::Event::StepFailed { at, .. } => Some(at),
            _ => None,
        })
        .filter(|at| {
            plan.find(&at.step)
                .is_some_and(|node| matches!(plan.node(node).kind, NodeKind::Gate(_) | NodeKind::Wait(_)))
        })
        .map(|at| (at.step.to_string(), at.occurrence.iterations().to_vec()))
        .collect()
}

/// Returns what a run of `plan` must show, with what its calls returned.
///
/// # Errors
/// If that depends on time, or a call that must have completed has no answer.
pub(super) fn interpret(plan: &Plan, inputs: &Data, log: &[Recorded]) -> Result<Expected, Unclear> {
    let answers = answers(log);
    let mut walk = Walk {
        plan,
        inputs,
        answers: &answers,
        failed: failed_waits(plan, log),
        expected: Expected {
            status: RunStatus::Completed,
            failed_step: None,
            outputs: Data::Null,
            params: BTreeMap::new(),
            completed: BTreeMap::new(),
            failed: BTreeMap::new(),
        },
    };
    let mut seen = Seen::default();
    let body = walk.block(&mut seen, &[], &plan.parts().body)?;
    for node in &plan.parts().always {
        walk.step(&mut seen, &[], *node)?;
    }
    let mut failed = body;
    let outputs = match &plan.parts().outputs {
        None => seen.all.last.clone().unwrap_or_default(),
        Some(declared) => Data::map(declared.iter().map(|(name, source)| {
            let value = walk.value(&seen, source).unwrap_or_else(|()| {
                failed.get_or_insert_with(|| "outputs".to_owned());
                Data::Null
            });
            (name.as_str(), value)
        })),
    };
    let mut expected = walk.expected;
    expected.outputs = outputs;
    if failed.is_some() {
        expected.status = RunStatus::Failed;
        expected.failed_step = failed;
    }
    Ok(expected)
}

/// The latest result under a key.
#[derive(Clone, Debug, Default)]
struct Known {
    status: &'static str,
    skipped: bool,
    output: Data,
    markers: Vec<String>,
}

/// Results and variables.
#[derive(Clone, Debug, Default)]
struct Layer {
    results: BTreeMap<String, Known>,
    variables: BTreeMap<String, Data>,
    last: Option<Data>,
}

impl Layer {
    fn add(&mut self, other: &Self) {
        self.results.extend(other.results.clone());
        self.variables.extend(other.variables.clone());
        if other.last.is_some() {
            self.last.clone_from(&other.last);
        }
    }
}

/// What a branch sees, and what of it the branch wrote itself.
#[derive(Clone, Debug, Default)]
struct Seen {
    all: Layer,
    own: Layer,
}

impl Seen {
    fn record(&mut self, key: &str, known: Known) {
        let known = match self.all.results.get(key) {
            Some(older) if known.status == "skipped" => Known {
                skipped: true,
                ..older.clone()
            },
            _ => known,
        };
        self.own.results.insert(key.to_owned(), known.clone());
        self.all.results.insert(key.to_owned(), known);
    }

    fn add(&mut self, layer: &Layer) {
        self.own.add(layer);
        self.all.add(layer);
    }
}

/// How a step ended.
enum End {
    Completed,
    Skipped,
    Continued,
    /// It left its block, because of this step.
    Failed(String),
}

struct Walk<'a> {
    plan: &'a Plan,
    inputs: &'a Data,
    answers: &'a Answers,
    /// Gates and waits that failed.
    failed: BTreeSet<Place>,
    expected: Expected,
}

impl<'a> Walk<'a> {
    /// Runs a block; returns the step that failed it.
    fn block(&mut self, seen: &mut Seen, round: &[u32], block: &Block) -> Result<Option<String>, Unclear> {
        let mut failed = None;
        for index in block {
            let is_always = matches!(self.plan.node(*index).kind, NodeKind::Always(_));
            if failed.is_some() && !is_always {
                continue;
            }
            if let End::Failed(step) = self.step(seen, round, *index)? {
                failed.get_or_insert(step);
            }
        }
        Ok(failed)
    }

    fn step(&mut self, seen: &mut Seen, round: &[u32], index: NodeIndex) -> Result<End, Unclear> {
        let plan = self.plan;
        let node = plan.node(index);
        if let Some(guard) = &node.guard {
            match self.holds(seen, guard) {
                Ok(true) => {}
                Ok(false) => return Ok(Self::skip(seen, node)),
                Err(()) => return self.fail(seen, round, node, 0),
            }
        }
        match &node.kind {
            NodeKind::Call(call) => self.call(seen, round, node, call),
            NodeKind::If(choice) => {
                for arm in &choice.arms {
                    match self.holds(seen, &arm.condition) {
                        Ok(true) => return self.inside(seen, round, &arm.body),
                        Ok(false) => {}
                        Err(()) => return self.fail(seen, round, node, 0),
                    }
                }
                if choice.otherwise.is_empty() {
                    return Ok(Self::skip(seen, node));
                }
                self.inside(seen, round, &choice.otherwise)
            }
            NodeKind::Loop(repeat) => self.repeat(seen, round, node, repeat),
            NodeKind::Do(body) | NodeKind::Always(body) => self.inside(seen, round, body),
            NodeKind::Parallel(parallel) => self.parallel(seen, round, node, parallel),
            NodeKind::Set(values) => {
                let mut written = Vec::new();
                for (name, source) in values {
                    match self.value(seen, source) {
                        Ok(value) => written.push((name.clone(), value)),
                        Err(()) => return self.fail(seen, round, node, 0),
                    }
                }
                seen.all.variables.extend(written.clone());
                seen.own.variables.extend(written);
                Ok(End::Completed)
            }
            NodeKind::Fail(_) => self.fail(seen, round, node, 0),
            // What people and the outside say is in the log, as what actions return; what follows from it is not.
            NodeKind::Gate(_) | NodeKind::Wait(_) => {
                let place = (node.path.to_string(), round.to_vec());
                match self.answers.get(&place) {
                    Some((output, markers)) => {
                        self.expected.completed.insert(place, 0);
                        Self::note(seen, node, "completed", output.clone(), markers.clone());
                        Ok(End::Completed)
                    }
                    None if self.failed.contains(&place) => self.fail(seen, round, node, 0),
                    None => Err(Unclear::NoAnswer(place)),
                }
            }
        }
    }

    fn inside(&mut self, seen: &mut Seen, round: &[u32], block: &Block) -> Result<End, Unclear> {
        Ok(match self.block(seen, round, block)? {
            None => End::Completed,
            Some(step) => End::Failed(step),
        })
    }

    fn skip(seen: &mut Seen, node: &Node) -> End {
        Self::note(seen, node, "skipped", Data::Null, Vec::new());
        End::Skipped
    }

    fn note(seen: &mut Seen, node: &Node, status: &'static str, output: Data, markers: Vec<String>) {
        if let Some(key) = &node.key {
            seen.record(
                key,
                Known {
                    status,
                    skipped: status == "skipped",
                    output,
                    markers,
                },
            );
        }
    }

    /// Lets a step fail for good.
    fn fail(&mut self, seen: &mut Seen, round: &[u32], node: &Node, attempts: u32) -> Result<End, Unclear> {
        let path = node.path.to_string();
        self.expected.failed.insert((path.clone(), round.to_vec()), attempts);
        let output = match &node.kind {
            NodeKind::Call(call) if call.on_fail == OnFail::Continue => {
                Data::map([("__error__", Data::Int(i64::from(attempts)))])
            }
            _ => Data::Null,
        };
        Self::note(seen, node, "failed", output, Vec::new());
        let NodeKind::Call(call) = &node.kind else {
            return Ok(End::Failed(path));
        };
        match &call.on_fail {
            OnFail::Fail => Ok(End::Failed(path)),
            OnFail::Continue => Ok(End::Continued),
            OnFail::Handle(steps) => {
                self.block(seen, round, steps)?;
                Ok(End::Failed(path))
            }
        }
    }

    fn call(&mut self, seen: &mut Seen, round: &[u32], node: &Node, call: &Call) -> Result<End, Unclear> {
        let Ok(params) = self.value(seen, &call.params) else {
            return self.fail(seen, round, node, 0);
        };
        let place = (node.path.to_string(), round.to_vec());
        self.expected.params.insert(place.clone(), params);
        let behaviour = Behaviour::of(&call.action.action);
        let may_retry = behaviour.class == FailureClass::Transient;
        let attempts = if behaviour.failures == 0 {
            1
        } else if may_retry {
            call.retry.attempts.min(behaviour.failures + 1)
        } else {
            1
        };
        if attempts <= behaviour.failures {
            return self.fail(seen, round, node, attempts);
        }
        let Some((output, markers)) = self.answers.get(&place) else {
            return Err(Unclear::NoAnswer(place));
        };
        self.expected.completed.insert(place, attempts);
        Self::note(seen, node, "completed", output.clone(), markers.clone());
        seen.own.last = Some(output.clone());
        seen.all.last = Some(output.clone());
        Ok(End::Completed)
    }

    fn repeat(&mut self, seen: &mut Seen, round: &[u32], node: &Node, repeat: &Loop) -> Result<End, Unclear> {
        let limit = match &repeat.limit {
            ValueSource::Literal(Data::Int(limit)) => u32::try_from(*limit).unwrap_or(0),
            _ => 0,
        };
        let path = || node.path.to_string();
        if repeat.order == LoopOrder::TestFirst {
            match self.holds(seen, &repeat.condition) {
                Ok(true) => {}
                Ok(false) => return Ok(Self::skip(seen, node)),
                Err(()) => return self.fail(seen, round, node, 0),
            }
        }
        let mut history: Vec<String> = Vec::new();
        for number in 0.. {
            if number >= limit {
                return match (repeat.on_limit, number) {
                    (OnLimit::Continue, 0) => Ok(Self::skip(seen, node)),
                    (OnLimit::Continue, _) => Ok(End::Completed),
                    (OnLimit::Fail, 0) => self.fail(seen, round, node, 0),
                    (OnLimit::Fail, _) => Ok(End::Failed(path())),
                };
            }
            let mut inside = round.to_vec();
            inside.push(number);
            if let Some(step) = self.block(seen, &inside, &repeat.body)? {
                return Ok(End::Failed(step));
            }
            if let Some(bound) = repeat.stuck_after {
                history.push(Self::looked_at(seen, self.inputs, &repeat.condition));
                let last = history.last();
                let equal = history.iter().rev().take_while(|entry| Some(*entry) == last).count();
                if equal >= bound as usize {
                    return Ok(End::Failed(path()));
                }
            }
            match self.holds(seen, &repeat.condition) {
                Ok(true) => {}
                Ok(false) => return Ok(End::Completed),
                Err(()) => return Ok(End::Failed(path())),
            }
        }
        Ok(End::Completed)
    }

    /// Returns what decides whether a loop makes progress, as text.
    fn looked_at(seen: &Seen, inputs: &Data, condition: &Condition) -> String {
        match &condition.test {
            Test::Marker { step, .. } => {
                let mut markers = seen.all.results.get(&**step).map(|known| known.markers.clone());
                if let Some(markers) = &mut markers {
                    markers.sort();
                }
                format!("{markers:?}")
            }
            Test::Input(name) => format!("{:?}", inputs.get(name)),
            Test::Expression(expression) => {
                // Good enough for what the generator writes: the roots are followed by names.
                let mut parts = Vec::new();
                for word in expression.source().split(|c: char| !(c.is_alphanumeric() || c == '.')) {
                    let mut names = word.split('.');
                    match (names.next(), names.next()) {
                        (Some("steps"), Some(key)) => {
                            parts.push(
                                seen.all
                                    .results
                                    .get(key)
                                    .map(|known| known.output.clone())
                                    .unwrap_or_default(),
                            );
                        }
                        (Some("vars"), Some(name)) => {
                            parts.push(seen.all.variables.get(name).cloned().unwrap_or_default());
                        }
                        _ => {}
                    }
                }
                Data::list(parts).to_json()
            }
        }
    }

    fn parallel(&mut self, seen: &mut Seen, round: &[u32], node: &Node, parallel: &Parallel) -> Result<End, Unclear> {
        let count = parallel.branches.len();
        // Where one branch can stop the others, time decides how far they come.
        let races = count > 1 && (parallel.join == Join::Any || parallel.fail_fast);
        let mut ends: Vec<Option<End>> = (0..count).map(|_| None).collect();
        let mut written: Vec<Layer> = vec![Layer::default(); count];
        while let Some(place) = (0..count).find(|place| {
            ends[*place].is_none()
                && parallel.branches[*place]
                    .needs
                    .iter()
                    .all(|need| ends[*need as usize].is_some())
        }) {
            let branch = &parallel.branches[place];
            let missed = branch
                .needs
                .iter()
                .any(|need| matches!(ends[*need as usize], Some(End::Continued | End::Failed(_))));
            let mut inner = Seen {
                all: seen.all.clone(),
                own: Layer::default(),
            };
            for need in transitive(parallel, place) {
                inner.all.add(&written[need]);
            }
            let end = if missed && !branch.needs_any_result {
                Self::skip(&mut inner, self.plan.node(branch.node));
                End::Continued
            } else {
                match self.step(&mut inner, round, branch.node) {
                    // A sibling may have stopped this branch before the call could complete.
                    Err(Unclear::NoAnswer(_)) if races => return Err(Unclear::Race),
                    ended => ended?,
                }
            };
            ends[place] = Some(end);
            written[place] = inner.own;
        }
        let failed: Vec<&String> = ends
            .iter()
            .filter_map(|end| match end {
                Some(End::Failed(step)) => Some(step),
                _ => None,
            })
            .collect();
        if races && (parallel.join == Join::Any || !failed.is_empty()) {
            return Err(Unclear::Race);
        }
        let succeeded = ends
            .iter()
            .filter(|end| matches!(end, Some(End::Completed | End::Skipped)))
            .count();
        let enough = match parallel.min_success {
            Some(least) => succeeded >= least as usize,
            None => failed.is_empty(),
        };
        let end = match (enough, failed.first()) {
            (true, _) => End::Completed,
            (false, Some(step)) => End::Failed((*step).clone()),
            (false, None) => End::Failed(self.plan.node(parallel.branches[0].node).path.to_string()),
        };
        let mut markers: Vec<String> = written
            .iter()
            .flat_map(|layer| layer.results.values())
            .flat_map(|known| known.markers.clone())
            .collect();
        markers.sort();
        markers.dedup();
        for layer in &written {
            seen.add(layer);
        }
        let status = if enough { "completed" } else { "failed" };
        Self::note(seen, node, status, Data::Null, markers);
        Ok(end)
    }

    fn holds(&self, seen: &Seen, condition: &Condition) -> Result<bool, ()> {
        let answer = match &condition.test {
            Test::Marker { step, marker } => seen
                .all
                .results
                .get(&**step)
                .is_some_and(|known| known.markers.contains(marker)),
            Test::Input(name) => self.inputs.get(name) == Some(&Data::Bool(true)),
            Test::Expression(expression) => expression
                .evaluate_condition(&Scene { walk: self, seen }, &mut Budget::standard())
                .map_err(|_| ())?,
        };
        Ok(answer != condition.negated)
    }

    fn value(&self, seen: &Seen, source: &ValueSource) -> Result<Data, ()> {
        source
            .evaluate(
                &Scene { walk: self, seen },
                &|_| None,
                Missing::Remove,
                &mut Budget::standard(),
            )
            .map(|evaluated| evaluated.data)
            .map_err(|_| ())
    }
}

/// Returns the branches that `place` needs, also through others, in the order of the text.
fn transitive(parallel: &Parallel, place: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    for need in &parallel.branches[place].needs {
        all.insert(*need as usize);
        all.extend(transitive(parallel, *need as usize));
    }
    all
}

struct Scene<'a> {
    walk: &'a Walk<'a>,
    seen: &'a Seen,
}

impl Names for Scene<'_> {
    fn root(&self, name: &str) -> Option<Root<'_>> {
        match name {
            "inputs" => Some(Root::Value(self.walk.inputs.clone())),
            "steps" => Some(Root::Members(self)),
            "vars" => Some(Root::Members(&self.seen.all)),
            _ => None,
        }
    }
}

impl Members for Scene<'_> {
    fn member(&self, name: &str) -> Option<Data> {
        let known = self.seen.all.results.get(name)?;
        Some(Data::map([
            ("output", known.output.clone()),
            ("completed", Data::Bool(known.status == "completed")),
            ("failed", Data::Bool(known.status == "failed")),
            ("skipped", Data::Bool(known.skipped)),
        ]))
    }

    fn names(&self) -> Vec<String> {
        self.seen.all.results.keys().cloned().collect()
    }
}

impl Members for Layer {
    fn member(&self, name: &str) -> Option<Data> {
        self.variables.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }
}
