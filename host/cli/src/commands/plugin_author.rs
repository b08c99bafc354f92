//! Writing plugins: `plugin new` and `plugin build`.

use super::plugin::{accept_what_was_built, from_file};
use crate::arguments::{PluginBuild, PluginNew};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Station;
use crate::talk::{counted, say, size};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

// `SDK_FILES`, written by the build script: the sources of cofferdam-plugin as they are when this binary is built.
include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// Where `plugin new` puts the SDK, so that a plugin builds without it being published.
const SDK_DIRECTORY: &str = "cofferdam-plugin";

/// The manifests of the copy: those of the repository refer to its workspace.
const SDK_MANIFEST: &str = r#"[package]
name = "cofferdam-plugin"
version = "{{version}}"
edition = "2024"
description = "Write Cofferdam plugins in Rust"
license = "MIT OR Apache-2.0"
publish = false
autotests = false

[dependencies]
cofferdam-plugin-macros = { path = "macros" }
schemars = "1.2"
serde = { version = "1.0", features = ["derive", "rc"] }
serde_json = "1.0"
serde_path_to_error = "0.1"

[target.'cfg(target_arch = "wasm32")'.dependencies]
wit-bindgen = { version = "=0.61.1", default-features = false, features = ["realloc", "std"] }
"#;
const MACROS_MANIFEST: &str = r#"[package]
name = "cofferdam-plugin-macros"
version = "{{version}}"
edition = "2024"
description = "Macros of cofferdam-plugin"
license = "MIT OR Apache-2.0"
publish = false

[lib]
proc-macro = true

[dependencies]
proc-macro2 = "1.0"
quote = "1.0"
syn = { version = "2.0", features = ["full", "extra-traits"] }
"#;

const TEMPLATE_MANIFEST: &str = include_str!("../../../../plugin-sdk/template/Cargo.toml.in");
const TEMPLATE_LIB: &str = include_str!("../../../../plugin-sdk/template/src/lib.rs");
const TEMPLATE_CASES: &str = include_str!("../../../../plugin-sdk/template/tests/count.toml");
const IGNORED: &str = "/target/\n";

/// Starts a new plugin.
pub(crate) fn new(arguments: &PluginNew) -> Outcome {
    let name = &arguments.name;
    if !is_plugin_name(name) {
        let failure = Failure::new(Exit::Usage, format!("`{name}` cannot name a plugin"));
        return Err(failure.hint("use lower-case letters, digits and single hyphens, beginning with a letter"));
    }
    if crate::builtin::names().any(|built_in| built_in == name) {
        let failure = Failure::new(
            Exit::Usage,
            format!("`{name}` is the name of a plugin that is built in"),
        )
        .code("CF0507");
        return Err(failure.hint("names of built-in plugins are reserved: choose another"));
    }
    let root = Path::new(name);
    if root.exists() {
        return Err(Failure::new(
            Exit::Refused,
            format!("`{name}` is there already; it was not touched"),
        ));
    }
    let sdk = match &arguments.sdk {
        Some(directory) => {
            let directory = directory.canonicalize().map_err(|error| {
                Failure::new(
                    Exit::Usage,
                    format!("cannot use the SDK in `{}`: {error}", directory.display()),
                )
            })?;
            toml_path(&directory)
        }
        None => toml_path(Path::new(SDK_DIRECTORY)),
    };
    let manifest = TEMPLATE_MANIFEST
        .replace("{{name}}", name)
        .replace("{{description}}", "Counts the words of a text")
        .replace("{{sdk}}", &sdk);
    // An own workspace, so that the plugin can be started inside of any other.
    write(
        &root.join("Cargo.toml"),
        &format!("{}\n[workspace]\n", manifest.trim_end_matches('\n')),
    )?;
    write(&root.join("src/lib.rs"), TEMPLATE_LIB)?;
    write(&root.join("tests/count.toml"), TEMPLATE_CASES)?;
    write(&root.join(".gitignore"), IGNORED)?;
    if arguments.sdk.is_none() {
        let version = env!("CARGO_PKG_VERSION");
        let at = root.join(SDK_DIRECTORY);
        write(&at.join("Cargo.toml"), &SDK_MANIFEST.replace("{{version}}", version))?;
        write(
            &at.join("macros/Cargo.toml"),
            &MACROS_MANIFEST.replace("{{version}}", version),
        )?;
        for (path, content) in SDK_FILES {
            write(&at.join(path), content)?;
        }
    }
    say(format!("made {name}/: src/lib.rs is the plugin"));
    say(format!("  cd {name}"));
    say("  cargo test                    tests it natively");
    say("  cofferdam plugin build        makes the component");
    Ok(Exit::Done)
}

/// Returns whether a plugin can be called this.
pub(crate) fn is_plugin_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .split('-')
            .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

