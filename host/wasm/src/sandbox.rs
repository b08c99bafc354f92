//! What all instances share: the engine, the linked host interfaces, the slots, and the clock that stops guests.

use crate::compile::Compiler;
use crate::egress::{Resolver, Wire};
use crate::host;
use crate::host::filesystem::Tallies;
use crate::limits::LimitName;
use crate::store::State;
use crate::ticker::{Ticker, Ticking};
use crate::vault::{Vault, VaultError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, PoolingAllocatorMetrics,
    WasmBacktraceDetails,
};

/// How often a guest that computes gives way, and how exactly its computing time is enforced.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// How many components are compiled at the same time.
const COMPILATIONS: usize = 2;

/// How much compiled code is kept unless the options say otherwise: that of some hundred plugins.
const VAULT_ROOM: u64 = 1 << 30;

/// What a sandbox is made for.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// How many guests can be in the sandbox at once.
    pub slots: u32,
    /// Where compiled code is kept: a directory of this user alone, outside of any project; none: nowhere.
    pub vault: Option<PathBuf>,
    /// How many bytes of compiled code are kept there; beyond them goes what was not used for longest.
    pub vault_room: u64,
    /// Which process compiles.
    pub compiler: Compiler,
    /// Who says which addresses a name has.
    pub resolver: Resolver,
    /// On which threads guests compute; none: where they are entered. Whoever enters them keeps their deadlines, and with threads of
    /// their own they cannot hold it up.
    pub threads: Option<Handle>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            slots: 64,
            vault: None,
            vault_room: VAULT_ROOM,
            compiler: Compiler::InProcess,
            resolver: Resolver::system(),
            threads: None,
        }
    }
}

/// How much of a sandbox is taken; of the pool nothing is known where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Guests that are in it.
    pub guests: u64,
    /// Instances of modules, of the pool.
    pub instances: u64,
    /// Memories of the pool.
    pub memories: u64,
    /// Tables of the pool.
    pub tables: u64,
    /// Stacks of the pool.
    pub stacks: u64,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine does not work on this machine.
    #[error("cannot set up the sandbox: {0}")]
    Engine(String),
    /// The thread of the clock cannot be started.
    #[error("cannot start the clock of the sandbox")]
    Clock(#[source] std::io::Error),
    /// The directory for compiled code cannot be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The place where guests run. Clones share it.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

struct Shared {
    engine: Engine,
    linker: Linker<State>,
    slots: Arc<Semaphore>,
    size: u32,
    vault: Option<Vault>,
    compiler: Compiler,
    /// Held by each compilation: what one costs is bounded, many at the same time would not be.
    compiling: Arc<Semaphore>,
    wire: Arc<Wire>,
    tallies: Arc<Tallies>,
    pooled: bool,
    ticker: Ticker,
    threads: Option<Handle>,
}

impl Sandbox {
    /// Sets up a sandbox.
    ///
    /// # Errors
    /// If the machine cannot run guests, or the directory for compiled code is not safe.
    pub fn new(options: &SandboxOptions) -> Result<Self, SandboxError> {
        let (engine, pooled) = engine(options.slots).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let linker = linker(&engine).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let vault = match &options.vault {
            Some(path) => Some(Vault::open(
                path,
                engine.precompile_compatibility_hash(),
                options.vault_room,
            )?),
            None => None,
        };
        let weak = engine.weak();
        let tick = move || weak.upgrade().inspect(Engine::increment_epoch).is_some();
        let ticker = Ticker::start(tick).map_err(SandboxError::Clock)?;
        let slots = Arc::new(Semaphore::new(options.slots as usize));
        Ok(Self(Arc::new(Shared {
            engine,
            linker,
            slots,
            size: options.slots,
            vault,
            compiler: options.compiler.clone(),
            compiling: Arc::new(Semaphore::new(COMPILATIONS)),
            wire: Arc::new(Wire::new(options.resolver.clone())),
            tallies: Arc::default(),
            pooled,
            ticker,
            threads: options.threads.clone(),
        })))
    }

    /// Returns whether instances come from a pool, which machines with a small address space cannot have.
    pub fn is_pooled(&self) -> bool {
        self.0.pooled
    }

    /// Returns how much of the sandbox is taken now.
    pub fn occupancy(&self) -> Occupancy {
        let pool = self.0.engine.pooling_allocator_metrics();
        let count = |count: Option<u64>| count.unwrap_or_default();
        Occupancy {
            guests: u64::from(self.0.size) - self.0.slots.available_permits() as u64,
            instances: count(pool.as_ref().map(PoolingAllocatorMetrics::core_instances)),
            memories: count(pool.as_ref().map(|pool| pool.memories() as u64)),
            tables: count(pool.as_ref().map(|pool| pool.tables() as u64)),
            stacks: count(pool.as_ref().map(|pool| pool.stacks() as u64)),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Lets the epoch tick for a guest until what is returned is dropped.
    pub(crate) fn ticking(&self) -> Ticking {
        self.0.ticker.enter()
    }

    pub(crate) fn threads(&self) -> Option<&Handle> {
        self.0.threads.as_ref()
    }

    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.0.linker
    }

    pub(crate) fn vault(&self) -> Option<&Vault> {
        self.0.vault.as_ref()
    }

    pub(crate) fn compiler(&self) -> &Compiler {
        &self.0.compiler
    }

    pub(crate) fn compiling(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.compiling)
    }

    pub(crate) fn wire(&self) -> Arc<Wire> {
        Arc::clone(&self.0.wire)
    }

    pub(crate) fn tallies(&self) -> Arc<Tallies> {
        Arc::clone(&self.0.tallies)
    }

    pub(crate) fn slots(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.slots)
    }
}

