-- Why: whoever takes a long run over reads its state and what came after, not everything that ever happened. A snapshot is
-- written in the transaction whose last event it covers; one per run, replaced by the next and gone when the run ends. It is
-- never the truth: one that cannot be read is left aside. `blobs` are the digests of its large values, 32 bytes each, so that
-- whoever deletes values knows which are still needed.
CREATE TABLE snapshots (
    run      INTEGER NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    encoding INTEGER NOT NULL,
    blobs    BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    data     TEXT NOT NULL
) STRICT;
