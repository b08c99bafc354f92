//! The asynchronous shell of Cofferdam: drives runs, carries attempts out, and owns every task.

mod clock;
pub mod configuration;
mod driver;
mod embedded;
mod equipment;
mod executor;
mod guest_threads;
mod host;
mod live_registry;
mod mail;
mod observer;
mod permits;
mod project_files;
mod relay;
mod sandbox_executor;

pub use clock::now;
pub use driver::{DEFAULT_GRACE, DriveError, Driven, Keeper};
pub use embedded::{BuildError, Builder, Embedded, EmbeddedError, Unsound, Workflow};
pub use equipment::{Equipment, MissingComponent, Piece, entries, origin, provider, used};
pub use executor::{DurableProof, Entry, Executed, Execution, Executor};
pub use guest_threads::guest_threads;
pub use host::{Afterwards, Controller, Driving, Host, Request, ResumeError, RetryRequest};
pub use live_registry::LiveRegistry;
pub use observer::{Notice, Observer, Unobserved};
pub use project_files::ProjectFiles;
pub use relay::Unheard;
pub use sandbox_executor::{PreparedAction, SandboxExecutor};
