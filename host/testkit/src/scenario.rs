//! How tests play a run step by step: no store, no threads, a clock that moves when told to.

use cofferdam_engine::{
    Adoption, Answer, Append, Attempt, AttemptClass, AttemptOutcome, Data, Decision, EffectChange, Ending, Event,
    Failure, FailureClass, Fence, FormerOwner, Generation, Input, Message, MessageId, Metrics, Orphan, Parking, Plan,
    Recorded, Rejected, Report, Request, Retrial, Retry, RetryRefused, Run, RunId, RunRow, RunStatus, Situation,
    Snapshot, Start, Timestamp, Verdict, Writer,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The run of all scenarios.
const RUN: RunId = RunId::from_bits(7);

/// Beyond this many events and steps only the end of a scenario is compared with its replay.
const COMPARED: usize = 600;

/// A run with its log, its clock and its permits.
#[derive(Debug)]
pub struct Scenario {
    /// What the run executes.
    pub plan: Plan,
    /// All events so far; every append is durable at once.
    pub log: Vec<Recorded>,
    /// The time.
    pub now: Timestamp,
    /// How many attempts may be under way at the same time.
    pub capacity: u32,
    /// The most attempts that were under way at the same time.
    pub most_in_flight: usize,
    /// Whether the host keeps a run of which nothing is under way.
    pub parking: Parking,
    /// What is said about deliveries that are started, if anything is.
    pub class: Option<AttemptClass>,
    /// The row that the latest append gave the run.
    pub row: Option<RunRow>,
    /// What the run said to messages, oldest first.
    pub answers: Vec<Answer>,
    /// The snapshots that came with its appends.
    pub snapshots: Vec<Snapshot>,
    messages: u64,
    run: Option<Run>,
    flights: BTreeMap<Fence, Attempt>,
}

/// Takes appends for a [`Scenario`].
#[derive(Default)]
struct Taken(RefCell<Vec<Append>>);

impl Writer for Taken {
    type Ticket = ();

    fn hand_over(&self, append: Append) {
        self.0.borrow_mut().push(append);
    }
}

/// Returns the outcome of an action that returned JSON `output`.
pub fn returned(output: &str) -> AttemptOutcome {
    AttemptOutcome::Completed {
        output: crate::plan_builder::json(output),
        markers: Vec::new(),
        context: None,
    }
}

/// Returns the outcome of an action that returned null and `markers`.
pub fn marked<const N: usize>(markers: [&str; N]) -> AttemptOutcome {
    AttemptOutcome::Completed {
        output: Data::Null,
        markers: markers.map(str::to_owned).into(),
        context: None,
    }
}

/// Returns the outcome of an action that failed.
pub fn failed(class: FailureClass, message: &str) -> AttemptOutcome {
    AttemptOutcome::Failed(Failure::new(class, message))
}

/// Returns the name of an attempt in scenarios: the path of its step, then `@` and its iterations inside of loops.
pub fn name_of(attempt: &Attempt) -> String {
    step_name(attempt.at.step.as_str(), attempt.at.occurrence.iterations())
}

fn step_name(path: &str, iterations: &[u32]) -> String {
    if iterations.is_empty() {
        return path.to_owned();
    }
    let iterations: Vec<String> = iterations.iter().map(ToString::to_string).collect();
    format!("{path}@{}", iterations.join("."))
}

impl Scenario {
    /// Returns a scenario of a run that has not begun.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            log: Vec::new(),
            now: Timestamp::from_millis(1_000_000),
            capacity: u32::MAX,
            most_in_flight: 0,
            parking: Parking::Keep,
            class: None,
            row: None,
            answers: Vec::new(),
            snapshots: Vec::new(),
            messages: 0,
            run: Some(Run::new(RUN)),
            flights: BTreeMap::new(),
        }
    }

    /// Returns a scenario of a run that has begun without inputs.
    pub fn started(plan: Plan) -> Self {
        Self::started_with(plan, [])
    }

    /// Returns a scenario of a run that has begun with `inputs`.
    pub fn started_with<const N: usize>(plan: Plan, inputs: [(&str, Data); N]) -> Self {
        let mut scenario = Self::new(plan);
        scenario.start(inputs);
        scenario
    }

    /// Begins the run.
    pub fn start<const N: usize>(&mut self, inputs: [(&str, Data); N]) {
        let inputs = inputs.map(|(name, value)| (name.to_owned(), value)).into();
        self.decide(Input::Start(Start {
            inputs,
            ..Start::default()
        }));
    }

    /// Returns the run.
    pub fn run(&self) -> &Run {
        self.run.as_ref().expect("a scenario always has its run")
    }

    /// Returns the situation in which `input` is decided on: an attempt that reports has given its permit back.
    fn situation(&self, input: &Input) -> Situation {
        let over = match input {
            Input::Reported(report) => usize::from(self.flights.contains_key(&report.fence)),
            Input::Start(_)
            | Input::Tick
            | Input::Saved { .. }
            | Input::Message(_)
            | Input::InterruptRequested
            | Input::SetAside { .. } => 0,
        };
        let busy = u32::try_from(self.flights.len() - over).unwrap_or(u32::MAX);
        Situation {
            now: self.now,
            permits: self.capacity.saturating_sub(busy),
            parking: self.parking,
        }
    }

    /// Decides on `input`, which the run must take.
    pub fn decide(&mut self, input: Input) {
        self.try_decide(input).unwrap_or_else(|rejected| panic!("{rejected}"));
    }

    /// Decides on `input`, then on ticks while there is more to do.
    ///
    /// # Errors
    /// If the run does not take the input.
    pub fn try_decide(&mut self, input: Input) -> Result<(), Rejected> {
        self.decide_once(input)?;
        while self.run().has_more() {
            self.decide_once(Input::Tick)?;
        }
        Ok(())
    }

    /// Decides on `input` and nothing else.
    ///
    /// # Errors
    /// If the run does not take the input.
    pub fn decide_once(&mut self, input: Input) -> Result<(), Rejected> {
        let run = self.run.take().expect("a scenario always has its run");
        let before = run.version();
        let situation = self.situation(&input);
        match run.decide(&self.plan, input, situation) {
            Ok(decision) => {
                self.take(decision);
                Ok(())
            }
            Err((run, rejected)) => {
                assert_eq!(run.version(), before, "a rejected input changes nothing");
                self.run = Some(*run);
                Err(rejected)
            }
        }
    }

    fn take(&mut self, decision: Decision) {
        let mut run = match decision {
            Decision::Unchanged(run) => run,
            Decision::Staged(staged) => {
                let taken = Taken::default();
                let staged = match self.class {
                    Some(class) => staged.classified(&self.plan, |_| class),
                    None => staged,
                };
                let (run, ()) = staged.hand_over(&taken);
                for append in taken.0.into_inner() {
                    assert_eq!(append.expected.0 as usize, self.log.len(), "appends follow each other");
                    self.log.extend(append.events);
                    self.row = Some(append.row);
                    self.answers.extend(append.answers);
                    self.snapshots.extend(append.snapshot);
                    assert_eq!(
                        append.row.version.0 as usize,
                        self.log.len(),
                        "the row counts all events"
                    );
                }
                run
            }
        };
        for change in run.take_changes() {
            match change {
                EffectChange::Appeared(fence) => {
                    if let Some(attempt) = run.effect(&self.plan, fence) {
                        self.flights.insert(fence, attempt);
                    }
                }
                EffectChange::Ended(fence) => {
                    self.flights.remove(&fence);
                }
            }
        }
        self.most_in_flight = self.most_in_flight.max(self.flights.len());
        let level: Vec<Fence> = run.effects(&self.plan).iter().map(|attempt| attempt.fence).collect();
        if run.ending().is_some() || self.log.len() + self.plan.nodes().len() < COMPARED {
            assert_eq!(
                level,
                self.flights.keys().copied().collect::<Vec<_>>(),
                "changes add up to effects"
            );
            let replayed = Orphan::restore(RUN, &self.plan, &self.log).expect("the log can be replayed");
            assert_eq!(run.difference_to(replayed.look()), None, "the run is what its log says");
            if let Some(snapshot) = run.snapshot(&self.plan) {
                let restored = Orphan::restore_from(RUN, &self.plan, &snapshot, []).expect("the snapshot can be used");
                let difference = restored.look().difference_to(replayed.look());
                assert_eq!(difference, None, "the run is what its snapshot says");
            }
        }
        self.run = Some(run);
    }

    /// Moves the clock and lets the run look at it.
    pub fn advance(&mut self, duration: Duration) {
        self.now = self.now.saturating_add(duration);
        self.tick();
    }

    /// Lets the run look at the clock and the permits.
    pub fn tick(&mut self) {
        self.decide(Input::Tick);
    }

    /// Returns the names of the attempts under way, in the order of their start.
    pub fn flights(&self) -> Vec<String> {
        self.flights.values().map(name_of).collect()
    }

    /// Returns the attempt under way that is called `name`.
    ///
    /// # Panics
    /// If there is none.
    pub fn attempt(&self, name: &str) -> &Attempt {
        self.flights
            .values()
            .find(|attempt| name_of(attempt) == name)
            .unwrap_or_else(|| panic!("`{name}` is not under way, these are: {:?}", self.flights()))
    }

    /// Returns the report that ends the attempt called `name` with `outcome`.
    pub fn report(&self, name: &str, outcome: AttemptOutcome) -> Report {
        let attempt = self.attempt(name);
        Report {
            generation: attempt.generation,
            fence: attempt.fence,
            outcome,
            metrics: Metrics::new(),
            saved: None,
            shared: Vec::new(),
            used: None,
        }
    }

    /// Ends the attempt called `name` with `outcome`.
    pub fn end(&mut self, name: &str, outcome: AttemptOutcome) {
        let report = self.report(name, outcome);
        self.decide(Input::Reported(report));
    }

    /// Lets the attempt called `name` return JSON `output`.
    pub fn complete(&mut self, name: &str, output: &str) {
        self.end(name, returned(output));
    }

    /// Lets the attempt called `name` fail so that it may be tried again.
    pub fn fail(&mut self, name: &str, message: &str) {
        self.end(name, failed(FailureClass::Transient, message));
    }

    /// Asks for the run to be cancelled.
    pub fn cancel(&mut self) {
        let reason = "enough".to_owned();
        let message = self.letter("ada", Request::Cancel { reason });
        self.decide(Input::Message(message));
    }

    /// Returns the next message: `by` asks for `request`.
    pub fn letter(&mut self, by: &str, request: Request) -> Message {
        self.messages += 1;
        Message {
            id: MessageId(self.messages),
            at: self.now,
            by: by.to_owned(),
            request,
        }
    }

    /// Hands the run a message; a run that is parked is adopted for it. Returns what the run says to it.
    ///
    /// # Panics
    /// If the run says nothing.
    pub fn ask(&mut self, by: &str, request: Request) -> Verdict {
        let message = self.letter(by, request);
        let id = message.id;
        if self.status().is_parked() {
            self.adopt_with([], vec![message]);
        } else {
            self.decide(Input::Message(message));
        }
        let answer = self.answers.iter().find(|answer| answer.message == id);
        answer.expect("every message is answered").verdict.clone()
    }

    /// Drops the run with everything under way and adopts it from its log; the deliveries called `alive` go on.
    pub fn adopt<const N: usize>(&mut self, alive: [&str; N]) {
        self.adopt_with(alive, Vec::new());
    }

    /// Does what [`Self::adopt`] does, with messages in the inbox.
    pub fn adopt_with<const N: usize>(&mut self, alive: [&str; N], messages: Vec<Message>) {
        let alive: BTreeMap<Fence, Attempt> = alive
            .iter()
            .map(|name| self.attempt(name).clone())
            .map(|attempt| (attempt.fence, attempt))
            .collect();
        let generation = Generation(self.run().generation().0 + 1);
        let owner = if self.status().is_parked() {
            FormerOwner::LetGo
        } else {
            FormerOwner::Died
        };
        let orphan = Orphan::restore(RUN, &self.plan, &self.log).expect("the log can be replayed");
        let fences: BTreeSet<Fence> = alive.keys().copied().collect();
        self.flights = alive;
        let situation = self.situation(&Input::Tick);
        let adoption = Adoption {
            generation,
            host: "host",
            alive: &fences,
            owner,
            messages,
        };
        let decision = orphan.adopt(&self.plan, adoption, situation);
        self.take(decision);
        while self.run().has_more() {
            self.tick();
        }
    }

    /// Retries the run, which has ended, from a step; from what did not end well without one.
    ///
    /// # Errors
    /// If the run is not retried.
    pub fn retry(&mut self, from: Option<&str>) -> Result<(), RetryRefused> {
        let plan = self.plan.clone();
        self.retry_as(from, plan)
    }

    /// Does what [`Self::retry`] does, with another plan from now on.
    ///
    /// # Errors
    /// If the run is not retried.
    pub fn retry_as(&mut self, from: Option<&str>, plan: Plan) -> Result<(), RetryRefused> {
        let generation = Generation(self.run().generation().0 + 1);
        let situation = self.situation(&Input::Tick);
        let retry = Retry {
            from,
            former: &self.plan,
            plan: &plan,
        };
        let staged = Retrial::of(RUN, &self.log, retry)?.decide(generation, "host", "ada", situation)?;
        self.plan = plan;
        self.take(Decision::Staged(staged));
        while self.run().has_more() {
            self.tick();
        }
        Ok(())
    }

    /// Plays the run to its end: `act` says how long each delivery takes and how it ends.
    ///
    /// # Panics
    /// If the run waits for something that will never come.
    pub fn play(&mut self, mut act: impl FnMut(&Attempt) -> (Duration, AttemptOutcome)) {
        let mut under_way: BTreeMap<(Timestamp, Fence), Report> = BTreeMap::new();
        let mut seen: BTreeSet<Fence> = BTreeSet::new();
        while self.run().ending().is_none() {
            for (fence, attempt) in &self.flights {
                if seen.insert(*fence) {
                    let (duration, outcome) = act(attempt);
                    let report = Report {
                        generation: attempt.generation,
                        fence: *fence,
                        outcome,
                        metrics: Metrics::new(),
                        saved: None,
                        shared: Vec::new(),
                        used: None,
                    };
                    under_way.insert((self.now.saturating_add(duration), *fence), report);
                }
            }
            under_way.retain(|(_, fence), _| self.flights.contains_key(fence));
            let reported = under_way.first_key_value().map(|((at, _), _)| *at);
            let deadline = self.run().next_deadline();
            let next = reported.into_iter().chain(deadline).min();
            self.now = self.now.max(next.expect("the run waits for nothing that will come"));
            match under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
                Some(entry) => {
                    let report = entry.remove();
                    self.decide(Input::Reported(report));
                }
                None => self.tick(),
            }
        }
    }

    /// Plays the run to its end; every delivery takes a millisecond and ends as `act` says.
    pub fn play_at_once(&mut self, mut act: impl FnMut(&Attempt) -> AttemptOutcome) {
        self.play(|attempt| (Duration::from_millis(1), act(attempt)));
    }

    /// Returns what the run is doing.
    pub fn status(&self) -> RunStatus {
        self.run().status()
    }

    /// Returns what the run returned, as canonical JSON.
    ///
    /// # Panics
    /// If the run has not ended.
    pub fn outputs(&self) -> String {
        self.run().ending().expect("the run has ended").1.data().to_json()
    }

    /// Returns the failure that ended the run, with the step that failed.
    ///
    /// # Panics
    /// If the run did not fail.
    pub fn failure(&self) -> (String, Failure) {
        match self.run().ending() {
            Some((Ending::Failed { step, failure }, _)) => (step.to_string(), failure.clone()),
            other => panic!("the run did not fail: {other:?}"),
        }
    }

    /// Returns the events about one step, as `kind` words in order.
    pub fn story_of(&self, name: &str) -> Vec<&'static str> {
        self.log
            .iter()
            .filter(|recorded| {
                recorded
                    .event
                    .step()
                    .is_some_and(|at| step_name(at.step.as_str(), at.occurrence.iterations()) == name)
            })
            .map(|recorded| recorded.event.kind())
            .collect()
    }

    /// Returns the names of the steps that completed, in order.
    pub fn completed(&self) -> Vec<String> {
        self.log
            .iter()
            .filter(|recorded| matches!(recorded.event, Event::StepCompleted { .. }))
            .filter_map(|recorded| recorded.event.step())
            .map(|at| step_name(at.step.as_str(), at.occurrence.iterations()))
            .collect()
    }

    /// Returns the log, one line per event: its kind and its step.
    pub fn transcript(&self) -> String {
        self.log
            .iter()
            .map(|recorded| match recorded.event.step() {
                Some(at) => format!(
                    "{} {}\n",
                    recorded.event.kind(),
                    step_name(at.step.as_str(), at.occurrence.iterations())
                ),
                None => format!("{}\n", recorded.event.kind()),
            })
            .collect()
    }
}
