//! Everything that a command stands on: configuration, sandbox, plugins, state.

use crate::arguments::{Locking, Place};
use crate::builtin;
use crate::diagnostics::draw_problem;
use crate::failure::{Exit, Failure};
use crate::talk::{Look, harmless, say};
use cofferdam_dsl::{ActionEntry, Actions, Options};
use cofferdam_engine::{Data, Digest};
use cofferdam_runtime::configuration::{
    Acceptances, ActionGrants, Configuration, Durability, GrantsBelong, Overrides, Problem, ProblemCode, Problems,
    Project, Provenance, TrustError, TrustStore, short_digest, user_state_directory,
};
use cofferdam_runtime::{PreparedAction, ProjectFiles, entries, origin};
use cofferdam_store::{Creation, Durability as Flush, HostId, LeaseTerms, RunLog, SqliteLog, SqliteOptions};
use cofferdam_wasm::{
    Action, Builtin, CompileLimits, Compiler, Copies, Origin, Plugin, PluginSource, Problem as Unusable, Registry,
    Resolver, Sandbox, SandboxOptions, Signatures, Sources, effective,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The argument with which this program compiles one component and does nothing else.
pub(crate) const COMPILE: &str = "compile-component";

/// The project and what its configuration says.
#[derive(Clone)]
pub(crate) struct Station {
    pub(crate) configuration: Configuration,
    pub(crate) look: Look,
    pub(crate) choice: Choice,
    /// Where guests compute.
    pub(crate) guests: Handle,
    place: Place,
}

/// Which plugins from files may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// All that are installed.
    Installed,
    /// Those that the lock file lists, as it lists them.
    Locked,
}

/// Who made a component, and who vouches for it.
pub(crate) type Maker<'s> = (Origin, &'s Signatures);

/// The plugins of a project.
pub(crate) struct Plugins {
    pub(crate) registry: Arc<Registry>,
}

/// Why a configuration cannot be used.
pub(crate) enum Unreadable {
    /// Everything that is wrong with its text.
    Problems(Problems),
    /// Something else.
    Failure(Failure),
}

impl From<Failure> for Unreadable {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Unreadable {
    /// Says everything that is wrong, and returns what is left to be said.
    pub(crate) fn show(self, look: &Look) -> Failure {
        match self {
            Self::Problems(problems) => show_problems(&problems, look),
            Self::Failure(failure) => failure,
        }
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Problems(problems) => problems.fmt(formatter),
            Self::Failure(failure) => write!(formatter, "{:#}", failure.error),
        }
    }
}

impl Station {
    /// Finds the project and reads its configuration.
    pub(crate) fn open(place: &Place, look: Look, guests: &Handle) -> Result<Self, Failure> {
        Self::read(place, look, guests).map_err(|unreadable| unreadable.show(&look))
    }

    /// Finds the project and reads its configuration, without a word about what is wrong with it.
    fn read(place: &Place, look: Look, guests: &Handle) -> Result<Self, Unreadable> {
        let overrides = overrides(place);
        let here = std::env::current_dir().map_err(|error| Failure::of(Exit::Usage, error))?;
        place
            .plugins
            .iter()
            .try_for_each(|directory| require_directory(directory))?;
        if let Some(state) = &place.state {
            require_file(state, &harmless(&state.display().to_string()))?;
        }
        let project = Project::discover(&here, &overrides).map_err(|error| Failure::of(Exit::Invalid, error))?;
        let configuration = match Configuration::load(&project, &overrides) {
            Ok(configuration) => configuration,
            Err(problems) => return Err(Unreadable::Problems(problems)),
        };
        // Who has no place for a record has accepted nothing.
        let accepted = user_state_directory().map(TrustStore::at);
        let accepted = accepted.map_or(Ok(Acceptances::default()), |store| store.acceptances(&configuration));
        let accepted = accepted.map_err(|error| Failure::of(Exit::Invalid, error))?;
        let configuration = configuration.with_acceptances(accepted);
        Ok(Self {
            configuration,
            look,
            choice: Choice::Installed,
            guests: guests.clone(),
            place: place.clone(),
        })
    }

    /// Reads the configuration, and what the user has accepted, once more: a process that goes on for long does as they say by now.
    pub(crate) fn again(&self) -> Result<Self, Unreadable> {
        let station = Self::read(&self.place, self.look, &self.guests)?;
        if station.configuration.state_path() != self.configuration.state_path() {
            let state = station.short(station.configuration.state_path());
            let message = format!("the configuration names another state now: `{state}`");
            return Err(Failure::new(Exit::Invalid, message)
                .hint("start this command again")
                .into());
        }
        Ok(Self {
            choice: self.choice,
            ..station
        })
    }

