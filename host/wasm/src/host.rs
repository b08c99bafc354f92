//! What the host offers to guests: one interface per file.

pub(crate) mod attempt;
pub(crate) mod denials;
pub(crate) mod details;
pub(crate) mod filesystem;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod network;
pub(crate) mod progress;
pub(crate) mod run_context;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod stdio;
pub(crate) mod wasi;
