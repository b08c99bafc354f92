//! How does talk get out without anybody waiting for whoever reads it?
//!
//! What is said is put into a queue, and one thread writes it. A reader that does not read, a terminal that was stopped or a
//! log collector that hangs delay neither steps nor requests: what the queue has no room for is left out, and told.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How many bytes may wait to be written.
const ROOM: usize = 1 << 20;
/// How long the end of the process waits for a reader that takes nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long data waits for the talk before it.
const MOMENT: Duration = Duration::from_millis(200);

static MOUTH: OnceLock<Mouth> = OnceLock::new();

#[derive(Default)]
struct Mouth {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How many texts found no room since the last one that did.
    left_out: u64,
    /// Whether the thread has taken a text and not yet written it.
    writing: bool,
    /// How many texts were written.
    written: u64,
}

/// Says `text` as it is. Returns whether there was room for it.
pub(crate) fn utter(text: Vec<u8>) -> bool {
    let mouth = mouth();
    let mut queue = mouth.lock();
    if queue.bytes + text.len() > ROOM && queue.bytes > 0 {
        queue.left_out += 1;
        return false;
    }
    if queue.left_out > 0 {
        let told = format!("({} lines are left out here: nobody read)\n", queue.left_out).into_bytes();
        queue.left_out = 0;
        queue.bytes += told.len();
        queue.waiting.push_back(told);
    }
    queue.bytes += text.len();
    queue.waiting.push_back(text);
    mouth.changed.notify_all();
    true
}

/// Waits until all is written, or nobody has read for a while: before the end of the process.
pub(crate) fn finish() {
    settle(PATIENCE);
}

/// Waits until all is written, so that what comes on another way comes after it; not for long if nobody reads.
pub(crate) fn pause() {
    settle(MOMENT);
}

fn settle(patience: Duration) {
    let Some(mouth) = MOUTH.get() else { return };
    let mut queue = mouth.lock();
    while !queue.waiting.is_empty() || queue.writing {
        let written = queue.written;
        let (now, waited) = mouth
            .changed
            .wait_timeout(queue, patience)
            .unwrap_or_else(PoisonError::into_inner);
        queue = now;
        if waited.timed_out() && queue.written == written {
            return;
        }
    }
}

fn mouth() -> &'static Mouth {
    let mut is_new = false;
    let mouth = MOUTH.get_or_init(|| {
        is_new = true;
        Mouth::default()
    });
    if is_new {
        let thread = std::thread::Builder::new().name("talk".to_owned());
        if thread.spawn(|| mouth.speak()).is_err() {
            // Without a thread nothing is said; what is done is recorded all the same.
            mouth.lock().bytes = ROOM;
        }
    }
    mouth
}

impl Mouth {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn speak(&self) {
        let mut queue = self.lock();
        loop {
            let Some(text) = queue.waiting.pop_front() else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            queue.writing = true;
            drop(queue);
            let mut stderr = std::io::stderr().lock();
            // Nobody can be told that telling failed.
            let _ = stderr.write_all(&text).and_then(|()| stderr.flush());
            drop(stderr);
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
