//! How much may still be put into a directory: its quota, less what lies in it, whoever put it there.
//!
//! What lies in a directory is counted once when somebody begins to write to it, and what guests add and remove is kept up
//! to date from then on, by all attempts of this process together. Others change it too, and a rename over a file frees what
//! is not seen here: so it is counted again before anything is refused that was added since the last time.

use super::disk::write_all;
use crate::directory::Identity;
use crate::grants::{OpenDirectory, Room};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, Weak};
use tokio::sync::Mutex as Turn;

/// What is known about the directories that guests of this process write to, by what they are.
#[derive(Default)]
pub(crate) struct Tallies(Mutex<HashMap<(u64, u64), Weak<Tally>>>);

/// What lies in one directory.
struct Tally {
    root: Arc<File>,
    known: Mutex<Known>,
    /// Held by whoever counts: others wait for the result instead of counting as well.
    counting: Turn<()>,
    /// Held by whoever writes, so that no file gets shorter, and no counting begins, while a write is under way whose growth
    /// was told from the length before.
    steady: RwLock<()>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    counted: bool,
    there: Load,
    /// What guests have added since it was counted.
    since: Load,
}

/// Bytes and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    bytes: u64,
    files: u64,
}

/// The quota of a directory as one attempt sees it. Clones are the same.
#[derive(Clone)]
pub(super) struct Quota {
    guest: String,
    room: Room,
    tally: Arc<Tally>,
}

/// Why nothing more may be put into a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// Where the guest sees it.
    pub(super) guest: String,
    reason: String,
}

/// A directory with more than that is as good as full: nobody waits for it to be counted.
const MOST_FILES: u64 = 1_000_000;
const DEEPEST: usize = 128;
/// With so little left, what was added since is always counted again: single writes are smaller.
const LITTLE: u64 = 64 * 1024;

impl Tallies {
    /// Returns the quota of a granted directory, if it has one.
    pub(super) fn quota(&self, directory: &OpenDirectory) -> Option<Quota> {
        if directory.room == Room::default() {
            return None;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, tally| tally.strong_count() > 0);
        let at = directory.identity.pair();
        let tally = known.get(&at).and_then(Weak::upgrade).unwrap_or_else(|| {
            Arc::new(Tally {
                root: Arc::clone(&directory.file),
                known: Mutex::default(),
                counting: Turn::default(),
                steady: RwLock::default(),
            })
        });
        known.insert(at, Arc::downgrade(&tally));
        Some(Quota {
            guest: directory.guest.clone(),
            room: directory.room,
            tally,
        })
    }
}

impl Quota {
    /// Returns whether both are of the same directory.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tally, &other.tally)
    }

    /// Returns whether what lies in the directory has to be counted before it is said to be full.
    pub(super) fn is_due(&self) -> bool {
        let known = *self.tally.lock();
        let spent = |most: Option<u64>, there: u64, since: u64, little: u64| {
            most.is_some_and(|most| {
                let left = most.saturating_sub(there);
                since > 0 && (since >= left || left < little)
            })
        };
        !known.counted
            || spent(self.room.bytes, known.there.bytes, known.since.bytes, LITTLE)
            || spent(self.room.files, known.there.files, known.since.files, 1)
    }

    /// Counts what lies in the directory, if that is due. A directory that cannot be counted is full.
    pub(super) async fn count(&self) {
        if !self.is_due() {
            return;
        }
        let _turn = self.tally.counting.lock().await;
        if !self.is_due() {
            return;
        }
        let tally = Arc::clone(&self.tally);
        let counted = tokio::task::spawn_blocking(move || {
            // What was taken until now lies there when the last write is over; what is taken later is added below.
            let alone = tally.alone();
            let before = tally.lock().since;
            drop(alone);
            (count(&tally.root), before)
        });
        let everything = Load {
            bytes: u64::MAX,
            files: u64::MAX,
        };
        let (there, before) = match counted.await {
            Ok((there, before)) => (there.unwrap_or(everything), before),
            Err(_) => (everything, Load::default()),
        };
        let mut known = self.tally.lock();
        // What came while it was counted may or may not be in it.
        let meanwhile = Load {
            bytes: known.since.bytes.saturating_sub(before.bytes),
            files: known.since.files.saturating_sub(before.files),
        };
        *known = Known {
            counted: true,
            there: Load {
                bytes: there.bytes.saturating_add(meanwhile.bytes),
                files: there.files.saturating_add(meanwhile.files),
            },
            since: meanwhile,
        };
    }

    /// Writes `bytes` at `position` of `file`, or at its end, if there is room for what it grows by.
    pub(super) fn fill(&self, file: &File, position: Option<u64>, bytes: &[u8]) -> io::Result<Result<(), Full>> {
        let _steady = self.tally.steady.read().unwrap_or_else(PoisonError::into_inner);
        let more = match position {
            Some(position) => end(position, bytes).saturating_sub(file.metadata()?.len()),
            None => bytes.len() as u64,
        };
        match self.grow(more) {
            Ok(()) => write_all(file, position, bytes).map(Ok),
            Err(full) => Ok(Err(full)),
        }
    }

    /// Makes `file` as long as that, if there is room for it.
    pub(super) fn resize(&self, file: &File, length: u64) -> io::Result<Result<(), Full>> {
        let _alone = self.tally.alone();
        let before = file.metadata()?.len();
        if let Err(full) = self.grow(length.saturating_sub(before)) {
            return Ok(Err(full));
        }
        file.set_len(length)?;
        self.give_back(before.saturating_sub(length), 0);
        Ok(Ok(()))
    }

    /// Does what may make a file shorter: nothing is written meanwhile.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let _alone = self.tally.alone();
        work()
    }

    /// Takes `bytes` by which a file is about to grow.
    fn grow(&self, bytes: u64) -> Result<(), Full> {
        self.take(Load { bytes, files: 0 })
    }

    /// Takes one file, directory or link that is about to be made.
    pub(super) fn make(&self) -> Result<(), Full> {
        self.take(Load { bytes: 0, files: 1 })
    }

    fn take(&self, more: Load) -> Result<(), Full> {
        let mut known = self.tally.lock();
        let there = Load {
            bytes: known.there.bytes.saturating_add(more.bytes),
            files: known.there.files.saturating_add(more.files),
        };
        let full = |reason| {
            Err(Full {
                guest: self.guest.clone(),
                reason,
            })
        };
        match (self.room.bytes, self.room.files) {
            (Some(most), _) if more.bytes > 0 && there.bytes > most => full(format!(
                "`quota` of {} is {most} bytes, {} lie in it",
                self.guest, known.there.bytes
            )),
            (_, Some(most)) if more.files > 0 && there.files > most => full(format!(
                "`files` of {} is {most}, {} are in it",
                self.guest, known.there.files
            )),
            _ => {
                known.there = there;
                known.since.bytes = known.since.bytes.saturating_add(more.bytes);
                known.since.files = known.since.files.saturating_add(more.files);
                Ok(())
            }
        }
    }

    /// Gives back what is no longer there. Whoever gives back more than there was gains no more than one quota by it: what
    /// was added since the last time is counted again when it is as much.
    pub(super) fn give_back(&self, bytes: u64, files: u64) {
        let mut known = self.tally.lock();
        known.there.bytes = known.there.bytes.saturating_sub(bytes);
        known.there.files = known.there.files.saturating_sub(files);
    }
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.steady.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(position: u64, bytes: &[u8]) -> u64 {
    position.saturating_add(bytes.len() as u64)
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "full: {}", self.reason)
    }
}

