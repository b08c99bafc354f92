-- Why: a page that rots on the disk is a valid page to SQLite; a flipped byte inside an event would be replayed. The checksum
-- covers number, time, encoding and data of the event. Events of earlier releases have none.
ALTER TABLE events ADD COLUMN checksum INTEGER;
