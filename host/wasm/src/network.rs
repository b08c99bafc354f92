//! Which addresses may an action talk to, and is this one of them?

mod address;
mod rule;
mod target;

pub(crate) use rule::Scheme;
pub use rule::{InvalidRule, NetworkRule};
pub(crate) use target::{Host, Target};

use crate::descriptor::Need;
use cofferdam_engine::Data;

/// A line of the configuration, as far as an action asks for it.
#[derive(Clone, Debug)]
pub(crate) struct NetworkAccess {
    allowed: NetworkRule,
    /// What of it the action asks for; none: all.
    asked: Option<NetworkRule>,
}

impl NetworkAccess {
    pub(crate) fn new(allowed: NetworkRule, asked: Option<NetworkRule>) -> Self {
        Self { allowed, asked }
    }
}

/// Where the requests of an action may go, and what a workflow took away from that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reachable {
    /// What is left.
    pub(crate) lines: Vec<NetworkAccess>,
    /// Lines of which less is left, with who says so: only to tell why a request does not leave.
    pub(crate) narrowed: Vec<(NetworkRule, String)>,
}

impl NetworkRule {
    /// Returns what of the network an action asks for; none if it is whatever the operator allows.
    ///
    /// # Errors
    /// If the need names something that cannot be granted.
    pub fn of_need(need: &Need) -> Result<Option<Self>, InvalidRule> {
        let Some(url) = need.data.get("url").and_then(Data::as_text) else {
            return Ok(None);
        };
        let methods = match need.data.get("methods") {
            Some(Data::List(methods)) => methods.iter().filter_map(Data::as_text).collect(),
            _ => Vec::new(),
        };
        // Which private addresses are meant is for the operator to say.
        Self::parse(url, &methods, true).map(Some)
    }
}

/// Returns the line of the configuration that lets a request out, or why none does. This is the only place where a
/// request is judged by its name; by its address it is judged once that is known.
pub(crate) fn admit<'a>(reachable: &'a Reachable, target: &Target) -> Result<&'a NetworkRule, String> {
    let granted = &reachable.lines;
    let covered = granted
        .iter()
        .find(|access| access.allowed.covers(target) && access.asked.as_ref().is_none_or(|asked| asked.covers(target)));
    if let Some(access) = covered {
        return Ok(&access.allowed);
    }
    let narrowed = reachable.narrowed.iter().find(|(rule, _)| rule.covers(target));
    if let Some((_, source)) = narrowed.filter(|_| !granted.iter().any(|access| access.allowed.covers(target))) {
        return Err(format!("narrowed: {source} takes it away from this workflow"));
    }
    if granted.is_empty() {
        return Err("not granted; no address is granted to the action".to_owned());
    }
    if granted.iter().any(|access| access.allowed.covers(target)) {
        return Err("not asked for; the `needs` of the action leave it out".to_owned());
    }
    let shown: Vec<String> = granted.iter().map(|access| access.allowed.to_string()).collect();
    Err(format!("not granted; the action reaches {}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{NetworkAccess, NetworkRule, Reachable, Target, admit};

    fn granted(lines: &[(&str, &[&str])]) -> Reachable {
        let access = |(url, methods): &(&str, &[&str])| {
            NetworkAccess::new(NetworkRule::parse(url, methods, false).unwrap(), None)
        };
        Reachable {
            lines: lines.iter().map(access).collect(),
            narrowed: Vec::new(),
        }
    }

    fn target(method: &str, url: &str) -> Target {
        Target::parse(method, &url.parse().unwrap()).unwrap()
    }

    // row E10
    // key network.url, network.methods
    #[test]
    fn scheme_host_port_method_and_path_all_have_to_fit() {
        let granted = granted(&[
            ("https://api.example.org", &["GET"]),
            ("https://*.osv.dev/v1", &["GET", "POST"]),
            ("http://plain.example.org:8080", &[]),
        ]);
        for (method, url) in [
            ("GET", "https://api.example.org/any/thing?q=1"),
            ("GET", "https://API.Example.Org:443/"),
            ("POST", "https://api.osv.dev/v1/query"),
            ("GET", "https://a.b.osv.dev/v1"),
            ("DELETE", "http://plain.example.org:8080/"),
        ] {
            assert!(admit(&granted, &target(method, url)).is_ok(), "{method} {url}");
        }
        for (method, url) in [
            ("POST", "https://api.example.org/"),
            ("GET", "http://api.example.org/"),
            ("GET", "https://api.example.org:8443/"),
            ("GET", "https://api.example.org.evil.net/"),
            ("GET", "https://evilapi.example.org/"),
            ("GET", "https://osv.dev/v1"),
            ("GET", "https://evilosv.dev/v1"),
            ("GET", "https://api.osv.dev/v10"),
            ("GET", "https://api.osv.dev/"),
            ("GET", "https://api.osv.dev/v1/../admin"),
            ("GET", "https://api.osv.dev/v1/%2e%2e/admin"),
            ("GET", "https://api.osv.dev/v1//admin"),
            ("GET", "https://api.osv.dev/v1%2fadmin"),
            ("GET", "http://plain.example.org/"),
            ("TRACE", "http://plain.example.org:8080/"),
            ("CONNECT", "http://plain.example.org:8080/"),
        ] {
            assert!(admit(&granted, &target(method, url)).is_err(), "{method} {url}");
        }
    }

    // row E10
    #[test]
    fn an_action_gets_no_more_than_it_asks_for() {
        let line = NetworkRule::parse("https://*.example.org", &[], false).unwrap();
        let asked = NetworkRule::parse("https://api.example.org/v1", &["GET"], true).unwrap();
        assert!(line.overlaps(&asked));
        let granted = Reachable {
            lines: vec![NetworkAccess::new(line, Some(asked))],
            narrowed: Vec::new(),
        };
        assert!(admit(&granted, &target("GET", "https://api.example.org/v1/x")).is_ok());
        for (method, url) in [
            ("POST", "https://api.example.org/v1/x"),
            ("GET", "https://www.example.org/v1/x"),
            ("GET", "https://api.example.org/v2"),
        ] {
            let refused = admit(&granted, &target(method, url)).unwrap_err();
            assert!(refused.starts_with("not asked for"), "{refused}");
        }
    }
}
