//! Whether the expressions do what the rules of the language say.

mod evaluation;
mod functions;
mod properties;
mod section_7;
mod syntax;
mod templates;
mod world;
