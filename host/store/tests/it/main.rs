//! Whether the log on disk keeps what it promised: conformance, crashes, refusals and the schema.

mod checkpoint;
mod conformance;
mod crash;
mod failure;
mod lease;
mod power;
mod refusal;
mod schema;

use cofferdam_store::{Creation, Durability, HostId, LeaseTerms, SqliteLog, SqliteOptions};
use std::path::Path;
use std::sync::Arc;

/// Returns how a host of this name opens the log in `directory`.
fn options(directory: &Path, host: &str) -> SqliteOptions {
    SqliteOptions {
        path: directory.join("state.db"),
        host: HostId::parse(host).expect("tests name hosts by letters"),
        durability: Durability::Full,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    }
}

fn open(directory: &Path, host: &str) -> Arc<SqliteLog> {
    Arc::new(SqliteLog::open(options(directory, host)).expect("the log opens"))
}