    /// Returns the station where, `if_locked`, only plugins that the lock file lists may be used.
    pub(crate) fn choosing(self, if_locked: &Locking) -> Self {
        Self {
            choice: if if_locked.locked {
                Choice::Locked
            } else {
                Choice::Installed
            },
            ..self
        }
    }

    /// Refuses a project whose file asks for more than it may without being trusted.
    pub(crate) fn require_trust(&self) -> Result<(), Failure> {
        let store = trust_store()?;
        match store.check(&self.configuration) {
            Ok(_) => {
                if self.configuration.grants_belong() == GrantsBelong::ToNames {
                    say("note: [registry] trust = \"name\": plugins keep their grants whatever is put in their files");
                }
                Ok(())
            }
            Err(TrustError::Untrusted(untrusted)) => {
                let asks: Vec<&str> = untrusted.asks.iter().map(|ask| ask.what.as_str()).collect();
                let message = match &untrusted.change {
                    None => format!("this project wants: {}", asks.join(", ")),
                    Some(change) if change.added.is_empty() => {
                        format!("{} changed since it was trusted", self.short(&untrusted.file))
                    }
                    Some(change) => format!(
                        "{} changed since it was trusted and now also wants: {}",
                        self.short(&untrusted.file),
                        change.added.join(", ")
                    ),
                };
                let failure = Failure::new(Exit::Invalid, message).code("CF0620");
                Err(failure.hint("look at the file, then: cofferdam trust"))
            }
            Err(error) => Err(Failure::of(Exit::Invalid, error)),
        }
    }

    /// Sets up a sandbox with as many slots as attempts may be under way.
    pub(crate) fn sandbox(&self) -> Result<Sandbox, Failure> {
        let slots = u32::try_from(self.configuration.attempts()).unwrap_or(u32::MAX);
        let options = SandboxOptions {
            slots,
            vault: code_directory(),
            compiler: compiler(self.configuration.compile_limits()),
            resolver: Resolver::system(),
            threads: Some(self.guests.clone()),
            ..SandboxOptions::default()
        };
        Sandbox::new(&options).map_err(|error| Failure::of(Exit::Internal, error))
    }

    /// Finds and loads the plugins.
    pub(crate) async fn plugins(&self, sandbox: &Sandbox) -> Result<Plugins, Failure> {
        let plugins = self.plugins_and(sandbox, []).await?;
        if !self.configuration.names_actions() {
            return Ok(plugins);
        }
        let actions = plugins.actions(self);
        let names: Vec<(String, bool)> = actions.map(|entry| (entry.name(), entry.takes_called())).collect();
        let known = names.iter().map(|(name, _)| name.as_str()).collect();
        let takes_name = |action: &str| names.iter().any(|(name, takes)| name == action && *takes);
        let problems = self.configuration.check_names(&known, takes_name);
        if problems.is_empty() {
            Ok(plugins)
        } else {
            Err(show_problems(&problems, &self.look))
        }
    }

