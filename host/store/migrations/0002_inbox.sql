-- Why: a run can be told something by any process. What is asked stands in its inbox until the run answers, in the append
-- that decided it; a row keeps its answer, so that whoever asked can read it. A message is found by the key that its
-- sender gave it, if it gave one, so that sending it twice is sending it once.
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

-- Small whatever the history: looking for what is unanswered costs as much as there is of it.
CREATE INDEX inbox_unanswered ON inbox (run) WHERE answer IS NULL;
