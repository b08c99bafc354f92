//! Which hosts are alive: a process holds a lock on a file named after its host, and the lock goes with the process.

use crate::error::StoreError;
use crate::record::HostId;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The lock of this host; taken before its name first appears in the database.
#[derive(Debug)]
pub(crate) struct HostLock {
    // Held for the lock on it.
    _file: File,
    path: PathBuf,
}

impl HostLock {
    /// Takes the lock of `host` below the state directory.
    pub(crate) fn take(directory: &Path, host: &HostId) -> Result<Self, StoreError> {
        let path = path_of(directory, host);
        let take = || {
            fs::create_dir_all(directory.join("hosts"))?;
            let file = File::create(&path)?;
            file.try_lock().map_err(io::Error::from)?;
            Ok(file)
        };
        match take() {
            Ok(file) => Ok(Self { _file: file, path }),
            Err(source) => Err(StoreError::HostLock { path, source }),
        }
    }
}

impl Drop for HostLock {
    fn drop(&mut self) {
        // No file means dead, as no lock does; what cannot be removed stays behind unlocked.
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns whether the process of `host` is alive. In doubt it is.
pub(crate) fn is_alive(directory: &Path, host: &HostId) -> bool {
    match File::open(path_of(directory, host)) {
        Err(error) => error.kind() != io::ErrorKind::NotFound,
        // Shared, so that two processes that ask at the same time do not take each other for the host.
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
        },
    }
}

/// Returns what tells this boot of the machine from others; empty where the system does not say.
pub(crate) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

fn path_of(directory: &Path, host: &HostId) -> PathBuf {
    directory.join("hosts").join(format!("{host}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_lives_as_long_as_its_lock() {
        let directory = tempfile::tempdir().unwrap();
        let host = HostId::parse("host-1").unwrap();
        assert!(!is_alive(directory.path(), &host));
        let lock = HostLock::take(directory.path(), &host).unwrap();
        assert!(is_alive(directory.path(), &host));
        assert!(matches!(
            HostLock::take(directory.path(), &host),
            Err(StoreError::HostLock { .. })
        ));
        drop(lock);
        assert!(!is_alive(directory.path(), &host));
    }
}
