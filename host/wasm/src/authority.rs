//! May the host still act for a run?

use crate::store::Stopped;
use std::fmt;
use std::sync::Arc;

/// Asked before every call of a guest that something outside can notice, and at every tick of its time: a host that was
/// paused or cut off has lost its runs to others, and must not go on where it was. Clones ask the same.
#[derive(Clone)]
pub struct Authority(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Authority {
    /// Returns the authority of a host that nobody else can take anything from.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// Returns the authority that lasts as long as `holds` says so. It is asked often, and must not block.
    pub fn as_long_as(holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(holds)))
    }

    /// Returns the error that ends a guest without authority.
    pub(crate) fn check(&self) -> wasmtime::Result<()> {
        match &self.0 {
            Some(holds) if !holds() => Err(wasmtime::Error::new(Stopped::Disowned)),
            _ => Ok(()),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::unlimited()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Authority(limited)"
        } else {
            "Authority(unlimited)"
        })
    }
}
