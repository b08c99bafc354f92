//! The statements that find runs to drive, each by an index that holds only what is looked for.

use crate::error::StoreError;
use crate::record::HostId;
use crate::runnable::{Reason, Runnable};
use crate::sqlite::error::{damaged, from_sqlite};
use crate::sqlite::liveness::HostRow;
use crate::sqlite::read::Archive;
use cofferdam_engine::{EVENT_ENCODING, RunId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use std::collections::HashSet;

/// All owners, each by one look into the index: it would be wrong to read the entries of all running runs.
const OWNERS: &str = "WITH RECURSIVE owners(host) AS (
        SELECT min(owner) FROM runs WHERE owner IS NOT NULL
        UNION ALL
        SELECT (SELECT min(owner) FROM runs WHERE owner > owners.host) FROM owners WHERE owners.host IS NOT NULL
    )
    SELECT owners.host, hosts.pid, hosts.boot, hosts.lease_end
    FROM owners LEFT JOIN hosts ON hosts.id = owners.host WHERE owners.host IS NOT NULL";

const OF_OWNER: &str =
    "SELECT id, updated_at FROM runs WHERE owner = ?1 AND needs_reader <= ?2 ORDER BY number LIMIT ?3";

const DUE: &str = "SELECT id, due_at FROM runs WHERE due_at <= ?1 AND needs_reader <= ?2 ORDER BY due_at LIMIT ?3";

const ASKED: &str = "SELECT runs.id, min(inbox.at) FROM inbox JOIN runs ON runs.number = inbox.run
    WHERE inbox.answer IS NULL AND inbox.encoding <= ?1 AND runs.owner IS NULL AND runs.needs_reader <= ?1
    GROUP BY inbox.run LIMIT ?2";

const NEXT: &str = "SELECT due_at FROM runs WHERE due_at > ?2 AND needs_reader <= ?1 ORDER BY due_at LIMIT 1";

impl Archive {
    /// Returns up to `limit` runs that nobody drives and that could go on at `now`, those that could for longest first.
    pub(crate) fn claimable(
        &self,
        db: &Connection,
        host: &HostId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Runnable>, StoreError> {
        let fail = |error| from_sqlite(&self.path, error);
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let due = params![now.as_millis(), EVENT_ENCODING, most];
        let mut found = runnable(db, DUE, due, Reason::Due).map_err(fail)?;
        found.extend(runnable(db, ASKED, params![EVENT_ENCODING, most], Reason::Asked).map_err(fail)?);
        for owner in self.lost_owners(db, host)? {
            let of_owner = params![owner.as_str(), EVENT_ENCODING, most];
            found.extend(runnable(db, OF_OWNER, of_owner, Reason::HostLost).map_err(fail)?);
        }
        found.sort_by_key(|runnable| runnable.since);
        let mut seen = HashSet::new();
        found.retain(|runnable| seen.insert(runnable.run));
        found.truncate(limit);
        Ok(found)
    }

    /// Returns when the next run that waits is due after `after`; none while none waits for a later time.
    pub(crate) fn next_wake(&self, db: &Connection, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let known = params![EVENT_ENCODING, after.as_millis()];
        db.prepare_cached(NEXT)
            .and_then(|mut statement| statement.query_row(known, |row| row.get(0)).optional())
            .map(|due| due.map(Timestamp::from_millis))
            .map_err(|error| from_sqlite(&self.path, error))
    }

    /// Returns the hosts other than `host` that own runs and are gone.
    fn lost_owners(&self, db: &Connection, host: &HostId) -> Result<Vec<HostId>, StoreError> {
        let owners: Vec<(String, HostRow)> = db
            .prepare_cached(OWNERS)
            .and_then(|mut statement| statement.query_map([], owner)?.collect())
            .map_err(|error| from_sqlite(&self.path, error))?;
        let mut lost = Vec::new();
        for (owner, row) in owners {
            let owner = HostId::parse(&owner)
                .ok_or_else(|| damaged(&self.path, format!("`{owner}` owns runs and cannot be a host")))?;
            if owner != *host && !self.liveness.is_alive(&owner, &row) {
                lost.push(owner);
            }
        }
        Ok(lost)
    }
}

fn owner(row: &Row<'_>) -> rusqlite::Result<(String, HostRow)> {
    let host_row = HostRow {
        pid: row.get(1)?,
        boot: row.get(2)?,
        lease_end: row.get(3)?,
    };
    Ok((row.get(0)?, host_row))
}

fn runnable(db: &Connection, statement: &str, values: impl Params, reason: Reason) -> rusqlite::Result<Vec<Runnable>> {
    db.prepare_cached(statement)?
        .query_map(values, |row| {
            Ok(Runnable {
                run: RunId::from_bits(u128::from_be_bytes(row.get(0)?)),
                since: Timestamp::from_millis(row.get(1)?),
                reason,
            })
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migration::{MIGRATIONS, migrate};
    use std::path::Path;

    /// Returns how SQLite carries a statement out, a line for each table that it reads.
    fn plan(statement: &str) -> String {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, Path::new("memory"), MIGRATIONS).unwrap();
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let values = vec![1_i64; statement.parameter_count()];
        let lines: Vec<String> = statement
            .query_map(rusqlite::params_from_iter(values), |row| row.get("detail"))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        lines.join("\n")
    }

    // row L07, L10
    #[test]
    fn no_look_reads_runs_that_only_wait() {
        assert!(plan(DUE).contains("USING INDEX runs_due (due_at<?)"), "{}", plan(DUE));
        assert!(plan(NEXT).contains("USING INDEX runs_due"), "{}", plan(NEXT));
        assert!(
            plan(OWNERS).contains("USING COVERING INDEX runs_by_owner (owner>?)"),
            "{}",
            plan(OWNERS)
        );
        assert!(
            plan(OF_OWNER).contains("USING INDEX runs_by_owner (owner=?)"),
            "{}",
            plan(OF_OWNER)
        );
        assert!(
            plan(ASKED).contains("inbox USING INDEX inbox_unanswered"),
            "{}",
            plan(ASKED)
        );
        for statement in [DUE, NEXT, OWNERS, OF_OWNER, ASKED] {
            let plan = plan(statement);
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            // `SCAN runs USING INDEX` reads the index in its order, up to the limit.
            assert!(
                !plan.lines().any(|line| line == "SCAN runs" || line == "SCAN inbox"),
                "{plan}"
            );
        }
    }
}
