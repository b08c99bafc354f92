//! A host inside of another program: what it takes to check a workflow, start a run, await, observe and control it.
//!
//! The command line does the same for people, with a project and its configuration. Here the program itself says which
//! plugins there are, what they may touch, and where runs are recorded. `docs/embedding.md` goes through an example.

mod builder;

pub use builder::{BuildError, Builder};

use crate::clock;
use crate::equipment::{Equipment, MissingComponent, entries, used};
use crate::host::{Driving, Host, Request as Beginning, ResumeError};
use crate::live_registry::LiveRegistry;
use crate::observer::{Observer, Unobserved};
use crate::relay::Unheard;
use crate::sandbox_executor::{PreparedAction, SandboxExecutor};
use cofferdam_dsl::{Actions, Diagnostic, Options, Source, compile};
use cofferdam_engine::inputs::{InvalidInput, resolve};
use cofferdam_engine::plan::{Plan, UnreadablePlan};
use cofferdam_engine::{Data, Digest, Request, RunId, Verdict};
use cofferdam_store::{ClaimError, NewMessage, PostError, RunLog, StoreError};
use cofferdam_wasm::{
    Allowed, Change, Copies, CopyError, GrantError, Limits, Narrowing, Pattern, Registry, Sandbox, effective,
};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// A host inside of another program.
pub struct Embedded {
    host: Host,
    sandbox: Sandbox,
    registry: LiveRegistry,
    allowed: BTreeMap<String, Allowed>,
    narrowed: Vec<(Pattern, Narrowing)>,
    limits: Limits,
    copies: Option<Copies>,
    /// The threads of the guests; none only while this is dropped.
    guests: Option<Runtime>,
}

/// A workflow that was checked: runs of it can be started.
#[derive(Clone, Debug)]
pub struct Workflow {
    plan: Arc<Plan>,
    file: String,
    text: String,
    warnings: Vec<Diagnostic>,
}

/// What is wrong with the text of a workflow.
#[derive(Clone, Debug)]
pub struct Unsound {
    /// Everything that was found, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The text, for showing the places.
    pub source: Source,
}

