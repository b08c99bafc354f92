//! What does a step cost in the core alone: decisions in memory with results that are written down beforehand?
//!
//! A step is the report of its attempt, the decision that completes it and starts the next one, the hand-over of both
//! events to a log in memory, and the derivation of the attempt that begins. Its parameters are an expression over the
//! output of the step before. Nothing else runs in this process, so that the time of the processor is the cost and the
//! time of the clock shows how busy the machine was; bars are held against the former. Every number is the median of
//! several rounds after one that does not count; ratios are taken within a round.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]
#![expect(
    clippy::disallowed_types,
    reason = "the core has no clock; who measures it needs one"
)]
#![expect(clippy::disallowed_methods, reason = "the state of the machine is in files")]

#[path = "shared/table.rs"]
mod table;

use cofferdam_engine::{
    Append, Attempt, AttemptOutcome, Decision, EffectChange, Input, Metrics, Parking, Plan, Recorded, Report, Run,
    RunId, RunStatus, Situation, Start, Timestamp, Writer,
};
use cofferdam_testkit::plan_builder::{Step, call, parallel, repeat_while, set, when, workflow};
use rustix::time::{ClockId, clock_gettime};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Instant;
use table::{Table, median, threads};

/// How many attempts a host carries out at the same time unless configured.
const PERMITS: u32 = 64;

fn main() {
    let mut table = Table::begin("transitions: the core in memory, scripted results, no disk, no sandbox");
    let before = threads("self");
    for (steps, rounds) in [(100, 41), (1_000, 11), (10_000, 5)] {
        let plan = sequence(steps);
        table.section(&format!("{steps} steps one after the other"));
        show(
            &mut table,
            &measure(rounds, &plan, u32::MAX, steps, Keep::Events),
            "step",
        );
    }
    let iterations = 100_000;
    table.section(&format!(
        "{iterations} iterations of a loop around `set`, events not kept"
    ));
    let rounds = measure(3, &counting(iterations), u32::MAX, iterations, Keep::Nothing);
    show(&mut table, &rounds, "iteration");
    let grown = median(rounds.iter().map(|round| round.grown as f64 / 1024.0));
    table.row(
        "memory grown from the first quarter to the end",
        &format!("{grown:.0} KiB"),
    );

    let branches = 10_000;
    let plan = workflow([parallel((0..branches).map(|number| call(&format!("b{number}"))))]).plan();
    for (permits, permitted) in [(u32::MAX, "all"), (PERMITS, "64")] {
        table.section(&format!(
            "{branches} branches that do nothing, {permitted} at the same time"
        ));
        let rounds = measure(7, &plan, permits, branches, Keep::Events);
        let whole = |of: fn(&Mark) -> f64| median(rounds.iter().map(|round| of(&round.marks[4]) / 1_000.0));
        let (cpu, wall) = (whole(|mark| mark.cpu), whole(|mark| mark.wall));
        table.bar(
            "the whole run, processor",
            &format!("{cpu:.1} ms"),
            "<= 82 ms",
            cpu <= 82.0,
        );
        table.row("the whole run, clock", &format!("{wall:.1} ms"));
    }
    table.section("all of it");
    let now = threads("self");
    table.bar(
        "threads at the end",
        &now.to_string(),
        &format!("= {before}"),
        now == before,
    );
    table.end();
}

fn show(table: &mut Table, rounds: &[Round], unit: &str) {
    let mean = |of: fn(&Mark) -> f64| median(rounds.iter().map(|round| round.rate(of, 0, 4)));
    let (cpu, wall) = (mean(|mark| mark.cpu), mean(|mark| mark.wall));
    let what = format!("mean per {unit}, processor");
    table.bar(&what, &format!("{cpu:.2} us"), "<= 50 us", cpu <= 50.0);
    table.row(&format!("mean per {unit}, clock"), &format!("{wall:.2} us"));
    let ratio = median(
        rounds
            .iter()
            .map(|round| round.rate(|mark| mark.cpu, 3, 4) / round.rate(|mark| mark.cpu, 0, 1)),
    );
    table.bar(
        "last quarter against the first",
        &format!("{ratio:.2}x"),
        "<= 1.2x",
        ratio <= 1.2,
    );
}

/// Returns a plan of `steps` calls, each with the number after that of the one before.
fn sequence(steps: u32) -> Plan {
    let steps: Vec<Step> = (0..steps)
        .map(|number| match number.checked_sub(1) {
            None => call("s0").with("n", "0"),
            Some(before) => call(&format!("s{number}")).with("n", &format!("steps.s{before}.output.n + 1")),
        })
        .collect();
    workflow(steps).plan()
}

