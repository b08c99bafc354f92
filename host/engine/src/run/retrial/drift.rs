//! Whether a new plan goes with what a run has done under the former one.

use super::inputs_of;
use super::selection::{Instance, Open, Selection};
use crate::data::Data;
use crate::id::StepPath;
use crate::inputs::{InvalidInput, resolve};
use crate::plan::{NodeIndex, NodeKind, Plan};
use crate::run::progress::block_of;
use std::collections::BTreeSet;

/// One thing about a new plan that does not fit what is kept of a run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Difference {
    /// A kept step is not there any more.
    #[error("`{step}` is kept and no longer there")]
    Gone {
        /// The step.
        step: StepPath,
    },
    /// A kept step is something else now.
    #[error("`{step}` was {was} and is {is}")]
    Kind {
        /// The step.
        step: StepPath,
        /// What it was, with article.
        was: &'static str,
        /// What it is.
        is: &'static str,
    },
    /// A kept step called another action.
    #[error("`{step}` called `{was}` and calls `{is}`")]
    Action {
        /// The step.
        step: StepPath,
        /// What it called.
        was: String,
        /// What it calls.
        is: String,
    },
    /// What a kept step returned was to fit another schema.
    #[error("the output of `{step}` fits {was} and is to fit {is}")]
    Schema {
        /// The step.
        step: StepPath,
        /// The former schema.
        was: String,
        /// The new one.
        is: String,
    },
    /// A kept step stands elsewhere among the steps around it.
    #[error("`{step}` stands in another place among the kept steps")]
    Moved {
        /// The step.
        step: StepPath,
    },
    /// A step stands before what runs again and has never run.
    #[error("`{step}` is new and stands before what runs again")]
    NotRun {
        /// The step.
        step: StepPath,
    },
    /// The inputs of the run are not what the new definition asks for.
    #[error(transparent)]
    Input(InvalidInput),
}

/// Returns the inputs that a run with `inputs` has under `plan`.
pub(super) fn inputs(plan: &Plan, inputs: &Data) -> Result<Data, Vec<Difference>> {
    match resolve(&plan.parts().inputs, inputs_of(inputs)) {
        Ok(inputs) => Ok(Data::map(
            inputs
                .into_iter()
                .map(|(name, value)| (name.as_str().into(), value))
                .collect::<Vec<(std::sync::Arc<str>, Data)>>(),
        )),
        Err(problems) => Err(problems.into_iter().map(Difference::Input).collect()),
    }
}

/// Returns everything about `plan` that does not fit what `selection` keeps, and the kept steps that it says otherwise.
pub(super) fn compare(former: &Plan, plan: &Plan, selection: &Selection) -> (Vec<Difference>, Vec<StepPath>) {
    let mut found = Found::default();
    let mut looked_at = BTreeSet::new();
    for (node, _) in &selection.whole {
        // With all that is inside: later steps ask for those results too.
        for inner in node.0..former.links(*node).end.0 {
            if looked_at.insert(inner) {
                found.step(former, plan, NodeIndex(inner));
            }
        }
    }
    for (node, _) in selection.open.keys() {
        if looked_at.insert(node.0) {
            found.step(former, plan, *node);
        }
    }
    found.order(former, plan, None, &selection.top);
    for (instance, open) in &selection.open {
        found.order(former, plan, Some(instance), open);
    }
    found.differences.dedup();
    (found.differences, found.changed)
}

#[derive(Default)]
struct Found {
    differences: Vec<Difference>,
    changed: Vec<StepPath>,
}

