//! Which files of the plugin directories want to be plugins, and is one still what it was?

use crate::precheck::{MAX_FILE, Unfit};
use cofferdam_engine::Digest;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How old the last change of a file must be before its times tell it from what comes next: some file systems count whole
/// seconds.
const RACY: Duration = Duration::from_secs(2);

/// What tells a file from the one that takes its place, without reading either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed = Duration::from_secs(u64::try_from(self.changed.0).unwrap_or(0));
        now.checked_sub(changed).is_some_and(|age| age > RACY)
    }
}

/// What lies in the plugin directories at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files that want to be plugins, by path; those that cannot be looked at have no stamp.
    pub(super) files: BTreeMap<PathBuf, Option<Stamp>>,
    /// What lies beside them to vouch for them, by path.
    pub(super) signatures: BTreeMap<PathBuf, Option<Stamp>>,
    /// The directories that cannot be read, and why. One that is not there holds nothing.
    pub(super) unreadable: BTreeMap<PathBuf, String>,
}

impl Listing {
    /// Looks into `directories`.
    pub(super) fn of(directories: &[PathBuf]) -> Self {
        let mut listing = Self::default();
        for directory in directories {
            let stamped = |file: PathBuf| {
                let stamp = file.metadata().ok().map(|metadata| Stamp::of(&metadata));
                (file, stamp)
            };
            match plugin_files(directory) {
                Ok((files, signatures)) => {
                    listing.files.extend(files.into_iter().map(stamped));
                    listing.signatures.extend(signatures.into_iter().map(stamped));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    listing.unreadable.insert(directory.clone(), error.to_string());
                }
            }
        }
        listing
    }

    /// Returns how large a file is that can be looked at, in bytes.
    pub(super) fn size(&self, file: &Path) -> u64 {
        let stamp = self.files.get(file).copied().flatten();
        stamp.map_or(0, |stamp| stamp.size)
    }

    /// Returns the names that are claimed, each with the files that claim it, in the order of their paths.
    pub(super) fn claims(&self) -> BTreeMap<String, Vec<&Path>> {
        let mut claims: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
        for file in self.files.keys() {
            claims.entry(claimed_name(file)).or_default().push(file);
        }
        claims
    }
}

/// Returns whether a file looks different by now if it was written since it was looked at.
pub(super) fn is_settled(stamp: &Option<Stamp>) -> bool {
    stamp.as_ref().is_some_and(Stamp::is_settled)
}

/// What reading a file came to.
pub(super) enum Content {
    /// It is the one that was read before.
    Same,
    /// It was read.
    Read {
        bytes: Arc<[u8]>,
        digest: Digest,
        /// What it is known by from now on; none if that could not tell it from what is written next.
        stamp: Option<Stamp>,
    },
}

/// Why a file is not read.
pub(super) enum ReadError {
    Io(io::Error),
    Unfit(Unfit),
}

/// Reads a file of reasonable size, unless it is still the one that `known` stands for; one that is too large is not read.
pub(super) fn read(path: &Path, known: Option<&Stamp>) -> Result<Content, ReadError> {
    // Opening a pipe would wait for whoever writes to it, for ever.
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(ReadError::Io)?;
    let found = file.metadata().map_err(ReadError::Io)?;
    if !found.is_file() {
        return Err(ReadError::Io(io::Error::other("it is no regular file")));
    }
    let stamp = Stamp::of(&found);
    if known == Some(&stamp) {
        return Ok(Content::Same);
    }
    let is_settled = stamp.is_settled();
    if found.len() > MAX_FILE {
        return Err(ReadError::Unfit(Unfit::TooLarge {
            what: "bytes",
            found: found.len(),
            allowed: MAX_FILE,
        }));
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    let mut limited = (&file).take(MAX_FILE + 1);
    limited.read_to_end(&mut bytes).map_err(ReadError::Io)?;
    let after = file.metadata().map_err(ReadError::Io)?;
    let stamp = (is_settled && Stamp::of(&after) == stamp).then_some(stamp);
    Ok(Content::Read {
        digest: Digest::of(&bytes),
        bytes: bytes.into(),
        stamp,
    })
}

/// Returns the files of a directory that want to be plugins, and those that vouch for one; what begins with a dot is being
/// written.
fn plugin_files(directory: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut files, mut signatures) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".") {
            continue;
        }
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        } else if name.ends_with(b".wasm.sig") {
            signatures.push(path);
        }
    }
    Ok((files, signatures))
}

/// Returns the name that a file claims: cargo writes `word_count.wasm` for `word-count`.
pub(super) fn claimed_name(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
        .replace('_', "-")
}
