//! How directories of this machine are opened for guests: without following links, and knowing what lies in them.

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use std::ffi::{OsStr, OsString};
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

/// Returns whether a directory of this name is a repository, also where case does not matter: files below it say what programs run.
pub fn is_repository(name: &OsStr) -> bool {
    name.eq_ignore_ascii_case(".git")
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

    /// Returns whether both are on one device.
    pub(crate) fn is_beside(self, other: Self) -> bool {
        self.device == other.device
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
    if let Some(name) = kernel_file_system(&directory)? {
        return Err(io::Error::other(format!(
            "it is in a file system of the kernel (`{name}`), which tells about this machine and its processes"
        )));
    }
    Ok(File::from(directory))
}

/// File systems in which there are no files: what is read there is what the kernel tells about this machine and its
/// processes, such as the environment and the memory of the host itself. By the numbers of Linux.
const OF_THE_KERNEL: &[(u32, &str)] = &[
    (0x0000_9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x0000_1cd1, "devpts"),
    (0x7363_6673, "securityfs"),
    (0x6462_6720, "debugfs"),
    (0x7472_6163, "tracefs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0xcafe_4a11, "bpf"),
    (0xf97c_ff8c, "selinuxfs"),
    (0x4341_5d53, "smackfs"),
    (0xde5e_81e4, "efivarfs"),
    (0x6165_676c, "pstore"),
    (0x6265_6570, "configfs"),
    (0x4249_4e4d, "binfmt_misc"),
    (0x6e73_6673, "nsfs"),
    (0x6573_5543, "fusectl"),
    (0x1980_0202, "mqueue"),
    (0x6759_6969, "rpc_pipefs"),
    (0x6e66_7364, "nfsd"),
    (0x0765_5821, "resctrl"),
];

/// Returns which file system of the kernel `file` is in, if it is in one.
#[cfg(target_os = "linux")]
pub(crate) fn kernel_file_system(file: impl AsFd) -> Result<Option<&'static str>, rustix::io::Errno> {
    let there = rustix::fs::fstatfs(file)?.f_type;
    // The width and the sign of the number differ between machines; what tells them apart are 32 bits.
    let there = there as u32;
    Ok(OF_THE_KERNEL
        .iter()
        .find_map(|(number, name)| (*number == there).then_some(*name)))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn kernel_file_system(_file: impl AsFd) -> Result<Option<&'static str>, rustix::io::Errno> {
    Ok(None)
}

/// Returns which file system of the kernel the directory at `path` is in, if it is in one: no guest may see it.
///
/// # Errors
/// If the directory cannot be opened.
pub fn of_the_kernel(path: &Path) -> io::Result<Option<&'static str>> {
    Ok(kernel_file_system(open(path)?)?)
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
