//! The event log of Cofferdam: what happened in every run, which host drives it, and the only SQL there is.
//!
//! [`RunLog`] is the port. [`SqliteLog`] implements it on one file; the memory log of the test kit is the other
//! implementation, and one conformance suite holds both to the same behaviour.

pub mod arrivals;
pub mod boot_clock;
pub mod bounds;
pub mod contradiction;
pub mod error;
pub mod failpoint;
pub mod inbox;
pub mod lease;
pub mod log;
pub mod log_line;
pub mod overtaken;
pub mod record;
pub mod reference;
pub mod runnable;
pub mod sqlite;
pub mod statistics;
pub mod stream;
pub mod ticket;
pub mod urgency;

pub use arrivals::{Arrivals, Bell};
pub use boot_clock::{BootClock, ManualClock};
pub use bounds::WriterBounds;
pub use contradiction::contradiction;
pub use error::{ClaimError, FindError, PostError, StoreError};
pub use failpoint::Failpoint;
pub use inbox::{Inbox, MAX_REQUEST_BYTES, NewMessage, Posted, needs_all_answered};
pub use lease::{Lease, LeaseTerms};
pub use log::{AtWork, Beginning, Pending, Reopening, RunLog, Within};
pub use log_line::{LogLevel, LogLine, LogLines, MAX_BYTES_PER_SECOND, MAX_LINES_PER_DELIVERY};
pub use overtaken::{Overtaken, Revision};
pub use record::{Claim, Definition, HostId, NewRun, Owner, RunFilter, RunSummary};
pub use reference::Reference;
pub use runnable::{Reason, Runnable};
pub use sqlite::connection::Durability;
pub use sqlite::error::OpenError;
pub use sqlite::{Creation, SqliteLog, SqliteOptions};
pub use statistics::Statistics;
pub use stream::{Cursor, StreamError, Streamed};
pub use ticket::{Fate, Position, Settler, Ticket};
pub use urgency::Urgency;
