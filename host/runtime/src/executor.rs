//! How an attempt is carried out: the port to the sandbox, and to scripted actions in tests.

use crate::driver::Keeper;
use crate::observer::Observer;
use cofferdam_engine::plan::ActionReference;
use cofferdam_engine::{Attempt, AttemptOutcome, Data, Failure, FailureClass, Metrics, RunId, SharedChange, Used};
use cofferdam_store::Position;
use cofferdam_wasm::{Authority, CancelFlag, DeniedCall, EffectClass};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// One delivery of an attempt, with the run around it.
pub struct Entry {
    /// The run.
    pub run: RunId,
    /// Name of the workflow.
    pub workflow: Arc<str>,
    /// What is to be done.
    pub attempt: Attempt,
    /// That its start is on disk; none for an attempt that was entered ahead of that, which must be quiet.
    pub proof: Option<DurableProof>,
    /// Asks the guest to stop; dropping the future stops it.
    pub cancel: CancelFlag,
    /// Whether this host may still act for the run.
    pub authority: Authority,
    /// Takes what the guest keeps while it works.
    pub keeper: Keeper,
    /// Hears what the guest says.
    pub observer: Arc<dyn Observer>,
}

/// Shows that the start of a delivery, and all that was decided before it, is on disk. Only the driver makes one, from
/// the fate of the append that holds the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurableProof(Position);

impl DurableProof {
    pub(crate) fn of(position: Position) -> Self {
        Self(position)
    }

    /// Returns how far the log had come.
    pub fn position(self) -> Position {
        self.0
    }
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The result or the failure.
    pub outcome: AttemptOutcome,
    /// What the plugin counted.
    pub metrics: Metrics,
    /// What it kept for the next attempt.
    pub saved: Option<Data>,
    /// What it changes of the values that the steps of the run share, if it completed.
    pub shared: Vec<SharedChange>,
    /// What it used, if that was measured.
    pub used: Option<Used>,
    /// What it was denied.
    pub denied: Vec<DeniedCall>,
}

impl Executed {
    /// Returns the end of a delivery that the host itself could not carry out.
    pub fn host_fault(reason: &str) -> Self {
        let failure = Failure {
            code: Some("host-fault".to_owned()),
            ..Failure::new(FailureClass::Transient, reason)
        };
        Self {
            outcome: AttemptOutcome::Failed(failure),
            metrics: Metrics::new(),
            saved: None,
            shared: Vec::new(),
            used: None,
            denied: Vec::new(),
        }
    }
}

/// A delivery under way.
pub type Execution = Pin<Box<dyn Future<Output = Executed> + Send>>;

/// Carries attempts out.
pub trait Executor: Send + Sync {
    /// Returns whether anything outside can notice that an attempt at `action` runs. What is quiet is entered before its
    /// start is on disk and may be thrown away unseen; an executor that does not know says that it is effectful.
    fn class(&self, action: &ActionReference) -> EffectClass {
        let _ = action;
        EffectClass::Effectful
    }

    /// Carries out one delivery. Polled on the threads of the host, dropped to stop it; who computes for long brings threads of its own.
    ///
    /// Must not enter anything effectful without [`Entry::proof`].
    fn enter(&self, entry: Entry) -> Execution;
}
