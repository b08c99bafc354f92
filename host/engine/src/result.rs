//! What later steps see of a step that ended.

use crate::data::Data;
use crate::failure::Failure;
use crate::id::StepPath;
use crate::time::Timestamp;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// It completed.
    Completed,
    /// It failed.
    Failed,
    /// It never ran.
    Skipped,
    /// It was stopped.
    Cancelled,
}

impl StepStatus {
    /// Returns the word for this status.
    pub fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The latest result under a key. Its serialised form is that of snapshots; expressions see [`StepResult::to_data`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// The step that it is from.
    pub path: StepPath,
    /// How the step ended.
    pub status: StepStatus,
    /// Whether a later occurrence of the step was skipped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped_since: bool,
    /// What it returned; null unless it completed.
    pub output: Value,
    /// What conditions ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markers: Vec<String>,
    /// Text for later steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Why it failed, and at which attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// How many attempts there were.
    pub attempts: u32,
    /// The round of the innermost loop.
    pub iteration: u32,
    /// When its first attempt started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl StepResult {
    /// The members of a result in expressions (LANGUAGE rule R41).
    pub const MEMBERS: [&'static str; 13] = [
        "attempts",
        "cancelled",
        "completed",
        "context",
        "ended_at",
        "error",
        "failed",
        "iteration",
        "markers",
        "output",
        "skipped",
        "started_at",
        "status",
    ];

    /// Returns the result as expressions see it under `steps.KEY` (LANGUAGE rule R41).
    pub fn to_data(&self, key: &str) -> Data {
        Data::map(Self::MEMBERS.map(|name| (name, self.member(key, name).unwrap_or_default())))
    }

    /// Returns one member of what [`StepResult::to_data`] returns, if there is one of this name.
    pub fn member(&self, key: &str, name: &str) -> Option<Data> {
        let is = |status| Data::Bool(self.status == status);
        Some(match name {
            "attempts" => Data::Int(i64::from(self.attempts)),
            "cancelled" => is(StepStatus::Cancelled),
            "completed" => is(StepStatus::Completed),
            "context" => self.context.as_deref().map_or(Data::Null, Data::text),
            "ended_at" => Data::from(self.ended_at.to_string()),
            "error" => self
                .error
                .as_ref()
                .map_or(Data::Null, |error| error.to_data(key, self.attempts)),
            "failed" => is(StepStatus::Failed),
            "iteration" => Data::Int(i64::from(self.iteration)),
            "markers" => Data::list(self.markers.iter().map(Data::text)),
            "output" => self.output.data().clone(),
            "skipped" => Data::Bool(self.skipped_since || self.status == StepStatus::Skipped),
            "started_at" => Data::from(self.started_at.to_string()),
            "status" => Data::text(self.status.word()),
            _ => return None,
        })
    }
}
