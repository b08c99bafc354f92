//! What does an action hand back?

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::data::Data;
use crate::encode;
use crate::failure::Failure;

/// An output with markers, a context text and further facts.
///
/// ```
/// use cofferdam_plugin::Outcome;
/// let outcome = Outcome::new(3).marker("has_findings").context("three findings");
/// # let _ = outcome;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<T> {
    output: T,
    markers: Vec<String>,
    context: Option<String>,
    details: BTreeMap<String, Value>,
}

impl<T> Outcome<T> {
    /// Makes an outcome of an output.
    pub fn new(output: T) -> Self {
        Self {
            output,
            markers: Vec::new(),
            context: None,
            details: BTreeMap::new(),
        }
    }

    /// Adds a name that later conditions can ask for.
    #[must_use]
    pub fn marker(mut self, name: impl Into<String>) -> Self {
        self.markers.push(name.into());
        self
    }

    /// Sets a short text that later steps may be given as context.
    #[must_use]
    pub fn context(mut self, text: impl Into<String>) -> Self {
        self.context = Some(text.into());
        self
    }

    /// Adds a fact that is kept with the step.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_else(|error| Value::String(error.to_string()));
        self.details.insert(name.into(), value);
        self
    }

    /// Returns the output.
    pub fn output(&self) -> &T {
        &self.output
    }

    /// Returns the markers.
    pub fn markers(&self) -> &[String] {
        &self.markers
    }
}

/// An outcome whose values are JSON texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// JSON text of the output.
    pub output: String,
    /// Names that later conditions can ask for.
    pub markers: Vec<String>,
    /// A text that later steps may be given.
    pub context: Option<String>,
    /// Further facts.
    pub details: BTreeMap<String, Value>,
}

/// What a successful action can return: data, or an [`Outcome`] of data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of an action: write `#[data]` above it",
    label = "not a data type of Cofferdam",
    note = "an action returns data, `Outcome<data>`, or `Result<_, Failure>` of one of them"
)]
pub trait Output {
    /// The type of the data.
    type Data: Data;

    /// Encodes the output.
    fn settle(self) -> Result<Settled, Failure>;
}

impl<T: Data> Output for T {
    type Data = T;

    fn settle(self) -> Result<Settled, Failure> {
        Output::settle(Outcome::new(self))
    }
}

impl<T: Data> Output for Outcome<T> {
    type Data = T;

    fn settle(self) -> Result<Settled, Failure> {
        let output = encode::to_json(&self.output).map_err(|error| {
            Failure::permanent(format!("the output does not fit the contract: {error}")).with_code("bad-output")
        })?;
        Ok(Settled {
            output,
            markers: self.markers,
            context: self.context,
            details: self.details,
        })
    }
}

/// What an action can return: an [`Output`], or a `Result` of one and a [`Failure`].
#[diagnostic::on_unimplemented(
    message = "an action cannot return `{Self}`",
    label = "not an answer of an action",
    note = "an action returns data (write `#[data]` above the type) or `Result<data, Failure>`"
)]
pub trait Answer {
    /// The type of the data.
    type Data: Data;

    /// Encodes what the action returned.
    fn settle(self) -> Result<Settled, Failure>;
}

impl<O: Output> Answer for O {
    type Data = O::Data;

    fn settle(self) -> Result<Settled, Failure> {
        Output::settle(self)
    }
}

impl<O: Output> Answer for Result<O, Failure> {
    type Data = O::Data;

    fn settle(self) -> Result<Settled, Failure> {
        self.and_then(Output::settle)
    }
}
