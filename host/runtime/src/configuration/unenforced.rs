//! Which keys are planned for `cofferdam.toml` but not enforced in this release.

/// Sections as a whole, with what they will do.
const SECTIONS: &[(&str, &str)] = &[
    ("identities", "identities"),
    ("scripts", "scripts"),
    ("schedules", "schedules"),
    ("webhooks", "webhooks"),
    ("server", "the server"),
    ("log", "the form of the log"),
];

/// Keys of sections that exist, with the section as its path without the names of plugins.
const KEYS: &[(&str, &[&str])] = &[
    ("project", &["scripts", "env_prefix"]),
    ("state", &["url_env", "retain"]),
    ("host", &["runs"]),
    ("limits", &["component", "attempts"]),
    ("plugins", &["settings"]),
    ("secrets", &["native"]),
    ("dirs", &["sync"]),
    ("workflows.limits", &["run", "cost_usd"]),
];

/// Returns what to say of `key` in `section` if a later release will know it.
pub(super) fn message(section: &str, key: &str) -> Option<String> {
    if section.is_empty() {
        return SECTIONS.iter().find(|(name, _)| *name == key).map(|(name, purpose)| {
            format!("`[{name}]` is understood but not enforced in this release: {purpose} will come")
        });
    }
    KEYS.iter()
        .any(|(name, keys)| *name == section && keys.contains(&key))
        .then(|| format!("`{key}` is understood but not enforced in this release"))
}
