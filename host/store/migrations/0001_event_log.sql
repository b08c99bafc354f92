-- Why: the first release. Events are only ever added, in the order of their commits, so that a commit of many runs
-- touches the end of one table; their position is the cursor of the event stream and, being AUTOINCREMENT, is never
-- used twice. The small `runs` row is all that changes. No index has a column that a running step changes.

-- What runs execute; runs of the same text share it.
CREATE TABLE definitions (
    number      INTEGER PRIMARY KEY,
    digest      BLOB NOT NULL UNIQUE,
    plan_digest BLOB NOT NULL,
    workflow    TEXT NOT NULL,
    file        TEXT NOT NULL,
    source      TEXT NOT NULL,
    plan        BLOB NOT NULL
) STRICT;

-- `number` is the order in which runs began. `reversed` finds a run by the end of its id.
CREATE TABLE runs (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB NOT NULL UNIQUE,
    reversed     TEXT NOT NULL UNIQUE,
    workflow     TEXT NOT NULL,
    definition   INTEGER NOT NULL,
    caller_id    TEXT UNIQUE,
    labels       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    needs_reader INTEGER NOT NULL,
    generation   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    status       TEXT NOT NULL,
    owner        TEXT,
    wake_at      INTEGER,
    updated_at   INTEGER NOT NULL,
    finished_at  INTEGER
) STRICT;
CREATE INDEX runs_by_workflow ON runs (workflow, number);
CREATE INDEX runs_unfinished ON runs (number) WHERE finished_at IS NULL;
CREATE INDEX runs_to_wake ON runs (wake_at) WHERE owner IS NULL AND wake_at IS NOT NULL;

CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    run      INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    encoding INTEGER NOT NULL,
    step     TEXT,
    data     TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_run ON events (run, sequence);

-- Values too large to stand in an event.
CREATE TABLE blobs (
    digest  BLOB NOT NULL PRIMARY KEY,
    size    INTEGER NOT NULL,
    content TEXT NOT NULL
) STRICT;

-- Processes that drive or drove runs. Whether one is alive is told by the lock on its file, not by a row.
CREATE TABLE hosts (
    id         TEXT NOT NULL PRIMARY KEY,
    pid        INTEGER NOT NULL,
    boot       TEXT NOT NULL,
    started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What guests said: best effort, and none of it decides anything.
CREATE TABLE logs (
    number     INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL,
    step       TEXT NOT NULL,
    occurrence TEXT NOT NULL,
    attempt    INTEGER NOT NULL,
    delivery   INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    level      TEXT NOT NULL,
    message    TEXT NOT NULL,
    fields     TEXT
) STRICT;
CREATE INDEX logs_by_step ON logs (run, step);

-- How many lines of a step were not kept.
CREATE TABLE dropped_logs (
    run   INTEGER NOT NULL,
    step  TEXT NOT NULL,
    lines INTEGER NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
