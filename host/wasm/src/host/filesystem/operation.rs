//! What is done at the place that a path leads to: the system's own calls, each on one name in one open directory.

use super::place::{Astray, LastLink, Place, find, not_of_the_kernel, read_link};
use crate::directory::{HiddenDirectory, Identity};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::AsFd;
use std::sync::Arc;
use wasmtime_wasi::OpenMode;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types;

/// Where an operation starts, and what it must not see.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) base: Arc<File>,
    pub(super) hidden: Arc<[HiddenDirectory]>,
    /// Whether it is or lies in a repository.
    pub(super) in_repository: bool,
}

/// What was opened.
pub(super) enum Opened {
    File {
        file: File,
        made: bool,
        /// How long it was before it was opened, if it was emptied.
        emptied: u64,
    },
    Directory {
        directory: File,
        in_repository: bool,
    },
}

/// How a file is to be opened, as the guest said it.
#[derive(Clone, Copy)]
pub(super) struct HowToOpen {
    pub(super) last_link: LastLink,
    pub(super) open: types::OpenFlags,
    pub(super) descriptor: types::DescriptorFlags,
}

const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

impl HowToOpen {
    /// Returns what the descriptor will be able to do.
    pub(super) fn mode(self) -> OpenMode {
        let mut mode = OpenMode::empty();
        let creates = self
            .open
            .intersects(types::OpenFlags::CREATE | types::OpenFlags::TRUNCATE);
        if self.descriptor.contains(types::DescriptorFlags::WRITE) || creates {
            mode |= OpenMode::WRITE;
        }
        if self.descriptor.contains(types::DescriptorFlags::READ)
            || !self.descriptor.contains(types::DescriptorFlags::WRITE)
        {
            mode |= OpenMode::READ;
        }
        mode
    }

    /// Returns whether what is opened will be changed, or made.
    fn changes(self) -> bool {
        self.mode().contains(OpenMode::WRITE)
    }

    fn flags(self) -> Result<OFlags, Errno> {
        let synchronous = types::DescriptorFlags::FILE_INTEGRITY_SYNC
            | types::DescriptorFlags::DATA_INTEGRITY_SYNC
            | types::DescriptorFlags::REQUESTED_WRITE_SYNC;
        if self.descriptor.intersects(synchronous) {
            return Err(Errno::NOTSUP);
        }
        let directory = self.open.contains(types::OpenFlags::DIRECTORY);
        let others = types::OpenFlags::CREATE | types::OpenFlags::EXCLUSIVE | types::OpenFlags::TRUNCATE;
        if directory && self.open.intersects(others) {
            return Err(Errno::INVAL);
        }
        // Opening must never wait, and the last step has been taken apart: it is no link any more.
        let mut flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        flags.set(OFlags::DIRECTORY, directory);
        flags.set(OFlags::CREATE, self.open.contains(types::OpenFlags::CREATE));
        flags.set(OFlags::EXCL, self.open.contains(types::OpenFlags::EXCLUSIVE));
        flags.set(OFlags::TRUNC, self.open.contains(types::OpenFlags::TRUNCATE));
        flags |= match (
            self.mode().contains(OpenMode::READ),
            self.mode().contains(OpenMode::WRITE),
        ) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (_, false) => OFlags::RDONLY,
        };
        Ok(flags)
    }
}

impl Start {
    fn place(&self, path: &str, last_link: LastLink) -> Result<Place, Astray> {
        find(&self.base, path, last_link, &self.hidden)
    }

    /// Returns the place of something that is made, moved or removed: it has a name of its own.
    fn named(&self, path: &str) -> Result<Place, Astray> {
        let place = self.place(path, LastLink::Keep)?;
        if place.name.is_some() {
            Ok(place)
        } else {
            Err(Astray::System(Errno::INVAL))
        }
    }

    /// Returns such a place for whoever changes what is there.
    fn changed(&self, path: &str) -> Result<Place, Astray> {
        self.outside_of_repositories(self.named(path)?)
    }

    /// Refuses what lies in a repository, or would be one, to whoever changes something.
    fn outside_of_repositories(&self, place: Place) -> Result<Place, Astray> {
        if self.in_repository || place.is_in_repository() {
            return Err(Astray::Repository);
        }
        Ok(place)
    }

