//! Who gives a guest its turns, and how is it ended between two of them?
//!
//! A guest that computes without end waits for its turn behind all others, so that its own task would learn last that its
//! time is over. Here whoever ends it takes it away where it waits, and one that is having its turn goes at the end of it,
//! within a tick.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A guest's work, which is nowhere else while it waits.
pub(crate) struct Turns(Mutex<Waiting>);

struct Waiting {
    /// None while it has a turn, and in the end.
    work: Option<Work>,
    is_over: bool,
}

impl Turns {
    pub(crate) fn of(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Mutex::new(Waiting {
            work: Some(Box::pin(work)),
            is_over: false,
        }))
    }

    /// Takes turns until the work is done or ended: on `threads`, or without any where this is polled.
    ///
    /// # Panics
    /// If the work does.
    pub(crate) async fn taken(self: Arc<Self>, threads: Option<Handle>) {
        let taking = move |context: &mut Context<'_>| self.poll(context);
        let Some(threads) = threads else {
            return poll_fn(taking).await;
        };
        let task = threads.spawn(poll_fn(taking));
        // Nothing else would wake it once its work was taken away.
        let _aborted = AbortOnDrop(task.abort_handle());
        if let Err(error) = task.await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }

    /// Ends the work: now if it waits, and after its turn if it has one.
    pub(crate) fn end(&self) {
        let waiting = {
            let mut place = self.place();
            place.is_over = true;
            place.work.take()
        };
        // Outside of the lock: a store takes its time to go.
        drop(waiting);
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(mut work) = self.place().work.take() else {
            return Poll::Ready(());
        };
        if work.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut place = self.place();
        if place.is_over {
            drop(place);
            drop(work);
            return Poll::Ready(());
        }
        place.work = Some(work);
        Poll::Pending
    }

    fn place(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends the work when it is dropped.
pub(crate) struct EndOnDrop<'a>(pub(crate) &'a Turns);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use std::future::{pending, poll_fn};
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::task::Poll;
    use tokio::runtime::{Builder, Runtime};

    fn one_thread() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    #[test]
    fn work_that_waits_goes_at_once_although_its_threads_are_taken() {
        let guests = one_thread();
        let (alive, gone) = channel::<()>();
        let (polled, was_polled) = channel();
        let turns = Arc::new(Turns::of(async move {
            let _alive = alive;
            polled.send(()).unwrap();
            pending::<()>().await;
        }));
        guests.spawn(Arc::clone(&turns).taken(Some(guests.handle().clone())));
        was_polled.recv().unwrap();
        // The only thread is taken by somebody who does not give way.
        let (go, went) = channel::<()>();
        let (began, has_begun) = channel();
        guests.spawn(async move {
            began.send(()).unwrap();
            let _ = went.recv();
        });
        has_begun.recv().unwrap();
        turns.end();
        assert!(
            gone.try_recv()
                .is_err_and(|error| error == std::sync::mpsc::TryRecvError::Disconnected)
        );
        drop(go);
    }

    #[test]
    fn work_that_has_its_turn_goes_after_it() {
        let guests = one_thread();
        let (alive, gone) = channel::<()>();
        let (began, has_begun) = channel();
        let (go, went) = channel::<()>();
        let turns = Arc::new(Turns::of(poll_fn(move |_| {
            let _ = &alive;
            began.send(()).unwrap();
            let _ = went.recv();
            Poll::Pending
        })));
        guests.spawn(Arc::clone(&turns).taken(Some(guests.handle().clone())));
        has_begun.recv().unwrap();
        turns.end();
        assert!(
            gone.try_recv()
                .is_err_and(|error| error == std::sync::mpsc::TryRecvError::Empty)
        );
        drop(go);
        assert!(gone.recv().is_err());
    }

    #[test]
    fn a_panic_is_that_of_whoever_waits() {
        let guests = one_thread();
        let turns = Arc::new(Turns::of(async { panic!("of the work") }));
        let taken = guests.block_on(async { tokio::spawn(turns.taken(Some(guests.handle().clone()))).await });
        assert!(taken.unwrap_err().is_panic());
    }
}
