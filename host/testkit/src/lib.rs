//! What the tests of Cofferdam share: plans written as code, scenarios on a virtual clock and the simulation.

#[cfg(feature = "log")]
pub mod conformance;
#[cfg(feature = "log")]
pub mod disk;
#[cfg(feature = "log")]
pub mod memory_log;
pub mod plan_builder;
pub mod scenario;
pub mod sim;

pub use scenario::Scenario;
