//! Whether a component and this host can talk to each other: everything that does not match, all at once.

use crate::descriptor::Kind;
use crate::log::printable;
use wasmtime::Engine;
use wasmtime::component::types::{Component as ComponentType, ComponentItem};

/// The version of the contract that this host speaks.
pub(crate) const CONTRACT: Version = Version {
    major: 0,
    minor: 1,
    patch: 0,
};

/// What somebody reads of what does not fit.
const MOST_MISMATCHES: usize = 50;
/// What is told of a name, in bytes.
const MAX_NAME: usize = 128;

const PACKAGE: &str = "cofferdam:plugin";

/// What the host offers to guests under [`PACKAGE`].
const OFFERED: [(&str, &[&str]); 8] = [
    ("types", &[]),
    (
        "attempt",
        &[
            "run",
            "step",
            "number",
            "delivery",
            "token",
            "remaining-ms",
            "cancelled",
            "dry-run",
            "previous",
            "get",
        ],
    ),
    ("log", &["write"]),
    ("progress", &["report", "save", "saved"]),
    ("metrics", &["add"]),
    ("run-context", &["get", "set", "delete", "keys"]),
    ("secrets", &["placeholder", "reveal"]),
    ("settings", &["get"]),
];

/// What guests offer to the host, under [`PACKAGE`] too.
const KINDS: [(&str, Kind); 5] = [
    ("actions", Kind::Actions),
    ("script-environments", Kind::ScriptEnvironments),
    ("item-providers", Kind::ItemProviders),
    ("gate-resolvers", Kind::GateResolvers),
    ("event-sinks", Kind::EventSinks),
];

const WASI_PACKAGES: [&str; 7] = [
    "wasi:io",
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:http",
    "wasi:random",
    "wasi:sockets",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

/// What the types of a component say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interfaces {
    /// The kinds that it offers.
    pub(crate) kinds: Vec<Kind>,
    /// Everything it imports, by full name.
    pub(crate) imports: Vec<String>,
    /// What this host cannot serve or does not understand.
    pub(crate) mismatches: Vec<String>,
}

/// Compares what a component wants and offers with what this host offers and wants.
pub(crate) fn compare(engine: &Engine, component: &ComponentType) -> Interfaces {
    let mut found = Interfaces::default();
    for (name, import) in component.imports(engine) {
        found.imports.push(name.to_owned());
        let functions = match &import.ty {
            ComponentItem::ComponentInstance(instance) => instance
                .exports(engine)
                .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
                .map(|(name, _)| name.to_owned())
                .collect(),
            _ => Vec::new(),
        };
        if found.mismatches.len() <= MOST_MISMATCHES {
            import_mismatches(&shown(name), &functions, &mut found.mismatches);
        }
    }
    for (name, _) in component.exports(engine) {
        let Some((package, interface, version)) = split(name) else {
            continue;
        };
        let kind = KINDS
            .iter()
            .find(|(known, _)| package == PACKAGE && *known == interface)
            .map(|(_, kind)| *kind);
        match (kind, version) {
            (Some(kind), Some(version)) if version.speaks(CONTRACT) => found.kinds.push(kind),
            (Some(_), version) if found.mismatches.len() <= MOST_MISMATCHES => {
                found.mismatches.push(other_version("exports", &shown(name), version));
            }
            (Some(_), _) => {}
            (None, _) => {}
        }
    }
    if found.mismatches.len() > MOST_MISMATCHES {
        found.mismatches.truncate(MOST_MISMATCHES);
        found.mismatches.push("and more of the kind".to_owned());
    }
    found.imports.sort();
    found.kinds.sort();
    found
}

/// Returns a name as it can be told, whatever its author put into it.
fn shown(name: &str) -> String {
    printable(name, MAX_NAME)
}

