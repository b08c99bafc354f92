//! The pure core of Cofferdam: plans, events, decisions and expressions.
//!
//! Nothing here knows a clock, randomness, files, threads or an async runtime: time and results are arguments, and the
//! same inputs give the same events on every machine.

pub mod append;
pub mod data;
pub mod effect;
pub mod event;
pub mod expr;
pub mod failure;
pub mod history;
pub mod id;
pub mod inbox;
pub mod input;
pub mod inputs;
pub mod plan;
pub mod result;
pub mod run;
pub mod secret;
pub mod shared;
pub mod time;
pub mod transitions;
pub mod value;

pub use append::{Append, RunRow, RunStatus, Writer};
pub use data::{Data, InvalidData};
pub use effect::{Attempt, EffectChange};
pub use event::{
    AttemptClass, Cause, EVENT_ENCODING, Ending, Event, GateOption, Metrics, Recorded, Share, StepReference, Used,
};
pub use expr::{
    Budget, EvaluationError, Expression, Members, Names, Root, SyntaxError, Template, TemplatePart, ValueSource,
};
pub use failure::{Failure, FailureClass};
pub use history::{Dropped, Span};
pub use id::{Digest, Fence, Generation, Occurrence, RunId, StepPath, Version};
pub use inbox::{Answer, Message, MessageId, Request, Verdict};
pub use input::{AttemptOutcome, Input, Parking, Rejected, Report, Situation, Start};
pub use plan::Plan;
pub use result::{StepResult, StepStatus};
pub use run::{
    Adoption, Decision, Difference, FormerOwner, Orphan, Retrial, Retry, RetryRefused, Run, Snapshot, Staged, Waiting,
};
pub use secret::{SECRET_MARK, secret_placeholder};
pub use shared::{SharedChange, SharedValue, SharedValues};
pub use time::Timestamp;
pub use transitions::{RequestKind, Standing};
pub use value::{Blob, Value};
