//! Where a path of a guest leads: every step is taken one by one, so that no hidden directory is ever entered.
//!
//! The system's own resolution would go through `.cofferdam` on the way to something inside it. Here each directory on
//! the way is opened by itself and compared with the hidden ones by device and inode, links are read and taken apart like
//! paths, and nothing leads above the directory that the guest started from.

use crate::directory::{HiddenDirectory, Identity, is_repository, kernel_file_system};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Astray {
    /// It leads through or to a directory that no guest sees.
    Hidden,
    /// It leads out of the directory that it starts from.
    Outside,
    /// It leads to where the kernel tells about this machine, in a file system of that name.
    Kernel(&'static str),
    /// It would make or change a repository, whose files say what programs run.
    Repository,
    /// The system says so.
    System(Errno),
}

/// The last step of a path, not taken yet: a name in a directory, or that directory itself.
#[derive(Debug)]
pub(crate) struct Place {
    base: Arc<File>,
    directory: Option<OwnedFd>,
    /// The steps from the base to the directory.
    pub(crate) trail: Vec<String>,
    /// Absent: the directory itself is meant.
    pub(crate) name: Option<String>,
    /// What is there now, if anything; a link is not followed here.
    pub(crate) found: Option<Stat>,
    /// Whether the path ends like that of a directory.
    pub(crate) must_be_directory: bool,
}

/// Whether a link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastLink {
    Follow,
    Keep,
}

const MAX_PATH: usize = 4096;
const MAX_LINKS: u32 = 40;
/// Going up means walking down again from the base; a path that does it all the time is nobody's need.
const MAX_STEPS: u32 = 4096;
/// What Cofferdam keeps beside a project: of any project, not only of the one whose directory is granted.
const STATE: &str = ".cofferdam";

impl Place {
    /// Returns the directory of the last step.
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory
            .as_ref()
            .map_or_else(|| self.base.as_fd(), |directory| directory.as_fd())
    }

    /// Returns whether it is a repository, or would be one, or lies in one, as far as the way from the base tells.
    pub(crate) fn is_in_repository(&self) -> bool {
        let mut names = self.trail.iter().chain(&self.name);
        names.any(|name| is_repository(OsStr::new(name)))
    }

    /// Returns the name in the directory, with which the system can be asked.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(".")
    }
}

/// Follows `path` from `base` to its last step.
pub(crate) fn find(
    base: &Arc<File>,
    path: &str,
    last_link: LastLink,
    hidden: &[HiddenDirectory],
) -> Result<Place, Astray> {
    check_text(path)?;
    let mut walk = Walk {
        base,
        hidden,
        directory: None,
        trail: Vec::new(),
        steps: 0,
    };
    let mut pending: Vec<String> = parts(path);
    let mut must_be_directory = ends_as_directory(path);
    let mut links = 0;
    let place = |walk: Walk<'_>, name, found, must_be_directory| Place {
        base: Arc::clone(base),
        directory: walk.directory,
        trail: walk.trail,
        name,
        found,
        must_be_directory,
    };
    while let Some(name) = pending.pop() {
        if name == ".." {
            walk.up()?;
            continue;
        }
        if name.eq_ignore_ascii_case(STATE) {
            return Err(Astray::Hidden);
        }
        let last = pending.is_empty();
        let stat = match rustix::fs::statat(walk.fd(), name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) if last => return Ok(place(walk, Some(name), None, must_be_directory)),
            Err(error) => return Err(Astray::System(error)),
        };
        walk.check(&stat)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind.is_symlink() && !(last && last_link == LastLink::Keep && !must_be_directory) {
            links += 1;
            if links > MAX_LINKS {
                return Err(Astray::System(Errno::LOOP));
            }
            let target = read_link(walk.fd(), &name).map_err(Astray::System)?;
            check_text(&target)?;
            must_be_directory |= last && ends_as_directory(&target);
            pending.extend(parts(&target));
        } else if last {
            if must_be_directory && !kind.is_dir() {
                return Err(Astray::System(Errno::NOTDIR));
            }
            return Ok(place(walk, Some(name), Some(stat), must_be_directory));
        } else {
            walk.down(name)?;
        }
    }
    let stat = rustix::fs::fstat(walk.fd()).map_err(Astray::System)?;
    Ok(place(walk, None, Some(stat), true))
}

/// Returns the text of a link.
pub(crate) fn read_link(directory: impl AsFd, name: &str) -> Result<String, Errno> {
    let target = rustix::fs::readlinkat(directory, name, Vec::new())?;
    target.into_string().map_err(|_| Errno::ILSEQ)
}

struct Walk<'a> {
    base: &'a Arc<File>,
    hidden: &'a [HiddenDirectory],
    directory: Option<OwnedFd>,
    trail: Vec<String>,
    steps: u32,
}

