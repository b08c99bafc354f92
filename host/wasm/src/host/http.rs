//! The standard interface for HTTP requests: judged by name, given its secrets, and sent by the host's own client.

#[cfg(test)]
mod tests;

use crate::authority::Authority;
use crate::egress::{Departure, Held, Wire};
use crate::host::denials::Denials;
use crate::limits::{LimitName, Limits};
use crate::network::{NetworkRule, Reachable, Scheme, Target, admit};
use crate::secret::{Carried, SecretBook, SecretGrant, Sought, sought, substitute, tellings};
use crate::store::State;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, HostOutgoingRequest as _};
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttp, WasiHttpHooks, WasiHttpView};

/// What lets requests of one attempt out.
pub(crate) struct Outgoing {
    wire: Arc<Wire>,
    terms: OutgoingTerms,
    largest_body: u64,
    calls: Arc<Semaphore>,
}

/// What holds for all requests of one attempt.
#[derive(Clone)]
pub(crate) struct OutgoingTerms {
    pub(crate) granted: Arc<Reachable>,
    pub(crate) secrets: SecretBook,
    pub(crate) authority: Authority,
    pub(crate) denials: Denials,
    pub(crate) deadline: Instant,
}

type Answer = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

/// A body that a secret may stand in is looked at whole.
const MAX_SEARCHED_BODY: usize = 1024 * 1024;
const MAX_CHUNK: usize = 64 * 1024;
/// The interface as the bindings of wasmtime-wasi-http call it.
const TYPES: &str = "wasi:http/types@0.2.12";
/// The longest name that a host can have, with a port.
const MAX_AUTHORITY: usize = 253 + 6;
const MAX_METHOD: usize = 32;

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let options = types::LinkOptions::default();
    outgoing_handler::add_to_linker::<State, WasiHttp>(linker, State::http)?;
    types::add_to_linker::<State, WasiHttp>(linker, &options, State::http)?;
    bound_names(linker)
}

