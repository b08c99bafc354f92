//! Is what lies in a file known to its owner alone?

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Why a file is not read.
pub(crate) enum NotPrivate {
    /// The system refuses.
    Io(io::Error),
    /// Somebody else could have read it, or have put it there: the end of a sentence that begins with its name.
    Exposed(&'static str),
}

/// Opens a file that belongs to this user and that nobody else can read or write: neither through a link that somebody else may have put
/// there, nor waiting for what comes out of a pipe.
pub(crate) fn open(path: &Path) -> Result<File, NotPrivate> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .map_err(NotPrivate::Io)?;
    // Asked of what was opened, not of what has that name by now.
    let metadata = file.metadata().map_err(NotPrivate::Io)?;
    if !metadata.is_file() {
        return Err(NotPrivate::Exposed("is no regular file"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(NotPrivate::Exposed("can be read or written by others"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(NotPrivate::Exposed("belongs to somebody else"));
    }
    Ok(file)
}
