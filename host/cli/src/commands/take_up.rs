//! What does it take to carry on a run that somebody else began?

use super::drive::Scene;
use super::run::{how, state_note};
use crate::arguments::Manner;
use crate::equipment::{Equipment, Unequipped, plugins_of};
use crate::failure::{Exit, Failure, not_driven};
use crate::progress::RunProgress;
use crate::station::{Plugins, Station};
use crate::tree::{day_and_time, heading};
use crate::watch::Watcher;
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Event, Recorded, RunId, RunStatus};
use cofferdam_runtime::{Driving, Executor, Host, SandboxExecutor, Unobserved};
use cofferdam_store::{Claim, Definition, RunLog, RunSummary};
use cofferdam_wasm::{Registry, Sandbox};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// A run that can be carried on here: its components are loaded and may touch what they need.
pub(super) struct Ready {
    log: Arc<dyn RunLog>,
    plan: Arc<Plan>,
    definition: Definition,
    short: String,
    executor: Arc<SandboxExecutor>,
}

/// Prepares to carry on `run`: everything that can refuse does so here, before the run is claimed.
pub(super) async fn ready(
    station: &Station,
    log: &Arc<dyn RunLog>,
    run: RunId,
    short: &str,
) -> Result<Ready, Unequipped> {
    station.require_trust()?;
    let sandbox = station.sandbox()?;
    let registry = Arc::new(Registry::discover(&sandbox, &station.sources()).await);
    ready_with(station, (&sandbox, registry), log, run, short).await
}

/// Prepares to carry on `run` with plugins that were found already.
pub(super) async fn ready_with(
    station: &Station,
    (sandbox, registry): (&Sandbox, Arc<Registry>),
    log: &Arc<dyn RunLog>,
    run: RunId,
    short: &str,
) -> Result<Ready, Unequipped> {
    station.require_trust()?;
    let definition = log.definition(run).await;
    let definition = definition.map_err(|error| Failure::of(Exit::Internal, error))?;
    let Some(definition) = definition else {
        return Err(Failure::new(Exit::Usage, format!("run {short} is not recorded")).into());
    };
    let plan = Arc::new(Plan::decode(&definition.plan).map_err(|error| Failure::of(Exit::Invalid, error))?);
    let plugins = station.known(registry, plugins_of(&plan))?;
    equipped(station, sandbox, &plugins, log, (definition, plan), short).await
}

/// Prepares to carry on a run with a definition: its components are among `plugins` or kept.
pub(super) async fn equipped(
    station: &Station,
    sandbox: &Sandbox,
    plugins: &Plugins,
    log: &Arc<dyn RunLog>,
    (definition, plan): (Definition, Arc<Plan>),
    short: &str,
) -> Result<Ready, Unequipped> {
    let equipment = Equipment::of(station, sandbox, plugins, &plan, short).await?;
    equipment.require_locked(station)?;
    equipment.require_grants(station, &plan, "nothing was touched; what is recorded is kept")?;
    let executor = equipment.executor(station, &plan)?;
    equipment.keep(station)?;
    Ok(Ready {
        log: Arc::clone(log),
        plan,
        definition,
        short: short.to_owned(),
        executor: Arc::new(executor),
    })
}

impl Ready {
    /// Returns the plan of the run.
    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns what carries the run out.
    pub(super) fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.executor) as Arc<_>
    }

    /// Returns what the run executes.
    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Drives the run from `claim` on, with `note` behind its heading.
    pub(super) async fn drive<'a>(
        &'a self,
        station: &'a Station,
        manner: &'a Manner,
        claim: Claim,
        note: &str,
    ) -> Result<(Driving, Scene<'a>), Failure> {
        let progress = RunProgress::of(Arc::clone(&self.plan), &history(&self.log, &claim).await?);
        let scene = self.scene(station, manner, claim.run, progress, note);
        let driving = scene.host.take_up(claim, Arc::clone(&scene.watcher) as Arc<_>).await;
        let driving = driving.map_err(|error| Failure::of(Exit::Invalid, error))?;
        Ok((driving, scene))
    }

    /// Takes the run up from `claim` on to answer its messages, and drives it once it is told to.
    pub(super) async fn drive_when_told<'a>(
        &'a self,
        station: &'a Station,
        manner: &'a Manner,
        claim: Claim,
    ) -> Result<(Driving, Scene<'a>), Failure> {
        let progress = RunProgress::of(Arc::clone(&self.plan), &history(&self.log, &claim).await?);
        let scene = self.scene(station, manner, claim.run, progress, "");
        let observer = Arc::clone(&scene.watcher) as Arc<_>;
        let driving = scene.host.take_up_when_told(claim, observer).await;
        let driving = driving.map_err(|error| Failure::of(Exit::Invalid, error))?;
        Ok((driving, scene))
    }

    /// Returns the scene on which `run` is carried on, of which `progress` was made so far.
    pub(super) fn scene<'a>(
        &'a self,
        station: &'a Station,
        manner: &'a Manner,
        run: RunId,
        mut progress: RunProgress,
        note: &str,
    ) -> Scene<'a> {
        progress.keep();
        let heading = heading(self.plan.name(), &self.short, note, &station.look);
        let host = host_of(station, &self.log).with_executor(self.executor());
        let watcher = Watcher::new(
            run,
            self.short.clone(),
            progress,
            heading,
            station.look,
            how(manner),
            Arc::clone(&self.log),
        );
        let watcher = Arc::new(watcher.with_file(&station.configuration));
        Scene {
            station,
            manner,
            host,
            watcher,
            definition: &self.definition,
            earlier: OnceLock::new(),
        }
    }
}

