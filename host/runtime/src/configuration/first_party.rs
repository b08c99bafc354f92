//! Which components were part of a binary that this user ran?
//!
//! A run keeps copies of its components beside its state. That a copy says it was built in proves nothing: state, copies and all may have
//! come with a repository. What counts is what the user's own record says.

use super::trust::{TrustError, TrustStore};
use cofferdam_engine::Digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const RECORD: &str = "builtins.json";
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    components: BTreeMap<String, BTreeSet<Digest>>,
}

impl TrustStore {
    /// Returns whether a component was built in as `plugin`, in this binary or one before it.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn is_first_party(&self, plugin: &str, component: &Digest) -> Result<bool, TrustError> {
        let record = self.first_party()?;
        let known = record.components.get(plugin);
        Ok(known.is_some_and(|known| known.contains(component)))
    }

    /// Remembers a component that is built into this binary as `plugin`.
    ///
    /// # Errors
    /// If the record cannot be read or written.
    pub fn remember_first_party(&self, plugin: &str, component: Digest) -> Result<(), TrustError> {
        let _alone = self.alone()?;
        let mut record = self.first_party()?;
        record
            .components
            .entry(plugin.to_owned())
            .or_default()
            .insert(component);
        self.write_record(RECORD, &record)
    }

    fn first_party(&self) -> Result<Record, TrustError> {
        let empty = || Record {
            format: FORMAT,
            components: BTreeMap::new(),
        };
        let record = self.read_record(RECORD, FORMAT, |record: &Record| record.format)?;
        Ok(record.unwrap_or_else(empty))
    }
}
