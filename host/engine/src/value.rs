//! How a value is kept: inline in its event while it is small, beside it under its digest when it is large.

use crate::data::Data;
use crate::id::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest canonical text, in bytes, that stands inline in an event.
pub const MAX_INLINE: usize = 64 * 1024;

/// A value as events hold it. In memory the content is always at hand; only its stored form differs.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Stands in the event.
    Inline(Data),
    /// Stands beside the event, under its digest.
    Blob(Blob),
}

/// A large value.
#[derive(Clone, Debug, PartialEq)]
pub struct Blob {
    /// Digest of the canonical text.
    pub digest: Digest,
    /// Length of the canonical text in bytes.
    pub size: u64,
    /// The value itself; missing only between reading an event and filling its blobs in.
    pub content: Option<Data>,
}

/// What an event holds in place of a large value.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stored {
    #[serde(rename = "v")]
    Inline(Data),
    Blob {
        digest: Digest,
        size: u64,
    },
}

impl Value {
    /// Returns the value for `data`, as a blob when its canonical text is longer than [`MAX_INLINE`].
    pub fn new(data: Data) -> Self {
        // The estimate never exceeds the real length, so that most values are not written out just to be measured.
        if !exceeds(&data, MAX_INLINE) {
            return Self::Inline(data);
        }
        let text = data.to_json();
        Self::Blob(Blob {
            digest: Digest::of(text.as_bytes()),
            size: text.len() as u64,
            content: Some(data),
        })
    }

    /// Returns the content; null for a blob that was not filled in.
    pub fn data(&self) -> &Data {
        const NOTHING: &Data = &Data::Null;
        match self {
            Self::Inline(data) => data,
            Self::Blob(blob) => blob.content.as_ref().unwrap_or(NOTHING),
        }
    }

    /// Returns the blob if this value is one.
    pub fn blob(&self) -> Option<&Blob> {
        match self {
            Self::Inline(_) => None,
            Self::Blob(blob) => Some(blob),
        }
    }

    /// Returns the blob if this value is one, to be filled in.
    pub fn blob_mut(&mut self) -> Option<&mut Blob> {
        match self {
            Self::Inline(_) => None,
            Self::Blob(blob) => Some(blob),
        }
    }
}

/// Returns whether the canonical text of `data` is longer than `limit` bytes, without writing it out.
fn exceeds(data: &Data, limit: usize) -> bool {
    fn walk(data: &Data, left: &mut usize) -> bool {
        let own = match data {
            Data::Null | Data::Bool(_) => 4,
            Data::Int(int) => int.checked_ilog10().unwrap_or(0) as usize + 1,
            Data::Double(_) => 3,
            Data::Text(text) => text.len() + 2,
            Data::List(items) => items.len() + 1,
            Data::Map(entries) => entries.keys().map(|key| key.len() + 4).sum::<usize>() + 1,
        };
        if own > *left {
            return true;
        }
        *left -= own;
        match data {
            Data::List(items) => items.iter().any(|item| walk(item, left)),
            Data::Map(entries) => entries.values().any(|value| walk(value, left)),
            Data::Null | Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::Text(_) => false,
        }
    }
    walk(data, &mut { limit })
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Self::new(data)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // Clones share their content.
            Self::Inline(data) => Stored::Inline(data.clone()).serialize(serializer),
            Self::Blob(blob) => Stored::Blob {
                digest: blob.digest,
                size: blob.size,
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Inline(data) => Self::Inline(data),
            Stored::Blob { digest, size } => Self::Blob(Blob {
                digest,
                size,
                content: None,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_value_is_stored_by_digest_and_a_small_one_inline() {
        let small = Value::new(Data::text("x".repeat(100)));
        assert!(small.blob().is_none());
        let large = Value::new(Data::list((0..20_000).map(Data::Int)));
        let blob = large.blob().unwrap();
        assert_eq!(blob.digest, Digest::of(large.data().to_json().as_bytes()));
        let text = serde_json::to_string(&large).unwrap();
        assert!(text.len() < 200, "{text}");
        let mut back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back.data(), &Data::Null);
        back.blob_mut().unwrap().content = Some(large.data().clone());
        assert_eq!(back, large);
    }
}
