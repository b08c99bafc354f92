//! How does an action read and change the values that the steps of a run share?

use super::Host;
use crate::failure::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The values that the steps of one run share, by key.
///
/// An action sees them as they were when its attempt started, with its own changes. The changes count once it has returned a result,
/// all of them or none: the steps that start after that see them.
///
/// ```
/// use cofferdam_plugin::{Context, SharedError};
/// let ctx = Context::for_test();
/// let shared = ctx.shared();
/// assert_eq!(shared.get::<u32>("count")?, None);
/// let revision = shared.set("count", &1)?;
/// assert_eq!(shared.get_with_revision::<u32>("count")?, Some((1, revision)));
/// shared.set_if("count", &2, revision)?;
/// assert!(matches!(shared.set_if("count", &3, revision + 7), Err(SharedError::Conflict(_))));
/// shared.delete("count")?;
/// # Ok::<(), SharedError>(())
/// ```
pub struct Shared<'a> {
    host: &'a dyn Host,
}

/// Why a shared value cannot be read or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedError {
    /// The action did not ask for the key, or the operator does not allow it.
    NotGranted(String),
    /// The value has another revision than expected: this one, or it is not there.
    Conflict(Option<u64>),
    /// It would be larger than so many bytes.
    TooLarge(u64),
    /// Another reason.
    Other(String),
}

impl<'a> Shared<'a> {
    pub(super) fn of(host: &'a dyn Host) -> Self {
        Self { host }
    }

    /// Returns the value of a key.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SharedError> {
        Ok(self.get_with_revision(key)?.map(|(value, _)| value))
    }

    /// Returns the value of a key and its revision, which grows with each change.
    pub fn get_with_revision<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, u64)>, SharedError> {
        let Some((value, revision)) = self.host.shared(key)? else {
            return Ok(None);
        };
        let value = serde_json::from_value(value)
            .map_err(|error| SharedError::Other(format!("`{key}` does not fit: {error}")))?;
        Ok(Some((value, revision)))
    }

    /// Sets the value of a key, whatever it is, and returns the revision that it has then. Of steps that do so at the same time, the
    /// last to complete counts.
    pub fn set(&self, key: &str, value: &impl Serialize) -> Result<u64, SharedError> {
        self.host.set_shared(key, &text(value)?, None)
    }

    /// Sets the value of a key if its revision is `expected`, 0 if there must be none. Should another step change it before this one
    /// completes, this attempt fails and the next one sees the new value.
    pub fn set_if(&self, key: &str, value: &impl Serialize, expected: u64) -> Result<u64, SharedError> {
        self.host.set_shared(key, &text(value)?, Some(expected))
    }

    /// Removes a key.
    pub fn delete(&self, key: &str) -> Result<(), SharedError> {
        self.host.delete_shared(key, None)
    }

    /// Removes a key if its revision is `expected`.
    pub fn delete_if(&self, key: &str, expected: u64) -> Result<(), SharedError> {
        self.host.delete_shared(key, Some(expected))
    }

    /// Returns the keys that start with `prefix`, in order, at most `limit` of those after `after`.
    pub fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, SharedError> {
        self.host.shared_keys(prefix, after, limit)
    }
}

fn text(value: &impl Serialize) -> Result<String, SharedError> {
    serde_json::to_string(value).map_err(|error| SharedError::Other(error.to_string()))
}

impl std::fmt::Display for SharedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotGranted(reason) | Self::Other(reason) => f.write_str(reason),
            Self::Conflict(Some(revision)) => write!(f, "the shared value has revision {revision} by now"),
            Self::Conflict(None) => f.write_str("the shared value is not there"),
            Self::TooLarge(bytes) => write!(f, "the shared value is longer than {bytes} bytes"),
        }
    }
}

// Not an error of the standard library: those become permanent failures, and a conflict is worth another attempt.
impl From<SharedError> for Failure {
    fn from(error: SharedError) -> Self {
        let message = error.to_string();
        match error {
            SharedError::Conflict(_) => Self::transient(message).with_code("context-conflict"),
            SharedError::NotGranted(_) => Self::permanent(message).with_code("denied"),
            SharedError::TooLarge(_) | SharedError::Other(_) => Self::permanent(message),
        }
    }
}
