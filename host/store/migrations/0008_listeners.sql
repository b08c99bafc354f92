-- Why: a signal that is addressed to nobody in particular goes to every run that waits for its topic, and finding them must not
-- look at all runs. A row says that a run waited for a signal of this topic at some time and has not ended since: whether it
-- still does, the run itself knows. Rows come with `wait.started` only, so that steps pay nothing.
CREATE TABLE listeners (
    topic TEXT NOT NULL,
    run   INTEGER NOT NULL,
    PRIMARY KEY (topic, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX listeners_by_run ON listeners (run);
INSERT OR IGNORE INTO listeners (topic, run)
    SELECT json_extract(events.data, '$.topic'), events.run FROM events JOIN runs ON runs.number = events.run
    WHERE events.kind = 'wait.started' AND runs.finished_at IS NULL AND json_extract(events.data, '$.topic') IS NOT NULL;