    pub(super) fn open(&self, path: &str, how: HowToOpen) -> Result<Opened, Astray> {
        let mut place = self.place(path, how.last_link)?;
        if how.changes() {
            place = self.outside_of_repositories(place)?;
        }
        let mut flags = how.flags().map_err(Astray::System)?;
        if let Some(stat) = &place.found {
            let kind = FileType::from_raw_mode(stat.st_mode);
            if kind.is_symlink() {
                return Err(Astray::System(Errno::LOOP));
            }
            // Reading a pipe takes from it, and a device does what it likes: neither is a file to look at.
            if !kind.is_file() && !kind.is_dir() {
                return Err(Astray::System(Errno::ACCESS));
            }
        }
        if place.must_be_directory {
            flags |= OFlags::DIRECTORY;
        }
        let fd = rustix::fs::openat(place.directory(), place.name(), flags, FILE_MODE).map_err(Astray::System)?;
        let stat = rustix::fs::fstat(&fd).map_err(Astray::System)?;
        let identity = Identity::of(&stat);
        if self.hidden.iter().any(|hidden| hidden.identity == identity) {
            return Err(Astray::Hidden);
        }
        let around = Identity::of(&rustix::fs::fstat(place.directory()).map_err(Astray::System)?);
        not_of_the_kernel(&fd, identity, around)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Opened::Directory {
                directory: File::from(fd),
                in_repository: self.in_repository || place.is_in_repository(),
            }),
            FileType::RegularFile => Ok(Opened::File {
                file: File::from(fd),
                made: place.found.is_none(),
                emptied: if flags.contains(OFlags::TRUNC) {
                    place.found.as_ref().map_or(0, length)
                } else {
                    0
                },
            }),
            _ => Err(Astray::System(Errno::ACCESS)),
        }
    }

    pub(super) fn stat(&self, path: &str, last_link: LastLink) -> Result<Stat, Astray> {
        self.place(path, last_link)?.found.ok_or(Astray::System(Errno::NOENT))
    }

    pub(super) fn create_directory(&self, path: &str) -> Result<(), Astray> {
        let place = self.outside_of_repositories(self.place(path, LastLink::Keep)?)?;
        if place.found.is_some() {
            return Err(Astray::System(Errno::EXIST));
        }
        rustix::fs::mkdirat(place.directory(), place.name(), DIRECTORY_MODE).map_err(Astray::System)
    }

    pub(super) fn remove_directory(&self, path: &str) -> Result<(), Astray> {
        let place = self.changed(path)?;
        rustix::fs::unlinkat(place.directory(), place.name(), AtFlags::REMOVEDIR).map_err(Astray::System)
    }

    /// Removes a file or a link, and returns how many bytes are no longer there.
    pub(super) fn remove_file(&self, path: &str) -> Result<u64, Astray> {
        let place = self.changed(path)?;
        rustix::fs::unlinkat(place.directory(), place.name(), AtFlags::empty()).map_err(Astray::System)?;
        // Another link keeps what is in it.
        Ok(place.found.as_ref().filter(|stat| stat.st_nlink == 1).map_or(0, length))
    }

    pub(super) fn rename(&self, path: &str, to: &Self, new_path: &str) -> Result<(), Astray> {
        let (old, new) = (self.changed(path)?, to.changed(new_path)?);
        rustix::fs::renameat(old.directory(), old.name(), new.directory(), new.name()).map_err(Astray::System)
    }

    pub(super) fn hard_link(&self, path: &str, to: &Self, new_path: &str) -> Result<(), Astray> {
        let (old, new) = (self.changed(path)?, to.changed(new_path)?);
        rustix::fs::linkat(
            old.directory(),
            old.name(),
            new.directory(),
            new.name(),
            AtFlags::empty(),
        )
        .map_err(Astray::System)
    }

    /// Makes a link whose text stays inside: host programs that follow it later must not be led astray either.
    pub(super) fn symbolic_link(&self, target: &str, path: &str) -> Result<(), Astray> {
        if target.starts_with('/') {
            return Err(Astray::Outside);
        }
        let place = self.changed(path)?;
        let from_base = place
            .trail
            .iter()
            .map(String::as_str)
            .chain([target])
            .collect::<Vec<_>>()
            .join("/");
        match self.place(&from_base, LastLink::Follow) {
            // A link may point to what is not there yet.
            Ok(_) | Err(Astray::System(Errno::NOENT | Errno::NOTDIR)) => {}
            Err(astray) => return Err(astray),
        }
        rustix::fs::symlinkat(target, place.directory(), place.name()).map_err(Astray::System)
    }

    pub(super) fn read_link(&self, path: &str) -> Result<String, Astray> {
        let place = self.named(path)?;
        read_link(place.directory(), place.name()).map_err(Astray::System)
    }

    pub(super) fn set_times(&self, path: &str, last_link: LastLink, times: &Timestamps) -> Result<(), Astray> {
        let place = self.outside_of_repositories(self.place(path, last_link)?)?;
        rustix::fs::utimensat(place.directory(), place.name(), times, AtFlags::SYMLINK_NOFOLLOW).map_err(Astray::System)
    }
}

