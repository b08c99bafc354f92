//! Where can what happens in a run be read without asking the host? A file for each run, beside the state.

use crate::mouth;
use crate::talk::{harmless, say};
use cofferdam_engine::RunId;
use rustix::fs::{Mode, OFlags};
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, TryLockError, Weak};

/// In the directory of the state, which no guest sees.
const DIRECTORY: &str = "logs";

/// The files that are being written, for a panic of this process to be told in.
static OPEN: Mutex<Vec<Weak<RunLogFile>>> = Mutex::new(Vec::new());

/// The file of one run. That it cannot be written hinders nobody: everything in it is in the state too, but for panics of the host.
#[derive(Debug)]
pub(crate) struct RunLogFile {
    path: PathBuf,
    /// None once writing has failed.
    file: Mutex<Option<File>>,
    /// How many lines found no room since the last one that did.
    left_out: AtomicU64,
}

impl RunLogFile {
    /// Opens the file of `run` below the directory of the state, to write on at its end.
    ///
    /// # Errors
    /// If it cannot be written, with its path.
    pub(crate) fn open(state: &Path, run: RunId) -> Result<Arc<Self>, String> {
        static HOOK: Once = Once::new();
        HOOK.call_once(tell_of_panics);
        let directory = state.join(DIRECTORY);
        let name = format!("{run}.log");
        let path = directory.join(&name);
        let file = append_to(&directory, &name).map_err(|error| unwritten(&path, &error))?;
        let opened = Arc::new(Self {
            path,
            file: Mutex::new(Some(file)),
            left_out: AtomicU64::new(0),
        });
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|file| file.strong_count() > 0);
        open.push(Arc::downgrade(&opened));
        Ok(opened)
    }

    /// Has a line written when the disk gets to it. What there is no room for meanwhile is left out, and the next line says so.
    pub(crate) fn write(self: &Arc<Self>, line: &str) {
        let missing = self.left_out.swap(0, Ordering::Relaxed);
        let told = match missing {
            0 => format!("{line}\n"),
            count => format!("({count} lines are left out here)\n{line}\n"),
        };
        if !mouth::write_down(Arc::clone(self), told.into_bytes()) {
            self.left_out.fetch_add(missing + 1, Ordering::Relaxed);
        }
    }

    /// Writes `text` now. The first time that it cannot is said, and nothing more is written.
    pub(crate) fn append(&self, text: &[u8]) {
        let mut place = self.lock();
        // In one piece, so that the lines of two processes do not run into each other.
        if let Some(file) = place.as_mut()
            && let Err(error) = file.write_all(text)
        {
            *place = None;
            drop(place);
            complain(&unwritten(&self.path, &error));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says why a run has no file, or no whole one.
pub(crate) fn complain(reason: &str) {
    say(format!("warning: {}", harmless(reason)));
}

/// Opens a file in a directory, which is made if it is not there. Neither may be a link: a project that was cloned could have put it
/// there, and another file would be written.
fn append_to(directory: &Path, name: &str) -> io::Result<File> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags | OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty())?;
    // Opening a pipe would wait for whoever reads it.
    let flags = flags | OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o600))?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

fn unwritten(path: &Path, error: &io::Error) -> String {
    format!("the log file of the run, `{}`, is not written: {error}", path.display())
}

/// Has every panic of this process written to the files of the runs that it drives.
fn tell_of_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        // A thread that panics with one of these locks held must not wait for itself.
        let open = match OPEN.try_lock() {
            Ok(open) => open,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let at = cofferdam_runtime::now();
        let trace = std::backtrace::Backtrace::force_capture();
        // A message may quote what a guest said.
        let told: String = format!("{at} the host {panic}\n{trace}")
            .lines()
            .map(|line| harmless(line) + "\n")
            .collect();
        for file in open.iter().filter_map(Weak::upgrade) {
            if let Ok(mut place) = file.file.try_lock()
                && let Some(file) = place.as_mut()
            {
                // It ends as it ends.
                let _ = file.write_all(told.as_bytes());
            }
        }
    }));
}
