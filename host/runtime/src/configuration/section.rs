//! How the sections that several places share are read: limits and directories.

use super::document::{Document, Placed, get, integer};
use super::keys;
use super::problem::ProblemCode;
use super::source::Source;
use super::unit;
use cofferdam_wasm::{Access, CompileLimits, LIMITS, LimitName, LimitRow, LimitUnit, Limits, Room};
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Limits that a section sets, with where it does.
pub(super) type LimitValues = BTreeMap<LimitName, (u64, Source)>;

/// A directory as a section names it, not yet looked for.
#[derive(Clone, Debug)]
pub(super) struct DirectoryLine {
    pub(super) guest: Placed<String>,
    pub(super) host: Placed<String>,
    pub(super) access: Access,
    pub(super) create: bool,
    pub(super) room: Room,
    pub(super) source: Source,
}

/// Reads `[limits]` or the limits of a plugin. `base` is what holds without them.
pub(super) fn limits(document: &mut Document<'_>, section: &str, table: &DeTable<'_>, base: &Limits) -> LimitValues {
    let values = values(document, section, "limits", table, base);
    let merged = base.merge(values.iter().map(|(name, (value, _))| (*name, *value)));
    if let (Ok(merged), Some(value)) = (merged, get(table, "wall").or_else(|| get(table, "wall_max"))) {
        let (wall, most) = (merged.get(LimitName::Wall), merged.get(LimitName::WallMax));
        if wall > most {
            let shown = |number| LimitName::Wall.row().display(number);
            let message = format!(
                "`wall` is {}, more than `wall_max`, which is {}",
                shown(wall),
                shown(most)
            );
            document.add(ProblemCode::LimitOutOfRange, value.span(), message);
        }
    }
    values
}

/// Reads the limits of a workflow, which only count where they are less than `base` and what a plugin has.
pub(super) fn narrowing_limits(
    document: &mut Document<'_>,
    section: &str,
    table: &DeTable<'_>,
    base: &Limits,
) -> LimitValues {
    values(document, section, "workflows.limits", table, base)
}

fn values(document: &mut Document<'_>, section: &str, kind: &str, table: &DeTable<'_>, base: &Limits) -> LimitValues {
    let mut known: Vec<&str> = LIMITS.iter().map(|row| row.setting).collect();
    if section == "limits" {
        known.extend(keys::of("limits"));
    }
    document.check_known(section, kind, table, &known);
    let mut values = LimitValues::new();
    for row in &LIMITS {
        let Some(value) = get(table, row.setting) else { continue };
        let Some(number) = limit(document, row, value) else {
            continue;
        };
        match base.merge([(row.name, number)]) {
            Ok(_) => {
                values.insert(row.name, (number, document.source(&value.span())));
            }
            Err(error) => {
                document.add(ProblemCode::LimitOutOfRange, value.span(), error.to_string());
            }
        }
    }
    values
}

/// The key of what compiling a component may take, which is nothing of an attempt.
pub(super) const COMPILE: &str = "compile";
const LONGEST_COMPILATION: u64 = 3_600_000;
const LARGEST_COMPILATION: u64 = 64 << 30;
/// Whoever has a larger disk for results has other means to bound it.
const LARGEST_QUOTA: u64 = 1 << 40;

/// Reads `compile` of `[limits]`.
pub(super) fn compile(document: &mut Document<'_>, table: &DeTable<'_>) -> Option<(CompileLimits, Source)> {
    let value = get(table, COMPILE)?;
    let Some(parts) = value.get_ref().as_table() else {
        document.wrong::<()>(COMPILE, value, "a table such as { wall = \"60s\", memory = \"2 GiB\" }");
        return None;
    };
    document.check_keys("limits.compile", "limits.compile", parts);
    let row = |setting, unit, maximum| LimitRow {
        setting,
        unit,
        maximum,
        ..*LimitName::Wall.row()
    };
    let mut limits = CompileLimits::default();
    let wall = row("wall", LimitUnit::Milliseconds, LONGEST_COMPILATION);
    if let Some(wall) = part(document, &wall, parts) {
        limits.wall = Duration::from_millis(wall);
    }
    if let Some(memory) = part(document, &row("memory", LimitUnit::Bytes, LARGEST_COMPILATION), parts) {
        limits.memory = memory;
    }
    Some((limits, document.source(&value.span())))
}

fn part(document: &mut Document<'_>, row: &LimitRow, table: &DeTable<'_>) -> Option<u64> {
    let value = get(table, row.setting)?;
    let number = limit(document, row, value)?;
    if (1..=row.maximum).contains(&number) {
        return Some(number);
    }
    let largest = unit::write(row.maximum, row.unit);
    let message = format!(
        "`{}` of `compile` must be more than 0 and at most {largest}",
        row.setting
    );
    document.add(ProblemCode::LimitOutOfRange, value.span(), message);
    None
}

