//! What somebody who watches a run is told: durable events, and what guests say while they work.

use cofferdam_engine::{Fence, Recorded, StepReference};
use cofferdam_wasm::{DeniedCall, LogLine, Progress, Usage};

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
        usage: &'a Usage,
        /// What it was denied.
        denied: &'a [DeniedCall],
    },
}

/// Watches a run. Called on the threads of the host and of the guests; must return at once.
pub trait Observer: Send + Sync {
    /// Takes a notice.
    fn notice(&self, notice: Notice<'_>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn notice(&self, _: Notice<'_>) {}
}
