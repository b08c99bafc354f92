//! The interface `settings`: what the operator has set for the plugin.

use crate::contract::settings;
use crate::store::State;
use cofferdam_engine::Data;
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// The settings of one plugin.
#[derive(Default)]
pub(crate) struct SettingBook(pub(crate) Arc<BTreeMap<String, Data>>);

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    settings::add_to_linker::<_, HasSelf<SettingBook>>(linker, |state| &mut state.settings)
}

impl settings::Host for SettingBook {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.0.get(&key).map(Data::to_json))
    }
}
