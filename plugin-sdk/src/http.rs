//! How does an action send an HTTP request?
//!
//! The request leaves through the host, which lets it go only where the operator has granted it, puts secrets in the place
//! of their placeholders, and never follows a redirect.

#[cfg(target_arch = "wasm32")]
mod exchange;

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::failure::Failure;

/// A request that is put together, then sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    timeout: Option<Duration>,
    largest: u64,
    wrong: Option<String>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// The headers in lower-case letters, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is taken of a body unless the request says otherwise.
const LARGEST: u64 = 6 << 20;

/// Begins a `GET` request.
pub fn get(url: impl Display) -> Request {
    request("GET", url)
}

/// Begins a `POST` request.
pub fn post(url: impl Display) -> Request {
    request("POST", url)
}

/// Begins a request with any method.
pub fn request(method: impl Display, url: impl Display) -> Request {
    Request {
        method: method.to_string().to_ascii_uppercase(),
        url: url.to_string(),
        headers: Vec::new(),
        body: None,
        timeout: None,
        largest: LARGEST,
        wrong: None,
    }
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: impl Display, value: impl Display) -> Self {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    /// Adds a header with a user name and a password, which may be the placeholder of a secret.
    pub fn basic_auth(self, user: impl Display, password: impl Display) -> Self {
        let credentials = base64(format!("{user}:{password}").as_bytes());
        self.header("authorization", format!("Basic {credentials}"))
    }

    /// Sends a value as JSON.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.with_body("application/json", body),
            Err(error) => {
                self.wrong = Some(format!("the body cannot be written as JSON: {error}"));
                self
            }
        }
    }

    /// Sends a text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with_body("text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// Sends fields as a form does.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        self.with_body("application/x-www-form-urlencoded", query(fields).into_bytes())
    }

    /// Sends bytes; a header `content-type` that is set already stays.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// Adds fields to the query of the address.
    pub fn query<N: AsRef<str>, V: AsRef<str>>(mut self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let query = query(fields);
        if !query.is_empty() {
            let (address, fragment) = match self.url.split_once('#') {
                Some((address, fragment)) => (address.to_owned(), Some(fragment.to_owned())),
                None => (self.url.clone(), None),
            };
            let joint = match address.split_once('?') {
                None => "?",
                Some((_, "")) => "",
                Some(_) => "&",
            };
            self.url = format!("{address}{joint}{query}");
            if let Some(fragment) = fragment {
                self.url = format!("{}#{fragment}", self.url);
            }
        }
        self
    }

    /// Gives up when connecting, the first byte of the answer, or a pause in it takes longer. The host gives up anyway
    /// when the attempt is over.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Takes a body of at most so many bytes; a longer one is a failure.
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.largest = bytes;
        self
    }

    /// Sends the request and returns the answer if its status says that it was successful. 408, 425, 429 and 5xx are
    /// transient failures, with the time that the server asks for; all others are permanent.
    pub fn send(self, ctx: &Context) -> Result<Response, Failure> {
        let (method, url) = (self.method.clone(), self.url.clone());
        let response = self.send_any(ctx)?;
        if (200..300).contains(&response.status) {
            Ok(response)
        } else {
            Err(response.failure(&method, &url))
        }
    }

    /// Sends the request and returns the answer, whatever its status is.
    pub fn send_any(self, ctx: &Context) -> Result<Response, Failure> {
        if let Some(wrong) = &self.wrong {
            return Err(Failure::invalid_input(wrong));
        }
        let mut body = Vec::new();
        let largest = self.largest;
        let head = self.send_into(ctx, &mut |bytes: &[u8]| {
            if body.len() as u64 + bytes.len() as u64 > largest {
                return Err(too_large(largest));
            }
            body.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(Response { body, ..head })
    }

    /// Sends the request and hands the body on as it comes; the answer that is returned has none.
    pub fn send_into(
        self,
        ctx: &Context,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<Response, Failure> {
        ctx.check_cancelled()?;
        #[cfg(target_arch = "wasm32")]
        return exchange::exchange(&self, ctx, take);
        #[cfg(not(target_arch = "wasm32"))]
        {
            let _ = take;
            Err(Failure::permanent(format!(
                "`{} {}` is not sent: there is no network in a test",
                self.method, self.url
            )))
        }
    }

    fn with_body(mut self, kind: &str, body: Vec<u8>) -> Self {
        let is_kind = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        if !self.headers.iter().any(is_kind) {
            self.headers.push(("content-type".into(), kind.into()));
        }
        self.body = Some(body);
        self
    }
}

impl Response {
    /// Returns the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::permanent(format!("the answer is not the JSON that is expected: {error}")))
    }

    /// Returns the body as text.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body).map_err(|_| Failure::permanent("the answer is not UTF-8 text"))
    }

    /// Returns how long the server asks to wait, if it says that in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// Returns whether the same request may work later.
    pub fn is_transient(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500..=599)
    }

    /// Returns the failure that a status stands for.
    pub fn failure(&self, method: &str, url: &str) -> Failure {
        let message = format!("{method} {} answered {}", without_query(url), self.status);
        let failure = match (self.is_transient(), self.retry_after()) {
            (true, Some(after)) => Failure::transient_after(after, message),
            (true, None) => Failure::transient(message),
            (false, _) => Failure::permanent(message),
        };
        failure
            .with_code(format!("http-{}", self.status))
            .with_detail("status", self.status)
    }

    /// Returns the addresses of the header `link`, by their relation, such as `next`.
    pub fn links(&self) -> Vec<(String, String)> {
        let headers = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("link"));
        headers.flat_map(|(_, value)| links(value)).collect()
    }
}

