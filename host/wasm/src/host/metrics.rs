//! The interface `metrics`: numbers that add up over a run.

use crate::contract::metrics;
use crate::log::printable;
use crate::store::State;
use std::collections::BTreeMap;
use wasmtime::component::{HasSelf, Linker};

/// What one attempt added, by name.
#[derive(Default)]
pub(crate) struct MetricBook(BTreeMap<String, f64>);

const MAX_NAMES: usize = 64;
const MAX_NAME: usize = 64;

impl MetricBook {
    pub(crate) fn take(&mut self) -> Vec<(String, f64)> {
        std::mem::take(&mut self.0).into_iter().collect()
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    metrics::add_to_linker::<_, HasSelf<MetricBook>>(linker, |state| &mut state.metrics)
}

impl metrics::Host for MetricBook {
    fn add(&mut self, name: String, amount: f64) -> wasmtime::Result<()> {
        let name = printable(&name, MAX_NAME);
        if let Some(sum) = self
            .0
            .get(&name)
            .copied()
            .or_else(|| (self.0.len() < MAX_NAMES).then_some(0.0))
        {
            // What is not finite, or would make the sum so, cannot be stored and is left out.
            let sum = sum + amount;
            if sum.is_finite() {
                self.0.insert(name, sum);
            }
        }
        Ok(())
    }
}
