//! The tree as JSON, for `cofferdam ast`.

use crate::ast::File;

/// Returns the tree of a file as JSON, with the byte span of every part.
pub fn ast_json(file: &File) -> serde_json::Value {
    // The tree holds only texts, finite numbers, lists and maps with text keys: it always serialises.
    serde_json::to_value(file).unwrap_or_default()
}
