//! The plugins inside the binary.

use cofferdam_wasm::Builtin;
use std::sync::Arc;

// `NAMES_AND_BYTES`, written by the build script: empty when the plugins were not built before the host.
include!(concat!(env!("OUT_DIR"), "/builtin_plugins.rs"));

/// Returns the plugins inside the binary.
pub(crate) fn plugins() -> Vec<Builtin> {
    NAMES_AND_BYTES
        .iter()
        .map(|(name, bytes)| Builtin {
            name: (*name).to_owned(),
            bytes: Arc::from(*bytes),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
        .collect()
}

/// Returns their names, which no file can take.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NAMES_AND_BYTES.iter().map(|(name, _)| *name)
}

/// Returns whether the plugins were built before the host.
pub(crate) fn are_there() -> bool {
    !NAMES_AND_BYTES.is_empty()
}
