//! How is it learnt what SQLite writes, truncates, syncs and deletes? A file system of SQLite that passes everything on.
//!
//! The default file system of SQLite (`sqlite3_vfs`) is copied; its `xOpen` and `xDelete` are replaced. A file that was
//! opened by the original keeps being one of the original: only the table of its methods is exchanged for a copy in
//! which four entries are replaced. Each replacement calls the original entry with the arguments that it got and tells
//! the recordings what was done, so that this file holds no state of SQLite's own.
#![expect(
    unsafe_code,
    reason = "a file system of SQLite is a table of C functions; what each block relies on is said beside it"
)]

use super::{Op, fails, position_of, record};
use rusqlite::ffi;
use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

/// The name under which SQLite knows this file system.
const NAME: &CStr = c"cofferdam-recording";

/// The file system that does the work.
struct Original {
    vfs: *mut ffi::sqlite3_vfs,
    open: unsafe extern "C" fn(
        *mut ffi::sqlite3_vfs,
        ffi::sqlite3_filename,
        *mut ffi::sqlite3_file,
        c_int,
        *mut c_int,
    ) -> c_int,
    delete: unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *const c_char, c_int) -> c_int,
}

/// The methods of one kind of its files (databases are locked, logs are not), and the table that those get instead.
struct Methods {
    original: *const ffi::sqlite3_io_methods,
    close: unsafe extern "C" fn(*mut ffi::sqlite3_file) -> c_int,
    write: unsafe extern "C" fn(*mut ffi::sqlite3_file, *const c_void, c_int, ffi::sqlite3_int64) -> c_int,
    truncate: unsafe extern "C" fn(*mut ffi::sqlite3_file, ffi::sqlite3_int64) -> c_int,
    sync: unsafe extern "C" fn(*mut ffi::sqlite3_file, c_int) -> c_int,
    replaced: ffi::sqlite3_io_methods,
}

// SAFETY: the pointers lead to tables that SQLite, or a leaked box, holds for the whole life of the process, and that are
// only read after they were put here.
unsafe impl Send for Original {}
// SAFETY: as above.
unsafe impl Sync for Original {}
// SAFETY: as above.
unsafe impl Send for Methods {}
// SAFETY: as above.
unsafe impl Sync for Methods {}

static ORIGINAL: OnceLock<Original> = OnceLock::new();
/// The tables that were exchanged, one of each kind, leaked.
static METHODS: Mutex<Vec<&'static Methods>> = Mutex::new(Vec::new());
/// The open files by the address that SQLite gave them.
static FILES: Mutex<Option<HashMap<usize, Open>>> = Mutex::new(None);

/// An open file.
#[derive(Clone)]
struct Open {
    path: PathBuf,
    methods: &'static Methods,
}

/// Makes the file system the default one of this process; once, and for good.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: SQLite is initialised first, so that there is a default file system; it is a table that lives as long
        // as the process. The copy differs in its name and two functions, and is leaked, since SQLite keeps it.
        unsafe {
            assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK, "SQLite starts");
            let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!vfs.is_null(), "SQLite has a default file system");
            let original = Original {
                vfs,
                open: (*vfs).xOpen.expect("a file system opens files"),
                delete: (*vfs).xDelete.expect("a file system deletes files"),
            };
            assert!(ORIGINAL.set(original).is_ok(), "this is done once");
            let mut recording = *vfs;
            recording.zName = NAME.as_ptr();
            recording.pNext = std::ptr::null_mut();
            recording.xOpen = Some(open);
            recording.xDelete = Some(delete);
            let registered = ffi::sqlite3_vfs_register(Box::into_raw(Box::new(recording)), 1);
            assert_eq!(registered, ffi::SQLITE_OK, "SQLite takes a file system");
        }
    });
}

fn files() -> MutexGuard<'static, Option<HashMap<usize, Open>>> {
    // No code that can panic runs under this lock.
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find(file: *mut ffi::sqlite3_file) -> Option<Open> {
    files().as_ref().and_then(|files| files.get(&(file as usize)).cloned())
}

/// Tells the recordings what was done to an open file if it was, and returns how it went. Only afterwards: what another
/// thread syncs meanwhile must not count as synced.
fn tell(code: c_int, open: &Open, op: impl FnOnce() -> Op) -> c_int {
    if code == ffi::SQLITE_OK {
        record(&open.path, op);
    }
    code
}

