//! Defects put in on purpose, at least one for every oracle: an oracle that no mutant can trip checks nothing.

use super::dice::Dice;
use cofferdam_engine::plan::{Join, NodeKind, OnLost, Parts};
use cofferdam_engine::{Append, Cause, Data, Ending, Event, Plan, Recorded, RunStatus, Span, Timestamp, Value};

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
    /// A snapshot forgets that an attempt failed.
    ForgetsInSnapshots,
    /// An attempt that ended is not taken back.
    ForgetsToStop,
    /// An effectful guest is entered before its start is durable.
    EntersEarly,
    /// The writer takes appends of a host that was replaced.
    IgnoresTheFence,
    /// The log takes what a host wrote that slept through its lease.
    WritesAfterItsLease,
    /// A report of an earlier generation is taken for one of this.
    TakesLateReports,
    /// Nobody looks at the clock.
    SleepsThroughDeadlines,
    /// A choice takes the other way.
    TurnsAConditionRound,
    /// A message is answered a second time.
    AnswersTwice,
    /// A message is taken and never answered.
    ForgetsAnAnswer,
    /// An event does not say which message caused it.
    ForgetsTheCause,
    /// A run that is paused goes on.
    WorksDuringAPause,
    /// A run that is killed cleans up first.
    CleansUpAfterAKill,
    /// A gate is decided twice.
    DecidesTwice,
    /// One approval counts for two.
    ApprovesTooEarly,
    /// A signal ends two waits.
    TakesASignalTwice,
    /// A parked run says a wrong time.
    WakesTooLate,
    /// The end of a cancelled run gives another reason.
    ForgetsTheReason,
    /// A run is retried that has not ended.
    RetriesTooEarly,
    /// A retry loses a result that came before its step.
    DropsTooMuch,
    /// A retry goes on from another step than the one that was asked for.
    GoesOnElsewhere,
    /// A retry gives receivers the tokens that they know.
    KeepsTheToken,
    /// What could be noticed outside and was lost is delivered again, whatever the action says.
    RepeatsWhatWasLost,
    /// An attempt is not given what those before it kept, and not what steps before it shared.
    KeepsNothing,
    /// What a step changes of a shared value counts, whatever it expected.
    ChangesWhatOthersChanged,
    /// After a death all that was under way is delivered at the same time.
    SuspectsNobody,
}

