//! Tells the tasks which machine they run on.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!(
        "cargo::rustc-env=XTASK_HOST={}",
        std::env::var("HOST").expect("cargo sets HOST")
    );
}