impl std::error::Error for Full {}

/// Counts what lies below `root`, without following links or leaving it.
fn count(root: impl AsFd) -> Result<Load, Errno> {
    let mut load = Load::default();
    let mut linked = HashSet::new();
    let mut ways: Vec<rustix::fs::Dir> = vec![rustix::fs::Dir::read_from(root)?];
    loop {
        let deep = ways.len() >= DEEPEST;
        let Some(way) = ways.last_mut() else { return Ok(load) };
        let Some(entry) = way.read() else {
            ways.pop();
            continue;
        };
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = match rustix::fs::statat(way.fd()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // Somebody else was faster.
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(error),
        };
        load.files += 1;
        if load.files > MOST_FILES {
            return Err(Errno::DQUOT);
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if stat.st_nlink > 1 && !linked.insert(Identity::of(&stat).pair()) => {}
            FileType::RegularFile => {
                load.bytes = load.bytes.saturating_add(u64::try_from(stat.st_size).unwrap_or(0));
            }
            FileType::Directory if deep => return Err(Errno::DQUOT),
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let below: Result<OwnedFd, Errno> =
                    rustix::fs::openat(way.fd()?, entry.file_name(), flags, Mode::empty());
                match below {
                    Ok(below) => ways.push(rustix::fs::Dir::new(below)?),
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    Err(error) => return Err(error),
                }
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota")
            .field("guest", &self.guest)
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, Tallies};
    use crate::directory::identity;
    use crate::grants::{Access, OpenDirectory, Room};
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::sync::Arc;

    fn directory(path: &Path, bytes: u64, files: u64) -> OpenDirectory {
        let file = File::open(path).unwrap();
        OpenDirectory {
            guest: "/out".to_owned(),
            access: Access::Write,
            room: Room {
                bytes: Some(bytes),
                files: Some(files),
            },
            identity: identity(&file).unwrap(),
            file: Arc::new(file),
        }
    }

    #[tokio::test]
    async fn what_lies_there_counts_and_attempts_share_what_is_left() {
        let out = tempfile::tempdir().unwrap();
        fs::create_dir_all(out.path().join("a/b")).unwrap();
        fs::write(out.path().join("a/b/c"), [0; 600]).unwrap();
        symlink("/etc", out.path().join("link")).unwrap();
        let tallies = Tallies::default();
        let one = tallies.quota(&directory(out.path(), 1000, 6)).unwrap();
        let other = tallies.quota(&directory(out.path(), 1000, 6)).unwrap();
        assert!(one.is_due() && one.is_of(&other));
        one.count().await;
        assert!(!other.is_due());
        let full = |refused: Result<(), Full>| refused.unwrap_err().to_string();
        assert_eq!(
            full(one.grow(401)),
            "full: `quota` of /out is 1000 bytes, 600 lie in it"
        );
        one.grow(300).unwrap();
        assert!(other.grow(101).is_err());
        other.grow(100).unwrap();
        for _ in 0..2 {
            one.make().unwrap();
        }
        assert_eq!(full(other.make()), "full: `files` of /out is 6, 6 are in it");
        one.give_back(50, 1);
        other.make().unwrap();
        other.grow(50).unwrap();
        // Nothing of all that was really written: it is counted again before it is said to be full.
        assert!(other.is_due());
        other.count().await;
        other.grow(400).unwrap();
    }
}
