//! What a workflow can name beside actions: other files of its project, and what the configuration names.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Knows the project that a workflow belongs to.
///
/// What it does not know it answers with nothing at all, and nothing is said about it then.
pub trait Surroundings: std::fmt::Debug + Send + Sync {
    /// Returns the file that `name` means where a file of this kind is named.
    fn file(&self, kind: FileKind, name: &str) -> FoundFile;

    /// Returns the names of the files of a kind, sorted.
    fn names(&self, kind: FileKind) -> Vec<String>;

    /// Returns what there is at `path`, which a script runs.
    fn script(&self, path: &str) -> FoundScript;

    /// Returns the names of the configured secrets.
    fn secrets(&self) -> Option<BTreeSet<String>> {
        None
    }

    /// Returns the names of the configured identities.
    fn identities(&self) -> Option<BTreeSet<String>> {
        None
    }

    /// Returns how long an attempt of `plugin` may take in `workflow`, with the place that says so, if one does.
    fn wall(&self, workflow: &str, plugin: &str) -> Option<(Duration, String)> {
        let _ = (workflow, plugin);
        None
    }

    /// Returns the kinds of gates that somebody decides, beside those that the language knows.
    fn gate_kinds(&self) -> Option<BTreeSet<String>> {
        None
    }
}

/// What a name stands for that is the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// The schema of an output: `output = NAME`.
    Schema,
    /// An agent: `call NAME`.
    Agent,
    /// A prompt snippet: `with = NAME`.
    Snippet,
}

impl FileKind {
    /// Returns how a sentence names one such file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Agent => "agent",
            Self::Snippet => "snippet",
        }
    }

    /// Returns how a file ends that is named without its ending.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Schema => &["yaml", "yml"],
            Self::Agent | Self::Snippet => &["md"],
        }
    }
}

/// What came of looking for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundFile {
    /// It is there.
    Text {
        /// The file, as people name it.
        file: String,
        /// What is in it.
        text: String,
    },
    /// There is none.
    Missing {
        /// Where it would be, as people name it.
        places: Vec<String>,
    },
    /// The name leads out of the project, or out of the directory of such files.
    Outside,
    /// It is there and cannot be read.
    Unreadable {
        /// The file, as people name it.
        file: String,
        /// Why.
        reason: String,
    },
}

/// What came of looking for a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundScript {
    /// A file that can be run.
    Fine,
    /// Nothing.
    Missing,
    /// Something else than a file.
    NotAFile,
    /// A file that nobody may run.
    NotExecutable,
    /// The path, or a link on its way, leads out of the project.
    Outside,
}

/// Returns whether a name of a file stays where such files are: names without a directory, or a path below the project.
pub fn is_contained(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('/')
        && !name.contains(['\\', '\0'])
        && name.split('/').all(|part| part != "..")
}

/// A project that is a list of files.
#[derive(Clone, Debug, Default)]
pub struct FileList {
    files: BTreeMap<(FileKind, String), String>,
    scripts: BTreeMap<String, FoundScript>,
    secrets: Option<BTreeSet<String>>,
    identities: Option<BTreeSet<String>>,
    gate_kinds: Option<BTreeSet<String>>,
    walls: BTreeMap<String, (Duration, String)>,
}

impl FileList {
    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, kind: FileKind, name: &str, text: &str) -> Self {
        self.files.insert((kind, name.to_owned()), text.to_owned());
        self
    }

    /// Adds what is found at a path that a script runs.
    #[must_use]
    pub fn with_script(mut self, path: &str, found: FoundScript) -> Self {
        self.scripts.insert(path.to_owned(), found);
        self
    }

    /// Says which secrets there are.
    #[must_use]
    pub fn with_secrets(mut self, names: &[&str]) -> Self {
        self.secrets = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Says which identities there are.
    #[must_use]
    pub fn with_identities(mut self, names: &[&str]) -> Self {
        self.identities = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Says how long an attempt of a plugin may take, and where that is said.
    #[must_use]
    pub fn with_wall(mut self, plugin: &str, wall: Duration, place: &str) -> Self {
        self.walls.insert(plugin.to_owned(), (wall, place.to_owned()));
        self
    }

    /// Says which further kinds of gates somebody decides.
    #[must_use]
    pub fn with_gate_kinds(mut self, names: &[&str]) -> Self {
        self.gate_kinds = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }
}

impl Surroundings for FileList {
    fn file(&self, kind: FileKind, name: &str) -> FoundFile {
        if !is_contained(name) {
            return FoundFile::Outside;
        }
        let file = format!("{}s/{name}.{}", kind.word(), kind.endings()[0]);
        match self.files.get(&(kind, name.to_owned())) {
            Some(text) => FoundFile::Text {
                file,
                text: text.clone(),
            },
            None => FoundFile::Missing { places: vec![file] },
        }
    }

    fn names(&self, kind: FileKind) -> Vec<String> {
        let names = self.files.keys().filter(|(of, _)| *of == kind);
        names.map(|(_, name)| name.clone()).collect()
    }

    fn script(&self, path: &str) -> FoundScript {
        let path = path.strip_prefix("./").unwrap_or(path);
        if !is_contained(path) {
            return FoundScript::Outside;
        }
        self.scripts.get(path).copied().unwrap_or(FoundScript::Missing)
    }

    fn secrets(&self) -> Option<BTreeSet<String>> {
        self.secrets.clone()
    }

    fn identities(&self) -> Option<BTreeSet<String>> {
        self.identities.clone()
    }

    fn wall(&self, _workflow: &str, plugin: &str) -> Option<(Duration, String)> {
        self.walls.get(plugin).cloned()
    }

    fn gate_kinds(&self) -> Option<BTreeSet<String>> {
        self.gate_kinds.clone()
    }
}
