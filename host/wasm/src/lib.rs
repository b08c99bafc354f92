//! Sandboxed components: which there are, what they may touch and use, and how one attempt of an action runs.
//!
//! [`Sandbox`] compiles components and holds what all instances share, [`Registry`] finds components and resolves the
//! names of actions, [`Effective`] is what one action may touch, and [`Action::run`] enters a guest once, in an instance
//! of its own, and says with a [`Verdict`] how that ended. Nothing else in the workspace knows wasmtime. The crate makes
//! no runtime: its futures are to be polled on a tokio runtime of the caller that is kept for guests.

mod action;
mod authority;
mod compile;
mod component;
mod contract;
mod copies;
mod descriptor;
mod directory;
mod egress;
mod entry;
mod fault;
mod grants;
mod host;
mod interface;
mod limiter;
mod limits;
mod log;
mod meter;
mod narrowing;
mod network;
mod pattern;
mod precheck;
mod private_file;
mod registry;
mod report;
mod sandbox;
mod secret;
mod signature;
mod store;
mod ticker;
mod trace;
mod turns;
mod vault;

pub use action::{Action, AttemptCall, AttemptInfo, CancelFlag, Observer, Silent};
pub use authority::Authority;
pub use compile::{CompileLimits, Compiler, compile_for_parent};
pub use component::{Component, LoadError};
pub use copies::{Copies, CopyError, KeptComponent, Origin};
pub use descriptor::{ActionDescriptor, Kind, Need, OnLost, RetryDefault};
pub use directory::{is_repository, of_the_kernel};
pub use egress::Resolver;
pub use grants::{
    Access, Allowed, Decision, DirectoryGrant, EffectClass, Effective, GrantError, OpenDirectory, Room, effective,
};
pub use limits::{InvalidLimit, LIMITS, LimitName, LimitRow, LimitUnit, Limits};
pub use log::{LogLevel, LogLine, LogSource, Progress, steers};
pub use narrowing::{DirectoryCap, Narrowing, access_left, network_left};
pub use network::{InvalidRule, NetworkRule};
pub use pattern::Pattern;
pub use precheck::Unfit;
pub use registry::{Builtin, Change, Listing, Plugin, PluginSource, Problem, Registry, Resolution, Sources};
pub use report::{
    DeniedCall, ExceededLimit, Lingering, LogTotals, Outcome, Report, Timeout, Trap, TrapKind, Usage, Verdict,
};
pub use sandbox::{Occupancy, Sandbox, SandboxError, SandboxOptions};
pub use secret::{SecretError, SecretGrant, SecretPlace, SecretSource};
pub use signature::{
    InvalidKey, KeyFileError, Keys, PublicKey, Signature, SignatureRules, Signatures, SigningKey, Unsigned, Worth,
};
pub use vault::VaultError;
