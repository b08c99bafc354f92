//! Which files does a workflow name, and where are they? The project on the disk, for the checker.

use crate::configuration::{Configuration, Source};
use cofferdam_dsl::{FileKind, FoundFile, FoundScript, Surroundings, is_contained};
use cofferdam_wasm::LimitName;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A larger file is no schema, agent or snippet.
const MAX_BYTES: u64 = 1024 * 1024;

/// The files around the workflows of a project.
#[derive(Clone, Debug)]
pub struct ProjectFiles {
    root: PathBuf,
    schemas: Vec<PathBuf>,
    agents: Vec<PathBuf>,
    snippets: Vec<PathBuf>,
    secrets: BTreeSet<String>,
    gate_kinds: BTreeSet<String>,
    configuration: Configuration,
}

impl ProjectFiles {
    /// Returns the files where `configuration` says that they are.
    pub fn of(configuration: &Configuration) -> Self {
        Self {
            root: configuration.project().root().to_owned(),
            schemas: configuration.schema_directories().map(Path::to_owned).collect(),
            agents: configuration.agent_directories().map(Path::to_owned).collect(),
            snippets: configuration.snippet_directories().map(Path::to_owned).collect(),
            secrets: configuration.secrets().keys().cloned().collect(),
            gate_kinds: configuration.gate_kinds().map(str::to_owned).collect(),
            configuration: configuration.clone(),
        }
    }

    fn directories(&self, kind: FileKind) -> &[PathBuf] {
        match kind {
            FileKind::Schema => &self.schemas,
            FileKind::Agent => &self.agents,
            FileKind::Snippet => &self.snippets,
        }
    }

    /// Returns where the file can be that `name` means, the place that wins first.
    fn places(&self, kind: FileKind, name: &str) -> Vec<PathBuf> {
        // A name with a directory is a path below the project.
        let directories = if name.contains('/') {
            std::slice::from_ref(&self.root)
        } else {
            self.directories(kind)
        };
        let name = name.trim_start_matches("./");
        let has_ending = kind.endings().iter().any(|ending| {
            let stem = name.strip_suffix(ending).and_then(|stem| stem.strip_suffix('.'));
            stem.is_some_and(|stem| !stem.is_empty())
        });
        let names: Vec<String> = if has_ending {
            vec![name.to_owned()]
        } else {
            kind.endings().iter().map(|ending| format!("{name}.{ending}")).collect()
        };
        let directories = directories.iter().rev();
        directories
            .flat_map(|directory| names.iter().map(move |name| directory.join(name)))
            .collect()
    }

    fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Returns where `path` leads if that is inside of the project or of `directory`; nothing if it leads out of both.
    fn inside(&self, path: &Path, directory: Option<&Path>) -> io::Result<Option<PathBuf>> {
        let real = path.canonicalize()?;
        let holds = |base: &Path| base.canonicalize().is_ok_and(|base| real.starts_with(base));
        let is_inside = holds(&self.root) || directory.is_some_and(holds);
        Ok(is_inside.then_some(real))
    }
}

impl Surroundings for ProjectFiles {
    fn file(&self, kind: FileKind, name: &str) -> FoundFile {
        if !is_contained(name) {
            return FoundFile::Outside;
        }
        let places = self.places(kind, name);
        let Some(path) = places.iter().find(|path| path.symlink_metadata().is_ok()) else {
            return FoundFile::Missing {
                places: places.iter().map(|path| self.short(path)).collect(),
            };
        };
        let file = self.short(path);
        let unreadable = |reason: String| FoundFile::Unreadable {
            file: file.clone(),
            reason,
        };
        match self.inside(path, path.parent()) {
            Ok(Some(real)) => match text_of(&real) {
                Ok(text) => FoundFile::Text { file, text },
                Err(reason) => unreadable(reason),
            },
            Ok(None) => FoundFile::Outside,
            Err(error) => unreadable(format!("cannot be followed: {error}")),
        }
    }

    fn names(&self, kind: FileKind) -> Vec<String> {
        let mut names = BTreeSet::new();
        for directory in self.directories(kind) {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            names.extend(entries.filter_map(|entry| {
                let path = entry.path();
                let ending = path.extension()?.to_str()?;
                let stem = path.file_stem()?.to_str()?;
                kind.endings().contains(&ending).then(|| stem.to_owned())
            }));
        }
        names.into_iter().collect()
    }

    fn script(&self, path: &str) -> FoundScript {
        if !is_contained(path) {
            return FoundScript::Outside;
        }
        let real = match self.inside(&self.root.join(path), None) {
            Ok(Some(real)) => real,
            Ok(None) => return FoundScript::Outside,
            Err(_) => return FoundScript::Missing,
        };
        match real.metadata() {
            Ok(metadata) if !metadata.is_file() => FoundScript::NotAFile,
            Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => FoundScript::NotExecutable,
            Ok(_) => FoundScript::Fine,
            Err(_) => FoundScript::Missing,
        }
    }

    fn wall(&self, workflow: &str, plugin: &str) -> Option<(Duration, String)> {
        let source = self.configuration.limit_source(Some(workflow), plugin, LimitName::Wall);
        // The default is nobody's word about this run.
        if matches!(source, Source::BuiltIn) {
            return None;
        }
        let wall = self.configuration.limits_in(workflow, plugin).get(LimitName::Wall);
        Some((Duration::from_millis(wall), source.to_string()))
    }

    fn secrets(&self) -> Option<BTreeSet<String>> {
        Some(self.secrets.clone())
    }

    fn gate_kinds(&self) -> Option<BTreeSet<String>> {
        Some(self.gate_kinds.clone())
    }
}

