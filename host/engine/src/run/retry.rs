//! When a failed attempt is tried again.

use crate::failure::{Failure, FailureClass};
use crate::id::{Digest, Occurrence, RunId};
use crate::plan::RetryPolicy;
use std::time::Duration;

/// Which attempt failed, for waits that differ between attempts but not between repetitions of a decision.
pub(super) struct FailedAttempt<'a> {
    pub(super) run: RunId,
    pub(super) path: &'a str,
    pub(super) occurrence: &'a Occurrence,
    /// From 1.
    pub(super) number: u32,
}

/// Returns how long to wait before the next attempt, none if there is none.
pub(super) fn wait(policy: &RetryPolicy, attempt: &FailedAttempt<'_>, failure: &Failure) -> Option<Duration> {
    let class = failure.class;
    let wanted = policy.on.as_ref().map_or_else(
        || !policy.never.contains(&class) && class != FailureClass::Lost,
        |on| on.contains(&class),
    );
    if !wanted || attempt.number >= policy.attempts {
        return None;
    }
    let exponent = i32::try_from(attempt.number - 1).unwrap_or(i32::MAX);
    // Without a first wait there is none, however large the factor has grown.
    if policy.backoff.is_zero() {
        return Some(failure.retry_after().unwrap_or_default().min(policy.max));
    }
    let grown = policy.backoff.as_secs_f64() * policy.factor.max(1.0).powi(exponent);
    let bounded = grown.min(policy.max.as_secs_f64());
    let shaken = bounded * (1.0 + policy.jitter * (2.0 * share(attempt) - 1.0));
    let own = Duration::from_millis((shaken * 1_000.0).round().max(0.0) as u64);
    // What the plugin asks for lengthens a wait, never beyond the policy's longest (LANGUAGE rule R48).
    Some(own.max(failure.retry_after().unwrap_or_default().min(policy.max)))
}

/// Returns a number from 0 to 1 that depends on nothing but the attempt.
fn share(attempt: &FailedAttempt<'_>) -> f64 {
    let text = format!(
        "{}\0{}\0{:?}\0{}",
        attempt.run,
        attempt.path,
        attempt.occurrence.iterations(),
        attempt.number
    );
    let digest = Digest::of(text.as_bytes());
    let bytes: [u8; 4] = digest.as_bytes()[..4].try_into().unwrap_or_default();
    f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32, occurrence: &Occurrence) -> FailedAttempt<'_> {
        FailedAttempt {
            run: RunId::from_bits(7),
            path: "a",
            occurrence,
            number,
        }
    }

    // row M05
    #[test]
    fn classes_decide_whether_there_is_another_attempt() {
        let here = Occurrence::default();
        let policy = RetryPolicy::times(3);
        let waits = |class| wait(&policy, &attempt(1, &here), &Failure::new(class, "x"));
        assert_eq!(waits(FailureClass::Transient), Some(Duration::ZERO));
        assert_eq!(waits(FailureClass::Timeout), Some(Duration::ZERO));
        // What must not be repeated is repeated only where a workflow says so by name.
        for class in RetryPolicy::NEVER.into_iter().chain([FailureClass::Lost]) {
            assert_eq!(waits(class), None);
        }
        let only = RetryPolicy {
            on: Some(vec![FailureClass::Permanent]),
            ..RetryPolicy::times(3)
        };
        assert_eq!(
            wait(&only, &attempt(1, &here), &Failure::new(FailureClass::Transient, "x")),
            None
        );
        assert!(wait(&only, &attempt(1, &here), &Failure::new(FailureClass::Permanent, "x")).is_some());
    }

    #[test]
    fn waits_grow_to_the_longest_and_shake_the_same_way_each_time() {
        let here = Occurrence::new(vec![3]);
        let policy = RetryPolicy {
            jitter: 0.0,
            attempts: 20,
            ..RetryPolicy::block_defaults()
        };
        let failure = Failure::new(FailureClass::Transient, "x");
        let seconds = |number| wait(&policy, &attempt(number, &here), &failure).map(|wait| wait.as_secs());
        assert_eq!(
            (seconds(1), seconds(2), seconds(3), seconds(9)),
            (Some(1), Some(2), Some(4), Some(60))
        );
        assert_eq!(seconds(20), None);
        let shaken = RetryPolicy {
            jitter: 0.1,
            ..policy.clone()
        };
        let first = wait(&shaken, &attempt(2, &here), &failure).unwrap();
        assert_eq!(Some(first), wait(&shaken, &attempt(2, &here), &failure));
        assert!((1_800..=2_200).contains(&first.as_millis()), "{first:?}");
        let patient = Failure {
            retry_after_ms: Some(30_000),
            ..failure
        };
        assert_eq!(
            wait(&policy, &attempt(1, &here), &patient),
            Some(Duration::from_secs(30))
        );
        let endless = Failure {
            retry_after_ms: Some(3_600_000),
            ..patient
        };
        assert_eq!(
            wait(&policy, &attempt(1, &here), &endless),
            Some(Duration::from_secs(60))
        );
    }
}
