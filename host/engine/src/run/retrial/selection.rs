//! Which events of a run that has ended stay when it goes on from a step.

use super::super::progress::block_of;
use super::RetryRefused;
use crate::event::{AfterFailure, Ending, Event, Recorded, SkipReason, StepReference};
use crate::history::{Dropped, Span};
use crate::id::{Occurrence, StepPath};
use crate::plan::{NodeIndex, NodeKind, Parallel, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// One time that a step began: the step, and which time round the loops.
pub(super) type Instance = (NodeIndex, Occurrence);

/// What stays, and what does not.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// Events that count no longer.
    pub(super) dropped: Vec<Span>,
    /// The step that the run goes on from: the one that was asked for, else the first that runs again.
    pub(super) from: Option<StepReference>,
    /// Everything that ended and is kept, with all that is inside.
    pub(super) whole: BTreeSet<Instance>,
    /// The blocks that are kept in part; the run itself is not among them.
    pub(super) open: BTreeMap<Instance, Open>,
    /// The steps at the top level that are kept, and the one that runs again.
    pub(super) top: Open,
}

/// A block that is kept in part.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    /// The latest round that it has begun, for a loop.
    round: Option<u32>,
    /// The steps in it that are kept whole, in the order of the text and the rounds.
    pub(super) kept: Vec<Instance>,
    /// The step that is open or runs again; steps behind it have not begun. Of a parallel block: none.
    pub(super) cut: Option<Instance>,
}

/// How an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The block around it went on.
    Well,
    /// It never ran since a branch that it needs did not succeed.
    Needless,
    Badly,
}

#[derive(Clone, Debug)]
struct Story {
    /// The number of its first event.
    begun: u64,
    end: Option<End>,
}

impl Story {
    fn is_well(&self) -> bool {
        self.end == Some(End::Well)
    }
}

/// Returns what stays of `events`, of which `past` counts no longer, when the run goes on from the latest time that
/// `target` began; from whatever did not end well without a target.
pub(super) fn select(
    plan: &Plan,
    events: &[Recorded],
    past: &Dropped,
    target: Option<NodeIndex>,
) -> Result<Selection, RetryRefused> {
    let mut survey = Survey::of(plan, events.iter().filter(|recorded| !past.contains(recorded.sequence)));
    if let Some(node) = target {
        survey.aim(node)?;
    }
    survey.walk()?;
    let mut selection = survey.selection;
    let mut last_dropped = false;
    for recorded in events.iter().filter(|recorded| !past.contains(recorded.sequence)) {
        let stays = stays(plan, &selection, &recorded.event);
        if !stays {
            match selection.dropped.last_mut().filter(|_| last_dropped) {
                Some(span) => span.last = recorded.sequence,
                None => selection.dropped.push(Span {
                    first: recorded.sequence,
                    last: recorded.sequence,
                }),
            }
        }
        last_dropped = !stays;
    }
    Ok(selection)
}

/// Returns whether an event counts on.
fn stays(plan: &Plan, selection: &Selection, event: &Event) -> bool {
    let Some(at) = event.step() else {
        return match event {
            // What was asked of the run was about its end.
            Event::CancelRequested { .. }
            | Event::KillRequested { .. }
            | Event::RunTimedOut
            | Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::CleanupStarted { .. }
            | Event::RunFinished { .. } => false,
            // Who had the run, and what came from outside, is so.
            _ => true,
        };
    };
    let Some(node) = plan.find(&at.step) else { return false };
    let mut instance = (node, at.occurrence.clone());
    if let Some(open) = selection.open.get(&instance) {
        return match event {
            Event::BlockStarted { .. } | Event::BranchChosen { .. } => true,
            Event::IterationStarted { round, .. } => open.round.is_none_or(|last| *round <= last),
            _ => false,
        };
    }
    loop {
        if selection.whole.contains(&instance) {
            return true;
        }
        match parent(plan, &instance) {
            Some(outer) if !selection.open.contains_key(&outer) => instance = outer,
            Some(_) | None => return false,
        }
    }
}

fn parent(plan: &Plan, (node, occurrence): &Instance) -> Option<Instance> {
    let outer = plan.parent(*node)?;
    Some((outer, occurrence.truncated(plan.links(outer).loops as usize)))
}

struct Survey<'a> {
    plan: &'a Plan,
    stories: BTreeMap<Instance, Story>,
    children: BTreeMap<Option<Instance>, Vec<Instance>>,
    target: Option<Instance>,
    /// The target and all blocks around it.
    chain: BTreeSet<Instance>,
    selection: Selection,
    /// What runs again, by the number of the event with which it began.
    again: BTreeMap<u64, Instance>,
}