    /// Finds and loads the plugins. The configuration may speak of `others` too, which a run has kept.
    pub(crate) async fn plugins_and<'n>(
        &self,
        sandbox: &Sandbox,
        others: impl IntoIterator<Item = &'n str>,
    ) -> Result<Plugins, Failure> {
        let registry = Registry::discover(sandbox, &self.sources()).await;
        self.known(Arc::new(registry), others)
    }

    /// Returns where plugins are looked for.
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            builtins: builtin::plugins(),
            directories: self.configuration.plugin_directories().map(Path::to_owned).collect(),
            signed: self.configuration.signature_rules(),
        }
    }

    /// Returns plugins that were found and that the configuration, which may speak of `others` too, knows how to speak of.
    pub(crate) fn known<'n>(
        &self,
        registry: Arc<Registry>,
        others: impl IntoIterator<Item = &'n str>,
    ) -> Result<Plugins, Failure> {
        let mut names: Vec<&str> = others.into_iter().collect();
        // Of one that is there and of no use it is said why.
        let unusable: Vec<String> = registry.problems().iter().filter_map(Unusable::plugin).collect();
        names.extend(unusable.iter().map(String::as_str));
        names.extend(registry.plugins().iter().map(|plugin| plugin.name.as_str()));
        let problems = self.configuration.check_plugins(names.iter().copied());
        if !problems.is_empty() {
            return Err(show_problems(&problems, &self.look));
        }
        Ok(Plugins { registry })
    }

    /// Says which plugin files could not be used.
    pub(crate) fn warn_of_problems(&self, plugins: &Plugins) {
        plugins.registry.problems().iter().for_each(warn_of);
    }

    /// Opens the state.
    pub(crate) fn log(&self) -> Result<Arc<dyn RunLog>, Failure> {
        let path = self.configuration.state_path();
        require_file(path, &self.short(path))?;
        let options = SqliteOptions {
            path: self.configuration.state_path().to_owned(),
            host: host_id()?,
            durability: match self.configuration.durability() {
                Durability::Full => Flush::Full,
                Durability::Process => Flush::Process,
            },
            creation: Creation::IfMissing,
            lease: LeaseTerms::of_this_process(),
        };
        match SqliteLog::open(options) {
            Ok(log) => Ok(Arc::new(log)),
            Err(error) => Err(Failure::of(Exit::Invalid, error)),
        }
    }

    /// Returns the state, or a failure that says there is none yet.
    pub(crate) fn existing_log(&self) -> Result<Arc<dyn RunLog>, Failure> {
        let path = self.configuration.state_path();
        if !path.exists() {
            let message = format!("there are no runs here yet ({} does not exist)", self.short(path));
            return Err(Failure::new(Exit::Usage, message).hint("start one: cofferdam run FILE"));
        }
        self.log()
    }

    /// Returns what an action of a plugin may touch, and what is refused.
    pub(crate) fn grants(&self, plugin: &Plugin, action: &Action) -> ActionGrants {
        self.grants_as(None, &plugin.name, maker(plugin), action)
    }

    /// Returns what an action may touch as one of the plugin of this name, in a workflow or outside of any, and what is
    /// refused.
    pub(crate) fn grants_as(
        &self,
        workflow: Option<&str>,
        plugin: &str,
        maker: Maker<'_>,
        action: &Action,
    ) -> ActionGrants {
        let provenance = self.provenance(plugin, maker, action.component().digest());
        let needs = &action.descriptor().needs;
        match workflow {
            Some(workflow) => self.configuration.grants_in(workflow, plugin, provenance, needs),
            None => self.configuration.grants_for(plugin, provenance, needs),
        }
    }

    /// Returns where a component comes from that wants the grants of a plugin.
    pub(crate) fn provenance<'d>(
        &self,
        plugin: &str,
        (origin, signatures): Maker<'d>,
        digest: &'d Digest,
    ) -> Provenance<'d> {
        match origin {
            Origin::BuiltIn if self.is_first_party(plugin, digest) => Provenance::BuiltIn,
            Origin::BuiltIn | Origin::File => Provenance::File { digest, signatures },
        }
    }

    /// Returns whether a component is built in as `plugin`, or was in a binary before this one that the user ran. What a copy says of
    /// itself does not count.
    pub(crate) fn is_first_party(&self, plugin: &str, component: &Digest) -> bool {
        // Who has no place for a record has run nothing before.
        let store = user_state_directory().map(TrustStore::at);
        if store
            .as_ref()
            .is_ok_and(|store| store.is_first_party(plugin, component).unwrap_or(false))
        {
            return true;
        }
        let is_it = |builtin: &Builtin| builtin.name == plugin && Digest::of(&builtin.bytes) == *component;
        let is_built_in = builtin::plugins().iter().any(is_it);
        if is_built_in && let Ok(store) = store {
            // Without it this release knows its own all the same, and the next use tries again.
            let _ = store.remember_first_party(plugin, *component);
        }
        is_built_in
    }

    /// Makes an action ready to be entered.
    pub(crate) fn prepare(&self, plugin: &Plugin, action: Action) -> Result<PreparedAction, Failure> {
        self.prepare_as(None, &plugin.name, maker(plugin), action)
    }

    /// Makes an action ready to be entered as one of the plugin of this name, in a workflow or outside of any.
    pub(crate) fn prepare_as(
        &self,
        workflow: Option<&str>,
        plugin: &str,
        maker: Maker<'_>,
        action: Action,
    ) -> Result<PreparedAction, Failure> {
        let grants = self.grants_as(workflow, plugin, maker, &action);
        grants.prepare().map_err(|error| Failure::of(Exit::Invalid, error))?;
        let effective = effective(&action.descriptor().needs, &grants.allowed())
            .map_err(|error| Failure::of(Exit::Invalid, error).code("CF0611"))?;
        Ok(PreparedAction {
            action,
            grants: Arc::new(effective),
            settings: Arc::new(BTreeMap::new()),
            limits: match workflow {
                Some(workflow) => self.configuration.limits_in(workflow, plugin),
                None => self.configuration.limits_for(plugin).clone(),
            },
        })
    }

    /// Returns where the components of runs are kept: beside the state, where no guest looks.
    pub(crate) fn copies(&self) -> Copies {
        Copies::at(self.configuration.state_directory().join("components"))
    }

    /// Returns `path` as short as it can be named from the current directory.
    pub(crate) fn short(&self, path: &Path) -> String {
        short(path)
    }

    /// Returns how workflows are checked here, where a run is given `variables` besides those of the configuration.
    pub(crate) fn options(&self, strict: bool, variables: impl IntoIterator<Item = String>) -> Options {
        let configured = self.configuration.variables().map(|(name, _)| name.to_owned());
        Options {
            strict,
            variables: configured.chain(variables).collect(),
            targets: self.configuration.targets().to_vec(),
            call_levels: self.configuration.call_levels(),
        }
    }

    /// Returns the names that the fallback may take: those that an agent's file has.
    fn agents(&self) -> impl Iterator<Item = String> {
        let directories = self.configuration.agent_directories();
        directories
            .flat_map(|directory| stems(directory, "md"))
            .map(|(name, _)| name)
    }
}

