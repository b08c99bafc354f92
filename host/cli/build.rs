//! Puts the first-party plugins into the binary, if `cargo xtask plugins` has built them. Never runs cargo itself.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=COFFERDAM_PLUGINS");
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_DIR");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
    let directory = env::var_os("COFFERDAM_PLUGINS").map_or_else(|| target.join("plugins"), PathBuf::from);
    // It is made if it is missing: a directory that is not there cannot be watched, and plugins built later would not
    // be noticed. A read-only target directory has no plugins to notice.
    let _ = fs::create_dir_all(&directory);
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    files.sort();
    let mut source = String::from("const NAMES_AND_BYTES: &[(&str, &[u8])] = &[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase()
            .replace('_', "-");
        let path = file.canonicalize().unwrap_or_else(|_| file.clone());
        writeln!(
            source,
            "    ({name:?}, include_bytes!({:?}) as &[u8]),",
            path.display().to_string()
        )
        .expect("writing to a string");
    }
    source.push_str("];\n");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("builtin_plugins.rs"), source).expect("cargo's output directory can be written");
    let sdk = root.join("plugin-sdk");
    let mut source = String::from("const SDK_FILES: &[(&str, &str)] = &[\n");
    for directory in ["src", "macros/src"] {
        println!("cargo::rerun-if-changed={}", sdk.join(directory).display());
        for file in rust_files(&sdk.join(directory)) {
            let path = file.canonicalize().unwrap_or_else(|_| file.clone());
            let name = file.strip_prefix(&sdk).unwrap_or(&file).display().to_string();
            writeln!(
                source,
                "    ({name:?}, include_str!({:?})),",
                path.display().to_string()
            )
            .expect("writing to a string");
        }
    }
    source.push_str("];\n");
    fs::write(Path::new(&out).join("sdk_files.rs"), source).expect("cargo's output directory can be written");
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
