//! Tests of the text side of the language.

mod samples;