/// Returns what is in a file, or why it is not read.
fn text_of(path: &Path) -> Result<String, String> {
    let metadata = path
        .metadata()
        .map_err(|error| format!("cannot be looked at: {error}"))?;
    // Opening a pipe would wait for whoever writes into it.
    if !metadata.is_file() {
        return Err("is no file".to_owned());
    }
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("is larger than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{Overrides, Project};
    use std::os::unix::fs::symlink;

    struct Place {
        root: PathBuf,
        _outer: tempfile::TempDir,
    }

    impl Place {
        fn new(section: &str) -> (Self, ProjectFiles) {
            let outer = tempfile::tempdir().unwrap();
            let root = outer.path().canonicalize().unwrap().join("project");
            fs::create_dir(&root).unwrap();
            let text = format!("config = 1\n{section}");
            fs::write(root.join("cofferdam.toml"), text).unwrap();
            let place = Self { root, _outer: outer };
            let project = Project::discover(&place.root, &Overrides::default()).unwrap();
            let configuration = Configuration::load(&project, &Overrides::default()).unwrap();
            (place, ProjectFiles::of(&configuration))
        }

        fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
            let path = self.root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }
    }

    fn text(file: &str, text: &str) -> FoundFile {
        FoundFile::Text {
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }

    // row A16 D07
    #[test]
    fn files_are_found_by_name_and_by_path_and_the_later_directory_wins() {
        let (place, files) = Place::new("[project]\nschemas = [\"schemas\", \"own/schemas\"]\n");
        place.write("schemas/review.yaml", "one");
        place.write("schemas/only.yml", "two");
        place.write("own/schemas/review.yaml", "three");
        place.write("else/where.yaml", "four");
        let schema = |name: &str| files.file(FileKind::Schema, name);
        assert_eq!(schema("review"), text("own/schemas/review.yaml", "three"));
        assert_eq!(schema("only"), text("schemas/only.yml", "two"));
        assert_eq!(schema("./else/where"), text("else/where.yaml", "four"));
        assert_eq!(schema("else/where.yaml"), text("else/where.yaml", "four"));
        assert_eq!(files.names(FileKind::Schema), ["only", "review"]);
        assert_eq!(files.names(FileKind::Agent), [""; 0]);
        let FoundFile::Missing { places } = files.file(FileKind::Snippet, "scope") else {
            panic!("it is not there")
        };
        assert_eq!(places, ["snippets/scope.md"]);
    }

    // row A16
    #[test]
    fn no_name_and_no_link_leads_out() {
        let (place, files) = Place::new("");
        let outside = place.root.parent().unwrap().join("secret.md");
        fs::write(&outside, "secret").unwrap();
        place.write("agents/plan.md", "plan");
        place.write("notes/plan.md", "notes");
        symlink(&outside, place.root.join("agents/link.md")).unwrap();
        symlink("../notes/plan.md", place.root.join("agents/inner.md")).unwrap();
        symlink("nowhere.md", place.root.join("agents/dangling.md")).unwrap();
        let agent = |name: &str| files.file(FileKind::Agent, name);
        for name in [
            "../secret",
            "/etc/passwd",
            "agents/../../secret.md",
            "a\\b",
            "",
            "link",
            "agents/link.md",
        ] {
            assert_eq!(agent(name), FoundFile::Outside, "{name}");
        }
        assert_eq!(
            agent("inner"),
            text("agents/inner.md", "notes"),
            "a link may stay inside"
        );
        assert!(matches!(agent("dangling"), FoundFile::Unreadable { .. }));
    }

    #[test]
    fn what_is_no_text_is_not_read() {
        let (place, files) = Place::new("");
        place.write("snippets/large.md", vec![b'x'; 1024 * 1024 + 1]);
        place.write("snippets/bytes.md", [0xff, 0xfe]);
        fs::create_dir_all(place.root.join("snippets/directory.md")).unwrap();
        let reason = |name: &str| match files.file(FileKind::Snippet, name) {
            FoundFile::Unreadable { reason, .. } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason("large"), "is larger than 1 MiB");
        assert_eq!(reason("bytes"), "is not UTF-8 text");
        assert_eq!(reason("directory"), "is no file");
    }

    // row B11
    #[test]
    fn scripts_are_inside_and_can_be_run() {
        let (place, files) = Place::new("");
        let script = place.write("ci/test.sh", "#!/bin/sh\n");
        assert_eq!(files.script("ci/test.sh"), FoundScript::NotExecutable);
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(files.script("./ci/test.sh"), FoundScript::Fine);
        assert_eq!(files.script("ci"), FoundScript::NotAFile);
        assert_eq!(files.script("ci/none.sh"), FoundScript::Missing);
        symlink("/bin/sh", place.root.join("ci/link.sh")).unwrap();
        symlink("..", place.root.join("ci/up")).unwrap();
        symlink("../..", place.root.join("ci/out")).unwrap();
        for path in ["../x.sh", "/bin/sh", "ci/link.sh", "ci/out"] {
            assert_eq!(files.script(path), FoundScript::Outside, "{path}");
        }
        assert_eq!(files.script("ci/up/ci/test.sh"), FoundScript::Fine);
    }

    // row B07
    #[test]
    fn kinds_of_gates_come_from_the_configuration() {
        let (_place, files) = Place::new("[gates]\npr_checks = \"human\"\n");
        assert_eq!(files.gate_kinds(), Some(["pr_checks".to_owned()].into()));
    }

    // row J16
    #[test]
    fn secrets_come_from_the_configuration() {
        let (_place, files) = Place::new("");
        assert_eq!(files.secrets(), Some([].into()));
        let (_place, files) = Place::new("[secrets.github]\nenv = \"T\"\nto = []\n");
        assert_eq!(files.secrets(), Some(["github".to_owned()].into()));
        assert_eq!(files.identities(), None, "what is not configurable is not known");
    }
}
