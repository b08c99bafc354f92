//! What the tests of Cofferdam share: plans written as code, and scenarios on a virtual clock.

pub mod plan_builder;
pub mod scenario;

pub use scenario::Scenario;
