//! Whether the migrations lead to the schema that is written down.

use std::path::Path;
use tempfile::TempDir;

/// Set to write the golden file anew, after a migration was added.
const UPDATE: &str = "UPDATE_GOLDEN";

// row J13
#[test]
fn the_schema_is_the_golden_one() {
    let directory = TempDir::new().unwrap();
    drop(crate::open(directory.path(), "a"));
    let db = rusqlite::Connection::open(directory.path().join("state.db")).unwrap();
    let statements: Vec<String> = db
        .prepare("SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY tbl_name, type DESC, name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let schema = format!("{}\n", statements.join("\n\n"));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.sql");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&golden, &schema).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        schema == expected,
        "the migrations lead to another schema; if it should be so, run with {UPDATE}=1:\n{schema}"
    );
}
