//! Which branches wait for room: after a retry more of them may have begun than may run beside each other.

use super::Run;
use super::evolve::parent_of;
use super::frame::{BranchState, FrameKey, State};
use crate::event::StepReference;
use crate::plan::{NodeKind, Plan};
use std::collections::BTreeSet;

impl Run {
    /// Lets branches that a retry kept in part wait, where more of them have begun than may run beside each other: the one
    /// that the retry is for goes first, the others in the order of the text.
    pub(super) fn hold_back(&mut self, plan: &Plan, target: Option<&StepReference>) {
        let mut chain = Vec::new();
        let mut around = target.and_then(|at| self.locate(plan, at));
        while let Some(key) = around.filter(|key| key.node.is_some()) {
            around = Some(parent_of(plan, &key));
            chain.push(key);
        }
        let mut held = BTreeSet::new();
        for (key, frame) in &self.frames {
            let (State::Parallel(state), Some(node)) = (&frame.state, key.node) else {
                continue;
            };
            let NodeKind::Parallel(parallel) = &plan.node(node).kind else {
                continue;
            };
            let most = parallel.max_parallel.map_or(usize::MAX, |most| most as usize);
            let begun = parallel.branches.iter().zip(&state.branches);
            let mut begun: Vec<FrameKey> = begun
                .filter(|(_, branch)| matches!(branch, BranchState::Running))
                .map(|(branch, _)| FrameKey::of(branch.node, &key.occurrence))
                .collect();
            begun.sort_by_key(|branch| !chain.contains(branch));
            held.extend(begun.into_iter().skip(most));
        }
        // What an earlier retry held back may have gone on in events that this one dropped.
        self.held = held;
    }

    /// Returns whether a frame is in a branch that waits for room.
    pub(super) fn waits_for_room(&self, plan: &Plan, key: &FrameKey) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let mut at = key.clone();
        while at.node.is_some() {
            if self.held.contains(&at) {
                return true;
            }
            at = parent_of(plan, &at);
        }
        false
    }

    /// Lets as many branches of a parallel block go on as there is room for, now that one of them has ended.
    pub(super) fn make_room(&mut self, plan: &Plan, block: &FrameKey) {
        if self.held.is_empty() {
            return;
        }
        let (Some(node), Some(State::Parallel(state))) = (block.node, self.frames.get(block).map(|frame| &frame.state))
        else {
            return;
        };
        let NodeKind::Parallel(parallel) = &plan.node(node).kind else {
            return;
        };
        let branches = parallel.branches.iter();
        let waiting: Vec<FrameKey> = branches
            .map(|branch| FrameKey::of(branch.node, &block.occurrence))
            .filter(|branch| self.held.contains(branch))
            .collect();
        let most = parallel.max_parallel.map_or(usize::MAX, |most| most as usize);
        let at_work = (state.running as usize).saturating_sub(waiting.len());
        for branch in waiting.into_iter().take(most.saturating_sub(at_work)) {
            self.held.remove(&branch);
            let frames: Vec<FrameKey> = self.frames_of(plan, Some(&branch)).cloned().collect();
            self.ready.extend(frames);
        }
    }
}
