//! How the guests of these tests are made: the text of a core module becomes a component with one world for all.

use cofferdam_engine::Data;
use cofferdam_wasm::{
    Action, AttemptCall, AttemptInfo, Authority, CancelFlag, Component, Effective, LimitName, Limits, LoadError,
    LogLine, Observer, Progress, Report, Sandbox, SandboxOptions, Verdict,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A core module that answers `{}` to the action `go`, unless told otherwise.
pub(crate) struct Guest {
    /// Imports, before everything else.
    pub(crate) imports: String,
    /// Further definitions.
    pub(crate) items: String,
    /// The body of `run`, with the parameters `$action $action_len $params $params_len`.
    pub(crate) run: String,
    /// The body of `describe`, which returns the address of a list.
    pub(crate) describe: String,
    /// The specification of the action.
    pub(crate) spec: String,
    /// The name of the action.
    pub(crate) action: String,
    /// The limits of the memory, in pages.
    pub(crate) memory: &'static str,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: String::new(),
            items: String::new(),
            run: "(call $answer (local.get $params) (local.get $params_len))".to_owned(),
            describe: "(i32.const 40)".to_owned(),
            spec: "{}".to_owned(),
            action: "go".to_owned(),
            memory: "1",
        }
    }
}

const ACTIONS: &str = "cofferdam:plugin/actions@0.1.0";

impl Guest {
    /// Returns a guest whose `run` does this.
    pub(crate) fn running(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            ..Self::default()
        }
    }

    /// Returns the guest with these imports.
    pub(crate) fn importing(self, imports: &str) -> Self {
        Self {
            imports: imports.to_owned(),
            ..self
        }
    }

    /// Returns the guest with these definitions.
    pub(crate) fn with(self, items: &str) -> Self {
        Self {
            items: items.to_owned(),
            ..self
        }
    }

    /// Returns the text of the core module.
    ///
    /// The list of descriptors is at 40, its descriptor at 48, their texts from 1024, results from 128, what the host
    /// allocates from 16384.
    pub(crate) fn core(&self) -> String {
        let Self {
            imports,
            items,
            run,
            describe,
            spec,
            action,
            memory,
        } = self;
        let (name_len, spec_len) = (action.len(), spec.len());
        let summary = "Does it.";
        let summary_len = summary.len();
        let number = |number: usize| {
            number.to_le_bytes()[..4]
                .iter()
                .map(|byte| format!("\\{byte:02x}"))
                .collect::<String>()
        };
        let descriptor: String = [1024, name_len, 1100, summary_len, 1200, spec_len]
            .into_iter()
            .map(number)
            .collect();
        let list = number(48) + &number(1);
        let escaped = spec.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {memory})
                (global $heap (mut i32) (i32.const 16384))
                (data (i32.const 40) "{list}")
                (data (i32.const 48) "{descriptor}")
                (data (i32.const 1024) "{action}")
                (data (i32.const 1100) "{summary}")
                (data (i32.const 1200) "{escaped}")
                {items}
                (func $answer (param $text i32) (param $len i32) (result i32)
                    (i32.store8 (i32.const 128) (i32.const 0))
                    (i32.store (i32.const 136) (local.get $text))
                    (i32.store (i32.const 140) (local.get $len))
                    (i32.const 128))
                (func (export "cabi_realloc") (param i32 i32 i32) (param $len i32) (result i32) (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
                    (global.set $heap (i32.add (local.get $at) (local.get $len)))
                    (block $room
                        (br_if $room (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
                        (drop (memory.grow (i32.add (i32.div_u (local.get $len) (i32.const 65536)) (i32.const 1)))))
                    (local.get $at))
                (func $describe (export "{ACTIONS}#describe") (result i32) {describe})
                (func $run (export "{ACTIONS}#run")
                    (param $action i32) (param $action_len i32) (param $params i32) (param $params_len i32) (result i32)
                    {run}))"#
        )
    }

    /// Returns the component.
    pub(crate) fn component(&self) -> Vec<u8> {
        componentize(
            &self.core(),
            include_str!("wasi.wit"),
            include_str!("../../../../wit/plugin.wit"),
            "hostile",
        )
    }

    /// Returns the component, loaded.
    pub(crate) async fn load(&self, sandbox: &Sandbox) -> Result<Arc<Component>, LoadError> {
        sandbox.load(self.component().into()).await
    }

    /// Returns the action of the loaded component.
    pub(crate) async fn action(&self, sandbox: &Sandbox) -> Action {
        self.load(sandbox).await.unwrap().action(&self.action).unwrap()
    }

    /// Runs one attempt and returns how it ended.
    pub(crate) async fn verdict(&self, limits: &Limits) -> Verdict {
        let action = self.action(&sandbox()).await;
        action.run(call(limits)).await.verdict
    }
}

/// Makes a component of a core module and the world that it was written for.
pub(crate) fn componentize(core: &str, world_text: &str, contract: &str, world: &str) -> Vec<u8> {
    let mut module = wat::parse_str(core).unwrap();
    let mut resolve = Resolve::default();
    resolve.push_str("plugin.wit", contract).unwrap();
    let package = resolve.push_str("test.wit", world_text).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// Returns a sandbox for a few guests.
pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(&SandboxOptions {
        slots: 4,
        ..SandboxOptions::default()
    })
    .unwrap()
}

/// Returns limits that end a test soon.
pub(crate) fn limits(overrides: &[(LimitName, u64)]) -> Limits {
    let tight = [(LimitName::Wall, 20_000), (LimitName::Memory, 16 * 1024 * 1024)];
    Limits::default()
        .merge(tight)
        .unwrap()
        .merge(overrides.iter().copied())
        .unwrap()
}

/// Returns an attempt that may touch nothing.
pub(crate) fn call(limits: &Limits) -> AttemptCall {
    AttemptCall {
        params: Data::map([("n", Data::Int(1))]),
        attempt: AttemptInfo {
            number: 1,
            delivery: 1,
            ..AttemptInfo::default()
        },
        grants: Arc::new(Effective::nothing()),
        settings: Arc::new(BTreeMap::new()),
        limits: limits.clone(),
        observer: Arc::new(Ear::default()),
        cancel: CancelFlag::default(),
        authority: Authority::unlimited(),
    }
}

/// Remembers what a guest says.
#[derive(Default)]
pub(crate) struct Ear {
    pub(crate) lines: Mutex<Vec<LogLine>>,
    pub(crate) progress: Mutex<Vec<Progress>>,
}

impl Observer for Ear {
    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line);
    }

    fn progress(&self, progress: &Progress) {
        self.progress.lock().unwrap().push(progress.clone());
    }
}

/// Returns the output of an attempt that must have completed.
pub(crate) fn output(report: &Report) -> &Data {
    match &report.verdict {
        Verdict::Completed(outcome) => &outcome.output,
        other => panic!("{other:#?}"),
    }
}