/// Returns a plan that counts to `iterations`.
fn counting(iterations: u32) -> Plan {
    let body = [set([("n", "vars.n + 1")])];
    let again = when(&format!("vars.n < {iterations}"));
    workflow([set([("n", "0")]), repeat_while(again, i64::from(iterations) + 1, body)]).plan()
}

/// What the log in memory keeps.
#[derive(Clone, Copy)]
enum Keep {
    Events,
    Nothing,
}

struct Log {
    keep: Keep,
    events: RefCell<Vec<Recorded>>,
}

impl Writer for Log {
    type Ticket = ();

    fn hand_over(&self, append: Append) {
        match self.keep {
            Keep::Events => self.events.borrow_mut().extend(append.events),
            Keep::Nothing => drop(append),
        }
    }
}

/// How far a run was when, in microseconds.
#[derive(Clone, Copy)]
struct Mark {
    events: u64,
    cpu: f64,
    wall: f64,
}

/// One run, with marks at its start, its three quarters and its end.
struct Round {
    marks: Vec<Mark>,
    /// How many events make a step.
    events_per_step: f64,
    /// By how many bytes the process grew after the first quarter.
    grown: u64,
}

impl Round {
    /// Returns the microseconds of a step between two marks.
    fn rate(&self, of: fn(&Mark) -> f64, from: usize, to: usize) -> f64 {
        let (from, to) = (&self.marks[from], &self.marks[to]);
        (of(to) - of(from)) / (to.events - from.events) as f64 * self.events_per_step
    }
}

fn measure(rounds: usize, plan: &Plan, permits: u32, steps: u32, keep: Keep) -> Vec<Round> {
    (0..=rounds).map(|_| once(plan, permits, steps, keep)).skip(1).collect()
}

/// Plays a run from its start to its end.
fn once(plan: &Plan, permits: u32, steps: u32, keep: Keep) -> Round {
    // Both an attempt and a round of a loop begin and end, or write, with an event each.
    let total = 2 * u64::from(steps);
    let log = Log {
        keep,
        events: RefCell::new(Vec::new()),
    };
    let mut flights: VecDeque<Attempt> = VecDeque::new();
    let mut run = Run::new(RunId::from_bits(1));
    let mut input = Input::Start(Start::default());
    let mut marks = Vec::with_capacity(5);
    let mut resident_at_first_quarter = 0;
    let (cpu, wall) = (processor(), Instant::now());
    loop {
        let quarter = marks.len() as u64;
        if quarter < 4 && run.version().0 >= total * quarter / 4 {
            if quarter == 1 {
                resident_at_first_quarter = resident();
            }
            marks.push(Mark {
                events: run.version().0,
                cpu: processor() - cpu,
                wall: wall.elapsed().as_secs_f64() * 1e6,
            });
        }
        let situation = Situation {
            now: Timestamp::from_millis(1_000),
            permits: permits.saturating_sub(u32::try_from(flights.len()).unwrap_or(u32::MAX)),
            parking: Parking::LetGo,
        };
        run = match run.decide(plan, input, situation) {
            Ok(Decision::Staged(staged)) => staged.hand_over(&log).0,
            Ok(Decision::Unchanged(run)) => run,
            Err((_, rejected)) => panic!("the script does not fit the run: {rejected}"),
        };
        for change in run.take_changes() {
            if let EffectChange::Appeared(fence) = change {
                flights.extend(run.effect(plan, fence));
            }
        }
        input = if run.has_more() {
            Input::Tick
        } else if let Some(attempt) = flights.pop_front() {
            Input::Reported(answer(attempt))
        } else {
            break;
        };
    }
    marks.push(Mark {
        events: run.version().0,
        cpu: processor() - cpu,
        wall: wall.elapsed().as_secs_f64() * 1e6,
    });
    assert_eq!(run.status(), RunStatus::Completed, "{:?}", run.ending());
    assert!(run.version().0 >= total, "the run has all its steps");
    assert_eq!(marks.len(), 5, "every quarter was seen");
    Round {
        marks,
        events_per_step: 2.0,
        grown: resident().saturating_sub(resident_at_first_quarter),
    }
}

/// Returns the report of an action that returns its parameters.
fn answer(attempt: Attempt) -> Report {
    Report {
        generation: attempt.generation,
        fence: attempt.fence,
        outcome: AttemptOutcome::Completed {
            output: attempt.params,
            markers: Vec::new(),
            context: None,
        },
        metrics: Metrics::new(),
        saved: None,
        shared: Vec::new(),
        used: None,
    }
}

/// Returns how long this thread has computed, in microseconds.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Returns how many bytes of this process are in memory.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) * 4096
}
