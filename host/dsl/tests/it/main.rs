//! Tests of the text side of the language.

mod actions;
mod ast_schema;
mod attributes;
mod bad_input;
mod check;
mod difference;
mod explain;
mod formatting;
mod generated;
mod graph;
mod inventory;
mod language;
mod lower;
mod mistakes;
mod output_schema;
mod plan_text;
mod project;
mod project_files;
mod properties;
mod rendering;
mod results;
mod samples;
mod sarif;
mod structure;
mod workflows;
