//! Why a database was not opened, and what an error of SQLite means.

use crate::error::{Cause, StoreError};
use rusqlite::{ErrorCode, ffi};
use std::io;
use std::path::{Path, PathBuf};

/// Why the state could not be opened. Nothing on disk was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none, and none was to be made.
    #[error("there is no state in `{}`", path.display())]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// The directory cannot be used.
    #[error("the state directory `{}` cannot be used", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Other users could change or read the state.
    #[error("the state directory `{}` is open to others (mode {mode:o}); run `chmod go-rwx` on it", directory.display())]
    OpenToOthers {
        /// The directory.
        directory: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Locks and shared memory do not work there.
    #[error("the state directory `{}` is on a network file system ({kind}); put the state on a local disk", directory.display())]
    Network {
        /// The directory.
        directory: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// A later release wrote it.
    #[error(
        "`{}` has format {found}, this release reads up to {reads}; use the release that wrote it, or a later one", path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest format that this release knows.
        reads: u32,
    },
    /// It is a database of another program.
    #[error("`{}` is not a state of Cofferdam (application id {found:#x}); name another file", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
        /// The application that it says it belongs to.
        found: u32,
    },
    /// Its migrations are not those of this release.
    #[error("migration {number} of `{}` differs from this release's; nothing was changed, use the build that wrote it", path.display())]
    Altered {
        /// The database.
        path: PathBuf,
        /// The first migration that differs.
        number: u32,
    },
    /// Bringing it up to date failed.
    #[error("migration {number} of `{}` failed; the state is as it was", path.display())]
    Migration {
        /// The database.
        path: PathBuf,
        /// The migration that failed.
        number: u32,
        /// Why.
        #[source]
        source: Box<StoreError>,
    },
    /// It could not be read or written.
    #[error("`{}` could not be opened", path.display())]
    Store {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<StoreError>,
    },
    /// The threads that read and write could not be started.
    #[error("the threads of the log could not be started")]
    Threads(#[source] io::Error),
}

impl OpenError {
    pub(crate) fn unusable(directory: PathBuf, source: io::Error) -> Self {
        Self::Directory { directory, source }
    }

    pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        Self::Store {
            path: path.to_owned(),
            source: Box::new(from_sqlite(path, source)),
        }
    }
}

/// Returns what an error of SQLite means to whoever keeps the state at `path`.
pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged {
            path,
            detail: source.to_string(),
        },
        Some(ErrorCode::SystemIoFailure) => StoreError::Disk {
            path,
            what: what_of_the_disk(&source),
            is_sync: is_of_sync(&source),
            source: Cause::from(source),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        _ => StoreError::Database {
            path,
            source: Cause::from(source),
        },
    }
}

/// Returns what the system did not do (sqlite.org/rescode.html): SQLite keeps its reason to itself.
fn what_of_the_disk(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error().map(|error| error.extended_code) {
        _ if is_of_sync(error) => "the disk does not keep what was written of the state",
        Some(ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_FSTAT) => {
            "the state cannot be read from its disk"
        }
        _ => {
            "nothing more can be written of the state: the disk is full or fails, or a file may not grow (a quota, `ulimit -f`)"
        }
    }
}

/// Returns whether what was written did not get to the disk (sqlite.org/rescode.html).
fn is_of_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

/// Returns the error for stored bytes that cannot be what was written.
pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        detail: detail.into(),
    }
}
