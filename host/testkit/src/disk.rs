//! What did SQLite write and sync, and what could a power cut at any moment have left of it?
//!
//! A [`Recording`] keeps, in order, everything that SQLite does to the files of a directory. From it the disk can be made
//! as a power cut after any of these operations could have left it: what was synced is there; of what was not, each sector
//! of 512 bytes is there or is not, as the dice fall.

mod shim;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Something that SQLite did to a file.
#[derive(Clone, Debug)]
enum Op {
    /// It was not there before. SQLite syncs the directory with the first sync of a journal, and only then.
    Created {
        journal: bool,
    },
    Written {
        at: usize,
        bytes: Vec<u8>,
    },
    Truncated(usize),
    /// All that was done to it before so many operations of the recording is on the disk.
    Synced {
        before: usize,
    },
    /// It is gone; whether that is on the disk too.
    Deleted {
        synced: bool,
    },
}

/// Whether a disk has what it says it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Honesty {
    Honest,
    Lying,
}

/// What was done to the files of a directory, in order, each with the name of its file.
type Ops = Arc<Mutex<Vec<(OsString, Op)>>>;

/// All recordings of this process, with their directories.
static RECORDINGS: Mutex<Vec<(PathBuf, Ops)>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how many operations there are in the recording of the directory of `path`.
fn position_of(path: &Path) -> usize {
    let recordings = lock(&RECORDINGS);
    let of_it = recordings.iter().find(|(recorded, _)| path.parent() == Some(recorded));
    of_it.map_or(0, |(_, ops)| lock(ops).len())
}

/// Adds an operation to the recording of the directory of `path`, if there is one.
fn record(path: &Path, op: impl FnOnce() -> Op) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let recordings = lock(&RECORDINGS);
    if let Some((_, ops)) = recordings.iter().find(|(recorded, _)| recorded == directory) {
        lock(ops).push((name.to_owned(), op()));
    }
}

/// Files whose next syncs fail, and how many of them.
static FAILING: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

/// Rings when one of them failed.
static FAILED: Condvar = Condvar::new();

/// Returns whether this sync of `path` is one that fails, and counts it.
fn fails(path: &Path) -> bool {
    let fails = lock(&FAILING).get_mut(path).is_some_and(|left| {
        let fails = *left > 0;
        *left = left.saturating_sub(1);
        fails
    });
    if fails {
        FAILED.notify_all();
    }
    fails
}

/// Everything that SQLite does to the files of a directory from now on, until this is dropped.
#[derive(Debug)]
pub struct Recording {
    directory: PathBuf,
    ops: Ops,
}

impl Drop for Recording {
    fn drop(&mut self) {
        lock(&RECORDINGS).retain(|(_, ops)| !Arc::ptr_eq(ops, &self.ops));
        lock(&FAILING).retain(|file, _| file.parent() != Some(&self.directory));
    }
}

impl Recording {
    /// Begins to record. Connections that are open already are not recorded.
    ///
    /// # Panics
    /// If the directory is not there, or SQLite takes no other file system.
    pub fn of(directory: &Path) -> Self {
        shim::install();
        let directory = directory.canonicalize().expect("the directory is there");
        let ops = Ops::default();
        lock(&RECORDINGS).push((directory.clone(), Arc::clone(&ops)));
        Self { directory, ops }
    }

    /// Lets the next `times` syncs of a file fail, as those of a disk do that has lost what it was given.
    pub fn fail_syncs(&self, file: &str, times: usize) {
        lock(&FAILING).insert(self.directory.join(file), times);
    }

    /// Returns how many of the syncs that were to fail have not been asked for yet.
    pub fn failures_left(&self, file: &str) -> usize {
        lock(&FAILING)
            .get(&self.directory.join(file))
            .copied()
            .unwrap_or_default()
    }

