//! The statements about snapshots: one per run, in the transaction of the append that it covers.

use crate::error::StoreError;
use crate::sqlite::checksum;
use crate::sqlite::read::Archive;
use crate::sqlite::write::{self, RunNumber, id_bytes};
use cofferdam_engine::run::SNAPSHOT_ENCODING;
use cofferdam_engine::{Blob, Digest, RunId, Snapshot, Version};
use rusqlite::{Connection, OptionalExtension, params};

/// Puts `snapshot` in the place of the one before.
pub(crate) fn keep(db: &Connection, run: RunNumber, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let mut digests = Vec::with_capacity(32 * snapshot.blobs.len());
    for blob in &snapshot.blobs {
        digests.extend_from_slice(blob.digest.as_bytes());
        // Nearly all were stored with their events; writing them out to find that would cost what storing them does.
        let known = db
            .prepare_cached("SELECT 1 FROM blobs WHERE digest = ?1")?
            .exists([blob.digest.as_bytes()])?;
        if !known {
            write::insert_blob(db, blob)?;
        }
    }
    db.prepare_cached(
        "INSERT INTO snapshots (run, version, encoding, blobs, checksum, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (run) DO UPDATE SET version = excluded.version, encoding = excluded.encoding,
             blobs = excluded.blobs, checksum = excluded.checksum, data = excluded.data",
    )?
    .execute(params![
        run,
        snapshot.version.0,
        snapshot.encoding,
        digests,
        checksum::of_snapshot(snapshot.version.0, snapshot.encoding, &snapshot.data),
        String::from_utf8_lossy(&snapshot.data),
    ])
    .map(drop)
}

/// Forgets the snapshot of a run that has ended: nobody takes it over any more.
pub(crate) fn forget(db: &Connection, run: RunNumber) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM snapshots WHERE run = ?1")?
        .execute([run])
        .map(drop)
}

/// Version, encoding, digests of the large values, checksum, data.
type Columns = (u64, u32, Vec<u8>, u32, Vec<u8>);

impl Archive {
    /// Returns the snapshot of `run` with its large values, if there is one that this release can use.
    ///
    /// One that is damaged, or of which a value is missing, is left aside: the events are there.
    pub(crate) fn snapshot(
        &self,
        db: &Connection,
        run: RunId,
        latest: Version,
    ) -> Result<Option<Snapshot>, StoreError> {
        let row: Option<Columns> = db
            .prepare_cached(
                "SELECT version, encoding, blobs, checksum, CAST(data AS BLOB) FROM snapshots
                 WHERE run = (SELECT number FROM runs WHERE id = ?1)",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([id_bytes(run)], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                    })
                    .optional()
            })
            .map_err(|error| self.fail(error))?;
        let Some((version, encoding, digests, checksum, data)) = row else {
            return Ok(None);
        };
        if encoding != SNAPSHOT_ENCODING {
            return Ok(None);
        }
        if version > latest.0 || checksum != checksum::of_snapshot(version, encoding, &data) {
            tracing::warn!(%run, version, "the snapshot is damaged; the whole history is read");
            return Ok(None);
        }
        let mut blobs = Vec::with_capacity(digests.len() / 32);
        for digest in digests.chunks_exact(32) {
            let digest = Digest::from_bytes(std::array::from_fn(|place| digest[place]));
            match self.blob(db, digest) {
                Ok(content) => blobs.push(Blob {
                    digest,
                    // The size stands in the snapshot itself.
                    size: 0,
                    content: Some(content),
                }),
                Err(error) => {
                    tracing::warn!(%run, version, %error, "the snapshot cannot be used; the whole history is read");
                    return Ok(None);
                }
            }
        }
        Ok(Some(Snapshot {
            version: Version(version),
            encoding,
            data,
            blobs,
        }))
    }
}
