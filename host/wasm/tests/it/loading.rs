//! Which bytes are taken as a component, and what the others are told.

use crate::guests::{Guest, call, componentize, limits, output, sandbox};
use cofferdam_wasm::{CompileLimits, Compiler, LoadError, Sandbox, SandboxOptions, Unfit};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

async fn refused(bytes: impl AsRef<[u8]>) -> LoadError {
    sandbox().load(bytes.as_ref().into()).await.unwrap_err()
}

// hostile 26, hostile 32
#[tokio::test]
async fn what_is_no_component_is_named() {
    assert_eq!(refused("").await.to_string(), "not WebAssembly but an empty file");
    assert_eq!(
        refused("#!/bin/sh").await.to_string(),
        "not WebAssembly but something else"
    );
    assert_eq!(
        refused("\x7fELF and so on").await.to_string(),
        "not WebAssembly but a native program or library"
    );
    assert_eq!(
        refused("(component)").await.to_string(),
        "not WebAssembly but WebAssembly as text"
    );
    let core = refused(wat::parse_str("(module)").unwrap()).await;
    assert_eq!(core.code(), "CF0502");
    assert_eq!(
        core.to_string(),
        "a core module, not a component: build it for wasm32-wasip2 with `cofferdam plugin build`"
    );
    let whole = Guest::default().component();
    assert_eq!(refused(&whole[..whole.len() - 10]).await.code(), "CF0501");
    let compiled = wasmtime::Engine::default().precompile_component(&whole).unwrap();
    assert!(matches!(refused(compiled).await, LoadError::Unfit(Unfit::Compiled)));
}

#[tokio::test]
async fn a_component_that_offers_nothing_is_told_why() {
    let empty = refused(wat::parse_str("(component)").unwrap()).await;
    assert_eq!(empty.code(), "CF0504");
    assert_eq!(
        empty.to_string(),
        "exports nothing that Cofferdam knows: is plugin!(..) at the end of src/lib.rs missing?"
    );
}

// Beyond WASM-NOTES section 4: names as long as their author likes, as many as fit.
#[tokio::test]
async fn what_does_not_fit_is_told_within_bounds() {
    let import = |number: usize| format!("(import \"acme:thing/{}{number}\" (instance))", "x".repeat(500));
    let imports: String = (0..1_000).map(import).collect();
    let refused = refused(wat::parse_str(format!("(component {imports})")).unwrap()).await;
    let LoadError::Mismatch(mismatches) = &refused else {
        panic!("{refused}");
    };
    assert_eq!(mismatches.len(), 51);
    assert_eq!(mismatches.last().map(String::as_str), Some("and more of the kind"));
    assert!(refused.to_string().len() < 20_000);
}

