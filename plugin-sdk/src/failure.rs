//! How does an action say that it could not do its work, and whether trying again may help?

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// What the host does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The parameters can never work: not tried again.
    InvalidInput,
    /// May work later: tried again where the step has a retry policy.
    Transient,
    /// Will not work: tried again only where the policy says so.
    Permanent,
    /// The action stopped because it was asked to.
    Cancelled,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InvalidInput => "invalid-input",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Cancelled => "cancelled",
        })
    }
}

/// Why an action could not do its work. It is data for the workflow.
///
/// `?` turns any error of the standard kind into a permanent failure; [`OrFailure`] chooses another class.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    class: FailureClass,
    message: String,
    code: Option<String>,
    retry_after: Option<Duration>,
    details: BTreeMap<String, Value>,
}

impl Failure {
    /// Makes a failure of a class.
    pub fn new(class: FailureClass, message: impl fmt::Display) -> Self {
        Self {
            class,
            message: message.to_string(),
            code: None,
            retry_after: None,
            details: BTreeMap::new(),
        }
    }

    /// Says that the parameters can never work.
    pub fn invalid_input(message: impl fmt::Display) -> Self {
        Self::new(FailureClass::InvalidInput, message)
    }

    /// Says that it may work later.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new(FailureClass::Transient, message)
    }

    /// Says that it may work after this long.
    pub fn transient_after(after: Duration, message: impl fmt::Display) -> Self {
        Self {
            retry_after: Some(after),
            ..Self::transient(message)
        }
    }

    /// Says that it will not work.
    pub fn permanent(message: impl fmt::Display) -> Self {
        Self::new(FailureClass::Permanent, message)
    }

    /// Says that the action stopped because it was asked to.
    pub fn cancelled() -> Self {
        Self::new(FailureClass::Cancelled, "stopped as asked")
    }

    /// Adds a word for programs to compare, such as `rate-limited`.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds a fact that is kept with the step.
    #[must_use]
    pub fn with_detail(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        // A detail that is not JSON must not hide the failure itself.
        let value = serde_json::to_value(value).unwrap_or_else(|error| Value::String(error.to_string()));
        self.details.insert(name.into(), value);
        self
    }

    /// Returns what the host does about it.
    pub fn class(&self) -> FailureClass {
        self.class
    }

    /// Returns what a person reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the word for programs.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns how long the host should wait before it tries again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the further facts.
    pub fn details(&self) -> &BTreeMap<String, Value> {
        &self.details
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.class, self.message)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::permanent(with_causes(&error))
    }
}

/// Chooses the class of the failure that an error becomes.
pub trait OrFailure<T> {
    /// Makes the error a transient failure.
    fn or_transient(self) -> Result<T, Failure>;

    /// Makes the error a failure of the parameters.
    fn or_invalid_input(self) -> Result<T, Failure>;

    /// Makes the error a permanent failure and says what was being done.
    fn or_permanent(self, doing: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Error> OrFailure<T> for Result<T, E> {
    fn or_transient(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::transient(with_causes(&error)))
    }

    fn or_invalid_input(self) -> Result<T, Failure> {
        self.map_err(|error| Failure::invalid_input(with_causes(&error)))
    }

    fn or_permanent(self, doing: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::permanent(format!("{doing}: {}", with_causes(&error))))
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors print their source themselves.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Failure, FailureClass, OrFailure};

    fn parse(text: &str) -> Result<i64, Failure> {
        Ok(text.parse::<i64>()?)
    }

    #[test]
    fn the_question_mark_makes_any_error_permanent() {
        assert_eq!(
            parse("x").unwrap_err().to_string(),
            "permanent: invalid digit found in string"
        );
    }

    #[test]
    fn an_error_can_be_made_another_class() {
        assert_eq!(
            "x".parse::<i64>().or_transient().unwrap_err().class(),
            FailureClass::Transient
        );
        assert_eq!(
            "x".parse::<i64>().or_invalid_input().unwrap_err().class(),
            FailureClass::InvalidInput
        );
        assert_eq!(
            "x".parse::<i64>()
                .or_permanent("reading the port")
                .unwrap_err()
                .to_string(),
            "permanent: reading the port: invalid digit found in string"
        );
    }

    #[test]
    fn a_failure_keeps_its_code_wait_and_details() {
        let failure = Failure::transient_after(Duration::from_secs(30), "busy")
            .with_code("busy")
            .with_detail("status", 503);
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(30)));
        assert_eq!(failure.code(), Some("busy"));
        assert_eq!(failure.details()["status"], 503);
    }
}
