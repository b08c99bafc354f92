//! The interface `secrets`: what stands for a secret, and the value itself where that is granted.

use crate::authority::Authority;
use crate::contract::{secrets, types};
use crate::host::denials::Denials;
use crate::secret::SecretBook;
use crate::store::State;
use wasmtime::component::{HasData, Linker};

/// The secrets of one attempt, and where it is recorded what was refused.
pub(crate) struct View<'a> {
    book: &'a SecretBook,
    denials: &'a Denials,
    authority: &'a Authority,
}

pub(crate) struct Secrets;

impl HasData for Secrets {
    type Data<'a> = View<'a>;
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    secrets::add_to_linker::<_, Secrets>(linker, |state| View {
        book: &state.secrets,
        denials: &state.denials,
        authority: &state.authority,
    })
}

impl View<'_> {
    fn refuse<T>(
        &self,
        call: &'static str,
        name: &str,
        reason: &'static str,
    ) -> wasmtime::Result<Result<T, types::Denial>> {
        self.denials.record(call, name, reason);
        Ok(Err(types::Denial::NotGranted(reason.to_owned())))
    }
}

impl secrets::Host for View<'_> {
    fn placeholder(&mut self, name: String) -> wasmtime::Result<Result<String, types::Denial>> {
        match self.book.granted(&name) {
            Some(_) => Ok(Ok(self.book.placeholder(&name))),
            None => self.refuse("secrets.placeholder", &name, "the secret is not granted"),
        }
    }

    async fn reveal(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, types::Denial>> {
        let Some(grant) = self.book.granted(&name) else {
            return self.refuse("secrets.reveal", &name, "the secret is not granted");
        };
        if !grant.reveal {
            return self.refuse(
                "secrets.reveal",
                &name,
                "the secret may be used, and its value is not told to the action",
            );
        }
        self.authority.check()?;
        Ok(match self.book.value(grant).await {
            Ok(value) => {
                self.book.released().add(&value);
                Ok(value.to_vec())
            }
            Err(error) => {
                // For the operator: where values come from is nothing for a guest.
                let reason = format!("it has no value: {error}");
                self.denials.record("secrets.reveal", &name, reason);
                Err(types::Denial::Other(format!("the secret `{name}` has no value")))
            }
        })
    }
}
