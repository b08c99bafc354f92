//! Everything that must hold of a run, whatever happens to it. What is not in this list is not checked.
//!
//! The judge reads the durable log event by event, as anybody outside would; the driver asks it about what it is about
//! to do. Every oracle has a mutant (see `mutants`) that it must catch.

mod kept;
mod lost;
mod past;
mod requests;
mod retries;

use super::interpreter::{self, Place, Unclear};
use cofferdam_engine::plan::{NodeIndex, NodeKind};
use cofferdam_engine::run::UnusableSnapshot;
use cofferdam_engine::{
    Attempt, Data, Ending, Event, Fence, Generation, Orphan, Plan, Recorded, Run, RunId, Snapshot, StepPath,
    StepReference, Timestamp,
};
use requests::Requests;
use std::collections::{BTreeMap, BTreeSet};

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The oracle that saw it.
    pub oracle: &'static str,
    /// What it saw.
    pub detail: String,
}

type Verdict = Result<(), Violation>;

/// All oracles, by name.
pub const ORACLES: [&str; 36] = [
    "invariant_sequence_is_contiguous",
    "invariant_time_never_goes_back",
    "invariant_nothing_follows_the_end",
    "invariant_results_are_recorded_once",
    "invariant_one_delivery_at_a_time",
    "invariant_attempts_count_failures",
    "invariant_run_cap_holds",
    "invariant_branch_cap_holds",
    "invariant_permits_hold",
    "invariant_always_runs_once",
    "invariant_cancel_decides_the_end",
    "invariant_live_equals_replay",
    "invariant_snapshot_and_tail_are_the_log",
    "invariant_effects_are_what_the_log_says",
    "invariant_effects_follow_durable_starts",
    "invariant_results_come_from_their_delivery",
    "invariant_deadlines_are_met_and_runs_end",
    "invariant_outcome_is_that_of_the_interpreter",
    "invariant_answers_are_given_once",
    "invariant_every_message_is_answered",
    "invariant_accepted_requests_are_recorded",
    "invariant_a_pause_starts_nothing",
    "invariant_a_kill_is_the_end",
    "invariant_gates_are_decided_by_people",
    "invariant_signals_are_taken_once",
    "invariant_parked_rows_tell_the_truth",
    "invariant_the_first_cancel_counts",
    "invariant_only_the_latest_owner_writes",
    "invariant_only_ended_runs_are_retried",
    "invariant_a_retry_goes_on_from_what_was_asked",
    "invariant_a_retry_keeps_what_came_before",
    "invariant_tokens_belong_to_a_lineage",
    "invariant_lost_effects_are_not_repeated",
    "invariant_suspects_are_alone",
    "invariant_attempts_are_given_what_was_kept",
    "invariant_shared_changes_expect_what_is_there",
];

fn holds(oracle: &'static str, condition: bool, detail: impl FnOnce() -> String) -> Verdict {
    debug_assert!(ORACLES.contains(&oracle), "{oracle} is not in the list");
    if condition {
        Ok(())
    } else {
        Err(Violation {
            oracle,
            detail: detail(),
        })
    }
}

/// What the log says about one occurrence of a call.
#[derive(Clone, Debug, Default)]
struct CallStory {
    failures: u32,
    /// The delivery under way: its fence, attempt and number.
    open: Option<(Generation, Fence)>,
    delivery: u32,
    ended: bool,
}

/// Reads a durable log and judges it.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    plan: &'a Plan,
    sequence: u64,
    last_at: Timestamp,
    ending: Option<(Ending, Data)>,
    cancelled_at: Option<u64>,
    calls: BTreeMap<Place, CallStory>,
    /// Steps that have a result, by place.
    results: BTreeSet<Place>,
    flights: BTreeMap<Fence, Place>,
    /// The branches that have begun and not ended, for each parallel block.
    running: BTreeMap<Place, BTreeSet<NodeIndex>>,
    /// How often each block of steps was entered, and each `always` block was run.
    entered: BTreeSet<(Option<NodeIndex>, u32, Vec<u32>)>,
    always: BTreeMap<Place, u32>,
    /// Which delivery each execution was of, by the number in the value that it returned.
    executions: BTreeMap<i64, (Generation, Fence)>,
    /// Which step, in which lineage, each token was seen for.
    tokens: BTreeMap<String, (Place, usize)>,
    /// The step that the latest retry was asked to go on from.
    aimed_at: Option<StepPath>,
    /// The calls of which hosts died since they began their attempt, and whether something outside may have noticed.
    lost: BTreeMap<Place, bool>,
    /// The calls that a host stopped when it let go of the run.
    stopped: BTreeSet<Place>,
    generation: Generation,
    requests: Requests,
    /// The events that count.
    log: Vec<Recorded>,
}

