//! What does a program say before it has a host inside of it?

use super::Embedded;
use crate::guest_threads::guest_threads;
use crate::host::Host;
use crate::live_registry::LiveRegistry;
use cofferdam_store::{Creation, Durability, HostId, LeaseTerms, OpenError, RunLog, SqliteLog, SqliteOptions};
use cofferdam_wasm::{
    Allowed, Builtin, Change, Compiler, Copies, Limits, Narrowing, Pattern, Problem, Resolver, Sandbox, SandboxError,
    SandboxOptions, Sources,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How many attempts are under way at most, if nothing else is said.
const ATTEMPTS: u32 = 64;

/// What a host inside of a program is made from.
#[derive(Default)]
#[must_use = "a builder builds nothing before `build`"]
pub struct Builder {
    state: Option<PathBuf>,
    log: Option<Arc<dyn RunLog>>,
    copies: Option<PathBuf>,
    code: Option<PathBuf>,
    compiler: Option<Compiler>,
    sources: Sources,
    allowed: BTreeMap<String, Allowed>,
    narrowed: Vec<(Pattern, Narrowing)>,
    limits: Limits,
    attempts: Option<u32>,
    grace: Option<Duration>,
    news: Option<News>,
}

/// Who is told of plugins that come, change and go.
type News = Box<dyn Fn(&Change) + Send>;

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nobody said where runs are recorded.
    #[error("a host needs a state: `Builder::state` or `Builder::log`")]
    NoState,
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] OpenError),
    /// The sandbox cannot be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The threads of the guests cannot be started.
    #[error("cannot start the threads of the guests")]
    Threads(#[source] std::io::Error),
    /// Plugins were found that cannot be used.
    #[error("{} cannot be used: {}", .0.file.display(), .0.reason)]
    Plugin(Box<Problem>),
}

impl Builder {
    /// Records runs in a SQLite file, made if it is missing, and keeps their components beside it.
    pub fn state(mut self, file: impl Into<PathBuf>) -> Self {
        self.state = Some(file.into());
        self
    }

    /// Records runs in a log of the program's own. Their components are kept if [`Builder::copies`] says where.
    pub fn log(mut self, log: Arc<dyn RunLog>) -> Self {
        self.log = Some(log);
        self
    }

    /// Keeps the components of runs in this directory, so that runs outlive the plugins that they began with.
    pub fn copies(mut self, directory: impl Into<PathBuf>) -> Self {
        self.copies = Some(directory.into());
        self
    }

    /// Keeps compiled code in this directory, which must be this user's alone: plugins load at once the next time.
    pub fn code(mut self, directory: impl Into<PathBuf>) -> Self {
        self.code = Some(directory.into());
        self
    }

    /// Lets another process compile components; without this, the program itself does, behind the checks of the sandbox.
    pub fn compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// Adds a plugin that is part of the program.
    pub fn plugin(
        mut self,
        name: impl Into<String>,
        version: impl Into<String>,
        component: impl Into<Arc<[u8]>>,
    ) -> Self {
        self.sources.builtins.push(Builtin {
            name: name.into(),
            bytes: component.into(),
            version: version.into(),
        });
        self
    }

    /// Adds the plugins `NAME.wasm` of a directory, which is followed: what is put there, replaced or removed later counts for
    /// runs that start from then on. A file that cannot be used then takes nothing away.
    pub fn plugins(mut self, directory: impl Into<PathBuf>) -> Self {
        self.sources.directories.push(directory.into());
        self
    }

    /// Allows something to a plugin. What nobody allows is not granted, whatever the plugin asks for.
    pub fn allow(mut self, plugin: impl Into<String>, allowed: Allowed) -> Self {
        self.allowed.insert(plugin.into(), allowed);
        self
    }

    /// Takes something away from the workflows whose names fit, whatever is allowed to their plugins.
    pub fn narrow(mut self, workflows: Pattern, narrowing: Narrowing) -> Self {
        self.narrowed.push((workflows, narrowing));
        self
    }

    /// Sets what every attempt may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how many attempts are under way at most.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Sets how long a guest may go on that is to stop and can be noticed outside.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Tells the program of each plugin that comes, is replaced, goes, or cannot be used, while the host is there. Without this
    /// they are told as events of `tracing`.
    pub fn news(mut self, news: impl Fn(&Change) + Send + 'static) -> Self {
        self.news = Some(Box::new(news));
        self
    }

    /// Makes the host. Guests run on threads of its own, so that they never hold up the program's.
    ///
    /// # Errors
    /// If the state, the sandbox or a plugin cannot be used.
    pub async fn build(self) -> Result<Embedded, BuildError> {
        let attempts = self.attempts.unwrap_or(ATTEMPTS).max(1);
        let guests = guest_threads().map_err(BuildError::Threads)?;
        let sandbox = Sandbox::new(&SandboxOptions {
            slots: attempts,
            vault: self.code,
            compiler: self.compiler.unwrap_or(Compiler::InProcess),
            resolver: Resolver::system(),
            threads: Some(guests.handle().clone()),
            ..SandboxOptions::default()
        })?;
        let has_directories = !self.sources.directories.is_empty();
        let registry = LiveRegistry::open(sandbox.clone(), self.sources).await;
        if let Some(problem) = registry.current().problems().first() {
            return Err(BuildError::Plugin(Box::new(problem.clone())));
        }
        let beside = self
            .state
            .as_ref()
            .and_then(|file| file.parent().map(|directory| directory.join("components")));
        let log = match (self.log, self.state) {
            (Some(log), _) => log,
            (None, Some(path)) => open(path)?,
            (None, None) => return Err(BuildError::NoState),
        };
        if has_directories {
            registry.follow(guests.handle(), self.news.unwrap_or_else(|| Box::new(trace)));
        }
        let host = Host::deciding(log, attempts);
        Ok(Embedded {
            host: match self.grace {
                Some(grace) => host.with_grace(grace),
                None => host,
            },
            sandbox,
            registry,
            allowed: self.allowed,
            narrowed: self.narrowed,
            limits: self.limits,
            copies: self.copies.or(beside).map(Copies::at),
            guests: Some(guests),
        })
    }
}

fn open(path: PathBuf) -> Result<Arc<dyn RunLog>, BuildError> {
    // New for every process, and for every host of one.
    let host = HostId::parse(&format!("host-{}", uuid::Uuid::now_v7()));
    let log = SqliteLog::open(SqliteOptions {
        path,
        host: host.unwrap_or_else(|| unreachable!("letters, digits and dashes name a host")),
        durability: Durability::Full,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    })?;
    Ok(Arc::new(log))
}

fn trace(change: &Change) {
    match change {
        Change::Rejected(problem) => tracing::warn!(file = %problem.file.display(), "{change}"),
        Change::Added { .. } | Change::Replaced { .. } | Change::Removed { .. } => tracing::info!("{change}"),
    }
}
