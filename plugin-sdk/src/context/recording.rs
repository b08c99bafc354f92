//! What does an action see and leave behind in a test?

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Host, Level, SharedError};
use crate::failure::Failure;

/// The attempt that a test pretends. Start from the default and change what matters:
///
/// ```
/// use cofferdam_plugin::{Context, TestAttempt};
/// let ctx = Context::for_test_of(TestAttempt { dry_run: true, ..TestAttempt::default() });
/// assert!(ctx.dry_run());
/// ```
#[derive(Debug, Clone)]
pub struct TestAttempt {
    /// Id of the run.
    pub run: String,
    /// Path of the step.
    pub step: String,
    /// Number of the attempt.
    pub attempt: u32,
    /// Number of the delivery.
    pub delivery: u32,
    /// Idempotency token.
    pub token: String,
    /// How long is left.
    pub remaining: Duration,
    /// After how many questions the action learns that it is asked to stop; 0 is at once.
    pub cancelled_after: Option<u32>,
    /// Whether nothing may be changed outside.
    pub dry_run: bool,
    /// How the previous attempt failed.
    pub previous_error: Option<Failure>,
    /// Further facts by name, such as `feedback`.
    pub facts: BTreeMap<String, Value>,
    /// What the operator has set.
    pub settings: BTreeMap<String, Value>,
    /// Secrets that are granted, by name.
    pub secrets: BTreeMap<String, String>,
    /// What an earlier attempt kept.
    pub saved: Option<Value>,
    /// The values that the steps of the run share, each of revision 1. In a test every key is granted.
    pub shared: BTreeMap<String, Value>,
}

impl Default for TestAttempt {
    fn default() -> Self {
        Self {
            run: "test-run".into(),
            step: "test-step".into(),
            attempt: 1,
            delivery: 1,
            token: "test-token".into(),
            remaining: Duration::from_secs(30),
            cancelled_after: None,
            dry_run: false,
            previous_error: None,
            facts: BTreeMap::new(),
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            saved: None,
            shared: BTreeMap::new(),
        }
    }
}

/// A host that remembers what it is told.
pub(super) struct Recording {
    attempt: TestAttempt,
    asked: Cell<u32>,
    told: RefCell<Vec<String>>,
    shared: RefCell<BTreeMap<String, (Value, u64)>>,
}

impl Recording {
    pub(super) fn new(attempt: TestAttempt) -> Self {
        let shared = attempt
            .shared
            .iter()
            .map(|(key, value)| (key.clone(), (value.clone(), 1)));
        Self {
            shared: RefCell::new(shared.collect()),
            attempt,
            asked: Cell::new(0),
            told: RefCell::new(Vec::new()),
        }
    }

    fn tell(&self, line: String) {
        self.told.borrow_mut().push(line);
    }

    /// Returns the revision of a key, 0 if it is not there.
    fn expect(&self, key: &str, expected: Option<u64>) -> Result<u64, SharedError> {
        let found = self.shared.borrow().get(key).map(|(_, revision)| *revision);
        match expected {
            Some(expected) if expected != found.unwrap_or(0) => Err(SharedError::Conflict(found)),
            _ => Ok(found.unwrap_or(0)),
        }
    }

    fn secret_value(&self, name: &str) -> Result<&String, Failure> {
        let denied = || Failure::permanent(format!("the secret `{name}` is not granted")).with_code("denied");
        self.attempt.secrets.get(name).ok_or_else(denied)
    }
}

impl Host for Recording {
    fn run(&self) -> String {
        self.attempt.run.clone()
    }

    fn step(&self) -> String {
        self.attempt.step.clone()
    }

    fn number(&self) -> u32 {
        self.attempt.attempt
    }

    fn delivery(&self) -> u32 {
        self.attempt.delivery
    }

    fn token(&self) -> String {
        self.attempt.token.clone()
    }

    fn remaining(&self) -> Duration {
        self.attempt.remaining
    }

    fn cancelled(&self) -> bool {
        let asked = self.asked.get();
        self.asked.set(asked.saturating_add(1));
        self.attempt.cancelled_after.is_some_and(|after| asked >= after)
    }

    fn dry_run(&self) -> bool {
        self.attempt.dry_run
    }

    fn previous(&self) -> Option<Failure> {
        self.attempt.previous_error.clone()
    }

    fn fact(&self, name: &str) -> Option<Value> {
        self.attempt.facts.get(name).cloned()
    }

    fn setting(&self, key: &str) -> Option<Value> {
        self.attempt.settings.get(key).cloned()
    }

    fn secret(&self, name: &str) -> Result<String, Failure> {
        self.secret_value(name).map(|_| format!("placeholder-of-{name}"))
    }

    fn reveal(&self, name: &str) -> Result<Vec<u8>, Failure> {
        self.secret_value(name).map(|value| value.clone().into_bytes())
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        self.tell(format!("{level}: {message}"));
    }

    fn progress(&self, done: u64, total: Option<u64>, message: &str) {
        let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
        self.tell(format!("progress: {done}{of} {message}"));
    }

    fn metric(&self, name: &str, amount: f64) {
        self.tell(format!("metric: {name} {amount}"));
    }

    fn save(&self, detail: &str) -> Result<(), Failure> {
        self.tell(format!("saved: {detail}"));
        Ok(())
    }

    fn saved(&self) -> Option<Value> {
        self.attempt.saved.clone()
    }

    fn shared(&self, key: &str) -> Result<Option<(Value, u64)>, SharedError> {
        Ok(self.shared.borrow().get(key).cloned())
    }

    fn set_shared(&self, key: &str, value: &str, expected: Option<u64>) -> Result<u64, SharedError> {
        let revision = self.expect(key, expected)? + 1;
        let value = serde_json::from_str(value).map_err(|error| SharedError::Other(error.to_string()))?;
        self.shared.borrow_mut().insert(key.to_owned(), (value, revision));
        Ok(revision)
    }

    fn delete_shared(&self, key: &str, expected: Option<u64>) -> Result<(), SharedError> {
        self.expect(key, expected)?;
        self.shared.borrow_mut().remove(key);
        Ok(())
    }

    fn shared_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, SharedError> {
        let shared = self.shared.borrow();
        let keys = shared.keys().filter(|key| key.starts_with(prefix));
        let later = keys.filter(|key| after.is_none_or(|after| key.as_str() > after));
        Ok(later.take(limit as usize).cloned().collect())
    }

    fn recorded(&self) -> Vec<String> {
        self.told.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Context, TestAttempt};

    #[test]
    fn a_test_can_cancel_half_way() {
        let ctx = Context::for_test_of(TestAttempt {
            cancelled_after: Some(1),
            ..TestAttempt::default()
        });
        assert!(ctx.check_cancelled().is_ok());
        assert_eq!(
            ctx.check_cancelled().unwrap_err().to_string(),
            "cancelled: stopped as asked"
        );
    }

    #[test]
    fn a_secret_that_was_not_granted_is_refused() {
        let refused = Context::for_test().secret("github").unwrap_err();
        assert_eq!(refused.code(), Some("denied"));
    }

    #[test]
    fn a_setting_has_a_type() {
        let settings = [("limit".to_owned(), 5.into()), ("name".to_owned(), "x".into())].into();
        let ctx = Context::for_test_of(TestAttempt {
            settings,
            ..TestAttempt::default()
        });
        assert_eq!(ctx.config::<u8>("limit").unwrap(), Some(5));
        assert_eq!(ctx.config::<u8>("other").unwrap(), None);
        assert!(
            ctx.config::<u8>("name")
                .unwrap_err()
                .message()
                .starts_with("the setting `name` does not fit")
        );
    }
}
