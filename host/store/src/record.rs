//! What a log keeps about a run beside its events.

use cofferdam_engine::{Digest, Generation, Message, Recorded, RunId, RunStatus, Snapshot, Timestamp, Version};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Names one process that drives runs; new for every process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(Arc<str>);

impl HostId {
    /// Returns the id with this text; none unless it is 1 to 64 letters, digits and hyphens, since a file is named after it.
    pub fn parse(text: &str) -> Option<Self> {
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        fits.then(|| Self(text.into()))
    }

    /// Returns the text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a run executes, as it was when the run began. Clones share their content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Name of the workflow.
    pub workflow: Arc<str>,
    /// The file that it came from, as the user named it.
    pub file: Arc<str>,
    /// The text of the file.
    pub source: Arc<str>,
    /// The encoded plan.
    pub plan: Arc<[u8]>,
    /// Digest of the encoded plan.
    pub digest: Digest,
}

/// A run that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Its id; ids that grow with time keep the newest runs together on disk.
    pub id: RunId,
    /// What it executes.
    pub definition: Definition,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// What its caller calls it; a second run of that name is refused.
    pub caller_id: Option<String>,
    /// Anything that its caller wants to find it by.
    pub labels: BTreeMap<String, String>,
}

/// The host that drives a run, or did when it died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The host.
    pub host: HostId,
    /// Its process.
    pub pid: u32,
    /// Whether that process is alive.
    pub alive: bool,
}

/// What is known about a run without reading its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// Name of its workflow.
    pub workflow: String,
    /// Digest of its plan.
    pub plan: Digest,
    /// What it is doing; a running run without a living owner lost its host.
    pub status: RunStatus,
    /// When it wants to be looked at again.
    pub wake_at: Option<Timestamp>,
    /// How often it was adopted.
    pub generation: Generation,
    /// How many events it has.
    pub version: Version,
    /// Who drives it.
    pub owner: Option<Owner>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its latest event was decided.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What its caller calls it.
    pub caller_id: Option<String>,
    /// What its caller wants to find it by.
    pub labels: BTreeMap<String, String>,
}

/// Which runs to list; the default is the newest twenty of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFilter {
    /// Only runs in one of these statuses; any when empty.
    pub statuses: Vec<RunStatus>,
    /// Only runs of this workflow.
    pub workflow: Option<String>,
    /// Only runs that began before this one: the last one of the page before.
    pub after: Option<RunId>,
    /// At most this many.
    pub limit: usize,
}

impl Default for RunFilter {
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            workflow: None,
            after: None,
            limit: 20,
        }
    }
}

/// A run that this host may drive from now on, with all that driving it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// Its new generation; appends of earlier ones are refused from now on.
    pub generation: Generation,
    /// How many events it has.
    pub version: Version,
    /// What it executes.
    pub definition: Definition,
    /// Its state after some of its events, if there is a snapshot that this release can read.
    pub snapshot: Option<Snapshot>,
    /// Its events, those behind the snapshot if there is one, large values filled in.
    pub events: Vec<Recorded>,
    /// What is asked of it and not answered yet, oldest first.
    pub messages: Vec<Message>,
    /// Whether the host that drove it died, or lost it, while it did: it did not let go of it.
    pub host_lost: bool,
}