fn short(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    shortened(path, &here)
}

/// Says that a plugin file cannot be used.
pub(crate) fn warn_of(problem: &Unusable) {
    let file = short(&problem.file);
    let reason = harmless(&problem.reason);
    say(format!("warning[{}]: {file} is not loaded: {reason}", problem.code));
    if let Some(serving) = &problem.serving {
        let serving = short_digest(serving);
        say(format!(
            "  the component that was there before goes on in its place ({serving})"
        ));
    }
    if let Some(remedy) = &problem.remedy {
        say(format!("  = help: {remedy}"));
    }
}

/// Returns the stems of the files with this extension in a directory, with the files.
pub(crate) fn stems(directory: &Path, extension: &str) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let path = entry.path();
        let fits = path.extension().is_some_and(|found| found == extension);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
        stem.filter(|_| fits).map(|stem| (stem, path))
    })
}

impl Plugins {
    /// Returns whether a plugin of this name is inside the binary.
    pub(crate) fn is_built_in(&self, name: &str) -> bool {
        let plugin = self.registry.plugin(name);
        plugin.is_some_and(|plugin| plugin.source == PluginSource::BuiltIn)
    }

    /// Returns what workflows can call, for the checker.
    pub(crate) fn catalog(&self, station: &Station) -> Actions {
        let owned = |(name, action): (&str, &str)| (name.to_owned(), action.to_owned());
        let actions = Actions::new(self.actions(station))
            .with_aliases(station.configuration.aliases().map(owned))
            .with_workflows(station.library())
            .with_surroundings(Arc::new(ProjectFiles::of(&station.configuration)));
        match station.configuration.fallback() {
            Some(action) => actions.with_fallback(action, station.agents()),
            None => actions,
        }
    }

    /// Returns the actions of the plugins that are switched on.
    fn actions(&self, station: &Station) -> impl Iterator<Item = ActionEntry> {
        let enabled = move |plugin: &&Plugin| station.configuration.is_enabled(&plugin.name);
        self.registry.plugins().iter().filter(enabled).flat_map(entries)
    }
}

/// Returns who made a plugin that is installed or lies in a file, and who vouches for it.
pub(crate) fn maker(plugin: &Plugin) -> Maker<'_> {
    (origin(&plugin.source), &plugin.signatures)
}

/// Returns a value for libraries that speak serde_json.
pub(crate) fn json(data: &Data) -> serde_json::Value {
    serde_json::to_value(data).unwrap_or_default()
}

/// Returns the record of what the user trusts.
pub(crate) fn trust_store() -> Result<TrustStore, Failure> {
    user_state_directory()
        .map(TrustStore::at)
        .map_err(|error| Failure::of(Exit::Invalid, error))
}

/// Refuses a state that cannot be a file: a pipe would be waited for, a device keeps nothing.
fn require_file(path: &Path, shown: &str) -> Result<(), Failure> {
    let (reason, hint) = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => ("is a directory", format!("name a file in it: {shown}/state.db")),
        Ok(metadata) if !metadata.is_file() => (
            "is no regular file, and keeps nothing",
            "name a file on a disk".to_owned(),
        ),
        // Whether what is not there can be made is found out when it is.
        Ok(_) | Err(_) => return Ok(()),
    };
    Err(Failure::new(Exit::Usage, format!("the state `{shown}` {reason}")).hint(hint))
}

