//! One schedule: a run, the log it writes to, the executors that work for it, and what goes wrong on the way.

mod outside;
mod points;

use super::dice::Dice;
use super::faults::Fault;
use super::generator;
use super::mutants::Mutant;
use super::oracles::{Compared, Judge, Violation};
use super::script::{self, Behaviour, Keeping};
use cofferdam_engine::plan::NodeKind;
use cofferdam_engine::{
    Adoption, Append, Attempt, AttemptClass, AttemptOutcome, Data, Decision, EffectChange, Event, Fence, FormerOwner,
    Generation, Input, Metrics, Orphan, Parking, Plan, Recorded, Report, Request, Retrial, Retry, RetryRefused, Run,
    RunId, SharedValues, Situation, Snapshot, Start, Timestamp, Writer,
};
use outside::Inbox;
use points::Sleeper;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

const RUN: RunId = RunId::from_bits(0x5eed);

/// How many moves a schedule makes before it lets the run end in peace.
const MOST_MOVES: usize = 60;

/// How many moves a run that is left alone may need; the longest programs need a tenth.
const PATIENCE: usize = 20_000;

/// How often the host may die: more often than the core puts up with for one attempt.
const MOST_DEATHS: u32 = 8;

/// How often the run of a schedule is opened again.
const MOST_RETRIES: u32 = 3;

/// What a schedule amounted to.
#[derive(Clone, Debug)]
pub struct Played {
    /// How many events the run has.
    pub events: usize,
    /// How often each fault struck.
    pub faults: BTreeMap<Fault, u64>,
    /// Whether actions kept something while they were under way.
    pub kept: bool,
    /// Whether the outcome was compared with that of the interpreter.
    pub compared: Compared,
}

/// Plays the schedule with this number.
///
/// # Errors
/// The first violation.
pub fn play(seed: u64) -> Result<Played, Violation> {
    let mut dice = Dice::new(seed);
    let plan = generator::program(&mut dice).plan();
    World::new(&plan, &plan, dice, None).play()
}

/// Plays the schedule with this number while the host has a defect; none if the program has no place for it.
///
/// # Errors
/// The first violation.
pub fn play_mutant(seed: u64, mutant: Mutant) -> Result<Option<Played>, Violation> {
    let mut dice = Dice::new(seed);
    let plan = generator::program(&mut dice).plan();
    let Some(executed) = mutant.plan(&plan) else {
        return Ok(None);
    };
    World::new(&plan, &executed, dice, Some(mutant)).play().map(Some)
}

/// Takes appends and holds them back until the schedule makes them durable.
#[derive(Debug, Default)]
struct Held(RefCell<VecDeque<Append>>);

impl Writer for Held {
    type Ticket = ();

    fn hand_over(&self, append: Append) {
        self.0.borrow_mut().push_back(append);
    }
}

/// A guest that is under way.
#[derive(Clone, Debug)]
struct Executor {
    report: Report,
    over_at: Timestamp,
}

/// An input that must be kept until the events that answered it are durable.
#[derive(Clone, Debug)]
struct Retained {
    report: Report,
    answered_by: u64,
}

#[derive(Debug)]
struct World<'a> {
    /// What is executed.
    plan: &'a Plan,
    dice: Dice,
    keeping: Keeping,
    mutant: Option<Mutant>,
    judge: Judge<'a>,
    now: Timestamp,
    capacity: u32,
    parking: Parking,
    inputs: BTreeMap<String, Data>,
    // What survives everything.
    durable: Vec<Recorded>,
    /// The latest one that became durable.
    snapshot: Option<Snapshot>,
    generation: Generation,
    inbox: Inbox,
    /// What became of the host before, for the next adoption.
    owner: FormerOwner,
    // What a process has in memory.
    held: Held,
    run: Option<Run>,
    flights: BTreeMap<Fence, Attempt>,
    waiting: BTreeSet<Fence>,
    executors: BTreeMap<Fence, Executor>,
    retained: Vec<Retained>,
    // What is on its way from elsewhere.
    answered: Vec<Report>,
    zombies: Vec<Report>,
    sleeper: Option<Sleeper>,
    executions: i64,
    deaths: u32,
    retries: u32,
    faults: BTreeMap<Fault, u64>,
}

