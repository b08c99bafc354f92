//! How a request that may leave does leave: resolved once, connected to that very address, bounded, and in time.

mod body;
mod mask;
mod resolver;
mod tls;

pub use resolver::Resolver;
pub(crate) use tls::TlsTrust;

use crate::authority::Authority;
use crate::network::{Host, NetworkRule, Target};
use body::{Flow, RequestBody, ResponseBody};
use http::header::{self, HeaderValue};
use http_body_util::BodyExt;
use mask::Mask;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};
use zeroize::Zeroizing;

/// What all requests of a sandbox share.
pub(crate) struct Wire {
    resolver: Resolver,
    public: tls::PublicTrust,
}

/// One request that may leave, as far as its name tells.
pub(crate) struct Departure {
    pub(crate) request: http::Request<WasiBody>,
    pub(crate) target: Target,
    pub(crate) rule: NetworkRule,
    pub(crate) options: RequestOptions,
    /// When the attempt is over.
    pub(crate) deadline: Instant,
    /// The longest body, in both directions.
    pub(crate) largest_body: u64,
    pub(crate) authority: Authority,
    /// What must not come back: values of secrets that are in the request.
    pub(crate) unspeakable: Vec<Zeroizing<Vec<u8>>>,
    /// Held as long as the connection is.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Why a request did not leave.
pub(crate) enum Held {
    /// The address that the host has is not granted; says why.
    Denied(String),
    /// It failed.
    Failed(Error),
}

/// An answer, and what keeps its connection going.
pub(crate) type Arrival = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

/// A server that does not take a connection in this time is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// The lines before the body, all together: a server that sends more of them is refused.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
/// How many of those lines.
const MAX_HEADERS: usize = 128;
/// How often it is looked whether the run is still this host's.
const WATCH: Duration = Duration::from_millis(100);

impl Wire {
    pub(crate) fn new(resolver: Resolver) -> Self {
        Self {
            resolver,
            public: tls::PublicTrust::default(),
        }
    }

    /// Sends a request and returns its answer as soon as the lines before its body are there.
    pub(crate) async fn send(&self, departure: Departure) -> Result<Arrival, Held> {
        let Departure {
            request,
            target,
            rule,
            options,
            deadline,
            largest_body,
            authority,
            unspeakable,
            permit,
        } = departure;
        let within = |wish: Option<Duration>, most: Option<Duration>| {
            let wish = wish.unwrap_or(Duration::MAX).min(most.unwrap_or(Duration::MAX));
            // A time that no clock can hold is after the deadline.
            Instant::now()
                .checked_add(wish)
                .map_or(deadline, |end| end.min(deadline))
        };
        let connected = within(options.connect_timeout, Some(CONNECT));
        let addresses = match &target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => timeout_at(connected, self.resolver.resolve(name))
                .await
                .map_err(|_| Held::Failed(Error::DnsTimeout))?
                .map_err(|_| Held::Failed(unresolved()))?,
        };
        if addresses.is_empty() {
            return Err(Held::Failed(unresolved()));
        }
        // One address that is not granted spoils the name: a name that stands for a stranger's and for ours is a trick.
        if let Some(reason) = addresses.iter().find_map(|address| rule.refuses(*address)) {
            return Err(Held::Denied(reason));
        }
        let stream = timeout_at(connected, connect(&addresses, target.port))
            .await
            .map_err(|_| Held::Failed(Error::ConnectionTimeout))?
            .map_err(Held::Failed)?;
        let stream = timeout_at(connected, tls::wrap(stream, &target, rule.trust(), &self.public))
            .await
            .map_err(|_| Held::Failed(Error::ConnectionTimeout))?
            .map_err(Held::Failed)?;
        if authority.check().is_err() {
            return Err(Held::Failed(Error::ConnectionTerminated));
        }
        let first_byte = within(options.first_byte_timeout, None);
        let flow = Flow {
            largest: largest_body,
            pause: options.between_bytes_timeout,
            deadline,
        };
        let exchange = Exchange {
            target,
            flow,
            mask: Mask::new(unspeakable),
            authority,
            permit,
        };
        exchange.begin(stream, request, first_byte).await.map_err(Held::Failed)
    }
}

