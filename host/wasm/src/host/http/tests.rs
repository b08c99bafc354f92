//! Requests as a hostile guest would make them, to servers that do what no server should.

#[expect(dead_code, reason = "the tests of the command line need more of it")]
mod server;

use super::{Outgoing, OutgoingTerms};
use crate::authority::Authority;
use crate::egress::{Resolver, Wire};
use crate::host::denials::Denials;
use crate::limits::{LimitName, Limits};
use crate::network::{NetworkAccess, NetworkRule, Reachable};
use crate::secret::{SecretBook, SecretGrant, SecretPlace, SecretSource};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use server::{Server, TlsServer};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wasmtime_wasi_http::{Error, RequestOptions, WasiHttpHooks};

/// Longer than any machine needs for what ends by itself.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// One attempt that may send.
struct Attempt {
    outgoing: Outgoing,
    denials: Denials,
}

struct Setting {
    rules: Vec<NetworkRule>,
    resolver: Resolver,
    secrets: Vec<SecretGrant>,
    limits: Limits,
    authority: Authority,
    wall: Duration,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            resolver: Resolver::from_fn(|name| panic!("`{name}` was looked up")),
            secrets: Vec::new(),
            limits: Limits::default(),
            authority: Authority::unlimited(),
            wall: PATIENCE,
        }
    }
}

impl Setting {
    fn of(rules: &[NetworkRule]) -> Self {
        Self {
            rules: rules.to_vec(),
            ..Self::default()
        }
    }

    fn begin(self) -> Attempt {
        let denials = Denials::default();
        let granted: Vec<_> = self
            .rules
            .into_iter()
            .map(|rule| NetworkAccess::new(rule, None))
            .collect();
        let terms = OutgoingTerms {
            granted: Arc::new(Reachable {
                lines: granted,
                narrowed: Vec::new(),
            }),
            secrets: SecretBook::new("run-1", self.secrets.into()),
            authority: self.authority,
            denials: denials.clone(),
            deadline: Instant::now() + self.wall,
        };
        let wire = Arc::new(Wire::new(self.resolver));
        let outgoing = Outgoing::new(wire, terms, &self.limits);
        Attempt { outgoing, denials }
    }
}

impl Attempt {
    /// Sends a request and returns the whole answer.
    async fn send(&mut self, request: http::request::Builder, body: &[u8]) -> Result<http::Response<Bytes>, Error> {
        let body = Full::new(Bytes::copy_from_slice(body))
            .map_err(|never| match never {})
            .boxed_unsync();
        let request = request.body(body).unwrap();
        let sent = self.outgoing.send_request(request, None, Box::new(async { Ok(()) }));
        let (response, connection) = Pin::from(sent).await?;
        let connection = tokio::spawn(Pin::from(connection));
        let (parts, body) = response.into_parts();
        let body = body.collect().await;
        connection.abort();
        let ended = connection.await;
        assert!(
            !ended.is_err_and(|error| error.is_panic()),
            "the connection was polled after its end"
        );
        Ok(http::Response::from_parts(parts, body?.to_bytes()))
    }

    async fn get(&mut self, url: &str) -> Result<http::Response<Bytes>, Error> {
        self.send(http::Request::get(url), b"").await
    }

    /// Returns why the last request was refused.
    fn reason(&self) -> String {
        let (calls, _) = self.denials.take();
        calls
            .last()
            .map(|call| format!("{} {}", call.target, call.reason))
            .unwrap_or_default()
    }
}

fn rule(url: &str, private: bool) -> NetworkRule {
    NetworkRule::parse(url, &[], private).unwrap()
}

fn denied(answer: &Result<http::Response<Bytes>, Error>) -> bool {
    matches!(answer, Err(Error::HttpRequestDenied))
}

// row E10, hostile 43
#[tokio::test]
async fn what_is_not_granted_by_its_name_is_not_even_looked_up() {
    let mut attempt = Setting::of(&[rule("https://api.example.org", false)]).begin();
    for url in [
        "https://evil.example.org/",
        "http://api.example.org/",
        "https://api.example.org:444/",
        "https://api.example.org.:443/",
        "https://api.example.org@evil.example/",
        "https://user:password@api.example.org/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "http://metadata.google.internal/",
    ] {
        assert!(denied(&attempt.get(url).await), "{url}");
        let reason = attempt.reason();
        assert!(
            reason.contains("no grant reaches it") || reason.contains("not granted"),
            "{url}: {reason}"
        );
        assert!(!reason.contains("password"), "{reason}");
    }
}

