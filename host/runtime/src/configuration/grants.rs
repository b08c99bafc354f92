//! What may an action touch, who says so, and what would grant the rest?

use super::acceptance::{Provenance, Unaccepted};
use super::file::Configuration;
use super::network::{self, AllowedAddress};
use super::paths;
use super::project::Project;
use super::source::Source;
use cofferdam_engine::Data;
use cofferdam_wasm::{
    Access, Allowed, DirectoryGrant, Narrowing, Need, NetworkRule, Pattern, Room, SecretGrant, access_left,
    network_left,
};
use serde::{Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// A directory that a plugin may be granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AllowedDirectory {
    /// Where the guest sees it: an absolute path.
    pub guest: String,
    /// Where it is, without links.
    pub host: PathBuf,
    /// Where it is, as it was written.
    #[serde(skip)]
    pub shown: String,
    /// What may be done in it.
    #[serde(serialize_with = "access_word")]
    pub access: Access,
    /// Whether it is made when it is first needed.
    pub create: bool,
    /// How much may lie in it.
    #[serde(skip)]
    pub room: Room,
    /// Who allows it.
    pub source: Source,
}

/// What a project without a file allows, and what a project file may ask without being trusted.
///
/// It is for a workflow author who has not configured anything: a first-party plugin that asks to read sees the
/// project as `/`, one that asks to write may write the directory `out` of the project as `/out`, which is made on
/// demand. A guest has no current directory but `/`, so that a workflow writes paths as its author would in a terminal that
/// stands in the project: `path = "."` is the project, `path = "src/lib.rs"` a file of it, and
/// `path = "out/audit.html"` a report. (There is no `/src` beside `/`: it would take the place of the project's own
/// directory of that name.) Plugins from files get nothing. The directory of the state is not visible in any of this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    project: AllowedDirectory,
    output: AllowedDirectory,
}

/// What became of everything that one action asks for.
#[derive(Clone, Debug, Serialize)]
pub struct ActionGrants {
    /// What became of each need, in the order of the needs.
    pub needs: Vec<NeedDecision>,
    /// What the action may touch: asked by it *and* allowed.
    pub directories: Vec<AllowedDirectory>,
    /// Where its requests may go.
    pub network: Vec<AllowedAddress>,
    /// Why it has none of the grants of its plugin, if its component has to be accepted first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unaccepted: Option<Unaccepted>,
    #[serde(skip)]
    secrets: Vec<SecretGrant>,
    #[serde(skip)]
    variables: Vec<String>,
    #[serde(skip)]
    context: Vec<Pattern>,
    /// All that the plugin is allowed: the sandbox decides by itself, and tells what was taken away.
    #[serde(skip)]
    whole: (Vec<AllowedDirectory>, Vec<NetworkRule>),
    /// What the workflow takes away.
    #[serde(skip)]
    narrowed: Vec<Narrowing>,
    #[serde(skip)]
    root: PathBuf,
    #[serde(skip)]
    hidden: Vec<PathBuf>,
    #[serde(skip)]
    state: PathBuf,
}

/// What became of one thing that an action asks for.
#[derive(Clone, Debug, Serialize)]
pub struct NeedDecision {
    /// `read`, `write`, `network` and so on.
    pub kind: String,
    /// The guest path it is about, if the plugin names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why, in the words of the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the action does without it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What of it is granted.
    pub granted: Vec<Granted>,
    /// Why nothing of it is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

/// One thing that is granted.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    /// What.
    #[serde(flatten)]
    pub thing: GrantedThing,
    /// Who allows it.
    pub source: Source,
    /// Which section about the workflow leaves less of it than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<String>,
}

/// What can be granted.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum GrantedThing {
    /// A directory.
    Directory {
        /// Where the guest sees it.
        guest: String,
        /// Where it is.
        host: PathBuf,
        /// What may be done in it.
        #[serde(serialize_with = "access_word")]
        access: Access,
    },
    /// An address.
    Address {
        /// Scheme, host, port and path.
        url: String,
        /// What may be sent; nothing is everything.
        methods: Vec<String>,
        /// Whether it may be one of this network.
        private: bool,
    },
    /// A secret.
    Secret {
        /// Its name.
        secret: String,
        /// Where it may go.
        to: Vec<String>,
        /// Where in a request it may stand.
        only: Vec<String>,
    },
    /// A variable of the host's environment.
    Variable {
        /// Its name.
        variable: String,
    },
    /// Values that the steps of a run share, by a pattern of their keys.
    Context {
        /// The pattern.
        keys: String,
    },
}