/// One request and its answer on a connection of their own.
struct Exchange {
    target: Target,
    flow: Flow,
    mask: Mask,
    authority: Authority,
    permit: OwnedSemaphorePermit,
}

impl Exchange {
    async fn begin(
        self,
        stream: Box<dyn tls::Stream>,
        request: http::Request<WasiBody>,
        first_byte: Instant,
    ) -> Result<Arrival, Error> {
        let too_large = Arc::new(AtomicBool::new(false));
        let request = self.addressed(request, &too_large)?;
        let is_head = request.method() == http::Method::HEAD;
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(explain)?;
        let Self {
            flow,
            mask,
            authority,
            permit,
            ..
        } = self;
        let mut connection: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> = Box::pin(async move {
            let _permit = permit;
            tokio::select! {
                biased;
                () = lost(&authority) => Err(Error::ConnectionTerminated),
                ended = connection => ended.map_err(explain),
            }
        });
        let largest = flow.largest;
        let blame = |error| match too_large.load(Ordering::Relaxed) {
            true => Error::HttpRequestBodySize(Some(largest)),
            false => error,
        };
        let mut over = false;
        let answer = async {
            let sent = sender.send_request(request);
            tokio::pin!(sent);
            tokio::select! {
                biased;
                answer = &mut sent => answer.map_err(explain),
                ended = &mut connection => {
                    over = true;
                    match ended {
                        Ok(()) => sent.await.map_err(explain),
                        Err(error) => Err(error),
                    }
                }
            }
        };
        let answer = timeout_at(first_byte, answer)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(blame)?;
        let (mut parts, incoming) = answer.into_parts();
        let announced = http_body::Body::size_hint(&incoming).exact();
        if !is_head && announced.is_some_and(|size| size > largest) {
            return Err(Error::HttpResponseBodySize(announced));
        }
        mask.headers(&mut parts.headers);
        let body = ResponseBody::new(incoming, flow, mask).boxed_unsync();
        let connection: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async move {
            // Kept until the answer is read: a connection whose sender is gone may be closed.
            let _sender = sender;
            if over { Ok(()) } else { connection.await }
        });
        Ok((http::Response::from_parts(parts, body), connection))
    }

    /// Returns the request as it goes over the wire: to a path, for the host that was asked for.
    fn addressed(
        &self,
        request: http::Request<WasiBody>,
        too_large: &Arc<AtomicBool>,
    ) -> Result<http::Request<RequestBody>, Error> {
        let (mut parts, body) = request.into_parts();
        let host = HeaderValue::from_str(&self.target.authority()).map_err(|_| Error::HttpRequestUriInvalid)?;
        parts.headers.insert(header::HOST, host);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        parts.uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
        let body = RequestBody::new(body, self.flow.largest, Arc::clone(too_large));
        Ok(http::Request::from_parts(parts, body))
    }
}

/// Connects to one of the addresses, in their order.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Error> {
    let mut refused = Error::DestinationUnavailable;
    for address in addresses {
        match TcpStream::connect(SocketAddr::new(*address, port)).await {
            Ok(stream) => {
                // Requests are small and wait for answers. Without it they are only slower.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                refused = match error.kind() {
                    std::io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
                    std::io::ErrorKind::TimedOut => Error::ConnectionTimeout,
                    _ => Error::DestinationUnavailable,
                }
            }
        }
    }
    Err(refused)
}

/// Ends when this host may no longer act for the run.
async fn lost(authority: &Authority) {
    while authority.check().is_ok() {
        tokio::time::sleep(WATCH).await;
    }
}

fn unresolved() -> Error {
    Error::DnsError {
        rcode: Some("the name has no address".to_owned()),
        info_code: None,
    }
}

/// Returns what a failure of the protocol is to a guest, which learns nothing of this machine by it.
fn explain(error: hyper::Error) -> Error {
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(u32::try_from(MAX_HEAD).ok())
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_timeout() {
        Error::HttpResponseTimeout
    } else {
        // What is wrong within a body is told by its cause only.
        let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
        match cause.map(std::io::Error::kind) {
            Some(std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput) => Error::HttpProtocolError,
            Some(std::io::ErrorKind::UnexpectedEof) => Error::HttpResponseIncomplete,
            _ => Error::ConnectionTerminated,
        }
    }
}