/// Returns a host on `log` as the configuration wants it, which carries nothing out by itself.
pub(super) fn host_of(station: &Station, log: &Arc<dyn RunLog>) -> Host {
    let attempts = u32::try_from(station.configuration.attempts()).unwrap_or(u32::MAX);
    let host = Host::deciding(Arc::clone(log), attempts);
    host.with_grace(station.configuration.cancel_grace())
}

/// Returns all events of a claimed run, to show what was kept; taking it up needs only those behind its snapshot.
pub(super) async fn history<'c>(log: &Arc<dyn RunLog>, claim: &'c Claim) -> Result<Cow<'c, [Recorded]>, Failure> {
    if claim.snapshot.is_none() {
        return Ok(Cow::Borrowed(&claim.events));
    }
    let events = log.events(claim.run, 0, usize::MAX).await;
    events
        .map(Cow::Owned)
        .map_err(|error| Failure::of(Exit::Invalid, error))
}

/// Returns what stands behind the heading of a run that is taken up, `summary` being how it was found.
pub(super) fn note(station: &Station, summary: Option<&RunSummary>) -> String {
    match summary.map(|summary| (summary.status, &summary.owner, summary.updated_at)) {
        Some((RunStatus::Running, Some(owner), _)) => format!(
            "its host is gone (process {} on this machine), taking over at once",
            owner.pid
        ),
        // Nothing happens in a run between its interruption and whoever takes it up.
        Some((RunStatus::Interrupted, _, at)) => format!("interrupted {}", day_and_time(at)),
        _ => state_note(station),
    }
}

/// Records with a claimed run what it `lacks` to go on: it answers its messages and is let go of.
pub(super) async fn set_aside(log: &Arc<dyn RunLog>, claim: Claim, lacks: String) -> Result<(), Failure> {
    let host = Host::deciding(Arc::clone(log), 1);
    let leaving = host.set_aside(claim, lacks, Arc::new(Unobserved)).await;
    let leaving = leaving.map_err(|error| Failure::of(Exit::Invalid, error))?;
    match leaving.wait().await {
        Ok(_) => Ok(()),
        Err(error) => Err(not_driven(error)),
    }
}

/// Returns what a run that nobody drives was found to lack when it was last tried; none if nothing was missing.
pub(super) async fn lack(log: &Arc<dyn RunLog>, summary: &RunSummary) -> Result<Option<String>, Failure> {
    if summary.status != RunStatus::Interrupted {
        return Ok(None);
    }
    let last = log.events(summary.id, summary.version.0.saturating_sub(1), 1).await;
    let last = last.map_err(|error| Failure::of(Exit::Internal, error))?;
    Ok(last.into_iter().find_map(|recorded| match recorded.event {
        Event::RunInterrupted { reason, .. } => reason,
        _ => None,
    }))
}

/// Lets a run answer its messages and leaves it: nothing of it is entered.
pub(super) async fn decided_here(log: &Arc<dyn RunLog>, claim: Claim) -> Result<(), Failure> {
    let host = Host::deciding(Arc::clone(log), 1);
    let deciding = host.decide_only(claim, Arc::new(Unobserved)).await;
    let deciding = deciding.map_err(|error| Failure::of(Exit::Invalid, error))?;
    match deciding.wait().await {
        Ok(_) => Ok(()),
        Err(error) => Err(not_driven(error)),
    }
}