/// Returns an engine with a pool, or without one where the machine has no room for it.
fn engine(slots: u32) -> wasmtime::Result<(Engine, bool)> {
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots)));
    match Engine::new(&config) {
        Ok(engine) => Ok((engine, true)),
        Err(error) => {
            tracing::debug!(%error, "no address space for a pool of instances");
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Ok((Engine::new(&config)?, false))
        }
    }
}

/// Returns an engine that compiles for all others of this release and has no room for instances.
pub(crate) fn compiling_engine() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(512 * 1024)
        .async_stack_size(2 * 1024 * 1024)
        .async_stack_zeroing(true)
        .memory_init_cow(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Traces are made without it; the system would have to be told of it at each load.
        .native_unwind_info(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        .shared_memory(false)
        .concurrency_support(true);
    config
}

/// The pool. Components of JavaScript and Python bring 3 to 14 modules, so that there are more of everything than slots.
///
/// There is as much of everything as all slots could want at once: whoever has a slot finds the rest, whatever the others
/// are made of. What nobody takes costs addresses and no memory.
fn pool(slots: u32) -> PoolingAllocationConfig {
    const WARM_SLOTS: u32 = 32;
    const CORE_INSTANCES: u32 = 50;
    const MEMORIES: u32 = 4;
    const TABLES: u32 = 20;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .total_memories(slots.saturating_mul(MEMORIES))
        .total_tables(slots.saturating_mul(TABLES))
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memories_per_module(2)
        .max_tables_per_module(4)
        .max_memory_size(maximum(LimitName::Memory))
        .table_elements(maximum(LimitName::Table))
        .max_component_instance_size(4 * 1024 * 1024)
        .max_core_instance_size(4 * 1024 * 1024)
        .max_unused_warm_slots(WARM_SLOTS.min(slots))
        // What stays resident pays only where the kernel says which pages were touched.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(1024 * 1024)
        .table_keep_resident(64 * 1024)
        .async_stack_keep_resident(64 * 1024);
    pool
}

fn maximum(limit: LimitName) -> usize {
    usize::try_from(limit.row().maximum).unwrap_or(usize::MAX)
}

/// Links everything, granted or not: an import is not a permission, and some languages import all there is.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    host::wasi::add_to_linker(&mut linker)?;
    host::http::add_to_linker(&mut linker)?;
    host::attempt::add_to_linker(&mut linker)?;
    host::log::add_to_linker(&mut linker)?;
    host::progress::add_to_linker(&mut linker)?;
    host::metrics::add_to_linker(&mut linker)?;
    host::run_context::add_to_linker(&mut linker)?;
    host::secrets::add_to_linker(&mut linker)?;
    host::settings::add_to_linker(&mut linker)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::{compiling_engine, engine};
    use std::hash::{DefaultHasher, Hash, Hasher};

    #[test]
    fn code_of_the_engine_that_compiles_fits_the_one_that_runs() {
        let hash = |engine: &wasmtime::Engine| {
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(&engine(2).unwrap().0), hash(&compiling_engine().unwrap()));
    }
}