// row E14, hostile 43
#[tokio::test]
async fn a_name_that_leads_into_this_network_is_refused_by_its_address() {
    let server = Server::start(|stream| server::answer(stream, "200 OK", &[], b"inside"));
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "64:ff9b::7f00:1",
    ] {
        let address: IpAddr = address.parse().unwrap();
        let mut attempt = Setting {
            resolver: Resolver::from_fn(move |_| vec![address]),
            ..Setting::of(&[rule(&format!("http://inside.example:{}", server.port), false)])
        }
        .begin();
        let answer = attempt.get(&format!("http://inside.example:{}/", server.port)).await;
        assert!(denied(&answer), "{address}: {answer:?}");
        let reason = attempt.reason();
        assert!(
            reason.contains("address") || reason.contains("no grant reaches"),
            "{reason}"
        );
    }
    assert_eq!(server.connections(), 0);
}

// row E14, hostile 44
#[tokio::test]
async fn a_name_is_resolved_once_and_that_address_is_connected_to() {
    let server = Server::start(|stream| server::answer(stream, "200 OK", &[], b"pinned"));
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    // The second answer would lead elsewhere, as that of somebody who rebinds a name does.
    let resolver = Resolver::from_fn(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => vec![LOOPBACK],
        _ => vec!["169.254.169.254".parse().unwrap()],
    });
    let mut attempt = Setting {
        resolver,
        ..Setting::of(&[rule(&format!("http://moving.example:{}", server.port), true)])
    }
    .begin();
    let url = format!("http://moving.example:{}/", server.port);
    assert_eq!(attempt.get(&url).await.unwrap().body(), "pinned");
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
    assert!(
        denied(&attempt.get(&url).await),
        "the next request is judged by the next answer"
    );
    assert!(attempt.reason().contains("cloud metadata"));
    assert_eq!(server.connections(), 1);
}

// row E14, hostile 43
#[tokio::test]
async fn one_address_of_this_network_spoils_a_name() {
    let mut attempt = Setting {
        resolver: Resolver::from_fn(|_| vec!["1.1.1.1".parse().unwrap(), LOOPBACK]),
        ..Setting::of(&[rule("http://mixed.example", false)])
    }
    .begin();
    assert!(denied(&attempt.get("http://mixed.example/").await));
}

// row E14, hostile 45
#[tokio::test]
async fn a_redirect_is_an_answer() {
    let server = Server::start(|stream| {
        let location = ("location", "http://169.254.169.254/latest/meta-data/");
        server::answer(stream, "302 Found", &[location], b"");
    });
    let mut attempt = Setting::of(&[rule(&server.url(), true)]).begin();
    let answer = attempt.get(&server.url()).await.unwrap();
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(
        denied(&attempt.get(&location).await),
        "where it leads is judged when it is asked for"
    );
    assert_eq!(server.connections(), 1);
}

// row E14, hostile 46
#[tokio::test]
async fn the_host_that_is_asked_is_the_host_that_is_granted() {
    let server = Server::start(|stream| {
        let head = server::head(&stream);
        server::answer(stream, "200 OK", &[], head.as_bytes());
    });
    let mut attempt = Setting::of(&[rule(&server.url(), true)]).begin();
    assert!(attempt.outgoing.is_forbidden_header(&http::header::HOST));
    assert!(attempt.outgoing.is_forbidden_header(&http::header::TRANSFER_ENCODING));
    let forged = http::Request::get(server.url()).header("host", "evil.example");
    let answer = attempt.send(forged, b"").await.unwrap();
    let head = String::from_utf8_lossy(answer.body()).to_lowercase();
    assert!(head.contains(&format!("host: 127.0.0.1:{}", server.port)), "{head}");
    assert!(!head.contains("evil.example"), "{head}");
    assert!(head.starts_with("get / http/1.1"), "{head}");
}

