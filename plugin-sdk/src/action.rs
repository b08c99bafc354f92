//! What is an action, as the macros hand it over?

use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Settled;
use crate::specification::Specification;

/// Decodes the arguments of an action, calls it and encodes its answer.
pub type RunAction = fn(Value, &Context) -> Result<Settled, Failure>;

/// One action: made by `#[action]`, listed in `plugin!`.
#[derive(Clone, Copy)]
pub struct Action {
    /// Name within the plugin, in kebab case.
    pub name: &'static str,
    /// First paragraph of the doc comment, in one line.
    pub summary: &'static str,
    /// Writes down parameters, output and what is asked for.
    pub specify: fn(&mut Specification),
    /// Runs the action.
    pub run: RunAction,
}
