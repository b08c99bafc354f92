//! What must hold of a run that is opened again after its end, judged by the tree of its program.

use super::{Judge, Verdict, holds, place};
use cofferdam_engine::plan::{NodeIndex, NodeKind};
use cofferdam_engine::{Attempt, Dropped, Event, Recorded, StepPath, StepReference};

impl Judge<'_> {
    pub(super) fn invariant_only_ended_runs_are_retried(&self, recorded: &Recorded) -> Verdict {
        let retried = matches!(recorded.event, Event::RunRetried { .. });
        self.only_an_ended_run_may_be_retried(retried)
    }

    /// Judges whether a retry that was asked for now may go on.
    ///
    /// # Errors
    /// If it does although the run has not ended.
    pub(in crate::sim) fn only_an_ended_run_may_be_retried(&self, accepted: bool) -> Verdict {
        let may = !accepted || self.ending.is_some();
        holds("invariant_only_ended_runs_are_retried", may, || {
            format!("retried after event {}, and the run has not ended", self.sequence)
        })
    }

    pub(super) fn invariant_a_retry_keeps_what_came_before(&self, retried: &Recorded) -> Verdict {
        let Event::RunRetried { from, .. } = &retried.event else {
            return Ok(());
        };
        let dropped = Dropped::of([retried]);
        for recorded in &self.log {
            let Event::StepCompleted { at, .. } = &recorded.event else {
                continue;
            };
            let stays = !dropped.contains(recorded.sequence);
            let must =
                from.as_ref().is_none_or(|from| self.is_before(at, from)) && self.stands_alone(at, from.as_ref());
            holds("invariant_a_retry_keeps_what_came_before", stays || !must, || {
                format!("{:?} came before {from:?} and is lost", place(at))
            })?;
        }
        Ok(())
    }

    /// Takes note of the step that a retry is asked to go on from.
    pub(in crate::sim) fn aim(&mut self, step: Option<&StepPath>) {
        self.aimed_at = step.cloned();
    }

    pub(super) fn invariant_a_retry_goes_on_from_what_was_asked(&self, retried: &Recorded) -> Verdict {
        let (Event::RunRetried { from, .. }, Some(asked)) = (&retried.event, &self.aimed_at) else {
            return Ok(());
        };
        let from = from.as_ref().map(|from| &from.step);
        holds(
            "invariant_a_retry_goes_on_from_what_was_asked",
            from == Some(asked),
            || format!("{asked} was asked for, the run goes on from {from:?}"),
        )
    }

    /// Judges a delivery that is entered: its token is that of its step in this lineage and of nothing else.
    ///
    /// # Errors
    /// If it was seen elsewhere, or another one was seen here.
    pub(in crate::sim) fn invariant_tokens_belong_to_a_lineage(
        &mut self,
        attempt: &Attempt,
        lineage: usize,
    ) -> Verdict {
        let here = (place(&attempt.at), lineage);
        let other = self.tokens.iter().find(|(_, seen)| **seen == here);
        let seen = self.tokens.get(&attempt.token);
        let fits = seen.is_none_or(|seen| *seen == here) && other.is_none_or(|(token, _)| *token == attempt.token);
        holds("invariant_tokens_belong_to_a_lineage", fits, || {
            format!("{here:?} has the token of {seen:?}, before it had {other:?}")
        })?;
        self.tokens.insert(attempt.token.clone(), here);
        Ok(())
    }

    /// Returns the step and all blocks around it, from the inside out.
    fn around(&self, at: &StepReference) -> Vec<NodeIndex> {
        let mut around: Vec<NodeIndex> = self.plan.find(&at.step).into_iter().collect();
        while let Some(outer) = around.last().and_then(|node| self.plan.parent(*node)) {
            around.push(outer);
        }
        around
    }

    /// Returns whether one step comes before the other in the text, or in an earlier round of the loops around both.
    fn is_before(&self, one: &StepReference, other: &StepReference) -> bool {
        let (around_one, around_other) = (self.around(one), self.around(other));
        let common = around_one.iter().filter(|node| around_other.contains(node));
        let loops = common
            .filter(|node| **node != around_one[0] && **node != around_other[0])
            .filter(|node| matches!(self.plan.node(**node).kind, NodeKind::Loop(_)))
            .count();
        let rounds = |at: &StepReference| at.occurrence.iterations()[..loops].to_vec();
        (rounds(one), around_one[0]) < (rounds(other), around_other[0])
    }

    /// Returns whether a step depends on nothing but what stands before it: clean-up runs again, as does what handles a
    /// failure, and a branch that needs others may have to.
    fn stands_alone(&self, at: &StepReference, from: Option<&StepReference>) -> bool {
        let around_from = from.map_or_else(Vec::new, |from| self.around(from));
        let around = self.around(at);
        let mut inside = None;
        for node in around {
            let alone = match &self.plan.node(node).kind {
                NodeKind::Always(_) => false,
                NodeKind::Call(_) => inside.is_none(),
                NodeKind::Parallel(parallel) => {
                    let branch = parallel.branches.iter().find(|branch| Some(branch.node) == inside);
                    inside.is_some_and(|inside| around_from.contains(&inside))
                        || branch.is_none_or(|branch| branch.needs.is_empty())
                }
                _ => true,
            };
            if !alone {
                return false;
            }
            inside = Some(node);
        }
        true
    }
}
