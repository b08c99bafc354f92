//! What does one line of the configuration let through?

use super::address::{Reach, reach};
use super::target::{Host, Target, split};
use crate::egress::TlsTrust;
use std::fmt;
use std::net::IpAddr;

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A line that lets requests out: scheme, host, port, methods, path, and whether addresses may be private.
#[derive(Clone, Debug)]
pub struct NetworkRule {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    /// Without the slash at its end; empty: everything.
    path: String,
    /// Empty: every method.
    methods: Vec<String>,
    private: bool,
    trust: TlsTrust,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Exact(Host),
    /// Every name that ends with a dot and this.
    Below(String),
}

/// Why a text is no line for the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// The scheme is missing or another.
    #[error("`{0}` must begin with https:// or http://")]
    Scheme(String),
    /// The host cannot be compared with anything.
    #[error("the host of `{url}` {reason}")]
    Host {
        /// What was written.
        url: String,
        /// What is wrong with the host.
        reason: &'static str,
    },
    /// The star stands for too much.
    #[error(
        "`{0}` would cover hosts of strangers: a star stands for the first part of a name, as in `https://*.example.org`"
    )]
    Star(String),
    /// There is more than scheme, host, port and path.
    #[error("`{0}` may have a path, and neither query nor fragment, percent signs, `//` nor `..`")]
    Path(String),
    /// The method cannot be sent.
    #[error("`{0}` is no method that is sent: write such as \"GET\", in capital letters")]
    Method(String),
}

impl Scheme {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl NetworkRule {
    /// Reads a line such as `https://*.example.org:8443/v1`; no methods are all methods.
    ///
    /// # Errors
    /// If it is not such a line, with what is wrong.
    pub fn parse(url: &str, methods: &[&str], private: bool) -> Result<Self, InvalidRule> {
        let whole = || url.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
        let (scheme, rest) = url.split_once("://").ok_or_else(|| InvalidRule::Scheme(whole()))?;
        let scheme = Scheme::parse(scheme).ok_or_else(|| InvalidRule::Scheme(whole()))?;
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        let bad_host = |reason| InvalidRule::Host { url: whole(), reason };
        let (host, port) = split(authority).map_err(bad_host)?;
        let host = match host.strip_prefix("*.") {
            Some(suffix) => match Host::parse(suffix).map_err(bad_host)? {
                // Below a single word there are only strangers.
                Host::Name(name) if name.contains('.') => HostPattern::Below(name),
                Host::Name(_) | Host::Address(_) => return Err(InvalidRule::Star(whole())),
            },
            None if host.contains('*') => return Err(InvalidRule::Star(whole())),
            None => HostPattern::Exact(Host::parse(host).map_err(bad_host)?),
        };
        let path = path.trim_end_matches('/');
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if path.contains(['?', '#', '%', '\\', ';']) || !path.is_ascii() || !path.split('/').skip(1).all(plain) {
            return Err(InvalidRule::Path(whole()));
        }
        if let Some(method) = methods.iter().find(|method| !is_method(method)) {
            return Err(InvalidRule::Method(
                method.chars().filter(|c| !c.is_control()).take(40).collect(),
            ));
        }
        Ok(Self {
            scheme,
            host,
            port: port.unwrap_or(scheme.port()),
            path: path.to_owned(),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            private,
            trust: TlsTrust::Public,
        })
    }

    /// Lets the host prove who it is with a certificate of these authorities, in PEM, instead of the public ones.
    ///
    /// # Errors
    /// If there is no certificate in it.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self, String> {
        self.trust = TlsTrust::of_pem(pem)?;
        Ok(self)
    }

    /// Returns whether what it lets out can be read on the way.
    pub fn is_clear_text(&self) -> bool {
        self.scheme == Scheme::Http
    }

    /// Returns whether it says `private = true`.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// Returns the methods; none are all.
    pub fn methods(&self) -> &[String] {
        &self.methods
    }

