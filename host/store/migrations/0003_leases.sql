-- Why: a host that is alive but silent must lose its runs, and runs that wait must be found without looking at all.
-- `lease_end` is in milliseconds since the boot that `hosts.boot` names, so that neither a clock that is set nor a
-- machine that slept prolongs a lease. `due_at` is set only while nobody owns the run: no step of a running run touches it,
-- so that the index costs nothing while runs run.
ALTER TABLE hosts ADD COLUMN lease_end INTEGER;
ALTER TABLE runs ADD COLUMN due_at INTEGER;
DROP INDEX runs_to_wake;
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;
