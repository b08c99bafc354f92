//! How is a regular expression of a workflow compiled without letting it take all the memory?

use cofferdam_plugin::Failure;
use regex::{Regex, RegexBuilder};

/// Largest compiled program; the expressions of people stay below a tenth of it.
const PROGRAM_BYTES: usize = 4 << 20;

/// Compiles an expression, or says what is wrong with it.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Failure> {
    RegexBuilder::new(pattern)
        .size_limit(PROGRAM_BYTES)
        .dfa_size_limit(PROGRAM_BYTES)
        .build()
        .map_err(|error| Failure::invalid_input(format!("`pattern` is no regular expression: {error}")))
}
