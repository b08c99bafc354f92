//! What keeps one run going: it decides on inputs, hands over, and performs what has become durable.

use crate::clock;
use crate::executor::{DurableProof, Entry, Executed, Executor};
use crate::observer::{Notice, Observer};
use crate::permits::{Permits, Taken};
use cofferdam_engine::plan::{NodeKind, Plan};
use cofferdam_engine::run::MAX_EVENTS_PER_DECISION;
use cofferdam_engine::{
    Append, AttemptOutcome, Decision, EffectChange, Event, FailureClass, Fence, Generation, Input, Orphan, Recorded,
    Rejected, Report, Run, RunStatus, Situation, StepPath,
};
use cofferdam_store::{Claim, ClaimError, Fate, Position, RunLog, StoreError, Ticket, Urgency, Within};
use cofferdam_wasm::{CancelFlag, EffectClass};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tracing::Instrument as _;

/// How often in a row a run is rebuilt from its log after failed appends before its driver gives up.
const MAX_REBUILDS: u32 = 3;

/// How many events of a run may be decided and not yet on disk; beyond it the run waits for the log (rule B2).
const MAX_EVENTS_AHEAD: usize = 1_024;

/// What a run is driven with; shared by all runs of a host.
pub(crate) struct Surroundings {
    pub(crate) log: Arc<dyn RunLog>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) permits: Permits,
    pub(crate) guests: Handle,
    /// How long a guest that is to stop may go on, if it can be noticed outside.
    pub(crate) grace: Duration,
}

/// What can be asked of a run that is being driven.
#[derive(Debug)]
pub(crate) enum Control {
    /// Let guests finish for so long, start nothing new, then let go of the run.
    Interrupt { grace: Duration },
    /// Cancel the run.
    Cancel { reason: String },
}

