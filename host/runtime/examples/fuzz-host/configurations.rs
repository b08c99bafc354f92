//! What may a file say, and what must hold however it says it?

use crate::chance::Chance;
use cofferdam_engine::Data;
use cofferdam_runtime::configuration::{Configuration, KEYS, Overrides, Project, Provenance};
use cofferdam_wasm::{EffectClass, LIMITS, Need, effective};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A project whose file is written again and again.
pub(crate) struct Bench {
    _directory: TempDir,
    root: PathBuf,
}

const WHOLE: &str = include_str!("whole.toml");
const VALUES: &[&str] = &[
    "0",
    "-1",
    "1",
    "99999999999999999999",
    "true",
    "\"\"",
    "\"none\"",
    "\"read\"",
    "\"write\"",
    "\"1s\"",
    "\"0 MiB\"",
    "\"64 MiB\"",
    "\"unlimited\"",
    "[]",
    "{}",
    "[1, \"a\", {}]",
    "[{}]",
    "{ guest = \"/\", host = \".\", access = \"read\" }",
    "[{ guest = \"/a\", host = \"data\", access = \"write\", quota = \"1 B\", files = 1 }]",
    "[{ url = \"https://*.example.org/v1\", methods = [\"GET\"] }]",
    "[{ url = \"http://[::1]:1\", private = true }]",
    "[\"HOME\", \"A\"]",
    "\"\\u0000\\u001b[2J\"",
    "2026-11-21",
    "1e400",
    "\"~/x\"",
    "\"../../..\"",
    "\"/proc/self/root\"",
];
const MARKS: &[&str] = &[
    "[", "]", "{", "}", "=", "\"", "'''", "\n", "#", ".", ",", "\u{fffd}", "é", "\u{0}", "[[", "\\",
];
const WORKFLOWS: &[&str] = &["csv-quality", "nightly", "other", "a-nightly"];

impl Bench {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().canonicalize().expect("it is there");
        for inner in ["src", "data", "out", "plugins", "workflows", ".cofferdam"] {
            fs::create_dir_all(root.join(inner)).expect("a directory of the project");
        }
        Self {
            _directory: directory,
            root,
        }
    }

    /// Reads one text.
    pub(crate) fn try_one(&self, chance: &mut Chance) -> Result<(), String> {
        let text = text(chance);
        fs::write(self.root.join("cofferdam.toml"), &text).map_err(|error| error.to_string())?;
        let overrides = Overrides::default();
        let project = Project::discover(&self.root, &overrides).map_err(|error| error.to_string())?;
        let held = match Configuration::load(&project, &overrides) {
            Ok(configuration) => sound(&configuration),
            Err(problems) if problems.is_empty() => Err("it is refused without a reason".to_owned()),
            Err(problems) => {
                let lines = text.split('\n').count();
                let outside = problems.as_slice().iter().find(|problem| {
                    let characters = text
                        .split('\n')
                        .nth(problem.line.wrapping_sub(1))
                        .map_or(0, |line| line.chars().count());
                    problem.line == 0 || problem.line > lines || problem.column == 0 || problem.column > characters + 2
                });
                let shown = problems.to_string();
                match outside {
                    Some(problem) => Err(format!("a place outside of the file: {problem}")),
                    None if shown.chars().any(|c| c.is_control() && c != '\n') => {
                        Err(format!("control characters in a message: {shown:?}"))
                    }
                    None => Ok(()),
                }
            }
        };
        held.map_err(|reason| format!("{reason}\n--- cofferdam.toml\n{text}"))
    }
}

/// What is shown is what is opened, and a workflow is left no more than there is.
fn sound(configuration: &Configuration) -> Result<(), String> {
    configuration.settings();
    configuration.asks();
    let need = |kind: &str| Need {
        kind: kind.to_owned(),
        reason: None,
        path: None,
        data: Data::Null,
    };
    let needs = ["read", "write", "network", "secret", "reveal", "env"].map(need);
    for plugin in configuration.plugins().keys() {
        let whole = configuration.grants_for(plugin, Provenance::BuiltIn, &needs);
        let Ok(opened) = effective(&needs, &whole.allowed()) else {
            continue;
        };
        for workflow in WORKFLOWS {
            let less = configuration.grants_in(workflow, plugin, Provenance::BuiltIn, &needs);
            let Ok(left) = effective(&needs, &less.allowed()) else {
                continue;
            };
            if left.class() == EffectClass::Effectful && opened.class() == EffectClass::Quiet {
                return Err(format!("`{workflow}` can be noticed where `{plugin}` cannot"));
            }
            for (need, (left, opened)) in left.decisions().iter().zip(opened.decisions()).enumerate() {
                if left.refused.is_none() && opened.refused.is_some() {
                    return Err(format!("`{workflow}` is left `{}` of `{plugin}`", left.need.kind));
                }
                if less.needs[need].refused.is_some() != left.refused.is_some() {
                    return Err(format!("what is shown of `{}` is not what is opened", left.need.kind));
                }
            }
            for directory in left.directories() {
                let wider = opened
                    .directories()
                    .iter()
                    .find(|other| other.guest == directory.guest)
                    .is_none_or(|other| other.access < directory.access);
                if wider {
                    return Err(format!("`{workflow}` is left more of {}", directory.guest));
                }
            }
            let (usual, narrow) = (
                configuration.limits_for(plugin),
                configuration.limits_in(workflow, plugin),
            );
            if let Some(row) = LIMITS.iter().find(|row| narrow.get(row.name) > usual.get(row.name)) {
                return Err(format!("`{workflow}` has more `{}` than `{plugin}`", row.setting));
            }
        }
    }
    Ok(())
}

fn text(chance: &mut Chance) -> String {
    let mut lines: Vec<String> = WHOLE.lines().map(str::to_owned).collect();
    // Mostly small damage, so that most of the file is still read.
    for _ in 0..=chance.below(6) {
        let at = chance.below(lines.len());
        match chance.below(8) {
            0 => {
                lines.remove(at);
            }
            1 => {
                let other = lines[chance.below(lines.len())].clone();
                lines.insert(at, other);
            }
            2 => {
                let place = lines[at].floor_char_boundary(chance.below(lines[at].len() + 1));
                let mark = chance.word(MARKS);
                lines[at].insert_str(place, mark);
            }
            3 => {
                let end = lines[at].floor_char_boundary(chance.below(lines[at].len() + 1));
                lines[at].truncate(end);
            }
            4 | 5 => {
                if let Some((key, _)) = lines[at].clone().split_once(" = ") {
                    lines[at] = format!("{key} = {}", chance.word(VALUES));
                }
            }
            6 => {
                let (_, keys) = chance.one(KEYS);
                let line = format!("{} = {}", chance.one(keys), chance.word(VALUES));
                lines.insert(at, line);
            }
            _ => {
                let row = chance.one(&LIMITS);
                lines.insert(at, format!("{} = {}", row.setting, chance.word(VALUES)));
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join("\n")
}
