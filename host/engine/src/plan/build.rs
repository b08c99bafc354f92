//! What makes parts a plan: the checks, and the links between steps that deciding needs.

use super::{Block, Branch, Node, NodeIndex, NodeKind, OnFail, Parts};
use crate::id::StepPath;
use std::collections::BTreeMap;

/// Why parts are not a plan. Lowering never produces such parts; a stored plan that was tampered with may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlan {
    /// A block names a step that does not directly follow what stands before it.
    #[error("the steps do not form a tree at number {0}")]
    NotATree(u32),
    /// Two steps have one path.
    #[error("two steps have the path `{0}`")]
    DuplicatePath(StepPath),
    /// A top-level cleanup is not an `always` block.
    #[error("`{0}` is not an `always` block")]
    NotAlways(StepPath),
    /// A branch needs one that does not exist, or needs itself in a circle.
    #[error("the needs of the branches of `{0}` lead nowhere")]
    BadNeeds(StepPath),
    /// A number is outside its range.
    #[error("`{path}` has an impossible {what}")]
    Impossible {
        /// The step.
        path: StepPath,
        /// Which number.
        what: &'static str,
    },
    /// Steps are nested deeper than the core works on.
    #[error("steps are nested deeper than {MAX_NESTING} levels")]
    TooDeep,
}

/// The deepest nesting of steps.
const MAX_NESTING: usize = 80;

/// Where a step is in the tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Links {
    /// The step around it, none at the top level.
    pub(crate) parent: Option<NodeIndex>,
    /// Which block of the parent it is in: the arm of an `if` (the last one is `else`), else 0.
    pub(crate) block: u32,
    /// Its place in that block, or in the branches of a parallel block.
    pub(crate) position: u32,
    /// The step after the last one inside it.
    pub(crate) end: NodeIndex,
    /// How many loops enclose it.
    pub(crate) loops: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Index {
    pub(super) links: Vec<Links>,
    pub(super) by_path: BTreeMap<StepPath, NodeIndex>,
    /// For each parallel block and branch: the branches that need it.
    pub(super) dependents: BTreeMap<NodeIndex, Vec<Vec<u32>>>,
}

pub(super) fn index(parts: &Parts) -> Result<Index, InvalidPlan> {
    let mut walk = Walk {
        nodes: &parts.nodes,
        index: Index::default(),
    };
    walk.block(&parts.body, None, 0, 0, 0)?;
    walk.block(&parts.always, None, 1, 0, 0)?;
    if walk.index.links.len() != parts.nodes.len() {
        return Err(InvalidPlan::NotATree(walk.next().0));
    }
    for node in &parts.always {
        let node = &parts.nodes[node.0 as usize];
        if !matches!(node.kind, NodeKind::Always(_)) {
            return Err(InvalidPlan::NotAlways(node.path.clone()));
        }
    }
    Ok(walk.index)
}

struct Walk<'a> {
    nodes: &'a [Node],
    index: Index,
}

impl Walk<'_> {
    fn next(&self) -> NodeIndex {
        NodeIndex(u32::try_from(self.index.links.len()).unwrap_or(u32::MAX))
    }

    fn block(
        &mut self,
        block: &Block,
        parent: Option<NodeIndex>,
        number: u32,
        loops: u32,
        depth: usize,
    ) -> Result<(), InvalidPlan> {
        for (position, node) in (0_u32..).zip(block) {
            self.node(
                *node,
                Links {
                    parent,
                    block: number,
                    position,
                    end: *node,
                    loops,
                },
                depth,
            )?;
        }
        Ok(())
    }

    fn node(&mut self, at: NodeIndex, links: Links, depth: usize) -> Result<(), InvalidPlan> {
        if depth > MAX_NESTING {
            return Err(InvalidPlan::TooDeep);
        }
        let nodes = self.nodes;
        let node = nodes
            .get(at.0 as usize)
            .filter(|_| at == self.next())
            .ok_or(InvalidPlan::NotATree(at.0))?;
        let loops = links.loops;
        self.index.links.push(links);
        if self.index.by_path.insert(node.path.clone(), at).is_some() {
            return Err(InvalidPlan::DuplicatePath(node.path.clone()));
        }
        match &node.kind {
            NodeKind::Call(call) => {
                if call.retry.attempts == 0
                    || !call.retry.factor.is_finite()
                    || !(0.0..=1.0).contains(&call.retry.jitter)
                {
                    return Err(InvalidPlan::Impossible {
                        path: node.path.clone(),
                        what: "retry policy",
                    });
                }
                if let OnFail::Handle(block) = &call.on_fail {
                    self.block(block, Some(at), 0, loops, depth + 1)?;
                }
            }
            NodeKind::If(choice) => {
                let mut number = 0;
                for arm in &choice.arms {
                    self.block(&arm.body, Some(at), number, loops, depth + 1)?;
                    number += 1;
                }
                self.block(&choice.otherwise, Some(at), number, loops, depth + 1)?;
            }
            NodeKind::Loop(repeat) => self.block(&repeat.body, Some(at), 0, loops + 1, depth + 1)?,
            NodeKind::Do(block) | NodeKind::Always(block) => self.block(block, Some(at), 0, loops, depth + 1)?,
            NodeKind::Parallel(parallel) => {
                if parallel.branches.is_empty() || parallel.max_parallel == Some(0) {
                    return Err(InvalidPlan::Impossible {
                        path: node.path.clone(),
                        what: "number of branches",
                    });
                }
                let dependents =
                    dependents(&parallel.branches).ok_or_else(|| InvalidPlan::BadNeeds(node.path.clone()))?;
                self.index.dependents.insert(at, dependents);
                for (position, branch) in (0_u32..).zip(&parallel.branches) {
                    let links = Links {
                        parent: Some(at),
                        block: 0,
                        position,
                        end: branch.node,
                        loops,
                    };
                    self.node(branch.node, links, depth + 1)?;
                }
            }
            NodeKind::Gate(gate) if gate.min_approvals == 0 => {
                return Err(InvalidPlan::Impossible {
                    path: node.path.clone(),
                    what: "number of approvals",
                });
            }
            NodeKind::Gate(_) | NodeKind::Wait(_) | NodeKind::Set(_) | NodeKind::Fail(_) => {}
        }
        let end = self.next();
        self.index.links[at.0 as usize].end = end;
        Ok(())
    }
}

/// Returns which branches need each branch; none if a need does not exist or needs go round in a circle.
fn dependents(branches: &[Branch]) -> Option<Vec<Vec<u32>>> {
    let mut dependents = vec![Vec::new(); branches.len()];
    let mut open: Vec<usize> = branches.iter().map(|branch| branch.needs.len()).collect();
    for (place, branch) in (0_u32..).zip(branches) {
        for need in &branch.needs {
            dependents.get_mut(*need as usize)?.push(place);
        }
    }
    let mut free: Vec<usize> = (0..branches.len()).filter(|place| open[*place] == 0).collect();
    let mut freed = 0;
    while let Some(place) = free.pop() {
        freed += 1;
        for dependent in &dependents[place] {
            let dependent = *dependent as usize;
            open[dependent] -= 1;
            if open[dependent] == 0 {
                free.push(dependent);
            }
        }
    }
    (freed == branches.len()).then_some(dependents)
}