/// Returns how many bytes a file counts for; what is no regular file counts for none.
fn length(stat: &Stat) -> u64 {
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        u64::try_from(stat.st_size).unwrap_or(0)
    } else {
        0
    }
}

/// Returns under which names `directory` lists what is hidden.
pub(super) fn hidden_names(directory: impl AsFd, hidden: &[HiddenDirectory]) -> Result<Vec<String>, Errno> {
    if hidden.is_empty() {
        return Ok(Vec::new());
    }
    let identity = Identity::of(&rustix::fs::fstat(directory)?);
    // A directory is listed in one place only, its parent.
    Ok(hidden
        .iter()
        .filter(|hidden| hidden.parent == identity)
        .map(|hidden| hidden.name.to_string_lossy().into_owned())
        .collect())
}

pub(super) fn timestamps(access: types::NewTimestamp, modification: types::NewTimestamp) -> Result<Timestamps, Errno> {
    let time = |time| {
        Ok(match time {
            types::NewTimestamp::NoChange => Timespec {
                tv_sec: 0,
                tv_nsec: rustix::fs::UTIME_OMIT,
            },
            types::NewTimestamp::Now => Timespec {
                tv_sec: 0,
                tv_nsec: rustix::fs::UTIME_NOW,
            },
            types::NewTimestamp::Timestamp(time) if time.nanoseconds < 1_000_000_000 => Timespec {
                tv_sec: i64::try_from(time.seconds).map_err(|_| Errno::OVERFLOW)?,
                tv_nsec: time.nanoseconds.into(),
            },
            types::NewTimestamp::Timestamp(_) => return Err(Errno::OVERFLOW),
        })
    };
    Ok(Timestamps {
        last_access: time(access)?,
        last_modification: time(modification)?,
    })
}

#[expect(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the widths of these numbers differ between systems"
)]
pub(super) fn description(stat: &Stat) -> types::DescriptorStat {
    let time = |seconds: i64, nanoseconds: u64| {
        Some(Datetime {
            seconds: u64::try_from(seconds).ok()?,
            nanoseconds: u32::try_from(nanoseconds).ok()?,
        })
    };
    types::DescriptorStat {
        type_: kind(FileType::from_raw_mode(stat.st_mode)),
        link_count: u64::from(stat.st_nlink),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        data_access_timestamp: time(stat.st_atime as i64, stat.st_atime_nsec as u64),
        data_modification_timestamp: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        status_change_timestamp: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
    }
}

/// Returns a number that stands for a file, without telling its inode.
pub(super) fn metadata_hash(stat: &Stat) -> types::MetadataHashValue {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        (salt, Identity::of(stat).pair()).hash(&mut hasher);
        hasher.finish()
    };
    types::MetadataHashValue {
        lower: half(0),
        upper: half(1),
    }
}

pub(super) fn kind(kind: FileType) -> types::DescriptorType {
    match kind {
        FileType::RegularFile => types::DescriptorType::RegularFile,
        FileType::Directory => types::DescriptorType::Directory,
        FileType::Symlink => types::DescriptorType::SymbolicLink,
        FileType::Fifo => types::DescriptorType::Fifo,
        FileType::Socket => types::DescriptorType::Socket,
        FileType::CharacterDevice => types::DescriptorType::CharacterDevice,
        FileType::BlockDevice => types::DescriptorType::BlockDevice,
        FileType::Unknown => types::DescriptorType::Unknown,
    }
}

