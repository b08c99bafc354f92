//! How processes that share a log tell each other at once that there is something to look for.
//!
//! Whoever listens watches a file beside those of the hosts; whoever rings changes its time. A host that nobody rings for uses
//! no processor at all. Where files cannot be watched, only the own process is told.

use crate::arrivals::{Arrivals, Bell};
use crate::sqlite::directory::{hosts_in, make_hosts, private};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Tells that a message arrived, or that a run was let go of. Clones are the same bell.
#[derive(Clone, Debug)]
pub(crate) struct Doorbell {
    directory: Arc<Path>,
    path: Arc<Path>,
    bell: Bell,
}

impl Doorbell {
    /// Returns the bell of the log in the state directory.
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.into(),
            path: path_in(directory).into(),
            bell: Bell::new(),
        }
    }

    /// Returns a listener, who hears whoever rings.
    pub(crate) fn arrivals(&self) -> Arrivals {
        self.bell.arrivals()
    }

    /// Tells this process, and all others that listen.
    pub(crate) fn ring(&self) {
        self.bell.ring();
        let rung = private()
            .write(true)
            .open(&self.path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        match rung {
            Ok(()) => {}
            // No file means that nobody listens.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::debug!(%error, "other processes find out by looking"),
        }
    }

    /// Listens to other processes until the listener is dropped.
    pub(crate) fn listen(&self) -> io::Result<Listener> {
        Listener::start(self.clone())
    }

    fn put_up(&self) -> io::Result<()> {
        make_hosts(&self.directory)?;
        private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)
            .map(drop)
    }
}

fn path_in(directory: &Path) -> PathBuf {
    hosts_in(directory).join("doorbell")
}

#[cfg(target_os = "linux")]
pub(crate) use watching::Listener;

#[cfg(target_os = "linux")]
mod watching {
    use super::Doorbell;
    use rustix::fd::OwnedFd;
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
    use rustix::io::Errno;
    use std::io;
    use std::mem::MaybeUninit;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    use std::thread::{self, JoinHandle};

    /// A thread that waits for the bell.
    #[derive(Debug)]
    pub(crate) struct Listener {
        watch: Arc<Watch>,
        thread: Option<JoinHandle<()>>,
    }

    #[derive(Debug)]
    struct Watch {
        events: OwnedFd,
        /// The watch of the file; none once nobody listens any more.
        number: Mutex<Option<i32>>,
    }

    impl Listener {
        pub(super) fn start(bell: Doorbell) -> io::Result<Self> {
            bell.put_up()?;
            let watch = Arc::new(Watch {
                events: inotify::init(CreateFlags::CLOEXEC)?,
                number: Mutex::new(None),
            });
            *watch.lock() = Some(watch.add(&bell)?);
            bell.bell.hear_others(true);
            let watched = Arc::clone(&watch);
            let thread = thread::Builder::new().name("log-doorbell".to_owned()).spawn(move || {
                if let Err(error) = watched.tell(&bell) {
                    bell.bell.hear_others(false);
                    tracing::warn!(%error, "other processes are not heard any more");
                }
            })?;
            Ok(Self {
                watch,
                thread: Some(thread),
            })
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            let number = self.watch.lock().take();
            if let Some(number) = number {
                // The end of the watch is an event, which wakes the thread.
                let _ = inotify::remove_watch(&self.watch.events, number);
            }
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        }
    }

    impl Watch {
        fn add(&self, bell: &Doorbell) -> io::Result<i32> {
            // To the system a file of which only this time is set was modified.
            Ok(inotify::add_watch(
                &self.events,
                &*bell.path,
                WatchFlags::MODIFY | WatchFlags::DONT_FOLLOW,
            )?)
        }

        fn tell(&self, bell: &Doorbell) -> io::Result<()> {
            // Room for many events without names.
            let mut room = [MaybeUninit::uninit(); 1024];
            let mut events = Reader::new(&self.events, &mut room);
            loop {
                let gone = match events.next() {
                    Ok(event) => event.events().contains(ReadFlags::IGNORED),
                    Err(Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                };
                if gone {
                    let mut number = self.lock();
                    if number.is_none() {
                        return Ok(());
                    }
                    // Somebody removed the file; whoever rings next finds a new one.
                    *number = None;
                    bell.put_up()?;
                    *number = Some(self.add(bell)?);
                }
                bell.bell.ring();
            }
        }

        fn lock(&self) -> MutexGuard<'_, Option<i32>> {
            // No code that can panic runs under this lock.
            self.number.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

/// Hears nobody.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Listener;

#[cfg(not(target_os = "linux"))]
impl Listener {
    fn start(bell: Doorbell) -> io::Result<Self> {
        bell.put_up().map(|()| Self)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Duration;

    fn is_rung(arrivals: &mut Arrivals) -> bool {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(async { tokio::time::timeout(Duration::from_secs(30), arrivals.next()).await })
            .is_ok()
    }

    // row I03
    #[test]
    fn a_bell_is_heard_by_others_also_after_its_file_was_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (here, there) = (Doorbell::new(directory.path()), Doorbell::new(directory.path()));
        // Nobody listens, so that there is nothing to ring.
        there.ring();
        assert!(!path_in(directory.path()).exists());
        let mut arrivals = here.arrivals();
        assert!(!arrivals.hears_others());
        let listener = here.listen().unwrap();
        assert!(arrivals.hears_others());
        there.ring();
        assert!(is_rung(&mut arrivals));
        std::fs::remove_file(path_in(directory.path())).unwrap();
        // The removal is heard as well, when there is a new file.
        assert!(is_rung(&mut arrivals));
        there.ring();
        assert!(is_rung(&mut arrivals));
        drop(listener);
    }

    #[test]
    fn a_bell_that_is_a_link_is_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = directory.path().join("elsewhere");
        std::fs::write(&elsewhere, "").unwrap();
        let before = std::fs::metadata(&elsewhere).unwrap().modified().unwrap();
        make_hosts(directory.path()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path_in(directory.path())).unwrap();
        let bell = Doorbell::new(directory.path());
        bell.ring();
        assert!(bell.listen().is_err());
        assert_eq!(std::fs::metadata(&elsewhere).unwrap().modified().unwrap(), before);
    }
}
