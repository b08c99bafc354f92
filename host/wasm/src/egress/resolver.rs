//! Which addresses does a name have?

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Resolves names. Clones ask the same.
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(&str) -> Lookup + Send + Sync>);

type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The system answers on threads that nothing can stop; more of them than this never wait at once.
const MAX_LOOKUPS: usize = 32;

impl Resolver {
    /// Returns the resolver of this machine.
    pub fn system() -> Self {
        let places = Arc::new(Semaphore::new(MAX_LOOKUPS));
        Self(Arc::new(move |name| {
            let (name, places) = (name.to_owned(), Arc::clone(&places));
            Box::pin(async move {
                let place = places.acquire_owned().await.map_err(io::Error::other)?;
                let lookup = tokio::spawn(async move {
                    let found = tokio::net::lookup_host((name.as_str(), 0)).await;
                    // Given back when the thread is, also if nobody waits for it any more.
                    drop(place);
                    found.map(|found| found.map(|address| address.ip()).collect())
                });
                lookup.await.map_err(io::Error::other)?
            })
        }))
    }

    /// Returns a resolver that answers what `answer` says at that moment.
    pub fn from_fn(answer: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |name| {
            let found = answer(name);
            Box::pin(async move { Ok(found) })
        }))
    }

    pub(crate) async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        (self.0)(name).await
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
