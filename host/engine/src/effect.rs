//! What should be going on outside while a run is in a state.

use crate::data::Data;
use crate::event::StepReference;
use crate::failure::Failure;
use crate::id::{Fence, Generation, StepPath};
use crate::plan::ActionReference;
use crate::shared::SharedValues;
use std::time::Duration;

/// One delivery of an attempt that should be under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Which delivery this is.
    pub fence: Fence,
    /// The generation of the run that started it.
    pub generation: Generation,
    /// Which step, and which time round its loops.
    pub at: StepReference,
    /// What is called.
    pub action: ActionReference,
    /// The parameters, a map.
    pub params: Data,
    /// Which attempt, from 1.
    pub number: u32,
    /// Which delivery of this attempt, from 1.
    pub delivery: u32,
    /// The same for every attempt and delivery of this occurrence of the step.
    pub token: String,
    /// How long it may take; none for what the host allows by default.
    pub timeout: Option<Duration>,
    /// How many attempts may follow this one.
    pub retries_left: u32,
    /// Why the attempt before it failed.
    pub previous: Option<Failure>,
    /// What an attempt or delivery before it kept.
    pub saved: Option<Data>,
    /// The values that the steps of the run share, as they are when it starts.
    pub shared: SharedValues,
    /// The name of the schema that the output must fit.
    pub output: Option<String>,
    /// What that schema says, from [`Parts::schemas`](crate::plan::Parts::schemas).
    pub schema: Option<Data>,
    /// The names of the snippets that go with the prompt, in order.
    pub with: Vec<String>,
    /// Whether nothing may leave the host.
    pub dry_run: bool,
}

impl Attempt {
    /// Returns the stable name of the step.
    pub fn step(&self) -> &StepPath {
        &self.at.step
    }
}

/// What became different about the effects of a run.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an attempt that appeared must be started, one that ended must be stopped"]
pub enum EffectChange {
    /// The attempt should be started once the events so far are durable.
    Appeared(Fence),
    /// The attempt should be stopped if it is still under way.
    Ended(Fence),
}