/// Refuses a plugins directory of the command line that is none: whoever names one means that it is there.
fn require_directory(directory: &Path) -> Result<(), Failure> {
    let refuse = |reason: &str, hint: String| {
        let message = format!(
            "the plugins directory `{}` {reason}",
            harmless(&directory.display().to_string())
        );
        Err(Failure::new(Exit::Usage, message).hint(hint))
    };
    match std::fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => {
            let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            refuse(
                "is a file",
                format!("name the directory that it is in: --plugins {}", parent.display()),
            )
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => refuse(
            "does not exist",
            "make it, or name one that holds files NAME.wasm".to_owned(),
        ),
        Err(error) => refuse(&format!("cannot be read: {error}"), "name another".to_owned()),
    }
}

/// Returns what the command line says instead of the configuration.
pub(crate) fn overrides(place: &Place) -> Overrides {
    Overrides {
        config: place.config.clone(),
        plugins: place.plugins.clone(),
        state: place.state.clone(),
        output: place.out.clone(),
        private: user_state_directory().into_iter().chain(cache_directory()).collect(),
        home: std::env::var_os("HOME").map(PathBuf::from),
    }
}

/// Returns `path` as it is named from `here`.
pub(crate) fn shortened(path: &Path, here: &Path) -> String {
    match path.strip_prefix(here) {
        Ok(within) if within.as_os_str().is_empty() => ".".to_owned(),
        Ok(within) => harmless(&within.display().to_string()),
        Err(_) => harmless(&path.display().to_string()),
    }
}

/// Says everything that is wrong with a configuration.
pub(crate) fn show_problems(problems: &Problems, look: &Look) -> Failure {
    let secret = |problem: &&Problem| problem.code == ProblemCode::SecretValue;
    for problem in problems.as_slice() {
        let mut text = excerpt(&problem.file);
        for covered in problems.as_slice().iter().filter(secret) {
            if covered.file == problem.file {
                text = without_value(&text, covered.line);
            }
        }
        say(draw_problem(problem, &text, look));
        say("");
    }
    let count = problems.as_slice().len() as u64;
    Failure::new(
        Exit::Invalid,
        format!("the configuration has {}", crate::talk::counted(count, "problem")),
    )
}

/// Returns the text of a configuration for showing a place in it; nothing if it is not what it should be.
fn excerpt(file: &Path) -> String {
    /// A longer file is refused as a whole, without a place.
    const LONGEST: u64 = 1 << 20;
    match std::fs::metadata(file) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= LONGEST => {
            std::fs::read_to_string(file).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Covers what is assigned in a line: the value of a secret is not shown a second time, on top of standing in the file.
fn without_value(text: &str, line: usize) -> String {
    let cover = |(at, content): (usize, &str)| match content.split_once('=') {
        Some((name, value)) if at + 1 == line => {
            let stars = value
                .chars()
                .map(|character| if character.is_whitespace() { character } else { '*' });
            format!("{name}={}", stars.collect::<String>())
        }
        _ => content.to_owned(),
    };
    text.split('\n').enumerate().map(cover).collect::<Vec<_>>().join("\n")
}

/// Returns where compiled code is kept: in the user's cache, never in a project.
fn code_directory() -> Option<PathBuf> {
    cache_directory().map(|directory| directory.join("code"))
}

fn cache_directory() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|directories| directories.cache_dir().join("cofferdam"))
}

/// Returns a name for this process that no other ever has.
fn host_id() -> Result<HostId, Failure> {
    let name = format!("host-{}", uuid::Uuid::now_v7());
    HostId::parse(&name).ok_or_else(|| Failure::new(Exit::Internal, format!("`{name}` cannot name a host")))
}

/// Returns who compiles: this program, in a process of its own for each component.
fn compiler(limits: CompileLimits) -> Compiler {
    // What the system calls it is this very program, also when another release has taken its place meanwhile.
    let own = Path::new("/proc/self/exe");
    let program = if own.exists() {
        Ok(own.to_owned())
    } else {
        std::env::current_exe()
    };
    match program {
        Ok(program) => Compiler::Process {
            program,
            arguments: vec![COMPILE.into()],
            limits,
        },
        Err(error) => {
            say(format!(
                "warning: components are compiled in this process, since its program cannot be found: {error}"
            ));
            Compiler::InProcess
        }
    }
}
