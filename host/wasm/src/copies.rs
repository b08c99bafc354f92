//! Which components do runs still need, whatever becomes of the files that they came from?
//!
//! A run keeps the components that it started with. So their bytes are put under their digest beside the state, before
//! the run is acknowledged, and outlive the plugin file and, for plugins inside the binary, the binary. What is read
//! back is held against its digest. A copy of a built-in plugin is kept under its name too: its grants are those of a
//! built-in plugin only as long as it goes by that name.

use crate::component::Component;
use crate::descriptor::is_name;
use crate::precheck::MAX_FILE;
use crate::signature::Signatures;
use cofferdam_engine::Digest;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Who made a component, as far as its grants depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was part of the host.
    BuiltIn,
    /// It was a file.
    File,
}

/// A component that was kept for runs.
#[derive(Clone, Debug)]
pub struct KeptComponent {
    /// Where it lies.
    pub file: PathBuf,
    /// Its bytes, which have the digest that was asked for.
    pub bytes: Arc<[u8]>,
    /// Who made it.
    pub origin: Origin,
}

/// Why a component is not kept, or cannot be had back.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It cannot be written.
    #[error("cannot keep the component of `{plugin}` as `{}`", file.display())]
    Write {
        /// The plugin.
        plugin: String,
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is none.
    #[error("there is no copy of it, `{}`", file.display())]
    Missing {
        /// Where it would be.
        file: PathBuf,
    },
    /// It cannot be read.
    #[error("its copy `{}` cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what was put there.
    #[error("its copy `{}` is damaged: it has the digest {found}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What its content amounts to.
        found: Digest,
    },
}

/// A directory with the components that runs started with.
#[derive(Debug)]
pub struct Copies {
    directory: PathBuf,
    /// What this process has put there, or found there intact, for good: names of files, with their digest where they can change.
    kept: Mutex<BTreeSet<String>>,
}

impl Copies {
    /// Returns the copies in this directory, which is made when the first is kept.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            kept: Mutex::default(),
        }
    }

    /// Keeps components, each with the name of the plugin that it is: when this returns, they survive the end of the machine.
    /// What this process has kept before costs nothing.
    ///
    /// # Errors
    /// If one cannot be written. Those before it are kept.
    pub fn keep<'c>(
        &self,
        components: impl IntoIterator<Item = (&'c str, Origin, &'c Arc<Component>)>,
    ) -> Result<(), CopyError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for (plugin, origin, component) in components {
            let name = file_name(plugin, component.digest(), origin);
            if kept.contains(&name) {
                continue;
            }
            let failed = |source| CopyError::Write {
                plugin: plugin.to_owned(),
                file: self.directory.join(&name),
                source,
            };
            if new.is_empty() {
                make_directory(&self.directory).map_err(failed)?;
            }
            write(&self.directory, &name, component.bytes()).map_err(failed)?;
            new.push((plugin, name));
        }
        if let Some((plugin, name)) = new.first() {
            // Also for those that were there: whoever put them may not have come this far.
            sync(&self.directory).map_err(|source| CopyError::Write {
                plugin: (*plugin).to_owned(),
                file: self.directory.join(name),
                source,
            })?;
        }
        kept.extend(new.into_iter().map(|(_, name)| name));
        Ok(())
    }

    /// Keeps what vouches for a component as this plugin, as durable as the component itself. A name that can be none keeps nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_signatures(&self, plugin: &str, component: &Digest, signatures: &Signatures) -> Result<(), CopyError> {
        let signatures = signatures.about(plugin, component);
        if signatures == Signatures::default() || !is_name(plugin) {
            return Ok(());
        }
        let name = signatures_name(plugin, component);
        let failed = |source| CopyError::Write {
            plugin: plugin.to_owned(),
            file: self.directory.join(&name),
            source,
        };
        let text = signatures.to_text();
        let this = format!("{name} {}", Digest::of(text.as_bytes()));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains(&this) {
            make_directory(&self.directory).map_err(failed)?;
            write(&self.directory, &name, text.as_bytes()).map_err(failed)?;
            sync(&self.directory).map_err(failed)?;
            kept.insert(this);
        }
        Ok(())
    }

    /// Returns what was kept that vouches for a component as this plugin. What cannot be read vouches for nothing.
    pub fn signatures(&self, plugin: &str, component: &Digest) -> Signatures {
        if !is_name(plugin) {
            return Signatures::default();
        }
        let bytes = read(&self.directory.join(signatures_name(plugin, component)));
        let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(|text| Signatures::parse(&text)).unwrap_or_default()
    }

    /// Returns the copy of a component that a run knows as this plugin.
    ///
    /// # Errors
    /// If there is none, or it is not what was put there.
    pub fn read(&self, plugin: &str, digest: &Digest) -> Result<KeptComponent, CopyError> {
        match no_link(&self.directory) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                let file = self.directory.clone();
                return Err(CopyError::Read { file, source });
            }
            Ok(()) | Err(_) => {}
        }
        let mut missing = None;
        // The name comes from the state; one that is none must not become a path.
        let origins = [Origin::BuiltIn, Origin::File];
        for origin in origins
            .into_iter()
            .filter(|origin| *origin == Origin::File || is_name(plugin))
        {
            let file = self.directory.join(file_name(plugin, digest, origin));
            match read(&file) {
                Ok(bytes) => {
                    let found = Digest::of(&bytes);
                    if found != *digest {
                        return Err(CopyError::Damaged { file, found });
                    }
                    let bytes = bytes.into();
                    return Ok(KeptComponent { file, bytes, origin });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing = Some(file),
                Err(source) => return Err(CopyError::Read { file, source }),
            }
        }
        let file = missing.unwrap_or_else(|| self.directory.clone());
        Err(CopyError::Missing { file })
    }
}

fn file_name(plugin: &str, digest: &Digest, origin: Origin) -> String {
    let hex = digest.to_hex();
    match origin {
        Origin::BuiltIn => format!("{plugin}.sha256-{hex}.wasm"),
        Origin::File => format!("sha256-{hex}.wasm"),
    }
}

fn signatures_name(plugin: &str, component: &Digest) -> String {
    format!("{plugin}.sha256-{}.sig", component.to_hex())
}

/// Makes the directory, for this user alone, and makes sure that it stays.
fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync(path.parent().unwrap_or(Path::new("/"))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => no_link(path),
        Err(error) => Err(error),
    }
}

/// Refuses a directory that is a link: whoever made a repository that is cloned could point it anywhere.
fn no_link(directory: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(directory)?.file_type().is_symlink() {
        let reason = format!("`{}` is a symbolic link, which is not followed", directory.display());
        return Err(io::Error::other(reason));
    }
    Ok(())
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Writes aside, syncs and renames; a file that is there and intact is left as it is.
fn write(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let file = directory.join(name);
    if read(&file).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    // Two processes may keep the same component at one moment, and have the same number in two containers.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let aside = directory.join(format!(".{name}.{}.{}.new", std::process::id(), now.as_nanos()));
    let written = (|| {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()
    })();
    let renamed = written.and_then(|()| std::fs::rename(&aside, &file));
    if renamed.is_err() {
        // That it cannot be removed either changes nothing for the run.
        let _ = std::fs::remove_file(&aside);
    }
    renamed
}

/// Reads a regular file that is no link and has a reasonable size.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len().min(MAX_FILE)).unwrap_or(0));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
