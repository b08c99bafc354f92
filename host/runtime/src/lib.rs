//! The asynchronous shell of Cofferdam: drives runs, carries attempts out, and owns every task.

pub mod configuration;