/// Returns the table for files that have the `original` one.
///
/// # Safety
/// It must be the table of a file that the original file system has just opened.
unsafe fn exchanged(original: *const ffi::sqlite3_io_methods) -> &'static Methods {
    let mut known = METHODS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(methods) = known.iter().find(|methods| std::ptr::eq(methods.original, original)) {
        return methods;
    }
    // SAFETY: the tables of open files are static in SQLite, and all of version 1 is set in them.
    let table = unsafe { *original };
    let methods = Methods {
        original,
        close: table.xClose.expect("files are closed"),
        write: table.xWrite.expect("files are written"),
        truncate: table.xTruncate.expect("files are truncated"),
        sync: table.xSync.expect("files are synced"),
        replaced: ffi::sqlite3_io_methods {
            xClose: Some(close),
            xWrite: Some(write),
            xTruncate: Some(truncate),
            xSync: Some(sync),
            ..table
        },
    };
    let methods: &'static Methods = Box::leak(Box::new(methods));
    known.push(methods);
    methods
}

fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    if name.is_null() {
        return None;
    }
    // SAFETY: a name that SQLite hands to its file system is a string that ends with a zero and outlives the call.
    let name = unsafe { CStr::from_ptr(name) };
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}

extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let Some(original) = ORIGINAL.get() else {
        return ffi::SQLITE_CANTOPEN;
    };
    let path = path_of(name).map(Path::to_owned);
    let was_there = path.as_ref().is_some_and(|path| path.exists());
    // SAFETY: the arguments are those of SQLite, for a file object of the size that the original asked for; the original
    // gets itself as its file system, as it would without this one.
    let code = unsafe { (original.open)(original.vfs, name, file, flags, out) };
    // SAFETY: SQLite hands in a file object, whose first member the original has just set.
    let methods = unsafe { (*file).pMethods };
    if code != ffi::SQLITE_OK || methods.is_null() {
        return code;
    }
    let Some(path) = path else { return code };
    // SAFETY: the original has just opened the file.
    let known = unsafe { exchanged(methods) };
    // SAFETY: the file object is the caller's, and the table lives as long as the process.
    unsafe { (*file).pMethods = &raw const known.replaced };
    let opened = Open {
        path: path.clone(),
        methods: known,
    };
    files().get_or_insert_default().insert(file as usize, opened);
    if !was_there && path.exists() {
        let journal =
            flags & (ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL) != 0;
        record(&path, || Op::Created { journal });
    }
    code
}

extern "C" fn delete(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    let Some(original) = ORIGINAL.get() else {
        return ffi::SQLITE_IOERR_DELETE;
    };
    // SAFETY: the arguments are those of SQLite.
    let code = unsafe { (original.delete)(original.vfs, name, sync_directory) };
    if let (ffi::SQLITE_OK, Some(path)) = (code, path_of(name)) {
        record(path, || Op::Deleted {
            synced: sync_directory != 0,
        });
    }
    code
}

extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let open = files().as_mut().and_then(|files| files.remove(&(file as usize)));
    match open {
        // SAFETY: the argument is that of SQLite, for a file that the original opened.
        Some(open) => unsafe { (open.methods.close)(file) },
        None => ffi::SQLITE_IOERR_CLOSE,
    }
}

extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, count: c_int, at: ffi::sqlite3_int64) -> c_int {
    let Some(open) = find(file) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: the arguments are those of SQLite, for a file that the original opened.
    let code = unsafe { (open.methods.write)(file, bytes, count, at) };
    tell(code, &open, || Op::Written {
        at: usize::try_from(at).unwrap_or_default(),
        // SAFETY: SQLite hands in so many bytes, which nobody changes during the call.
        bytes: unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(count).unwrap_or_default()) }
            .to_owned(),
    })
}

extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: ffi::sqlite3_int64) -> c_int {
    let Some(open) = find(file) else {
        return ffi::SQLITE_IOERR_TRUNCATE;
    };
    // SAFETY: the arguments are those of SQLite, for a file that the original opened.
    let code = unsafe { (open.methods.truncate)(file, length) };
    tell(code, &open, || {
        Op::Truncated(usize::try_from(length).unwrap_or_default())
    })
}

extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    let Some(open) = find(file) else {
        return ffi::SQLITE_IOERR_FSYNC;
    };
    if fails(&open.path) {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    let before = position_of(&open.path);
    // SAFETY: the arguments are those of SQLite, for a file that the original opened.
    let code = unsafe { (open.methods.sync)(file, flags) };
    tell(code, &open, || Op::Synced { before })
}
