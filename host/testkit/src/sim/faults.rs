//! Everything that a schedule may do to a run. What is not in this list is not simulated.

use super::dice::Dice;

/// One kind of disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies between two appends: what is not durable is gone, a new one adopts the run.
    Crash,
    /// An append fails: it and all later ones are gone, the same process adopts the run again.
    FailedAppend,
    /// Another host adopts the run: appends of the first are refused, its executors go on and report late.
    SecondOwner,
    /// A report arrives that was already decided on.
    DuplicateReport,
    /// An executor of an earlier generation reports.
    LateReport,
    /// An executor dies without a word.
    LostReport,
    /// A report overtakes another one.
    ReorderedReports,
    /// The clock jumps ahead.
    ClockForward,
    /// The clock jumps back.
    ClockBackward,
    /// The number of permits changes, down to none.
    PermitsChanged,
    /// The host lets go of the run in good order, and it is adopted again.
    Interrupted,
    /// An append becomes durable and its host is not told: the same process adopts the run again.
    AmbiguousAppend,
    /// A message asks for a cancel.
    CancelMessage,
    /// A message asks for a kill.
    KillMessage,
    /// A message asks for a pause.
    PauseMessage,
    /// A message asks to resume, whether or not the run is paused.
    ResumeMessage,
    /// Somebody decides about a gate without looking which are open.
    StrayDecision,
    /// Somebody sends a signal without knowing whether anybody waits for it.
    StraySignal,
    /// Somebody sends what the run waits for.
    WantedMessage,
    /// The log refuses an append that ends or parks the run, because a message is unread.
    InboxNotEmpty,
    /// The disk takes what was handed over only later.
    SlowDisk,
    /// The process dies when an append is durable and nobody was told.
    CrashAfterCommit,
    /// The process dies when it has entered some of the guests that it may enter.
    CrashWhileDispatching,
    /// The process dies when a guest has ended and its run was not told.
    CrashBeforeReport,
    /// The process dies when a report is decided about and nothing of that is durable.
    CrashAfterReport,
    /// The process dies between the claim of a run and its adoption.
    CrashAtClaim,
    /// The process dies before its adoption of a run is durable.
    CrashAtAdoption,
    /// The process dies when it has handed over that the run is parked.
    CrashAtParking,
    /// The process dies when a message is decided about.
    CrashAtAnswer,
    /// The machine sleeps for longer than the lease of the host.
    Suspended,
    /// The host is stopped for longer than its lease, and another one takes the run.
    PausedOwner,
    /// The host that was stopped goes on: it decides and writes as if the run were still its own.
    WokenOwner,
    /// Somebody wants to go on from a step of a run, whether or not it has ended.
    Retry,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 33] = [
        Self::Crash,
        Self::FailedAppend,
        Self::SecondOwner,
        Self::DuplicateReport,
        Self::LateReport,
        Self::LostReport,
        Self::ReorderedReports,
        Self::ClockForward,
        Self::ClockBackward,
        Self::PermitsChanged,
        Self::Interrupted,
        Self::AmbiguousAppend,
        Self::CancelMessage,
        Self::KillMessage,
        Self::PauseMessage,
        Self::ResumeMessage,
        Self::StrayDecision,
        Self::StraySignal,
        Self::WantedMessage,
        Self::InboxNotEmpty,
        Self::SlowDisk,
        Self::CrashAfterCommit,
        Self::CrashWhileDispatching,
        Self::CrashBeforeReport,
        Self::CrashAfterReport,
        Self::CrashAtClaim,
        Self::CrashAtAdoption,
        Self::CrashAtParking,
        Self::CrashAtAnswer,
        Self::Suspended,
        Self::PausedOwner,
        Self::WokenOwner,
        Self::Retry,
    ];

    /// Returns how often the fault is chosen, compared with the others.
    fn weight(self) -> usize {
        match self {
            Self::Crash | Self::FailedAppend | Self::SecondOwner | Self::DuplicateReport | Self::Interrupted => 4,
            Self::ClockForward | Self::ClockBackward => 3,
            Self::LostReport => 6,
            Self::LateReport => 90,
            Self::ReorderedReports | Self::PermitsChanged | Self::SlowDisk => 6,
            // A cancelled run does little afterwards: most schedules should have none.
            Self::CancelMessage | Self::KillMessage => 1,
            Self::PauseMessage | Self::AmbiguousAppend | Self::StrayDecision | Self::StraySignal => 3,
            Self::ResumeMessage | Self::Retry => 2,
            Self::WantedMessage => 10,
            Self::InboxNotEmpty => 0,
            Self::CrashAfterCommit | Self::CrashWhileDispatching | Self::CrashBeforeReport => 3,
            Self::CrashAfterReport | Self::CrashAtClaim | Self::CrashAtAdoption => 2,
            Self::CrashAtAnswer | Self::Suspended => 2,
            Self::CrashAtParking => 6,
            Self::PausedOwner => 4,
            // Most often nobody sleeps.
            Self::WokenOwner => 20,
        }
    }

    /// Returns whether deliveries may be lost by it, which the core counts.
    pub(super) fn may_lose_deliveries(self) -> bool {
        matches!(
            self,
            Self::CrashAfterCommit
                | Self::CrashWhileDispatching
                | Self::CrashBeforeReport
                | Self::CrashAfterReport
                | Self::CrashAtClaim
                | Self::CrashAtAdoption
                | Self::CrashAtParking
                | Self::CrashAtAnswer
                | Self::Suspended
                | Self::PausedOwner
        )
    }

    /// Returns one of the faults.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let mut at = dice.below(Self::ALL.iter().map(|fault| fault.weight()).sum());
        for fault in Self::ALL {
            match at.checked_sub(fault.weight()) {
                Some(rest) => at = rest,
                None => return fault,
            }
        }
        Self::SlowDisk
    }
}
