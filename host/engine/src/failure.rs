//! What a failure of a step is: one class that policies decide on, and words for people.

use crate::data::Data;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The classes of failure, the words of `on`, `never` and `error.class` (LANGUAGE rule R49).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The plugin says that another attempt may succeed.
    Transient,
    /// The plugin, or `fail` in the workflow, says that no attempt will succeed.
    Permanent,
    /// The plugin refuses its parameters.
    InvalidInput,
    /// A deadline passed.
    Timeout,
    /// A script ended with an error.
    Exit,
    /// The guest trapped: a verdict of the host.
    Trap,
    /// The guest ran into a limit: a verdict of the host.
    Limit,
    /// The guest needed what was not granted.
    Denied,
    /// An expression of the workflow could not be evaluated.
    Expression,
    /// The step was cancelled.
    Cancelled,
    /// The host died while the attempt was under way, and the action must not be repeated.
    Lost,
}

impl FailureClass {
    /// All classes, in the order of their documentation.
    pub const ALL: [Self; 11] = [
        Self::Transient,
        Self::Permanent,
        Self::InvalidInput,
        Self::Timeout,
        Self::Exit,
        Self::Trap,
        Self::Limit,
        Self::Denied,
        Self::Expression,
        Self::Cancelled,
        Self::Lost,
    ];

    /// Returns the word for this class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::InvalidInput => "invalid-input",
            Self::Timeout => "timeout",
            Self::Exit => "exit",
            Self::Trap => "trap",
            Self::Limit => "limit",
            Self::Denied => "denied",
            Self::Expression => "expression",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }

    /// Returns the class that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why an attempt, a step or a run failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What retry policies and handlers decide on.
    pub class: FailureClass,
    /// A word that the plugin chose, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// How long the next attempt should wait, in milliseconds, if the plugin knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// More about it: the tail of the guest's standard error, operands, limits.
    #[serde(default, skip_serializing_if = "Data::is_null")]
    pub details: Data,
}

impl Failure {
    /// Returns a failure of `class` with nothing but a `message`.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            code: None,
            message: message.into(),
            retry_after_ms: None,
            details: Data::Null,
        }
    }

    /// Returns how long the next attempt should wait, if the plugin knows.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }

    /// Returns the failure as expressions see it under `error`.
    pub fn to_data(&self, step: &str, attempt: u32) -> Data {
        Data::map([
            ("attempt", Data::Int(i64::from(attempt))),
            ("class", Data::text(self.class.word())),
            ("code", self.code.as_deref().map_or(Data::Null, Data::text)),
            ("details", self.details.clone()),
            ("message", Data::text(&self.message)),
            ("step", Data::text(step)),
        ])
    }
}
