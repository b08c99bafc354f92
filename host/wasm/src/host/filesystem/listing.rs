//! How a directory is listed: a few entries at a time, however many there are.

use super::operation::kind;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime_wasi::p2::bindings::filesystem::types::DirectoryEntry;

/// A directory that is being listed.
pub(super) struct Listing {
    // Read by one call at a time, on a thread that may block.
    directory: Arc<Mutex<Dir>>,
    /// What the guest must not be shown.
    hidden: Arc<[String]>,
    read: VecDeque<Entry>,
}

/// One entry, or why it cannot be told.
pub(super) type Entry = Result<DirectoryEntry, Errno>;

/// A call that reads the next entries.
pub(super) struct Reading {
    directory: Arc<Mutex<Dir>>,
    hidden: Arc<[String]>,
}

/// What the host holds of one listing: names have 255 bytes at most.
const AT_ONCE: usize = 128;

impl Listing {
    /// Opens `directory` once more, so that each listing has a place of its own in it.
    pub(super) fn open(directory: &File, hidden: Vec<String>) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let own = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
        Ok(Self {
            directory: Arc::new(Mutex::new(Dir::new(own)?)),
            hidden: hidden.into(),
            read: VecDeque::new(),
        })
    }

    /// Returns an entry that was read already.
    pub(super) fn next(&mut self) -> Option<Entry> {
        self.read.pop_front()
    }

    pub(super) fn reading(&self) -> Reading {
        Reading {
            directory: Arc::clone(&self.directory),
            hidden: Arc::clone(&self.hidden),
        }
    }

    pub(super) fn add(&mut self, entries: Vec<Entry>) {
        self.read.extend(entries);
    }
}

impl Reading {
    /// Reads the next entries; none: there are no more.
    pub(super) fn read(&self) -> Vec<Entry> {
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::new();
        while entries.len() < AT_ONCE {
            let Some(entry) = directory.read() else { break };
            match entry.and_then(|entry| self.shown(&directory, &entry)) {
                Ok(None) => {}
                Ok(Some(entry)) => entries.push(Ok(entry)),
                Err(error) => {
                    entries.push(Err(error));
                    break;
                }
            }
        }
        entries
    }

    fn shown(&self, directory: &Dir, entry: &rustix::fs::DirEntry) -> Result<Option<DirectoryEntry>, Errno> {
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            return Ok(None);
        }
        let text = name.to_str().map_err(|_| Errno::ILSEQ)?;
        if self.hidden.iter().any(|hidden| hidden == text) {
            return Ok(None);
        }
        // Not every file system says with the name what it is.
        let file_type = match entry.file_type() {
            FileType::Unknown => match rustix::fs::statat(directory.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => return Ok(None),
                Err(error) => return Err(error),
            },
            known => known,
        };
        Ok(Some(DirectoryEntry {
            type_: kind(file_type),
            name: text.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, Listing};
    use std::fs::{self, File};

    #[test]
    fn a_long_directory_is_never_held_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..300 {
            fs::write(directory.path().join(number.to_string()), "").unwrap();
        }
        let hidden = vec!["7".to_owned(), "77".to_owned()];
        let listing = Listing::open(&File::open(directory.path()).unwrap(), hidden).unwrap();
        let reading = listing.reading();
        let mut names = Vec::new();
        loop {
            let read = reading.read();
            assert!(read.len() <= AT_ONCE);
            if read.is_empty() {
                break;
            }
            names.extend(read.into_iter().map(|entry| entry.unwrap().name));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 298);
    }
}