// row B15
#[tokio::test]
async fn another_version_of_the_contract_is_refused_with_both_versions_and_every_mismatch() {
    let newer = |text: &str| {
        text.replace("cofferdam:plugin@0.1.0", "cofferdam:plugin@0.2.0")
            .replace("@0.1.0", "@0.2.0")
    };
    let guest = Guest::running("(call $answer (i32.const 0) (call $number))")
        .importing(r#"(import "cofferdam:plugin/attempt@0.1.0" "number" (func $number (result i32)))"#);
    let bytes = componentize(
        &newer(&guest.core()),
        &newer(include_str!("wasi.wit")),
        &newer(include_str!("../../../../wit/plugin.wit")),
        "hostile",
    );
    let LoadError::Mismatch(mismatches) = refused(bytes).await else {
        panic!("loaded")
    };
    assert!(
        mismatches.contains(
            &"imports `cofferdam:plugin/attempt@0.2.0`; this host speaks cofferdam:plugin 0.1.0: it needs a newer Cofferdam"
                .to_owned()
        ),
        "{mismatches:#?}"
    );
    assert!(
        mismatches.contains(
            &"exports `cofferdam:plugin/actions@0.2.0`; this host speaks cofferdam:plugin 0.1.0: it needs a newer Cofferdam"
                .to_owned()
        ),
        "{mismatches:#?}"
    );
}

#[tokio::test]
async fn a_patch_release_of_the_contract_is_understood() {
    let patch = |text: &str| {
        text.replace("cofferdam:plugin@0.1.0", "cofferdam:plugin@0.1.3")
            .replace("@0.1.0", "@0.1.3")
    };
    let bytes = componentize(
        &patch(&Guest::default().core()),
        &patch(include_str!("wasi.wit")),
        &patch(include_str!("../../../../wit/plugin.wit")),
        "hostile",
    );
    let component = sandbox().load(bytes.into()).await.unwrap();
    output(&component.action("go").unwrap().run(call(&limits(&[]))).await);
}

// hostile 26
#[tokio::test]
async fn unknown_imports_and_changed_types_are_told() {
    let unknown =
        r#"(component (import "acme:thing/x@1.0.0" (instance)) (import "wasi:keyvalue/store@0.2.0" (instance)))"#;
    let error = refused(wat::parse_str(unknown).unwrap()).await;
    assert_eq!(
        error.to_string(),
        "does not fit this host: imports `acme:thing/x@1.0.0`, which is no interface of this host; \
         imports `wasi:keyvalue/store@0.2.0`, which is no interface of this host"
    );
    let contract = include_str!("../../../../wit/plugin.wit");
    let more = contract.replace(
        "  get: func(name: string) -> option<json>;",
        "  get: func(name: string) -> option<json>;\n  mood: func() -> u32;",
    );
    let guest = Guest::running("(call $answer (i32.const 0) (call $mood))")
        .importing(r#"(import "cofferdam:plugin/attempt@0.1.0" "mood" (func $mood (result i32)))"#);
    let error = refused(componentize(&guest.core(), include_str!("wasi.wit"), &more, "hostile")).await;
    assert!(
        error
            .to_string()
            .contains("imports `mood` of `cofferdam:plugin/attempt`"),
        "{error}"
    );
    let other = contract.replace("    context: option<string>,", "    context: string,");
    let error = refused(componentize(
        &Guest::default().core(),
        include_str!("wasi.wit"),
        &other,
        "hostile",
    ))
    .await;
    assert_eq!(error.code(), "CF0505", "{error}");
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

// row E10, hostile 28, hostile 30, hostile 31
#[tokio::test]
async fn bombs_for_the_compiler_are_refused_at_a_glance() {
    let mut nested = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..20_000 {
        nested = [b"\0asm\x0d\0\x01\0\x04", leb(nested.len()).as_slice(), &nested].concat();
    }
    let functions = wat::parse_str(format!("(component (core module {}))", "(func)".repeat(100_000))).unwrap();
    let body = wat::parse_str(format!("(component (core module (func {})))", "nop ".repeat(1_100_000))).unwrap();
    let imports: String = (0..3_000)
        .map(|n| format!("(import \"a:b/c{n}\" (instance))"))
        .collect();
    let imports = wat::parse_str(format!("(component {imports})")).unwrap();
    let modules = wat::parse_str(format!("(component {})", "(core module)".repeat(100))).unwrap();
    let needs = "(import \"a\" \"b\" (func))".repeat(100_000);
    let needs = wat::parse_str(format!("(component (core module {needs}))")).unwrap();
    let inside =
        |item: &str, count: usize| wat::parse_str(format!("(component (core module {}))", item.repeat(count))).unwrap();
    let custom = |bytes: usize| {
        // The name of the section is "x".
        let size = leb(bytes + 2);
        [b"\0asm\x0d\0\x01\0\0".as_slice(), &size, b"\x01x", &vec![0; bytes]].concat()
    };
    for (bytes, what) in [
        (nested, "levels of nesting"),
        (functions, "functions"),
        (body, "bytes in one function"),
        (imports, "imports and exports"),
        (modules, "modules"),
        (needs, "imports and exports of modules"),
        (inside("(type (func))", 60_000), "types"),
        (inside("(global i32 (i32.const 0))", 110_000), "definitions"),
        (custom(17 << 20), "bytes in custom sections"),
        (custom(65 << 20), "bytes"),
    ] {
        let error = refused(bytes).await;
        assert!(
            matches!(&error, LoadError::Unfit(Unfit::TooLarge { what: found, .. }) if *found == what),
            "{error}"
        );
        assert_eq!(error.code(), "CF0503");
    }
}

// hostile 27
#[tokio::test]
async fn flipped_bits_never_do_more_than_fail() {
    let sandbox = sandbox();
    let whole = Guest::default().component();
    let mut refused = 0;
    for step in 0..60 {
        let mut bytes = whole.clone();
        let place = 8 + (step * 7919) % (bytes.len() - 8);
        bytes[place] ^= 1 << (step % 8);
        match sandbox.load(bytes.into()).await {
            Err(_) => refused += 1,
            Ok(component) => {
                for action in component.actions() {
                    let report = component.action(&action.name).unwrap().run(call(&limits(&[]))).await;
                    assert!(
                        !format!("{:?}", report.verdict).contains("HostFault"),
                        "{:?}",
                        report.verdict
                    );
                }
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

// row E10, hostile 6, hostile 8, hostile 29
#[tokio::test]
async fn what_no_pool_could_hold_is_refused_when_it_is_loaded() {
    let wide = wat::parse_str("(component (core module (memory i64 16777216)))").unwrap();
    let memories = wat::parse_str(format!("(component (core module {}))", "(memory 1)".repeat(10))).unwrap();
    let instances = "(core instance (instantiate $empty))".repeat(200);
    let instances = wat::parse_str(format!("(component (core module $empty) {instances})")).unwrap();
    let mut doubling = "(type $t0 (tuple string string))".to_owned();
    for level in 1..40 {
        let below = level - 1;
        doubling.push_str(&format!("(type $t{level} (tuple $t{below} $t{below}))"));
    }
    let doubling = wat::parse_str(format!(
        "(component {doubling} (import \"go\" (func (param \"value\" $t39))))"
    ))
    .unwrap();
    let mut deep = "(type $t0 (list string))".to_owned();
    for level in 1..300 {
        deep.push_str(&format!("(type $t{level} (list $t{}))", level - 1));
    }
    let deep = wat::parse_str(format!(
        "(component {deep} (import \"go\" (func (param \"value\" $t299))))"
    ))
    .unwrap();
    for (bytes, what) in [
        (wide, "64"),
        (memories, "memories"),
        (instances, "instances"),
        (doubling, "type"),
        (deep, "type"),
    ] {
        let error = refused(bytes).await;
        assert!(
            matches!(&error, LoadError::Compile(reason) if reason.contains(what)),
            "{what}: {error:?}"
        );
    }
}

// row E10, hostile 28
// key limits.compile.wall
#[tokio::test]
async fn a_compiler_that_takes_too_much_or_breaks_is_the_end_of_one_component() {
    let load = |program: &str, wall| {
        let sandbox = Sandbox::new(&SandboxOptions {
            slots: 1,
            compiler: Compiler::Process {
                program: program.into(),
                arguments: Vec::new(),
                limits: CompileLimits {
                    wall: Duration::from_millis(wall),
                    ..CompileLimits::default()
                },
            },
            ..SandboxOptions::default()
        });
        async move {
            let error = sandbox
                .unwrap()
                .load(Guest::default().component().into())
                .await
                .unwrap_err();
            assert_eq!(error.code(), "CF0509");
            error.to_string()
        }
    };
    // It would sleep for seventy years.
    assert_eq!(
        load("sleep", 200).await,
        "cannot be compiled: compiling it takes longer than 200ms; `compile = { wall = \"..\" }` of [limits] allows more"
    );
    for (program, wall) in [("false", 60_000), ("cat", 60_000), ("echo", 60_000)] {
        assert_eq!(
            load(program, wall).await,
            "cannot be compiled: the compiler broke down or was stopped; it may take 2048 MiB, and \
             `compile = { memory = \"..\" }` of [limits] allows more",
            "{program}"
        );
    }
    assert!(
        load("there-is-no-such-program", 60_000)
            .await
            .contains("cannot be started")
    );
}

#[tokio::test]
async fn compiled_code_is_kept_and_made_anew_when_it_was_touched() {
    let root = tempfile::tempdir().unwrap();
    let vault = root.path().join("code");
    let open = || {
        Sandbox::new(&SandboxOptions {
            slots: 2,
            vault: Some(vault.clone()),
            ..SandboxOptions::default()
        })
        .unwrap()
    };
    let bytes = Guest::default().component();
    let run = async || {
        let component = open().load(bytes.clone().into()).await.unwrap();
        output(&component.action("go").unwrap().run(call(&limits(&[]))).await).to_json()
    };
    let files = || {
        let mut files: Vec<_> = std::fs::read_dir(&vault)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    };
    assert_eq!(run().await, r#"{"n":1}"#);
    let kept = files();
    assert_eq!(kept.len(), 3, "a key, code and a description: {kept:?}");
    let modified: Vec<_> = kept
        .iter()
        .map(|file| std::fs::metadata(file).unwrap().modified().unwrap())
        .collect();
    assert_eq!(run().await, r#"{"n":1}"#);
    let again: Vec<_> = kept
        .iter()
        .map(|file| std::fs::metadata(file).unwrap().modified().unwrap())
        .collect();
    assert_eq!(modified, again, "nothing is made anew when all is well");
    for file in kept.iter().filter(|file| file.extension().is_some()) {
        std::fs::write(file, "not what it was").unwrap();
    }
    assert_eq!(run().await, r#"{"n":1}"#);
    assert_eq!(files(), kept);
    for file in &kept {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
