//! Which settings apply, and where does each come from?

use super::acceptance::GrantsBelong;
use super::file::{Configuration, Durability};
use super::grants::word;
use super::section::LimitValues;
use super::source::Source;
use super::unit;
use cofferdam_wasm::{LIMITS, LimitUnit, Limits};
use serde::Serialize;

/// One setting that applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The section, such as `limits`.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value, as a file would write it.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
    /// The largest value it may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<String>,
    /// What it means, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
}

impl Configuration {
    /// Returns every setting that applies, defaults included, in the order of the file.
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![plain("", "config", "1".to_owned(), Source::BuiltIn)];
        let (name, source) = &self.name;
        settings.push(plain("project", "name", quoted(name), source.clone()));
        settings.push(self.directories("project", "workflows", &self.workflows));
        settings.push(self.directories("project", "agents", &self.agents));
        settings.push(self.directories("project", "snippets", &self.snippets));
        settings.push(self.directories("project", "schemas", &self.schemas));
        let (targets, source) = &self.targets;
        let targets: Vec<String> = targets.iter().map(|target| quoted(target)).collect();
        settings.push(plain(
            "project",
            "targets",
            format!("[{}]", targets.join(", ")),
            source.clone(),
        ));
        let (levels, source) = &self.call_levels;
        settings.push(plain("project", "call_levels", levels.to_string(), source.clone()));
        let (path, source) = &self.state;
        settings.push(plain(
            "state",
            "path",
            quoted(&self.project.short(path)),
            source.clone(),
        ));
        let (durability, source) = &self.durability;
        let durability = match durability {
            Durability::Full => "full",
            Durability::Process => "process",
        };
        settings.push(plain("state", "durability", quoted(durability), source.clone()));
        let (run_logs, source) = &self.run_logs;
        settings.push(plain("state", "run_logs", run_logs.to_string(), source.clone()));
        let (attempts, source) = &self.attempts;
        settings.push(plain("host", "attempts", attempts.to_string(), source.clone()));
        for (key, (grace, source)) in [
            ("shutdown_grace", &self.shutdown_grace),
            ("cancel_grace", &self.cancel_grace),
        ] {
            let millis = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            let value = unit::write(millis, LimitUnit::Milliseconds);
            settings.push(plain("host", key, value, source.clone()));
        }
        settings.extend(limits("limits", &self.limits, &self.limit_values, false));
        let (compile, source) = &self.compile;
        let wall = u64::try_from(compile.wall.as_millis()).unwrap_or(u64::MAX);
        let value = format!(
            "{{ wall = {}, memory = {} }}",
            unit::write(wall, LimitUnit::Milliseconds),
            unit::write(compile.memory, LimitUnit::Bytes)
        );
        settings.push(plain("limits", "compile", value, source.clone()));
        settings.push(self.directories("registry", "dirs", &self.plugin_directories));
        let (trust, source) = &self.trust;
        let trust = match trust {
            GrantsBelong::ToComponents => "lock",
            GrantsBelong::ToNames => "name",
        };
        settings.push(plain("registry", "trust", quoted(trust), source.clone()));
        for (name, (key, source)) in &self.keys {
            let value = format!("{{ {name} = {} }}", quoted(&key.to_string()));
            settings.push(plain("registry", "keys", value, source.clone()));
        }
        let (required, source) = &self.require_signature;
        settings.push(plain(
            "registry",
            "require_signature",
            required.to_string(),
            source.clone(),
        ));
        for (name, section) in &self.plugins {
            let title = format!("plugins.{name}");
            settings.push(plain(
                &title,
                "enabled",
                section.enabled.to_string(),
                section.source.clone(),
            ));
            if let Some((digest, source)) = &section.digest {
                settings.push(plain(&title, "digest", quoted(&digest.to_string()), source.clone()));
            }
            for (key, source) in &section.signed_by {
                settings.push(plain(&title, "signed_by", quoted(key), source.clone()));
            }
            for directory in &section.directories {
                let access = word(directory.access);
                let (guest, host) = (quoted(&directory.guest), quoted(&directory.shown));
                let create = if directory.create { ", create = true" } else { "" };
                let mut room = String::new();
                if let Some(bytes) = directory.room.bytes {
                    room += &format!(", quota = {}", unit::write(bytes, LimitUnit::Bytes));
                }
                if let Some(files) = directory.room.files {
                    room += &format!(", files = {files}");
                }
                let value = format!("{{ guest = {guest}, host = {host}, access = \"{access}\"{create}{room} }}");
                settings.push(plain(&title, "dirs", value, directory.source.clone()));
            }
            for address in &section.network {
                let rule = &address.rule;
                let value = super::network::entry(&rule.url(), rule.methods(), rule.is_private());
                settings.push(plain(&title, "network", value, address.source.clone()));
            }
            for (key, names) in [("secrets", &section.secrets), ("reveal", &section.reveal)] {
                for (name, source) in names {
                    settings.push(plain(&title, key, quoted(name), source.clone()));
                }
            }
            for (name, source) in &section.variables {
                settings.push(plain(&title, "env", quoted(name), source.clone()));
            }
            for (keys, source) in &section.context {
                settings.push(plain(&title, "context", quoted(&keys.to_string()), source.clone()));
            }
            settings.extend(limits(
                &format!("{title}.limits"),
                &section.limits,
                &section.limit_values,
                true,
            ));
        }
        for section in &self.workflow_sections {
            let title = format!("workflows.\"{}\"", section.workflows);
            let at = |key: &str, value: String| plain(&title, key, value, section.source.clone());
            match section.network.as_deref() {
                None => {}
                Some([]) => settings.push(at("network", quoted("none"))),
                Some(rules) => settings.extend(
                    rules
                        .iter()
                        .map(|rule| at("network", super::network::entry(&rule.url(), rule.methods(), false))),
                ),
            }
            for cap in &section.directories {
                let left = cap.access.map_or("none", word);
                settings.push(at("dirs", format!("{{ {} = \"{left}\" }}", quoted(&cap.guest))));
            }
            for (limit, (value, source)) in &section.limit_values {
                let row = limit.row();
                let value = unit::write(*value, row.unit);
                settings.push(plain(&format!("{title}.limits"), row.setting, value, source.clone()));
            }
        }
        for (name, secret) in &self.secrets {
            let title = format!("secrets.{name}");
            let to: Vec<String> = secret.to.iter().map(|rule| quoted(&rule.url())).collect();
            let only: Vec<String> = secret.only.iter().map(|place| quoted(&place.to_string())).collect();
            let from = quoted(&secret.from.to_string());
            for (key, value) in [
                ("from", from),
                ("to", format!("[{}]", to.join(", "))),
                ("only", format!("[{}]", only.join(", "))),
            ] {
                settings.push(plain(&title, key, value, secret.source.clone()));
            }
        }
        if let Some(fallback) = &self.names.fallback {
            settings.push(plain(
                "actions",
                "fallback",
                quoted(&fallback.action),
                fallback.source.clone(),
            ));
        }
        for (name, alias) in &self.names.aliases {
            let value = format!("{{ {} = {} }}", quoted(name), quoted(&alias.action));
            settings.push(plain("actions", "alias", value, alias.source.clone()));
        }
        for (kind, source) in &self.gates {
            settings.push(plain("gates", kind, quoted("human"), source.clone()));
        }
        for (name, (value, source)) in &self.variables {
            settings.push(plain("variables", name, value.to_json(), source.clone()));
        }
        settings
    }

    fn directories(&self, section: &str, key: &str, paths: &[(std::path::PathBuf, Source)]) -> Setting {
        let shown: Vec<String> = paths
            .iter()
            .map(|(path, _)| quoted(&self.project.short(path)))
            .collect();
        let source = paths.last().map_or(Source::BuiltIn, |(_, source)| source.clone());
        plain(section, key, format!("[{}]", shown.join(", ")), source)
    }
}

fn plain(section: &str, key: &str, value: String, source: Source) -> Setting {
    Setting {
        section: section.to_owned(),
        key: key.to_owned(),
        value,
        source,
        maximum: None,
        meaning: None,
    }
}

fn limits(section: &str, limits: &Limits, values: &LimitValues, set_only: bool) -> Vec<Setting> {
    let shown = LIMITS.iter().filter(|row| !set_only || values.contains_key(&row.name));
    shown
        .map(|row| Setting {
            section: section.to_owned(),
            key: row.setting.to_owned(),
            value: unit::write(limits.get(row.name), row.unit),
            source: values
                .get(&row.name)
                .map_or(Source::BuiltIn, |(_, source)| source.clone()),
            maximum: Some(unit::write(row.maximum, row.unit)),
            meaning: Some(row.meaning),
        })
        .collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
