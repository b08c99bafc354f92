//! What may a component say about itself, and what may be wrong with its bytes?

use crate::Claim;
use crate::chance::Chance;
use crate::guests::{Guest, call, limits};
use cofferdam_wasm::{LimitName, LoadError, Sandbox, SandboxOptions, Verdict};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// A sandbox, and a component with room for a description.
pub(crate) struct Bench {
    sandbox: Sandbox,
    runtime: Arc<Runtime>,
    bytes: Arc<Vec<u8>>,
    /// Where the description lies in it.
    spec: usize,
}

/// As much as the layout of the guest leaves.
const ROOM: usize = 2048;
const SPEC: &str = r##"{"params": {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}}, "output": {"type": "object"}, "needs": [{"kind": "read", "path": "/src"}, {"kind": "network", "url": "https://api.example.org", "methods": ["GET"]}, {"kind": "secret", "name": "x", "optional": true}], "retry": "transient", "dry-run": "aware", "on-lost": "ask", "examples": [{"params": {"a": "b"}}]}"##;
const PIECES: &[&str] = &[
    "null",
    "0",
    "-1",
    "1e999",
    "[]",
    "{}",
    "\"\"",
    "\"object\"",
    "[[[[[[[[[[[[[[[[[[[[",
    "{\"a\":",
    "\\u0000",
    "\\ud800",
    "\"$ref\": \"https://example.org\"",
    "\"kind\"",
    "\"netwrok\"",
    "\"../..\"",
    "\"\\u001b[2J\"",
    ",",
    ":",
    "}",
    "]",
    "\"",
    "true",
    "\"needs\"",
    "\"params\"",
    "é",
    "18446744073709551616",
];

impl Bench {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new(&SandboxOptions {
            slots: 4,
            ..SandboxOptions::default()
        });
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let mut spec = SPEC.to_owned();
        spec.push_str(&" ".repeat(ROOM - SPEC.len()));
        let bytes = Guest {
            spec: spec.clone(),
            ..Guest::default()
        }
        .component();
        let spec = bytes.windows(64).position(|window| window == &spec.as_bytes()[..64]);
        Self {
            sandbox: sandbox.expect("this machine runs guests"),
            runtime: Arc::new(runtime.expect("this machine has threads")),
            bytes: Arc::new(bytes),
            spec: spec.expect("the description is in the component"),
        }
    }

    /// Returns the claim about what a component says about itself.
    pub(crate) fn descriptions(&self) -> Claim {
        let (bytes, at, load) = (Arc::clone(&self.bytes), self.spec, self.loader());
        Box::new(move |chance| {
            let spec = description(chance);
            let mut component = bytes.to_vec();
            component[at..at + ROOM].fill(b' ');
            component[at..at + spec.len()].copy_from_slice(spec.as_bytes());
            load(component).map_err(|reason| format!("{reason}\n--- spec\n{spec}"))
        })
    }

    /// Returns the claim about bytes that are damaged.
    pub(crate) fn damaged(&self) -> Claim {
        let (bytes, load) = (Arc::clone(&self.bytes), self.loader());
        Box::new(move |chance| load(damage(&bytes, chance)))
    }

    /// Returns what loads a component and runs what it offers: refused with a reason, or a verdict that is no fault of the host.
    fn loader(&self) -> impl Fn(Vec<u8>) -> Result<(), String> + use<> {
        let (sandbox, runtime) = (self.sandbox.clone(), Arc::clone(&self.runtime));
        move |bytes| {
            runtime.block_on(async {
                match sandbox.load(bytes.into()).await {
                    Err(LoadError::Host(reason)) => Err(format!("a fault of the host: {reason}")),
                    Err(refused) => {
                        let shown = refused.to_string();
                        if shown.is_empty() || shown.chars().any(char::is_control) {
                            return Err(format!("a message that is none: {shown:?}"));
                        }
                        Ok(())
                    }
                    Ok(component) => {
                        for action in component.actions().iter().take(4) {
                            let Some(action) = component.action(&action.name) else {
                                return Err(format!("`{}` is described and not there", action.name));
                            };
                            let limits = limits(&[(LimitName::Wall, 2_000), (LimitName::Cpu, 500)]);
                            if let Verdict::HostFault(reason) = action.run(call(&limits)).await.verdict {
                                return Err(format!("a fault of the host: {reason}"));
                            }
                        }
                        Ok(())
                    }
                }
            })
        }
    }
}

fn description(chance: &mut Chance) -> String {
    let mut spec = SPEC.to_owned();
    for _ in 0..=chance.below(5) {
        let at = spec.floor_char_boundary(chance.below(spec.len() + 1));
        let end = spec.floor_char_boundary((at + chance.below(24)).min(spec.len()));
        match chance.below(3) {
            0 => spec.replace_range(at..end, ""),
            1 => spec.insert_str(at, chance.word(PIECES)),
            _ => spec.replace_range(at..end, chance.word(PIECES)),
        }
    }
    spec.truncate(spec.floor_char_boundary(ROOM));
    spec
}

fn damage(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len());
        match chance.below(6) {
            0 => bytes.truncate(at.max(9)),
            1 => {
                let end = (at + chance.below(64)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = chance.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            2 => {
                let end = (at + chance.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => bytes[at] = *chance.one(&[0, 0x7f, 0x80, 0xff, 0x0b, 0x40]),
            _ => bytes[at] ^= 1 << chance.below(8),
        }
    }
    bytes
}
