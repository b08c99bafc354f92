//! How the memory and the tables of one instance are kept within their limits, all of them together.

use crate::limits::{LimitName, Limits};
use wasmtime::ResourceLimiter;

/// The limiter of one store: sums over all memories and tables, remembers the peak and what it refused.
pub(crate) struct Limiter {
    memory: Account,
    table: Account,
}

struct Account {
    limit: LimitName,
    allowed: usize,
    used: usize,
    peak: usize,
    refused: Option<usize>,
}

/// More instances than any language's toolchain makes of one component.
const MAX_INSTANCES: usize = 64;

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let account = |limit| Account {
            limit,
            allowed: limits.size(limit),
            used: 0,
            peak: 0,
            refused: None,
        };
        Self {
            memory: account(LimitName::Memory),
            table: account(LimitName::Table),
        }
    }

    /// Returns the most bytes of memory that were in use at once.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory.peak as u64
    }

    /// Returns the most table elements that were in use at once.
    pub(crate) fn peak_table(&self) -> u64 {
        self.table.peak as u64
    }

    /// Returns the limit that was refused to be exceeded, its value, and what was wanted.
    pub(crate) fn refused(&self) -> Option<(LimitName, u64, u64)> {
        [&self.memory, &self.table]
            .into_iter()
            .find_map(|account| Some((account.limit, account.allowed as u64, account.refused? as u64)))
    }
}

impl Account {
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        let total = self.used.saturating_add(desired.saturating_sub(current));
        if total > self.allowed {
            self.refused = Some(total);
            return false;
        }
        // The guest's own maximum is none of our limits: wasmtime refuses it after we agreed, so it is not counted.
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.used = total;
            self.peak = self.peak.max(total);
        }
        true
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.memory.grow(current, desired, maximum))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.table.grow(current, desired, maximum))
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_INSTANCES
    }
}

#[cfg(test)]
mod tests {
    use super::{LimitName, Limiter, Limits};
    use wasmtime::ResourceLimiter as _;

    #[test]
    fn memories_are_summed() {
        let limits = Limits::default().merge([(LimitName::Memory, 1000)]).unwrap();
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(!limiter.memory_growing(0, 600, None).unwrap());
        assert!(limiter.memory_growing(600, 1000, None).unwrap());
        assert_eq!(limiter.peak_memory(), 1000);
        assert_eq!(limiter.refused(), Some((LimitName::Memory, 1000, 1200)));
    }
}
