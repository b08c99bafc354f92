//! What does `cofferdam.toml` say, section by section?

use super::acceptance::{Acceptances, GrantsBelong};
use super::context;
use super::document::{Document, Placed, get, integer, printable};
use super::environment;
use super::gates;
use super::grants::{AllowedDirectory, Frame};
use super::lock_file::{self, Lock};
use super::names::{self, Names};
use super::narrowing::{self, WorkflowSection};
use super::network::{self, AllowedAddress};
use super::paths;
use super::problem::{Problem, ProblemCode, Problems};
use super::project::{Overrides, Project};
use super::secrets::{self, SecretNames, SecretSection};
use super::section::{self, DirectoryLine, LimitValues};
use super::signing::{self, KnownKeys};
use super::source::Source;
use super::unit;
use super::variables::{is_variable, plain};
use crate::driver::DEFAULT_GRACE;
use cofferdam_dsl::DEFAULT_CALL_LEVELS;
use cofferdam_engine::{Data, Digest as ComponentDigest};
use cofferdam_wasm::{CompileLimits, LimitUnit, Limits, Pattern};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeTable;

pub(super) const DEFAULT_STATE: &str = ".cofferdam/state.db";
pub(super) const DEFAULT_ATTEMPTS: usize = 64;
/// The slots of the instance pool: more guests than that have no place.
const MAX_ATTEMPTS: usize = 1024;
/// Whoever waits longer for a guest that is to stop has no use for stopping it.
const LONGEST_GRACE: Duration = Duration::from_secs(3_600);
/// Beyond that nobody can follow what runs; a run holds memory for each level.
const MAX_CALL_LEVELS: usize = 32;
const MAX_BYTES: u64 = 1024 * 1024;

/// What a finished write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the machine.
    #[default]
    Full,
    /// The end of the process.
    Process,
}

/// What the configuration says about one plugin.
#[derive(Clone, Debug)]
pub struct PluginSection {
    /// Whether it is loaded.
    pub enabled: bool,
    /// What an attempt of it may use.
    pub limits: Limits,
    /// What it may touch, if it asks for it.
    pub directories: Vec<AllowedDirectory>,
    /// Where its requests may go, if it asks for it.
    pub network: Vec<AllowedAddress>,
    /// Which component the grants are for, and where that is said.
    pub(super) digest: Option<(ComponentDigest, Source)>,
    /// Whose signature a component must have, and has the grants with; nobody's if there are none.
    pub(super) signed_by: Vec<(String, Source)>,
    pub(super) secrets: SecretNames,
    pub(super) reveal: SecretNames,
    /// Where the section begins.
    pub source: Source,
    pub(super) limit_values: LimitValues,
    /// Variables of the host's own environment that it may see, if it asks for them.
    pub(super) variables: Vec<(String, Source)>,
    /// Keys of the values that the steps of a run share, which it may read and write if it asks for them.
    pub(super) context: Vec<(Pattern, Source)>,
    /// What to say if there is no such plugin.
    pub(super) unknown: Problem,
}

/// Everything that holds for the runs of a project.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub(super) project: Project,
    pub(super) digest: Option<String>,
    pub(super) name: (String, Source),
    pub(super) workflows: Vec<(PathBuf, Source)>,
    pub(super) agents: Vec<(PathBuf, Source)>,
    pub(super) targets: (Vec<String>, Source),
    pub(super) call_levels: (usize, Source),
    pub(super) snippets: Vec<(PathBuf, Source)>,
    pub(super) schemas: Vec<(PathBuf, Source)>,
    pub(super) gates: BTreeMap<String, Source>,
    pub(super) state: (PathBuf, Source),
    /// Directories of the user that no guest sees, wherever they are.
    pub(super) private: Vec<PathBuf>,
    pub(super) durability: (Durability, Source),
    pub(super) run_logs: (bool, Source),
    pub(super) attempts: (usize, Source),
    pub(super) cancel_grace: (Duration, Source),
    pub(super) shutdown_grace: (Duration, Source),
    pub(super) limits: Limits,
    pub(super) compile: (CompileLimits, Source),
    pub(super) limit_values: LimitValues,
    pub(super) trust: (GrantsBelong, Source),
    pub(super) keys: KnownKeys,
    pub(super) require_signature: (bool, Source),
    pub(super) lock: Lock,
    pub(super) acceptances: Acceptances,
    pub(super) plugin_directories: Vec<(PathBuf, Source)>,
    pub(super) plugins: BTreeMap<String, PluginSection>,
    pub(super) secrets: BTreeMap<String, SecretSection>,
    pub(super) workflow_sections: Vec<WorkflowSection>,
    pub(super) names: Names,
    pub(super) variables: BTreeMap<String, (Data, Source)>,
    pub(super) frame: Option<Frame>,
}