/// Puts own functions in the place of those that would keep names of any length: a request that is never sent is judged by nobody, and lies
/// in the memory of the host.
fn bound_names(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Request = Resource<types::OutgoingRequest>;
    linker.allow_shadowing(true);
    let mut instance = linker.instance(TYPES)?;
    instance.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, State>, (request, authority): (Request, Option<String>)| {
            if authority
                .as_ref()
                .is_some_and(|authority| authority.len() > MAX_AUTHORITY)
            {
                return Ok((Err(()),));
            }
            store
                .data_mut()
                .http()
                .set_authority(request, authority)
                .map(|set| (set,))
        },
    )?;
    instance.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, State>, (request, method): (Request, types::Method)| {
            if matches!(&method, types::Method::Other(name) if name.len() > MAX_METHOD) {
                return Ok((Err(()),));
            }
            store.data_mut().http().set_method(request, method).map(|set| (set,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl Outgoing {
    pub(crate) fn new(wire: Arc<Wire>, terms: OutgoingTerms, limits: &Limits) -> Self {
        Self {
            wire,
            terms,
            largest_body: limits.get(LimitName::HttpBody),
            calls: Arc::new(Semaphore::new(limits.size(LimitName::HttpCalls))),
        }
    }

    /// Returns what lets nothing out.
    pub(crate) fn none(wire: Arc<Wire>, limits: &Limits) -> Self {
        let terms = OutgoingTerms {
            granted: Arc::default(),
            secrets: SecretBook::none(),
            authority: Authority::unlimited(),
            denials: Denials::default(),
            deadline: Instant::now() + limits.duration(LimitName::Wall),
        };
        Self::new(wire, terms, limits)
    }

    /// Says whether a request may leave by its name.
    fn judge(&self, request: &http::Request<WasiBody>) -> Result<(Target, NetworkRule), Error> {
        let target = Target::parse(request.method().as_str(), request.uri()).map_err(|reason| {
            let uri = request.uri();
            let shown = format!(
                "{} {}://{}",
                request.method(),
                uri.scheme_str().unwrap_or_default(),
                uri.authority().map_or("", |authority| authority.as_str())
            );
            // What stands before an `@` may be a password.
            let shown = match shown.rsplit_once('@') {
                Some((_, host)) => format!("{} …@{host}", request.method()),
                None => shown,
            };
            self.terms
                .denied(&shown, format!("no grant reaches it: its host {reason}"))
        })?;
        match admit(&self.terms.granted, &target) {
            Ok(rule) => Ok((target, rule.clone())),
            Err(reason) => Err(self.terms.denied(&target.to_string(), reason)),
        }
    }
}

impl OutgoingTerms {
    fn denied(&self, target: &str, reason: impl Into<String>) -> Error {
        self.denials.record("http.send", target, reason);
        Error::HttpRequestDenied
    }

    /// Puts the values of secrets into a request to a place that they are for.
    async fn with_secrets(
        &self,
        request: http::Request<WasiBody>,
        target: &Target,
    ) -> Result<(http::Request<WasiBody>, Carried), Error> {
        let (mut parts, body) = request.into_parts();
        let searched = if self.secrets.any_in_bodies() {
            let whole = Limited::new(body, MAX_SEARCHED_BODY).collect().await;
            Ok(whole
                .map_err(|_| Error::HttpRequestBodySize(Some(MAX_SEARCHED_BODY as u64)))?
                .to_bytes())
        } else {
            Err(body)
        };
        let bytes = searched.as_ref().ok().map(AsRef::as_ref);
        let run = self.secrets.run();
        let found = sought(run, &parts, bytes);
        let mut values = BTreeMap::new();
        for sought in &found {
            if let Err(reason) = self.secrets.admits(sought, target) {
                self.denials.record(
                    "secrets.send",
                    &format!("{} in {} of {target}", sought.name, sought.place),
                    reason,
                );
                return Err(Error::HttpRequestDenied);
            }
            let Some(grant) = self.secrets.granted(&sought.name) else {
                continue;
            };
            let value = self.secrets.value(grant).await.map_err(|error| {
                // For the operator: where values come from is nothing for a guest.
                self.denials
                    .record("secrets.send", &sought.name, format!("it has no value: {error}"));
                Error::InternalError(Some(format!("the secret `{}` has no value", sought.name)))
            })?;
            values.insert(sought.name.clone(), value);
        }
        let (filled, mut carried) = substitute(run, &values, &mut parts, bytes)
            .map_err(|reason| Error::InternalError(Some(format!("the value of a secret {reason}"))))?;
        // Whoever is told a value now may say it in another answer, also to an attempt that never sent it.
        for grant in self.secrets.grants().iter().filter(|grant| grant.is_for(target)) {
            if let Ok(value) = self.secrets.value(grant).await {
                carried.unspeakable.extend(tellings(&value));
            }
        }
        if !carried.unspeakable.is_empty() {
            // What comes back is searched for the value, which is not seen in what is packed.
            parts
                .headers
                .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let body = match (searched, filled) {
            (Err(body), _) => body,
            (Ok(bytes), filled) => {
                let bytes = filled.map_or(bytes, Bytes::from);
                parts.headers.remove(header::CONTENT_LENGTH);
                Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
            }
        };
        Ok((http::Request::from_parts(parts, body), carried))
    }
}

impl SecretGrant {
    /// Returns whether the value may go to this target.
    fn is_for(&self, target: &Target) -> bool {
        target.scheme != Scheme::Http && self.to.iter().any(|rule| rule.covers(target))
    }
}

impl SecretBook {
    fn any_in_bodies(&self) -> bool {
        self.grants()
            .iter()
            .any(|grant| grant.places.contains(&crate::secret::SecretPlace::Body))
    }

    /// Says whether a secret may stand in this place of a request to this target.
    fn admits(&self, sought: &Sought, target: &Target) -> Result<(), String> {
        let Some(grant) = self.granted(&sought.name) else {
            return Err("the secret is not granted".to_owned());
        };
        if target.scheme == Scheme::Http {
            return Err("a secret does not travel in clear text".to_owned());
        }
        if !grant.is_for(target) {
            let to: Vec<String> = grant.to.iter().map(NetworkRule::url).collect();
            let to = if to.is_empty() {
                "no address".to_owned()
            } else {
                to.join(", ")
            };
            return Err(format!("the secret is for {to}"));
        }
        if !grant.may_stand(&sought.place) {
            let places: Vec<String> = grant.places.iter().map(ToString::to_string).collect();
            return Err(format!("the secret may stand in {}", places.join(", ")));
        }
        Ok(())
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let judged = self.judge(&request);
        let permit = Arc::clone(&self.calls).try_acquire_owned();
        let (wire, terms, largest_body) = (Arc::clone(&self.wire), self.terms.clone(), self.largest_body);
        Box::new(async move {
            let (target, rule) = judged?;
            let permit = permit.map_err(|_| Error::ConnectionLimitReached)?;
            let deadline = tokio::time::Instant::from_std(terms.deadline);
            let prepared = tokio::time::timeout_at(deadline, terms.with_secrets(request, &target));
            let (request, carried) = prepared.await.map_err(|_| Error::ConnectionTimeout)??;
            let shown = target.to_string();
            let departure = Departure {
                request,
                target,
                rule,
                options: options.unwrap_or_default(),
                deadline,
                largest_body,
                authority: terms.authority.clone(),
                unspeakable: carried.unspeakable,
                permit,
            };
            wire.send(departure).await.map_err(|held| match held {
                Held::Denied(reason) => terms.denied(&shown, reason),
                Held::Failed(error) => error,
            })
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_CHUNK
    }

    // The client has said it in words of its own already; what is left says nothing of this machine.
    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::DestinationUnavailable
    }

    fn p2_error_from_tls(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}