fn place(at: &StepReference) -> Place {
    (at.step.to_string(), at.occurrence.iterations().to_vec())
}

impl<'a> Judge<'a> {
    /// Returns the judge of a run of `plan`.
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            sequence: 0,
            last_at: Timestamp::default(),
            ending: None,
            cancelled_at: None,
            calls: BTreeMap::new(),
            results: BTreeSet::new(),
            flights: BTreeMap::new(),
            running: BTreeMap::new(),
            entered: BTreeSet::new(),
            always: BTreeMap::new(),
            executions: BTreeMap::new(),
            tokens: BTreeMap::new(),
            aimed_at: None,
            lost: BTreeMap::new(),
            stopped: BTreeSet::new(),
            generation: Generation(1),
            requests: Requests::default(),
            log: Vec::new(),
        }
    }

    /// Notes that an execution of a delivery returned a value with this number in it.
    pub(super) fn executed(&mut self, execution: i64, generation: Generation, fence: Fence) {
        self.executions.insert(execution, (generation, fence));
    }

    /// Judges the next event that became durable.
    ///
    /// # Errors
    /// If an oracle is violated.
    pub(super) fn observe(&mut self, recorded: &Recorded) -> Verdict {
        self.invariant_sequence_is_contiguous(recorded)?;
        self.invariant_time_never_goes_back(recorded)?;
        self.invariant_nothing_follows_the_end(recorded)?;
        self.invariant_only_ended_runs_are_retried(recorded)?;
        if let Event::RunRetried { .. } = &recorded.event {
            self.invariant_a_retry_goes_on_from_what_was_asked(recorded)?;
            self.invariant_a_retry_keeps_what_came_before(recorded)?;
            self.reopen(recorded);
        }
        self.invariant_suspects_are_alone(recorded)?;
        self.invariant_lost_effects_are_not_repeated(recorded)?;
        self.invariant_results_are_recorded_once(recorded)?;
        self.invariant_shared_changes_expect_what_is_there(recorded)?;
        self.invariant_results_come_from_their_delivery(recorded)?;
        self.invariant_one_delivery_at_a_time(recorded)?;
        self.invariant_attempts_count_failures(recorded)?;
        self.invariant_a_pause_starts_nothing(recorded)?;
        self.invariant_a_kill_is_the_end(recorded)?;
        self.invariant_gates_are_decided_by_people(recorded)?;
        self.invariant_signals_are_taken_once(recorded)?;
        self.invariant_the_first_cancel_counts(recorded)?;
        self.requests.apply(recorded);
        self.note_lost(recorded);
        self.apply(recorded);
        self.invariant_run_cap_holds()?;
        self.invariant_branch_cap_holds(recorded)?;
        self.log.push(recorded.clone());
        Ok(())
    }

    fn invariant_sequence_is_contiguous(&self, recorded: &Recorded) -> Verdict {
        holds(
            "invariant_sequence_is_contiguous",
            recorded.sequence == self.sequence + 1,
            || format!("{} follows {}", recorded.sequence, self.sequence),
        )
    }

    fn invariant_time_never_goes_back(&self, recorded: &Recorded) -> Verdict {
        holds("invariant_time_never_goes_back", recorded.at >= self.last_at, || {
            format!(
                "event {} is from {}, after {}",
                recorded.sequence, recorded.at, self.last_at
            )
        })
    }

    fn invariant_nothing_follows_the_end(&self, recorded: &Recorded) -> Verdict {
        let goes_on = matches!(recorded.event, Event::RunRetried { .. });
        holds(
            "invariant_nothing_follows_the_end",
            self.ending.is_none() || goes_on,
            || format!("{} after the end", recorded.event.kind()),
        )
    }

    fn invariant_results_are_recorded_once(&self, recorded: &Recorded) -> Verdict {
        let (Event::StepCompleted { at, .. }
        | Event::StepFailed { at, .. }
        | Event::StepSkipped { at, .. }
        | Event::StepCancelled { at }
        | Event::VariablesSet { at, .. }
        | Event::BlockEnded { at, .. }) = &recorded.event
        else {
            return Ok(());
        };
        holds(
            "invariant_results_are_recorded_once",
            !self.results.contains(&place(at)),
            || format!("{} of {:?} is a second result", recorded.event.kind(), place(at)),
        )
    }

    fn invariant_results_come_from_their_delivery(&self, recorded: &Recorded) -> Verdict {
        let Event::StepCompleted {
            at, output, attempt, ..
        } = &recorded.event
        else {
            return Ok(());
        };
        // Gates and waits make no attempts.
        if *attempt == 0 {
            return Ok(());
        }
        let from = match output.data().get("execution") {
            Some(Data::Int(execution)) => self.executions.get(execution).copied(),
            _ => None,
        };
        let open = self.calls.get(&place(at)).and_then(|story| story.open);
        holds(
            "invariant_results_come_from_their_delivery",
            from.is_some() && from == open,
            || format!("{:?} has a result of {from:?} while {open:?} was under way", place(at)),
        )
    }

    fn invariant_one_delivery_at_a_time(&self, recorded: &Recorded) -> Verdict {
        let Event::AttemptStarted { at, .. } = &recorded.event else {
            return Ok(());
        };
        let story = self.calls.get(&place(at));
        holds(
            "invariant_one_delivery_at_a_time",
            story.is_none_or(|story| story.open.is_none() && !story.ended),
            || format!("{:?} starts while {story:?}", place(at)),
        )
    }

    fn invariant_attempts_count_failures(&self, recorded: &Recorded) -> Verdict {
        let Event::AttemptStarted {
            at, attempt, delivery, ..
        } = &recorded.event
        else {
            return Ok(());
        };
        let story = self.calls.get(&place(at)).cloned().unwrap_or_default();
        holds(
            "invariant_attempts_count_failures",
            *attempt == story.failures + 1 && *delivery == story.delivery + 1,
            || {
                format!(
                    "attempt {attempt}, delivery {delivery} of {:?} after {story:?}",
                    place(at)
                )
            },
        )
    }

    fn invariant_run_cap_holds(&self) -> Verdict {
        let most = self.plan.parts().max_parallel.unwrap_or(u32::MAX);
        holds("invariant_run_cap_holds", self.flights.len() <= most as usize, || {
            format!("{} attempts are under way, {most} may be", self.flights.len())
        })
    }

    fn invariant_branch_cap_holds(&self, recorded: &Recorded) -> Verdict {
        for ((path, rounds), branches) in &self.running {
            let node = self.plan.nodes().iter().find(|node| node.path.as_str() == path);
            let Some(NodeKind::Parallel(parallel)) = node.map(|node| &node.kind) else {
                continue;
            };
            let most = parallel.max_parallel.unwrap_or(u32::MAX);
            holds("invariant_branch_cap_holds", branches.len() <= most as usize, || {
                format!(
                    "{} branches of {path} {rounds:?} run after {}, {most} may",
                    branches.len(),
                    recorded.sequence
                )
            })?;
        }
        Ok(())
    }

    /// Judges a decision that was given `permits`.
    ///
    /// # Errors
    /// If it starts more attempts.
    pub(super) fn invariant_permits_hold(&self, events: &[Recorded], permits: u32) -> Verdict {
        let starts = events
            .iter()
            .filter(|recorded| matches!(recorded.event, Event::AttemptStarted { .. }))
            .count();
        holds("invariant_permits_hold", starts <= permits as usize, || {
            format!("{starts} attempts were started with {permits} permits")
        })
    }

    /// Judges whether an append that the log took is of the host that claimed the run last.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn invariant_only_the_latest_owner_writes(&self, writer: Generation, owner: Generation) -> Verdict {
        holds("invariant_only_the_latest_owner_writes", writer == owner, || {
            format!("{writer:?} wrote, the run belongs to {owner:?}")
        })
    }

    /// Judges the entry of an effectful guest: its start must be in the durable log.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn invariant_effects_follow_durable_starts(&self, attempt: &Attempt) -> Verdict {
        let durable = self.flights.get(&attempt.fence) == Some(&place(&attempt.at));
        holds("invariant_effects_follow_durable_starts", durable, || {
            format!(
                "{:?} was entered before its start {:?} was durable",
                place(&attempt.at),
                attempt.fence
            )
        })
    }

    /// Judges whether what the run wants under way is what the changes it announced add up to.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn invariant_effects_are_what_the_log_says<'f>(
        &self,
        run: &Run,
        announced: impl Iterator<Item = &'f Fence>,
    ) -> Verdict {
        let announced: Vec<Fence> = announced.copied().collect();
        let wanted: Vec<Fence> = run.effects(self.plan).iter().map(|attempt| attempt.fence).collect();
        holds("invariant_effects_are_what_the_log_says", announced == wanted, || {
            format!("announced {announced:?}, wanted {wanted:?}")
        })
    }

    /// Judges whether a run is what its events say.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn invariant_live_equals_replay<'e>(
        &self,
        run: &Run,
        id: RunId,
        events: impl IntoIterator<Item = &'e Recorded>,
    ) -> Verdict {
        let difference = match Orphan::restore(id, self.plan, events) {
            Ok(orphan) => run.difference_to(orphan.look()).map(str::to_owned),
            Err(error) => Some(error.to_string()),
        };
        holds("invariant_live_equals_replay", difference.is_none(), || {
            format!("they differ in {difference:?}")
        })
    }

    /// Judges whether a snapshot with the events behind it says what the whole log says, and whether the log says the
    /// snapshot, byte for byte.
    ///
    /// # Errors
    /// If they differ, or the snapshot is of no use.
    pub(super) fn invariant_snapshot_and_tail_are_the_log(
        &self,
        snapshot: &Snapshot,
        shortened: Result<&Orphan, &UnusableSnapshot>,
        id: RunId,
        events: &[Recorded],
    ) -> Verdict {
        let replayed = |count: usize| Orphan::restore(id, self.plan, &events[..count]);
        let difference = match (shortened, replayed(events.len()), replayed(snapshot.version.0 as usize)) {
            (Ok(shortened), Ok(whole), Ok(covered)) => {
                let again = covered.look().snapshot(self.plan);
                let same = again.is_some_and(|again| again == *snapshot);
                let bytes = (!same).then(|| "its bytes".to_owned());
                let state = shortened.look().difference_to(whole.look()).map(str::to_owned);
                state.or(bytes)
            }
            (Err(error), _, _) => Some(error.to_string()),
            (_, Err(error), _) | (_, _, Err(error)) => Some(error.to_string()),
        };
        holds("invariant_snapshot_and_tail_are_the_log", difference.is_none(), || {
            format!("they differ in {difference:?}")
        })
    }

    /// Judges whether a run that was left alone has reached its end.
    ///
    /// # Errors
    /// If it has not.
    pub(super) fn invariant_deadlines_are_met_and_runs_end(&self, ended: bool, why: &str) -> Verdict {
        holds("invariant_deadlines_are_met_and_runs_end", ended, || why.to_owned())
    }

    /// Judges a log that is complete.
    ///
    /// # Errors
    /// If an oracle is violated.
    pub(super) fn finish(&self, inputs: &Data) -> Result<Compared, Violation> {
        self.invariant_every_message_is_answered()?;
        self.invariant_always_runs_once()?;
        self.invariant_cancel_decides_the_end()?;
        self.invariant_outcome_is_that_of_the_interpreter(inputs)
    }

    fn invariant_always_runs_once(&self) -> Verdict {
        // Promise 5: not after a kill.
        if matches!(self.ending, Some((Ending::Killed { .. }, _))) {
            return Ok(());
        }
        for (index, node) in (0_u32..).map(NodeIndex).zip(self.plan.nodes()) {
            if !matches!(node.kind, NodeKind::Always(_)) || node.guard.is_some() {
                continue;
            }
            let (parent, block) = self.container(index);
            for (_, _, rounds) in self
                .entered
                .iter()
                .filter(|(entered, number, _)| *entered == parent && *number == block)
            {
                let times = self
                    .always
                    .get(&(node.path.to_string(), rounds.clone()))
                    .copied()
                    .unwrap_or(0);
                holds("invariant_always_runs_once", times == 1, || {
                    format!("{} {rounds:?} ran {times} times", node.path)
                })?;
            }
        }
        Ok(())
    }

    fn invariant_cancel_decides_the_end(&self) -> Verdict {
        let Some(at) = self.cancelled_at else { return Ok(()) };
        let cancelled = matches!(self.ending, Some((Ending::Cancelled { .. } | Ending::Killed { .. }, _)));
        holds("invariant_cancel_decides_the_end", cancelled, || {
            format!("cancelled at {at}, ended as {:?}", self.ending)
        })
    }

    fn invariant_outcome_is_that_of_the_interpreter(&self, inputs: &Data) -> Result<Compared, Violation> {
        const NAME: &str = "invariant_outcome_is_that_of_the_interpreter";
        if self.cancelled_at.is_some() || self.is_lost_for_good() {
            return Ok(Compared::No);
        }
        let wrong = |detail: String| Violation { oracle: NAME, detail };
        let expected = match interpreter::interpret(self.plan, inputs, &self.log) {
            Ok(expected) => expected,
            Err(Unclear::Race) => return Ok(Compared::No),
            Err(Unclear::NoAnswer(place)) => return Err(wrong(format!("{place:?} should have completed"))),
        };
        let actual = self.actual();
        let same = [
            ("status", expected.status == actual.status),
            ("failed step", expected.failed_step == actual.failed_step),
            ("outputs", expected.outputs == actual.outputs),
            ("parameters", expected.params == actual.params),
            ("completed calls", expected.completed == actual.completed),
            ("failed steps", expected.failed == actual.failed),
        ];
        match same.into_iter().find(|(_, same)| !same) {
            None => Ok(Compared::Yes),
            Some((what, _)) => Err(wrong(format!("{what}: expected {expected:#?}, got {actual:#?}"))),
        }
    }
}

/// Whether a run could be compared with the interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It could.
    Yes,
    /// Its outcome depends on time, or it was cancelled.
    No,
}
