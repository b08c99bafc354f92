//! How does talk get out without anybody waiting for whoever reads it?
//!
//! What is said is put into a queue, and one thread writes it; what is written down in files has a queue and a thread of its own. A reader that does not read, a terminal that was stopped or a
//! log collector that hangs delay neither steps nor requests: what the queue has no room for is left out, and told.

use crate::run_log::RunLogFile;
use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many bytes may wait to be written.
const ROOM: usize = 1 << 20;
/// How long the end of the process waits for a reader that takes nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long data waits for the talk before it.
const MOMENT: Duration = Duration::from_millis(200);

/// What people are told.
static MOUTH: Outlet = Outlet::new("talk");
/// What goes into the files of runs.
static PEN: Outlet = Outlet::new("run-logs");

/// Where a text goes.
enum Ear {
    Stderr,
    File(Arc<RunLogFile>),
}

struct Outlet {
    name: &'static str,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    waiting: VecDeque<(Ear, Vec<u8>)>,
    bytes: usize,
    /// Whether there is a thread, or cannot be one.
    is_served: bool,
    /// How many texts found no room since the last one that did.
    left_out: u64,
    /// Whether the thread has taken a text and not yet written it.
    writing: bool,
    /// How many texts were written.
    written: u64,
}

/// Says `text` as it is. Returns whether there was room for it.
pub(crate) fn utter(text: Vec<u8>) -> bool {
    MOUTH.put(Ear::Stderr, text)
}

/// Writes `text` into a file as it is. Returns whether there was room for it.
pub(crate) fn write_down(file: Arc<RunLogFile>, text: Vec<u8>) -> bool {
    PEN.put(Ear::File(file), text)
}

/// Waits until all is written, or nobody has read for a while: before the end of the process.
pub(crate) fn finish() {
    PEN.settle(PATIENCE);
    MOUTH.settle(PATIENCE);
}

/// Waits until all is written, so that what comes on another way comes after it; not for long if nobody reads.
pub(crate) fn pause() {
    MOUTH.settle(MOMENT);
}

impl Outlet {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                bytes: 0,
                is_served: false,
                left_out: 0,
                writing: false,
                written: 0,
            }),
            changed: Condvar::new(),
        }
    }

    fn put(&'static self, ear: Ear, text: Vec<u8>) -> bool {
        let mut queue = self.lock();
        if !queue.is_served {
            queue.is_served = true;
            let thread = std::thread::Builder::new().name(self.name.to_owned());
            if thread.spawn(|| self.serve()).is_err() {
                // Without a thread nothing is said; what is done is recorded all the same.
                queue.bytes = ROOM;
            }
        }
        if queue.bytes + text.len() > ROOM && queue.bytes > 0 {
            // A file counts what it lacks itself.
            queue.left_out += u64::from(matches!(ear, Ear::Stderr));
            return false;
        }
        if queue.left_out > 0 {
            let told = format!("({} lines are left out here: nobody read)\n", queue.left_out).into_bytes();
            queue.left_out = 0;
            queue.bytes += told.len();
            queue.waiting.push_back((Ear::Stderr, told));
        }
        queue.bytes += text.len();
        queue.waiting.push_back((ear, text));
        self.changed.notify_all();
        true
    }

    fn settle(&self, patience: Duration) {
        let mut queue = self.lock();
        while !queue.waiting.is_empty() || queue.writing {
            let written = queue.written;
            let (now, waited) = self
                .changed
                .wait_timeout(queue, patience)
                .unwrap_or_else(PoisonError::into_inner);
            queue = now;
            if waited.timed_out() && queue.written == written {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut queue = self.lock();
        loop {
            let Some((ear, text)) = queue.waiting.pop_front() else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            queue.writing = true;
            drop(queue);
            match ear {
                Ear::Stderr => {
                    let mut stderr = std::io::stderr().lock();
                    // Nobody can be told that telling failed.
                    let _ = stderr.write_all(&text).and_then(|()| stderr.flush());
                }
                Ear::File(file) => file.append(&text),
            }
            queue = self.lock();
            queue.writing = false;
            queue.bytes = queue.bytes.saturating_sub(text.len());
            queue.written += 1;
            self.changed.notify_all();
        }
    }
}

/// What other libraries write their lines to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines;

impl std::io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        utter(text.to_vec());
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
