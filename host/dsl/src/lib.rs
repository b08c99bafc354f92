//! The `.wf` workflow language: text to tree to plan, findings, and the formatter.
//!
//! Nothing here reads files, clocks or the environment: text is an argument, findings are data.

pub mod ast;
mod ast_json;
pub mod attributes;
pub mod catalog;
mod check;
pub mod code;
pub mod compile;
pub mod diagnostic;
pub mod difference;
pub mod effective;
pub mod explain;
pub mod format;
pub mod graph;
pub mod inventory;
pub mod lexer;
pub mod library;
pub mod literal;
mod lower;
pub mod outline;
mod output_schema;
pub mod parser;
pub mod resolved;
mod sarif;
pub mod source;
pub mod surroundings;
pub mod token;
pub mod written;
mod yaml;

pub use ast_json::{ast_json, ast_schema};
pub use attributes::{check_attributes, not_carried_out};
pub use catalog::{ActionEntry, Actions, CALLED, Catalog, Lookup};
pub use code::Code;
pub use compile::{Compiled, DEFAULT_CALL_LEVELS, Options, compile};
pub use diagnostic::{Diagnostic, Elsewhere, Label, Severity, did_you_mean};
pub use explain::{Page, explain};
pub use format::format;
pub use library::{Library, WorkflowTexts, is_workflow_name};
pub use lower::lower;
pub use output_schema::{
    FailedMarker, Field, FieldKind, Judgement, Marker, OutputSchema, SchemaProblem, UNNAMED_MARKERS, Violation,
};
pub use parser::{ROOTS, condition_of, parse};
pub use resolved::Resolved;
pub use sarif::sarif;
pub use source::{Position, Source, Span};
pub use surroundings::{FileKind, FileList, FoundFile, FoundScript, Surroundings, is_contained};