fn import_mismatches(name: &str, functions: &[String], mismatches: &mut Vec<String>) {
    let Some((package, interface, version)) = split(name) else {
        mismatches.push(format!("imports `{name}`, which is no interface of this host"));
        return;
    };
    if package == PACKAGE {
        if !version.is_some_and(|version| version.speaks(CONTRACT)) {
            mismatches.push(other_version("imports", name, version));
            return;
        }
        match OFFERED.iter().find(|(known, _)| *known == interface) {
            None => mismatches.push(format!(
                "imports `{PACKAGE}/{interface}`, which {PACKAGE} {CONTRACT} of this host does not have: it needs a newer Cofferdam"
            )),
            Some((_, offered)) => mismatches.extend(
                functions.iter().filter(|function| !offered.contains(&function.as_str())).take(MOST_MISMATCHES + 1).map(|function| {
                    let function = shown(function);
                    format!(
                        "imports `{function}` of `{PACKAGE}/{interface}`, which {PACKAGE} {CONTRACT} of this host does not have: it needs a newer Cofferdam"
                    )
                }),
            ),
        }
    } else if WASI_PACKAGES.contains(&package) {
        if version.is_none_or(|version| (version.major, version.minor) != (0, 2)) {
            mismatches.push(format!(
                "imports `{name}`; this host speaks WASI 0.2: build it for wasm32-wasip2"
            ));
        }
    } else {
        mismatches.push(format!("imports `{name}`, which is no interface of this host"));
    }
}

fn other_version(verb: &str, name: &str, version: Option<Version>) -> String {
    let remedy = match version {
        Some(version) if (version.major, version.minor) > (CONTRACT.major, CONTRACT.minor) => {
            "it needs a newer Cofferdam"
        }
        Some(_) | None => "build it again with the present SDK",
    };
    format!("{verb} `{name}`; this host speaks {PACKAGE} {CONTRACT}: {remedy}")
}

/// Splits `ns:package/interface@1.2.3`.
fn split(name: &str) -> Option<(&str, &str, Option<Version>)> {
    let (path, version) = match name.split_once('@') {
        Some((path, version)) => (path, Version::parse(version)),
        None => (name, None),
    };
    let (package, interface) = path.split_once('/')?;
    Some((package, interface, version))
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        // A pre-release matches nothing but itself, and this host speaks none.
        let mut numbers = text.split('.').map(|part| part.parse().ok());
        let version = Self {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: numbers.next()??,
        };
        numbers.next().is_none().then_some(version)
    }

    /// Returns whether a guest built against this version can talk to a host of version `host`.
    fn speaks(self, host: Self) -> bool {
        self.major == host.major && (self.major > 0 || self.minor == host.minor)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::{CONTRACT, KINDS, OFFERED, Version, import_mismatches};

    #[test]
    fn the_tables_say_what_the_contract_says() {
        let text = include_str!("../../../wit/plugin.wit");
        assert!(text.contains(&format!("package cofferdam:plugin@{CONTRACT};")));
        for (interface, functions) in OFFERED {
            let (_, rest) = text.split_once(&format!("interface {interface} {{")).unwrap();
            let body = rest.split("\n}").next().unwrap();
            let declared: Vec<_> = body
                .lines()
                .filter_map(|line| line.trim().split_once(": func(").map(|(name, _)| name))
                .collect();
            assert_eq!(declared, functions, "{interface}");
        }
        for (interface, _) in KINDS {
            assert!(text.contains(&format!("interface {interface} {{")), "{interface}");
        }
    }

    #[test]
    fn a_patch_release_is_understood_and_another_minor_is_not() {
        let version = |text| Version::parse(text).unwrap();
        assert!(version("0.1.7").speaks(CONTRACT));
        assert!(!version("0.2.0").speaks(CONTRACT));
        assert!(!version("1.1.0").speaks(CONTRACT));
        assert_eq!(Version::parse("0.1.0-rc1"), None);
    }

    // row B15
    #[test]
    fn both_versions_are_shown() {
        let mut mismatches = Vec::new();
        import_mismatches("cofferdam:plugin/attempt@0.3.0", &[], &mut mismatches);
        import_mismatches(
            "cofferdam:plugin/log@0.1.4",
            &["write".to_owned(), "flush".to_owned()],
            &mut mismatches,
        );
        import_mismatches("wasi:cli/stdout@0.3.0", &[], &mut mismatches);
        import_mismatches("acme:thing/x", &[], &mut mismatches);
        assert_eq!(
            mismatches,
            [
                "imports `cofferdam:plugin/attempt@0.3.0`; this host speaks cofferdam:plugin 0.1.0: it needs a newer Cofferdam",
                "imports `flush` of `cofferdam:plugin/log`, which cofferdam:plugin 0.1.0 of this host does not have: it needs a newer Cofferdam",
                "imports `wasi:cli/stdout@0.3.0`; this host speaks WASI 0.2: build it for wasm32-wasip2",
                "imports `acme:thing/x`, which is no interface of this host",
            ]
        );
    }
}
