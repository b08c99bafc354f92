//! Where does the system report that something changes in a directory?
//!
//! Where it does not, as on other systems than Linux, changes are found by looking.

#[cfg(target_os = "linux")]
pub(super) use linux::Watched;

#[cfg(target_os = "linux")]
mod linux {
    use rustix::fd::OwnedFd;
    use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
    use std::collections::BTreeMap;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::{Path, PathBuf};
    use tokio::io::unix::AsyncFd;

    /// Directories that are watched, as far as the system can.
    pub(in super::super) struct Watched {
        /// None where the system watches nothing more.
        events: Option<AsyncFd<OwnedFd>>,
        /// Which directory is watched under its path: another one may have taken its place.
        watching: BTreeMap<PathBuf, Watch>,
    }

    #[derive(Clone, Copy)]
    struct Watch {
        device: u64,
        inode: u64,
        number: i32,
    }

    impl Watched {
        /// Watches those of `directories` that are there.
        pub(in super::super) fn new(directories: &[PathBuf]) -> Self {
            let mut watched = Self {
                events: events()
                    .inspect_err(|error| tracing::debug!(%error, "plugin directories are not watched, only looked at"))
                    .ok(),
                watching: BTreeMap::new(),
            };
            watched.watch(directories);
            watched
        }

        /// Waits until the system reports something; what it reported while nobody waited counts.
        pub(in super::super) async fn changed(&mut self) {
            let Some(events) = &self.events else {
                return std::future::pending().await;
            };
            let drained = match events.readable().await {
                Ok(mut ready) => ready.try_io(|events| drain(events.get_ref())),
                Err(error) => Ok(Err(error)),
            };
            if let Ok(Err(error)) = drained {
                tracing::warn!(%error, "plugin directories are not watched any more, only looked at");
                self.events = None;
            }
        }

        /// Watches those of `directories` that came, or took the place of others, and no other ones.
        pub(in super::super) fn watch(&mut self, directories: &[PathBuf]) {
            let Some(events) = &self.events else { return };
            self.watching.retain(|directory, watch| {
                let stays = directories.contains(directory);
                if !stays {
                    let _ = inotify::remove_watch(events, watch.number);
                }
                stays
            });
            for directory in directories {
                let present = identity(directory);
                let watched = self.watching.get(directory).copied();
                if present == watched.map(|watch| (watch.device, watch.inode)) {
                    continue;
                }
                if let Some(watch) = watched {
                    self.watching.remove(directory);
                    // That of a directory which is gone has ended by itself.
                    let _ = inotify::remove_watch(events, watch.number);
                }
                let Some((device, inode)) = present else { continue };
                match inotify::add_watch(events, directory, CHANGES) {
                    Ok(number) => {
                        let watch = Watch { device, inode, number };
                        self.watching.insert(directory.clone(), watch);
                    }
                    Err(error) => {
                        tracing::debug!(directory = %directory.display(), %error, "not watched, only looked at");
                    }
                }
            }
        }
    }

    /// All that makes another listing of a directory.
    const CHANGES: WatchFlags = WatchFlags::ATTRIB
        .union(WatchFlags::CLOSE_WRITE)
        .union(WatchFlags::CREATE)
        .union(WatchFlags::DELETE)
        .union(WatchFlags::DELETE_SELF)
        .union(WatchFlags::MODIFY)
        .union(WatchFlags::MOVE)
        .union(WatchFlags::MOVE_SELF);

    fn events() -> io::Result<AsyncFd<OwnedFd>> {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        #[expect(
            unsafe_code,
            reason = "tokio wants it to be said that the descriptor stays what it is"
        )]
        // SAFETY: it is owned by what it is put into, which gives it only by reference and closes it when it is dropped.
        let registered = unsafe { AsyncFd::register(events) };
        Ok(registered?)
    }

    /// Takes all that was reported: what it was is seen by looking.
    fn drain(events: &OwnedFd) -> io::Result<()> {
        // Room for many events with their names.
        let mut room = [MaybeUninit::uninit(); 8192];
        let mut reader = Reader::new(events, &mut room);
        let mut heard = false;
        loop {
            match reader.next() {
                Ok(_) => heard = true,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) if heard => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn identity(directory: &Path) -> Option<(u64, u64)> {
        let metadata = directory.metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    }
}

/// Directories that are only looked at.
#[cfg(not(target_os = "linux"))]
pub(super) struct Watched;

#[cfg(not(target_os = "linux"))]
impl Watched {
    pub(super) fn new(_: &[std::path::PathBuf]) -> Self {
        Self
    }

    pub(super) async fn changed(&mut self) {
        std::future::pending().await
    }

    pub(super) fn watch(&mut self, _: &[std::path::PathBuf]) {}
}