type Step = Result<(), Violation>;

impl<'a> World<'a> {
    fn new(plan: &'a Plan, executed: &'a Plan, mut dice: Dice, mutant: Option<Mutant>) -> Self {
        let inputs = BTreeMap::from([
            ("flag".to_owned(), Data::Bool(dice.chance(50))),
            ("n".to_owned(), Data::Int(dice.below(10) as i64)),
        ]);
        let capacity = 1 + dice.below(6) as u32;
        let parking = if dice.chance(70) { Parking::LetGo } else { Parking::Keep };
        Self {
            plan: executed,
            keeping: Keeping::of(&dice),
            dice,
            mutant,
            judge: Judge::new(plan),
            now: Timestamp::from_millis(1_700_000_000_000),
            capacity,
            parking,
            inputs,
            durable: Vec::new(),
            snapshot: None,
            generation: Generation(1),
            inbox: Inbox::default(),
            owner: FormerOwner::LetGo,
            held: Held::default(),
            run: None,
            flights: BTreeMap::new(),
            waiting: BTreeSet::new(),
            executors: BTreeMap::new(),
            retained: Vec::new(),
            answered: Vec::new(),
            zombies: Vec::new(),
            sleeper: None,
            executions: 0,
            deaths: 0,
            retries: 0,
            faults: BTreeMap::new(),
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn play(mut self) -> Result<Played, Violation> {
        self.schedule().map_err(|violation| Violation {
            detail: format!("{}\n\n{}", violation.detail, self.story()),
            ..violation
        })
    }

    /// Returns the program and the durable log, for whoever looks for the defect.
    fn story(&self) -> String {
        let steps = self.plan.nodes().iter().map(|node| {
            let kind = serde_json::to_string(&node.kind).unwrap_or_default();
            let guard = serde_json::to_string(&node.guard).unwrap_or_default();
            format!("{}: {kind} if {guard}\n", node.path)
        });
        let events = self.durable.iter().map(|recorded| {
            let event = String::from_utf8_lossy(&recorded.event.encode()).into_owned();
            format!("{:>4} {} {event}\n", recorded.sequence, recorded.at)
        });
        let inputs = format!("inputs: {:?}\n\n", self.inputs);
        steps.chain([inputs]).chain(events).collect()
    }

    /// Lets the run go on with fewer than `most` moves and what disturbs them, and then come to its end.
    fn go_on(&mut self, most: usize) -> Result<(), Violation> {
        for _ in 0..self.dice.below(most) {
            if self.is_over() {
                break;
            }
            self.work()?;
            self.save()?;
            if self.dice.chance(25) {
                self.disturb()?;
            }
        }
        self.let_it_end()
    }

    fn schedule(&mut self) -> Result<Played, Violation> {
        self.take_up()?;
        self.go_on(MOST_MOVES)?;
        // What has ended is opened again now and then, and is disturbed again.
        while self.dice.chance(35) && self.retries < MOST_RETRIES {
            if self.strike(Fault::Retry)? {
                *self.faults.entry(Fault::Retry).or_default() += 1;
            }
            self.go_on(MOST_MOVES / 3)?;
        }
        let inputs = Data::map(
            self.inputs
                .clone()
                .into_iter()
                .map(|(name, value)| (name.as_str().into(), value))
                .collect::<Vec<(std::sync::Arc<str>, Data)>>(),
        );
        let compared = self.judge.finish(&inputs)?;
        Ok(Played {
            events: self.durable.len(),
            kept: self.keeping.is_busy(),
            faults: std::mem::take(&mut self.faults),
            compared,
        })
    }

    /// Returns whether the run has ended durably.
    fn is_over(&self) -> bool {
        self.held.0.borrow().is_empty() && self.run.as_ref().is_some_and(|run| run.ending().is_some())
    }

    // What a host does.

    /// Begins the run, or adopts it from its log; deliveries of this process that are alive go on.
    fn take_up(&mut self) -> Step {
        if self.durable.is_empty() {
            self.waiting.clear();
            self.executors.clear();
            self.flights.clear();
            self.retained.clear();
            // A run that never was has no past either.
            self.answered.clear();
            self.zombies.clear();
            self.sleeper = None;
            self.run = Some(Run::new(RUN));
            let start = Start {
                inputs: self.inputs.clone(),
                ..Start::default()
            };
            self.generation = Generation(1);
            return self.decide(Input::Start(start)).map(drop);
        }
        self.generation = Generation(self.generation.0 + 1);
        let alive: BTreeSet<Fence> = self
            .executors
            .keys()
            .chain(&self.waiting)
            .copied()
            .chain(self.retained.iter().map(|retained| retained.report.fence))
            .collect();
        let mut log = self.durable.clone();
        if self.is(Mutant::RestoresTooLittle) && log.len() > 3 {
            // The numbers are mended, so that nobody notices the hole.
            log.remove(log.len() - 2);
            let last = log.len();
            log[last - 1].sequence = last as u64;
        }
        let Ok(orphan) = Orphan::restore(RUN, self.plan, &log) else {
            return self
                .judge
                .invariant_deadlines_are_met_and_runs_end(false, "the log cannot be restored");
        };
        if self.is(Mutant::RestoresTooLittle) {
            self.judge
                .invariant_live_equals_replay(orphan.look(), RUN, &self.durable)?;
        }
        let orphan = match &self.snapshot {
            Some(snapshot) if !self.is(Mutant::RestoresTooLittle) => {
                let tail = &self.durable[snapshot.version.0 as usize..];
                let shortened = Orphan::restore_from(RUN, self.plan, snapshot, tail);
                self.judge
                    .invariant_snapshot_and_tail_are_the_log(snapshot, shortened.as_ref(), RUN, &self.durable)?;
                shortened.unwrap_or(orphan)
            }
            _ => orphan,
        };
        // A retained report brings its delivery back: nothing durable says that it ended.
        let known = orphan.look().effects(self.plan).into_iter();
        let (alive_now, lost): (Vec<Attempt>, Vec<Attempt>) = known.partition(|attempt| alive.contains(&attempt.fence));
        self.flights = alive_now.into_iter().map(|attempt| (attempt.fence, attempt)).collect();
        self.deaths += u32::from(!lost.is_empty());
        let permits = self.permits(None);
        let situation = Situation {
            now: self.now,
            permits,
            parking: self.parking,
        };
        let adoption = Adoption {
            generation: self.generation,
            host: "host",
            alive: &alive,
            owner: self.owner,
            messages: self.inbox.rows.iter().cloned().collect(),
        };
        self.inbox.taken = self.inbox.rows.iter().map(|message| message.id).collect();
        let decision = orphan.adopt(self.plan, adoption, situation);
        self.take(decision, permits, None)?;
        // Inputs whose answers were lost are decided again, in order.
        for retained in std::mem::take(&mut self.retained) {
            self.report(retained.report)?;
        }
        Ok(())
    }

    fn permits(&self, reporting: Option<&Report>) -> u32 {
        let over = reporting.is_some_and(|report| self.flights.contains_key(&report.fence));
        let busy = self.flights.len() - usize::from(over);
        self.capacity.saturating_sub(busy as u32)
    }

    fn decide(&mut self, input: Input) -> Result<bool, Violation> {
        let Some(run) = self.run.take() else { return Ok(false) };
        let report = match &input {
            Input::Reported(report) => Some(report.clone()),
            _ => None,
        };
        let permits = self.permits(report.as_ref());
        let given = if self.is(Mutant::TakesPermits) {
            permits + 1
        } else {
            permits
        };
        let situation = Situation {
            now: self.now,
            permits: given,
            parking: self.parking,
        };
        match run.decide(self.plan, input, situation) {
            Ok(decision) => {
                self.take(decision, permits, report)?;
                Ok(true)
            }
            Err((run, _)) => {
                self.run = Some(*run);
                Ok(false)
            }
        }
    }

    fn take(&mut self, decision: Decision, permits: u32, report: Option<Report>) -> Step {
        let mut run = match decision {
            Decision::Unchanged(run) => run,
            Decision::Staged(staged) => {
                self.judge.invariant_permits_hold(&staged.append().events, permits)?;
                let plan = self.plan;
                let staged =
                    staged.classified(plan, |at| match plan.find(&at.step).map(|node| &plan.node(node).kind) {
                        Some(NodeKind::Call(call)) if !Behaviour::of(&call.action.action).effectful => {
                            AttemptClass::Quiet
                        }
                        _ => AttemptClass::Effectful,
                    });
                let (run, ()) = staged.hand_over(&self.held);
                if self.dice.chance(20)
                    && let Some(append) = self.held.0.borrow_mut().back_mut()
                {
                    append.snapshot = run.snapshot(self.plan);
                }
                if let Some(report) = report {
                    self.retained.push(Retained {
                        report: report.clone(),
                        answered_by: run.version().0,
                    });
                    self.answered.push(report);
                }
                run
            }
        };
        for change in run.take_changes() {
            match change {
                EffectChange::Appeared(fence) => {
                    if let Some(attempt) = run.effect(self.plan, fence) {
                        self.appear(attempt)?;
                    }
                }
                EffectChange::Ended(fence) if self.is(Mutant::ForgetsToStop) && self.dice.chance(10) => {
                    self.executors.remove(&fence);
                }
                EffectChange::Ended(fence) => {
                    self.flights.remove(&fence);
                    self.waiting.remove(&fence);
                    self.executors.remove(&fence);
                }
            }
        }
        self.judge
            .invariant_effects_are_what_the_log_says(&run, self.flights.keys())?;
        if self.dice.chance(10) || run.ending().is_some() {
            self.judge.invariant_live_equals_replay(&run, RUN, &self.whole())?;
        }
        self.run = Some(run);
        Ok(())
    }

    /// Returns the durable log with what was handed over.
    fn whole(&self) -> Vec<Recorded> {
        let held = self.held.0.borrow();
        let ahead = held.iter().flat_map(|append| &append.events);
        self.durable.iter().chain(ahead).cloned().collect()
    }

    /// Lets an attempt under way keep something, now and then.
    fn save(&mut self) -> Step {
        let Some((which, detail)) = self.keeping.saved_by(self.executors.len()) else {
            return Ok(());
        };
        let Some(Executor { report, .. }) = self.executors.values().nth(which) else {
            return Ok(());
        };
        let saved = Input::Saved {
            generation: report.generation,
            fence: report.fence,
            detail,
        };
        self.decide(saved).map(drop)
    }

    /// Takes note of a delivery that should be under way; a quiet one starts at once, an effectful one when its start
    /// is durable.
    fn appear(&mut self, mut attempt: Attempt) -> Step {
        if self.is(Mutant::KeepsNothing) {
            attempt.shared = SharedValues::default();
            attempt.saved = None;
        }
        self.judge
            .invariant_attempts_are_given_what_was_kept(&attempt, &self.whole())?;
        let fence = attempt.fence;
        let effectful = Behaviour::of(&attempt.action.action).effectful;
        self.flights.insert(fence, attempt);
        if effectful && !self.is(Mutant::EntersEarly) {
            self.waiting.insert(fence);
            return Ok(());
        }
        self.enter(fence)
    }

    fn enter(&mut self, fence: Fence) -> Step {
        if self.is(Mutant::KeepsTheToken)
            && let Some(attempt) = self.flights.get_mut(&fence)
        {
            attempt.token = format!("{} {:?}", attempt.at.step, attempt.at.occurrence);
        }
        let Some(attempt) = self.flights.get(&fence) else {
            return Ok(());
        };
        let held = self.held.0.borrow();
        let ahead = held.iter().flat_map(|append| &append.events);
        let is_retry = |recorded: &&Recorded| matches!(recorded.event, Event::RunRetried { .. });
        let lineage = self.durable.iter().chain(ahead).filter(is_retry).count();
        drop(held);
        self.judge.invariant_tokens_belong_to_a_lineage(attempt, lineage)?;
        if Behaviour::of(&attempt.action.action).effectful {
            self.judge.invariant_effects_follow_durable_starts(attempt)?;
        }
        self.executions += 1;
        let outcome: AttemptOutcome = script::outcome(attempt, self.executions, &mut self.dice);
        self.judge.executed(self.executions, attempt.generation, fence);
        let (saved, shared) = (self.keeping.saved(), self.keeping.changes(attempt));
        let report = Report {
            generation: attempt.generation,
            fence,
            outcome,
            metrics: Metrics::new(),
            saved,
            shared,
            used: None,
        };
        let took = Duration::from_millis(1 + self.dice.below(2_000) as u64);
        let over_at = self.now.saturating_add(took);
        self.executors.insert(fence, Executor { report, over_at });
        Ok(())
    }

    /// Makes the first append that was handed over durable, and does what it allows; returns whether there was one.
    fn settle(&mut self) -> Result<bool, Violation> {
        let committed = self.commit()?;
        for fence in self.allowed() {
            self.waiting.remove(&fence);
            self.enter(fence)?;
        }
        Ok(committed)
    }

    /// Returns the deliveries that wait for nothing any more: their starts are durable.
    fn allowed(&self) -> Vec<Fence> {
        let position = self.durable.len() as u64;
        self.waiting
            .iter()
            .copied()
            .filter(|fence| fence.0 <= position)
            .collect()
    }

    /// Makes the first append that was handed over durable and tells nobody; returns whether there was one.
    fn commit(&mut self) -> Result<bool, Violation> {
        let Some(mut append) = self.held.0.borrow_mut().pop_front() else {
            return Ok(false);
        };
        if self.inbox_refuses(&append) {
            *self.faults.entry(Fault::InboxNotEmpty).or_default() += 1;
            self.held.0.borrow_mut().clear();
            self.start_again()?;
            return Ok(true);
        }
        self.inbox
            .rows
            .retain(|message| !append.answers.iter().any(|answer| answer.message == message.id));
        if let Some(mutant) = self.mutant {
            mutant.appended(&mut append);
        }
        self.judge
            .invariant_only_the_latest_owner_writes(append.generation, self.generation)?;
        let (answers, row) = (append.answers.clone(), append.row);
        let is_retry = |recorded: &Recorded| matches!(recorded.event, Event::RunRetried { .. });
        if append.events.iter().any(is_retry) {
            // It covers what counts no longer.
            self.snapshot = None;
        }
        self.snapshot = append.snapshot.take().or_else(|| self.snapshot.take());
        let causes = append.events.clone();
        for recorded in append.events {
            self.durable.push(recorded.clone());
            let written = match self.mutant {
                None => vec![recorded],
                Some(mutant) => mutant.recorded(recorded, &mut self.dice),
            };
            for recorded in written {
                self.judge.observe(&recorded)?;
            }
        }
        self.judge.appended(&causes, &answers, row)?;
        let position = self.durable.len() as u64;
        self.retained.retain(|retained| retained.answered_by > position);
        Ok(true)
    }

    fn settle_all(&mut self) -> Step {
        while self.settle()? {}
        Ok(())
    }

    fn report(&mut self, report: Report) -> Step {
        self.decide(Input::Reported(report)).map(drop)
    }

    /// Makes one move of ordinary work.
    fn work(&mut self) -> Step {
        if self.dice.chance(60) {
            self.settle()?;
        }
        if self.dice.chance(50) {
            self.read_inbox()?;
        }
        if self.run.as_ref().is_some_and(|run| run.status().is_parked()) {
            return self.while_parked();
        }
        if self.run.as_ref().is_some_and(Run::has_more) {
            return self.decide(Input::Tick).map(drop);
        }
        let next = self.executors.iter().min_by_key(|(_, executor)| executor.over_at);
        let Some((fence, executor)) = next else {
            self.pass_the_time();
            return self.decide(Input::Tick).map(drop);
        };
        let (fence, over_at) = (*fence, executor.over_at);
        if let Some(deadline) = self.deadline().filter(|deadline| *deadline < over_at) {
            self.now = self.now.max(deadline);
            return self.decide(Input::Tick).map(drop);
        }
        self.now = self.now.max(over_at);
        match self.executors.remove(&fence) {
            Some(executor) => self.report(executor.report),
            None => Ok(()),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        let deadline = self.run.as_ref().and_then(Run::next_deadline);
        deadline.filter(|_| !self.is(Mutant::SleepsThroughDeadlines))
    }

    fn pass_the_time(&mut self) {
        match self.deadline() {
            Some(deadline) => self.now = self.now.max(deadline),
            None if self.is(Mutant::SleepsThroughDeadlines) => {}
            None => self.now = self.now.saturating_add(Duration::from_millis(1)),
        }
    }

    // What goes wrong.

    fn disturb(&mut self) -> Step {
        let fault = Fault::draw(&mut self.dice);
        if self.strike(fault)? {
            *self.faults.entry(fault).or_default() += 1;
        }
        Ok(())
    }

    /// Lets a fault strike; returns whether there was anything to strike.
    fn strike(&mut self, fault: Fault) -> Result<bool, Violation> {
        if fault.may_lose_deliveries() && self.deaths >= MOST_DEATHS {
            return Ok(false);
        }
        match fault {
            Fault::CrashAfterCommit => return self.crash_after_commit(),
            Fault::CrashWhileDispatching => return self.crash_while_dispatching(),
            Fault::CrashBeforeReport => return self.crash_before_report(),
            Fault::CrashAfterReport => return self.crash_after_report(),
            Fault::CrashAtClaim => return self.crash_at_claim(),
            Fault::CrashAtAdoption => return self.crash_at_adoption(),
            Fault::CrashAtParking => return self.crash_at_parking(),
            Fault::CrashAtAnswer => return self.crash_at_answer(),
            Fault::Suspended => return self.suspend(),
            Fault::PausedOwner => return self.fall_asleep(),
            Fault::WokenOwner => return self.wake_up(),
            Fault::Crash => {
                if self.deaths >= MOST_DEATHS {
                    return Ok(false);
                }
                self.lose_a_tail()?;
                self.die();
                self.executors.clear();
                self.take_up()?;
            }
            Fault::FailedAppend => {
                if self.held.0.borrow().is_empty() || self.deaths >= MOST_DEATHS {
                    return Ok(false);
                }
                self.lose_a_tail()?;
                self.start_again()?;
            }
            Fault::SecondOwner => {
                if self.deaths >= MOST_DEATHS {
                    return Ok(false);
                }
                if self.is(Mutant::IgnoresTheFence) {
                    return self.two_owners().map(|()| true);
                }
                self.lose_a_tail()?;
                let left = std::mem::take(&mut self.executors);
                self.die();
                self.zombies.extend(left.into_values().map(|executor| executor.report));
                self.take_up()?;
            }
            Fault::DuplicateReport => {
                let Some(report) = self.dice.pick(&self.answered).cloned() else {
                    return Ok(false);
                };
                self.report(report)?;
            }
            Fault::LateReport => {
                if self.zombies.is_empty() {
                    return Ok(false);
                }
                let which = self.dice.below(self.zombies.len());
                let mut report = self.zombies.swap_remove(which);
                if self.is(Mutant::TakesLateReports) {
                    self.mistake(&mut report);
                }
                self.report(report)?;
            }
            Fault::LostReport => {
                let fences: Vec<Fence> = self.executors.keys().copied().collect();
                let Some(fence) = self.dice.pick(&fences).filter(|_| self.deaths < MOST_DEATHS) else {
                    return Ok(false);
                };
                // The death is counted when the host notices; until then no other may come.
                self.deaths += 1;
                self.executors.remove(fence);
            }
            Fault::ReorderedReports => {
                let fences: Vec<Fence> = self.executors.keys().copied().collect();
                let Some(executor) = self.dice.pick(&fences).and_then(|fence| self.executors.remove(fence)) else {
                    return Ok(false);
                };
                self.report(executor.report)?;
            }
            Fault::ClockForward => {
                let jump = Duration::from_millis(self.dice.below(120_000) as u64);
                self.now = self.now.saturating_add(jump);
                self.decide(Input::Tick)?;
            }
            Fault::ClockBackward => {
                let jump = self.dice.below(600_000) as i64;
                self.now = Timestamp::from_millis(self.now.as_millis() - jump);
                self.decide(Input::Tick)?;
            }
            Fault::PermitsChanged => {
                self.capacity = self.dice.below(5) as u32;
                self.decide(Input::Tick)?;
            }
            Fault::Interrupted => {
                let why = match self.deaths % 2 {
                    0 => Input::InterruptRequested,
                    _ => Input::SetAside {
                        reason: "needs something".to_owned(),
                    },
                };
                if self.deaths >= MOST_DEATHS || !self.decide(why)? {
                    return Ok(false);
                }
                if self.dice.chance(70) {
                    self.settle_all()?;
                } else {
                    self.lose_a_tail()?;
                }
                self.die_softly();
                self.take_up()?;
            }
            Fault::AmbiguousAppend => {
                if self.held.0.borrow().is_empty() || self.deaths >= MOST_DEATHS {
                    return Ok(false);
                }
                // It is durable, and nobody was told.
                self.settle_all()?;
                self.start_again()?;
            }
            Fault::CancelMessage => {
                let reason = "enough".to_owned();
                return Ok(self.post(Request::Cancel { reason }));
            }
            Fault::KillMessage => {
                let reason = "at once".to_owned();
                return Ok(self.post(Request::Kill { reason }));
            }
            Fault::PauseMessage => {
                let reason = "lunch".to_owned();
                return Ok(self.post(Request::Pause { reason }));
            }
            Fault::ResumeMessage => return Ok(self.post(Request::Resume)),
            Fault::StrayDecision => {
                let approved = self.dice.chance(50);
                return Ok(self.post(Request::Decide {
                    gate: None,
                    approved,
                    feedback: None,
                    selections: Vec::new(),
                    form: Data::Null,
                }));
            }
            Fault::StraySignal => {
                let topic = format!("t{}", self.dice.below(2));
                let signal = self.signal(topic);
                return Ok(self.post(signal));
            }
            Fault::WantedMessage => return Ok(self.answer_from_outside()),
            Fault::Retry => return self.retry(),
            // The log does it by itself.
            Fault::InboxNotEmpty => return Ok(false),
            Fault::SlowDisk => {
                // Only the next moves settle again: this one works ahead.
                for _ in 0..self.dice.below(4) {
                    self.decide(Input::Tick)?;
                }
            }
        }
        Ok(true)
    }

    /// Asks for the run to go on from one of its steps, or from what did not end well; returns whether it does.
    fn retry(&mut self) -> Result<bool, Violation> {
        let which = self.dice.below(self.plan.nodes().len() + 2);
        let target = self.plan.nodes().get(which).map(|node| &node.path);
        let from = target.map(ToString::to_string);
        let retry = Retry {
            from: from.as_deref(),
            former: self.plan,
            plan: self.plan,
        };
        let durable = self.durable.clone();
        let retrial = match Retrial::of(RUN, &durable, retry) {
            Ok(retrial) => retrial,
            Err(RetryRefused::NotEnded) if self.is(Mutant::RetriesTooEarly) => {
                return self.judge.only_an_ended_run_may_be_retried(true).map(|()| true);
            }
            Err(_) => return Ok(false),
        };
        self.judge.only_an_ended_run_may_be_retried(true)?;
        self.judge.aim(target);
        self.die_softly();
        self.owner = FormerOwner::LetGo;
        self.generation = Generation(self.generation.0 + 1);
        self.retries += 1;
        let permits = self.permits(None);
        let situation = Situation {
            now: self.now,
            permits,
            parking: self.parking,
        };
        match retrial.decide(self.generation, "host", "ada", situation) {
            Ok(staged) => self.take(Decision::Staged(staged), permits, None)?,
            Err(refused) => {
                let why = format!("a retry that was possible is refused: {refused}");
                self.judge.invariant_deadlines_are_met_and_runs_end(false, &why)?;
            }
        }
        Ok(true)
    }

    /// Makes some of what was handed over durable and throws the rest away.
    fn lose_a_tail(&mut self) -> Step {
        let held = self.held.0.borrow().len();
        let survive = self.dice.below(held + 1);
        for _ in 0..survive {
            self.settle()?;
        }
        self.held.0.borrow_mut().clear();
        Ok(())
    }

    /// Forgets everything that a process has in memory.
    fn die(&mut self) {
        self.die_softly();
    }

    fn die_softly(&mut self) {
        self.owner = FormerOwner::Died;
        self.run = None;
        self.held.0.borrow_mut().clear();
        self.flights.clear();
        self.waiting.clear();
        self.executors.clear();
        self.retained.clear();
    }

    /// Drops the run after a failed append, and adopts it in the same process: what is durable and alive goes on.
    fn start_again(&mut self) -> Step {
        let position = self.durable.len() as u64;
        self.owner = FormerOwner::LetGo;
        self.run = None;
        self.executors.retain(|fence, _| fence.0 <= position);
        self.waiting.retain(|fence| fence.0 <= position);
        self.retained.retain(|retained| retained.report.fence.0 <= position);
        self.take_up()
    }

    /// Defect: the appends of a host that was replaced are taken after those of the one that replaced it.
    fn two_owners(&mut self) -> Step {
        let held = std::mem::take(&mut *self.held.0.borrow_mut());
        self.die();
        self.take_up()?;
        self.held.0.borrow_mut().extend(held);
        self.settle_all()
    }

    /// Defect: a late report is taken for the one of a delivery of today.
    fn mistake(&mut self, report: &mut Report) {
        if let Some(attempt) = self.flights.values().next() {
            report.generation = attempt.generation;
            report.fence = attempt.fence;
        }
    }

    /// Leaves the run alone until it ends.
    fn let_it_end(&mut self) -> Step {
        self.capacity = self.capacity.max(1);
        for _ in 0..PATIENCE {
            self.settle_all()?;
            if self.is_over() {
                return Ok(());
            }
            let silent = self.flights.keys().any(|fence| !self.executors.contains_key(fence));
            if self.is_stuck() && !self.is(Mutant::SleepsThroughDeadlines) {
                self.answer_from_outside();
            }
            if silent {
                // Executors that died without a word: the host notices and adopts the run again.
                self.start_again()?;
                continue;
            }
            self.work()?;
        }
        let why = format!(
            "after {PATIENCE} moves in peace the run waits for nothing that comes: {:?}",
            self.run
        );
        self.judge.invariant_deadlines_are_met_and_runs_end(false, &why)
    }
}
