//! Defects put in on purpose, at least one for every oracle: an oracle that no mutant can trip checks nothing.

use super::dice::Dice;
use cofferdam_engine::plan::{Join, NodeKind, Parts};
use cofferdam_engine::{Data, Ending, Event, Plan, Recorded, Timestamp, Value};

/// One defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// An event never reaches the log.
    DropsAnEvent,
    /// The log is written with the time of another clock.
    WritesOldTimes,
    /// A run ends twice.
    EndsTwice,
    /// A completion is recorded a second time.
    RepeatsACompletion,
    /// A delivery is started while another one is under way.
    StartsTwice,
    /// A redelivery counts as a new attempt.
    CountsLostDeliveries,
    /// The workflow's own bound on attempts is not kept.
    IgnoresTheRunCap,
    /// The bound on branches is not kept.
    IgnoresTheBranchCap,
    /// A decision takes more permits than there are.
    TakesPermits,
    /// An `always` block is nothing but a block.
    ForgetsAlways,
    /// A cancelled run ends as completed.
    CompletesACancelledRun,
    /// A restored run misses an event.
    RestoresTooLittle,
    /// An attempt that ended is not taken back.
    ForgetsToStop,
    /// An effectful guest is entered before its start is durable.
    EntersEarly,
    /// The writer takes appends of a host that was replaced.
    IgnoresTheFence,
    /// A report of an earlier generation is taken for one of this.
    TakesLateReports,
    /// Nobody looks at the clock.
    SleepsThroughDeadlines,
    /// A choice takes the other way.
    TurnsAConditionRound,
}

impl Mutant {
    /// All mutants, each with the oracles of which one must catch it.
    pub const ALL: [(Self, &'static [&'static str]); 18] = [
        (Self::DropsAnEvent, &["invariant_sequence_is_contiguous"]),
        (Self::WritesOldTimes, &["invariant_time_never_goes_back"]),
        (Self::EndsTwice, &["invariant_nothing_follows_the_end"]),
        (Self::RepeatsACompletion, &["invariant_results_are_recorded_once"]),
        (Self::StartsTwice, &["invariant_one_delivery_at_a_time"]),
        (Self::CountsLostDeliveries, &["invariant_attempts_count_failures"]),
        (Self::IgnoresTheRunCap, &["invariant_run_cap_holds"]),
        (Self::IgnoresTheBranchCap, &["invariant_branch_cap_holds"]),
        (Self::TakesPermits, &["invariant_permits_hold"]),
        (Self::ForgetsAlways, &["invariant_always_runs_once"]),
        (Self::CompletesACancelledRun, &["invariant_cancel_decides_the_end"]),
        (Self::RestoresTooLittle, &["invariant_live_equals_replay"]),
        (Self::ForgetsToStop, &["invariant_effects_are_what_the_log_says"]),
        (Self::EntersEarly, &["invariant_effects_follow_durable_starts"]),
        (
            Self::IgnoresTheFence,
            &[
                "invariant_sequence_is_contiguous",
                "invariant_results_are_recorded_once",
            ],
        ),
        (Self::TakesLateReports, &["invariant_results_come_from_their_delivery"]),
        (
            Self::SleepsThroughDeadlines,
            &["invariant_deadlines_are_met_and_runs_end"],
        ),
        (
            Self::TurnsAConditionRound,
            &["invariant_outcome_is_that_of_the_interpreter"],
        ),
    ];

    /// Returns the plan that the defective core executes in place of `plan`, none if it has no place for the defect.
    pub(super) fn plan(self, plan: &Plan) -> Option<Plan> {
        let mut parts = plan.parts().clone();
        let changed = match self {
            Self::IgnoresTheRunCap => parts.max_parallel.take().is_some(),
            Self::IgnoresTheBranchCap => ignore_branch_caps(&mut parts),
            Self::ForgetsAlways => forget_always(&mut parts),
            Self::TurnsAConditionRound => turn_a_condition(&mut parts),
            _ => return Some(plan.clone()),
        };
        changed.then(|| Plan::build(parts).ok()).flatten()
    }

    /// Returns what the log holds in place of an event.
    pub(super) fn recorded(self, recorded: Recorded, dice: &mut Dice) -> Vec<Recorded> {
        match (self, &recorded.event) {
            (Self::DropsAnEvent, _) if dice.chance(5) => Vec::new(),
            (Self::WritesOldTimes, _) if dice.chance(20) => vec![Recorded {
                at: Timestamp::from_millis(recorded.at.as_millis() - 10_000_000),
                ..recorded
            }],
            (Self::EndsTwice, Event::RunFinished { .. }) => twice(recorded),
            (Self::RepeatsACompletion, Event::StepCompleted { .. }) => twice(recorded),
            (Self::StartsTwice, Event::AttemptStarted { .. }) => twice(recorded),
            (
                Self::CountsLostDeliveries,
                Event::AttemptStarted {
                    at,
                    attempt,
                    delivery,
                    params,
                },
            ) if *delivery > 1 => vec![Recorded {
                event: Event::AttemptStarted {
                    at: at.clone(),
                    attempt: attempt + 1,
                    delivery: *delivery,
                    params: params.clone(),
                },
                ..recorded
            }],
            (
                Self::CompletesACancelledRun,
                Event::RunFinished {
                    ending: Ending::Cancelled { .. },
                    ..
                },
            ) => vec![Recorded {
                event: Event::RunFinished {
                    ending: Ending::Completed,
                    outputs: Value::new(Data::Null),
                },
                ..recorded
            }],
            _ => vec![recorded],
        }
    }
}

fn twice(recorded: Recorded) -> Vec<Recorded> {
    let second = Recorded {
        sequence: recorded.sequence + 1,
        ..recorded.clone()
    };
    vec![recorded, second]
}

fn ignore_branch_caps(parts: &mut Parts) -> bool {
    let mut changed = false;
    for node in &mut parts.nodes {
        if let NodeKind::Parallel(parallel) = &mut node.kind {
            changed |= parallel.max_parallel.take().is_some() && parallel.join == Join::All;
        }
    }
    changed
}

fn forget_always(parts: &mut Parts) -> bool {
    let top = parts.always.clone();
    let mut changed = false;
    for (index, node) in (0_u32..).zip(&mut parts.nodes) {
        let is_top = top.iter().any(|always| always.0 == index);
        if let (NodeKind::Always(body), false) = (&node.kind, is_top) {
            node.kind = NodeKind::Do(body.clone());
            changed = true;
        }
    }
    changed
}

fn turn_a_condition(parts: &mut Parts) -> bool {
    for node in &mut parts.nodes {
        if let NodeKind::If(choice) = &mut node.kind
            && let Some(arm) = choice.arms.first_mut()
        {
            arm.condition.negated = !arm.condition.negated;
            return true;
        }
    }
    false
}
