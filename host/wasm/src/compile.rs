//! How the bytes of a component become code of this machine.
//!
//! Compilation is attack surface: it works on what a stranger wrote. Nothing reaches it that [`crate::precheck`] has not
//! passed, and it is one function from bytes to bytes, so that it can be moved into a process of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmtime::Engine;

/// Why there is no code.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("not valid: {0}")]
    Invalid(String),
    #[error("the compiler broke down over it")]
    BrokeDown,
}

/// Returns the code of `component`, for this engine only.
pub(crate) fn compile(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    match catch_unwind(AssertUnwindSafe(|| engine.precompile_component(component))) {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Err(CompileError::Invalid(first_line(&format!("{error:#}")))),
        Err(_) => Err(CompileError::BrokeDown),
    }
}

fn first_line(text: &str) -> String {
    crate::log::printable(text, 512)
}
