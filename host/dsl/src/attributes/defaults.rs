//! What applies where an attribute is not written.

use super::table::Construct;

/// Returns what holds if `construct` does not say `attribute`, in words; none if nothing does.
pub fn default_of(construct: Construct, attribute: &str) -> Option<&'static str> {
    use Construct as C;
    let step = matches!(construct, C::Call | C::CallWorkflow | C::Script);
    Some(match (construct, attribute) {
        (_, "needs_any_result") => "false",
        (_, "retries") if step => "0",
        (_, "on_fail") if step || construct == C::QualityGate => "fail",
        (C::Call, "timeout") => "the limit `wall` of the plugin",
        (C::Gate, "timeout") => "24h",
        (_, "timeout" | "timeout_total" | "timeout_in_queue") => "none",
        (C::While | C::DoWhile, "on_max_iter") => "fail",
        (C::While | C::DoWhile, "stuck_after") => "never",
        (C::Parallel | C::Meta, "fail_fast") => "true",
        (C::Parallel, "min_success") => "all branches",
        (C::Parallel, "join") => "all",
        (C::Parallel, "max_parallel") => "no limit",
        (C::Gate | C::Wait, "on_timeout") => "fail",
        (C::Gate, "on_reject") => "fail",
        (C::Gate, "min_approvals") => "1",
        (C::Gate, "mode") => "min_approvals",
        (C::Foreach, "each") => "item",
        (C::Foreach, "max_parallel") => "1",
        (C::Foreach, "on_item_fail" | "on_cycle") => "fail",
        (C::Foreach, "on_child_fail") => "halt",
        (C::Foreach, "ordered") => "false",
        (C::CallWorkflow, "close") => "cancel",
        (C::Meta, "trigger") => "manual",
        (C::Concurrency, "policy") => "queue",
        (C::Concurrency, "limit") => "1",
        (C::Input, "type") => "string",
        (C::Retry, "attempts") => "3",
        (C::Retry, "backoff") => "1s",
        (C::Retry, "factor") => "2",
        (C::Retry, "max") => "1m",
        (C::Retry, "jitter") => "0.1",
        (C::Retry, "on") => "every class that `never` does not name",
        (C::Retry, "never") => "[invalid-input, denied, cancelled, permanent]",
        (C::Retry, "on_exhausted") => "fail",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::written::duration_text;
    use cofferdam_engine::plan::RetryPolicy;

    #[test]
    fn the_defaults_of_retry_are_those_of_the_core() {
        let policy = RetryPolicy::block_defaults();
        let says = |attribute| default_of(Construct::Retry, attribute).unwrap_or_default().to_owned();
        assert_eq!(says("attempts"), policy.attempts.to_string());
        assert_eq!(says("backoff"), duration_text(policy.backoff));
        assert_eq!(says("factor"), policy.factor.to_string());
        assert_eq!(says("max"), duration_text(policy.max));
        assert_eq!(says("jitter"), policy.jitter.to_string());
        let never: Vec<String> = policy.never.iter().map(ToString::to_string).collect();
        assert_eq!(says("never"), format!("[{}]", never.join(", ")));
        assert_eq!(
            RetryPolicy::default().attempts,
            1,
            "`retries` is 0 where nothing is said"
        );
    }

    #[test]
    fn only_attributes_that_exist_have_defaults() {
        for construct in Construct::ALL {
            for rule in construct.rules() {
                if let Some(default) = default_of(*construct, rule.name) {
                    assert!(!default.is_empty());
                }
            }
        }
    }
}
