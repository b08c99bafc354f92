//! Who brings the messages of the inbox to the runs that this host drives?

use crate::driver::Control;
use cofferdam_engine::RunId;
use cofferdam_store::{Arrivals, Inbox, Posted, RunLog};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the host looks for messages although nobody rang: whoever posts rings, so that a look finds only what a
/// process posted that died before it could ring, or what a driver was too busy for. A host with ten thousand runs under
/// way pays for each look.
const LOOK: Duration = Duration::from_secs(1);
/// The same where other processes are not heard, and while a driver was too busy to be told: a person waits.
const QUICK_LOOK: Duration = Duration::from_millis(200);

/// The runs that this host drives, and how each is told something. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    drivers: BTreeMap<RunId, mpsc::Sender<Control>>,
    /// Whether the task that looks is there: one for all runs of the host, none while it drives none.
    looks: bool,
}

/// A run that is told its messages until this is dropped.
#[derive(Debug)]
pub(crate) struct Addressee {
    mail: Mail,
    run: RunId,
}

/// Whether all drivers were told.
#[derive(Clone, Copy)]
enum Told {
    Everybody,
    NotAll,
}

impl Drop for Addressee {
    fn drop(&mut self) {
        self.mail.lock().drivers.remove(&self.run);
    }
}

impl Mail {
    /// Brings the messages of `run` to `driver` from now on.
    pub(crate) fn deliver_to(&self, log: &Arc<dyn RunLog>, run: RunId, driver: mpsc::Sender<Control>) -> Addressee {
        let mut state = self.lock();
        state.drivers.insert(run, driver);
        if !std::mem::replace(&mut state.looks, true) {
            // The log is closed when its last holder lets go of it, which must not be whoever only looks.
            tokio::spawn(self.clone().look(log.arrivals(), Arc::downgrade(log)));
        }
        drop(state);
        Addressee {
            mail: self.clone(),
            run,
        }
    }

    async fn look(self, mut arrivals: Arrivals, log: Weak<dyn RunLog>) {
        loop {
            let mut told = Told::Everybody;
            let Some(unanswered) = log.upgrade().map(|log| log.unanswered(Inbox::OfThisHost)) else {
                return;
            };
            match unanswered.await {
                Ok(posted) => told = self.bring(posted),
                Err(error) => tracing::warn!(%error, "the inbox could not be read; it is looked at again"),
            }
            {
                let mut state = self.lock();
                if state.drivers.is_empty() {
                    state.looks = false;
                    return;
                }
            }
            let look = match told {
                Told::Everybody if arrivals.hears_others() => LOOK,
                Told::Everybody | Told::NotAll => QUICK_LOOK,
            };
            // Whichever comes first: what is posted, or the time to look.
            let _ = tokio::time::timeout(look, arrivals.next()).await;
        }
    }

    /// Hands messages to their drivers, which know what they were told before.
    fn bring(&self, posted: Vec<Posted>) -> Told {
        let mut told = Told::Everybody;
        let state = self.lock();
        for Posted { run, message } in posted {
            if let Some(driver) = state.drivers.get(&run) {
                // A driver that is busy or gone is told at the next look.
                if driver.try_send(Control::Message(message)).is_err() {
                    told = Told::NotAll;
                }
            }
        }
        told
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
