//! Tests of the text side of the language.

mod actions;
mod attributes;
mod bad_input;
mod check;
mod explain;
mod formatting;
mod graph;
mod lower;
mod plan_text;
mod properties;
mod rendering;
mod samples;