impl Configuration {
    /// Reads the configuration of `project`, or takes the frame where it has none.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn load(project: &Project, overrides: &Overrides) -> Result<Self, Problems> {
        let Some(file) = project.file() else {
            return Self::interpret(project, overrides, None).map_err(Problems::new);
        };
        let text = read(file)?;
        match (
            Self::interpret(project, overrides, Some((file, &text))),
            lock_file::read(project),
        ) {
            (Ok(configuration), Ok(lock)) => Ok(Self { lock, ..configuration }),
            (configuration, lock) => {
                let problems = configuration.err().into_iter().chain(lock.err());
                Err(Problems::new(problems.flatten().collect()))
            }
        }
    }

    fn interpret(project: &Project, overrides: &Overrides, text: Option<(&Path, &str)>) -> Result<Self, Vec<Problem>> {
        let file = project.file().unwrap_or(project.root());
        let (mut document, root) = Document::parse(file, project.short(file), text.map_or("", |(_, text)| text));
        let mut lines = BTreeMap::new();
        let mut configuration = Self::empty(project);
        let private = overrides.private.iter();
        configuration.private = private.map(|path| paths::resolve(project.root(), path)).collect();
        if let Some((_, text)) = text {
            configuration.digest = Some(digest(text));
            configuration.root_keys(&mut document, &root);
            configuration.project_section(&mut document, &root);
            configuration.state_section(&mut document, &root);
            configuration.host_section(&mut document, &root);
            if let Some(table) = document.table(&root, "limits") {
                configuration.limit_values = section::limits(&mut document, "limits", table, &Limits::default());
                configuration.limits = merged(&configuration.limits, &configuration.limit_values);
                if let Some(limits) = section::compile(&mut document, table) {
                    configuration.compile = limits;
                }
            }
            configuration.registry_section(&mut document, &root);
            if let Some(table) = document.table(&root, "secrets") {
                configuration.secrets = secrets::sections(&mut document, project.root(), table);
            }
            lines = configuration.plugin_sections(&mut document, &root);
            if let Some(table) = document.table(&root, "workflows") {
                configuration.workflow_sections = narrowing::sections(&mut document, table, &configuration.limits);
            }
            if let Some(table) = document.table(&root, "actions") {
                configuration.names = names::names(&mut document, table);
            }
            if let Some(table) = document.table(&root, "gates") {
                configuration.gates = gates::gates(&mut document, table);
            }
            configuration.variables_section(&mut document, &root);
        }
        configuration.apply(overrides, &mut document);
        configuration.check_state(&mut document);
        for (plugin, lines) in lines {
            let directories = lines
                .into_iter()
                .filter_map(|line| configuration.directory(&mut document, &plugin, line))
                .collect();
            if let Some(section) = configuration.plugins.get_mut(&plugin) {
                section.directories = directories;
            }
        }
        configuration.digest_certificates();
        let problems = document.into_problems();
        if problems.is_empty() {
            Ok(configuration)
        } else {
            Err(problems)
        }
    }

    /// Makes the files with certificates that the configuration names a part of what is trusted with it: another authority is as
    /// much as another address.
    fn digest_certificates(&mut self) {
        let addresses = self.plugins.values().flat_map(|section| &section.network);
        let certificates: Vec<String> = addresses
            .filter_map(|address| address.ca_digest)
            .map(|digest| digest.to_hex())
            .collect();
        if let Some(own) = self.digest.as_mut().filter(|_| !certificates.is_empty()) {
            *own = digest(&format!("{own} {}", certificates.join(" ")));
        }
    }

    fn empty(project: &Project) -> Self {
        let root = project.root();
        let name = root
            .file_name()
            .map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned());
        Self {
            project: project.clone(),
            digest: None,
            name: (name, Source::BuiltIn),
            workflows: vec![(root.join("workflows"), Source::BuiltIn)],
            agents: vec![(root.join("agents"), Source::BuiltIn)],
            targets: (Vec::new(), Source::BuiltIn),
            call_levels: (DEFAULT_CALL_LEVELS, Source::BuiltIn),
            snippets: vec![(root.join("snippets"), Source::BuiltIn)],
            schemas: vec![(root.join("schemas"), Source::BuiltIn)],
            gates: BTreeMap::new(),
            state: (root.join(DEFAULT_STATE), Source::BuiltIn),
            private: Vec::new(),
            durability: (Durability::default(), Source::BuiltIn),
            run_logs: (false, Source::BuiltIn),
            attempts: (DEFAULT_ATTEMPTS, Source::BuiltIn),
            cancel_grace: (DEFAULT_GRACE, Source::BuiltIn),
            shutdown_grace: (DEFAULT_GRACE, Source::BuiltIn),
            limits: Limits::default(),
            compile: (CompileLimits::default(), Source::BuiltIn),
            limit_values: LimitValues::new(),
            trust: (GrantsBelong::default(), Source::BuiltIn),
            keys: KnownKeys::new(),
            require_signature: (false, Source::BuiltIn),
            lock: Lock::new(),
            acceptances: Acceptances::default(),
            plugin_directories: vec![(root.join("plugins"), Source::BuiltIn)],
            plugins: BTreeMap::new(),
            secrets: BTreeMap::new(),
            workflow_sections: Vec::new(),
            names: Names::default(),
            variables: BTreeMap::new(),
            frame: None,
        }
    }

    fn root_keys(&self, document: &mut Document<'_>, root: &DeTable<'_>) {
        document.check_keys("", "", root);
        match get(root, "config") {
            Some(value) => match integer(value.get_ref()) {
                Some(1) => {}
                Some(format) if format > 1 => {
                    let message = format!("this file has format {format}; this cofferdam knows format 1");
                    document.add(ProblemCode::WrongValue, value.span(), message);
                }
                _ => {
                    document.wrong::<()>("config", value, "1, the format of this file");
                }
            },
            None => {
                let help = "begin the file with: config = 1";
                document.add_with_help(
                    ProblemCode::MissingKey,
                    0..0,
                    "the format of this file is not said",
                    help,
                );
            }
        }
    }

    fn project_section(&mut self, document: &mut Document<'_>, root: &DeTable<'_>) {
        let Some(table) = document.table(root, "project") else {
            return;
        };
        document.check_keys("project", "project", table);
        if let Some(name) = document.text(table, "name") {
            self.name = (printable(&name.value), document.source(&name.span));
        }
        if let Some(workflows) = document.texts(table, "workflows") {
            self.workflows = self.paths(document, workflows);
        }
        if let Some(agents) = document.texts(table, "agents") {
            self.agents = self.paths(document, agents);
        }
        if let Some(snippets) = document.texts(table, "snippets") {
            self.snippets = self.paths(document, snippets);
        }
        if let Some(schemas) = document.texts(table, "schemas") {
            self.schemas = self.paths(document, schemas);
        }
        if let Some(targets) = document.texts(table, "targets") {
            let source = get(table, "targets").map_or(Source::BuiltIn, |value| document.source(&value.span()));
            self.targets = (targets.iter().map(|target| printable(&target.value)).collect(), source);
        }
        let Some(value) = get(table, "call_levels") else { return };
        match integer(value.get_ref()).map(usize::try_from) {
            Some(Ok(number @ 1..=MAX_CALL_LEVELS)) => self.call_levels = (number, document.source(&value.span())),
            Some(_) => {
                let message = format!("`call_levels` must be from 1 to {MAX_CALL_LEVELS}");
                document.add(ProblemCode::LimitOutOfRange, value.span(), message);
            }
            None => {
                document.wrong::<()>("call_levels", value, "a plain number such as 5");
            }
        }
    }

    fn state_section(&mut self, document: &mut Document<'_>, root: &DeTable<'_>) {
        let Some(table) = document.table(root, "state") else {
            return;
        };
        document.check_keys("state", "state", table);
        if let Some(path) = document.text(table, "path") {
            if path.value.contains("://") {
                let message = "`path` is a file; other databases are not enforced in this release";
                document.add(ProblemCode::NotEnforced, path.span, message);
            } else {
                self.state = (
                    paths::resolve(self.project.root(), Path::new(&path.value)),
                    document.source(&path.span),
                );
            }
        }
        if let Some(run_logs) = document.switch(table, "run_logs") {
            self.run_logs = (run_logs.value, document.source(&run_logs.span));
        }
        if let Some(durability) = document.text(table, "durability") {
            let source = document.source(&durability.span);
            match durability.value.as_str() {
                "full" => self.durability = (Durability::Full, source),
                "process" => self.durability = (Durability::Process, source),
                _ => {
                    let message = "`durability` must be \"full\" or \"process\"; it cannot be off";
                    document.add(ProblemCode::WrongValue, durability.span, message);
                }
            }
        }
    }

    fn host_section(&mut self, document: &mut Document<'_>, root: &DeTable<'_>) {
        let Some(table) = document.table(root, "host") else {
            return;
        };
        document.check_keys("host", "host", table);
        if let Some(grace) = grace(document, table, "cancel_grace") {
            self.cancel_grace = grace;
        }
        if let Some(grace) = grace(document, table, "shutdown_grace") {
            self.shutdown_grace = grace;
        }
        let Some(value) = get(table, "attempts") else { return };
        match integer(value.get_ref()).map(usize::try_from) {
            Some(Ok(number @ 1..=MAX_ATTEMPTS)) => self.attempts = (number, document.source(&value.span())),
            Some(_) => {
                let message = format!("`attempts` must be from 1 to {MAX_ATTEMPTS}");
                document.add(ProblemCode::LimitOutOfRange, value.span(), message);
            }
            None => {
                document.wrong::<()>("attempts", value, "a plain number such as 64");
            }
        }
    }

    fn registry_section(&mut self, document: &mut Document<'_>, root: &DeTable<'_>) {
        let Some(table) = document.table(root, "registry") else {
            return;
        };
        document.check_keys("registry", "registry", table);
        if let Some(directories) = document.texts(table, "dirs") {
            self.plugin_directories = self.paths(document, directories);
        }
        self.keys = signing::keys(document, table);
        if let Some(required) = signing::required(document, table, &self.keys) {
            self.require_signature = required;
        }
        let Some(trust) = document.text(table, "trust") else {
            return;
        };
        let source = document.source(&trust.span);
        match trust.value.as_str() {
            "lock" => self.trust = (GrantsBelong::ToComponents, source),
            "name" => self.trust = (GrantsBelong::ToNames, source),
            _ => {
                let message = "`trust` must be \"lock\", or \"name\" for development";
                document.add(ProblemCode::WrongValue, trust.span, message);
            }
        }
    }

    fn plugin_sections(
        &mut self,
        document: &mut Document<'_>,
        root: &DeTable<'_>,
    ) -> BTreeMap<String, Vec<DirectoryLine>> {
        let mut lines = BTreeMap::new();
        let Some(plugins) = document.table(root, "plugins") else {
            return lines;
        };
        for (key, value) in plugins {
            let name = key.get_ref().to_string();
            let shown = printable(&name);
            let Some(table) = value.get_ref().as_table() else {
                document.wrong::<()>(&name, value, "a section");
                continue;
            };
            let section = format!("plugins.{shown}");
            document.check_keys(&section, "plugins", table);
            let enabled = document.switch(table, "enabled").is_none_or(|enabled| enabled.value);
            let limit_values = match document.table(table, "limits") {
                Some(limits) => section::limits(document, &format!("{section}.limits"), limits, &self.limits),
                None => LimitValues::new(),
            };
            lines.insert(name.clone(), section::directories(document, &section, table));
            let digest = lock_file::digest(document, table).zip(get(table, "digest"));
            let digest = digest.map(|(digest, value)| (digest, document.source(&value.span())));
            let signed_by = self.signers(document, table);
            let network = network::addresses(document, &section, self.project.root(), table);
            let secrets = secrets::names(document, table, "secrets");
            let secrets = self.known_secrets(document, secrets);
            let reveal = secrets::names(document, table, "reveal");
            let reveal = self.known_secrets(document, reveal);
            let variables = environment::names(document, table, &self.secrets);
            let context = context::keys(document, table);
            let unknown = document.problem(
                ProblemCode::UnknownPlugin,
                key.span(),
                format!("there is no plugin `{shown}`"),
            );
            let limits = merged(&self.limits, &limit_values);
            let source = document.source(&key.span());
            let section = PluginSection {
                enabled,
                limits,
                directories: Vec::new(),
                network,
                digest,
                signed_by,
                secrets,
                reveal,
                source,
                limit_values,
                variables,
                context,
                unknown,
            };
            self.plugins.insert(name, section);
        }
        lines
    }

    fn variables_section(&mut self, document: &mut Document<'_>, root: &DeTable<'_>) {
        let Some(table) = document.table(root, "variables") else {
            return;
        };
        for (key, value) in table {
            let name = key.get_ref().to_string();
            if !is_variable(&name) {
                let message = format!(
                    "`{}` is no name for a variable: letters, digits, `_` and `-`",
                    printable(&name)
                );
                document.add(ProblemCode::WrongValue, key.span(), message);
            } else if let Some(data) = plain(document, &name, value) {
                let source = document.source(&key.span());
                self.variables.insert(name, (data, source));
            }
        }
    }

    fn paths(&self, document: &Document<'_>, texts: Vec<Placed<String>>) -> Vec<(PathBuf, Source)> {
        let resolve = |text: Placed<String>| {
            (
                paths::resolve(self.project.root(), Path::new(&text.value)),
                document.source(&text.span),
            )
        };
        texts.into_iter().map(resolve).collect()
    }

    fn apply(&mut self, overrides: &Overrides, document: &mut Document<'_>) {
        let absolute = |path: &Path| paths::resolve(&std::path::absolute(path).unwrap_or_default(), Path::new(""));
        self.plugin_directories.extend(
            overrides
                .plugins
                .iter()
                .map(|directory| (absolute(directory), Source::CommandLine)),
        );
        if let Some(state) = &overrides.state {
            self.state = (absolute(state), Source::CommandLine);
        }
        match (&overrides.output, self.project.file()) {
            (Some(_), Some(_)) => {
                let message =
                    "an output directory cannot be given on the command line: this file says what may be written";
                document.add(ProblemCode::WrongValue, 0..0, message);
            }
            (output, None) => {
                let (path, source) = match output {
                    Some(output) => (absolute(output), Source::CommandLine),
                    None => (self.project.root().join("out"), Source::Frame),
                };
                if let Some(reason) = self.danger(&path) {
                    document.add(
                        ProblemCode::DangerousWrite,
                        0..0,
                        format!("`{}` cannot be the output directory: {reason}", path.display()),
                    );
                }
                self.frame = Some(Frame::new(&self.project, path, source));
            }
            (None, Some(_)) => {}
        }
    }
}

