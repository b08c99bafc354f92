//! Servers on this machine that behave as badly as is wanted.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a server that waits for nothing waits; its client is gone long before.
const HOLD: Duration = Duration::from_secs(300);

/// A server in clear text.
pub(super) struct Server {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server that does this with each connection.
    pub(super) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, serve) = (Arc::clone(&connections), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || serve(stream.unwrap()));
            }
        });
        Self { port, connections }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) async fn wait_for_connections(&self, count: usize) {
        let there = async {
            while self.connections() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(HOLD, there).await.expect("somebody connects");
    }
}

/// Reads the lines before the body.
pub(super) fn head(mut stream: &TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Answers as a server should, after the request if that was not read yet.
pub(super) fn answer(mut stream: TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8]) {
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    head(&stream);
    let mut lines = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        lines.push_str(&format!("{name}: {value}\r\n"));
    }
    let _ = stream
        .write_all(lines.as_bytes())
        .and_then(|()| stream.write_all(b"\r\n"))
        .and_then(|()| stream.write_all(body));
}

/// Answers with these bytes and closes.
pub(super) fn raw(mut stream: &TcpStream, bytes: &[u8]) {
    head(stream);
    let _ = stream.write_all(bytes);
}

/// Answers with `first` and then with `again` until nobody listens.
pub(super) fn endless(mut stream: &TcpStream, first: &[u8], again: &[u8]) {
    head(stream);
    let mut going = stream.write_all(first);
    while going.is_ok() {
        going = stream.write_all(again);
    }
}

/// Answers one byte after the other, each when the client has said nothing for a while.
pub(super) fn drip(mut stream: &TcpStream) {
    head(stream);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    let mut going = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
    while going.is_ok() {
        // Nothing more comes from the client: it says nothing, or has left.
        if matches!(stream.read(&mut [0; 1]), Ok(0)) {
            return;
        }
        going = stream.write_all(b"a");
    }
}

/// Takes everything and says nothing.
pub(super) fn swallow(mut stream: &TcpStream) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).unwrap_or(0) > 0 {}
}

/// Says nothing until the client is gone.
pub(super) fn hold(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(HOLD)).unwrap();
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).unwrap_or(0) > 0 {}
}

type Answer = Arc<dyn Fn(&str) -> (String, String) + Send + Sync>;

/// A server that proves who it is.
pub(super) struct TlsServer {
    pub(super) port: u16,
    /// The certificate of the authority that vouches for it.
    pub(super) authority: String,
    names: Arc<Mutex<Vec<String>>>,
    last: Arc<Mutex<String>>,
}

impl TlsServer {
    /// Starts a server with a certificate for `name` that sends back what it gets.
    pub(super) fn start(name: &str) -> Self {
        Self::serve(name, None)
    }

    /// Starts a server with a certificate for `name` that answers headers and a body; `PORT` in the headers is its own.
    pub(super) fn start_answering(
        name: &str,
        answer: impl Fn(&str) -> (String, String) + Send + Sync + 'static,
    ) -> Self {
        Self::serve(name, Some(Arc::new(answer)))
    }

    fn serve(name: &str, answer: Option<Answer>) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = Issuer::from_params(&params, &authority_key);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let names: Arc<Mutex<Vec<String>>> = Arc::default();
        let last: Arc<Mutex<String>> = Arc::default();
        let (config, seen, kept) = (Arc::new(config), Arc::clone(&names), Arc::clone(&last));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, seen, kept) = (Arc::clone(&config), Arc::clone(&seen), Arc::clone(&kept));
                let answer = answer.clone();
                std::thread::spawn(move || converse(config, stream.unwrap(), answer, &seen, &kept));
            }
        });
        Self {
            port,
            authority: authority.pem(),
            names,
            last,
        }
    }

    /// Returns the names under which it was asked for, by those who believed it.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }

    /// Returns the last request.
    pub(super) fn last(&self) -> String {
        self.last.lock().unwrap().clone()
    }
}

fn converse(
    config: Arc<rustls::ServerConfig>,
    stream: TcpStream,
    answer: Option<Answer>,
    names: &Mutex<Vec<String>>,
    last: &Mutex<String>,
) {
    let port = stream.local_addr().unwrap().port();
    let connection = rustls::ServerConnection::new(config).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let field = |name: &str| {
        let lines = head.lines();
        lines
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let length = field("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    request.extend_from_slice(&body);
    names
        .lock()
        .unwrap()
        .extend(stream.conn.server_name().map(str::to_owned));
    *last.lock().unwrap() = String::from_utf8_lossy(&request).into_owned();
    let (headers, body) = match answer {
        Some(answer) => answer(&String::from_utf8_lossy(&request)),
        None => {
            let shown = field("authorization").unwrap_or_default();
            (
                format!("x-echo: {shown}\r\n"),
                String::from_utf8_lossy(&request).into_owned(),
            )
        }
    };
    let lines = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n{body}",
        body.len(),
        headers.replace("PORT", &port.to_string())
    );
    let _ = stream.write_all(lines.as_bytes()).and_then(|()| stream.flush());
    stream.conn.send_close_notify();
    let _ = stream.flush();
}
