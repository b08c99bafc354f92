//! Which frames are left when a branch or the run is: all but those that clean up.

use crate::id::Occurrence;
use crate::plan::{NodeIndex, NodeKind, Plan};
use crate::run::Run;
use crate::run::frame::{FrameKey, State};

impl Run {
    /// Marks the frames of a branch, or of the whole run, as being left; those inside an `always` go on.
    pub(super) fn cancel_frames(&mut self, plan: &Plan, branch: Option<&FrameKey>) {
        let top = branch.and_then(|key| key.node).unwrap_or(NodeIndex(0));
        let left = self.frames_of(plan, branch);
        let left: Vec<FrameKey> = left
            .filter(|key| !self.is_cleaning_up(plan, key, top))
            .cloned()
            .collect();
        for key in left {
            if let Some(frame) = self.frames.get_mut(&key) {
                frame.cancelling = true;
            }
            self.ready.insert(key);
        }
    }

    /// Returns the frames of a branch, or of the whole run.
    pub(in crate::run) fn frames_of<'r>(
        &'r self,
        plan: &Plan,
        branch: Option<&'r FrameKey>,
    ) -> impl Iterator<Item = &'r FrameKey> {
        // Frames are in the order of the steps: only those of the branch are looked at.
        let (first, end) = match branch.and_then(|key| key.node) {
            Some(node) => (Some(node), plan.links(node).end),
            None => (None, NodeIndex(u32::MAX)),
        };
        let bound = |node| FrameKey {
            node,
            occurrence: Occurrence::default(),
        };
        let rounds = branch.map_or(&[][..], |key| key.occurrence.iterations());
        let keys = self.frames.range(bound(first)..bound(Some(end))).map(|(key, _)| key);
        keys.filter(move |key| key.occurrence.iterations().starts_with(rounds))
    }

    /// Returns whether `key` is in an `always` block at or below `top`, or in the cleanup of the run.
    fn is_cleaning_up(&self, plan: &Plan, key: &FrameKey, top: NodeIndex) -> bool {
        if key.node.is_none() {
            let root = self.frames.get(key).map(|frame| &frame.state);
            return matches!(root, Some(State::Root(root)) if root.cleanup.is_some());
        }
        let mut at = key.node;
        while let Some(node) = at.filter(|node| *node >= top) {
            if matches!(plan.node(node).kind, NodeKind::Always(_)) {
                return true;
            }
            at = plan.parent(node);
        }
        false
    }
}
