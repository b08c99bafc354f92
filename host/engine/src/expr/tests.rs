//! Whether the expressions do what the rules of the language say.