/// Returns the error of the interface that stands for an error of the system.
pub(super) fn error_code(error: Errno) -> types::ErrorCode {
    use types::ErrorCode;
    match error {
        Errno::ACCESS => ErrorCode::Access,
        Errno::AGAIN => ErrorCode::WouldBlock,
        Errno::BADF => ErrorCode::BadDescriptor,
        Errno::BUSY => ErrorCode::Busy,
        Errno::DQUOT => ErrorCode::Quota,
        Errno::EXIST => ErrorCode::Exist,
        Errno::FBIG => ErrorCode::FileTooLarge,
        Errno::ILSEQ => ErrorCode::IllegalByteSequence,
        Errno::INTR => ErrorCode::Interrupted,
        Errno::INVAL => ErrorCode::Invalid,
        Errno::ISDIR => ErrorCode::IsDirectory,
        Errno::LOOP => ErrorCode::Loop,
        Errno::MLINK => ErrorCode::TooManyLinks,
        Errno::NAMETOOLONG => ErrorCode::NameTooLong,
        Errno::NODEV | Errno::NXIO => ErrorCode::NoDevice,
        Errno::NOENT => ErrorCode::NoEntry,
        Errno::NOMEM => ErrorCode::InsufficientMemory,
        Errno::NOSPC => ErrorCode::InsufficientSpace,
        Errno::NOTDIR => ErrorCode::NotDirectory,
        Errno::NOTEMPTY => ErrorCode::NotEmpty,
        Errno::NOTSUP => ErrorCode::Unsupported,
        Errno::OVERFLOW => ErrorCode::Overflow,
        Errno::PERM => ErrorCode::NotPermitted,
        Errno::ROFS => ErrorCode::ReadOnly,
        Errno::TXTBSY => ErrorCode::TextFileBusy,
        Errno::XDEV => ErrorCode::CrossDevice,
        _ => ErrorCode::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::{Astray, HowToOpen, LastLink, Opened, Start};
    use std::fs::{self, File};
    use std::sync::Arc;
    use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorFlags, OpenFlags};

    fn how(open: OpenFlags, descriptor: DescriptorFlags) -> HowToOpen {
        HowToOpen {
            last_link: LastLink::Follow,
            open,
            descriptor,
        }
    }

    // Beyond WASM-NOTES section 4: a repository in a directory of results says which programs run there.
    #[test]
    fn no_repository_is_made_or_changed_and_no_state_is_seen() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("sub/.git")).unwrap();
        fs::write(root.path().join("sub/.git/config"), "").unwrap();
        fs::create_dir_all(root.path().join("other/.cofferdam")).unwrap();
        fs::write(root.path().join("other/.cofferdam/state.db"), "").unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        fs::create_dir(root.path().join("directory")).unwrap();
        let start = Start {
            base: Arc::new(File::open(root.path()).unwrap()),
            hidden: Arc::new([]),
            in_repository: false,
        };
        let write = how(OpenFlags::CREATE, DescriptorFlags::WRITE);
        let read = how(OpenFlags::empty(), DescriptorFlags::READ);
        for path in [".git", ".GIT", "sub/.git/config", "sub/.git/hooks", "directory/../.git"] {
            assert_eq!(start.open(path, write).map(drop), Err(Astray::Repository), "{path}");
            assert_eq!(start.rename("file", &start, path), Err(Astray::Repository), "{path}");
            assert_eq!(start.hard_link("file", &start, path), Err(Astray::Repository), "{path}");
            assert_eq!(start.symbolic_link("file", path), Err(Astray::Repository), "{path}");
        }
        for path in [".git", "directory/.git", ".Git"] {
            assert_eq!(start.create_directory(path), Err(Astray::Repository), "{path}");
            assert_eq!(
                start.rename("directory", &start, path),
                Err(Astray::Repository),
                "{path}"
            );
        }
        assert_eq!(start.rename("sub/.git", &start, "moved"), Err(Astray::Repository));
        assert_eq!(start.remove_file("sub/.git/config"), Err(Astray::Repository));
        assert!(start.open("sub/.git/config", read).is_ok(), "it may be looked at");
        // Nor from inside: a directory of it that was opened to be looked at stays one.
        fs::create_dir(root.path().join("sub/.git/hooks")).unwrap();
        let mut inside = start.clone();
        for path in ["sub/.git", "hooks"] {
            let Ok(Opened::Directory {
                directory,
                in_repository,
            }) = inside.open(path, read)
            else {
                panic!("it may be looked at");
            };
            inside = Start {
                base: Arc::new(directory),
                in_repository,
                ..start.clone()
            };
            assert_eq!(inside.open("config", write).map(drop), Err(Astray::Repository));
            assert_eq!(inside.remove_file("hooks"), Err(Astray::Repository));
            assert_eq!(inside.create_directory("new"), Err(Astray::Repository));
            assert_eq!(start.rename("file", &inside, "new"), Err(Astray::Repository));
        }
        for path in [
            "other/.cofferdam",
            "other/.cofferdam/state.db",
            "other/.COFFERDAM/state.db",
        ] {
            assert_eq!(start.open(path, read).map(drop), Err(Astray::Hidden), "{path}");
        }
        assert_eq!(start.create_directory(".cofferdam"), Err(Astray::Hidden));
        assert!(start.open("gitignore", write).is_ok());
    }
}
