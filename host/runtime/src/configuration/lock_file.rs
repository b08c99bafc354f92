//! What does `cofferdam.lock` say, and how is it written?

use super::acceptance::{GrantsBelong, Portrait};
use super::document::{Document, get, integer, printable};
use super::file::{self, Configuration, PluginSection};
use super::grants::quoted;
use super::problem::{Problem, ProblemCode};
use super::project::Project;
use super::source::Source;
use cofferdam_engine::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use toml::de::DeTable;

pub(super) const FILE_NAME: &str = "cofferdam.lock";
const REMEDY: &str =
    "take it back from version control, or delete it and accept its plugins again: cofferdam plugin accept NAME";
const HEAD: &str = "\
# cofferdam.lock: the components that the grants of cofferdam.toml are meant for, one for each plugin from a file.
# Written by `cofferdam plugin accept`; keep it under version control. It accepts nothing by itself: everybody who
# works here is shown what it lists, and says `cofferdam trust`.
lock = 1
";

/// The components that a team has agreed on, by plugin.
pub(super) type Lock = BTreeMap<String, Locked>;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) portrait: Portrait,
    pub(super) source: Source,
}

/// Reads the lock file of a project, if it has one.
pub(super) fn read(project: &Project) -> Result<Lock, Vec<Problem>> {
    let path = project.root().join(FILE_NAME);
    if project.file().is_none() || path.symlink_metadata().is_err() {
        return Ok(Lock::new());
    }
    let damaged = |problem: Problem| match problem.help {
        Some(_) => problem,
        None => problem.help(REMEDY),
    };
    let text = file::read(&path).map_err(|problem| vec![damaged(problem)])?;
    let (mut document, root) = Document::parse(&path, project.short(&path), &text);
    let lock = entries(&mut document, &root);
    let problems = document.into_problems();
    if problems.is_empty() {
        return Ok(lock);
    }
    let damaged = problems.into_iter().map(|mut problem| {
        problem.code = ProblemCode::BadLock;
        problem.help(REMEDY)
    });
    Err(damaged.collect())
}

fn entries(document: &mut Document<'_>, root: &DeTable<'_>) -> Lock {
    let mut lock = Lock::new();
    document.check_known("", "lock", root, &["lock", "plugin"]);
    match get(root, "lock").map(|value| (integer(value.get_ref()), value.span())) {
        Some((Some(1), _)) => {}
        Some((_, span)) => {
            document.add(
                ProblemCode::BadLock,
                span,
                "this cofferdam knows format 1 of lock files",
            );
        }
        None => {
            document.add(ProblemCode::BadLock, 0..0, "the format of this file is not said");
        }
    }
    let Some(plugins) = get(root, "plugin") else {
        return lock;
    };
    let Some(items) = plugins.get_ref().as_array() else {
        document.wrong::<()>("plugin", plugins, "written [[plugin]]");
        return lock;
    };
    for item in items {
        let Some(table) = item.get_ref().as_table() else {
            document.wrong::<()>("plugin", item, "written [[plugin]]");
            continue;
        };
        document.check_known("plugin", "lock", table, &["name", "version", "digest", "asks"]);
        let name = document.text(table, "name");
        let version = document.text(table, "version").map(|version| printable(&version.value));
        let digest = digest(document, table);
        let asks = document.texts(table, "asks").unwrap_or_default();
        let (Some(name), Some(digest)) = (name, digest) else {
            // What is there and of no use has been said.
            if get(table, "name").is_none() || get(table, "digest").is_none() {
                document.add(ProblemCode::BadLock, item.span(), "a plugin needs `name` and `digest`");
            }
            continue;
        };
        let portrait = Portrait {
            digest,
            version,
            asks: asks.iter().map(|ask| printable(&ask.value)).collect(),
            size: None,
            actions: None,
        };
        let source = document.source(&item.span());
        if lock
            .insert(printable(&name.value), Locked { portrait, source })
            .is_some()
        {
            let message = format!("`{}` is listed twice", printable(&name.value));
            document.add(ProblemCode::BadLock, name.span, message);
        }
    }
    lock
}

