-- Why: a run that its host let go of in good order goes on at the next host that looks for work, as one whose host died does;
-- who wants to keep it back pauses it.
UPDATE runs SET due_at = updated_at WHERE status = 'interrupted' AND owner IS NULL AND due_at IS NULL;
