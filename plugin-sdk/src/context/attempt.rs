//! How do the questions of an action reach the real host?

use std::time::Duration;

use serde_json::Value;

use super::{Host, Level, SharedError};
use crate::bindings::cofferdam::plugin::{attempt, log, metrics, progress, run_context, secrets, settings, types};
use crate::component::failure_from_host;
use crate::failure::Failure;

/// The attempt that this instance was made for.
pub(super) struct Attempt;

impl Host for Attempt {
    fn run(&self) -> String {
        attempt::run()
    }

    fn step(&self) -> String {
        attempt::step()
    }

    fn number(&self) -> u32 {
        attempt::number()
    }

    fn delivery(&self) -> u32 {
        attempt::delivery()
    }

    fn token(&self) -> String {
        attempt::token()
    }

    fn remaining(&self) -> Duration {
        Duration::from_millis(attempt::remaining_ms())
    }

    fn cancelled(&self) -> bool {
        attempt::cancelled()
    }

    fn dry_run(&self) -> bool {
        attempt::dry_run()
    }

    fn previous(&self) -> Option<Failure> {
        attempt::previous().map(failure_from_host)
    }

    fn fact(&self, name: &str) -> Option<Value> {
        parse(attempt::get(name))
    }

    fn setting(&self, key: &str) -> Option<Value> {
        parse(settings::get(key))
    }

    fn secret(&self, name: &str) -> Result<String, Failure> {
        secrets::placeholder(name).map_err(|denial| denied(name, denial))
    }

    fn reveal(&self, name: &str) -> Result<Vec<u8>, Failure> {
        secrets::reveal(name).map_err(|denial| denied(name, denial))
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, message, &[]);
    }

    fn progress(&self, done: u64, total: Option<u64>, message: &str) {
        progress::report(done, total, message);
    }

    fn metric(&self, name: &str, amount: f64) {
        metrics::add(name, amount);
    }

    fn save(&self, detail: &str) -> Result<(), Failure> {
        progress::save(detail).map_err(|denial| {
            let reason = reason_of(denial);
            Failure::permanent(format!("nothing can be kept for the next attempt: {reason}"))
        })
    }

    fn saved(&self) -> Option<Value> {
        parse(progress::saved())
    }

    fn shared(&self, key: &str) -> Result<Option<(Value, u64)>, SharedError> {
        let Some(entry) = run_context::get(key).map_err(refused)? else {
            return Ok(None);
        };
        let value = serde_json::from_str(&entry.value).map_err(|error| SharedError::Other(error.to_string()))?;
        Ok(Some((value, entry.revision)))
    }

    fn set_shared(&self, key: &str, value: &str, expected: Option<u64>) -> Result<u64, SharedError> {
        run_context::set(key, value, expected).map_err(refused)
    }

    fn delete_shared(&self, key: &str, expected: Option<u64>) -> Result<(), SharedError> {
        run_context::delete(key, expected).map_err(refused)
    }

    fn shared_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, SharedError> {
        run_context::keys(prefix, after, limit).map_err(refused)
    }

    fn recorded(&self) -> Vec<String> {
        Vec::new()
    }
}

fn parse(text: Option<String>) -> Option<Value> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}

fn reason_of(denial: types::Denial) -> String {
    match denial {
        types::Denial::NotGranted(reason) | types::Denial::Other(reason) => reason,
        types::Denial::TooLarge(bytes) => format!("it is longer than {bytes} bytes"),
    }
}

fn refused(refusal: run_context::Refusal) -> SharedError {
    match refusal {
        run_context::Refusal::NotGranted(reason) => SharedError::NotGranted(reason),
        run_context::Refusal::Conflict(revision) => SharedError::Conflict(revision),
        run_context::Refusal::TooLarge(bytes) => SharedError::TooLarge(bytes),
        run_context::Refusal::Other(reason) => SharedError::Other(reason),
    }
}

fn denied(name: &str, denial: types::Denial) -> Failure {
    let reason = reason_of(denial);
    Failure::permanent(format!("the secret `{name}` is refused: {reason}")).with_code("denied")
}
