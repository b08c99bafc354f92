//! What can an action ask about its attempt, and tell while it works?

#[cfg(target_arch = "wasm32")]
mod attempt;
mod recording;
mod shared;

use std::fmt::Display;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use recording::TestAttempt;
pub use shared::{Shared, SharedError};

use crate::failure::Failure;
use recording::Recording;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Detail for whoever debugs the workflow.
    Debug,
    /// What a user likes to see.
    Info,
    /// Something odd that did not stop the work.
    Warn,
    /// Something that did.
    Error,
}

/// The attempt that an action works for. An action that wants it has a parameter `&Context`.
///
/// A test makes one with [`Context::for_test`], which records what the action tells:
///
/// ```
/// use cofferdam_plugin::Context;
/// let ctx = Context::for_test();
/// ctx.progress(1, 3, "reading");
/// ctx.warn("odd");
/// assert_eq!(ctx.recorded(), ["progress: 1 of 3 reading", "warn: odd"]);
/// ```
pub struct Context {
    host: Box<dyn Host>,
}

/// The other side: the real host, or a recording.
trait Host {
    fn run(&self) -> String;
    fn step(&self) -> String;
    fn number(&self) -> u32;
    fn delivery(&self) -> u32;
    fn token(&self) -> String;
    fn remaining(&self) -> Duration;
    fn cancelled(&self) -> bool;
    fn dry_run(&self) -> bool;
    fn previous(&self) -> Option<Failure>;
    fn fact(&self, name: &str) -> Option<Value>;
    fn setting(&self, key: &str) -> Option<Value>;
    fn secret(&self, name: &str) -> Result<String, Failure>;
    fn reveal(&self, name: &str) -> Result<Vec<u8>, Failure>;
    fn log(&self, level: Level, message: &str);
    fn progress(&self, done: u64, total: Option<u64>, message: &str);
    fn metric(&self, name: &str, amount: f64);
    fn save(&self, detail: &str) -> Result<(), Failure>;
    fn saved(&self) -> Option<Value>;
    fn shared(&self, key: &str) -> Result<Option<(Value, u64)>, SharedError>;
    fn set_shared(&self, key: &str, value: &str, expected: Option<u64>) -> Result<u64, SharedError>;
    fn delete_shared(&self, key: &str, expected: Option<u64>) -> Result<(), SharedError>;
    fn shared_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, SharedError>;
    fn recorded(&self) -> Vec<String>;
}

impl Context {
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn of_attempt() -> Self {
        Self {
            host: Box::new(attempt::Attempt),
        }
    }

    /// Makes a context for a test: a first attempt with plenty of time.
    pub fn for_test() -> Self {
        Self::for_test_of(TestAttempt::default())
    }

    /// Makes a context for a test of a particular attempt.
    pub fn for_test_of(attempt: TestAttempt) -> Self {
        Self {
            host: Box::new(Recording::new(attempt)),
        }
    }

    /// Returns what was told to a context made for a test, such as `info: 2 lines`.
    pub fn recorded(&self) -> Vec<String> {
        self.host.recorded()
    }

    /// Returns the id of the run.
    pub fn run(&self) -> String {
        self.host.run()
    }

    /// Returns the path of the step within the workflow.
    pub fn step(&self) -> String {
        self.host.step()
    }

    /// Returns which attempt this is: 1 and up, counting failures and timeouts.
    pub fn attempt(&self) -> u32 {
        self.host.number()
    }

    /// Returns which delivery of this attempt this is: one more each time a host was lost.
    pub fn delivery(&self) -> u32 {
        self.host.delivery()
    }

    /// Returns the idempotency token: the same for every attempt and delivery of one step execution.
    pub fn token(&self) -> String {
        self.host.token()
    }

    /// Returns how long it takes until the host stops the action.
    pub fn remaining(&self) -> Duration {
        self.host.remaining()
    }

