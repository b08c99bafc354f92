//! How does a host die at a named point of its path, or sleep through its lease? Each returns whether there was such a point.
//!
//! The points of real hosts are in `host/store/src/failpoint.rs`; those that look the same from the log are one here.

use super::{Executor, Held, World};
use crate::sim::mutants::Mutant;
use crate::sim::oracles::Violation;
use cofferdam_engine::{Append, Decision, Fence, Input, Request, Run, RunStatus, Situation};
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::Duration;

type Struck = Result<bool, Violation>;

/// A host that was stopped, with what it has in memory. Others have taken its run.
#[derive(Debug)]
pub(super) struct Sleeper {
    run: Run,
    held: VecDeque<Append>,
    executors: BTreeMap<Fence, Executor>,
}

impl World<'_> {
    /// The process is gone with all that is not durable, and another one takes the run up.
    fn crash(&mut self) -> Struck {
        self.die();
        self.take_up()?;
        Ok(true)
    }

    /// An append is durable, and nobody was told: nothing is entered that waited for it.
    pub(super) fn crash_after_commit(&mut self) -> Struck {
        if !self.commit()? {
            return Ok(false);
        }
        self.crash()
    }

    /// Some of what an append allows was entered, the rest was not.
    pub(super) fn crash_while_dispatching(&mut self) -> Struck {
        if !self.commit()? {
            return Ok(false);
        }
        let allowed = self.allowed();
        if allowed.is_empty() {
            return Ok(false);
        }
        let entered = 1 + self.dice.below(allowed.len());
        for fence in allowed.into_iter().take(entered) {
            self.waiting.remove(&fence);
            self.enter(fence)?;
        }
        self.crash()
    }

    /// A guest has ended, and its run was not told; all that was decided before is durable.
    pub(super) fn crash_before_report(&mut self) -> Struck {
        self.settle_all()?;
        if self.executors.is_empty() {
            return Ok(false);
        }
        self.crash()
    }

    /// The run has decided about a report, and nothing of the decision is durable.
    pub(super) fn crash_after_report(&mut self) -> Struck {
        self.settle_all()?;
        let fences: Vec<Fence> = self.executors.keys().copied().collect();
        let Some(executor) = self.dice.pick(&fences).and_then(|fence| self.executors.remove(fence)) else {
            return Ok(false);
        };
        self.report(executor.report)?;
        self.crash()
    }

    /// A host has claimed the run and dies before it adopts it: a generation without an adoption.
    pub(super) fn crash_at_claim(&mut self) -> Struck {
        if self.durable.is_empty() {
            return Ok(false);
        }
        self.lose_a_tail()?;
        self.generation.0 += 1;
        self.crash()
    }

    /// A host has adopted the run and dies before the adoption is durable.
    pub(super) fn crash_at_adoption(&mut self) -> Struck {
        self.crash()?;
        self.crash()
    }

    /// A decision that parks the run is handed over; it is durable or it is not.
    pub(super) fn crash_at_parking(&mut self) -> Struck {
        let parks = |append: &Append| append.row.status.is_parked() && append.row.status != RunStatus::Interrupted;
        if !self.held.0.borrow().iter().any(parks) {
            // Nothing of the kind is under way: somebody wants a pause.
            self.settle_all()?;
            let reason = "lunch".to_owned();
            if !self.post(Request::Pause { reason }) {
                return Ok(false);
            }
            self.read_inbox()?;
        }
        if !self.held.0.borrow().iter().any(parks) {
            return Ok(false);
        }
        self.lose_a_tail()?;
        self.crash()
    }

    /// A message is decided about; its answer is durable and nobody was told, or it is lost.
    pub(super) fn crash_at_answer(&mut self) -> Struck {
        self.settle_all()?;
        let unread = |message: &cofferdam_engine::Message| !self.inbox.taken.contains(&message.id);
        let is_asked = self.inbox.rows.iter().any(unread) || {
            let signal = self.signal("t0".to_owned());
            self.post(signal)
        };
        if !is_asked || self.run.as_ref().is_none_or(|run| run.status().is_parked()) {
            return Ok(false);
        }
        self.read_inbox()?;
        if self.dice.chance(50) {
            self.commit()?;
        }
        self.crash()
    }

    /// The machine slept for longer than the lease, by the clock that goes on meanwhile: the host stops its guests,
    /// gives up what it handed over under that lease, and claims the run again if nobody else has.
    pub(super) fn suspend(&mut self) -> Struck {
        let slept = Duration::from_secs(30 + self.dice.below(40_000) as u64);
        self.now = self.now.saturating_add(slept);
        self.executors.clear();
        self.waiting.clear();
        self.held.0.borrow_mut().clear();
        self.start_again()?;
        Ok(true)
    }

    /// The host is stopped, its lease ends, and another one takes the run over.
    pub(super) fn fall_asleep(&mut self) -> Struck {
        if self.sleeper.is_some() || self.durable.is_empty() {
            return Ok(false);
        }
        let Some(run) = self.run.take() else {
            return Ok(false);
        };
        let (held, executors) = (
            mem::take(&mut *self.held.0.borrow_mut()),
            mem::take(&mut self.executors),
        );
        self.die();
        self.take_up()?;
        self.sleeper = Some(Sleeper { run, held, executors });
        Ok(true)
    }

    /// The host that was stopped goes on where it was: it decides about what its guests report, and its appends reach the
    /// log, which must take none of them. Its lease is over, so that it enters nothing.
    pub(super) fn wake_up(&mut self) -> Struck {
        let Some(Sleeper { run, held, executors }) = self.sleeper.take() else {
            return Ok(false);
        };
        let decided = Held::default();
        let mut run = run;
        for executor in executors.into_values() {
            let situation = Situation {
                now: self.now,
                permits: 1,
                parking: self.parking,
            };
            self.zombies.push(executor.report.clone());
            run = match run.decide(self.plan, Input::Reported(executor.report), situation) {
                Ok(Decision::Staged(staged)) => staged.hand_over(&decided).0,
                Ok(Decision::Unchanged(run)) => run,
                Err((run, _)) => *run,
            };
        }
        let late = held.into_iter().chain(decided.0.into_inner());
        for append in late {
            let is_fenced = append.generation != self.generation;
            if is_fenced && !self.is(Mutant::WritesAfterItsLease) {
                continue;
            }
            self.held.0.borrow_mut().push_front(append);
            self.commit()?;
        }
        Ok(true)
    }
}
