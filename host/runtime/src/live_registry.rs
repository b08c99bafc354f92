//! Which plugins are there by now, in a process that goes on while their files come and go?
//!
//! The registry that is current never changes; another one takes its place as a whole. Whoever took it before keeps it, so that
//! a run that began with a component ends with it.

mod watch;

use cofferdam_wasm::{Change, Registry, Sandbox, Sources};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch as latest};
use tokio::time::Instant;
use watch::Watched;

/// How long nothing must change in the directories before they are read: whoever writes a file in place, or copies several,
/// is given the time.
const SETTLE: Duration = Duration::from_millis(200);
/// How long changes that do not end are waited for: what is half written by then is rejected, and read again when it changes.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the directories are looked at although the system reported nothing: it reports nothing about those that are not
/// there yet, nor on some network file systems.
const LOOK: Duration = Duration::from_secs(2);

/// The plugins of a host that goes on for long. Clones are the same.
#[derive(Clone)]
pub struct LiveRegistry(Arc<Shared>);

struct Shared {
    sandbox: Sandbox,
    sources: RwLock<Arc<Sources>>,
    /// What was found last, which differs from what is current only in what it remembers of files.
    found: Mutex<Arc<Registry>>,
    current: latest::Sender<Arc<Registry>>,
}

impl LiveRegistry {
    /// Finds and loads what `sources` hold.
    pub async fn open(sandbox: Sandbox, sources: Sources) -> Self {
        let found = Arc::new(Registry::discover(&sandbox, &sources).await);
        Self(Arc::new(Shared {
            sandbox,
            sources: RwLock::new(Arc::new(sources)),
            current: latest::Sender::new(Arc::clone(&found)),
            found: Mutex::new(found),
        }))
    }

    /// Returns the plugins as they are now, for a check and the run that follows from it.
    pub fn current(&self) -> Arc<Registry> {
        Arc::clone(&self.0.current.borrow())
    }

    /// Returns what tells that other plugins are current.
    pub fn changes(&self) -> latest::Receiver<Arc<Registry>> {
        self.0.current.subscribe()
    }

    /// Looks at the directories now, without waiting for writers to be done, and returns what is different.
    pub async fn renew(&self) -> Vec<Change> {
        self.0.renew().await
    }

    /// Looks for plugins as `sources` say from now on, and returns what is different. Those that are part of the host stay.
    pub async fn look_in(&self, sources: Sources) -> Vec<Change> {
        let present = self.0.sources();
        if present.directories == sources.directories && present.signed == sources.signed {
            return Vec::new();
        }
        *self.0.sources.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sources);
        self.0.renew().await
    }

    /// Follows the directories from now on, and tells `news` of each difference, once. Ends some time after the last holder of
    /// this registry has let go of it. Guests say on `guests` what they offer.
    pub fn follow(&self, guests: &Handle, news: impl Fn(&Change) + Send + 'static) {
        guests.spawn(follow(Arc::downgrade(&self.0), news));
    }
}

impl Shared {
    fn sources(&self) -> Arc<Sources> {
        Arc::clone(&self.sources.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn renew(&self) -> Vec<Change> {
        let mut found = self.found.lock().await;
        let renewed = Arc::new(found.renewed(&self.sandbox, &self.sources()).await);
        let changes = renewed.changes_since(&found);
        *found = Arc::clone(&renewed);
        let is_same = {
            let current = self.current.borrow();
            renewed.problems() == current.problems() && renewed.is_signed_like(&current)
        };
        if changes.is_empty() && is_same {
            return changes;
        }
        self.current.send_replace(renewed);
        changes
    }

    /// Waits until the directories have been the same for a while.
    async fn settled(&self) {
        let since = Instant::now();
        loop {
            let sources = self.sources();
            let before = sources.listing();
            tokio::time::sleep(SETTLE).await;
            if before == sources.listing() || since.elapsed() > PATIENCE {
                return;
            }
        }
    }
}

async fn follow(shared: Weak<Shared>, news: impl Fn(&Change) + Send) {
    let Some(mut watched) = shared
        .upgrade()
        .map(|shared| Watched::new(&shared.sources().directories))
    else {
        return;
    };
    loop {
        // Whichever comes first: what the system reports, or the time to look.
        let _ = tokio::time::timeout(LOOK, watched.changed()).await;
        let Some(shared) = shared.upgrade() else { return };
        let sources = shared.sources();
        watched.watch(&sources.directories);
        if shared.found.lock().await.is_current(&sources) {
            continue;
        }
        shared.settled().await;
        for change in shared.renew().await {
            news(&change);
        }
    }
}
