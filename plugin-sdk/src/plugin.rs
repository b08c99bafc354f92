//! What does a plugin offer, and how is one of its actions called by name?

use serde_json::Value;

use crate::action::Action;
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Settled;
use crate::specification::Specification;

/// The actions of a plugin, by name. `plugin!` makes a function `plugin()` that returns it, for the host and for tests:
///
/// ```
/// use cofferdam_plugin::{Context, action, json, plugin};
///
/// /// Doubles a number.
/// #[action]
/// fn double(number: i64) -> i64 {
///     number * 2
/// }
///
/// plugin!(double);
///
/// # fn main() {
/// let doubled = plugin().call("double", json!({ "number": 21 }), &Context::for_test());
/// assert_eq!(doubled.unwrap(), json!(42));
/// # }
/// ```
#[derive(Clone)]
pub struct Plugin {
    actions: Vec<Action>,
    add_needs: fn(&mut Specification),
}

impl Plugin {
    /// Makes a plugin; `add_needs` writes down what those actions ask for that say nothing themselves.
    pub fn new(actions: Vec<Action>, add_needs: fn(&mut Specification)) -> Self {
        Self { actions, add_needs }
    }

    /// Calls an action as the host does, with JSON parameters, and returns its output.
    pub fn call(&self, action: &str, params: Value, context: &Context) -> Result<Value, Failure> {
        let settled = self.run(action, params, context)?;
        Ok(serde_json::from_str(&settled.output)?)
    }

    /// Returns name, summary and specification of every action.
    pub fn describe(&self) -> Vec<(&'static str, &'static str, Value)> {
        self.actions
            .iter()
            .map(|action| (action.name, action.summary, self.specification(action)))
            .collect()
    }

    pub(crate) fn run(&self, name: &str, params: Value, context: &Context) -> Result<Settled, Failure> {
        match self.actions.iter().find(|action| action.name == name) {
            Some(action) => (action.run)(params, context),
            None => Err(Failure::invalid_input(format!("there is no action `{name}`")).with_code("unknown-action")),
        }
    }

    fn specification(&self, action: &Action) -> Value {
        let mut specification = Specification::new();
        (action.specify)(&mut specification);
        if !specification.has_needs() {
            (self.add_needs)(&mut specification);
        }
        specification.into_json()
    }
}
