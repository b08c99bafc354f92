//! What the writer does for those who ask it something: claims and messages, many in one transaction, each answered alone.

use crate::error::{ClaimError, PostError, StoreError};
use crate::failpoint::Failpoint;
use crate::sqlite::batch::execute;
use crate::sqlite::claim::Claimant;
use crate::sqlite::error::from_sqlite;
use crate::sqlite::inbox::Letter;
use crate::sqlite::queue::Granted;
use crate::sqlite::write::RunNumber;
use crate::sqlite::writer::Writer;
use cofferdam_engine::{MessageId, RunId};
use rusqlite::Connection;
use std::mem;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The most requests of one transaction: each is a few look-ups and a row, so that the lock is held for some milliseconds.
const MOST: usize = 256;

/// A message on its way, and who waits for its number.
type Post = (Letter, oneshot::Sender<Result<MessageId, PostError>>);

/// A run that somebody wants to drive.
type Claim = (RunId, oneshot::Sender<Result<Granted, ClaimError>>);

/// What became of the claims of a transaction before it was committed.
type Claimed = Vec<Result<(RunNumber, Granted), ClaimError>>;

impl Writer {
    /// Takes runs over.
    pub(crate) fn claim(&mut self, db: &mut Connection, mut claims: Vec<Claim>) {
        while !claims.is_empty() {
            let later = claims.split_off(claims.len().min(MOST));
            let together = mem::replace(&mut claims, later);
            // Whatever is done under the new generation is durable after it, and nobody outlives a loss of power who was told of it. That
            // it was committed says nothing of the disk, and ends no row of failures.
            match self.without_waiting(db, |writer, db| writer.claim_together(db, &together)) {
                Ok(answers) => {
                    for ((run, answer), claimed) in together.into_iter().zip(answers) {
                        let granted = claimed.map(|(number, granted)| {
                            self.driven.insert(run, number, granted.generation);
                            granted
                        });
                        // Nobody may be waiting any more; the run is this host's all the same.
                        let _ = answer.send(granted);
                    }
                }
                Err(source) => {
                    self.recover(db, &source);
                    for (run, answer) in together {
                        let source = Arc::clone(&source);
                        let _ = answer.send(Err(ClaimError::Store { run, source }));
                    }
                }
            }
        }
    }

    fn claim_together(&mut self, db: &Connection, claims: &[Claim]) -> Result<Claimed, Arc<StoreError>> {
        let due = self.start(db)?;
        let claimant = Claimant {
            path: &self.path,
            liveness: &self.liveness,
            host: &self.host,
        };
        let mut answers = Vec::with_capacity(claims.len());
        for (run, _) in claims {
            let claimed = claimant.claim(db, *run);
            // Some errors, a full disk among them, may take the whole transaction along.
            if let Err(ClaimError::Store { source, .. }) = &claimed
                && db.is_autocommit()
            {
                return Err(Arc::clone(source));
            }
            answers.push(claimed);
        }
        if answers.iter().any(Result::is_ok) {
            Failpoint::BeforeClaim.reached();
            self.commit(db, due)?;
            Failpoint::AfterClaim.reached();
        } else {
            // Nobody becomes known as a host by being refused.
            execute(db, "ROLLBACK").map_err(|error| from_sqlite(&self.path, error))?;
        }
        Ok(answers)
    }

    /// Puts messages into their inboxes. Whoever does no more than this is not known as a host.
    pub(crate) fn post(&mut self, db: &mut Connection, mut posts: Vec<Post>) {
        while !posts.is_empty() {
            let later = posts.split_off(posts.len().min(MOST));
            let together = mem::replace(&mut posts, later);
            match self.post_together(db, &together) {
                Ok(answers) => {
                    self.failures = 0;
                    if answers.iter().any(Result::is_ok) {
                        self.doorbell.ring();
                    }
                    for ((_, answer), posted) in together.into_iter().zip(answers) {
                        // The message is there whether or not somebody waits for its number.
                        let _ = answer.send(posted);
                    }
                }
                Err(error) => {
                    self.recover(db, &error);
                    for (letter, answer) in together {
                        let source = Arc::clone(&error);
                        let run = letter.run();
                        let _ = answer.send(Err(PostError::Store { run, source }));
                    }
                }
            }
        }
    }

    fn post_together(
        &self,
        db: &Connection,
        posts: &[Post],
    ) -> Result<Vec<Result<MessageId, PostError>>, Arc<StoreError>> {
        let fail = |error| Arc::new(from_sqlite(&self.path, error));
        execute(db, "BEGIN IMMEDIATE").map_err(fail)?;
        let mut answers = Vec::with_capacity(posts.len());
        for (letter, _) in posts {
            let posted = letter.post(db, &self.path);
            if let Err(PostError::Store { source, .. }) = &posted
                && db.is_autocommit()
            {
                return Err(Arc::clone(source));
            }
            answers.push(posted);
        }
        Failpoint::BeforePost.reached();
        execute(db, "COMMIT").map_err(fail)?;
        Failpoint::AfterPost.reached();
        Ok(answers)
    }
}