    /// Waits until only `left` of them have not been asked for, `at_most` so long, and returns whether that is so.
    pub fn wait_for_failures(&self, file: &str, left: usize, at_most: Duration) -> bool {
        let file = self.directory.join(file);
        let is_more = |failing: &mut BTreeMap<PathBuf, usize>| failing.get(&file).is_some_and(|found| *found > left);
        let waited = FAILED.wait_timeout_while(lock(&FAILING), at_most, is_more);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Returns how many operations there were. What is known now must be on a disk that loses its power later.
    pub fn position(&self) -> usize {
        lock(&self.ops).len()
    }

    /// Returns how often a file was synced.
    pub fn syncs(&self) -> usize {
        let ops = lock(&self.ops);
        ops.iter().filter(|(_, op)| matches!(op, Op::Synced { .. })).count()
    }

    /// Makes the files in `into` as a power cut after the first `position` operations could have left them. `below`
    /// throws the dice: it returns a number below the one that it is given.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn cut(&self, position: usize, below: impl FnMut(usize) -> usize, into: &Path) -> io::Result<()> {
        self.left(position, Honesty::Honest, below, into)
    }

    /// Does the same for a disk that says that it synced and did not: what must hold of one that is honest need not hold
    /// of it, or nothing was tested.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn cut_of_a_liar(&self, position: usize, below: impl FnMut(usize) -> usize, into: &Path) -> io::Result<()> {
        self.left(position, Honesty::Lying, below, into)
    }

    fn left(
        &self,
        position: usize,
        honesty: Honesty,
        mut below: impl FnMut(usize) -> usize,
        into: &Path,
    ) -> io::Result<()> {
        let ops = lock(&self.ops);
        let mut files: BTreeMap<&OsString, OnDisk> = BTreeMap::new();
        for (at, (name, op)) in ops[..position].iter().enumerate() {
            let file = files.entry(name).or_default();
            match op {
                Op::Synced { .. } if honesty == Honesty::Lying => {}
                Op::Synced { before } => {
                    file.apply(at, op);
                    if std::mem::take(&mut file.is_new_journal) {
                        files.values_mut().for_each(|file| file.enter_directory(*before));
                    }
                }
                _ => file.apply(at, op),
            }
        }
        for (name, file) in files {
            if let Some(content) = file.left(&mut below) {
                fs::write(into.join(name), content)?;
            }
        }
        Ok(())
    }
}

/// A file, as far as it is known to be on the disk, and what may be.
#[derive(Debug, Default)]
struct OnDisk<'a> {
    /// Its content at the last sync; none if the disk does not know of it.
    synced: Option<Vec<u8>>,
    /// What was done since, with its place in the recording.
    pending: Vec<(usize, &'a Op)>,
    /// Whether its next sync is also that of its directory.
    is_new_journal: bool,
}

impl<'a> OnDisk<'a> {
    fn apply(&mut self, at: usize, op: &'a Op) {
        if let Op::Created { journal } = op {
            self.is_new_journal = *journal;
        }
        match op {
            Op::Created { .. } | Op::Written { .. } | Op::Truncated(_) | Op::Deleted { synced: false } => {
                self.pending.push((at, op));
            }
            Op::Synced { before } => {
                // What another thread did while the disk was at it may have come too late.
                let covered = self.pending.partition_point(|(at, _)| at < before);
                self.synced = self.with(0..covered, &mut |_| 1);
                self.pending.drain(..covered);
            }
            Op::Deleted { synced: true } => {
                self.synced = None;
                self.pending.clear();
            }
        }
    }

    /// Takes note that the directory was synced: it knows of all that was created and deleted before.
    fn enter_directory(&mut self, before: usize) {
        let known = |(at, op): &(usize, &Op)| *at < before && is_of_directory(op);
        let Some(last) = self.pending.iter().rposition(known) else {
            return;
        };
        self.synced = matches!(self.pending[last].1, Op::Created { .. }).then(Vec::new);
        self.pending.drain(..=last);
    }

    /// Returns what a power cut leaves. The directory keeps up with changes to it in their order; up to which of them it
    /// has come is chance, and the file that is there then has some of what was written to it.
    fn left(&self, below: &mut impl FnMut(usize) -> usize) -> Option<Vec<u8>> {
        let changes: Vec<usize> = (0..self.pending.len())
            .filter(|at| is_of_directory(self.pending[*at].1))
            .collect();
        let end = match below(changes.len() + 1) {
            last if last == changes.len() => self.pending.len(),
            earlier => changes[earlier],
        };
        self.with(0..end, below)
    }