fn toml_path(path: &Path) -> String {
    format!("{{ path = {:?} }}", path.display().to_string())
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Usage, format!("cannot write `{}`: {error}", path.display()));
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    std::fs::write(path, content).map_err(failed)
}

/// Builds the plugin in a directory.
pub(crate) async fn build(station: &Station, arguments: &PluginBuild) -> Outcome {
    let manifest = arguments.directory.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|error| {
        Failure::new(Exit::Usage, format!("cannot read `{}`: {error}", manifest.display()))
            .hint("start a plugin: cofferdam plugin new NAME")
    })?;
    let parsed: toml::Table = toml::from_str(&text)
        .map_err(|error| Failure::new(Exit::Invalid, format!("{}: {error}", manifest.display())))?;
    let name = parsed
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str);
    let Some(name) = name else {
        return Err(Failure::new(
            Exit::Invalid,
            format!("{} is of no package", manifest.display()),
        ));
    };
    let is_cdylib = parsed
        .get("lib")
        .and_then(|lib| lib.get("crate-type"))
        .and_then(toml::Value::as_array)
        .is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib")));
    if !is_cdylib {
        let failure = Failure::new(
            Exit::Invalid,
            "no component can be made: Cargo.toml needs [lib] crate-type = [\"cdylib\"]",
        );
        return Err(failure.hint(format!("add it to {}", manifest.display())));
    }
    install_target()?;
    let began = Instant::now();
    let status = Command::new("cargo")
        .args(["build", "--release", "--target", "wasm32-wasip2"])
        .current_dir(&arguments.directory)
        .status()
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot start cargo: {error}")).hint("install Rust"))?;
    if !status.success() {
        return Err(Failure::new(
            Exit::Invalid,
            "the plugin does not build; cargo says why above",
        ));
    }
    let built = began.elapsed();
    let file = component_of(&arguments.directory, name)?;
    let sandbox = station.sandbox()?;
    let began = Instant::now();
    let plugin = from_file(station, &sandbox, &file).await?;
    let loaded = began.elapsed();
    let shown = station.short(&file);
    let actions = counted(plugin.component.actions().len() as u64, "action");
    say(format!(
        "{shown}: {}, {actions}, built in {:.1} s, compiles in {} ms",
        size(plugin.component.size()),
        built.as_secs_f64(),
        loaded.as_millis()
    ));
    accept_what_was_built(station, &plugin, arguments.to.is_some())?;
    if let Some(directory) = &arguments.to {
        std::fs::create_dir_all(directory).map_err(|error| Failure::of(Exit::Usage, error))?;
        let target = directory.join(format!("{name}.wasm"));
        // Written aside and renamed: whoever watches the directory sees the old component or the new one.
        let aside = directory.join(format!(".{name}.wasm.new"));
        std::fs::copy(&file, &aside)
            .and_then(|_| std::fs::rename(&aside, &target))
            .map_err(|error| Failure::new(Exit::Usage, format!("cannot write `{}`: {error}", target.display())))?;
        say(format!("copied to {}", target.display()));
    } else {
        say(format!(
            "  cofferdam plugin run {shown} --params '{{..}}'      tries it"
        ));
        say("  cofferdam plugin build --to plugins           puts it where workflows find it");
    }
    Ok(Exit::Done)
}

/// Installs the target that components are built for, if rustup is there and it is missing.
fn install_target() -> Result<(), Failure> {
    let Ok(listed) = Command::new("rustup").args(["target", "list", "--installed"]).output() else {
        return Ok(());
    };
    if String::from_utf8_lossy(&listed.stdout)
        .lines()
        .any(|line| line == "wasm32-wasip2")
    {
        return Ok(());
    }
    say("installing the target wasm32-wasip2: rustup target add wasm32-wasip2");
    let added = Command::new("rustup").args(["target", "add", "wasm32-wasip2"]).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => Err(
            Failure::new(Exit::Usage, "the target wasm32-wasip2 could not be installed")
                .hint("rustup target add wasm32-wasip2"),
        ),
    }
}

/// Returns the file that cargo wrote.
fn component_of(directory: &Path, name: &str) -> Result<PathBuf, Failure> {
    let metadata = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(directory)
        .output();
    let metadata = metadata.map_err(|error| Failure::new(Exit::Usage, format!("cannot start cargo: {error}")))?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&metadata.stdout).map_err(|error| Failure::of(Exit::Internal, error))?;
    let target = metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("target");
    let file = Path::new(target)
        .join("wasm32-wasip2/release")
        .join(format!("{}.wasm", name.replace('-', "_")));
    if file.is_file() {
        Ok(file)
    } else {
        Err(
            Failure::new(Exit::Invalid, format!("cargo made no `{}`", file.display()))
                .hint("Cargo.toml needs [lib] crate-type = [\"cdylib\"]"),
        )
    }
}
