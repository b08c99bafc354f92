//! What people, programs and other runs tell a run: requests that wait in its inbox until it answers them.

use crate::data::Data;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The number of a message in the inbox of a log; events and answers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub u64);

/// A request to one run, as its inbox keeps it until the run answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its number in the inbox.
    pub id: MessageId,
    /// When it was put there.
    pub at: Timestamp,
    /// Who asks: what a person is shown, and what tells approvers of one gate apart.
    pub by: String,
    /// What is asked for.
    pub request: Request,
}

/// What a run can be asked for. The serialised form is the stored form: a golden file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Stop in good order: what is under way is stopped, `always` blocks run.
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// Stop at once: nothing of the workflow runs any more, no `always` block either.
    Kill {
        /// Why, for people.
        reason: String,
    },
    /// Start nothing new; what is under way may end, then the run is parked.
    Pause {
        /// Why, for people.
        reason: String,
    },
    /// Go on after a pause.
    Resume,
    /// Decide a gate.
    Decide {
        /// The step path or the name of the gate; none for the only one that is open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gate: Option<String>,
        /// Whether the gate is approved; else it is rejected.
        approved: bool,
        /// What later steps find in `gate_feedback`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        feedback: Option<String>,
        /// Which of the gate's options were chosen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        selections: Vec<String>,
        /// What was filled into the gate's form, checked against it by whoever posts the message.
        #[serde(default, skip_serializing_if = "Data::is_null")]
        form: Data,
    },
    /// Tell that something happened outside, for a `wait` with this topic.
    Signal {
        /// What kind of thing happened.
        topic: String,
        /// Which of its kind, if the topic alone does not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        correlation: Option<String>,
        /// What is told about it.
        #[serde(default, skip_serializing_if = "Data::is_null")]
        data: Data,
        /// Two signals with one key are one signal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
}

/// What a run says to a message. Part of the append that decided it, so that both are durable or neither is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Which message.
    pub message: MessageId,
    /// What the run did about it.
    pub verdict: Verdict,
}

/// What became of a request. The serialised form is the stored form: a golden file holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It is done, or will be: events tell it.
    Accepted,
    /// Nothing changed: what is asked for is so already.
    Unchanged {
        /// Since when, and by whom.
        reason: String,
    },
    /// Something that was decided before contradicts it.
    Conflict {
        /// What was decided, by whom and when.
        reason: String,
    },
    /// The run has nothing that the request could mean: no such gate, no such option.
    Refused {
        /// What there is instead.
        reason: String,
    },
}
