//! Which values do the steps of a run share, and what may a step change of them?

use crate::data::{Data, present};
use crate::failure::{Failure, FailureClass};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The longest name of a shared value, in bytes.
pub const MAX_SHARED_KEY: usize = 128;
/// The most that one shared value may take, in bytes of its canonical text.
pub const MAX_SHARED_VALUE: usize = 64 * 1024;
/// The most that all shared values of a run may take, in bytes of their names and canonical texts.
pub const MAX_SHARED: usize = 1024 * 1024;

/// A value that the steps of a run share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharedValue {
    /// The value.
    pub value: Data,
    /// Its revision, from 1. It grows with each change, and no later value of the same name has an earlier one.
    pub revision: u64,
}

/// What a step that completed changes of one shared value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharedChange {
    /// The name of the value.
    pub key: Arc<str>,
    /// What it is from now on; none if it is removed.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub value: Option<Data>,
    /// The revision that it must have, 0 for a value that must not be there; none if it may have any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// The value was changed since it was read.
    #[error(
        "the shared value `{key}` has revision {found}, expected was {expected}: another step changed it meanwhile"
    )]
    Conflict {
        /// The name of the value.
        key: Arc<str>,
        /// The revision that it has, 0 if it is not there.
        found: u64,
        /// The revision that it should have.
        expected: u64,
    },
    /// There would be too much of it.
    #[error("the shared values of the run would take {size} bytes, of at most {MAX_SHARED}")]
    TooMuch {
        /// What they would take together, in bytes.
        size: usize,
    },
}

/// The values that the steps of a run share, by name. An attempt sees them as they were when it started; what it changes, the
/// steps see that start after it has completed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SharedValues {
    values: Arc<BTreeMap<Arc<str>, SharedValue>>,
    /// The highest revision of a value that was removed: another one of its name goes on from there.
    floor: u64,
    /// What all of them take, in bytes.
    size: usize,
}

impl SharedValues {
    /// Returns the value called `key`.
    pub fn get(&self, key: &str) -> Option<&SharedValue> {
        self.values.get(key)
    }

    /// Returns the values with their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &SharedValue)> {
        self.values.iter()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns what all of them take, in bytes of their names and canonical texts.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the revision that `key` has, 0 if it is not there.
    pub fn revision(&self, key: &str) -> u64 {
        self.get(key).map_or(0, |value| value.revision)
    }

    /// Returns the revision that `key` has after the next change of it.
    pub fn next_revision(&self, key: &str) -> u64 {
        self.get(key).map_or(self.floor, |value| value.revision) + 1
    }

    /// Returns why `changes` cannot all be made, if they cannot.
    ///
    /// # Errors
    /// If a value has not the revision that is expected, or there would be too much.
    pub fn admit(&self, changes: &[SharedChange]) -> Result<(), ChangeRefused> {
        if changes.is_empty() {
            return Ok(());
        }
        for change in changes {
            let found = self.revision(&change.key);
            if let Some(expected) = change.expected.filter(|expected| *expected != found) {
                return Err(ChangeRefused::Conflict {
                    key: Arc::clone(&change.key),
                    found,
                    expected,
                });
            }
        }
        let mut after = self.clone();
        after.apply(changes);
        if after.size > MAX_SHARED && after.size > self.size {
            return Err(ChangeRefused::TooMuch { size: after.size });
        }
        Ok(())
    }

    /// Makes changes, whatever they expect.
    pub fn apply(&mut self, changes: &[SharedChange]) {
        if changes.is_empty() {
            return;
        }
        let values = Arc::make_mut(&mut self.values);
        for SharedChange { key, value, .. } in changes {
            let former = values.remove(key);
            if let Some(former) = &former {
                self.size -= weight(key, &former.value);
            }
            let last = former.map_or(self.floor, |former| former.revision);
            match value {
                Some(value) => {
                    self.size += weight(key, value);
                    let value = SharedValue {
                        value: value.clone(),
                        revision: last + 1,
                    };
                    values.insert(Arc::clone(key), value);
                }
                None => self.floor = self.floor.max(last),
            }
        }
    }
}

impl ChangeRefused {
    /// Returns the failure of the attempt that wanted the change. A conflict is worth another attempt, which sees the new value.
    pub fn failure(&self) -> Failure {
        let (class, code) = match self {
            Self::Conflict { .. } => (FailureClass::Transient, "context-conflict"),
            Self::TooMuch { .. } => (FailureClass::Limit, "context-full"),
        };
        Failure {
            code: Some(code.to_owned()),
            ..Failure::new(class, self.to_string())
        }
    }
}

fn weight(key: &str, value: &Data) -> usize {
    key.len() + value.to_json().len()
}
