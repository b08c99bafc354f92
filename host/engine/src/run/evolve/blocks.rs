//! What the events of blocks do: how they begin, which branches become free, how they end.

use crate::event::{Ending, StepReference};
use crate::plan::{NodeIndex, NodeKind, Plan};
use crate::result::{StepResult, StepStatus};
use crate::run::Run;
use crate::run::frame::{BranchState, ChildEnd, Frame, FrameKey, ParallelState, Sequence, State};
use std::collections::BTreeSet;

impl Run {
    pub(super) fn block_started(&mut self, plan: &Plan, at: &StepReference) {
        let Some(key) = self.locate(plan, at) else { return };
        let NodeKind::Parallel(parallel) = &plan.node(self.node_of(&key)).kind else {
            self.begin(plan, at, |_| State::Block(Sequence::default()));
            return;
        };
        let scope = self.scope_of(plan, &key);
        let first_scope = self
            .scopes
            .open(scope, parallel.branches.iter().map(|branch| branch.needs.as_slice()));
        let mut state = ParallelState {
            branches: Vec::with_capacity(parallel.branches.len()),
            ready_calls: BTreeSet::new(),
            ready_others: BTreeSet::new(),
            running: 0,
            ended: 0,
            completed: 0,
            succeeded: 0,
            failed: BTreeSet::new(),
            stopping: false,
            first_scope,
        };
        for (place, branch) in (0_u32..).zip(&parallel.branches) {
            let needs = u32::try_from(branch.needs.len()).unwrap_or(u32::MAX);
            state.branches.push(BranchState::Blocked(needs));
            if needs == 0 {
                make_ready(&mut state, place, &plan.node(branch.node).kind);
            }
        }
        self.begin(plan, at, |_| State::Parallel(Box::new(state)));
    }

    pub(super) fn branches_cancelled(&mut self, plan: &Plan, at: &StepReference, branches: &[u32]) {
        let Some(key) = self.locate(plan, at) else { return };
        let node = self.node_of(&key);
        let NodeKind::Parallel(parallel) = &plan.node(node).kind else {
            return;
        };
        let Some(State::Parallel(state)) = self.frames.get_mut(&key).map(|frame| &mut frame.state) else {
            return;
        };
        state.stopping = true;
        state.ready_calls.clear();
        state.ready_others.clear();
        let mut running = Vec::new();
        for place in branches {
            match state.branches.get_mut(*place as usize) {
                Some(BranchState::Running) => running.push(parallel.branches[*place as usize].node),
                Some(BranchState::Ended(_)) | None => {}
                Some(waiting @ (BranchState::Blocked(_) | BranchState::Ready)) => {
                    *waiting = BranchState::Ended(ChildEnd::Left(Ending::Cancelled { reason: String::new() }));
                    state.ended += 1;
                }
            }
        }
        for branch in running {
            self.cancel_frames(plan, Some(&FrameKey::of(branch, &key.occurrence)));
        }
        self.ready.insert(key);
    }

    pub(super) fn block_ended(&mut self, plan: &Plan, at: &StepReference, ending: &Ending, markers: &[String]) {
        let Some(key) = self.locate(plan, at) else { return };
        let result = plan.node(self.node_of(&key)).key.as_ref().map(|_| {
            let (status, error) = match ending {
                Ending::Completed => (StepStatus::Completed, None),
                Ending::Failed { failure, .. } => (StepStatus::Failed, Some(failure.clone())),
                Ending::Cancelled { .. } | Ending::Killed { .. } => (StepStatus::Cancelled, None),
            };
            StepResult {
                markers: markers.to_vec(),
                error,
                ..self.blank(plan, &key, status)
            }
        });
        if let Some(Frame {
            scope,
            state: State::Parallel(state),
            ..
        }) = self.frames.get(&key)
        {
            let count = u32::try_from(state.branches.len()).unwrap_or(u32::MAX);
            self.scopes.merge(*scope, state.first_scope, count);
        }
        let end = match ending {
            Ending::Completed => ChildEnd::Completed,
            Ending::Failed { .. } | Ending::Cancelled { .. } | Ending::Killed { .. } => ChildEnd::Left(ending.clone()),
        };
        self.end(plan, &key, result, end);
    }
}

pub(super) fn branch_ended(plan: &Plan, node: NodeIndex, state: &mut ParallelState, position: u32, end: ChildEnd) {
    let NodeKind::Parallel(parallel) = &plan.node(node).kind else {
        return;
    };
    // Events that do not belong to the state, as of a damaged log, count nothing twice.
    if !matches!(state.branches[position as usize], BranchState::Running) {
        return;
    }
    state.running -= 1;
    state.ended += 1;
    match &end {
        ChildEnd::Completed => {
            state.completed += 1;
            state.succeeded += 1;
        }
        ChildEnd::Skipped => state.succeeded += 1,
        ChildEnd::Left(Ending::Failed { .. }) => {
            state.failed.insert(position);
        }
        ChildEnd::Continued | ChildEnd::Left(Ending::Completed | Ending::Cancelled { .. } | Ending::Killed { .. }) => {}
    }
    state.branches[position as usize] = BranchState::Ended(end);
    for dependent in &plan.dependents(node)[position as usize] {
        let free = match &mut state.branches[*dependent as usize] {
            BranchState::Blocked(open) => {
                *open -= 1;
                *open == 0
            }
            BranchState::Ready | BranchState::Running | BranchState::Ended(_) => false,
        };
        if free {
            make_ready(
                state,
                *dependent,
                &plan.node(parallel.branches[*dependent as usize].node).kind,
            );
        }
    }
}

fn make_ready(state: &mut ParallelState, place: u32, kind: &NodeKind) {
    state.branches[place as usize] = BranchState::Ready;
    if matches!(kind, NodeKind::Call(_)) {
        state.ready_calls.insert(place);
    } else {
        state.ready_others.insert(place);
    }
}
