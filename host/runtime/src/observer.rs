//! What somebody who watches a run is told: durable events, and what guests say while they work.

use cofferdam_engine::{Fence, Recorded, StepReference, Used};
use cofferdam_wasm::{DeniedCall, LogLine, Progress};

/// Something that a watcher may want to show.
#[derive(Clone, Debug)]
pub enum Notice<'a> {
    /// These events are on disk.
    Durable(&'a [Recorded]),
    /// A guest said something; best effort, also of deliveries that are thrown away later.
    Said {
        /// The step.
        at: &'a StepReference,
        /// What.
        line: &'a LogLine,
    },
    /// A guest said how far it is.
    Progressed {
        /// The step.
        at: &'a StepReference,
        /// How far.
        progress: &'a Progress,
    },
    /// An attempt is over; its report is about to be decided.
    Ended {
        /// The step.
        at: &'a StepReference,
        /// Which delivery.
        fence: Fence,
        /// What it used.
        used: Option<Used>,
        /// What it was denied.
        denied: &'a [DeniedCall],
    },
}

/// Watches a run.
///
/// The run does not wait for it: an observer that is slow, hangs or panics delays no step and stops no run. Notices that it has no
/// time for are left out and counted (`Host::unheard`); the events themselves are in the log.
pub trait Observer: Send + Sync {
    /// Takes a notice, on a thread that tells nobody else.
    fn notice(&self, notice: Notice<'_>);

    /// Returns whether [`Observer::notice`] always returns at once and never panics: then it is called on the threads of the host and
    /// of the guests, without a queue and a thread between. What waits for a file, a terminal or a lock of others does not.
    fn is_instant(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn notice(&self, _: Notice<'_>) {}

    fn is_instant(&self) -> bool {
        true
    }
}
