//! Where can what happens in a run be read without asking the host? A file for each run, beside the state.

use cofferdam_engine::RunId;
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
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
        let path = directory.join(format!("{run}.log"));
        let file = match DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => append(&path),
        };
        let opened = Arc::new(Self {
            file: Mutex::new(Some(file.map_err(|error| unwritten(&path, &error))?)),
            path,
        });
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|file| file.strong_count() > 0);
        open.push(Arc::downgrade(&opened));
        Ok(opened)
    }

    /// Writes a line, and returns why nothing more will be written if it cannot be.
    pub(crate) fn write(&self, line: &str) -> Result<(), String> {
        let mut place = self.lock();
        let Some(file) = place.as_mut() else {
            return Ok(());
        };
        // In one piece, so that the lines of two processes do not run into each other.
        file.write_all(format!("{line}\n").as_bytes()).map_err(|error| {
            *place = None;
            unwritten(&self.path, &error)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true).mode(0o600);
    // Whoever put a link there wants another file to be written.
    options
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(path)
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
        for file in open.iter().filter_map(Weak::upgrade) {
            if let Ok(mut place) = file.file.try_lock()
                && let Some(file) = place.as_mut()
            {
                // It ends as it ends.
                let _ = file.write_all(format!("{at} the host {panic}\n{trace}\n").as_bytes());
            }
        }
    }));
}
