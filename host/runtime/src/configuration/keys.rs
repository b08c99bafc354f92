//! Which keys may a configuration have?

/// Every key by the section it may stand in, without the names of plugins, secrets and workflows. The keys of `[limits]` are
/// those of the table of limits as well, and `[gates]` and `[variables]` have names of their own.
///
/// Whatever is in here is enforced: a test of this crate asks for one that shows it, key by key.
pub const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "config",
            "project",
            "state",
            "host",
            "limits",
            "registry",
            "plugins",
            "secrets",
            "workflows",
            "actions",
            "gates",
            "variables",
        ],
    ),
    (
        "project",
        &[
            "name",
            "workflows",
            "agents",
            "snippets",
            "schemas",
            "targets",
            "call_levels",
        ],
    ),
    ("state", &["path", "durability", "run_logs"]),
    ("host", &["attempts", "shutdown_grace", "cancel_grace"]),
    ("limits", &["compile"]),
    ("limits.compile", &["wall", "memory"]),
    ("registry", &["dirs", "trust", "keys", "require_signature"]),
    (
        "plugins",
        &[
            "enabled",
            "limits",
            "digest",
            "signed_by",
            "dirs",
            "network",
            "secrets",
            "reveal",
            "env",
            "context",
        ],
    ),
    ("dirs", &["guest", "host", "access", "create", "quota", "files"]),
    ("network", &["url", "methods", "private", "ca"]),
    ("secrets", &["env", "file", "command", "to", "only"]),
    ("workflows", &["network", "dirs", "limits"]),
    ("workflows.network", &["url", "methods"]),
    ("actions", &["fallback", "alias"]),
];

/// Returns the keys of a section.
pub(super) fn of(section: &str) -> &'static [&'static str] {
    KEYS.iter()
        .find(|(name, _)| *name == section)
        .map_or(&[], |(_, keys)| keys)
}
