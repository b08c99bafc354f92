//! What do runs hand over, known before anything is measured: plans, and the appends that the core makes of them.

use cofferdam_engine::{
    Append, AttemptOutcome, Data, Decision, EffectChange, Input, Metrics, Parking, Plan, Report, Run, RunId, Situation,
    Start, Timestamp, Writer,
};
use cofferdam_testkit::plan_builder::{Step, call, workflow};
use std::cell::RefCell;

/// Returns a plan of `steps` calls, each with the number after that of the one before.
pub(crate) fn sequence(steps: u32) -> Plan {
    let steps: Vec<Step> = (0..steps)
        .map(|number| match number.checked_sub(1) {
            None => call("s0").with("n", "0"),
            Some(before) => call(&format!("s{number}")).with("n", &format!("steps.s{before}.output.n + 1")),
        })
        .collect();
    workflow(steps).plan()
}

/// Returns what a run of `plan` hands over when every action returns what `result` makes of its parameters.
pub(crate) fn appends(plan: &Plan, id: RunId, result: fn(Data) -> Data) -> Vec<Append> {
    let taken = Taken::default();
    let mut run = Run::new(id);
    let mut input = Some(Input::Start(Start::default()));
    while let Some(next) = input.take() {
        let situation = Situation {
            now: Timestamp::from_millis(1_795_000_000_000),
            permits: 1,
            parking: Parking::LetGo,
        };
        run = match run.decide(plan, next, situation) {
            Ok(Decision::Staged(staged)) => staged.hand_over(&taken).0,
            Ok(Decision::Unchanged(run)) => run,
            Err((_, rejected)) => panic!("the script does not fit the run: {rejected}"),
        };
        for change in run.take_changes() {
            if let EffectChange::Appeared(fence) = change {
                input = run.effect(plan, fence).map(|attempt| {
                    Input::Reported(Report {
                        generation: attempt.generation,
                        fence,
                        outcome: AttemptOutcome::Completed {
                            output: result(attempt.params),
                            markers: Vec::new(),
                            context: None,
                        },
                        metrics: Metrics::new(),
                        saved: None,
                        shared: Vec::new(),
                        used: None,
                    })
                });
            }
        }
    }
    taken.0.into_inner()
}

#[derive(Default)]
struct Taken(RefCell<Vec<Append>>);

impl Writer for Taken {
    type Ticket = ();

    fn hand_over(&self, append: Append) {
        self.0.borrow_mut().push(append);
    }
}
