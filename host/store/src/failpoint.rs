//! Where can a host be made to die? Named points on the path of every step, for tests that kill a process exactly there.
//!
//! A host of the dev profile dies, as by `kill -9`, when it reaches the point that [`VARIABLE`] names, and says so on
//! stderr before; with `panic` behind the name it panics there instead. In a release build a point is an empty function that is inlined away: nothing is asked and nothing paid.

/// Names the point, and behind a colon the how-many-eth time is the one: `COFFERDAM_FAILPOINT=after-commit:3`. Behind
/// another colon it says how, if not as by `kill -9`: `COFFERDAM_FAILPOINT=after-commit:3:panic`.
pub const VARIABLE: &str = "COFFERDAM_FAILPOINT";

/// A point that a process passes on its way. Names say what has happened and what has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failpoint {
    /// A decision is made and not yet handed over to the log.
    BeforeHandover,
    /// A transaction is open, nothing of what was handed over is in it.
    BeforeAppend,
    /// All is written, the transaction is not committed.
    AfterAppend,
    /// It is committed, and nobody was told.
    AfterCommit,
    /// Those who wait for the append were told.
    AfterAcknowledgement,
    /// A start is on disk if it has to be, and its guest is not entered.
    BeforeDispatch,
    /// A guest was entered.
    AfterDispatch,
    /// A guest has ended, and its run was not told.
    GuestEnded,
    /// The run was told how a guest ended, and has decided nothing.
    BeforeReport,
    /// The first lease of the host is written and not committed.
    BeforeLease,
    /// A renewal of the lease is about to be written.
    BeforeRenewal,
    /// A run is claimed and the claim is not committed.
    BeforeClaim,
    /// The claim is committed, and nobody was told.
    AfterClaim,
    /// A run was restored from its log, and is not adopted.
    BeforeAdoption,
    /// A decision that parks its run is about to be handed over.
    BeforeParking,
    /// A run is parked, and its driver has not ended.
    AfterParking,
    /// A message is written into an inbox and not committed.
    BeforePost,
    /// The message is committed, and whoever sent it was not told.
    AfterPost,
    /// A run is about to be told a message of its inbox.
    BeforeMessage,
    /// A message is decided about, and its answer is not handed over.
    BeforeAnswer,
    /// A checkpoint is about to begin.
    BeforeCheckpoint,
    /// A checkpoint has ended.
    AfterCheckpoint,
    /// A host that is to end is about to let go of a run.
    BeforeLettingGo,
    /// The end of a run is on disk, and its driver has not ended.
    AfterEnd,
    /// All is written, and the host is still known as alive.
    BeforeLeaving,
}

impl Failpoint {
    /// All points.
    pub const ALL: [Self; 25] = [
        Self::BeforeHandover,
        Self::BeforeAppend,
        Self::AfterAppend,
        Self::AfterCommit,
        Self::AfterAcknowledgement,
        Self::BeforeDispatch,
        Self::AfterDispatch,
        Self::GuestEnded,
        Self::BeforeReport,
        Self::BeforeLease,
        Self::BeforeRenewal,
        Self::BeforeClaim,
        Self::AfterClaim,
        Self::BeforeAdoption,
        Self::BeforeParking,
        Self::AfterParking,
        Self::BeforePost,
        Self::AfterPost,
        Self::BeforeMessage,
        Self::BeforeAnswer,
        Self::BeforeCheckpoint,
        Self::AfterCheckpoint,
        Self::BeforeLettingGo,
        Self::AfterEnd,
        Self::BeforeLeaving,
    ];

    /// Returns the name by which the point is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeHandover => "before-handover",
            Self::BeforeAppend => "before-append",
            Self::AfterAppend => "after-append",
            Self::AfterCommit => "after-commit",
            Self::AfterAcknowledgement => "after-acknowledgement",
            Self::BeforeDispatch => "before-dispatch",
            Self::AfterDispatch => "after-dispatch",
            Self::GuestEnded => "guest-ended",
            Self::BeforeReport => "before-report",
            Self::BeforeLease => "before-lease",
            Self::BeforeRenewal => "before-renewal",
            Self::BeforeClaim => "before-claim",
            Self::AfterClaim => "after-claim",
            Self::BeforeAdoption => "before-adoption",
            Self::BeforeParking => "before-parking",
            Self::AfterParking => "after-parking",
            Self::BeforePost => "before-post",
            Self::AfterPost => "after-post",
            Self::BeforeMessage => "before-message",
            Self::BeforeAnswer => "before-answer",
            Self::BeforeCheckpoint => "before-checkpoint",
            Self::AfterCheckpoint => "after-checkpoint",
            Self::BeforeLettingGo => "before-letting-go",
            Self::AfterEnd => "after-end",
            Self::BeforeLeaving => "before-leaving",
        }
    }

    /// Dies here if that was asked for.
    #[inline]
    pub fn reached(self) {
        #[cfg(debug_assertions)]
        armed::reached(self);
    }
}

/// What a host of the dev profile does at a point.
#[cfg(debug_assertions)]
mod armed {
    use super::{Failpoint, VARIABLE};
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The point at which this process is to die, and how often it is still passed.
    struct Charge {
        name: String,
        left: AtomicU64,
        panics: bool,
    }

    static CHARGE: OnceLock<Option<Charge>> = OnceLock::new();

    pub(super) fn reached(point: Failpoint) {
        let charge = CHARGE.get_or_init(|| std::env::var(VARIABLE).ok().map(|asked| charge(&asked)));
        let Some(charge) = charge.as_ref().filter(|charge| charge.name == point.name()) else {
            return;
        };
        if charge.left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        assert!(!charge.panics, "failpoint {} reached", point.name());
        die(point);
    }

    fn charge(asked: &str) -> Charge {
        let mut parts = asked.split(':');
        let name = parts.next().unwrap_or_default();
        let times = parts.next().and_then(|times| times.parse().ok());
        Charge {
            name: name.to_owned(),
            left: AtomicU64::new(times.unwrap_or(1)),
            panics: parts.next() == Some("panic"),
        }
    }

    /// Says where it dies, for whoever wants proof, and leaves no thread any time for anything else.
    fn die(point: Failpoint) {
        // Whoever does not hear it learns from the signal that the process is gone.
        let _ = writeln!(std::io::stderr(), "failpoint {} reached", point.name());
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::Failpoint;
    use std::collections::BTreeSet;

    #[test]
    fn each_point_is_in_the_list_under_a_name_of_its_own() {
        let names: BTreeSet<&str> = Failpoint::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Failpoint::ALL.len());
        assert!(Failpoint::ALL.is_sorted() && Failpoint::ALL.last() == Some(&Failpoint::BeforeLeaving));
    }
}
