//! The interface `run-context`: values that the steps of a run share. No grant for it exists yet, so it refuses.

use crate::contract::run_context;
use crate::host::denials::Denials;
use crate::store::State;
use wasmtime::component::{HasData, Linker};

/// The view of a guest that holds no grant for the run context.
pub(crate) struct Refusing<'a>(&'a Denials);

pub(crate) struct RunContext;

impl HasData for RunContext {
    type Data<'a> = Refusing<'a>;
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    run_context::add_to_linker::<_, RunContext>(linker, |state| Refusing(&state.denials))
}

impl Refusing<'_> {
    fn refuse<T>(&self, call: &'static str, target: &str) -> wasmtime::Result<Result<T, run_context::Refusal>> {
        const REASON: &str = "the run context is not granted";
        self.0.record(call, target, REASON);
        Ok(Err(run_context::Refusal::NotGranted(REASON.to_owned())))
    }
}

impl run_context::Host for Refusing<'_> {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<run_context::Entry>, run_context::Refusal>> {
        self.refuse("run-context.get", &key)
    }

    fn set(&mut self, key: String, _: String, _: Option<u64>) -> wasmtime::Result<Result<u64, run_context::Refusal>> {
        self.refuse("run-context.set", &key)
    }

    fn delete(&mut self, key: String, _: Option<u64>) -> wasmtime::Result<Result<(), run_context::Refusal>> {
        self.refuse("run-context.delete", &key)
    }

    fn keys(
        &mut self,
        prefix: String,
        _: Option<String>,
        _: u32,
    ) -> wasmtime::Result<Result<Vec<String>, run_context::Refusal>> {
        self.refuse("run-context.keys", &prefix)
    }
}
