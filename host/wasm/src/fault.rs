//! Whose fault it was that a guest did not answer: its own, a limit's, or the host's.

use crate::limits::{LimitName, Limits};
use crate::report::{ExceededLimit, Trap, TrapKind, Verdict};
use crate::store::Stopped;
use crate::{host::attempt::OutsideAttempt, log::printable, trace};
use wasmtime::Trap as Instruction;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

/// What is known when a guest has broken off.
pub(crate) struct Wreck<'a> {
    /// What the guest was asked to do, for messages.
    pub(crate) action: &'a str,
    pub(crate) error: &'a wasmtime::Error,
    /// Whether the guest had been entered; before that, most errors are the host's.
    pub(crate) entered: bool,
    pub(crate) limits: &'a Limits,
    /// The growth that was refused to it: which limit, its value, what was wanted.
    pub(crate) refused_growth: Option<(LimitName, u64, u64)>,
    pub(crate) stderr: String,
}

impl Wreck<'_> {
    /// Returns the verdict.
    pub(crate) fn judge(self) -> Verdict {
        if let Some(limit) = self.limit_by_error() {
            return self.limit(limit, None);
        }
        if let Some(exit) = self.error.downcast_ref::<I32Exit>() {
            // WASI tells a component's host whether it went well, not the number.
            let how = if exit.0 == 0 {
                "as if all were done"
            } else {
                "as failed"
            };
            let message = format!("`{}` ended its process {how} instead of returning", self.action);
            return self.trap(TrapKind::Exited, message);
        }
        if let Some(disowned @ Stopped::Disowned) = self.error.downcast_ref::<Stopped>() {
            return Verdict::HostFault(disowned.to_string());
        }
        if let Some(outside) = self.error.downcast_ref::<OutsideAttempt>() {
            let message = format!("`{}` broke the contract: {outside}", self.action);
            return self.trap(TrapKind::InvalidValue, message);
        }
        if let Some(panic) = trace::panic(&self.stderr) {
            let message = format!("`{}` panicked at {}: {}", self.action, panic.location, panic.message);
            return self.trap(TrapKind::Panic, message.trim_end_matches([':', ' ']).to_owned());
        }
        if let Some((limit, _, wanted)) = self.refused_growth {
            return self.limit(limit, Some(wanted));
        }
        match self.error.downcast_ref::<Instruction>() {
            Some(Instruction::StackOverflow) => self.stack_overflow(),
            // Rust keeps a stack of its own in memory, and recursion meets the end of that one first.
            Some(Instruction::MemoryOutOfBounds) if trace::repeats(self.error) => self.stack_overflow(),
            Some(Instruction::UnreachableCodeReached) => {
                let last = self
                    .stderr
                    .lines()
                    .rfind(|line| !line.trim().is_empty())
                    .unwrap_or_default();
                let said = if last.is_empty() {
                    String::new()
                } else {
                    format!(": {}", printable(last, 512))
                };
                let message = format!("`{}` aborted{said}", self.action);
                self.trap(TrapKind::Panic, message)
            }
            Some(trap) => {
                let text = trap.to_string();
                let message = format!("`{}` trapped: {}", self.action, text.trim_start_matches("wasm trap: "));
                self.trap(TrapKind::Instruction, message)
            }
            None if self.entered => {
                let reason = printable(&self.error.root_cause().to_string(), 512);
                let message = format!("`{}` broke the contract: {reason}", self.action);
                self.trap(TrapKind::InvalidValue, message)
            }
            None => Verdict::HostFault(printable(&format!("{:#}", self.error), 512)),
        }
    }

    /// Some limits are kept by wasmtime itself, whose errors for them have no public type.
    fn limit_by_error(&self) -> Option<LimitName> {
        if let Some(Stopped::Limit(limit)) = self.error.downcast_ref::<Stopped>() {
            return Some(*limit);
        }
        if matches!(
            self.error.downcast_ref::<ResourceTableError>(),
            Some(ResourceTableError::Full)
        ) {
            return Some(LimitName::Handles);
        }
        let cause = self.error.root_cause().to_string();
        if cause.contains("fuel allocated for hostcalls has been exhausted") {
            return Some(LimitName::Output);
        }
        cause
            .contains("store handle limit exceeded")
            .then_some(LimitName::Handles)
    }

    fn stack_overflow(self) -> Verdict {
        let message = format!("`{}` overflowed its stack: it recursed too deeply", self.action);
        self.trap(TrapKind::StackOverflow, message)
    }

    fn limit(self, limit: LimitName, used: Option<u64>) -> Verdict {
        Verdict::LimitExceeded(ExceededLimit {
            limit,
            allowed: self.limits.get(limit),
            used,
            stderr: self.stderr,
        })
    }

    fn trap(self, kind: TrapKind, message: String) -> Verdict {
        Verdict::Trapped(Trap {
            kind,
            message,
            frames: trace::frames(self.error),
            stderr: self.stderr,
        })
    }
}