fn limit(document: &mut Document<'_>, row: &LimitRow, value: &Spanned<DeValue<'_>>) -> Option<u64> {
    let largest = unit::write(row.maximum, row.unit);
    let read = match (value.get_ref(), row.unit) {
        (DeValue::String(text), _) if matches!(&**text, "unlimited" | "none" | "off" | "infinite") => {
            let message = format!("`{}` cannot be unlimited; its largest value is {largest}", row.setting);
            document.add(ProblemCode::LimitOutOfRange, value.span(), message);
            return None;
        }
        (DeValue::String(text), LimitUnit::Bytes | LimitUnit::Milliseconds) => unit::parse(text, row.unit),
        (number, LimitUnit::Count) => match integer(number) {
            Some(number) => Ok(u64::try_from(number).unwrap_or(0)),
            None => Err("a plain number such as 64".to_owned()),
        },
        // A zero needs no unit to be refused for what it is.
        (number, _) if integer(number) == Some(0) => Ok(0),
        (_, LimitUnit::Bytes) => unit::parse("", LimitUnit::Bytes),
        (_, LimitUnit::Milliseconds) => unit::parse("", LimitUnit::Milliseconds),
    };
    read.map_err(|expected| {
        document.add(
            ProblemCode::WrongValue,
            value.span(),
            format!("`{}` must be {expected}", row.setting),
        );
    })
    .ok()
}

/// Reads `dirs` of a plugin.
pub(super) fn directories(document: &mut Document<'_>, section: &str, table: &DeTable<'_>) -> Vec<DirectoryLine> {
    const EXPECTED: &str = "a list such as [{ guest = \"/src\", host = \".\", access = \"read\" }]";
    let Some(value) = get(table, "dirs") else {
        return Vec::new();
    };
    let Some(items) = value.get_ref().as_array() else {
        document.wrong::<()>("dirs", value, EXPECTED);
        return Vec::new();
    };
    let mut lines: Vec<DirectoryLine> = Vec::new();
    for item in items {
        let Some(entry) = item.get_ref().as_table() else {
            document.wrong::<()>("dirs", item, EXPECTED);
            continue;
        };
        let Some(line) = directory(document, section, entry, item) else {
            continue;
        };
        if let Some(other) = lines.iter().find(|other| other.guest.value == line.guest.value) {
            let message = format!(
                "two directories are granted as `{}`, the other at {}",
                line.guest.value, other.source
            );
            document.add(ProblemCode::WrongValue, line.guest.span.clone(), message);
            continue;
        }
        lines.push(line);
    }
    lines
}

fn directory(
    document: &mut Document<'_>,
    section: &str,
    entry: &DeTable<'_>,
    item: &Spanned<DeValue<'_>>,
) -> Option<DirectoryLine> {
    document.check_keys(&format!("{section}.dirs"), "dirs", entry);
    for key in ["guest", "host", "access"] {
        if get(entry, key).is_none() {
            let help = "such as { guest = \"/src\", host = \".\", access = \"read\" }";
            let message = format!("a directory needs `{key}`");
            document.add_with_help(ProblemCode::MissingKey, item.span(), message, help);
        }
    }
    let guest = document.text(entry, "guest");
    let host = document.text(entry, "host");
    let access = document.text(entry, "access");
    let create = document.switch(entry, "create");
    let access = access.and_then(|access| match access.value.as_str() {
        "read" => Some(Access::Read),
        "write" => Some(Access::Write),
        _ => {
            document.add(
                ProblemCode::WrongValue,
                access.span,
                "`access` must be \"read\" or \"write\", which implies reading",
            );
            None
        }
    })?;
    if let (Access::Read, Some(create)) = (access, create.as_ref().filter(|create| create.value)) {
        document.add(
            ProblemCode::WrongValue,
            create.span.clone(),
            "`create` is for directories with `access = \"write\"`",
        );
    }
    let room = room(document, entry);
    if let (Access::Read, Some(value)) = (access, get(entry, "quota").or_else(|| get(entry, "files"))) {
        let message = "`quota` and `files` are for directories with `access = \"write\"`";
        document.add(ProblemCode::WrongValue, value.span(), message);
    }
    let guest = guest?;
    if !super::paths::is_guest_path(&guest.value) {
        let message = format!(
            "`{}` is no guest path: it must start with `/`, and hold neither `..` nor `//`",
            super::document::printable(&guest.value)
        );
        document.add(ProblemCode::WrongValue, guest.span, message);
        return None;
    }
    let source = document.source(&item.span());
    Some(DirectoryLine {
        guest,
        host: host?,
        access,
        create: create.is_some_and(|create| create.value),
        room,
        source,
    })
}

/// Reads how much may lie in a directory.
fn room(document: &mut Document<'_>, entry: &DeTable<'_>) -> Room {
    let mut bound = |setting, unit, maximum| {
        let row = LimitRow {
            setting,
            unit,
            maximum,
            ..*LimitName::Disk.row()
        };
        let value = get(entry, setting)?;
        let number = limit(document, &row, value)?;
        if (1..=maximum).contains(&number) {
            return Some(number);
        }
        let largest = unit::write(maximum, unit);
        let message = format!("`{setting}` of a directory must be more than 0 and at most {largest}");
        document.add(ProblemCode::LimitOutOfRange, value.span(), message);
        None
    };
    Room {
        bytes: bound("quota", LimitUnit::Bytes, LARGEST_QUOTA),
        files: bound("files", LimitUnit::Count, LimitName::NewFiles.row().maximum),
    }
}