impl Walk<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.directory
            .as_ref()
            .map_or_else(|| self.base.as_fd(), |directory| directory.as_fd())
    }

    fn check(&self, stat: &Stat) -> Result<(), Astray> {
        let identity = Identity::of(stat);
        if self.hidden.iter().any(|hidden| hidden.identity == identity) {
            Err(Astray::Hidden)
        } else {
            Ok(())
        }
    }

    fn down(&mut self, name: String) -> Result<(), Astray> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Astray::System(Errno::LOOP));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let next = rustix::fs::openat(self.fd(), name.as_str(), flags, Mode::empty()).map_err(Astray::System)?;
        // What was opened counts, not what was there when it was looked at.
        let stat = rustix::fs::fstat(&next).map_err(Astray::System)?;
        self.check(&stat)?;
        let around = Identity::of(&rustix::fs::fstat(self.fd()).map_err(Astray::System)?);
        not_of_the_kernel(&next, Identity::of(&stat), around)?;
        self.directory = Some(next);
        self.trail.push(name);
        Ok(())
    }

    /// Goes up by walking down again: `..` of the system may lead somewhere else when directories are moved.
    fn up(&mut self) -> Result<(), Astray> {
        let mut trail = std::mem::take(&mut self.trail);
        if trail.pop().is_none() {
            return Err(Astray::Outside);
        }
        self.directory = None;
        trail.into_iter().try_for_each(|name| self.down(name))
    }
}

/// Refuses what is opened in a directory on another device if the kernel itself answers there.
pub(crate) fn not_of_the_kernel(opened: impl AsFd, identity: Identity, around: Identity) -> Result<(), Astray> {
    if identity.is_beside(around) {
        return Ok(());
    }
    match kernel_file_system(opened).map_err(Astray::System)? {
        Some(name) => Err(Astray::Kernel(name)),
        None => Ok(()),
    }
}

fn check_text(path: &str) -> Result<(), Astray> {
    if path.is_empty() {
        Err(Astray::System(Errno::NOENT))
    } else if path.starts_with('/') {
        Err(Astray::Outside)
    } else if path.len() > MAX_PATH {
        Err(Astray::System(Errno::NAMETOOLONG))
    } else if path.contains('\0') {
        Err(Astray::System(Errno::INVAL))
    } else {
        Ok(())
    }
}

/// Returns the steps of a path, the first one last.
fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .rev()
        .filter(|part| !matches!(*part, "" | "."))
        .map(str::to_owned)
        .collect()
}

fn ends_as_directory(path: &str) -> bool {
    path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..")
}

#[cfg(test)]
mod tests {
    use super::{Astray, LastLink, find};
    use crate::directory::hidden;
    use rustix::io::Errno;
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    #[test]
    fn no_way_leads_to_a_hidden_directory_or_outside() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("tree/.cofferdam/blobs")).unwrap();
        fs::create_dir_all(at("tree/x/y")).unwrap();
        fs::write(at("tree/.cofferdam/state.db"), "secret").unwrap();
        fs::write(at("tree/x/file"), "public").unwrap();
        symlink("../.cofferdam", at("tree/x/link")).unwrap();
        symlink(".cofferdam/state.db", at("tree/deep")).unwrap();
        symlink("../..", at("tree/x/up")).unwrap();
        symlink(at("tree/x"), at("tree/absolute")).unwrap();
        symlink("loop", at("tree/loop")).unwrap();
        symlink("x/file", at("tree/good")).unwrap();
        let hidden = hidden(&[at("tree/.cofferdam")]).unwrap();
        let base = Arc::new(File::open(at("tree")).unwrap());
        let find = |path, last| {
            find(&base, path, last, &hidden).map(|place| (place.trail.join("/"), place.name, place.found.is_some()))
        };

        let secret = [
            ".cofferdam",
            "./.cofferdam",
            ".cofferdam/",
            "x/../.cofferdam",
            "x/y/../../.cofferdam/state.db",
            "x/link/state.db",
            "x/link/",
            ".cofferdam/blobs/..",
            ".cofferdam/../x",
            "x//..//.cofferdam/blobs",
            "deep",
        ];
        for path in secret {
            assert_eq!(find(path, LastLink::Follow).unwrap_err(), Astray::Hidden, "{path}");
        }
        assert_eq!(find("x/link", LastLink::Follow).unwrap_err(), Astray::Hidden);
        assert_eq!(
            find("x/link", LastLink::Keep).unwrap(),
            ("x".to_owned(), Some("link".to_owned()), true)
        );
        for path in ["..", "x/../..", "x/up", "x/up/etc", "/etc", "absolute", "absolute/file"] {
            assert_eq!(find(path, LastLink::Follow).unwrap_err(), Astray::Outside, "{path}");
        }
        assert_eq!(find("loop", LastLink::Follow).unwrap_err(), Astray::System(Errno::LOOP));
        assert_eq!(
            find("x/file/", LastLink::Follow).unwrap_err(),
            Astray::System(Errno::NOTDIR)
        );
        assert_eq!(find("", LastLink::Follow).unwrap_err(), Astray::System(Errno::NOENT));
        assert_eq!(
            find("no/way", LastLink::Follow).unwrap_err(),
            Astray::System(Errno::NOENT)
        );
        assert_eq!(
            find("x/../x/./file", LastLink::Follow).unwrap(),
            ("x".to_owned(), Some("file".to_owned()), true)
        );
        assert_eq!(
            find("good", LastLink::Follow).unwrap(),
            ("x".to_owned(), Some("file".to_owned()), true)
        );
        assert_eq!(
            find("x/new", LastLink::Follow).unwrap(),
            ("x".to_owned(), Some("new".to_owned()), false)
        );
        assert_eq!(find("x/..", LastLink::Follow).unwrap(), (String::new(), None, true));
        assert_eq!(
            find(&"x/../".repeat(1000), LastLink::Follow).unwrap_err(),
            Astray::System(Errno::NAMETOOLONG)
        );
    }
}
