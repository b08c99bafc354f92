//! How a plan is kept on disk: JSON with a version, read by every later release.

use super::{InvalidPlan, Parts, Plan};
use crate::id::Digest;
use serde::{Deserialize, Serialize};

/// The version of the encoding that this release writes. It reads this and all earlier ones.
pub const PLAN_ENCODING: u32 = 2;

/// The number that digests are made with: a new encoding gives no old plan another digest.
const DIGEST_ENCODING: u32 = 1;

/// Why stored bytes are not a plan.
#[derive(Debug, thiserror::Error)]
pub enum UnreadablePlan {
    /// A later release wrote it.
    #[error("the plan has encoding {found}, this release reads up to {PLAN_ENCODING}")]
    Newer {
        /// The version found.
        found: u32,
    },
    /// The bytes are damaged.
    #[error("the stored plan is damaged")]
    Damaged(#[source] serde_json::Error),
    /// The parts do not fit together.
    #[error("the stored plan is not consistent")]
    Invalid(#[source] InvalidPlan),
}

#[derive(Serialize)]
struct Written<'a> {
    encoding: u32,
    plan: &'a Parts,
}

#[derive(Deserialize)]
struct Version {
    encoding: u32,
}

#[derive(Deserialize)]
struct Read {
    plan: Parts,
}

impl Plan {
    /// Returns the bytes that stand for this plan on disk.
    pub fn encode(&self) -> Vec<u8> {
        write(PLAN_ENCODING, self.parts())
    }

    /// Returns the plan that `bytes` stand for.
    ///
    /// # Errors
    /// If a later release wrote them or they are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, UnreadablePlan> {
        let Version { encoding } = serde_json::from_slice(bytes).map_err(UnreadablePlan::Damaged)?;
        if encoding > PLAN_ENCODING {
            return Err(UnreadablePlan::Newer { found: encoding });
        }
        let Read { plan } = serde_json::from_slice(bytes).map_err(UnreadablePlan::Damaged)?;
        Self::build(plan).map_err(UnreadablePlan::Invalid)
    }
}

fn write(encoding: u32, parts: &Parts) -> Vec<u8> {
    serde_json::to_vec(&Written { encoding, plan: parts })
        .expect("names are the only keys and numbers are finite, so that a plan can always be written")
}

/// Returns the digest of what `parts` mean: without places in the text, titles and descriptions.
pub(super) fn digest(parts: &Parts) -> Digest {
    let mut meaning = parts.clone();
    meaning.title = None;
    for input in &mut meaning.inputs {
        input.description = None;
    }
    for node in &mut meaning.nodes {
        node.place = super::Place::default();
    }
    Digest::of(&write(DIGEST_ENCODING, &meaning))
}

pub(super) mod millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(duration.as_millis())
            .unwrap_or(u64::MAX)
            .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

pub(super) mod optional_millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration
            .map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
            .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
