//! How does a book outside of the host learn what was done?

use std::fs::OpenOptions;
use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use cofferdam_plugin::{Context, Failure, action, data, file_failure};

/// The line that was written.
#[data]
#[derive(Eq)]
pub(crate) struct Entry {
    /// The idempotency token that the host gave.
    token: String,
    /// Which attempt wrote it.
    attempt: u32,
    /// Which delivery of that attempt.
    delivery: u32,
    /// What was to be written down.
    text: String,
}

/// Adds one line to a book: token, attempt, delivery, step and text. It is on disk before the action returns.
///
/// Half of the work is done before the line is written and half after it, so that a host can die on either side.
#[action(needs = [write], example = { "book": "/book/ledger", "text": "paid" })]
pub(crate) fn append(
    /// Path of the book, which is made if it is missing.
    book: String,
    /// What to write down, in one line.
    text: String,
    /// How long to work, in milliseconds.
    #[serde(default)]
    work_ms: u64,
    ctx: &Context,
) -> Result<Entry, Failure> {
    let half = Duration::from_millis(work_ms) / 2;
    sleep(half);
    let entry = write_down(&book, text, ctx)?;
    sleep(half);
    Ok(entry)
}

/// Adds one line like `append`, which must not be repeated: a host that died meanwhile fails the attempt.
#[action(needs = [write], on_lost = "fail", example = { "book": "/book/ledger", "text": "paid" })]
pub(crate) fn once(
    /// Path of the book, which is made if it is missing.
    book: String,
    /// What to write down, in one line.
    text: String,
    /// How long to work, in milliseconds.
    #[serde(default)]
    work_ms: u64,
    ctx: &Context,
) -> Result<Entry, Failure> {
    append(book, text, work_ms, ctx)
}

/// Adds one line like `append`, about whose repetition a person is asked.
#[action(needs = [write], on_lost = "ask", example = { "book": "/book/ledger", "text": "paid" })]
pub(crate) fn ask(
    /// Path of the book, which is made if it is missing.
    book: String,
    /// What to write down, in one line.
    text: String,
    /// How long to work, in milliseconds.
    #[serde(default)]
    work_ms: u64,
    ctx: &Context,
) -> Result<Entry, Failure> {
    append(book, text, work_ms, ctx)
}

/// Adds one line like `append`, and then fails unless this is the attempt that may succeed.
#[action(needs = [write], example = { "book": "/book/ledger", "text": "paid", "succeeds_at": 2 })]
pub(crate) fn stumble(
    /// Path of the book, which is made if it is missing.
    book: String,
    /// What to write down, in one line.
    text: String,
    /// The first attempt that does not fail.
    succeeds_at: u32,
    ctx: &Context,
) -> Result<Entry, Failure> {
    let entry = write_down(&book, text, ctx)?;
    if entry.attempt < succeeds_at {
        return Err(Failure::transient(format!("attempt {} stumbled", entry.attempt)));
    }
    Ok(entry)
}

fn write_down(book: &str, text: String, ctx: &Context) -> Result<Entry, Failure> {
    if text.contains('\n') {
        return Err(Failure::invalid_input("`text` has more than one line"));
    }
    let entry = Entry {
        token: ctx.token(),
        attempt: ctx.attempt(),
        delivery: ctx.delivery(),
        text,
    };
    let line = format!(
        "{} {} {} {} {}\n",
        entry.token,
        entry.attempt,
        entry.delivery,
        ctx.step(),
        entry.text
    );
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(book)
        .map_err(|error| file_failure(book, &error))?;
    // One call for the whole line: a host that is killed leaves all of it or nothing.
    let written = file
        .write(line.as_bytes())
        .map_err(|error| file_failure(book, &error))?;
    if written < line.len() {
        return Err(Failure::permanent(format!(
            "only {written} bytes of the line fit into `{book}`"
        )));
    }
    file.sync_all().map_err(|error| file_failure(book, &error))?;
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, TestAttempt, json};

    use crate::plugin;

    #[test]
    fn each_delivery_leaves_a_line_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let book = root.path().join("ledger");
        let params = json!({ "book": book.to_str(), "text": "a b", "succeeds_at": 2 });
        let context = |attempt, delivery| {
            Context::for_test_of(TestAttempt {
                attempt,
                delivery,
                ..TestAttempt::default()
            })
        };
        let first = plugin().call("stumble", params.clone(), &context(1, 1)).unwrap_err();
        assert_eq!(first.message(), "attempt 1 stumbled");
        let second = plugin().call("stumble", params, &context(2, 3)).unwrap();
        assert_eq!((&second["attempt"], &second["delivery"]), (&json!(2), &json!(3)));
        let written = std::fs::read_to_string(book).unwrap();
        let ends: Vec<&str> = written.lines().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(ends.len(), 2, "{written}");
        assert!(ends[0].starts_with("1 1 ") && ends[0].ends_with(" a b"), "{written}");
        assert!(ends[1].starts_with("2 3 "), "{written}");
    }

    #[test]
    fn a_text_of_two_lines_is_refused() {
        let params = json!({ "book": "unused", "text": "a\nb" });
        let refused = plugin().call("append", params, &Context::for_test()).unwrap_err();
        assert_eq!(refused.message(), "`text` has more than one line");
    }
}