impl Mutant {
    /// All mutants, each with the oracles of which one must catch it.
    pub const ALL: [(Self, &'static [&'static str]); 38] = [
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
        (Self::ForgetsInSnapshots, &["invariant_snapshot_and_tail_are_the_log"]),
        (Self::ForgetsToStop, &["invariant_effects_are_what_the_log_says"]),
        (Self::EntersEarly, &["invariant_effects_follow_durable_starts"]),
        (
            Self::IgnoresTheFence,
            &[
                "invariant_sequence_is_contiguous",
                "invariant_results_are_recorded_once",
                "invariant_only_the_latest_owner_writes",
            ],
        ),
        (Self::WritesAfterItsLease, &["invariant_only_the_latest_owner_writes"]),
        (Self::TakesLateReports, &["invariant_results_come_from_their_delivery"]),
        (
            Self::SleepsThroughDeadlines,
            &["invariant_deadlines_are_met_and_runs_end"],
        ),
        (
            Self::TurnsAConditionRound,
            &["invariant_outcome_is_that_of_the_interpreter"],
        ),
        (Self::AnswersTwice, &["invariant_answers_are_given_once"]),
        (Self::ForgetsAnAnswer, &["invariant_every_message_is_answered"]),
        (Self::ForgetsTheCause, &["invariant_accepted_requests_are_recorded"]),
        (Self::WorksDuringAPause, &["invariant_a_pause_starts_nothing"]),
        (Self::CleansUpAfterAKill, &["invariant_a_kill_is_the_end"]),
        (Self::DecidesTwice, &["invariant_gates_are_decided_by_people"]),
        (Self::ApprovesTooEarly, &["invariant_gates_are_decided_by_people"]),
        (Self::TakesASignalTwice, &["invariant_signals_are_taken_once"]),
        (Self::WakesTooLate, &["invariant_parked_rows_tell_the_truth"]),
        (Self::ForgetsTheReason, &["invariant_the_first_cancel_counts"]),
        (Self::RetriesTooEarly, &["invariant_only_ended_runs_are_retried"]),
        (Self::DropsTooMuch, &["invariant_a_retry_keeps_what_came_before"]),
        (
            Self::GoesOnElsewhere,
            &["invariant_a_retry_goes_on_from_what_was_asked"],
        ),
        (Self::KeepsTheToken, &["invariant_tokens_belong_to_a_lineage"]),
        (Self::KeepsNothing, &["invariant_attempts_are_given_what_was_kept"]),
        (
            Self::ChangesWhatOthersChanged,
            &["invariant_shared_changes_expect_what_is_there"],
        ),
        (Self::RepeatsWhatWasLost, &["invariant_lost_effects_are_not_repeated"]),
        (Self::SuspectsNobody, &["invariant_suspects_are_alone"]),
    ];

    /// Returns the plan that the defective core executes in place of `plan`, none if it has no place for the defect.
    pub(super) fn plan(self, plan: &Plan) -> Option<Plan> {
        let mut parts = plan.parts().clone();
        let changed = match self {
            Self::IgnoresTheRunCap => parts.max_parallel.take().is_some(),
            Self::IgnoresTheBranchCap => ignore_branch_caps(&mut parts),
            Self::ForgetsAlways => forget_always(&mut parts),
            Self::TurnsAConditionRound => turn_a_condition(&mut parts),
            Self::RepeatsWhatWasLost => repeat_what_was_lost(&mut parts),
            _ => return Some(plan.clone()),
        };
        changed.then(|| Plan::build(parts).ok()).flatten()
    }

    /// Returns what the log holds in place of an event.
    pub(super) fn recorded(self, recorded: Recorded, dice: &mut Dice) -> Vec<Recorded> {
        match (self, &recorded.event) {
            (Self::DecidesTwice, Event::GateDecided { .. }) => twice(recorded),
            (Self::TakesASignalTwice, Event::WaitReceived { .. }) => twice(recorded),
            (Self::DropsTooMuch, Event::RunRetried { dropped, .. }) => {
                let mut recorded = recorded.clone();
                let first = dropped.first().map_or(recorded.sequence, |span| span.first);
                if let Event::RunRetried { dropped, .. } = &mut recorded.event {
                    // All but the start of the run.
                    dropped.push(Span { first: 2, last: first });
                }
                vec![recorded]
            }
            (Self::GoesOnElsewhere, Event::RunRetried { .. }) => {
                let mut recorded = recorded;
                if let Event::RunRetried { from, .. } = &mut recorded.event {
                    *from = None;
                }
                vec![recorded]
            }
            (Self::ApprovesTooEarly, Event::GateApproved { at, cause }) => vec![Recorded {
                event: Event::GateDecided {
                    at: at.clone(),
                    approved: true,
                    feedback: None,
                    selections: Vec::new(),
                    form: Data::Null,
                    cause: cause.clone(),
                },
                ..recorded
            }],
            (Self::WorksDuringAPause, Event::RunResumed { .. }) => vec![Recorded {
                event: Event::RunInterrupted {
                    stopped: Vec::new(),
                    reason: None,
                },
                ..recorded
            }],
            (
                Self::CleansUpAfterAKill,
                Event::RunFinished {
                    ending: ending @ Ending::Killed { .. },
                    ..
                },
            ) => vec![Recorded {
                event: Event::CleanupStarted { ending: ending.clone() },
                ..recorded
            }],
            (
                Self::ForgetsTheReason,
                Event::RunFinished {
                    ending: Ending::Cancelled { .. },
                    outputs,
                },
            ) => vec![Recorded {
                event: Event::RunFinished {
                    ending: Ending::Cancelled {
                        reason: "another".to_owned(),
                    },
                    outputs: outputs.clone(),
                },
                ..recorded
            }],
            (Self::SuspectsNobody, Event::AttemptStarted { delivery, .. }) if *delivery > 1 => twice(recorded),
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
                    missing,
                    class,
                },
            ) if *delivery > 1 => vec![Recorded {
                event: Event::AttemptStarted {
                    at: at.clone(),
                    attempt: attempt + 1,
                    delivery: *delivery,
                    params: params.clone(),
                    missing: missing.clone(),
                    class: *class,
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

impl Mutant {
    /// Changes what an append says besides its events.
    pub(super) fn appended(self, append: &mut Append) {
        match self {
            Self::AnswersTwice => {
                let again = append.answers.first().cloned();
                append.answers.extend(again);
            }
            Self::ForgetsAnAnswer => append.answers.clear(),
            Self::ForgetsInSnapshots => {
                if let Some(snapshot) = &mut append.snapshot {
                    let text = String::from_utf8_lossy(&snapshot.data);
                    snapshot.data = text.replace(r#""failed":1,"#, r#""failed":0,"#).into_bytes();
                }
            }
            Self::ForgetsTheCause => {
                for recorded in &mut append.events {
                    if let Event::RunPaused { cause, .. } | Event::SignalReceived { cause, .. } = &mut recorded.event {
                        *cause = Cause::default();
                    }
                }
            }
            Self::ChangesWhatOthersChanged => {
                for recorded in &mut append.events {
                    if let Event::StepCompleted { shared, .. } = &mut recorded.event {
                        for change in shared {
                            change.expected = change.expected.map(|expected| expected + 1);
                        }
                    }
                }
            }
            Self::WakesTooLate if append.row.status == RunStatus::Waiting => {
                append.row.wake_at = append
                    .row
                    .wake_at
                    .map(|at| at.saturating_add(std::time::Duration::from_secs(60)));
            }
            _ => {}
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

fn repeat_what_was_lost(parts: &mut Parts) -> bool {
    let mut changed = false;
    for node in &mut parts.nodes {
        if let NodeKind::Call(call) = &mut node.kind {
            changed |= call.on_lost != OnLost::Redeliver;
            call.on_lost = OnLost::Redeliver;
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
