CREATE TABLE blobs (
    digest  BLOB NOT NULL PRIMARY KEY,
    size    INTEGER NOT NULL,
    content TEXT NOT NULL
) STRICT;

CREATE TABLE definitions (
    number      INTEGER PRIMARY KEY,
    digest      BLOB NOT NULL UNIQUE,
    plan_digest BLOB NOT NULL,
    workflow    TEXT NOT NULL,
    file        TEXT NOT NULL,
    source      TEXT NOT NULL,
    plan        BLOB NOT NULL
) STRICT;

CREATE TABLE dropped_logs (
    run   INTEGER NOT NULL,
    step  TEXT NOT NULL,
    lines INTEGER NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_stream (
    log            TEXT NOT NULL,
    pruned_through INTEGER NOT NULL
) STRICT;

CREATE TRIGGER events_pruned AFTER DELETE ON events BEGIN
    UPDATE event_stream SET pruned_through = max(pruned_through, old.position);
END;

CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    run      INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    encoding INTEGER NOT NULL,
    step     TEXT,
    data     TEXT NOT NULL
, checksum INTEGER) STRICT;

CREATE UNIQUE INDEX events_by_run ON events (run, sequence);

CREATE TABLE hosts (
    id         TEXT NOT NULL PRIMARY KEY,
    pid        INTEGER NOT NULL,
    boot       TEXT NOT NULL,
    started_at INTEGER NOT NULL
, lease_end INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE inbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    run         INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    by          TEXT NOT NULL,
    key         TEXT,
    encoding    INTEGER NOT NULL,
    request     TEXT NOT NULL,
    answer      TEXT,
    answered_at INTEGER
) STRICT;

CREATE UNIQUE INDEX inbox_by_key ON inbox (run, key) WHERE key IS NOT NULL;

CREATE INDEX inbox_unanswered ON inbox (run) WHERE answer IS NULL;

CREATE TABLE listeners (
    topic TEXT NOT NULL,
    run   INTEGER NOT NULL,
    PRIMARY KEY (topic, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX listeners_by_run ON listeners (run);

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

CREATE TABLE migrations (
                number   INTEGER PRIMARY KEY,
                name     TEXT NOT NULL,
                checksum BLOB NOT NULL
            ) STRICT;

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
, due_at INTEGER) STRICT;

CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;

CREATE INDEX runs_by_workflow ON runs (workflow, number);

CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;

CREATE INDEX runs_unfinished ON runs (number) WHERE finished_at IS NULL;

CREATE TABLE snapshots (
    run      INTEGER NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    encoding INTEGER NOT NULL,
    blobs    BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    data     TEXT NOT NULL
) STRICT;
