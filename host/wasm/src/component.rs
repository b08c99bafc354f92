//! A component that has been looked at, compiled and asked what it offers.

use crate::action::{Action, Silent};
use crate::authority::Authority;
use crate::compile::{CompileError, compile};
use crate::contract::actions;
use crate::descriptor::{self, ActionDescriptor, Kind, RawDescriptor};
use crate::entry::{Answer, Ending, Errand, Guest, Visit, enter};
use crate::fault::Wreck;
use crate::host::attempt::AttemptFacts;
use crate::host::denials::Denials;
use crate::host::filesystem::Directories;
use crate::host::http::Outgoing;
use crate::host::progress::ProgressBook;
use crate::host::run_context::ContextBook;
use crate::host::settings::SettingBook;
use crate::interface::{self, Interfaces};
use crate::limits::{LimitName, Limits};
use crate::log::{LogBook, printable};
use crate::precheck::{Survey, Unfit, survey};
use crate::report::Verdict;
use crate::sandbox::Sandbox;
use crate::secret::{Released, SecretBook};
use crate::store::Parts;
use crate::vault::Kept;
use cofferdam_engine::Digest;
use std::fmt;
use std::sync::Arc;

/// A loaded component.
pub struct Component {
    sandbox: Sandbox,
    guest: Option<Guest>,
    digest: Digest,
    bytes: Arc<[u8]>,
    version: Option<String>,
    kinds: Vec<Kind>,
    imports: Vec<String>,
    actions: Vec<ActionDescriptor>,
}

/// Why a component is not used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no component, or not a reasonable one.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It does not compile.
    #[error("cannot be compiled: {0}")]
    Compile(String),
    /// It offers nothing.
    #[error("exports nothing that Cofferdam knows: is plugin!(..) at the end of src/lib.rs missing?")]
    ExportsNothing,
    /// It and this host cannot talk to each other.
    #[error("does not fit this host: {}", .0.join("; "))]
    Mismatch(Vec<String>),
    /// It broke down when it was asked what it offers.
    #[error("cannot say what it offers: {0}")]
    Describe(String),
    /// What it says about itself is not valid.
    #[error("describes itself wrongly: {}", .0.join("; "))]
    Descriptors(Vec<String>),
    /// The host failed.
    #[error("the host cannot load it: {0}")]
    Host(String),
}

impl LoadError {
    /// Returns the code that explains this kind of problem.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unfit(Unfit::NotWasm(_) | Unfit::Damaged { .. }) => "CF0501",
            Self::Unfit(Unfit::CoreModule | Unfit::Compiled) => "CF0502",
            Self::Unfit(Unfit::TooLarge { .. }) => "CF0503",
            Self::ExportsNothing => "CF0504",
            Self::Mismatch(_) => "CF0505",
            Self::Describe(_) | Self::Descriptors(_) => "CF0506",
            Self::Compile(_) => "CF0509",
            Self::Host(_) => "CF0510",
        }
    }
}

/// What a component may use to say what it offers.
fn describe_limits() -> Limits {
    let limits = [
        (LimitName::Wall, 5_000),
        (LimitName::Cpu, 2_000),
        (LimitName::Output, 2 * 1024 * 1024),
        (LimitName::OpenFiles, 8),
        (LimitName::Log, 16 * 1024),
    ];
    // The values are within the table's maxima; a test of this module holds that.
    Limits::default().merge(limits).unwrap_or_default()
}

