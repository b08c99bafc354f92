//! Which hosts are alive: a process holds a lock on a file named after its host, and the lock goes with the process; one that
//! has its lock and is silent for longer than its lease counts as gone, too.

use crate::boot_clock::BootClock;
use crate::error::StoreError;
use crate::record::HostId;
use crate::sqlite::directory::{hosts_in, make_hosts, private};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Tells which hosts are alive.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    directory: Arc<Path>,
    boot: Arc<str>,
    clock: BootClock,
}

/// What the row of a host says about its life.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostRow {
    pub(crate) pid: Option<u32>,
    pub(crate) boot: Option<String>,
    /// In milliseconds since boot.
    pub(crate) lease_end: Option<u64>,
}

impl Liveness {
    /// Returns what tells the life of the hosts below the state directory.
    pub(crate) fn new(directory: &Path, clock: BootClock) -> Self {
        Self {
            directory: directory.into(),
            boot: boot().into(),
            clock,
        }
    }

    /// Returns what tells this boot of the machine from others; empty where the system does not say.
    pub(crate) fn boot(&self) -> &str {
        &self.boot
    }

    /// Returns whether `host` is alive: its process is there and its lease has not run out. In doubt it is.
    pub(crate) fn is_alive(&self, host: &HostId, row: &HostRow) -> bool {
        let silent = row.boot.as_deref() == Some(&*self.boot)
            && row
                .lease_end
                .is_some_and(|end| Duration::from_millis(end) <= self.clock.now());
        !silent && has_lock(&self.directory, host)
    }

    /// Tells others that a host is at work, until the file is closed: any number of hosts share its lock.
    pub(crate) fn put_up_sign(&self) -> Result<File, StoreError> {
        let path = sign_path(&self.directory);
        let put_up = || {
            make_hosts(&self.directory)?;
            let file = private().write(true).create(true).truncate(false).open(&path)?;
            // Those who look hold the other lock for a moment.
            file.lock_shared()?;
            Ok(file)
        };
        put_up().map_err(|source| StoreError::HostLock { path, source })
    }

    /// Returns whether some host is at work. In doubt one is, as for whoever looks in the same moment as another.
    pub(crate) fn is_sign_up(&self) -> bool {
        match private().read(true).open(sign_path(&self.directory)) {
            Err(error) => error.kind() != io::ErrorKind::NotFound,
            Ok(file) => file.try_lock().is_err(),
        }
    }

    /// Takes away what a killed host left beside the database; what one that lives holds stays.
    pub(crate) fn clear(&self, host: &str) {
        if let Some(host) = HostId::parse(host)
            && !has_lock(&self.directory, &host)
        {
            // It says nothing any more, there or not.
            let _ = fs::remove_file(path_of(&self.directory, &host));
        }
    }
}

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
            make_hosts(directory)?;
            let file = private().write(true).create(true).truncate(false).open(&path)?;
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

/// Returns whether the process of `host` holds its lock. In doubt it does.
fn has_lock(directory: &Path, host: &HostId) -> bool {
    match private().read(true).open(path_of(directory, host)) {
        Err(error) => error.kind() != io::ErrorKind::NotFound,
        // Shared, so that two processes that ask at the same time do not take each other for the host.
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
        },
    }
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

fn sign_path(directory: &Path) -> PathBuf {
    hosts_in(directory).join("at-work")
}

fn path_of(directory: &Path, host: &HostId) -> PathBuf {
    hosts_in(directory).join(format!("{host}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot_clock::ManualClock;

    // row K09
    #[test]
    fn a_host_lives_as_long_as_its_lock() {
        let directory = tempfile::tempdir().unwrap();
        let liveness = Liveness::new(directory.path(), BootClock::default());
        let row = HostRow::default();
        let host = HostId::parse("host-1").unwrap();
        assert!(!liveness.is_alive(&host, &row));
        let lock = HostLock::take(directory.path(), &host).unwrap();
        assert!(liveness.is_alive(&host, &row));
        assert!(matches!(
            HostLock::take(directory.path(), &host),
            Err(StoreError::HostLock { .. })
        ));
        drop(lock);
        assert!(!liveness.is_alive(&host, &row));
    }

    #[test]
    fn a_link_is_no_lock_and_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (liveness, host) = (
            Liveness::new(directory.path(), BootClock::default()),
            HostId::parse("host-1").unwrap(),
        );
        make_hosts(directory.path()).unwrap();
        let elsewhere = directory.path().join("elsewhere");
        for place in [path_of(directory.path(), &host), sign_path(directory.path())] {
            std::os::unix::fs::symlink(&elsewhere, place).unwrap();
        }
        assert!(HostLock::take(directory.path(), &host).is_err());
        assert!(liveness.put_up_sign().is_err());
        assert!(!elsewhere.exists());
    }

    #[test]
    fn a_silent_host_lives_as_long_as_its_lease_of_this_boot() {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Duration::from_secs(100));
        let liveness = Liveness::new(directory.path(), clock.clock());
        let host = HostId::parse("host-1").unwrap();
        let _lock = HostLock::take(directory.path(), &host).unwrap();
        let row = HostRow {
            pid: Some(1),
            boot: Some(liveness.boot().to_owned()),
            lease_end: Some(130_000),
        };
        assert!(liveness.is_alive(&host, &row));
        clock.advance(Duration::from_secs(30));
        assert!(!liveness.is_alive(&host, &row));
        // What another boot counted says nothing about now.
        let other_boot = HostRow {
            boot: Some("another".to_owned()),
            ..row
        };
        assert!(liveness.is_alive(&host, &other_boot));
        // What it holds is not cleared away, what a killed one left is.
        liveness.clear("host-1");
        assert!(path_of(directory.path(), &host).exists());
        let killed = HostId::parse("host-2").unwrap();
        File::create(path_of(directory.path(), &killed)).unwrap();
        liveness.clear("host-2");
        assert!(!path_of(directory.path(), &killed).exists());
    }
}
