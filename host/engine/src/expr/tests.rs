//! Whether the expressions do what the rules of the language say.

mod cel;
mod evaluation;
mod functions;
mod properties;
mod second;
mod section_7;
mod syntax;
mod templates;
mod world;
