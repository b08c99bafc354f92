//! The interface `secrets`. No grant for a secret exists yet, so it refuses.

use crate::contract::{secrets, types};
use crate::host::denials::Denials;
use crate::store::State;
use wasmtime::component::{HasData, Linker};

/// The view of a guest that holds no grant for a secret.
pub(crate) struct Refusing<'a>(&'a Denials);

pub(crate) struct Secrets;

impl HasData for Secrets {
    type Data<'a> = Refusing<'a>;
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    secrets::add_to_linker::<_, Secrets>(linker, |state| Refusing(&state.denials))
}

impl Refusing<'_> {
    fn refuse<T>(&self, call: &'static str, name: &str) -> wasmtime::Result<Result<T, types::Denial>> {
        const REASON: &str = "the secret is not granted";
        self.0.record(call, name, REASON);
        Ok(Err(types::Denial::NotGranted(REASON.to_owned())))
    }
}

impl secrets::Host for Refusing<'_> {
    fn placeholder(&mut self, name: String) -> wasmtime::Result<Result<String, types::Denial>> {
        self.refuse("secrets.placeholder", &name)
    }

    fn reveal(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, types::Denial>> {
        self.refuse("secrets.reveal", &name)
    }
}