impl Sandbox {
    /// Loads a component from its bytes: looks at them, compiles them unless that was done before, compares interfaces,
    /// and asks what is offered, without any grant.
    ///
    /// # Errors
    /// If it is not a component that this host can use; the error says everything that is wrong with it.
    pub async fn load(&self, bytes: Arc<[u8]>) -> Result<Arc<Component>, LoadError> {
        let sandbox = self.clone();
        let looked_at = Arc::clone(&bytes);
        let prepared = tokio::task::spawn_blocking(move || prepare(&sandbox, &looked_at))
            .await
            .map_err(|error| LoadError::Host(error.to_string()))??;
        let Prepared {
            guest,
            digest,
            survey,
            interfaces,
        } = prepared;
        let actions = match &guest {
            Some(guest) => described(self, guest, &digest).await?,
            None => Vec::new(),
        };
        Ok(Arc::new(Component {
            sandbox: self.clone(),
            guest,
            digest,
            bytes,
            version: survey.version,
            kinds: interfaces.kinds,
            imports: interfaces.imports,
            actions,
        }))
    }
}

struct Prepared {
    guest: Option<Guest>,
    digest: Digest,
    survey: Survey,
    interfaces: Interfaces,
}

fn prepare(sandbox: &Sandbox, bytes: &[u8]) -> Result<Prepared, LoadError> {
    let survey = survey(bytes)?;
    let digest = Digest::of(bytes);
    let component = compiled(sandbox, &digest, bytes)?;
    let interfaces = interface::compare(sandbox.engine(), &component.component_type());
    if !interfaces.mismatches.is_empty() {
        return Err(LoadError::Mismatch(interfaces.mismatches));
    }
    if interfaces.kinds.is_empty() {
        return Err(LoadError::ExportsNothing);
    }
    let pre = sandbox.linker().instantiate_pre(&component).map_err(mismatch)?;
    let guest = if interfaces.kinds.contains(&Kind::Actions) {
        Some(Guest {
            actions: actions::GuestIndices::new(&pre).map_err(mismatch)?,
            pre,
        })
    } else {
        None
    };
    Ok(Prepared {
        guest,
        digest,
        survey,
        interfaces,
    })
}

/// What the names do not tell, the types do; wasmtime says the first that differs.
fn mismatch(error: wasmtime::Error) -> LoadError {
    LoadError::Mismatch(vec![printable(&format!("{error:#}"), 512)])
}

fn compiled(sandbox: &Sandbox, digest: &Digest, bytes: &[u8]) -> Result<wasmtime::component::Component, LoadError> {
    if let Some(code) = sandbox.vault().and_then(|vault| vault.read(digest, Kept::Code)) {
        match deserialize(sandbox, &code) {
            Ok(component) => return Ok(component),
            Err(error) => tracing::debug!(%digest, %error, "kept code does not fit this host and is made anew"),
        }
    }
    let code = {
        // This is a thread that may block; what is kept waits for nobody.
        let turn = tokio::runtime::Handle::current().block_on(sandbox.compiling().acquire_owned());
        let _turn = turn.map_err(|error| LoadError::Host(error.to_string()))?;
        compile(sandbox.compiler(), sandbox.engine(), bytes)
    };
    let code = code.map_err(|error: CompileError| LoadError::Compile(error.to_string()))?;
    if let Some(vault) = sandbox.vault() {
        vault.write(digest, Kept::Code, &code);
    }
    // What exceeds the pool, such as a memory of 4 GiB, is found out only now.
    deserialize(sandbox, &code).map_err(|error| LoadError::Compile(printable(&format!("{error:#}"), 512)))
}

fn deserialize(sandbox: &Sandbox, code: &[u8]) -> wasmtime::Result<wasmtime::component::Component> {
    #[expect(
        unsafe_code,
        reason = "the code comes from our compiler, directly or through the vault that authenticates it"
    )]
    // SAFETY: `code` was made by `Engine::precompile_component` of this host and is unchanged since.
    unsafe {
        wasmtime::component::Component::deserialize(sandbox.engine(), code)
    }
}