    /// Returns the address as a configuration writes it.
    pub fn url(&self) -> String {
        let port = if self.port == self.scheme.port() {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        format!("{}://{}{port}{}", self.scheme, self.host, self.path)
    }

    /// Returns whether there are requests that both let out.
    pub fn overlaps(&self, other: &Self) -> bool {
        let hosts = match (&self.host, &other.host) {
            (HostPattern::Exact(one), HostPattern::Exact(two)) => one == two,
            (HostPattern::Below(suffix), HostPattern::Exact(host))
            | (HostPattern::Exact(host), HostPattern::Below(suffix)) => is_below(host, suffix),
            (HostPattern::Below(one), HostPattern::Below(two)) => {
                one == two || one.ends_with(&format!(".{two}")) || two.ends_with(&format!(".{one}"))
            }
        };
        let methods = self.methods.is_empty()
            || other.methods.is_empty()
            || self.methods.iter().any(|method| other.methods.contains(method));
        let paths = is_within(&self.path, &other.path) || is_within(&other.path, &self.path);
        (self.scheme, self.port) == (other.scheme, other.port) && hosts && methods && paths
    }

    /// Returns the line that lets out what both do, if there is anything; private addresses and certificates are those of
    /// this line.
    pub fn within(&self, most: &Self) -> Option<Self> {
        if !self.overlaps(most) {
            return None;
        }
        // Of two that overlap, one host and one path is the narrower.
        let host = match (&self.host, &most.host) {
            (HostPattern::Exact(_), _) => &self.host,
            (_, HostPattern::Exact(_)) => &most.host,
            (HostPattern::Below(one), HostPattern::Below(two)) if one.len() >= two.len() => &self.host,
            (HostPattern::Below(_), HostPattern::Below(_)) => &most.host,
        };
        let path = if self.path.len() >= most.path.len() {
            &self.path
        } else {
            &most.path
        };
        let methods = match (self.methods.is_empty(), most.methods.is_empty()) {
            (true, _) => most.methods.clone(),
            (_, true) => self.methods.clone(),
            (false, false) => {
                let both = self.methods.iter().filter(|method| most.methods.contains(method));
                both.cloned().collect()
            }
        };
        Some(Self {
            host: host.clone(),
            path: path.clone(),
            methods,
            ..self.clone()
        })
    }

    pub(crate) fn covers(&self, target: &Target) -> bool {
        (self.scheme, self.port) == (target.scheme, target.port)
            && match &self.host {
                HostPattern::Exact(host) => *host == target.host,
                HostPattern::Below(suffix) => is_below(&target.host, suffix),
            }
            && is_method(&target.method)
            && (self.methods.is_empty() || self.methods.contains(&target.method))
            && (self.path.is_empty() || (is_within(&target.path, &self.path) && is_plain(&target.path)))
    }

    /// Returns why a request may not go to an address that its host turned out to have.
    pub(crate) fn refuses(&self, address: IpAddr) -> Option<String> {
        let named = self.host == HostPattern::Exact(Host::Address(address));
        match reach(address) {
            Reach::Public => None,
            Reach::Private(_) if self.private => None,
            Reach::Named(_) if self.private && named => None,
            Reach::Private(kind) => Some(format!(
                "private address: {address} is {kind}, and the grant does not say `private = true`"
            )),
            Reach::Named(kind) => Some(format!(
                "private address: {address} is {kind}; only a grant that names this address, with `private = true`, reaches it"
            )),
            Reach::Never(kind) => Some(format!("no grant reaches {address}: it is {kind}")),
        }
    }

    pub(crate) fn trust(&self) -> &TlsTrust {
        &self.trust
    }
}

fn is_below(host: &Host, suffix: &str) -> bool {
    match host {
        Host::Name(name) => name.strip_suffix(suffix).is_some_and(|front| front.ends_with('.')),
        Host::Address(_) => false,
    }
}

fn is_within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns whether no server can read another path out of this one.
fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let odd = ["%2e", "%2f", "%5c", "%25", "%00", "\\", ";"];
    !odd.iter().any(|odd| lower.contains(odd))
        && path.split('/').all(|part| !matches!(part, "." | ".."))
        && !path.contains("//")
}