/// Reads `digest` of a plugin.
pub(super) fn digest(document: &mut Document<'_>, table: &DeTable<'_>) -> Option<Digest> {
    let text = document.text(table, "digest")?;
    let read = text.value.parse().ok();
    if read.is_none() {
        let message = format!(
            "`{}` is no digest: write sha256: and 64 hexadecimal digits",
            printable(&text.value)
        );
        document.add(ProblemCode::WrongValue, text.span, message);
    }
    read
}

impl Configuration {
    /// Returns the lock file, which need not exist.
    pub fn lock_file(&self) -> PathBuf {
        self.project().root().join(FILE_NAME)
    }

    /// Returns what the lock file lists that has to be accepted: nothing of it holds by itself.
    pub(super) fn locked(&self) -> impl Iterator<Item = (&str, &Locked)> {
        let counts = move |name: &str| {
            let section = self.plugins().get(name);
            let is_vouched_for = |section: &PluginSection| section.digest.is_some() || !section.signed_by.is_empty();
            section.is_some_and(|section| section.grants_anything() && !is_vouched_for(section))
        };
        let entries = self.lock.iter().map(|(name, locked)| (name.as_str(), locked));
        entries.filter(move |(name, _)| self.grants_belong() == GrantsBelong::ToComponents && counts(name))
    }

    /// Writes into the lock file that `plugin` is this component, and returns the file if it was not said there.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn lock(&self, plugin: &str, portrait: &Portrait) -> io::Result<Option<PathBuf>> {
        if self
            .lock
            .get(plugin)
            .is_some_and(|locked| locked.portrait.digest == portrait.digest)
        {
            return Ok(None);
        }
        let mut entries = self.entries();
        entries.insert(plugin, portrait);
        self.write_lock(&entries).map(Some)
    }

    /// Takes a plugin out of the lock file, if it is there.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn unlock(&self, plugin: &str) -> io::Result<()> {
        let mut entries = self.entries();
        match entries.remove(plugin) {
            Some(_) => self.write_lock(&entries).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Returns whether the lock file, or the section of the plugin, names this component.
    pub fn is_locked(&self, plugin: &str, digest: &Digest) -> bool {
        let section = self.plugins().get(plugin);
        let named = section
            .and_then(|section| section.digest.as_ref())
            .map(|(named, _)| named);
        named == Some(digest)
            || self
                .lock
                .get(plugin)
                .is_some_and(|locked| locked.portrait.digest == *digest)
    }

    fn entries(&self) -> BTreeMap<&str, &Portrait> {
        let entries = self.lock.iter();
        entries
            .map(|(name, locked)| (name.as_str(), &locked.portrait))
            .collect()
    }

    fn write_lock(&self, entries: &BTreeMap<&str, &Portrait>) -> io::Result<PathBuf> {
        let text = entries
            .iter()
            .fold(HEAD.to_owned(), |text, (name, portrait)| text + &entry(name, portrait));
        let path = self.lock_file();
        // Written aside and renamed: whoever reads it meanwhile reads a whole one.
        let aside = path.with_extension(format!("lock.{}", std::process::id()));
        let written = fs::File::create(&aside)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&aside, &path));
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written.map(|()| path)
    }
}

fn entry(name: &str, portrait: &Portrait) -> String {
    let version = match &portrait.version {
        Some(version) => format!("version = {}\n", quoted(version)),
        None => String::new(),
    };
    let asks: Vec<String> = portrait.asks.iter().map(|ask| quoted(ask)).collect();
    format!(
        "\n[[plugin]]\nname = {}\n{version}digest = \"{}\"\nasks = [{}]\n",
        quoted(name),
        portrait.digest,
        asks.join(", ")
    )
}