pub(super) fn read(file: &Path) -> Result<String, Problem> {
    let unreadable = |reason: String| {
        Problem::of_file(
            ProblemCode::Unreadable,
            file,
            format!("cannot read the configuration: {reason}"),
        )
    };
    let metadata = file.metadata().map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is no file".to_owned()));
    }
    if metadata.len() > MAX_BYTES {
        let limit = MAX_BYTES / (1024 * 1024);
        let message = format!(
            "the file has {} bytes; a configuration has {limit} MiB at most",
            metadata.len()
        );
        return Err(Problem::of_file(ProblemCode::NotToml, file, message));
    }
    if metadata.permissions().mode() & 0o002 != 0 {
        let problem = Problem::of_file(
            ProblemCode::WritableByOthers,
            file,
            "everybody on this machine can write this file",
        );
        return Err(problem.help(format!("chmod o-w {}", file.display())));
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).and_then(|opened| opened.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    opened.map_err(|error| unreadable(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| Problem::of_file(ProblemCode::NotToml, file, "the file is not UTF-8 text"))
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter()
        .fold("sha256:".to_owned(), |shown, byte| format!("{shown}{byte:02x}"))
}

/// The values were checked against `base` one by one when they were read.
pub(super) fn merged(base: &Limits, values: &LimitValues) -> Limits {
    base.merge(values.iter().map(|(name, (value, _))| (*name, *value)))
        .unwrap_or_else(|_| base.clone())
}

/// Returns how long guests may take to stop, by the key `key`.
fn grace(document: &mut Document<'_>, table: &DeTable<'_>, key: &str) -> Option<(Duration, Source)> {
    let text = document.text(table, key)?;
    let source = document.source(&text.span);
    match unit::parse(&text.value, LimitUnit::Milliseconds).map(Duration::from_millis) {
        Ok(grace) if grace <= LONGEST_GRACE => Some((grace, source)),
        Ok(_) => {
            let message = format!("`{key}` must be at most {} minutes", LONGEST_GRACE.as_secs() / 60);
            document.add(ProblemCode::LimitOutOfRange, text.span, message);
            None
        }
        Err(expected) => {
            let message = format!("`{key}` must be {expected}");
            document.add(ProblemCode::WrongValue, text.span, message);
            None
        }
    }
}
