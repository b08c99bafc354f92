//! Which names the tests know: roots from JSON, of which `steps`, `inputs` and `vars` give members on demand.

use crate::Data;
use crate::expr::{Budget, EvaluationError, Expression, Members, Names, Root};
use std::cell::RefCell;

/// Roots from a JSON map.
pub(super) struct World {
    roots: Data,
    steps: Listed,
    inputs: Listed,
    vars: Listed,
}

/// A root that remembers for which members it was asked.
struct Listed {
    members: Data,
    asked: RefCell<Vec<String>>,
}

impl World {
    pub(super) fn new(json: &str) -> Self {
        let roots = Data::from_json(json, 1 << 20).unwrap();
        let listed = |name: &str| Listed {
            members: roots.get(name).cloned().unwrap_or_default(),
            asked: RefCell::default(),
        };
        Self {
            steps: listed("steps"),
            inputs: listed("inputs"),
            vars: listed("vars"),
            roots,
        }
    }

    /// Returns the names for which `steps` was asked.
    pub(super) fn steps_asked(&self) -> Vec<String> {
        self.steps.asked.borrow().clone()
    }

    pub(super) fn evaluate(&self, source: &str) -> Result<Data, EvaluationError> {
        let expression = Expression::parse(source).unwrap_or_else(|error| panic!("{}", error.render(source)));
        expression.evaluate(self, &mut Budget::standard())
    }

    /// Returns the value as JSON, or the message and hint of the failure.
    pub(super) fn show(&self, source: &str) -> String {
        match self.evaluate(source) {
            Ok(data) => data.to_json(),
            Err(error) => match &error.hint {
                Some(hint) => format!("error: {error} | {hint}"),
                None => format!("error: {error}"),
            },
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new(
            r#"{
                "inputs": {"n": 5, "full": true, "mode": "full", "auto_merge": "true", "ratio": 2.0, "empty": []},
                "steps": {
                    "scan": {"completed": true, "output": {"count": 5, "ratio": 3.0, "files": [{"path": "a"}, {"path": "b"}]}},
                    "resolve-pr-base": {"output": {"branch": "main", "content-type": "text/plain"}},
                    "in": {"output": "reserved"},
                    "failed": {"completed": false, "output": null}
                },
                "vars": {"bad": 1, "total": 0, "next": null},
                "run": {"id": "r1", "started_at": "2026-01-31T09:05:00Z", "status": "running"},
                "item": {"id": "7", "n": 3, "n-1": 9}
            }"#,
        )
    }
}

impl Names for World {
    fn root(&self, name: &str) -> Option<Root<'_>> {
        match name {
            "steps" => Some(Root::Members(&self.steps)),
            "inputs" => Some(Root::Members(&self.inputs)),
            "vars" => Some(Root::Members(&self.vars)),
            _ => self.roots.get(name).cloned().map(Root::Value),
        }
    }

    fn roots(&self) -> Vec<String> {
        match &self.roots {
            Data::Map(roots) => roots.keys().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }
}

impl Members for Listed {
    fn member(&self, name: &str) -> Option<Data> {
        self.asked.borrow_mut().push(name.to_owned());
        self.members.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        match &self.members {
            Data::Map(members) => members.keys().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }
}

/// Checks a table of expressions with their values, or with the beginning of their errors.
#[track_caller]
pub(super) fn check(table: &[(&str, &str)]) {
    let world = World::default();
    let wrong: Vec<String> = table
        .iter()
        .map(|(source, wanted)| (source, wanted, world.show(source)))
        .filter(|(_, wanted, found)| {
            if wanted.starts_with("error") {
                !found.starts_with(**wanted)
            } else {
                found != *wanted
            }
        })
        .map(|(source, wanted, found)| format!("{source}\n  wanted {wanted}\n  found  {found}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
