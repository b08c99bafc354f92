//! What a run can be told: reports of attempts and requests of people.

use crate::data::Data;
use crate::event::{Metrics, Used};
use crate::failure::Failure;
use crate::id::{Fence, Generation};
use crate::inbox::Message;
use crate::shared::SharedChange;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// Something to decide on.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Begins a new run.
    Start(Start),
    /// Nothing happened; deadlines may have passed and permits may be free.
    Tick,
    /// An attempt ended.
    Reported(Report),
    /// An attempt under way kept something for the one after it, should there be one.
    Saved {
        /// The generation of the run that started it.
        generation: Generation,
        /// Which delivery.
        fence: Fence,
        /// What it kept.
        detail: Data,
    },
    /// A message of the inbox is to be answered.
    Message(Message),
    /// The host wants to let go of the run.
    InterruptRequested,
    /// The host cannot go on with the run, and lets go of it: something is missing that its plan needs.
    SetAside {
        /// What is missing, as the end of a sentence that begins with the run.
        reason: String,
    },
}

/// What a run begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Start {
    /// The inputs by name, defaults applied: see [`crate::inputs`].
    pub inputs: BTreeMap<String, Data>,
    /// What the host injects under names of its own.
    pub injected: BTreeMap<String, String>,
    /// Whether nothing may leave the host.
    pub dry_run: bool,
}

/// How one delivery of an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The generation of the run that started it.
    pub generation: Generation,
    /// Which delivery.
    pub fence: Fence,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What the plugin counted, whatever the outcome.
    pub metrics: Metrics,
    /// What the guest kept for the next attempt; of no use after a result.
    pub saved: Option<Data>,
    /// What the guest changes of the shared values; of no use without a result.
    pub shared: Vec<SharedChange>,
    /// What it used, if that was measured.
    pub used: Option<Used>,
}

/// The two ways in which an attempt ends.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// The action returned a result.
    Completed {
        /// What it returned.
        output: Data,
        /// What conditions ask for.
        markers: Vec<String>,
        /// Text for later steps.
        context: Option<String>,
    },
    /// The action failed, trapped, hit a limit or ran out of time.
    Failed(Failure),
}

/// What a decision may rely on besides the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The time. A decision is never made at an earlier time than the one before it.
    pub now: Timestamp,
    /// How many attempts may be started.
    pub permits: u32,
    /// Whether the host keeps a run of which nothing is under way.
    pub parking: Parking,
}

/// What a host does with a run in which everything waits, or which is paused, and of which nothing is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parking {
    /// It keeps the run in memory and its owner, and asks it again at its next deadline.
    Keep,
    /// It lets go of the run: the decision parks it, and it must be adopted before anything else happens.
    LetGo,
}

/// Why an input was not accepted. The run is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The run has not begun.
    #[error("the run has not started")]
    NotStarted,
    /// The run began earlier.
    #[error("the run has already started")]
    AlreadyStarted,
    /// The run has ended.
    #[error("the run has ended")]
    Finished,
    /// The host let go of the run; it must be adopted first.
    #[error("the run was interrupted and not adopted since")]
    Interrupted,
    /// The last decision parked the run; it must be adopted first.
    #[error("the run is parked and was not adopted since")]
    Parked,
    /// The report is of a delivery that the run does not wait for (any more).
    #[error("nothing waits for delivery {} of generation {}", fence.0, generation.0)]
    StaleReport {
        /// The generation that the report names.
        generation: Generation,
        /// The delivery that the report names.
        fence: Fence,
    },
}