// row E12, hostile 20
#[tokio::test]
async fn a_server_that_says_nothing_or_drips_ends_with_the_attempt() {
    let silent = Server::start(|stream| server::hold(&stream));
    let dripping = Server::start(|stream| server::drip(&stream));
    for (server, wall) in [(&silent, 300), (&dripping, 500)] {
        let mut attempt = Setting {
            wall: Duration::from_millis(wall),
            ..Setting::of(&[rule(&server.url(), true)])
        }
        .begin();
        let answer = tokio::time::timeout(PATIENCE, attempt.get(&server.url()))
            .await
            .expect("it ends");
        assert!(timed_out(&answer), "{answer:?}");
    }
    // Whatever the guest would rather wait for.
    let mut attempt = Setting {
        wall: Duration::from_millis(300),
        ..Setting::of(&[rule(&silent.url(), true)])
    }
    .begin();
    let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    let options = RequestOptions {
        connect_timeout: Some(PATIENCE * 5),
        first_byte_timeout: Some(PATIENCE * 5),
        between_bytes_timeout: Some(PATIENCE * 5),
    };
    let request = http::Request::get(silent.url()).body(body).unwrap();
    let sent = attempt
        .outgoing
        .send_request(request, Some(options), Box::new(async { Ok(()) }));
    let answer = tokio::time::timeout(PATIENCE, Pin::from(sent)).await.expect("it ends");
    assert!(timed_out(&answer));
}

/// A machine that is slow enough is still connecting.
fn timed_out<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::ConnectionReadTimeout | Error::ConnectionTimeout))
}

// row E12
#[tokio::test]
async fn what_the_guest_wants_to_wait_for_counts_where_it_is_shorter() {
    let server = Server::start(|stream| server::hold(&stream));
    let mut attempt = Setting::of(&[rule(&server.url(), true)]).begin();
    let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    let options = RequestOptions {
        first_byte_timeout: Some(Duration::from_millis(100)),
        ..RequestOptions::default()
    };
    let request = http::Request::get(server.url()).body(body).unwrap();
    let sent = attempt
        .outgoing
        .send_request(request, Some(options), Box::new(async { Ok(()) }));
    let answer = tokio::time::timeout(PATIENCE / 2, Pin::from(sent))
        .await
        .expect("it ends before the attempt does");
    assert!(matches!(answer, Err(Error::ConnectionReadTimeout)));
}

// row E10
// key limits.http_body
#[tokio::test]
async fn what_comes_in_and_goes_out_is_bounded() {
    let limits = Limits::default().merge([(LimitName::HttpBody, 100_000)]).unwrap();
    let announced =
        Server::start(|stream| server::raw(&stream, b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx"));
    let endless = Server::start(|stream| {
        server::endless(
            &stream,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"5\r\naaaaa\r\n",
        );
    });
    for server in [&announced, &endless] {
        let mut attempt = Setting {
            limits: limits.clone(),
            ..Setting::of(&[rule(&server.url(), true)])
        }
        .begin();
        let answer = attempt.get(&server.url()).await;
        assert!(matches!(answer, Err(Error::HttpResponseBodySize(_))), "{answer:?}");
    }
    let bombs: [fn(usize) -> Vec<u8>; 2] = [
        |_| b"x-more: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".to_vec(),
        |_| vec![b'a'; 1000],
    ];
    for bomb in bombs {
        let server = Server::start(move |stream| server::endless(&stream, b"HTTP/1.1 200 OK\r\nx-bomb: ", &bomb(0)));
        let mut attempt = Setting::of(&[rule(&server.url(), true)]).begin();
        let answer = attempt.get(&server.url()).await;
        assert!(
            matches!(answer, Err(Error::HttpResponseHeaderSectionSize(_))),
            "{answer:?}"
        );
    }
    let sink = Server::start(|stream| server::swallow(&stream));
    let mut attempt = Setting {
        limits,
        ..Setting::of(&[rule(&sink.url(), true)])
    }
    .begin();
    let answer = attempt.send(http::Request::post(sink.url()), &[b'a'; 100_001]).await;
    assert!(
        matches!(answer, Err(Error::HttpRequestBodySize(Some(100_000)))),
        "{answer:?}"
    );
}

// row E10
#[tokio::test]
async fn an_answer_that_lies_is_an_error() {
    type Check = fn(&Error) -> bool;
    let broken: Check = |error| matches!(error, Error::HttpResponseIncomplete | Error::ConnectionTerminated);
    let garbage: Check = |error| matches!(error, Error::HttpProtocolError);
    let answers: [(&'static [u8], Check); 6] = [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", broken),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
            |error| matches!(error, Error::HttpProtocolError | Error::ConnectionTerminated),
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabcde",
            garbage,
        ),
        (b"SSH-2.0-OpenSSH_9.0\r\n", garbage),
        (b"", broken),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", garbage),
    ];
    for (bytes, expected) in answers {
        let server = Server::start(move |stream| server::raw(&stream, bytes));
        let mut attempt = Setting::of(&[rule(&server.url(), true)]).begin();
        let error = attempt.get(&server.url()).await.unwrap_err();
        assert!(expected(&error), "{}: {error:?}", String::from_utf8_lossy(bytes));
    }
}

// row E10, hostile 50
// key limits.http_calls
#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed() {
    let server = Server::start(|stream| server::hold(&stream));
    let limits = Limits::default().merge([(LimitName::HttpCalls, 1)]).unwrap();
    let mut attempt = Setting {
        limits,
        ..Setting::of(&[rule(&server.url(), true)])
    }
    .begin();
    let request = || {
        let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
        http::Request::get(server.url()).body(body).unwrap()
    };
    let first = attempt
        .outgoing
        .send_request(request(), None, Box::new(async { Ok(()) }));
    let first = tokio::spawn(Pin::from(first));
    let second = attempt
        .outgoing
        .send_request(request(), None, Box::new(async { Ok(()) }));
    assert!(matches!(Pin::from(second).await, Err(Error::ConnectionLimitReached)));
    first.abort();
    let _ = first.await;
    let third = attempt
        .outgoing
        .send_request(request(), None, Box::new(async { Ok(()) }));
    let third = tokio::spawn(Pin::from(third));
    server.wait_for_connections(1).await;
    third.abort();
}

// row E12
#[tokio::test]
async fn a_host_that_lost_the_run_stops_talking() {
    let server = Server::start(|stream| server::hold(&stream));
    let holds = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&holds);
    let mut attempt = Setting {
        authority: Authority::as_long_as(move || asked.load(Ordering::SeqCst)),
        ..Setting::of(&[rule(&server.url(), true)])
    }
    .begin();
    let url = server.url();
    let answer = tokio::spawn(async move { attempt.get(&url).await });
    server.wait_for_connections(1).await;
    holds.store(false, Ordering::SeqCst);
    let answer = tokio::time::timeout(PATIENCE, answer).await.expect("it ends").unwrap();
    assert!(matches!(answer, Err(Error::ConnectionTerminated)), "{answer:?}");
}

