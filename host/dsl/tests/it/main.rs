//! Tests of the text side of the language.

mod attributes;
mod formatting;
mod samples;