impl fmt::Display for Unsound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.diagnostics.iter().filter(|found| found.is_error());
        for (at, error) in errors.enumerate() {
            let line = self.source.position(error.primary.span.range().start as u32).line;
            let separator = if at == 0 { "" } else { "\n" };
            write!(
                formatter,
                "{separator}{}:{line}: {} ({})",
                self.source.name(),
                error.message,
                error.code
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Unsound {}

/// Why a run cannot be driven here.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// It was given what its workflow does not take.
    #[error("the run cannot start with these inputs: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Inputs(Vec<InvalidInput>),
    /// The plugins that it was checked with are others by now, and it does not fit them.
    #[error("the workflow does not fit the plugins that there are now: {0}")]
    Unsound(Unsound),
    /// Components are missing.
    #[error("the run needs {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Missing(Vec<MissingComponent>),
    /// What it is to touch cannot be opened.
    #[error("what `{action}` may touch cannot be opened")]
    Grant {
        /// The action.
        action: String,
        /// Why.
        source: GrantError,
    },
    /// An action asks for something that nobody allows to its plugin.
    #[error("`{action}` asks for something that is not allowed to it: {reason}")]
    NotAllowed {
        /// The action.
        action: String,
        /// What, and why not.
        reason: String,
    },
    /// Its components cannot be kept.
    #[error(transparent)]
    Keep(#[from] CopyError),
    /// It is not recorded.
    #[error("run {0} is not recorded")]
    NotFound(RunId),
    /// What it executes cannot be read.
    #[error("what the run executes cannot be read")]
    Plan(#[from] UnreadablePlan),
    /// It cannot be taken up.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The log failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It takes no message.
    #[error(transparent)]
    Post(#[from] PostError),
}

impl Workflow {
    /// Returns what its runs execute, as long as the plugins are those that it was checked with.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns what the checker had to say about it.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
}

impl Embedded {
    /// Returns what a host is made from.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns where runs are recorded: their histories, their states, and all events in order.
    pub fn log(&self) -> &Arc<dyn RunLog> {
        self.host.log()
    }

    /// Returns how much of what happened in runs so far did not reach their observers, because they were slow or panicked.
    pub fn unheard(&self) -> Unheard {
        self.host.unheard()
    }

    /// Returns the plugins as they are now. What comes, changes or goes in their directories is there in what is returned later.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.current()
    }

    /// Looks into the directories of the plugins now, instead of when the system reports a change, and returns what is different.
    pub async fn renew_plugins(&self) -> Vec<Change> {
        self.registry.renew().await
    }

    /// Checks the text of a workflow; `file` is what it is called in findings.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self, text: &str, file: &str) -> Result<Workflow, Unsound> {
        Self::check_with(&self.registry.current(), text, file)
    }

    fn check_with(registry: &Registry, text: &str, file: &str) -> Result<Workflow, Unsound> {
        let catalog = Actions::new(registry.plugins().iter().flat_map(entries));
        let mut compiled = compile(text, file, &catalog, &Options::default());
        // To whoever wants to run it, what is not carried out is an error like the others.
        compiled.diagnostics.append(&mut compiled.not_carried_out);
        match compiled.plan {
            Some(plan) => Ok(Workflow {
                plan: Arc::new(plan),
                file: file.to_owned(),
                text: text.to_owned(),
                warnings: compiled.diagnostics,
            }),
            None => Err(Unsound {
                diagnostics: compiled.diagnostics,
                source: compiled.source,
            }),
        }
    }

    /// Starts a run, which `observer` watches. Once its first events are durable, it is not lost any more.
    ///
    /// It uses the plugins that are there now and keeps them: a workflow that was checked with others is checked again.
    ///
    /// # Errors
    /// If it cannot be started; nothing is recorded then.
    pub async fn start(
        &self,
        workflow: &Workflow,
        inputs: impl IntoIterator<Item = (String, Data)>,
        observer: Arc<dyn Observer>,
    ) -> Result<Driving, EmbeddedError> {
        let registry = self.registry.current();
        let workflow = &*bound(workflow, &registry).map_err(EmbeddedError::Unsound)?;
        let plan = &workflow.plan;
        let inputs = resolve(&plan.parts().inputs, inputs.into_iter().collect()).map_err(EmbeddedError::Inputs)?;
        let executor = self.executor(plan, &registry).await?;
        let id = RunId::from_bits(uuid::Uuid::now_v7().as_u128());
        let request = Beginning {
            plan: Arc::clone(plan),
            file: workflow.file.clone(),
            source: workflow.text.clone(),
            inputs,
            injected: BTreeMap::new(),
            dry_run: false,
            caller_id: None,
        };
        Ok(self.host.with_executor(Arc::new(executor)).start(id, request, observer))
    }

    /// Takes up a run that nobody drives: one that was interrupted, waits, or lost its host.
    ///
    /// # Errors
    /// If it cannot be driven here; it is left as it was then. One whose components are missing is interrupted and says so in
    /// its history; it can be taken up when they are back.
    pub async fn resume(&self, run: RunId, observer: Arc<dyn Observer>) -> Result<Driving, EmbeddedError> {
        let definition = self.log().definition(run).await?;
        let definition = definition.ok_or(EmbeddedError::NotFound(run))?;
        let plan = Plan::decode(&definition.plan)?;
        let executor = match self.executor(&plan, &self.registry.current()).await {
            Err(EmbeddedError::Missing(missing)) => {
                self.set_aside(run, &missing).await?;
                return Err(EmbeddedError::Missing(missing));
            }
            executor => executor?,
        };
        let host = self.host.with_executor(Arc::new(executor));
        Ok(host.resume(run, observer).await?)
    }

    /// Asks a run for something as `by`, and returns what it says. A run that nobody drives decides here, and is left for
    /// [`Embedded::resume`].
    ///
    /// # Errors
    /// If the run takes no message, or its log fails.
    pub async fn ask(&self, run: RunId, by: &str, request: Request) -> Result<Verdict, EmbeddedError> {
        let message = NewMessage::new(run, clock::now(), by, request);
        let number = self.log().post(message).await?;
        loop {
            if let Some(verdict) = self.log().answer(number).await? {
                return Ok(verdict);
            }
            let summary = self.log().run(run).await?.ok_or(EmbeddedError::NotFound(run))?;
            if summary.owner.is_some_and(|owner| owner.alive) {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            match self.log().claim(run).await {
                Ok(claim) => {
                    let deciding = self.host.decide_only(claim, Arc::new(Unobserved)).await?;
                    // What it said is in the log, however the driving ended.
                    let _ = deciding.wait().await;
                }
                // Somebody else was faster, or it has just ended: the answer is there or on its way.
                Err(ClaimError::Owned { .. } | ClaimError::Final { .. }) => tokio::time::sleep(LOOK).await,
                Err(error) => return Err(ResumeError::Claim(error).into()),
            }
        }
    }

    /// Records what a run lacks, unless it ended or another host has it.
    async fn set_aside(&self, run: RunId, missing: &[MissingComponent]) -> Result<(), EmbeddedError> {
        let claim = match self.log().claim(run).await {
            Ok(claim) => claim,
            Err(ClaimError::Owned { .. } | ClaimError::Final { .. }) => return Ok(()),
            Err(error) => return Err(ResumeError::Claim(error).into()),
        };
        let reason = MissingComponent::all(missing);
        let leaving = self.host.set_aside(claim, reason, Arc::new(Unobserved)).await?;
        // Without the record the run looks as before, and can be taken up just as well.
        let _ = leaving.wait().await;
        Ok(())
    }

    /// Returns what carries out the calls of `plan`, after their components were put where they outlive their files.
    async fn executor(&self, plan: &Plan, registry: &Registry) -> Result<SandboxExecutor, EmbeddedError> {
        let equipment = Equipment::of(&self.sandbox, registry, self.copies.as_ref(), plan).await;
        let equipment = equipment.map_err(EmbeddedError::Missing)?;
        let narrowed = self
            .narrowed
            .iter()
            .filter(|(workflows, _)| workflows.matches(plan.name()));
        let narrowed: Vec<Narrowing> = narrowed.map(|(_, narrowing)| narrowing.clone()).collect();
        let executor = equipment.executor(plan, |piece, action| {
            let name = || format!("{}.{}", piece.plugin, action.descriptor().name);
            let mut allowed = self.allowed.get(&piece.plugin).cloned().unwrap_or_default();
            allowed.narrowed.extend(narrowed.iter().cloned());
            let grants = effective(&action.descriptor().needs, &allowed)
                .map_err(|source| EmbeddedError::Grant { action: name(), source })?;
            let mut needed = grants
                .decisions()
                .iter()
                .filter(|decision| !decision.need.is_optional());
            if let Some(reason) = needed.find_map(|decision| decision.refused.clone()) {
                return Err(EmbeddedError::NotAllowed { action: name(), reason });
            }
            Ok(PreparedAction {
                action,
                grants: Arc::new(grants),
                settings: Arc::new(BTreeMap::new()),
                limits: self.limits.clone(),
            })
        })?;
        if let Some(copies) = &self.copies {
            equipment.keep(copies)?;
        }
        Ok(executor)
    }
}

/// Returns a workflow as it is with the plugins of `registry`: as it was checked, unless one that it uses is another by now.
fn bound<'w>(workflow: &'w Workflow, registry: &Registry) -> Result<Cow<'w, Workflow>, Unsound> {
    let is_current = |(plugin, digest): &(&str, &Digest)| {
        let present = registry.plugin(plugin);
        present.is_some_and(|present| present.component.digest() == *digest)
    };
    if used(&workflow.plan).iter().all(is_current) {
        return Ok(Cow::Borrowed(workflow));
    }
    Embedded::check_with(registry, &workflow.text, &workflow.file).map(Cow::Owned)
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(guests) = self.guests.take() {
            // A guest's file operation that blocks for ever must not keep the program.
            guests.shutdown_background();
        }
    }
}
