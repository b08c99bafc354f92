//! What this host may do on behalf of workflows and plugins, as `cofferdam.toml` and the user say it.
//!
//! [`Project::discover`] finds where the project is, [`Configuration::load`] reads the file, or takes the built-in frame
//! where there is none, and says everything that is wrong with it at once. What a project file may ask without being
//! trusted is the frame of [`Frame`]; beyond that [`TrustStore::check`] wants to have been asked. What an action may touch is
//! [`Configuration::grants_for`]; a plugin from a file has its grants only as a component that the user accepted,
//! [`TrustStore::accept`].
//!
//! # Which file counts
//! The directory of `--config`, else the nearest directory from the current one upwards that holds `cofferdam.toml`,
//! `.cofferdam/` or `.git`. The home directory counts only if one stands in it. A project without a file has the
//! built-in frame; a project with one has what the file says, and nothing else. No environment variable of cofferdam's
//! own changes any of it.

mod acceptance;
mod context;
mod document;
mod effective;
mod environment;
mod file;
mod first_party;
mod gates;
mod grants;
mod guard;
mod keys;
mod lock_file;
mod names;
mod narrowing;
mod network;
mod paths;
mod problem;
mod project;
mod secrets;
mod section;
mod settings;
mod signing;
mod source;
mod template;
mod trust;
mod unenforced;
mod unit;
mod variables;

pub use acceptance::{Acceptances, GrantsBelong, ListChange, Portrait, Provenance, Standing, Unaccepted, short_digest};
pub use file::{Configuration, Durability, PluginSection};
pub use grants::{ActionGrants, AllowedDirectory, Frame, Granted, GrantedThing, NeedDecision, PrepareError, Refusal};
pub use keys::KEYS;
pub use narrowing::WorkflowSection;
pub use network::AllowedAddress;
pub use problem::{EXPLANATIONS, Explanation, Problem, ProblemCode, Problems};
pub use project::{DiscoverError, Overrides, Project};
pub use secrets::SecretSection;
pub use settings::Setting;
pub use source::Source;
pub use template::template;
pub use trust::{Ask, AsksChange, TrustError, TrustStore, Trusted, Untrusted, user_state_directory};
