//! What does the runtime do, seen from outside?

mod configuration;
mod driving;
mod power;
mod spans;
