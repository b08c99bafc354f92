//! How a guest is entered once: instantiated in a store of its own, called, stopped in time, and gone afterwards.

use crate::contract::{actions, types};
use crate::limits::{LimitName, Limits};
use crate::log::Progress;
use crate::meter::Meter;
use crate::report::{DeniedCall, Lingering, LogTotals, Usage};
use crate::sandbox::Sandbox;
use crate::store::{Parts, State, new_store};
use crate::ticker::Ticking;
use crate::turns::{EndOnDrop, Turns};
use cofferdam_engine::{Data, SharedChange};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wasmtime::Store;
use wasmtime::component::InstancePre;

/// A component that is ready to be entered.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) pre: InstancePre<State>,
    pub(crate) actions: actions::GuestIndices,
}

/// What the guest is asked.
pub(crate) enum Errand {
    Describe,
    Run { action: String, params: String },
}

/// What it answered.
pub(crate) enum Answer {
    Descriptors(Vec<types::Descriptor>),
    Result(Result<types::Outcome, types::Failure>),
}

/// How it ended.
pub(crate) enum Ending<T> {
    Answered(T),
    Broke { error: wasmtime::Error, entered: bool },
    TimedOut,
    Cancelled,
}

/// What is needed to enter a guest once.
pub(crate) struct Visit {
    pub(crate) errand: Errand,
    pub(crate) limits: Limits,
    /// For how long.
    pub(crate) wall: Duration,
    pub(crate) parts: Parts,
    /// Given back when the guest is gone.
    pub(crate) slot: OwnedSemaphorePermit,
}

/// What is left when the store is gone.
pub(crate) struct Remains<T> {
    pub(crate) ending: Ending<T>,
    pub(crate) usage: Usage,
    pub(crate) log: LogTotals,
    pub(crate) stderr: String,
    pub(crate) denied: Vec<DeniedCall>,
    pub(crate) denied_total: u64,
    pub(crate) left: Left,
}

/// What the guest left in its store.
#[derive(Default)]
pub(crate) struct Left {
    pub(crate) refused_growth: Option<(LimitName, u64, u64)>,
    pub(crate) progress: Option<Progress>,
    pub(crate) saved: Option<Data>,
    pub(crate) shared: Vec<SharedChange>,
    pub(crate) metrics: Vec<(String, f64)>,
    pub(crate) lingering: Lingering,
}

/// Enters a guest for one errand. When `stop` is ready first, or the time is over, the guest is gone with its store.
///
/// `read` makes of the answer what is wanted of it, where the guest computes: what a stranger wrote may be long.
/// When the future is dropped, the guest is gone within a tick.
pub(crate) async fn enter<T: Send + 'static>(
    sandbox: &Sandbox,
    guest: &Guest,
    visit: Visit,
    stop: impl Future<Output = ()>,
    read: impl FnOnce(Answer) -> T + Send + 'static,
) -> Remains<T> {
    let (log, denials) = (visit.parts.log.clone(), visit.parts.denials.clone());
    let (wall, threads) = (visit.wall, sandbox.threads().cloned());
    let began = Instant::now();
    let (parting, parted) = Parting::new();
    let turns = Arc::new(Turns::of(stay(sandbox.clone(), guest.clone(), visit, read, parting)));
    let early = {
        let _gone = EndOnDrop(&turns);
        // A guest that has its answer when its time is over has been in time.
        tokio::select! {
            biased;
            () = Arc::clone(&turns).taken(threads) => None,
            () = stop => Some(Ending::Cancelled),
            () = tokio::time::sleep(wall) => Some(Ending::TimedOut),
        }
    };
    // Its sender is dropped with the guest, which is gone by now or when its tick is over.
    let parted = parted.await.unwrap_or_default();
    let (denied, denied_total) = denials.take();
    Remains {
        // Threads that are being shut down take guests with them.
        ending: parted.ending.or(early).unwrap_or(Ending::Cancelled),
        usage: Usage {
            wall: began.elapsed(),
            wall_allowed: wall,
            ..parted.usage
        },
        log: log.totals(),
        stderr: log.stderr_tail(),
        denied,
        denied_total,
        left: parted.left,
    }
}

/// Is the guest, from its store to its end.
async fn stay<T>(sandbox: Sandbox, guest: Guest, visit: Visit, read: impl FnOnce(Answer) -> T, parting: Parting<T>) {
    let meter = Meter::default();
    let mut held = Held {
        store: new_store(sandbox.engine(), &visit.limits, &meter, visit.parts),
        meter: meter.clone(),
        _ticking: sandbox.ticking(),
        _slot: visit.slot,
        parting,
    };
    let mut entered = false;
    let answer = meter
        .measure(call(&mut held.store, &guest, visit.errand, &mut entered))
        .await;
    held.parting.last.ending = Some(match answer {
        Ok(answer) => Ending::Answered(read(answer)),
        Err(error) => Ending::Broke { error, entered },
    });
}

async fn call(store: &mut Store<State>, guest: &Guest, errand: Errand, entered: &mut bool) -> wasmtime::Result<Answer> {
    let instance = guest.pre.instantiate_async(&mut *store).await?;
    let actions = guest.actions.load(&mut *store, &instance)?;
    *entered = true;
    match errand {
        Errand::Describe => Ok(Answer::Descriptors(actions.call_describe(store).await?)),
        Errand::Run { action, params } => Ok(Answer::Result(actions.call_run(store, &action, &params).await?)),
    }
}

/// A store with a guest in it; whoever drops it, in the middle or at the end, learns what the guest left.
struct Held<T> {
    store: Store<State>,
    meter: Meter,
    _ticking: Ticking,
    _slot: OwnedSemaphorePermit,
    /// The last of these, so that it tells of a store that is gone.
    parting: Parting<T>,
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        let state = self.store.data_mut();
        state.stdout.finish();
        state.stderr.finish();
        let (progress, saved) = state.progress.take();
        let last = &mut self.parting.last;
        last.usage = Usage {
            cpu: self.meter.used(),
            memory: state.limiter.peak_memory(),
            table: state.limiter.peak_table(),
            ..Usage::default()
        };
        last.left = Left {
            refused_growth: state.limiter.refused(),
            progress,
            saved,
            shared: state.context.take(),
            metrics: state.metrics.take(),
            lingering: state.directories.lingering(),
        };
    }
}

/// What is known of a guest when it is gone.
struct Last<T> {
    /// How it ended by itself.
    ending: Option<Ending<T>>,
    usage: Usage,
    left: Left,
}

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self {
            ending: None,
            usage: Usage::default(),
            left: Left::default(),
        }
    }
}

/// Tells what is known when it is dropped.
struct Parting<T> {
    last: Last<T>,
    to: Option<oneshot::Sender<Last<T>>>,
}

impl<T> Parting<T> {
    fn new() -> (Self, oneshot::Receiver<Last<T>>) {
        let (to, parted) = oneshot::channel();
        let parting = Self {
            last: Last::default(),
            to: Some(to),
        };
        (parting, parted)
    }
}

impl<T> Drop for Parting<T> {
    fn drop(&mut self) {
        if let Some(to) = self.to.take() {
            // Nobody waits for a guest whose attempt was given up.
            let _ = to.send(std::mem::take(&mut self.last));
        }
    }
}
