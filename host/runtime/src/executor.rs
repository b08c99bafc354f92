//! How an attempt is carried out: the port to the sandbox, and to scripted actions in tests.

use crate::observer::Observer;
use cofferdam_engine::{Attempt, AttemptOutcome, Failure, FailureClass, Metrics, RunId};
use cofferdam_wasm::{CancelFlag, DeniedCall, Usage};
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
    /// Asks the guest to stop; dropping the future stops it.
    pub cancel: CancelFlag,
    /// Hears what the guest says.
    pub observer: Arc<dyn Observer>,
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub struct Executed {
    /// The result or the failure.
    pub outcome: AttemptOutcome,
    /// What the plugin counted.
    pub metrics: Metrics,
    /// What it used.
    pub usage: Usage,
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
            usage: Usage::default(),
            denied: Vec::new(),
        }
    }
}

/// A delivery under way.
pub type Execution = Pin<Box<dyn Future<Output = Executed> + Send>>;

/// Carries attempts out.
pub trait Executor: Send + Sync {
    /// Carries out one delivery. Polled on the runtime of the guests; dropped to stop it.
    fn enter(&self, entry: Entry) -> Execution;
}