fn is_method(method: &str) -> bool {
    // CONNECT makes a tunnel of the connection, TRACE sends back what should stay here.
    !method.is_empty()
        && method.len() <= 32
        && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
        && !matches!(method, "CONNECT" | "TRACE")
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

/// Says the methods, the address, and whether it may be private: `GET, POST https://*.osv.dev/v1`.
impl fmt::Display for NetworkRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            write!(f, "{} ", self.methods.join(", "))?;
        }
        f.write_str(&self.url())?;
        if self.private {
            f.write_str(" (private address)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidRule, NetworkRule, Target};

    // row E10
    #[test]
    fn a_line_that_means_too_much_or_nothing_is_refused() {
        for (url, expected) in [
            (
                "api.example.org",
                "`api.example.org` must begin with https:// or http://",
            ),
            ("ftp://a.b", "`ftp://a.b` must begin with https:// or http://"),
            ("https://", "the host of `https://` names no host"),
            ("https://u@a.b", "the host of `https://u@a.b` carries a user name"),
            ("https://a.b.", "the host of `https://a.b.` ends with a dot"),
            (
                "https://0x7f.1",
                "the host of `https://0x7f.1` is a number, and no plain IPv4 address",
            ),
        ] {
            assert_eq!(NetworkRule::parse(url, &[], false).unwrap_err().to_string(), expected);
        }
        for star in [
            "https://*",
            "https://*.org",
            "https://a.*.b",
            "https://*.10.0.0.1",
            "https://*a.b",
        ] {
            assert!(
                matches!(NetworkRule::parse(star, &[], false), Err(InvalidRule::Star(_))),
                "{star}"
            );
        }
        for path in [
            "https://a.b/../c",
            "https://a.b/c?d",
            "https://a.b/#x",
            "https://a.b//c",
            "https://a.b/%41",
        ] {
            assert!(
                matches!(NetworkRule::parse(path, &[], false), Err(InvalidRule::Path(_))),
                "{path}"
            );
        }
        for method in ["get", "CONNECT", "TRACE", "", "G T", "*"] {
            let refused = NetworkRule::parse("https://a.b", &[method], false);
            assert!(matches!(refused, Err(InvalidRule::Method(_))), "{method}");
        }
        let rule = NetworkRule::parse("http://[::1]:8080/v1/", &["GET", "POST"], true).unwrap();
        assert_eq!(rule.to_string(), "GET, POST http://[::1]:8080/v1 (private address)");
    }

    // row E14
    #[test]
    fn what_two_lines_leave_is_what_both_let_out() {
        let mut lines = Vec::new();
        for scheme in ["https", "http"] {
            for host in [
                "a.b.example.org",
                "b.example.org",
                "*.example.org",
                "*.b.example.org",
                "other.net",
            ] {
                for rest in ["", ":8443", "/v1", "/v1/x", "/v10"] {
                    for methods in [&[][..], &["GET"], &["GET", "POST"], &["DELETE"]] {
                        let private = lines.len().is_multiple_of(2);
                        lines.push(NetworkRule::parse(&format!("{scheme}://{host}{rest}"), methods, private).unwrap());
                    }
                }
            }
        }
        let mut targets = Vec::new();
        for origin in [
            "https://a.b.example.org",
            "https://b.example.org",
            "https://c.example.org:8443",
            "http://a.b.example.org",
            "https://other.net",
        ] {
            for path in ["/", "/v1", "/v1/x/y", "/v10", "/v1/../v10", "/v1/%2e%2e/v10"] {
                for method in ["GET", "POST", "DELETE"] {
                    targets.push(Target::parse(method, &format!("{origin}{path}").parse().unwrap()).unwrap());
                }
            }
        }
        for granted in &lines {
            for most in &lines {
                let left = granted.within(most);
                assert_eq!(left.is_some(), granted.overlaps(most), "{granted} {most}");
                for target in &targets {
                    let both = granted.covers(target) && most.covers(target);
                    let covered = left.as_ref().is_some_and(|left| left.covers(target));
                    assert_eq!(covered, both, "{granted} within {most} for {target}");
                }
                assert!(left.is_none_or(|left| left.is_private() == granted.is_private()));
            }
        }
    }

    // row E14
    // key network.private
    #[test]
    fn a_private_address_needs_a_line_that_says_so() {
        let line = |url, private| NetworkRule::parse(url, &[], private).unwrap();
        let refuses = |rule: &NetworkRule, address: &str| rule.refuses(address.parse().unwrap()).is_some();
        let open = line("https://a.b", false);
        assert!(!refuses(&open, "1.1.1.1"));
        assert!(refuses(&open, "10.0.0.1") && refuses(&open, "::1") && refuses(&open, "::ffff:127.0.0.1"));
        let private = line("https://a.b", true);
        assert!(!refuses(&private, "10.0.0.1"));
        assert!(refuses(&private, "169.254.169.254") && refuses(&private, "0.0.0.0"));
        let named = line("http://169.254.169.254", true);
        assert!(!refuses(&named, "169.254.169.254"));
        assert!(refuses(&named, "169.254.169.253"));
    }
}