/// Why a run is no longer driven although it has not ended.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// Another host drives the run now.
    #[error("another host took the run over")]
    Fenced,
    /// The log failed again and again.
    #[error("the log cannot take what happened in the run; nothing that was recorded is lost")]
    Log(#[source] Arc<StoreError>),
    /// After a failed append the run could not be claimed again.
    #[error("the run could not be taken up again after the log failed")]
    Reclaim(#[source] ClaimError),
    /// What the log holds of the run is not a run.
    #[error("the recorded events of the run are not complete")]
    Unrestorable(#[source] cofferdam_engine::run::Unrestorable),
}

/// How driving ended.
#[derive(Debug)]
pub enum Driven {
    /// The run has ended.
    Ended(Box<Run>),
    /// The host let go of the run; it can be resumed. The steps that were stopped count as not started.
    Interrupted {
        /// The run as it is recorded.
        run: Box<Run>,
        /// The paths of the steps whose attempts were stopped.
        stopped: Vec<String>,
    },
}

/// A report with the delivery that it is of, kept until what it led to is durable.
struct Answered {
    /// Whether the delivery could be noticed outside: losing the report would repeat that.
    effectful: bool,
    /// The generation that started the delivery, which an adoption in between does not change.
    generation: Generation,
    fence: Fence,
    executed: Executed,
}

impl Answered {
    fn input(&self) -> Input {
        Input::Reported(Report {
            generation: self.generation,
            fence: self.fence,
            outcome: self.executed.outcome.clone(),
            metrics: self.executed.metrics.clone(),
        })
    }
}

/// An append whose fate is not known yet.
struct Pending {
    ticket: Ticket,
    events: Vec<Recorded>,
    changes: Vec<EffectChange>,
    /// Reports that these events answered, kept in case the append fails.
    answered: Vec<Answered>,
}

/// An attempt under way.
struct Flight {
    generation: Generation,
    abort: AbortHandle,
    cancel: CancelFlag,
    step: String,
    effectful: bool,
    _permit: Option<Taken>,
}

/// How a delivery of a generation ended.
type Finished = (Generation, Fence, Executed);

pub(crate) struct Driver {
    surroundings: Arc<Surroundings>,
    plan: Arc<Plan>,
    workflow: Arc<str>,
    /// The span of the run, around those of its steps.
    span: tracing::Span,
    observer: Arc<dyn Observer>,
    control: mpsc::Receiver<Control>,
    pending: VecDeque<Pending>,
    /// Permits for attempts that are decided and not yet durable.
    reserved: BTreeMap<Fence, Taken>,
    flights: BTreeMap<Fence, Flight>,
    /// Guests that were asked to stop, with the end of their grace; the run waits for their results no more.
    leaving: BTreeMap<(Generation, Fence), (Flight, Instant)>,
    /// What starts when these have left: cleaning up must not meet a guest that is still at work.
    delayed: Vec<(Fence, DurableProof)>,
    tasks: JoinSet<Finished>,
    /// Whether quiet attempts wait for the disk too: until this process has seen something of the run become durable.
    cautious: bool,
    draining: Option<Instant>,
    /// Steps whose guests stopped when they were asked to.
    stopped: Vec<String>,
    rebuilds: u32,
}

/// What the driver waits for, turned into one thing to handle.
enum Wake {
    Settled(Fate),
    Executed(Generation, Fence, Box<Executed>),
    /// The task of an attempt was stopped, or panicked.
    Broken(tokio::task::Id),
    Control(Control),
    Tick,
    DrainOver,
    GraceOver,
}

impl Driver {
    pub(crate) fn new(
        surroundings: Arc<Surroundings>,
        plan: Arc<Plan>,
        observer: Arc<dyn Observer>,
        control: mpsc::Receiver<Control>,
    ) -> Self {
        let workflow = Arc::from(plan.name());
        Self {
            surroundings,
            plan,
            span: tracing::info_span!("run", workflow = &*workflow),
            workflow,
            observer,
            control,
            pending: VecDeque::new(),
            reserved: BTreeMap::new(),
            flights: BTreeMap::new(),
            leaving: BTreeMap::new(),
            delayed: Vec::new(),
            tasks: JoinSet::new(),
            cautious: true,
            draining: None,
            stopped: Vec::new(),
            rebuilds: 0,
        }
    }

    /// Begins a run: `hand_over` makes its first events durable together with the run itself.
    pub(crate) fn begin(
        &mut self,
        run: Run,
        input: Input,
        log: &impl cofferdam_engine::Writer<Ticket = Ticket>,
    ) -> Result<Run, Rejected> {
        let (mut permits, situation) = self.situation(&run);
        match run.decide(&self.plan, input, situation) {
            Ok(decision) => Ok(self.settle_decision(decision, &mut permits, Some(log), Vec::new())),
            Err((_, rejected)) => Err(rejected),
        }
    }

    /// Takes a claimed run over.
    pub(crate) fn adopt(&mut self, claim: &Claim) -> Result<Run, DriveError> {
        let orphan = Orphan::restore(claim.run, &self.plan, &claim.events).map_err(DriveError::Unrestorable)?;
        Ok(self.take_over(orphan, claim.generation, &BTreeSet::new()))
    }

    fn take_over(&mut self, orphan: Orphan, generation: Generation, alive: &BTreeSet<Fence>) -> Run {
        // What took the host down may be a quiet attempt, of which nothing would be recorded (rule B5).
        self.cautious = true;
        let (mut permits, situation) = self.situation(orphan.look());
        let host = self.surroundings.log.host().to_string();
        let decision = orphan.adopt(&self.plan, generation, &host, alive, situation);
        self.settle_decision(decision, &mut permits, NO_WRITER, Vec::new())
    }

    /// Drives the run until it has ended, the host lets go of it, or another one has it.
    pub(crate) async fn drive(mut self, mut run: Run) -> Result<Driven, DriveError> {
        loop {
            if self.pending.is_empty() && self.leaving.is_empty() && run.status().is_final() {
                self.stop_all();
                return Ok(Driven::Ended(Box::new(run)));
            }
            if run.has_more() && self.pending.is_empty() {
                run = self.decide(run, Input::Tick, Vec::new());
                continue;
            }
            let wake = self.wait(&run).await;
            run = match wake {
                Wake::Settled(Fate::Durable(position)) => {
                    self.rebuilds = 0;
                    self.perform(&run, position);
                    run
                }
                Wake::Settled(Fate::Fenced) => {
                    self.stop_all();
                    return Err(DriveError::Fenced);
                }
                Wake::Settled(Fate::Failed(error)) => self.rebuild(run, error).await?,
                Wake::Settled(Fate::InboxNotEmpty) => self.rebuild(run, Arc::new(StoreError::InboxNotEmpty)).await?,
                Wake::Executed(generation, fence, _) if self.leaving.remove(&(generation, fence)).is_some() => {
                    self.start_delayed(&run);
                    run
                }
                Wake::Executed(generation, fence, executed) => self.report(run, generation, fence, *executed),
                Wake::Broken(task) => {
                    // Nobody waits for an attempt that was stopped; one that is still waited for panicked.
                    self.leaving.retain(|_, (flight, _)| flight.abort.id() != task);
                    self.start_delayed(&run);
                    let broken = self
                        .flights
                        .iter()
                        .find(|(_, flight)| flight.abort.id() == task)
                        .map(|(fence, flight)| (flight.generation, *fence));
                    match broken {
                        Some((generation, fence)) => self.report(
                            run,
                            generation,
                            fence,
                            Executed::host_fault("the host panicked while it carried the attempt out"),
                        ),
                        None => run,
                    }
                }
                Wake::Control(Control::Cancel { reason }) => self.cancel(run, reason),
                Wake::Control(Control::Interrupt { grace }) => {
                    self.flights.values().for_each(|flight| flight.cancel.ask());
                    self.draining = Some(Instant::now() + grace);
                    run
                }
                Wake::Tick => self.decide(run, Input::Tick, Vec::new()),
                Wake::DrainOver => return self.let_go(run).await,
                Wake::GraceOver => {
                    self.end_grace();
                    self.start_delayed(&run);
                    run
                }
            };
        }
    }

    /// Decides that `run` is to be cancelled; one that is already is left as it is.
    pub(crate) fn cancel(&mut self, run: Run, reason: String) -> Run {
        self.decide(run, Input::CancelRequested { reason }, Vec::new())
    }

    async fn wait(&mut self, run: &Run) -> Wake {
        let deadline = run.next_deadline().filter(|_| self.draining.is_none()).map(|at| {
            let left = at.since(clock::now());
            // The core is asked again one tick of its clock later, so that a rounded-down wait never spins.
            Instant::now() + left + Duration::from_millis(1)
        });
        let drain = self
            .draining
            .map(|at| if self.flights.is_empty() { Instant::now() } else { at });
        // Nothing is decided on top of the end of a drain, and the end waits for what was handed over.
        let drain = drain.filter(|_| self.pending.is_empty());
        let grace = self.leaving.values().map(|(_, until)| *until).min();
        let wants_permits = run.wants_permits() && self.draining.is_none();
        let far = Instant::now() + Duration::from_secs(86_400);
        let ticket = self.pending.front_mut().map(|pending| &mut pending.ticket);
        tokio::select! {
            biased;
            fate = async { match ticket { Some(ticket) => ticket.await, None => std::future::pending().await } } => Wake::Settled(fate),
            Some(control) = self.control.recv() => Wake::Control(control),
            Some(joined) = self.tasks.join_next_with_id() => match joined {
                Ok((_, (generation, fence, executed))) => Wake::Executed(generation, fence, Box::new(executed)),
                Err(error) => Wake::Broken(error.id()),
            },
            () = self.surroundings.permits.freed(), if wants_permits => Wake::Tick,
            () = tokio::time::sleep_until(drain.unwrap_or(far)), if drain.is_some() => Wake::DrainOver,
            () = tokio::time::sleep_until(grace.unwrap_or(far)), if grace.is_some() => Wake::GraceOver,
            () = tokio::time::sleep_until(deadline.unwrap_or(far)), if deadline.is_some() => Wake::Tick,
        }
    }

    /// Returns what a decision may rely on, with the permits that it may use.
    ///
    /// Permits are taken for the length of a decision. A run that can use only one takes only one: another run that
    /// found none left would record the end of a step without the start of the next, in two appends instead of one.
    fn situation(&self, run: &Run) -> (Taken, Situation) {
        let most = if self.draining.is_some() {
            0
        } else if self.plan.is_sequential() {
            1
        } else {
            let busy = u32::try_from(self.flights.len() + self.reserved.len()).unwrap_or(u32::MAX);
            let own = self
                .plan
                .parts()
                .max_parallel
                .map_or(u32::MAX, |most| most.saturating_sub(busy));
            // More than this many starts do not fit one decision anyway.
            own.min(u32::try_from(MAX_EVENTS_PER_DECISION).unwrap_or(u32::MAX))
        };
        let permits = self.surroundings.permits.take(most);
        let situation = Situation {
            now: clock::now().max(run.started_at()),
            permits: permits.count(),
        };
        (permits, situation)
    }

    fn decide(&mut self, run: Run, input: Input, answered: Vec<Answered>) -> Run {
        let (mut permits, situation) = self.situation(&run);
        match run.decide(&self.plan, input, situation) {
            Ok(decision) => self.settle_decision(decision, &mut permits, NO_WRITER, answered),
            Err((run, rejected)) => {
                tracing::debug!(run = %run.id(), %rejected, "an input was refused");
                *run
            }
        }
    }

    /// Hands a decision over, to `begin` if that is given, and enters the quiet attempts that it starts.
    fn settle_decision<W>(
        &mut self,
        decision: Decision,
        permits: &mut Taken,
        begin: Option<&W>,
        answered: Vec<Answered>,
    ) -> Run
    where
        W: cofferdam_engine::Writer<Ticket = Ticket>,
    {
        let staged = match decision {
            Decision::Unchanged(run) => return run,
            Decision::Staged(staged) => staged,
        };
        let events = staged.append().events.clone();
        let urgency = self.urgency(staged.append(), &answered);
        let (mut run, ticket) = match begin {
            Some(begin) => staged.hand_over(begin),
            None => staged.hand_over(&Within::new(&*self.surroundings.log, urgency)),
        };
        let mut changes = run.take_changes();
        for change in &changes {
            if let EffectChange::Appeared(fence) = change
                && let Some(permit) = permits.split()
            {
                self.reserved.insert(*fence, permit);
            }
        }
        let is_bounded = self.events_ahead() + events.len() <= MAX_EVENTS_AHEAD;
        if !self.cautious && is_bounded && !self.is_stopping(&changes) {
            changes.retain(|change| !self.enter_ahead(&run, change));
        }
        self.pending.push_back(Pending {
            ticket,
            events,
            changes,
            answered,
        });
        run
    }

    /// Returns how soon an append must be durable.
    fn urgency(&self, append: &Append, answered: &[Answered]) -> Urgency {
        let is_awaited = self.cautious
            || append.row.status != RunStatus::Running
            || !append.answers.is_empty()
            // The next decision of a run that stopped at the bound waits for this one.
            || append.events.len() >= MAX_EVENTS_PER_DECISION
            || self.events_ahead() + append.events.len() > MAX_EVENTS_AHEAD;
        let starts = append.events.iter().filter_map(|recorded| match &recorded.event {
            Event::AttemptStarted { at, .. } => Some(&at.step),
            _ => None,
        });
        if is_awaited
            || starts
                .map(|step| self.class_of(step))
                .any(|class| class == EffectClass::Effectful)
        {
            Urgency::Now
        } else if answered.iter().any(|answered| answered.effectful) {
            Urgency::Soon
        } else {
            Urgency::Later
        }
    }

    fn events_ahead(&self) -> usize {
        self.pending.iter().map(|pending| pending.events.len()).sum()
    }

    fn class_of(&self, step: &StepPath) -> EffectClass {
        match self.plan.find(step).map(|node| &self.plan.node(node).kind) {
            Some(NodeKind::Call(call)) => self.surroundings.executor.class(&call.action),
            _ => EffectClass::Effectful,
        }
    }

    /// Returns whether guests that can be noticed outside are being stopped, or will be by `changes`.
    fn is_stopping(&self, changes: &[EffectChange]) -> bool {
        let decided = self.pending.iter().flat_map(|pending| &pending.changes).chain(changes);
        let mut ended = decided.filter_map(|change| match change {
            EffectChange::Ended(fence) => self.flights.get(fence),
            EffectChange::Appeared(_) => None,
        });
        !self.leaving.is_empty() || ended.any(|flight| flight.effectful)
    }

    /// Enters an attempt whose start is not on disk yet, if it is quiet; returns whether it did.
    fn enter_ahead(&mut self, run: &Run, change: &EffectChange) -> bool {
        let EffectChange::Appeared(fence) = change else {
            return false;
        };
        let quiet = run
            .effect(&self.plan, *fence)
            .is_some_and(|attempt| self.surroundings.executor.class(&attempt.action) == EffectClass::Quiet);
        if quiet {
            self.start(run, *fence, None);
        }
        quiet
    }

    /// Does what the oldest pending append, which is durable now, asks for.
    fn perform(&mut self, run: &Run, position: Position) {
        let Some(pending) = self.pending.pop_front() else {
            return;
        };
        self.cautious &= !pending.events.iter().any(|recorded| shows_progress(&recorded.event));
        self.observer.notice(Notice::Durable(&pending.events));
        for change in pending.changes {
            match change {
                EffectChange::Appeared(fence) => self.delayed.push((fence, DurableProof::of(position))),
                EffectChange::Ended(fence) => {
                    self.reserved.remove(&fence);
                    if let Some(flight) = self.flights.remove(&fence) {
                        self.stop(fence, flight);
                    }
                }
            }
        }
        self.start_delayed(run);
    }

    /// Stops a guest: one that can be noticed outside is asked first.
    fn stop(&mut self, fence: Fence, flight: Flight) {
        let grace = self.surroundings.grace;
        if flight.effectful && !grace.is_zero() {
            flight.cancel.ask();
            self.leaving
                .insert((flight.generation, fence), (flight, Instant::now() + grace));
        } else {
            flight.abort.abort();
        }
    }

    /// Stops the guests whose grace is over.
    fn end_grace(&mut self) {
        let now = Instant::now();
        self.leaving.retain(|_, (flight, until)| {
            let stays = *until > now;
            if !stays {
                flight.abort.abort();
            }
            stays
        });
    }

    /// Starts what is on disk, once no guest that is to stop is still at work.
    fn start_delayed(&mut self, run: &Run) {
        if self.leaving.is_empty() {
            for (fence, proof) in std::mem::take(&mut self.delayed) {
                self.start(run, fence, Some(proof));
            }
        }
    }

    fn start(&mut self, run: &Run, fence: Fence, proof: Option<DurableProof>) {
        let permit = self.reserved.remove(&fence);
        // What was decided since may have ended the attempt before it began.
        let Some(attempt) = run.effect(&self.plan, fence) else {
            return;
        };
        let cancel = CancelFlag::default();
        let step = attempt.step().to_string();
        let observer = Arc::clone(&self.observer);
        let at = attempt.at.clone();
        let generation = attempt.generation;
        let (action, number, delivery) = (attempt.action.clone(), attempt.number, attempt.delivery);
        let effectful = self.surroundings.executor.class(&action) == EffectClass::Effectful;
        let entry = Entry {
            run: run.id(),
            workflow: Arc::clone(&self.workflow),
            attempt,
            proof,
            cancel: cancel.clone(),
            observer: Arc::clone(&observer),
        };
        let step_span =
            tracing::info_span!(parent: &self.span, "step", step = %at.step, iteration = ?at.occurrence.iterations());
        let call_span = tracing::info_span!(
            parent: &step_span,
            "call",
            action = %format_args!("{}.{}", action.plugin, action.action),
            attempt = number,
            delivery,
        );
        let execution = self.surroundings.executor.enter(entry).instrument(call_span);
        let abort = self.tasks.spawn_on(
            async move {
                let executed = execution.await;
                observer.notice(Notice::Ended {
                    at: &at,
                    fence,
                    usage: &executed.usage,
                    denied: &executed.denied,
                });
                (generation, fence, executed)
            },
            &self.surroundings.guests,
        );
        self.flights.insert(
            fence,
            Flight {
                generation,
                abort,
                cancel,
                step,
                effectful,
                _permit: permit,
            },
        );
    }

    fn report(&mut self, run: Run, generation: Generation, fence: Fence, executed: Executed) -> Run {
        // Numbers of deliveries that were thrown away are given again in the next generation (rule C3).
        if self
            .flights
            .get(&fence)
            .is_none_or(|flight| flight.generation != generation)
        {
            return run;
        }
        let Some(flight) = self.flights.remove(&fence) else {
            return run;
        };
        let gave_up =
            matches!(&executed.outcome, AttemptOutcome::Failed(failure) if failure.class == FailureClass::Cancelled);
        if self.draining.is_some() && flight.cancel.is_asked() && gave_up {
            // It stopped because the host is letting go: it counts as not started and stays open.
            self.stopped.push(flight.step);
            return run;
        }
        let answered = Answered {
            effectful: flight.effectful,
            generation: flight.generation,
            fence,
            executed,
        };
        // Its permit is free for what comes next.
        drop(flight);
        self.decide(run, answered.input(), vec![answered])
    }

    /// Drops what was decided and not written, and takes the run up again as the log has it.
    async fn rebuild(&mut self, run: Run, error: Arc<StoreError>) -> Result<Run, DriveError> {
        self.rebuilds += 1;
        if self.rebuilds > MAX_REBUILDS {
            self.stop_all();
            return Err(DriveError::Log(error));
        }
        tracing::warn!(run = %run.id(), %error, "the log failed; the run is taken up again from what is recorded");
        let answered: Vec<Answered> = self.pending.drain(..).flat_map(|pending| pending.answered).collect();
        self.reserved.clear();
        self.delayed.clear();
        let id = run.id();
        drop(run);
        let claim = match self.surroundings.log.claim(id).await {
            Ok(claim) => claim,
            Err(ClaimError::Owned { .. }) => {
                self.stop_all();
                return Err(DriveError::Fenced);
            }
            Err(error) => {
                self.stop_all();
                return Err(DriveError::Reclaim(error));
            }
        };
        let orphan = Orphan::restore(claim.run, &self.plan, &claim.events).map_err(DriveError::Unrestorable)?;
        // Attempts that are under way here go on if their start is recorded; the others never were. Reports whose answer
        // was not written are decided again.
        let recorded: BTreeSet<Fence> = orphan
            .look()
            .effects(&self.plan)
            .iter()
            .map(|attempt| attempt.fence)
            .collect();
        self.flights.retain(|fence, flight| {
            let kept = recorded.contains(fence);
            if !kept {
                flight.abort.abort();
            }
            kept
        });
        let alive = self
            .flights
            .keys()
            .copied()
            .chain(answered.iter().map(|answered| answered.fence))
            .filter(|fence| recorded.contains(fence))
            .collect();
        let mut run = self.take_over(orphan, claim.generation, &alive);
        for answered in answered {
            run = self.decide(run, answered.input(), vec![answered]);
        }
        Ok(run)
    }

    async fn let_go(mut self, run: Run) -> Result<Driven, DriveError> {
        let mut stopped = std::mem::take(&mut self.stopped);
        stopped.extend(self.flights.values().map(|flight| flight.step.clone()));
        self.stop_all();
        let run = self.decide(run, Input::InterruptRequested, Vec::new());
        while let Some(mut pending) = self.pending.pop_front() {
            match (&mut pending.ticket).await {
                Fate::Durable(_) => self.observer.notice(Notice::Durable(&pending.events)),
                Fate::Fenced => return Err(DriveError::Fenced),
                // Without the record the run looks as after a crash, from which it can be resumed just as well.
                Fate::InboxNotEmpty => return Err(DriveError::Log(Arc::new(StoreError::InboxNotEmpty))),
                Fate::Failed(error) => return Err(DriveError::Log(error)),
            }
        }
        Ok(Driven::Interrupted {
            run: Box::new(run),
            stopped,
        })
    }

    fn stop_all(&mut self) {
        let leaving = std::mem::take(&mut self.leaving)
            .into_values()
            .map(|(flight, _)| flight);
        for flight in std::mem::take(&mut self.flights).into_values().chain(leaving) {
            flight.abort.abort();
        }
        self.reserved.clear();
    }
}

/// Says that a decision goes to the log of the host as all but the first of a run do.
const NO_WRITER: Option<&Within<'static>> = None;

/// Returns whether an event shows that the run got on since this process has it.
fn shows_progress(event: &Event) -> bool {
    matches!(
        event,
        Event::RunStarted { .. }
            | Event::AttemptFailed { .. }
            | Event::StepCompleted { .. }
            | Event::StepFailed { .. }
            | Event::RunFinished { .. }
    )
}