fn secret(name: &str, value: &str, to: &[NetworkRule], places: &[SecretPlace]) -> SecretGrant {
    SecretGrant {
        name: name.to_owned(),
        source: SecretSource::Command(vec!["/bin/echo".to_owned(), value.to_owned()]),
        to: to.to_vec(),
        places: places.to_vec(),
        reveal: false,
    }
}

/// Returns an attempt with the secret `token` for the server, and the address of the server.
fn with_token(server: &TlsServer, places: &[SecretPlace]) -> (Attempt, String) {
    let url = format!("https://localhost:{}", server.port);
    let other = format!("https://other.example:{}", server.port);
    let trusted = |url: &str| rule(url, true).trusting(server.authority.as_bytes()).unwrap();
    let attempt = Setting {
        resolver: Resolver::from_fn(|_| vec![LOOPBACK]),
        secrets: vec![secret("token", "hunter2-hunter2", &[rule(&url, true)], places)],
        ..Setting::of(&[trusted(&url), trusted(&other), rule("http://plain.example", true)])
    };
    (attempt.begin(), url)
}

// row E14
// key network.ca
#[tokio::test]
async fn a_server_must_prove_that_it_is_the_one_that_was_asked_for() {
    let server = TlsServer::start("localhost");
    let trusted = |url: &str| rule(url, true).trusting(server.authority.as_bytes()).unwrap();
    let right = format!("https://localhost:{}", server.port);
    let wrong = format!("https://other.example:{}", server.port);
    let public = format!("https://localhost:{}", server.port);
    let setting = |rule: NetworkRule| Setting {
        resolver: Resolver::from_fn(|_| vec![LOOPBACK]),
        ..Setting::of(&[rule])
    };
    assert_eq!(
        setting(trusted(&right)).begin().get(&right).await.unwrap().status(),
        200
    );
    assert_eq!(server.names(), ["localhost"]);
    for (rule, url) in [(trusted(&wrong), &wrong), (rule(&public, true), &public)] {
        let answer = setting(rule).begin().get(url).await;
        assert!(matches!(answer, Err(Error::TlsCertificateError)), "{answer:?}");
    }
}

