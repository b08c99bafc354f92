//! What a store holds for one entry of a guest, and how it is built: nothing in it outlives the entry.

use crate::authority::Authority;
use crate::host::attempt::AttemptFacts;
use crate::host::denials::Denials;
use crate::host::filesystem::Directories;
use crate::host::http::Outgoing;
use crate::host::metrics::MetricBook;
use crate::host::network::refuse_network;
use crate::host::progress::ProgressBook;
use crate::host::run_context::ContextBook;
use crate::host::settings::SettingBook;
use crate::host::stdio::{LogStream, Stream};
use crate::limiter::Limiter;
use crate::limits::{LimitName, Limits};
use crate::log::LogBook;
use crate::meter::Meter;
use crate::secret::SecretBook;
use std::fmt;
use std::time::Duration;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// Everything that the host interfaces need, each its own part.
pub(crate) struct State {
    pub(crate) attempt: AttemptFacts,
    pub(crate) log: LogBook,
    pub(crate) progress: ProgressBook,
    pub(crate) metrics: MetricBook,
    pub(crate) settings: SettingBook,
    pub(crate) context: ContextBook,
    pub(crate) directories: Directories,
    pub(crate) outgoing: Outgoing,
    pub(crate) secrets: SecretBook,
    pub(crate) authority: Authority,
    pub(crate) denials: Denials,
    pub(crate) limiter: Limiter,
    pub(crate) stdout: LogStream,
    pub(crate) stderr: LogStream,
    pub(crate) wasi: WasiCtx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) table: ResourceTable,
}

/// What is put into a store by whoever enters the guest.
pub(crate) struct Parts {
    pub(crate) attempt: AttemptFacts,
    pub(crate) log: LogBook,
    pub(crate) progress: ProgressBook,
    pub(crate) settings: SettingBook,
    pub(crate) context: ContextBook,
    pub(crate) directories: Directories,
    /// The environment of the guest.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) outgoing: Outgoing,
    pub(crate) secrets: SecretBook,
    pub(crate) denials: Denials,
    pub(crate) authority: Authority,
}

/// Why the host stopped a guest in the middle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It used up a limit.
    Limit(LimitName),
    /// The host may not act for the run any more.
    Disowned,
}

/// The results of a call are copied with a little around them.
const OUTPUT_SLACK: usize = 64 * 1024;
const MAX_RANDOM: u64 = 1024 * 1024;
/// All headers of a request together.
const MAX_FIELDS: usize = 64 * 1024;

/// Returns a store with limits and deadline set, before anything of the guest has run.
pub(crate) fn new_store(engine: &Engine, limits: &Limits, meter: &Meter, parts: Parts) -> Store<State> {
    let stdout = LogStream::new(Stream::Stdout, parts.log.clone());
    let stderr = LogStream::new(Stream::Stderr, parts.log.clone());
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(stdout.clone())
        .stderr(stderr.clone())
        .envs(&parts.variables)
        .max_random_size(MAX_RANDOM);
    refuse_network(&mut wasi);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(MAX_FIELDS);
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.size(LimitName::Handles));
    let state = State {
        attempt: parts.attempt,
        log: parts.log,
        progress: parts.progress,
        metrics: MetricBook::default(),
        settings: parts.settings,
        context: parts.context,
        directories: parts.directories,
        outgoing: parts.outgoing,
        secrets: parts.secrets,
        authority: parts.authority.clone(),
        denials: parts.denials,
        limiter: Limiter::new(limits),
        stdout,
        stderr,
        wasi: wasi.build(),
        http,
        table,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(limits.size(LimitName::Output).saturating_add(OUTPUT_SLACK));
    store.set_max_component_handles(limits.size(LimitName::Handles));
    arm(
        &mut store,
        limits.duration(LimitName::Cpu),
        meter.clone(),
        parts.authority,
    );
    store
}

/// Makes the guest yield at every tick, and stops it when it has computed for `cpu` or the host lost its run.
fn arm(store: &mut Store<State>, cpu: Duration, meter: Meter, authority: Authority) {
    store.epoch_deadline_callback(move |_| {
        authority.check()?;
        if meter.used() > cpu {
            return Err(wasmtime::Error::new(Stopped::Limit(LimitName::Cpu)));
        }
        Ok(UpdateDeadline::Yield(1))
    });
    store.set_epoch_deadline(1);
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outgoing,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "the limit `{}` is used up", limit.row().setting),
            Self::Disowned => f.write_str("this host lost the run to another one"),
        }
    }
}

impl std::error::Error for Stopped {}
