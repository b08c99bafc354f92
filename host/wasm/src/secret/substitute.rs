//! Which secrets does a request carry, and how do their values get into it?

use super::{SecretGrant, SecretPlace, SecretValue};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use cofferdam_engine::{SECRET_MARK, secret_placeholder};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A secret of which a request holds the placeholder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sought {
    /// Its name.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) place: Stand,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stand {
    Header(String),
    Query,
    Path,
    Body,
}

/// What a request carries out.
#[derive(Default)]
pub(crate) struct Carried {
    /// What must not come back, besides the values themselves.
    pub(crate) unspeakable: Vec<Zeroizing<Vec<u8>>>,
}

impl SecretGrant {
    /// Returns whether the secret may stand there.
    pub(crate) fn may_stand(&self, place: &Stand) -> bool {
        self.places.iter().any(|allowed| match (allowed, place) {
            (SecretPlace::Headers, Stand::Header(_)) => true,
            (SecretPlace::Header(name), Stand::Header(header)) => name == header,
            (SecretPlace::Query, Stand::Query) | (SecretPlace::Body, Stand::Body) => true,
            _ => false,
        })
    }
}

impl std::fmt::Display for Stand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Query => f.write_str("query"),
            Self::Path => f.write_str("the path"),
            Self::Body => f.write_str("body"),
        }
    }
}

/// Returns the texts that tell a value: itself, as a part of an address, and what of it is in any Base64 text that holds it.
pub(crate) fn tellings(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    /// A shorter piece is in every second text.
    const SHORTEST: usize = 8;
    let mut tellings = vec![Zeroizing::new(value.to_vec())];
    let encoded = Zeroizing::new(percent_encoded(value).into_bytes());
    if *encoded != value {
        tellings.push(encoded);
    }
    for before in 0..3 {
        let mut bytes = Zeroizing::new(vec![0; before]);
        bytes.extend_from_slice(value);
        // Characters that say something of the bytes around the value are left out.
        let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = Zeroizing::new(engine.encode(&*bytes).into_bytes());
            let core = text.get(first..last).unwrap_or_default();
            if core.len() >= SHORTEST && !tellings.iter().any(|known| ***known == *core) {
                tellings.push(Zeroizing::new(core.to_vec()));
            }
        }
    }
    tellings
}

/// Returns the secrets of `run` of which `parts` or `body` hold placeholders, whoever may use them.
pub(crate) fn sought(run: &str, parts: &http::request::Parts, body: Option<&[u8]>) -> Vec<Sought> {
    let mut found = Vec::new();
    let mut look = |bytes: &[u8], place: &Stand| {
        for name in names_in(run, bytes) {
            let place = place.clone();
            found.push(Sought { name, place });
        }
    };
    for (name, value) in &parts.headers {
        let place = Stand::Header(name.as_str().to_owned());
        look(value.as_bytes(), &place);
        if let Some(basic) = basic(name == AUTHORIZATION, value) {
            look(&basic, &place);
        }
    }
    look(parts.uri.path().as_bytes(), &Stand::Path);
    look(parts.uri.query().unwrap_or_default().as_bytes(), &Stand::Query);
    look(body.unwrap_or_default(), &Stand::Body);
    found.sort();
    found.dedup();
    found
}

/// Puts values in the place of placeholders, and returns the body with them and what must not come back.
pub(crate) fn substitute(
    run: &str,
    values: &BTreeMap<String, SecretValue>,
    parts: &mut http::request::Parts,
    body: Option<&[u8]>,
) -> Result<(Option<Vec<u8>>, Carried), &'static str> {
    let pairs: Vec<(String, &SecretValue)> = values
        .iter()
        .map(|(name, value)| (secret_placeholder(run, name), value))
        .collect();
    let mut carried = Carried::default();
    headers(&mut parts.headers, &pairs, &mut carried)?;
    if let Some(query) = parts.uri.query() {
        let mut query = query.to_owned();
        for (placeholder, value) in &pairs {
            if query.contains(placeholder.as_str()) {
                let encoded = percent_encoded(value);
                query = query.replace(placeholder.as_str(), &encoded);
            }
        }
        let path = format!("{}?{query}", parts.uri.path());
        let mut uri = std::mem::take(&mut parts.uri).into_parts();
        uri.path_and_query = Some(path.parse().map_err(|_| "does not fit into an address")?);
        parts.uri = http::Uri::from_parts(uri).map_err(|_| "does not fit into an address")?;
    }
    let body = body.map(|body| {
        let form = is_form(&parts.headers);
        pairs.iter().fold(body.to_vec(), |body, (placeholder, value)| {
            if form {
                let encoded = percent_encoded(value);
                replaced(&body, placeholder.as_bytes(), encoded.as_bytes())
            } else {
                replaced(&body, placeholder.as_bytes(), value)
            }
        })
    });
    Ok((body, carried))
}

