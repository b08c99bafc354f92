//! The interface `log`: lines for the log of the step.

use crate::contract::log;
use crate::host::details;
use crate::log::{LogBook, LogLevel, LogSource};
use crate::store::State;
use wasmtime::component::{HasSelf, Linker};

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<LogBook>>(linker, |state| &mut state.log)
}

impl log::Host for LogBook {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => LogLevel::Trace,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        LogBook::write(self, level, LogSource::Log, &message, details::lenient(fields));
        Ok(())
    }
}
