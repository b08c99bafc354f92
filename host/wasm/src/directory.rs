//! How directories of this machine are opened for guests: without following links, and knowing what lies in them.

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

/// What a file or directory is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// A directory that no guest may see, with the place where it would be listed.
#[derive(Clone, Debug)]
pub(crate) struct HiddenDirectory {
    pub(crate) identity: Identity,
    pub(crate) parent: Identity,
    pub(crate) name: OsString,
}

impl Identity {
    pub(crate) fn of(stat: &Stat) -> Self {
        #[expect(
            clippy::unnecessary_cast,
            reason = "the widths of these numbers differ between systems"
        )]
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        }
    }

    pub(crate) fn pair(self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// Opens `path` below `root`. No part of `path` may be a link: what it names now is what was granted.
pub(crate) fn open_granted(root: &Path, path: &Path) -> io::Result<File> {
    let mut directory = if path.is_absolute() {
        open(Path::new("/"))?
    } else {
        open(root)?
    };
    for component in path.components() {
        let name = match component {
            Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
            Component::ParentDir => "..".as_ref(),
            Component::Normal(name) => name,
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        directory = match rustix::fs::openat(&directory, name, flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(error) => return Err(why(&directory, name, error)),
        };
    }
    Ok(File::from(directory))
}

/// Returns the directories to hide. One that does not exist now is left out: it cannot be found by name before either.
pub(crate) fn hidden(paths: &[impl AsRef<Path>]) -> io::Result<Vec<HiddenDirectory>> {
    let mut hidden = Vec::new();
    for path in paths {
        let path = match std::fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let directory = open(&path)?;
        hidden.push(HiddenDirectory {
            identity: identity(&directory)?,
            parent: Identity::of(&rustix::fs::statat(&directory, "..", AtFlags::empty())?),
            name: path.file_name().unwrap_or_default().to_owned(),
        });
    }
    Ok(hidden)
}

/// Returns what `directory` and all directories above it are.
pub(crate) fn ancestry(directory: impl AsFd) -> io::Result<Vec<Identity>> {
    let mut ancestry = vec![identity(&directory)?];
    let mut current: Option<OwnedFd> = None;
    loop {
        let fd = current.as_ref().map_or_else(|| directory.as_fd(), |fd| fd.as_fd());
        let parent = rustix::fs::openat(
            fd,
            "..",
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let identity = identity(&parent)?;
        if ancestry.last() == Some(&identity) {
            return Ok(ancestry);
        }
        ancestry.push(identity);
        current = Some(parent);
    }
}

/// Returns the ancestry of the directory at `path`.
pub(crate) fn ancestry_of(path: &Path) -> io::Result<Vec<Identity>> {
    ancestry(open(path)?)
}

pub(crate) fn identity(file: impl AsFd) -> io::Result<Identity> {
    Ok(Identity::of(&rustix::fs::fstat(file)?))
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// The system says "not a directory" of a link that is not followed; people want to know which it is.
fn why(directory: &OwnedFd, name: &std::ffi::OsStr, error: rustix::io::Errno) -> io::Error {
    let name_shown = name.to_string_lossy();
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink() => {
            io::Error::other(format!("`{name_shown}` is a symbolic link: name what it points to"))
        }
        Ok(stat) if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() => {
            io::Error::other(format!("`{name_shown}` is no directory"))
        }
        Ok(_) | Err(_) => error.into(),
    }
}
