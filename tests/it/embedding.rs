//! Is the code of `docs/embedding.md` the example that is compiled and run?

use std::fs;
use std::path::Path;

const EXAMPLE: &str = "host/runtime/examples/embed.rs";
const PAGE: &str = "docs/embedding.md";
const BEGIN: &str = "<!-- example -->\n```rust\n";
const END: &str = "```\n<!-- end of example -->";

#[test]
fn the_page_shows_the_example() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let example = fs::read_to_string(root.join(EXAMPLE)).unwrap();
    let page = fs::read_to_string(root.join(PAGE)).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has a place for the example");
    let (shown, after) = rest.split_once(END).expect("the place for the example ends");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(root.join(PAGE), format!("{before}{BEGIN}{example}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        shown, example,
        "UPDATE_GENERATED=1 cargo test --test house brings {PAGE} up to date"
    );
}
