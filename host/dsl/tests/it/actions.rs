//! The actions that the workflows of these tests call.

use cofferdam_dsl::{ActionEntry, Actions, Catalog as _, Lookup};
use cofferdam_engine::Digest;
use cofferdam_engine::plan::OnLost;
use serde_json::{Value, json};

/// Actions that take and return anything.
const OPEN: &[&str] = &[
    "agent.chat",
    "crm.update",
    "jira.create",
    "json.merge",
    "json.parse-csv",
    "json.parse-toml",
    "kube.get-deployment",
    "kube.set-image",
    "mail.send",
    "pager.note",
    "pager.page",
    "pg.extract",
    "prom.query",
    "sql.convert",
    "sql.dedupe",
    "sql.join",
    "state.append",
    "state.get",
    "state.set",
    "text.extract",
];

/// Returns a catalog of actions with the parameters that the example workflows use.
pub(crate) fn actions() -> Actions {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let list = || json!({ "type": "array" });
    let any = || json!({});
    Actions::new(
        [
            action(
                "fs.list",
                &[
                    ("root", text()),
                    ("include", texts()),
                    ("exclude", texts()),
                    ("glob", text()),
                ],
                &["root"],
                &["files"],
            ),
            action("fs.read", &[("path", text())], &["path"], &["text"]),
            action(
                "fs.write",
                &[("path", text()), ("text", text()), ("replace", list())],
                &["path", "text"],
                &["path"],
            ),
            action(
                "fs.append",
                &[("path", text()), ("lines", list())],
                &["path", "lines"],
                &["path"],
            ),
            action(
                "fs.copy",
                &[("from", text()), ("to", text())],
                &["from", "to"],
                &["path"],
            ),
            action("fs.stat", &[("files", list())], &["files"], &["count"]),
            action(
                "fs.grep",
                &[
                    ("files", list()),
                    ("pattern", text()),
                    ("invert", json!({ "type": "boolean" })),
                ],
                &["files", "pattern"],
                &["count", "matches", "by_file"],
            ),
            action("fs.count-by-extension", &[("files", list())], &["files"], &["lines"]),
            action(
                "json.sort",
                &[
                    ("items", list()),
                    ("by", text()),
                    ("descending", json!({ "type": "boolean" })),
                    ("limit", json!({ "type": "integer", "minimum": 1 })),
                ],
                &["items"],
                &["items"],
            ),
            action(
                "text.replace",
                &[("lines", list()), ("pattern", text()), ("with", text())],
                &["lines", "pattern", "with"],
                &["lines"],
            ),
            action(
                "report.html",
                &[
                    ("path", text()),
                    ("title", text()),
                    ("charts", list()),
                    ("tables", list()),
                ],
                &["path"],
                &["path"],
            ),
            action(
                "http.request",
                &[
                    ("url", text()),
                    ("method", json!({ "enum": ["GET", "POST", "DELETE"] })),
                    (
                        "headers",
                        json!({ "type": "object", "additionalProperties": { "type": "string" } }),
                    ),
                    ("json", any()),
                ],
                &["url"],
                &[],
            ),
            action("note.keep", &[("text", text()), ("value", any())], &[], &[]),
            action("state.read", &[("key", text())], &["key"], &["value"]),
            action("test.fail", &[], &[], &[]),
            ActionEntry {
                on_lost: OnLost::Ask,
                ..action("mail.post", &[], &[], &[])
            },
        ]
        .into_iter()
        .chain(OPEN.iter().map(|name| {
            let (plugin, action) = name.split_once('.').expect("a full name");
            ActionEntry::new(plugin, action, Digest::of(plugin.as_bytes()))
        })),
    )
}

fn action(name: &str, params: &[(&str, Value)], required: &[&str], output: &[&str]) -> ActionEntry {
    let (plugin, action) = name.split_once('.').expect("a full name");
    let properties: serde_json::Map<String, Value> = params
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    let fields: serde_json::Map<String, Value> = output
        .iter()
        .map(|name| {
            let schema = match *name {
                "files" => json!({ "type": "array", "items": { "$ref": "#/$defs/File" } }),
                "matches" => json!({ "anyOf": [{ "$ref": "#/$defs/Lines" }, { "type": "null" }] }),
                "text" => json!({ "type": "string" }),
                "count" => json!({ "type": ["integer", "null"], "format": "uint", "minimum": 0 }),
                _ => json!({}),
            };
            ((*name).to_owned(), schema)
        })
        .collect();
    ActionEntry {
        provider: format!("{plugin} 0.1.0 (built in)"),
        params: json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false
        }),
        output: if output.is_empty() {
            Value::Null
        } else {
            // As the first-party plugins write it, whose schemas are made by schemars.
            json!({
                "$defs": {
                    "Output": { "type": "object", "properties": fields },
                    "File": {
                        "type": "object",
                        "properties": {
                            "kind": { "$ref": "#/$defs/FileKind" },
                            "owner": { "type": "object", "additionalProperties": { "type": "string" } },
                            "path": { "type": "string" },
                            "size": { "type": "integer" },
                        },
                        "required": ["path", "size"],
                    },
                    "FileKind": { "oneOf": [
                        { "const": "file", "type": "string" },
                        { "enum": ["directory", "link"], "type": "string" },
                    ] },
                    "Lines": { "type": "array", "items": { "oneOf": [
                        { "type": "object", "properties": { "line": { "type": "string" } } },
                        { "type": "object", "properties": { "bytes": { "type": "integer" } } },
                    ] } },
                },
                "$ref": "#/$defs/Output",
            })
        },
        ..ActionEntry::new(plugin, action, Digest::of(plugin.as_bytes()))
    }
}

/// Returns what a catalog has, for another one.
pub(crate) fn entries(actions: &Actions) -> Vec<ActionEntry> {
    let found = actions
        .names()
        .into_iter()
        .filter_map(|name| match actions.action(&name) {
            Lookup::Found(entry) => Some((*entry).clone()),
            Lookup::Fallback(_) | Lookup::Ambiguous(_) | Lookup::Unknown { .. } => None,
        });
    found.collect()
}
