//! The interface `progress`: how far the work is, and what the next attempt finds.

use crate::action::Observer;
use crate::contract::{progress, types};
use crate::log::{Progress, printable};
use crate::secret::Released;
use crate::store::State;
use cofferdam_engine::Data;
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// The progress of one attempt.
pub(crate) struct ProgressBook {
    observer: Arc<dyn Observer>,
    last: Option<Progress>,
    previous: Option<Data>,
    saved: Option<Data>,
    released: Released,
}

const MAX_MESSAGE: usize = 1024;
const MAX_DETAIL: usize = 64 * 1024;

impl ProgressBook {
    pub(crate) fn new(observer: Arc<dyn Observer>, previous: Option<Data>, released: Released) -> Self {
        Self {
            observer,
            last: None,
            previous,
            saved: None,
            released,
        }
    }

    pub(crate) fn take(&mut self) -> (Option<Progress>, Option<Data>) {
        (self.last.take(), self.saved.take())
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    progress::add_to_linker::<_, HasSelf<ProgressBook>>(linker, |state| &mut state.progress)
}

impl progress::Host for ProgressBook {
    fn report(&mut self, done: u64, total: Option<u64>, message: String) -> wasmtime::Result<()> {
        let progress = Progress {
            done,
            total,
            message: printable(&self.released.cover(message), MAX_MESSAGE),
        };
        self.observer.progress(&progress);
        self.last = Some(progress);
        Ok(())
    }

    fn save(&mut self, detail: String) -> wasmtime::Result<Result<(), types::Denial>> {
        if detail.len() > MAX_DETAIL {
            return Ok(Err(types::Denial::TooLarge(MAX_DETAIL as u64)));
        }
        Ok(match Data::from_json(&detail, MAX_DETAIL) {
            Ok(data) => {
                self.observer.saved(&self.released.cover_data(&data));
                self.saved = Some(data);
                Ok(())
            }
            Err(error) => Err(types::Denial::Other(error.to_string())),
        })
    }

    fn saved(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.previous.as_ref().map(Data::to_json))
    }
}