/// Returns the address without what may be secret in it.
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn too_large(largest: u64) -> Failure {
    Failure::permanent(format!("the answer is longer than {largest} bytes")).with_code("too-large")
}

/// Reads `<https://..>; rel="next", <..>; rel=last`.
fn links(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((url, after)) = after.split_once('>') else {
            break;
        };
        let end = after.find('<').unwrap_or(after.len());
        for parameter in after[..end].split([';', ',']) {
            let Some((name, relations)) = parameter.split_once('=') else {
                continue;
            };
            if name.trim().eq_ignore_ascii_case("rel") {
                let relations = relations.trim().trim_matches('"');
                found.extend(
                    relations
                        .split_whitespace()
                        .map(|relation| (relation.to_owned(), url.to_owned())),
                );
            }
        }
        rest = &after[end..];
    }
    found
}

fn query<N: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (N, V)>) -> String {
    let encoded = |text: &str| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
                other => encoded.push_str(&format!("%{other:02X}")),
            }
            encoded
        })
    };
    let fields = fields.into_iter();
    let pairs = fields.map(|(name, value)| format!("{}={}", encoded(name.as_ref()), encoded(value.as_ref())));
    pairs.collect::<Vec<_>>().join("&")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place > chunk.len() {
                text.push('=');
            } else {
                text.push(char::from(DIGITS[(number >> (18 - 6 * place) & 63) as usize]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Response, base64, get};
    use crate::Context;
    use crate::failure::FailureClass;
    use std::time::Duration;

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        Response {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            body: Vec::new(),
        }
    }

    #[test]
    fn texts_of_every_length_are_encoded() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
        assert_eq!(base64(b"\xff\xff\xfe"), "///+");
    }

    #[test]
    fn a_status_says_whether_it_may_work_later() {
        let busy = response(429, &[("Retry-After", "7")]).failure("GET", "https://a.b/c?token=x");
        assert_eq!(busy.class(), FailureClass::Transient);
        assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(busy.message(), "GET https://a.b/c answered 429");
        assert_eq!(response(503, &[]).failure("GET", "x").class(), FailureClass::Transient);
        assert_eq!(response(404, &[]).failure("GET", "x").class(), FailureClass::Permanent);
        assert_eq!(response(302, &[]).failure("GET", "x").class(), FailureClass::Permanent);
    }

    #[test]
    fn links_are_found_by_their_relation() {
        let value = "<https://a.b/?page=2,x>; rel=\"next\"; title=\"a\", <https://a.b/?page=9>; REL=last";
        let links = response(200, &[("link", value)]).links();
        assert_eq!(
            links,
            [
                ("next".to_owned(), "https://a.b/?page=2,x".to_owned()),
                ("last".to_owned(), "https://a.b/?page=9".to_owned())
            ]
        );
        assert!(response(200, &[("link", "<<;=,\"<>")]).links().is_empty());
    }

    #[test]
    fn fields_join_a_query() {
        let url = |url: &str| get(url).query([("a b", "ü&")]).url;
        assert_eq!(url("https://a.b"), "https://a.b?a%20b=%C3%BC%26");
        assert_eq!(url("https://a.b/?x=1#f"), "https://a.b/?x=1&a%20b=%C3%BC%26#f");
        assert_eq!(url("https://a.b/?"), "https://a.b/?a%20b=%C3%BC%26");
    }

    #[test]
    fn nothing_leaves_a_test() {
        let refused = get("https://a.b").send(&Context::for_test()).unwrap_err();
        assert!(refused.message().contains("no network in a test"), "{refused}");
    }
}
