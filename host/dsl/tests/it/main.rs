//! Tests of the text side of the language.

mod attributes;
mod bad_input;
mod explain;
mod formatting;
mod properties;
mod rendering;
mod samples;
