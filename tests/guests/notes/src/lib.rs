//! Reads and changes what the steps of a run share, and keeps what it has done for the next attempt.

use cofferdam_plugin::{Context, Failure, Value, action, data, plugin};

plugin!(put, take_away, read, pages, facts);

/// A shared value.
#[data]
struct Note {
    /// The value, null if there is none.
    value: Value,
    /// Its revision, 0 if there is none.
    revision: u64,
    /// The keys that there are.
    keys: Vec<String>,
}

/// Sets a shared value.
#[action(needs = [context("notes.*") because "steps tell each other what they did"])]
fn put(
    /// Its key.
    key: String,
    /// What it is from now on.
    value: Value,
    /// The revision that it must have.
    expected: Option<u64>,
    ctx: &Context,
) -> Result<u64, Failure> {
    let revision = match expected {
        Some(expected) => ctx.shared().set_if(&key, &value, expected)?,
        None => ctx.shared().set(&key, &value)?,
    };
    Ok(revision)
}

/// Removes a shared value.
#[action(needs = [context("notes.*") because "steps tell each other what they did"])]
fn take_away(
    /// Its key.
    key: String,
    ctx: &Context,
) -> Result<(), Failure> {
    Ok(ctx.shared().delete(&key)?)
}

/// Reads a shared value.
#[action(needs = [context("notes.*") because "steps tell each other what they did"])]
fn read(
    /// Its key.
    key: String,
    ctx: &Context,
) -> Result<Note, Failure> {
    let found = ctx.shared().get_with_revision::<Value>(&key)?;
    let (value, revision) = found.unwrap_or((Value::Null, 0));
    let keys = ctx.shared().keys("", None, 100)?;
    Ok(Note { value, revision, keys })
}

/// What an attempt knows about itself.
#[data]
struct Facts {
    /// The id of the run.
    run: String,
    /// The name of the workflow.
    workflow: Value,
    /// The path of the step.
    step: String,
    /// The number of the innermost loop.
    iteration: Value,
    /// Which attempt.
    attempt: u64,
    /// How many attempts may follow.
    retries_left: Value,
    /// Why the one before failed.
    previous: Option<String>,
    /// What stands for the attempt where it must not be done twice.
    token: String,
    /// What nobody knows.
    unknown: Option<Value>,
}

/// Fails once, then returns what it knows about itself.
#[action]
fn facts(ctx: &Context) -> Result<Facts, Failure> {
    if ctx.attempt() == 1 {
        return Err(Failure::transient("not at once"));
    }
    let fact = |name| ctx.get(name).unwrap_or(Value::Null);
    Ok(Facts {
        run: ctx.run(),
        workflow: fact("workflow"),
        step: ctx.step(),
        iteration: fact("iteration"),
        attempt: ctx.attempt().into(),
        retries_left: fact("retries-left"),
        previous: ctx.previous_error().map(|failure| failure.message().to_owned()),
        token: ctx.token(),
        unknown: ctx.get("host-name"),
    })
}

/// Goes through pages and keeps how far it is: an attempt or a delivery begins where the one before it stopped.
#[action]
fn pages(
    /// How many there are.
    count: u64,
    /// Before which page the first attempt fails.
    fails_at: Option<u64>,
    /// At which page the first delivery stops going on, until its host dies.
    hangs_at: Option<u64>,
    ctx: &Context,
) -> Result<Vec<u64>, Failure> {
    let first: u64 = ctx.saved()?.unwrap_or(0);
    for page in first..count {
        if fails_at == Some(page) && ctx.attempt() == 1 {
            return Err(Failure::transient(format!("page {page} is not there yet")));
        }
        if hangs_at == Some(page) && ctx.delivery() == 1 {
            ctx.progress(page, count, "hanging");
            loop {
                ctx.check_cancelled()?;
            }
        }
        ctx.save(&(page + 1))?;
    }
    Ok((first..count).collect())
}

#[cfg(test)]
mod tests {
    use super::{pages, put, read};
    use cofferdam_plugin::{Context, TestAttempt, json};

    #[test]
    fn what_was_put_is_read() {
        let ctx = Context::for_test();
        assert_eq!(put("notes.a".into(), json!(7), Some(0), &ctx).unwrap(), 1);
        let conflict = put("notes.a".into(), json!(8), Some(0), &ctx).unwrap_err();
        assert_eq!(conflict.code(), Some("context-conflict"));
        let note = read("notes.a".into(), &ctx).unwrap();
        assert_eq!(
            (note.value, note.revision, note.keys),
            (json!(7), 1, vec!["notes.a".to_owned()])
        );
    }

    #[test]
    fn pages_begin_where_an_earlier_attempt_stopped() {
        let ctx = Context::for_test_of(TestAttempt {
            saved: Some(json!(2)),
            ..TestAttempt::default()
        });
        assert_eq!(pages(4, None, None, &ctx).unwrap(), [2, 3]);
        assert_eq!(ctx.recorded(), ["saved: 3", "saved: 4"]);
    }
}