impl<'a> Survey<'a> {
    fn of(plan: &'a Plan, events: impl Iterator<Item = &'a Recorded>) -> Self {
        let mut stories: BTreeMap<Instance, Story> = BTreeMap::new();
        let mut children: BTreeMap<Option<Instance>, Vec<Instance>> = BTreeMap::new();
        for recorded in events {
            let Some(at) = recorded.event.step() else { continue };
            let Some(node) = plan.find(&at.step) else { continue };
            let instance = (node, at.occurrence.clone());
            let story = stories.entry(instance.clone()).or_insert_with(|| {
                children
                    .entry(parent(plan, &instance))
                    .or_default()
                    .push(instance.clone());
                Story {
                    begun: recorded.sequence,
                    end: None,
                }
            });
            story.end = end_of(&recorded.event).or(story.end);
        }
        for inside in children.values_mut() {
            inside.sort_unstable_by(|one, other| in_order(plan, one).cmp(&in_order(plan, other)));
        }
        Self {
            plan,
            stories,
            children,
            target: None,
            chain: BTreeSet::new(),
            selection: Selection::default(),
            again: BTreeMap::new(),
        }
    }

    /// Aims at the latest time that `node` began.
    fn aim(&mut self, node: NodeIndex) -> Result<(), RetryRefused> {
        let step = || self.plan.node(node).path.clone();
        let mut at = Some(node);
        while let Some(inner) = at {
            at = self.plan.parent(inner);
            match at {
                Some(outer) if matches!(self.plan.node(outer).kind, NodeKind::Call(_)) => {
                    let of = self.plan.node(outer).path.clone();
                    return Err(RetryRefused::InHandler { step: step(), of });
                }
                None if self.plan.links(inner).block == 1 => return Err(RetryRefused::InCleanup { step: step() }),
                Some(_) | None => {}
            }
        }
        let latest = self
            .stories
            .range((node, Occurrence::default())..(NodeIndex(node.0 + 1), Occurrence::default()))
            .max_by_key(|(_, story)| story.begun)
            .map(|(instance, _)| instance.clone());
        let Some(target) = latest else {
            return Err(RetryRefused::NeverBegan {
                step: step(),
                stopped_at: self.stopped_at(),
            });
        };
        let mut at = Some(target.clone());
        while let Some(instance) = at {
            at = parent(self.plan, &instance);
            self.chain.insert(instance);
        }
        self.target = Some(target);
        Ok(())
    }

    /// Returns the first step that did not end well and is no block.
    fn stopped_at(&self) -> Option<StepPath> {
        let mut unwell: Vec<(&Instance, &Story)> = self
            .stories
            .iter()
            .filter(|((node, _), story)| !story.is_well() && !is_block(&self.plan.node(*node).kind))
            .collect();
        unwell.sort_by_key(|(_, story)| story.begun);
        unwell.first().map(|((node, _), _)| self.plan.node(*node).path.clone())
    }

    /// Decides about every instance, from the outside in.
    fn walk(&mut self) -> Result<(), RetryRefused> {
        let mut blocks: Vec<Option<Instance>> = vec![None];
        while let Some(block) = blocks.pop() {
            let inside = self.children.get(&block).cloned().unwrap_or_default();
            let kind = block.as_ref().map(|(node, _)| &self.plan.node(*node).kind);
            let open = match kind {
                Some(NodeKind::Parallel(parallel)) => self.branches(parallel, &inside, &mut blocks)?,
                _ => self.sequence(block.is_none(), &inside, &mut blocks)?,
            };
            match block {
                Some(block) => drop(self.selection.open.insert(block, open)),
                None => self.selection.top = open,
            }
        }
        let from = self.target.as_ref().or(self.again.values().next());
        self.selection.from = from.map(|(node, occurrence)| StepReference {
            step: self.plan.node(*node).path.clone(),
            occurrence: occurrence.clone(),
        });
        Ok(())
    }

    /// Steps one after the other: what comes before the first one that runs again is kept.
    fn sequence(
        &mut self,
        is_run: bool,
        inside: &[Instance],
        blocks: &mut Vec<Option<Instance>>,
    ) -> Result<Open, RetryRefused> {
        let mut open = Open::default();
        let leads_there = inside.iter().any(|child| self.chain.contains(child));
        for child in inside {
            // The `always` blocks of the run come after all else.
            if is_run && self.plan.links(child.0).block == 1 {
                break;
            }
            open.round = self.round_of(child).or(open.round);
            if let Some(missing) = self.never_begun_before(child, open.kept.last()) {
                if leads_there {
                    return Err(self.not_well(child, missing));
                }
                // It ran on the way out only: `always` blocks come again behind what they clean up after.
                let missing = (missing, child.1.clone());
                self.again.insert(self.stories[child].begun, missing.clone());
                open.cut = Some(missing);
                break;
            }
            let on_the_way = self.chain.contains(child);
            let is_well = self.stories.get(child).is_some_and(Story::is_well);
            if on_the_way || !is_well {
                if leads_there && !on_the_way {
                    return Err(self.not_well(child, child.0));
                }
                self.begin_again(child, blocks);
                open.cut = Some(child.clone());
                break;
            }
            self.selection.whole.insert(child.clone());
            open.kept.push(child.clone());
        }
        Ok(open)
    }