// row J16
#[tokio::test]
async fn a_secret_goes_where_it_is_for_and_does_not_come_back() {
    let server = TlsServer::start("localhost");
    let (mut attempt, url) = with_token(&server, &[SecretPlace::Header("authorization".to_owned())]);
    let placeholder = cofferdam_engine::secret_placeholder("run-1", "token");
    let bearer = http::Request::get(&url).header("authorization", format!("Bearer {placeholder}"));
    let answer = attempt.send(bearer, b"").await.unwrap();
    assert!(server.last().contains("Bearer hunter2-hunter2"), "{}", server.last());
    let echoed = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(echoed.contains("Bearer ***************\r\n"), "{echoed}");
    assert_eq!(answer.headers()["x-echo"], "Bearer ***************");

    let credentials = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("me:{placeholder}"));
    let basic = http::Request::get(&url).header("authorization", format!("Basic {credentials}"));
    let answer = attempt.send(basic, b"").await.unwrap();
    // base64 of `me:hunter2-hunter2`
    assert!(
        server.last().contains("Basic bWU6aHVudGVyMi1odW50ZXIy"),
        "{}",
        server.last()
    );
    assert!(!String::from_utf8_lossy(answer.body()).contains("bWU6aHVudGVyMi1odW50ZXIy"));
}

// row J16
#[tokio::test]
async fn a_value_does_not_come_back_with_the_answer_to_another_request() {
    let server = TlsServer::start("localhost");
    let (mut attempt, url) = with_token(&server, &[SecretPlace::Header("authorization".to_owned())]);
    // As if the server had kept what an earlier request told it: the server answers with what it is asked.
    let kept = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "x:hunter2-hunter2:y");
    let request = http::Request::get(&url)
        .header("x-one", "hunter2-hunter2")
        .header("x-two", &kept)
        .header("accept-encoding", "gzip");
    let answer = attempt.send(request, b"").await.unwrap();
    assert!(server.last().contains("hunter2-hunter2") && server.last().contains(&kept));
    assert!(server.last().contains("accept-encoding: identity"), "{}", server.last());
    let echoed = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(echoed.contains("x-one: ***************\r\n"), "{echoed}");
    assert!(!echoed.contains(&kept), "{echoed}");
}

// row J16
// key secrets.to
#[tokio::test]
async fn a_secret_goes_nowhere_else() {
    let server = TlsServer::start("localhost");
    let (mut attempt, url) = with_token(&server, &[SecretPlace::Header("authorization".to_owned())]);
    let placeholder = cofferdam_engine::secret_placeholder("run-1", "token");
    let other = url.replace("localhost", "other.example");
    let requests = [
        (
            http::Request::get(&other).header("authorization", &placeholder),
            "the secret is for",
        ),
        (
            http::Request::get("http://plain.example/").header("authorization", &placeholder),
            "clear text",
        ),
        (
            http::Request::get(&url).header("x-other", &placeholder),
            "may stand in header:authorization",
        ),
        (
            http::Request::get(format!("{url}/?q={placeholder}")),
            "may stand in header:authorization",
        ),
        (
            http::Request::get(format!("{url}/{placeholder}")),
            "may stand in header:authorization",
        ),
        (
            http::Request::get(&url).header("authorization", cofferdam_engine::secret_placeholder("run-1", "deploy")),
            "not granted",
        ),
    ];
    for (request, expected) in requests {
        let answer = attempt.send(request, b"").await;
        assert!(denied(&answer), "{answer:?}");
        let reason = attempt.reason();
        assert!(reason.contains(expected), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
    assert_eq!(server.names(), [] as [&str; 0], "nobody was connected to");
    // Of another run it stands for nothing.
    let foreign = cofferdam_engine::secret_placeholder("run-2", "token");
    let request = http::Request::get(&url).header("authorization", &foreign);
    attempt.send(request, b"").await.unwrap();
    assert!(server.last().contains(&foreign) && !server.last().contains("hunter2"));
}

// row J16
// key secrets.only
#[tokio::test]
async fn a_secret_stands_in_queries_and_bodies_where_that_is_allowed() {
    let server = TlsServer::start("localhost");
    let (mut attempt, url) = with_token(&server, &[SecretPlace::Query, SecretPlace::Body]);
    let placeholder = cofferdam_engine::secret_placeholder("run-1", "token");
    attempt.get(&format!("{url}/x?key={placeholder}&b=1")).await.unwrap();
    assert!(
        server.last().starts_with("GET /x?key=hunter2-hunter2&b=1 "),
        "{}",
        server.last()
    );
    let body = format!("{{\"key\": \"{placeholder}\"}}");
    let answer = attempt.send(http::Request::post(&url), body.as_bytes()).await.unwrap();
    assert!(
        server.last().ends_with("{\"key\": \"hunter2-hunter2\"}"),
        "{}",
        server.last()
    );
    assert!(!String::from_utf8_lossy(answer.body()).contains("hunter2"));
}
