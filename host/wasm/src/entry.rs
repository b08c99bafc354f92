//! How a guest is entered once: instantiated in a store of its own, called, stopped in time, and gone afterwards.

use crate::contract::{actions, types};
use crate::host::denials::Denials;
use crate::limits::Limits;
use crate::log::{LogBook, Progress};
use crate::meter::Meter;
use crate::report::{DeniedCall, Lingering, LogTotals, Usage};
use crate::sandbox::Sandbox;
use crate::store::{Parts, State, new_store};
use cofferdam_engine::{Data, SharedChange};
use std::future::Future;
use std::time::{Duration, Instant};
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
pub(crate) enum Ending {
    Answered(Answer),
    Broke { error: wasmtime::Error, entered: bool },
    TimedOut,
    Cancelled,
}

/// What is left when the store is gone.
pub(crate) struct Remains {
    pub(crate) ending: Ending,
    pub(crate) usage: Usage,
    pub(crate) log: LogTotals,
    pub(crate) stderr: String,
    pub(crate) refused_growth: Option<(crate::limits::LimitName, u64, u64)>,
    pub(crate) progress: Option<Progress>,
    pub(crate) saved: Option<Data>,
    pub(crate) shared: Vec<SharedChange>,
    pub(crate) metrics: Vec<(String, f64)>,
    pub(crate) denied: Vec<DeniedCall>,
    pub(crate) denied_total: u64,
    pub(crate) lingering: Lingering,
}

/// Enters a guest for one errand. When `stop` is ready first, or `wall` is over, the guest is gone with its store.
pub(crate) async fn enter(
    sandbox: &Sandbox,
    guest: &Guest,
    errand: Errand,
    limits: &Limits,
    wall: Duration,
    stop: impl Future<Output = ()>,
    parts: Parts,
) -> Remains {
    let (log, denials): (LogBook, Denials) = (parts.log.clone(), parts.denials.clone());
    let meter = Meter::default();
    let began = Instant::now();
    let _ticking = sandbox.ticking();
    let mut store = new_store(sandbox.engine(), limits, &meter, parts);
    let mut entered = false;
    let ending = {
        let work = meter.measure(call(&mut store, guest, errand, &mut entered));
        // A guest that has its answer when its time is over has been in time.
        tokio::select! {
            biased;
            answer = work => answer.map(Ending::Answered),
            () = stop => Ok(Ending::Cancelled),
            () = tokio::time::sleep(wall) => Ok(Ending::TimedOut),
        }
    };
    let ending = ending.unwrap_or_else(|error| Ending::Broke { error, entered });
    let wall = began.elapsed();
    let state = store.data_mut();
    state.stdout.finish();
    state.stderr.finish();
    let (progress, saved) = state.progress.take();
    let metrics = state.metrics.take();
    let shared = state.context.take();
    let usage = Usage {
        wall,
        cpu: meter.used(),
        memory: state.limiter.peak_memory(),
        table: state.limiter.peak_table(),
        output: 0,
    };
    let refused_growth = state.limiter.refused();
    let lingering = state.directories.lingering();
    drop(store);
    let (denied, denied_total) = denials.take();
    Remains {
        ending,
        usage,
        log: log.totals(),
        stderr: log.stderr_tail(),
        refused_growth,
        progress,
        saved,
        shared,
        metrics,
        denied,
        denied_total,
        lingering,
    }
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