    /// Returns the content after those pending operations, of which each sector counts if the dice do not say 0.
    fn with(&self, pending: Range<usize>, below: &mut impl FnMut(usize) -> usize) -> Option<Vec<u8>> {
        let mut content = self.synced.clone();
        for (_, op) in &self.pending[pending] {
            match op {
                Op::Created { .. } => content = Some(Vec::new()),
                Op::Deleted { .. } => content = None,
                Op::Synced { .. } => {}
                Op::Truncated(length) => {
                    if below(2) == 1 {
                        content.get_or_insert_default().resize(*length, 0);
                    }
                }
                Op::Written { at, bytes } => {
                    let content = content.get_or_insert_default();
                    for sector in sectors(*at, bytes.len()) {
                        if below(2) == 1 {
                            let end = content.len().max(sector.end);
                            content.resize(end, 0);
                            content[sector.clone()].copy_from_slice(&bytes[sector.start - at..sector.end - at]);
                        }
                    }
                }
            }
        }
        content
    }
}

/// Returns whether an operation changes the directory, and not the file.
fn is_of_directory(op: &Op) -> bool {
    matches!(op, Op::Created { .. } | Op::Deleted { .. })
}

/// Returns the parts of a range that lie in different sectors.
fn sectors(at: usize, length: usize) -> impl Iterator<Item = Range<usize>> {
    let end = at + length;
    let first = at / SECTOR;
    let last = end.div_ceil(SECTOR);
    (first..last).map(move |sector| (sector * SECTOR).max(at)..((sector + 1) * SECTOR).min(end))
}

#[cfg(test)]
mod tests {
    use super::{OnDisk, Op, sectors};

    const CREATED: Op = Op::Created { journal: false };

    fn file(ops: &[Op]) -> OnDisk<'_> {
        let mut file = OnDisk::default();
        ops.iter().enumerate().for_each(|(at, op)| file.apply(at, op));
        file
    }

    fn written(at: usize, byte: u8, count: usize) -> Op {
        Op::Written {
            at,
            bytes: vec![byte; count],
        }
    }

    #[test]
    fn what_was_synced_is_there_and_what_was_not_is_there_by_sectors() {
        let synced = Op::Synced { before: 2 };
        let ops = [CREATED, written(0, 1, 1_000), synced, written(500, 2, 100)];
        let file = file(&ops);
        let none = file.left(&mut |_| 0).unwrap();
        assert_eq!(none, vec![1; 1_000]);
        let all = file.left(&mut |most| most - 1).unwrap();
        assert_eq!(all[500..600], [2; 100]);
        // Only the second of the two sectors that the write touched.
        let mut throws = [0, 0, 1].into_iter();
        let torn = file.left(&mut |_| throws.next().unwrap()).unwrap();
        assert_eq!((torn[511], torn[512], torn[599], torn[600]), (1, 2, 2, 1));
    }

    #[test]
    fn a_file_that_nobody_synced_may_be_there_or_not() {
        let ops = [CREATED, written(0, 1, 10)];
        let file = file(&ops);
        assert_eq!(file.left(&mut |_| 0), None);
        assert_eq!(file.left(&mut |most| most - 1), Some(vec![1; 10]));
    }

    #[test]
    fn what_was_written_while_the_disk_synced_is_not_known_to_be_there() {
        let ops = [CREATED, written(0, 1, 10), written(10, 2, 10), Op::Synced { before: 2 }];
        assert_eq!(file(&ops).left(&mut |_| 0), Some(vec![1; 10]));
    }

    #[test]
    fn a_deletion_that_nobody_synced_may_have_happened_or_not() {
        let (synced, deleted) = (Op::Synced { before: 2 }, Op::Deleted { synced: false });
        let ops = [CREATED, written(0, 1, 10), synced, deleted];
        let file = file(&ops);
        assert_eq!(file.left(&mut |_| 0), Some(vec![1; 10]));
        assert_eq!(file.left(&mut |most| most - 1), None);
    }

    #[test]
    fn a_deletion_is_there_when_the_directory_is_synced() {
        let ops = [
            CREATED,
            written(0, 1, 10),
            Op::Synced { before: 2 },
            Op::Deleted { synced: false },
        ];
        let mut file = file(&ops);
        file.enter_directory(4);
        assert_eq!(file.left(&mut |_| 0), None);
    }

    #[test]
    fn sectors_end_at_multiples_of_their_size() {
        let cut: Vec<_> = sectors(500, 600).collect();
        assert_eq!(cut, [500..512, 512..1024, 1024..1100]);
        assert_eq!(sectors(512, 512).count(), 1);
    }
}
