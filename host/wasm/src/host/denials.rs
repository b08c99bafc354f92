//! The record of calls that were refused to a guest.

use crate::log::printable;
use crate::report::DeniedCall;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The refused calls of one attempt.
#[derive(Clone, Default)]
pub(crate) struct Denials(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    calls: Vec<DeniedCall>,
    total: u64,
}

/// A guest that tries everything must not fill the host's memory with its attempts.
const MAX_RECORDED: usize = 64;
const MAX_TARGET: usize = 256;

impl Denials {
    /// Adds a refused call, once however often it is repeated.
    pub(crate) fn record(&self, call: &'static str, target: &str, reason: impl Into<String>) {
        let mut record = self.lock();
        record.total += 1;
        if record.calls.len() >= MAX_RECORDED {
            return;
        }
        let denied = DeniedCall {
            call,
            target: printable(target, MAX_TARGET),
            reason: reason.into(),
        };
        if !record.calls.contains(&denied) {
            record.calls.push(denied);
        }
    }

    /// Returns what was recorded, and how many calls were refused in all.
    pub(crate) fn take(&self) -> (Vec<DeniedCall>, u64) {
        let mut record = self.lock();
        (std::mem::take(&mut record.calls), record.total)
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
