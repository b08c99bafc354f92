//! How a resolved workflow becomes a plan: the tree is flattened and every step gets its stable path.

use crate::resolved::{Branch, Call, Cleanup, If, Loop, OnFail, Parallel, Resolved, Step, StepKind};
use cofferdam_engine::StepPath;
use cofferdam_engine::plan::{self, Block, InvalidPlan, Node, NodeIndex, NodeKind, Parts, Plan};
use std::collections::BTreeMap;

/// Returns the plan of a workflow.
///
/// # Errors
/// Never for what `crate::check` returns; the rules of plans are checked all the same.
pub fn lower(resolved: Resolved) -> Result<Plan, InvalidPlan> {
    let mut lowering = Lowering::default();
    let mut names = Names::default();
    let body = lowering.block(resolved.body, "", &mut names);
    let always = resolved
        .always
        .into_iter()
        .map(|cleanup| lowering.cleanup(cleanup, &mut names))
        .collect();
    Plan::build(Parts {
        name: resolved.name,
        title: resolved.title,
        edition: resolved.edition,
        inputs: resolved.inputs,
        outputs: resolved.outputs,
        nodes: lowering.nodes,
        body,
        always,
        max_parallel: resolved.max_parallel,
        timeout: resolved.timeout,
        schemas: resolved.schemas,
    })
}

/// How often each name was used among the steps inside one step, whatever block of it they are in.
#[derive(Default)]
struct Names(BTreeMap<String, u32>);

impl Names {
    /// Returns the path of the next step called `segment` below `parent`: the n-th one is `segment#n`.
    fn path(&mut self, parent: &str, segment: &str) -> StepPath {
        let count = self.0.entry(segment.to_owned()).or_insert(0);
        *count += 1;
        let mut path = String::with_capacity(parent.len() + segment.len() + 4);
        if !parent.is_empty() {
            path.push_str(parent);
            path.push('/');
        }
        path.push_str(segment);
        if *count > 1 {
            path.push_str(&format!("#{count}"));
        }
        StepPath::new(path)
    }
}

#[derive(Default)]
struct Lowering {
    nodes: Vec<Node>,
}

impl Lowering {
    fn block(&mut self, steps: Vec<Step>, parent: &str, names: &mut Names) -> Block {
        steps.into_iter().map(|step| self.step(step, parent, names)).collect()
    }

    /// Adds a step and, directly after it, the steps inside it.
    fn step(&mut self, step: Step, parent: &str, names: &mut Names) -> NodeIndex {
        let path = names.path(parent, &step.segment);
        let node = Node {
            path: path.clone(),
            key: step.key,
            guard: step.guard,
            kind: NodeKind::Set(Vec::new()),
            place: step.place,
        };
        self.add(node, |lowering| lowering.kind(step.kind, path.as_str()))
    }

    fn cleanup(&mut self, cleanup: Cleanup, names: &mut Names) -> NodeIndex {
        let path = names.path("", "always");
        let node = Node {
            path: path.clone(),
            key: None,
            guard: None,
            kind: NodeKind::Set(Vec::new()),
            place: cleanup.place,
        };
        self.add(node, |lowering| {
            NodeKind::Always(lowering.block(cleanup.body, path.as_str(), &mut Names::default()))
        })
    }

    /// Adds `node`, whose kind is known only once the steps inside it have their indices.
    fn add(&mut self, node: Node, kind: impl FnOnce(&mut Self) -> NodeKind) -> NodeIndex {
        let at = self.nodes.len();
        self.nodes.push(node);
        self.nodes[at].kind = kind(self);
        // A file holds at most 10 000 steps (LANGUAGE rule R17).
        NodeIndex(u32::try_from(at).unwrap_or(u32::MAX))
    }

    fn kind(&mut self, kind: StepKind, path: &str) -> NodeKind {
        let mut names = Names::default();
        match kind {
            StepKind::Call(call) => NodeKind::Call(Box::new(self.call(*call, path, &mut names))),
            StepKind::If(If { arms, otherwise }) => NodeKind::If(plan::If {
                arms: arms
                    .into_iter()
                    .map(|(condition, body)| plan::Arm {
                        condition,
                        body: self.block(body, path, &mut names),
                    })
                    .collect(),
                otherwise: self.block(otherwise, path, &mut names),
            }),
            StepKind::Loop(repeat) => {
                let Loop {
                    condition,
                    order,
                    limit,
                    on_limit,
                    stuck_after,
                    body,
                } = *repeat;
                NodeKind::Loop(Box::new(plan::Loop {
                    condition,
                    order,
                    limit,
                    on_limit,
                    stuck_after,
                    body: self.block(body, path, &mut names),
                }))
            }
            StepKind::Do(body) => NodeKind::Do(self.block(body, path, &mut names)),
            StepKind::Always(body) => NodeKind::Always(self.block(body, path, &mut names)),
            StepKind::Parallel(parallel) => NodeKind::Parallel(self.parallel(parallel, path, &mut names)),
            StepKind::Set(values) => NodeKind::Set(values),
            StepKind::Fail(text) => NodeKind::Fail(text),
            StepKind::Gate(gate) => NodeKind::Gate(gate),
            StepKind::Wait(wait) => NodeKind::Wait(wait),
        }
    }

    fn call(&mut self, call: Call, path: &str, names: &mut Names) -> plan::Call {
        plan::Call {
            action: call.action,
            params: call.params,
            output: call.output,
            with: call.with,
            retry: call.retry,
            timeout: call.timeout,
            timeout_total: call.timeout_total,
            on_lost: call.on_lost,
            on_fail: match call.on_fail {
                OnFail::Fail => plan::OnFail::Fail,
                OnFail::Continue => plan::OnFail::Continue,
                OnFail::Handle(steps) => plan::OnFail::Handle(self.block(steps, path, names)),
            },
        }
    }

    fn parallel(&mut self, parallel: Parallel, path: &str, names: &mut Names) -> plan::Parallel {
        plan::Parallel {
            branches: parallel
                .branches
                .into_iter()
                .map(|branch| self.branch(branch, path, names))
                .collect(),
            join: parallel.join,
            max_parallel: parallel.max_parallel,
            fail_fast: parallel.fail_fast,
            min_success: parallel.min_success,
        }
    }

    fn branch(&mut self, branch: Branch, path: &str, names: &mut Names) -> plan::Branch {
        plan::Branch {
            node: self.step(branch.step, path, names),
            needs: branch.needs,
            needs_any_result: branch.needs_any_result,
        }
    }
}