async fn described(sandbox: &Sandbox, guest: &Guest, digest: &Digest) -> Result<Vec<ActionDescriptor>, LoadError> {
    let kept = sandbox.vault().and_then(|vault| vault.read(digest, Kept::Description));
    if let Some(raw) = kept.and_then(|content| serde_json::from_slice::<Vec<RawDescriptor>>(&content).ok())
        && let Ok(actions) = descriptor::check(&raw)
    {
        return Ok(actions);
    }
    let raw = describe(sandbox, guest).await?;
    let actions = descriptor::check(&raw).map_err(LoadError::Descriptors)?;
    if let (Some(vault), Ok(content)) = (sandbox.vault(), serde_json::to_vec(&raw)) {
        vault.write(digest, Kept::Description, &content);
    }
    Ok(actions)
}

async fn describe(sandbox: &Sandbox, guest: &Guest) -> Result<Vec<RawDescriptor>, LoadError> {
    let limits = describe_limits();
    let Ok(slot) = sandbox.slots().acquire_owned().await else {
        return Err(LoadError::Host("the sandbox is closed".to_owned()));
    };
    let parts = Parts {
        attempt: AttemptFacts::none(),
        log: LogBook::new(Arc::new(Silent), &limits, Released::default()),
        progress: ProgressBook::new(Arc::new(Silent), None, Released::default()),
        settings: SettingBook::default(),
        context: ContextBook::default(),
        directories: Directories::none(&limits),
        variables: Vec::new(),
        outgoing: Outgoing::none(sandbox.wire(), &limits),
        secrets: SecretBook::none(),
        authority: Authority::unlimited(),
        denials: Denials::default(),
    };
    let wall = limits.duration(LimitName::Wall);
    let visit = Visit {
        errand: Errand::Describe,
        limits: limits.clone(),
        wall,
        parts,
        slot,
    };
    let read = |answer| match answer {
        Answer::Descriptors(descriptors) => Some(descriptors.into_iter().map(RawDescriptor::from).collect()),
        Answer::Result(_) => None,
    };
    let remains = enter(sandbox, guest, visit, std::future::pending(), read).await;
    match remains.ending {
        Ending::Answered(Some(descriptors)) => Ok(descriptors),
        Ending::Answered(None) => Err(LoadError::Host("asked to describe itself, it ran".to_owned())),
        Ending::TimedOut | Ending::Cancelled => Err(LoadError::Describe(format!(
            "`describe` did not return within {wall:?}"
        ))),
        Ending::Broke { error, entered } => {
            let wreck = Wreck {
                action: "describe",
                error: &error,
                entered,
                limits: &limits,
                refused_growth: remains.left.refused_growth,
                stderr: remains.stderr,
            };
            Err(match wreck.judge() {
                Verdict::HostFault(reason) if !entered => LoadError::Mismatch(vec![reason]),
                Verdict::Trapped(trap) => LoadError::Describe(trap.message),
                Verdict::LimitExceeded(limit) => LoadError::Describe(format!("`describe` {limit}")),
                other => LoadError::Describe(format!("{other:?}")),
            })
        }
    }
}

impl Component {
    /// Returns the digest of the bytes that it was loaded from.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns how many bytes it was loaded from.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns the bytes that it was loaded from.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Returns the version that the component says it has.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the kinds of work that it offers.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Returns the names of the interfaces that it imports; an import is not a permission.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Returns what its actions say about themselves.
    pub fn actions(&self) -> &[ActionDescriptor] {
        &self.actions
    }

    /// Returns the action of this name.
    pub fn action(self: &Arc<Self>, name: &str) -> Option<Action> {
        let index = self.actions.iter().position(|action| action.name == name)?;
        Some(Action::new(Arc::clone(self), index))
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) fn guest(&self) -> Option<&Guest> {
        self.guest.as_ref()
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.digest)
            .field("actions", &self.actions.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{LimitName, Limits, describe_limits};

    #[test]
    fn describing_has_tighter_limits_than_running() {
        for limit in [LimitName::Wall, LimitName::Cpu, LimitName::Output] {
            assert!(describe_limits().get(limit) < Limits::default().get(limit));
        }
    }
}