fn headers(
    headers: &mut HeaderMap,
    pairs: &[(String, &SecretValue)],
    carried: &mut Carried,
) -> Result<(), &'static str> {
    for (name, header) in headers.iter_mut() {
        let mut bytes = header.as_bytes().to_vec();
        if let Some(basic) = basic(name == AUTHORIZATION, header) {
            let whole = pairs.iter().fold(basic.clone(), |all, (placeholder, value)| {
                replaced(&all, placeholder.as_bytes(), value)
            });
            if whole != basic {
                let encoded = STANDARD.encode(&whole);
                carried.unspeakable.push(Zeroizing::new(encoded.clone().into_bytes()));
                bytes = format!("Basic {encoded}").into_bytes();
            }
        } else {
            for (placeholder, value) in pairs {
                bytes = replaced(&bytes, placeholder.as_bytes(), value);
            }
        }
        if bytes != header.as_bytes() {
            let mut value = HeaderValue::from_bytes(&bytes).map_err(|_| "does not fit into a header")?;
            value.set_sensitive(true);
            *header = value;
        }
    }
    Ok(())
}

/// Returns what a header of basic authentication says: the host cannot see a placeholder in it otherwise.
fn basic(is_authorization: bool, value: &HeaderValue) -> Option<Vec<u8>> {
    let text = value.to_str().ok().filter(|_| is_authorization)?;
    let (scheme, credentials) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    STANDARD.decode(credentials.trim()).ok()
}

/// Returns the names whose placeholders of this run stand in `bytes`. A text that only looks like one is none.
fn names_in(run: &str, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut names = Vec::new();
    for (at, _) in text.match_indices(SECRET_MARK) {
        let rest = &text[at + SECRET_MARK.len()..];
        let Some((name, _)) = rest.split_once('.') else {
            continue;
        };
        if text[at..].starts_with(&secret_placeholder(run, name)) {
            names.push(name.to_owned());
        }
    }
    names
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded"))
}

fn percent_encoded(value: &[u8]) -> String {
    value.iter().fold(String::new(), |text, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text + &char::from(*byte).to_string(),
        other => format!("{text}%{other:02X}"),
    })
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        result.extend_from_slice(&bytes[at..at + found]);
        result.extend_from_slice(to);
        at += found + from.len();
    }
    result.extend_from_slice(&bytes[at..]);
    result
}

#[cfg(test)]
mod tests {
    use super::tellings;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    // row J16
    #[test]
    fn a_value_is_told_by_any_base64_text_that_holds_it() {
        let value = b"s3cret+/value?~";
        let told = tellings(value);
        for before in ["", "u", "us", "user", "user:", "user::"] {
            for after in ["", "x", "xy", "xyz"] {
                let whole = [before.as_bytes(), value, after.as_bytes()].concat();
                for text in [STANDARD.encode(&whole), URL_SAFE.encode(&whole)] {
                    let is_told = told.iter().any(|telling| {
                        text.as_bytes()
                            .windows(telling.len())
                            .any(|window| window == telling.as_slice())
                    });
                    assert!(is_told, "{text}");
                }
            }
        }
        assert_eq!(
            tellings(b"a b").len(),
            2,
            "itself and in an address: what is short tells too much of others"
        );
    }
}
