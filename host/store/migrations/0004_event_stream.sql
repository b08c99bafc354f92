-- Why: whoever follows the events of all runs must learn that it missed some, instead of going on behind a gap. A cursor names
-- the log and a position; `pruned_through` is the last position of which an event was ever taken away, kept by the database
-- itself, so that nobody who deletes events can forget to.
CREATE TABLE event_stream (
    log            TEXT NOT NULL,
    pruned_through INTEGER NOT NULL
) STRICT;
INSERT INTO event_stream (log, pruned_through) VALUES (lower(hex(randomblob(6))), 0);

CREATE TRIGGER events_pruned AFTER DELETE ON events BEGIN
    UPDATE event_stream SET pruned_through = max(pruned_through, old.position);
END;
