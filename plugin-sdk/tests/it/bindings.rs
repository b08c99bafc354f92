//! Are the checked-in bindings those of the contract?
//!
//! `UPDATE_BINDINGS=1 cargo test -p cofferdam-plugin bindings` writes them anew after a change of `wit/plugin.wit`.

use std::path::Path;

use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::Resolve;

fn generate() -> String {
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/plugin.wit");
    let (package, _) = resolve.push_path(contract).expect("the contract parses");
    let world = resolve
        .select_world(&[package], Some("action-plugin"))
        .expect("the contract has the world");
    let options = wit_bindgen_rust::Opts {
        format: true,
        generate_all: true,
        pub_export_macro: true,
        runtime_path: Some("::wit_bindgen::rt".into()),
        default_bindings_module: Some("cofferdam_plugin::__private::bindings".into()),
        ..Default::default()
    };
    let mut files = Files::default();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .expect("the bindings can be generated");
    let (_, text) = files.iter().next().expect("the generator writes one file");
    let text = std::str::from_utf8(text).expect("source code is text");
    // The runtime is found by its path inside this crate, not in the crate of the author.
    format!("//! How do Rust values cross the border of a component? Generated from `wit/plugin.wit`.\n\n{text}")
}

#[test]
fn are_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bindings.rs");
    let generated = generate();
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        std::fs::write(&path, generated).expect("the bindings can be written");
        return;
    }
    let present = std::fs::read_to_string(&path).expect("the bindings are checked in");
    assert!(
        present == generated,
        "src/bindings.rs is not what wit/plugin.wit says: UPDATE_BINDINGS=1 cargo test -p cofferdam-plugin bindings"
    );
}
