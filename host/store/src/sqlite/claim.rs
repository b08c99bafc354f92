//! How a run gets a new owner: one transaction that raises its generation.

use crate::error::{ClaimError, StoreError};
use crate::inbox::Inbox;
use crate::record::HostId;
use crate::sqlite::error::{damaged, from_sqlite};
use crate::sqlite::inbox;
use crate::sqlite::liveness::{HostRow, Liveness};
use crate::sqlite::queue::Granted;
use crate::sqlite::write::{self, RunNumber};
use cofferdam_engine::{EVENT_ENCODING, Generation, RunId, RunStatus, Version};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use std::sync::Arc;

/// Who claims, and where.
pub(crate) struct Claimant<'a> {
    pub(crate) path: &'a Path,
    pub(crate) liveness: &'a Liveness,
    pub(crate) host: &'a HostId,
}

struct Candidate {
    number: RunNumber,
    status: String,
    generation: Generation,
    version: Version,
    needs_reader: u32,
    owner: Option<String>,
    owner_row: HostRow,
}

impl Claimant<'_> {
    /// Takes `run` over in the open transaction of `db`, for the caller to commit.
    pub(crate) fn claim(&self, db: &Connection, run: RunId) -> Result<(RunNumber, Granted), ClaimError> {
        let failed = |error| self.failed(run, error);
        let candidate = candidate(db, run)
            .map_err(|error| failed(from_sqlite(self.path, error)))?
            .ok_or(ClaimError::NotFound(run))?;
        let status = RunStatus::from_word(&candidate.status).ok_or_else(|| {
            failed(damaged(
                self.path,
                format!("run {run} has status `{}`", candidate.status),
            ))
        })?;
        if status.is_final() {
            return Err(ClaimError::Final { run, status });
        }
        if candidate.needs_reader > EVENT_ENCODING {
            return Err(ClaimError::Newer {
                run,
                found: candidate.needs_reader,
                reads: EVENT_ENCODING,
            });
        }
        if let Some(owner) = &candidate.owner {
            let host = HostId::parse(owner)
                .ok_or_else(|| failed(damaged(self.path, format!("run {run} has a host that cannot be"))))?;
            if host != *self.host && self.liveness.is_alive(&host, &candidate.owner_row) {
                let pid = candidate.owner_row.pid.unwrap_or_default();
                return Err(ClaimError::Owned { run, host, pid });
            }
        }
        let generation = Generation(candidate.generation.0 + 1);
        write::take_over(db, candidate.number, generation, self.host)
            .map_err(|error| failed(from_sqlite(self.path, error)))?;
        let messages = inbox::unanswered(db, self.path, Inbox::Of(run), self.host).map_err(failed)?;
        let granted = Granted {
            generation,
            version: candidate.version,
            host_lost: status == RunStatus::Running && candidate.owner.as_deref() != Some(self.host.as_str()),
            messages: messages.into_iter().map(|posted| posted.message).collect(),
        };
        Ok((candidate.number, granted))
    }

    /// Returns the refusal for a log that failed.
    pub(crate) fn failed(&self, run: RunId, error: StoreError) -> ClaimError {
        ClaimError::Store {
            run,
            source: Arc::new(error),
        }
    }
}

fn candidate(db: &Connection, run: RunId) -> rusqlite::Result<Option<Candidate>> {
    db.prepare_cached(
        "SELECT runs.number, runs.status, runs.generation, runs.version, runs.needs_reader, runs.owner, hosts.pid,
                hosts.boot, hosts.lease_end
         FROM runs LEFT JOIN hosts ON hosts.id = runs.owner WHERE runs.id = ?1",
    )?
    .query_row([write::id_bytes(run)], |row| {
        Ok(Candidate {
            number: RunNumber(row.get(0)?),
            status: row.get(1)?,
            generation: Generation(row.get(2)?),
            version: Version(row.get(3)?),
            needs_reader: row.get(4)?,
            owner: row.get(5)?,
            owner_row: HostRow {
                pid: row.get(6)?,
                boot: row.get(7)?,
                lease_end: row.get(8)?,
            },
        })
    })
    .optional()
}
