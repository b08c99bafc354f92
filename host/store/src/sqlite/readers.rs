//! The connections for reading, each with its own thread and snapshot, so that no reader waits for the writer.

use crate::error::StoreError;
use crate::sqlite::connection;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// Enough that a long history being read does not hold up a short question; reads are mostly the processor's work.
const READERS: usize = 2;

enum Question {
    Answer(Box<dyn FnOnce(&mut Connection) + Send>),
    /// For one thread to end: askers may outlive the threads, so that a closed channel cannot say it.
    Stop,
}

/// Threads that answer questions.
///
/// The queue of questions has no bound of its own: each has a caller who waits for its answer.
#[derive(Debug)]
pub(crate) struct Readers {
    asker: Asker,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(path: &Path) -> Result<Self, ReadersStart> {
        let (questions, asked) = mpsc::channel();
        let asked = Arc::new(Mutex::new(asked));
        let mut threads = Vec::new();
        for number in 1..=READERS {
            let db =
                connection::open_again(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(ReadersStart::Connection)?;
            let asked = Arc::clone(&asked);
            let thread = thread::Builder::new()
                .name(format!("log-reader-{number}"))
                .spawn(move || answer(db, &asked))
                .map_err(ReadersStart::Thread)?;
            threads.push(thread);
        }
        Ok(Self {
            asker: Asker { questions },
            threads,
        })
    }

    /// Returns what asks these threads, for as long as they are there.
    pub(crate) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Answers what was asked, and closes the connections.
    pub(crate) fn stop(&mut self) {
        for _ in &self.threads {
            // A thread that is gone needs no telling.
            let _ = self.asker.questions.send(Question::Stop);
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has told its askers by dropping their answers.
            let _ = thread.join();
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Asks the threads of [`Readers`].
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    questions: Sender<Question>,
}

impl Asker {
    /// Asks `question` of one snapshot. The answer comes whatever runtime waits for it, also if none does.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        failed: impl FnOnce(rusqlite::Error) -> StoreError + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let work = move |db: &mut Connection| {
            let result = match db.transaction_with_behavior(TransactionBehavior::Deferred) {
                Ok(snapshot) => question(&snapshot),
                Err(error) => Err(failed(error)),
            };
            // Whoever asked may have gone.
            let _ = answer.send(result);
        };
        // When all threads are gone the question is dropped, and its answer with it.
        let _ = self.questions.send(Question::Answer(Box::new(work)));
        async move { answered.await.unwrap_or(Err(StoreError::ReaderGone)) }
    }
}

/// Why the threads could not be started.
#[derive(Debug)]
pub(crate) enum ReadersStart {
    Connection(StoreError),
    Thread(io::Error),
}

fn answer(mut db: Connection, asked: &Mutex<Receiver<Question>>) {
    loop {
        // Only one thread waits at a time; it gives the place up before it answers.
        let question = asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match question {
            Ok(Question::Answer(question)) => question(&mut db),
            Ok(Question::Stop) | Err(mpsc::RecvError) => return,
        }
    }
}