/// Why something is not granted, and what would grant it.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// What is refused.
    pub message: String,
    /// Where to write it: a section, or the list in it that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The exact line to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// Why a directory that an action needs cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// One that it may write.
    #[error("cannot make the directory `{}`, which may be written: {allowed_by}", host.display())]
    Granted {
        /// The directory.
        host: PathBuf,
        /// Who allows it.
        allowed_by: Source,
        /// What the system says.
        source: std::io::Error,
    },
    /// The one that must be hidden from it.
    #[error("cannot make the directory of the state, `{}`", directory.display())]
    State {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Frame {
    pub(super) fn new(project: &Project, output: PathBuf, source: Source) -> Self {
        let shown = project.short(&output);
        Self {
            project: AllowedDirectory {
                guest: "/".to_owned(),
                host: project.root().to_owned(),
                shown: ".".to_owned(),
                access: Access::Read,
                create: false,
                room: Room::default(),
                source: Source::Frame,
            },
            output: AllowedDirectory {
                guest: "/out".to_owned(),
                host: output,
                shown,
                access: Access::Write,
                create: true,
                room: Room::default(),
                source,
            },
        }
    }
}

impl Configuration {
    /// Returns what an action of `plugin` that asks for `needs` may touch, when its component comes from `provenance`.
    pub fn grants_for(&self, plugin: &str, provenance: Provenance<'_>, needs: &[Need]) -> ActionGrants {
        let unaccepted = self.unaccepted(plugin, provenance).filter(|_| !needs.is_empty());
        if let Some(unaccepted) = unaccepted {
            return self.nothing(unaccepted, needs);
        }
        self.granted_to(plugin, provenance == Provenance::BuiltIn, needs, Vec::new())
    }

    /// Returns what the action may touch in a workflow: what it may elsewhere, less what is taken away from the workflow.
    pub fn grants_in(&self, workflow: &str, plugin: &str, provenance: Provenance<'_>, needs: &[Need]) -> ActionGrants {
        let elsewhere = self.grants_for(plugin, provenance, needs);
        if elsewhere.unaccepted.is_some() {
            return elsewhere;
        }
        let narrowed = self.narrowing_of(workflow);
        if narrowed.is_empty() {
            return elsewhere;
        }
        self.granted_to(plugin, provenance == Provenance::BuiltIn, needs, narrowed)
    }

    /// Returns what an action of a plugin from a file may touch once its component is accepted.
    pub fn grants_once_accepted(&self, plugin: &str, needs: &[Need]) -> ActionGrants {
        self.granted_to(plugin, false, needs, Vec::new())
    }

    fn granted_to(&self, plugin: &str, first_party: bool, needs: &[Need], narrowed: Vec<Narrowing>) -> ActionGrants {
        let allowed = self.directories_of(plugin, first_party);
        let secrets = self.secrets_of(plugin);
        let mut directories: Vec<AllowedDirectory> = Vec::new();
        let decisions = needs
            .iter()
            .map(|need| match need.kind.as_str() {
                "network" => self.decide_network(plugin, need, &narrowed),
                "secret" | "reveal" => self.decide_secret(plugin, need, &secrets),
                "env" => self.decide_variable(plugin, need),
                "context" => self.decide_context(plugin, need),
                _ => self.decide(plugin, need, &allowed, &narrowed, &mut directories),
            })
            .collect();
        // Reading needs no directory that a later write would make.
        directories
            .retain(|directory| directory.access == Access::Write || !directory.create || directory.host.is_dir());
        let opened = |directory: &AllowedDirectory| {
            let kept = directories.iter().any(|kept| kept.guest == directory.guest);
            let less = access_left(&narrowed, &directory.guest, directory.access).1.is_some();
            kept || (less && directory.host.is_dir())
        };
        let whole = allowed.into_iter().filter(opened).collect();
        let rules = self.addresses_of(plugin).iter().map(|address| address.rule.clone());
        ActionGrants {
            needs: decisions,
            directories,
            network: self.addresses_left(plugin, &narrowed),
            unaccepted: None,
            secrets: secrets.into_iter().map(|(secret, _)| secret).collect(),
            variables: self.variables_of(plugin).iter().map(|(name, _)| name.clone()).collect(),
            context: self.context_of(plugin).iter().map(|(keys, _)| keys.clone()).collect(),
            whole: (whole, rules.collect()),
            narrowed,
            root: self.project().root().to_owned(),
            hidden: self.hidden(),
            state: self.state_directory(),
        }
    }

    /// Returns what a component may touch that is not accepted.
    fn nothing(&self, unaccepted: Unaccepted, needs: &[Need]) -> ActionGrants {
        let refused = || Refusal {
            message: unaccepted.to_string(),
            place: None,
            line: None,
        };
        let needs = needs.iter().map(|need| decision(need, Vec::new(), Some(refused())));
        ActionGrants {
            needs: needs.collect(),
            directories: Vec::new(),
            network: Vec::new(),
            secrets: Vec::new(),
            variables: Vec::new(),
            context: Vec::new(),
            whole: (Vec::new(), Vec::new()),
            narrowed: Vec::new(),
            unaccepted: Some(unaccepted),
            root: self.project().root().to_owned(),
            hidden: self.hidden(),
            state: self.state_directory(),
        }
    }

    /// Returns the directories that a plugin is allowed, whatever its actions ask for. `first_party` is whether it is one
    /// of those inside the binary.
    pub fn directories_of(&self, plugin: &str, first_party: bool) -> Vec<AllowedDirectory> {
        match &self.frame {
            Some(frame) if first_party => vec![frame.project.clone(), frame.output.clone()],
            Some(_) => Vec::new(),
            None => self
                .plugins()
                .get(plugin)
                .map(|section| section.directories.clone())
                .unwrap_or_default(),
        }
    }

    fn decide(
        &self,
        plugin: &str,
        need: &Need,
        allowed: &[AllowedDirectory],
        narrowed: &[Narrowing],
        granted: &mut Vec<AllowedDirectory>,
    ) -> NeedDecision {
        let access = match need.kind.as_str() {
            "read" => Some(Access::Read),
            "write" => Some(Access::Write),
            _ => None,
        };
        let mut given = Vec::new();
        let mut taken = None;
        for directory in allowed {
            let named = need.path.as_ref().is_none_or(|path| *path == directory.guest);
            let Some(access) = access.filter(|access| named && directory.access >= *access) else {
                continue;
            };
            let (left, by) = access_left(narrowed, &directory.guest, directory.access);
            if left < Some(access) {
                taken = taken.or(by);
                continue;
            }
            let AllowedDirectory {
                guest, host, source, ..
            } = directory.clone();
            given.push(Granted {
                thing: GrantedThing::Directory { guest, host, access },
                source,
                narrowed: None,
            });
            match granted.iter_mut().find(|other| other.guest == directory.guest) {
                Some(other) => other.access = other.access.max(access),
                None => granted.push(AllowedDirectory {
                    access,
                    ..directory.clone()
                }),
            }
        }
        let refused = given.is_empty().then(|| match (taken, access) {
            (Some(by), Some(access)) => {
                let which = need
                    .path
                    .as_deref()
                    .map_or("any directory".to_owned(), super::document::printable);
                taken_away(&format!("`{plugin}` may not {} {which}", word(access)), by)
            }
            _ => self.refusal(plugin, need, access),
        });
        decision(need, given, refused)
    }

    fn addresses_of(&self, plugin: &str) -> &[AllowedAddress] {
        self.plugins().get(plugin).map_or(&[], |section| &section.network)
    }

    fn addresses_left(&self, plugin: &str, narrowed: &[Narrowing]) -> Vec<AllowedAddress> {
        let addresses = self.addresses_of(plugin).iter();
        let left = |address: &AllowedAddress| {
            let of = address.clone();
            let rules = network_left(narrowed, &address.rule).into_iter();
            rules
                .map(move |rule| AllowedAddress { rule, ..of.clone() })
                .collect::<Vec<_>>()
        };
        addresses.flat_map(left).collect()
    }

    fn decide_network(&self, plugin: &str, need: &Need, narrowed: &[Narrowing]) -> NeedDecision {
        let asked = match NetworkRule::of_need(need) {
            Ok(asked) => asked,
            Err(error) => {
                let refusal = Refusal {
                    message: format!("`{plugin}` asks for what cannot be granted: {error}"),
                    place: None,
                    line: None,
                };
                return decision(need, Vec::new(), Some(refusal));
            }
        };
        let fits = |rule: &NetworkRule| asked.as_ref().is_none_or(|asked| rule.overlaps(asked));
        let addresses = self.addresses_of(plugin).iter();
        let allowed: Vec<&AllowedAddress> = addresses.filter(|address| fits(&address.rule)).collect();
        let by = narrowed.iter().find(|narrowing| narrowing.network.is_some());
        let given: Vec<Granted> = allowed
            .iter()
            .flat_map(|address| {
                network_left(narrowed, &address.rule)
                    .into_iter()
                    .map(move |rule| (rule, address))
            })
            .filter(|(rule, _)| fits(rule))
            .map(|(rule, address)| Granted {
                thing: GrantedThing::Address {
                    url: rule.url(),
                    methods: rule.methods().to_vec(),
                    private: rule.is_private(),
                },
                source: address.source.clone(),
                narrowed: by
                    .filter(|_| rule.to_string() != address.rule.to_string())
                    .map(|by| by.source.clone()),
            })
            .collect();
        let refused = given.is_empty().then(|| {
            if let Some(by) = by.filter(|_| !allowed.is_empty()) {
                return taken_away(&format!("`{plugin}` may not send requests"), by);
            }
            let (message, entry) = match &asked {
                Some(asked) => (
                    format!("`{plugin}` may not send requests to {}", asked.url()),
                    network::entry(&asked.url(), asked.methods(), false),
                ),
                None => (
                    format!("`{plugin}` may not send requests to any address"),
                    network::entry("https://api.example.org", &["GET".to_owned()], false),
                ),
            };
            let (place, line) = self.network_line(plugin, &entry);
            Refusal {
                message,
                place: Some(place),
                line: Some(line),
            }
        });
        decision(need, given, refused)
    }

    /// Returns where an entry of `network` is to be written, and the line with it.
    pub fn network_line(&self, plugin: &str, entry: &str) -> (String, String) {
        match self.addresses_of(plugin).first() {
            Some(first) => (
                format!("network of [plugins.{}], {}", key(plugin), first.source),
                format!("{entry},"),
            ),
            None => (self.section_of(plugin), format!("network = [{entry}]")),
        }
    }

    fn decide_secret(&self, plugin: &str, need: &Need, secrets: &[(SecretGrant, Source)]) -> NeedDecision {
        let name = need.data.get("name").and_then(Data::as_text);
        let reveal = need.kind == "reveal";
        let fits = |secret: &SecretGrant| name.is_none_or(|name| name == secret.name) && (secret.reveal || !reveal);
        let given: Vec<Granted> = secrets
            .iter()
            .filter(|(secret, _)| fits(secret))
            .map(|(secret, source)| Granted {
                thing: GrantedThing::Secret {
                    secret: secret.name.clone(),
                    to: secret.to.iter().map(NetworkRule::url).collect(),
                    only: secret.places.iter().map(ToString::to_string).collect(),
                },
                source: source.clone(),
                narrowed: None,
            })
            .collect();
        let refused = given.is_empty().then(|| {
            let verb = if reveal { "be told" } else { "use" };
            let which = name.map_or("any secret".to_owned(), |name| {
                format!("the secret `{}`", super::document::printable(name))
            });
            let list = if reveal { "reveal" } else { "secrets" };
            Refusal {
                message: format!("`{plugin}` may not {verb} {which}"),
                place: Some(self.section_of(plugin)),
                line: Some(format!("{list} = [{}]", quoted(name.unwrap_or("NAME")))),
            }
        });
        decision(need, given, refused)
    }

    fn variables_of(&self, plugin: &str) -> &[(String, Source)] {
        self.plugins().get(plugin).map_or(&[], |section| &section.variables)
    }

    fn decide_variable(&self, plugin: &str, need: &Need) -> NeedDecision {
        let name = need.data.get("name").and_then(Data::as_text);
        let variables = self.variables_of(plugin).iter();
        let given: Vec<Granted> = variables
            .filter(|(variable, _)| name.is_none_or(|name| name == variable))
            .map(|(variable, source)| Granted {
                thing: GrantedThing::Variable {
                    variable: variable.clone(),
                },
                source: source.clone(),
                narrowed: None,
            })
            .collect();
        let refused = given.is_empty().then(|| {
            let which = name.map_or("any variable".to_owned(), |name| {
                format!("the variable {}", super::document::printable(name))
            });
            Refusal {
                message: format!("`{plugin}` may not see {which}"),
                place: Some(self.section_of(plugin)),
                line: Some(format!("env = [{}]", quoted(name.unwrap_or("NAME")))),
            }
        });
        decision(need, given, refused)
    }

    fn context_of(&self, plugin: &str) -> &[(Pattern, Source)] {
        self.plugins().get(plugin).map_or(&[], |section| &section.context)
    }

    fn decide_context(&self, plugin: &str, need: &Need) -> NeedDecision {
        let asked = need.keys();
        let allowed = self.context_of(plugin).iter();
        let given: Vec<Granted> = allowed
            .filter(|(keys, _)| asked.iter().any(|asked| asked.overlaps(keys)))
            .map(|(keys, source)| Granted {
                thing: GrantedThing::Context { keys: keys.to_string() },
                source: source.clone(),
                narrowed: None,
            })
            .collect();
        let refused = given.is_empty().then(|| {
            let keys: Vec<String> = asked.iter().map(|asked| quoted(&asked.to_string())).collect();
            Refusal {
                message: format!("`{plugin}` may not share values with other steps"),
                place: Some(self.section_of(plugin)),
                line: Some(format!("context = [{}]", keys.join(", "))),
            }
        });
        decision(need, given, refused)
    }

    /// Returns where the section of a plugin is, or would be.
    pub fn section_of(&self, plugin: &str) -> String {
        match self.plugins().get(plugin) {
            Some(section) => format!("[plugins.{}], {}", key(plugin), section.source),
            None => {
                let file = match self.project().file() {
                    Some(file) => self.project().short(file),
                    None => "cofferdam.toml (cofferdam init makes one)".to_owned(),
                };
                format!("[plugins.{}] in {file}", key(plugin))
            }
        }
    }

    fn refusal(&self, plugin: &str, need: &Need, access: Option<Access>) -> Refusal {
        let Some(access) = access else {
            let message = match need.kind.as_str() {
                "context" => {
                    format!("`{}` is understood but not granted in this release", need.kind)
                }
                other => format!(
                    "`{}` is nothing that this cofferdam knows",
                    super::document::printable(other)
                ),
            };
            return Refusal {
                message,
                place: None,
                line: None,
            };
        };
        let (guest, rest) = match access {
            Access::Read => ("/", "host = \".\", access = \"read\""),
            Access::Write => ("/out", "host = \"out\", access = \"write\", create = true"),
        };
        let guest = need
            .path
            .as_deref()
            .filter(|path| paths::is_guest_path(path))
            .unwrap_or(guest);
        let entry = format!("{{ guest = {}, {rest} }}", quoted(guest));
        let message = format!(
            "`{plugin}` may not {} any directory{}",
            word(access),
            match &need.path {
                Some(path) => format!(" as {}", super::document::printable(path)),
                None => String::new(),
            }
        );
        let (place, line) = match self.plugins().get(plugin) {
            Some(section) if !section.directories.is_empty() => {
                let first = &section.directories[0].source;
                (
                    format!("dirs of [plugins.{}], {first}", key(plugin)),
                    format!("{entry},"),
                )
            }
            Some(_) | None => (self.section_of(plugin), format!("dirs = [{entry}]")),
        };
        Refusal {
            message,
            place: Some(place),
            line: Some(line),
        }
    }
}

impl ActionGrants {
    /// Returns whether everything that the action cannot do without is granted.
    pub fn is_complete(&self) -> bool {
        self.unaccepted.is_none() && self.refusals().next().is_none()
    }

    /// Returns how many of the needs are granted.
    pub fn granted(&self) -> usize {
        self.needs.iter().filter(|need| need.refused.is_none()).count()
    }

    /// Returns what is refused of what the action cannot do without.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        let needed = self.needs.iter().filter(|need| !need.optional);
        needed.filter_map(|need| need.refused.as_ref())
    }

    /// Returns the product for the sandbox, which opens the directories.
    pub fn allowed(&self) -> Allowed {
        let directory = |directory: &AllowedDirectory| DirectoryGrant {
            guest: directory.guest.clone(),
            host: directory.host.clone(),
            access: directory.access,
            room: directory.room,
        };
        Allowed {
            root: self.root.clone(),
            hidden: self.hidden.clone(),
            directories: self.whole.0.iter().map(directory).collect(),
            network: self.whole.1.clone(),
            secrets: self.secrets.clone(),
            variables: self.variables.clone(),
            context: self.context.clone(),
            narrowed: self.narrowed.clone(),
        }
    }

    /// Makes the directories that the action may write and that say `create = true`, and that of the state: it can only be
    /// hidden once it is there, and a guest of the very first run must not see it come to be.
    ///
    /// # Errors
    /// If one cannot be made, or something else is in its place.
    pub fn prepare(&self) -> Result<(), PrepareError> {
        paths::create_private(&self.state).map_err(|source| PrepareError::State {
            directory: self.state.clone(),
            source,
        })?;
        let made = |directory: &&AllowedDirectory| directory.create && directory.access == Access::Write;
        for directory in self.directories.iter().filter(made) {
            paths::create(&self.root, &directory.host).map_err(|source| PrepareError::Granted {
                host: directory.host.clone(),
                allowed_by: directory.source.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

impl GrantedThing {
    /// Returns it in a few words; `short` names a path as people do.
    pub fn shown(&self, short: impl Fn(&Path) -> String) -> String {
        match self {
            Self::Directory { guest, host, .. } => format!("{guest} {}", short(host)),
            Self::Address { url, methods, private } => {
                let private = if *private { " (private address)" } else { "" };
                if methods.is_empty() {
                    format!("{url}{private}")
                } else {
                    format!("{} {url}{private}", methods.join("/"))
                }
            }
            Self::Secret { secret, to, only } => {
                let to = if to.is_empty() {
                    "nowhere".to_owned()
                } else {
                    to.join(" ")
                };
                format!("{secret} to {to} in {}", only.join(" "))
            }
            Self::Variable { variable } => variable.clone(),
            Self::Context { keys } => keys.clone(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let (Some(place), Some(line)) = (&self.place, &self.line) {
            write!(f, "; to grant it, add to {place}: {line}")?;
        }
        Ok(())
    }
}

/// Returns why something that is granted elsewhere is refused to a workflow.
fn taken_away(what: &str, by: &Narrowing) -> Refusal {
    Refusal {
        message: format!("{what} in this workflow: {} takes it away", by.source),
        place: None,
        line: None,
    }
}

fn decision(need: &Need, granted: Vec<Granted>, refused: Option<Refusal>) -> NeedDecision {
    NeedDecision {
        kind: need.kind.clone(),
        path: need.path.clone(),
        reason: need.reason.clone(),
        optional: need.is_optional(),
        granted,
        refused,
    }
}

pub(super) fn word(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
    }
}

fn access_word<S: Serializer>(access: &Access, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word(*access))
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn key(plugin: &str) -> String {
    let bare = !plugin.is_empty()
        && plugin
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { plugin.to_owned() } else { quoted(plugin) }
}