    /// Returns the first step between `child` and the one before it, if the block was left before it began.
    fn never_begun_before(&self, child: &Instance, before: Option<&Instance>) -> Option<NodeIndex> {
        let links = self.plan.links(child.0);
        let expected = match before {
            Some((node, occurrence)) if *occurrence == child.1 => self.plan.links(*node).position + 1,
            Some(_) | None => 0,
        };
        let steps = block_of(self.plan, self.plan.parent(child.0), links.block);
        (expected < links.position).then(|| steps[expected as usize])
    }

    /// Branches beside each other: what did not end well runs again, and what needs it.
    fn branches(
        &mut self,
        parallel: &Parallel,
        inside: &[Instance],
        blocks: &mut Vec<Option<Instance>>,
    ) -> Result<Open, RetryRefused> {
        let place = |instance: &Instance| self.plan.links(instance.0).position;
        let runs_again: BTreeSet<u32> = inside
            .iter()
            .filter(|child| self.chain.contains(*child) || !self.stories.get(*child).is_some_and(Story::is_well))
            .map(place)
            .collect();
        let mut open = Open::default();
        for child in inside {
            let needed = needs(parallel, place(child));
            let runs_before = needed.intersection(&runs_again).next();
            if let Some(before) = runs_before {
                if self.chain.contains(child) {
                    let before = parallel.branches[*before as usize].node;
                    return Err(self.not_well(child, before));
                }
                self.note_again(child);
            } else if runs_again.contains(&place(child)) {
                self.begin_again(child, blocks);
            } else {
                self.selection.whole.insert(child.clone());
                open.kept.push(child.clone());
            }
        }
        Ok(open)
    }

    /// Returns why the target, which is `child` or in it, cannot be gone on from.
    fn not_well(&self, child: &Instance, before: NodeIndex) -> RetryRefused {
        let step = self.target.as_ref().map_or(child.0, |(node, _)| *node);
        RetryRefused::NotWell {
            step: self.plan.node(step).path.clone(),
            before: self.plan.node(before).path.clone(),
        }
    }

    /// Takes a child of an open block that does not stay as it is: a block is kept in part, all else runs again.
    fn begin_again(&mut self, child: &Instance, blocks: &mut Vec<Option<Instance>>) {
        if self.goes_on(child) {
            blocks.push(Some(child.clone()));
        } else {
            self.note_again(child);
        }
    }

    /// Returns whether there is something in a child that did not end well to go on from.
    fn goes_on(&self, child: &Instance) -> bool {
        let skipped = self
            .stories
            .get(child)
            .is_some_and(|story| story.end == Some(End::Needless));
        let began = self.children.contains_key(&Some(child.clone()));
        self.target.as_ref() != Some(child) && !skipped && began && is_block(&self.plan.node(child.0).kind)
    }

    fn note_again(&mut self, child: &Instance) {
        if let Some(story) = self.stories.get(child) {
            self.again.insert(story.begun, child.clone());
        }
    }

    /// Returns the round of the innermost loop around `child`, if that is the block that it stands in.
    fn round_of(&self, child: &Instance) -> Option<u32> {
        let outer = self.plan.parent(child.0)?;
        matches!(self.plan.node(outer).kind, NodeKind::Loop(_)).then(|| child.1.innermost())
    }
}

/// Returns where a step of a block stands among the others of it.
fn in_order<'i>(plan: &Plan, (node, occurrence): &'i Instance) -> (u32, &'i Occurrence, u32) {
    let links = plan.links(*node);
    // The `always` blocks of a run after its body; within a loop the rounds one after the other.
    let cleanup = if links.parent.is_none() { links.block } else { 0 };
    (cleanup, occurrence, links.position)
}

/// Returns the branches that the one at `place` needs, also through others.
fn needs(parallel: &Parallel, place: u32) -> BTreeSet<u32> {
    let mut all = BTreeSet::new();
    let mut open = vec![place];
    while let Some(place) = open.pop() {
        for need in parallel
            .branches
            .get(place as usize)
            .map_or(&[][..], |branch| &branch.needs)
        {
            if all.insert(*need) {
                open.push(*need);
            }
        }
    }
    all
}

fn is_block(kind: &NodeKind) -> bool {
    match kind {
        NodeKind::If(_) | NodeKind::Loop(_) | NodeKind::Do(_) | NodeKind::Parallel(_) | NodeKind::Always(_) => true,
        NodeKind::Call(_) | NodeKind::Set(_) | NodeKind::Fail(_) | NodeKind::Gate(_) | NodeKind::Wait(_) => false,
    }
}

/// Returns how an event ends the step that it is about, if it does.
fn end_of(event: &Event) -> Option<End> {
    match event {
        Event::StepCompleted { .. }
        | Event::VariablesSet { .. }
        | Event::StepFailed {
            then: AfterFailure::Continue,
            ..
        }
        | Event::StepSkipped {
            reason: SkipReason::Condition,
            ..
        }
        | Event::BlockEnded {
            ending: Ending::Completed,
            ..
        } => Some(End::Well),
        Event::StepSkipped {
            reason: SkipReason::Need(_),
            ..
        } => Some(End::Needless),
        Event::StepFailed { .. }
        | Event::StepHandled { .. }
        | Event::StepCancelled { .. }
        | Event::BlockEnded { .. } => Some(End::Badly),
        _ => None,
    }
}