impl Found {
    fn step(&mut self, former: &Plan, plan: &Plan, node: NodeIndex) {
        let was = former.node(node);
        let step = was.path.clone();
        let Some(is) = plan.find(&step).map(|node| plan.node(node)) else {
            self.differences.push(Difference::Gone { step });
            return;
        };
        let (kind, kind_now) = (phrase(&was.kind), phrase(&is.kind));
        if kind != kind_now {
            self.differences.push(Difference::Kind {
                step,
                was: kind,
                is: kind_now,
            });
            return;
        }
        let differs = match (&was.kind, &is.kind) {
            (NodeKind::Call(was), NodeKind::Call(is)) => {
                let name = |call: &crate::plan::Call| format!("{}.{}", call.action.plugin, call.action.action);
                if name(was) != name(is) {
                    self.differences.push(Difference::Action {
                        step,
                        was: name(was),
                        is: name(is),
                    });
                    return;
                }
                if was.output != is.output {
                    let schema = |name: &Option<String>| match name {
                        Some(name) => format!("the schema `{name}`"),
                        None => "no schema".to_owned(),
                    };
                    self.differences.push(Difference::Schema {
                        step,
                        was: schema(&was.output),
                        is: schema(&is.output),
                    });
                    return;
                }
                was.params != is.params || was.with != is.with
            }
            (NodeKind::Set(was), NodeKind::Set(is)) => was != is,
            (NodeKind::Gate(was), NodeKind::Gate(is)) => was != is,
            (NodeKind::Wait(was), NodeKind::Wait(is)) => was != is,
            _ => false,
        };
        if differs || was.guard != is.guard {
            self.changed.push(step);
        }
    }

    /// Looks at a block that is kept in part: what is kept of it must be what stands before the step to go on with.
    fn order(&mut self, former: &Plan, plan: &Plan, block: Option<&Instance>, open: &Open) {
        let place = |node: NodeIndex| {
            let now = plan.find(&former.node(node).path)?;
            let links = plan.links(now);
            let outer = links.parent.map(|outer| &plan.node(outer).path);
            let is_there = outer == block.map(|(node, _)| &former.node(*node).path);
            (is_there && links.block == former.links(node).block).then_some((now, links.position))
        };
        let mut last: Option<(Instance, u32)> = None;
        let mut kept = BTreeSet::new();
        let is_parallel = block.is_some_and(|(node, _)| matches!(former.node(*node).kind, NodeKind::Parallel(_)));
        for instance in &open.kept {
            match place(instance.0) {
                Some((_, position)) => {
                    let before = last
                        .as_ref()
                        .is_some_and(|((_, occurrence), last)| *occurrence == instance.1 && *last >= position);
                    if before && !is_parallel {
                        self.moved(former, instance.0);
                    }
                    kept.insert((instance.1.clone(), position));
                    last = Some((instance.clone(), position));
                }
                None => self.moved(former, instance.0),
            }
        }
        if is_parallel {
            return;
        }
        // All that stands before the step to go on with must have run; without such a step, before the last one that has.
        let end = match &open.cut {
            Some(cut) => match place(cut.0) {
                Some((now, position)) => Some((now, cut.1.clone(), position)),
                None => {
                    self.moved(former, cut.0);
                    None
                }
            },
            None => last.and_then(|((node, occurrence), position)| Some((place(node)?.0, occurrence, position))),
        };
        let Some((now, occurrence, position)) = end else { return };
        let behind =
            |instance: &&Instance| instance.1 == occurrence && place(instance.0).is_some_and(|(_, at)| at > position);
        for instance in open.kept.iter().filter(behind) {
            self.moved(former, instance.0);
        }
        let links = plan.links(now);
        for (step, earlier) in block_of(plan, links.parent, links.block).iter().zip(0..position) {
            let path = &plan.node(*step).path;
            if kept.contains(&(occurrence.clone(), earlier)) {
                continue;
            }
            self.differences.push(match former.find(path) {
                None => Difference::NotRun { step: path.clone() },
                Some(_) => Difference::Moved { step: path.clone() },
            });
        }
    }

    /// Says that a step stands elsewhere, unless it is said already that it is gone.
    fn moved(&mut self, former: &Plan, node: NodeIndex) {
        let step = former.node(node).path.clone();
        let is_gone = self.differences.contains(&Difference::Gone { step: step.clone() });
        if !is_gone {
            self.differences.push(Difference::Moved { step });
        }
    }
}

fn phrase(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Call(_) => "a call",
        NodeKind::If(_) => "a choice",
        NodeKind::Loop(_) => "a loop",
        NodeKind::Do(_) => "a `do` block",
        NodeKind::Parallel(_) => "a `parallel` block",
        NodeKind::Always(_) => "an `always` block",
        NodeKind::Set(_) => "a `set`",
        NodeKind::Fail(_) => "a `fail`",
        NodeKind::Gate(_) => "a gate",
        NodeKind::Wait(_) => "a wait",
    }
}