    /// Returns when the host stops the action.
    pub fn deadline(&self) -> Instant {
        let now = Instant::now();
        // A host without a limit may name a time that no clock can hold; a year is as good.
        now.checked_add(self.remaining())
            .unwrap_or(now + Duration::from_secs(365 * 24 * 60 * 60))
    }

    /// Returns whether the action is asked to stop.
    pub fn cancelled(&self) -> bool {
        self.host.cancelled()
    }

    /// Fails when the action is asked to stop: `ctx.check_cancelled()?` in a loop is all that a long action needs.
    pub fn check_cancelled(&self) -> Result<(), Failure> {
        if self.cancelled() {
            Err(Failure::cancelled())
        } else {
            Ok(())
        }
    }

    /// Returns whether nothing may be changed outside.
    pub fn dry_run(&self) -> bool {
        self.host.dry_run()
    }

    /// Returns how the previous attempt failed.
    pub fn previous_error(&self) -> Option<Failure> {
        self.host.previous()
    }

    /// Returns what was said at a gate that sent the run back to this step.
    pub fn feedback(&self) -> Option<String> {
        match self.get("feedback")? {
            Value::String(text) => Some(text),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// Returns a further fact about the attempt, such as `workflow` or `iteration`, if the host knows it.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.host.fact(name)
    }

    /// Returns what the operator has set for this plugin under a key.
    pub fn config<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        match self.host.setting(key) {
            None => Ok(None),
            Some(value) => serde_json::from_value(value)
                .map(Some)
                .map_err(|error| Failure::permanent(format!("the setting `{key}` does not fit: {error}"))),
        }
    }

    /// Returns a text that stands for a secret: the host puts the value into requests to the addresses it is for.
    pub fn secret(&self, name: &str) -> Result<String, Failure> {
        self.host.secret(name)
    }

    /// Returns the value of a secret, which needs a grant of its own.
    pub fn reveal_secret(&self, name: &str) -> Result<Vec<u8>, Failure> {
        self.host.reveal(name)
    }

    /// Adds a line to the log of the step.
    pub fn log(&self, level: Level, message: impl Display) {
        self.host.log(level, &message.to_string());
    }

    /// Adds a line for whoever debugs the workflow.
    pub fn debug(&self, message: impl Display) {
        self.log(Level::Debug, message);
    }

    /// Adds a line that a user likes to see.
    pub fn info(&self, message: impl Display) {
        self.log(Level::Info, message);
    }

    /// Adds a line about something odd that did not stop the work.
    pub fn warn(&self, message: impl Display) {
        self.log(Level::Warn, message);
    }

    /// Adds a line about something that did stop it.
    pub fn error(&self, message: impl Display) {
        self.log(Level::Error, message);
    }

    /// Says how much is done, of how much if that is known, and of what.
    pub fn progress(&self, done: u64, total: impl Into<Option<u64>>, message: impl Display) {
        self.host.progress(done, total.into(), &message.to_string());
    }

    /// Keeps a detail for the attempt after this one, at most 64 KiB of JSON, in the place of what was kept before. It outlives a
    /// host that dies: what is kept is recorded about every second while the action works, and when it fails.
    pub fn save(&self, detail: &impl Serialize) -> Result<(), Failure> {
        let detail = serde_json::to_string(detail).map_err(|error| Failure::permanent(error.to_string()))?;
        self.host.save(&detail)
    }

    /// Returns what an attempt or delivery before this one kept.
    pub fn saved<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        match self.host.saved() {
            None => Ok(None),
            Some(value) => serde_json::from_value(value)
                .map(Some)
                .map_err(|error| Failure::permanent(format!("what an earlier attempt kept does not fit: {error}"))),
        }
    }

    /// Returns the values that the steps of the run share. The action asks for them with `needs = [context("ticket.*")]`.
    pub fn shared(&self) -> Shared<'_> {
        Shared::of(&*self.host)
    }

    /// Adds to a number that adds up over the run; an amount that is not finite is left out.
    pub fn metric(&self, name: &str, amount: f64) {
        if amount.is_finite() {
            self.host.metric(name, amount);
        }
    }
}
