//! What is a secret to the host: where its value comes from, who may use it, and where the value may go?

mod source;
mod substitute;

pub use source::{SecretError, SecretSource};
pub(crate) use substitute::{Carried, Sought, sought, substitute, tellings};

use crate::network::NetworkRule;
use cofferdam_engine::{Data, secret_placeholder};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// A value that nobody sees.
pub(crate) type SecretValue = Arc<Zeroizing<Vec<u8>>>;

/// A secret that the operator lets a plugin use.
#[derive(Clone, Debug)]
pub struct SecretGrant {
    /// Its name.
    pub name: String,
    /// Where the value comes from, when it is first needed.
    pub source: SecretSource,
    /// The addresses that it is for.
    pub to: Vec<NetworkRule>,
    /// Where in a request it may stand.
    pub places: Vec<SecretPlace>,
    /// Whether the plugin may be told the value.
    pub reveal: bool,
}

/// A part of a request that a secret may stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// Any header.
    Headers,
    /// This header, in lower-case letters.
    Header(String),
    /// The query of the address.
    Query,
    /// The body.
    Body,
}

/// The secrets of one attempt.
#[derive(Clone)]
pub(crate) struct SecretBook {
    run: String,
    granted: Arc<[SecretGrant]>,
    values: Arc<Mutex<BTreeMap<String, SecretValue>>>,
    released: Released,
}

/// Values that a guest has been told: whatever it says with them in it is shown without them.
#[derive(Clone, Default)]
pub(crate) struct Released(Arc<Mutex<Vec<Zeroizing<String>>>>);

/// What is shown in place of a value.
const COVER: &str = "***";

impl SecretPlace {
    /// Reads `header`, `header:NAME`, `query` or `body`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => match text {
                "header" => Some(Self::Headers),
                "query" => Some(Self::Query),
                "body" => Some(Self::Body),
                _ => None,
            },
            Some(("header", name)) => {
                let name: http::HeaderName = name.parse().ok()?;
                Some(Self::Header(name.as_str().to_owned()))
            }
            Some(_) => None,
        }
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers => f.write_str("header"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Query => f.write_str("query"),
            Self::Body => f.write_str("body"),
        }
    }
}

impl SecretBook {
    pub(crate) fn new(run: &str, granted: Arc<[SecretGrant]>) -> Self {
        Self {
            run: run.to_owned(),
            granted,
            values: Arc::default(),
            released: Released::default(),
        }
    }

    pub(crate) fn none() -> Self {
        Self::new("", Arc::new([]))
    }

    pub(crate) fn granted(&self, name: &str) -> Option<&SecretGrant> {
        self.granted.iter().find(|grant| grant.name == name)
    }

    pub(crate) fn grants(&self) -> &[SecretGrant] {
        &self.granted
    }

    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    pub(crate) fn placeholder(&self, name: &str) -> String {
        secret_placeholder(&self.run, name)
    }

    /// Returns the value of a secret, the same for the whole attempt.
    pub(crate) async fn value(&self, grant: &SecretGrant) -> Result<SecretValue, SecretError> {
        if let Some(value) = self.values().get(&grant.name) {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(grant.source.read().await?);
        Ok(Arc::clone(self.values().entry(grant.name.clone()).or_insert(value)))
    }

    /// Returns the values that must not be shown.
    pub(crate) fn released(&self) -> Released {
        self.released.clone()
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<String, SecretValue>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Released {
    /// A shorter value is in every second text.
    const SHORTEST: usize = 4;

    pub(crate) fn add(&self, value: &[u8]) {
        let text = Zeroizing::new(String::from_utf8_lossy(value).into_owned());
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() >= Self::SHORTEST && !values.contains(&text) {
            values.push(text);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Returns `text` with the values covered.
    pub(crate) fn cover(&self, text: String) -> String {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.iter().fold(text, |text, value| {
            if text.contains(value.as_str()) {
                text.replace(value.as_str(), COVER)
            } else {
                text
            }
        })
    }

    /// Returns `data` with the values covered in all its texts and names.
    pub(crate) fn cover_data(&self, data: &Data) -> Data {
        match data {
            Data::Text(text) => Data::from(self.cover(text.to_string())),
            Data::List(items) => Data::list(items.iter().map(|item| self.cover_data(item))),
            Data::Map(entries) => Data::map(
                entries
                    .iter()
                    .map(|(name, value)| (self.cover(name.to_string()), self.cover_data(value))),
            ),
            Data::Null | Data::Bool(_) | Data::Int(_) | Data::Double(_) => data.clone(),
        }
    }
}
