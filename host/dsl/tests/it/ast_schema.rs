//! The published schema of the syntax tree: it is the one in `docs`, and every tree follows it.

use crate::generated::assert_generated;
use crate::samples::SAMPLES;
use cofferdam_dsl::{ast_json, ast_schema, parse};

#[test]
fn the_published_schema_is_that_of_the_tree() {
    let schema = serde_json::to_string_pretty(&ast_schema()).expect("a schema is JSON") + "\n";
    assert_generated("docs/ast.schema.json", &schema);
}

// row A16
#[test]
fn every_tree_follows_the_schema_and_damaged_ones_do_not() {
    let validator = jsonschema::validator_for(&ast_schema()).expect("a valid schema");
    let broken = "workflow w { call { } x = ( if a. { parallel [ } script s { run = \"a\" } = \"";
    let values = "workflow w { wait a { for = -1s  if = } if - { } set { a = } }";
    for (name, text) in SAMPLES.iter().chain([&("broken", broken), &("values", values)]) {
        let tree = ast_json(&parse(text).0);
        let errors: Vec<String> = validator
            .iter_errors(&tree)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
    }
    let mut tree = ast_json(&parse(SAMPLES[0].1).0);
    assert!(tree["items"][0]["span"]["start"].is_u64(), "{tree}");
    tree["items"][0]["span"]["start"] = "0".into();
    assert!(!validator.is_valid(&tree), "a span that is a text");
    let mut tree = ast_json(&parse(SAMPLES[0].1).0);
    tree.as_object_mut().expect("a map").remove("name");
    assert!(!validator.is_valid(&tree), "a file without a name");
}
