//! What does a request of a guest ask for, in the one spelling that rules are compared with?

use super::rule::Scheme;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a request wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) method: String,
    pub(crate) path: String,
}

/// A host in its only accepted spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Host {
    /// A name in lower-case letters, to be resolved.
    Name(String),
    /// An address.
    Address(IpAddr),
}

const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

impl Target {
    /// Reads a request, or says why it can be none that is sent.
    pub(crate) fn parse(method: &str, uri: &http::Uri) -> Result<Self, &'static str> {
        let scheme = uri
            .scheme_str()
            .and_then(Scheme::parse)
            .ok_or("is neither http nor https")?;
        let authority = uri.authority().ok_or("names no host")?.as_str();
        let (host, port) = split(authority)?;
        Ok(Self {
            scheme,
            host: Host::parse(host)?,
            port: port.unwrap_or(scheme.port()),
            method: method.to_owned(),
            path: uri.path().to_owned(),
        })
    }

    /// Returns the value of the header `host`.
    pub(crate) fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Splits an authority into host and port.
pub(super) fn split(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    if authority.contains('@') {
        return Err("carries a user name");
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']').ok_or("has a bracket that is not closed")?;
            let port = match &rest[end + 1..] {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or("has something behind its address")?),
            };
            (&authority[..end + 2], port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(digits) if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Err("has a port that is no number");
        }
        Some(digits) => match digits.parse() {
            Ok(0) | Err(_) => return Err("has a port that does not exist"),
            Ok(port) => Some(port),
        },
        None => None,
    };
    Ok((host, port))
}

impl Host {
    /// Reads a host. Whatever another program might read as something else than we do is refused, not interpreted.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(inside) = text.strip_prefix('[') {
            let inside = inside.strip_suffix(']').ok_or("has a bracket that is not closed")?;
            let address: Ipv6Addr = inside.parse().map_err(|_| "is no plain IPv6 address")?;
            return Ok(Self::Address(address.into()));
        }
        if text.is_empty() {
            return Err("names no host");
        }
        if !text.is_ascii() {
            return Err("is not ASCII: write it in its `xn--` form");
        }
        let name = text.to_ascii_lowercase();
        if name.contains('%') {
            return Err("is written with percent signs");
        }
        if name.ends_with('.') {
            return Err("ends with a dot");
        }
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        {
            return Err("has characters that no host name has");
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
            // 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to some programs.
            let address: Ipv4Addr = name.parse().map_err(|_| "is a number, and no plain IPv4 address")?;
            return Ok(Self::Address(address.into()));
        }
        let sound = |label: &str| {
            !label.is_empty() && label.len() <= MAX_LABEL && !label.starts_with('-') && !label.ends_with('-')
        };
        if name.len() > MAX_NAME || !name.split('.').all(sound) {
            return Err("is no host name");
        }
        Ok(Self::Name(name))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Without the query, which may say what nobody else should read.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}://{}{}", self.method, self.scheme, self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, split};

    // row E14
    #[test]
    fn odd_spellings_of_hosts_are_refused() {
        for odd in [
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "0177.0.0.1",
            "127.0.0.01",
            "1.2.3.4.5",
            "256.1.1.1",
            "localhost.",
            "127.0.0.1.",
            "%6c%6f",
            "a..b",
            ".a",
            "-a.b",
            "a-.b",
            "a b",
            "a\\b",
            "a/b",
            "",
            "ｌocalhost",
            "exämple.org",
            "[::1",
            "[::1%eth0]",
            "[127.0.0.1]",
            "[]",
            "*.a.b",
            "a:b",
            "a,b",
            "a_b!",
        ] {
            assert!(Host::parse(odd).is_err(), "{odd}: {:?}", Host::parse(odd));
        }
        for odd in [
            "user@host",
            "u:p@host",
            "host:",
            "host:0",
            "host:65536",
            "host:80a",
            "[::1]80",
            "[::1",
            "a:1:2",
        ] {
            assert!(split(odd).and_then(|(host, _)| Host::parse(host)).is_err(), "{odd}");
        }
        assert_eq!(split("[::1]:80"), Ok(("[::1]", Some(80))));
        for (text, shown) in [
            ("EXAMPLE.org", "example.org"),
            ("[0:0::1]", "[::1]"),
            ("10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), shown);
        }
    }
}
