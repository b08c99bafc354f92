//! Whether what an action returns has the form that its step asks for, and which markers follow from it.

use cofferdam_dsl::{Judgement, OutputSchema};
use cofferdam_engine::{Attempt, AttemptOutcome, Data, Failure, FailureClass, Used};

/// The form that the output of an attempt must have.
pub(super) struct Form {
    name: String,
    schema: Data,
}

/// What a driver judges itself, in bytes; what is longer would keep its thread from deadlines.
const SHORT: u64 = 64 * 1024;

impl Form {
    /// Returns the form that the step of `attempt` asks for, if it does. What a dry run puts in the place of an output has
    /// no form.
    pub(super) fn of(attempt: &Attempt) -> Option<Self> {
        let (Some(name), Some(schema), false) = (&attempt.output, &attempt.schema, attempt.dry_run) else {
            return None;
        };
        Some(Self {
            name: name.clone(),
            schema: schema.clone(),
        })
    }

    /// Returns what `outcome` means, found out on a thread that nobody else waits for if there is much to look at.
    ///
    /// # Panics
    /// If judging does.
    pub(super) async fn judged_in_time(self, outcome: AttemptOutcome, used: Option<Used>) -> AttemptOutcome {
        if used.is_none_or(|used| used.output.0 <= SHORT) {
            return self.judged(outcome);
        }
        let judged = tokio::task::spawn_blocking(move || self.judged(outcome)).await;
        judged.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Returns what `outcome` means: a result of another form is a failure, one of this form has its markers.
    pub(super) fn judged(&self, outcome: AttemptOutcome) -> AttemptOutcome {
        let AttemptOutcome::Completed {
            output,
            mut markers,
            context,
        } = outcome
        else {
            return outcome;
        };
        let schema = match OutputSchema::from_data(&self.schema) {
            Ok(schema) => schema,
            Err(error) => {
                let message = format!("the schema `{}` of the plan cannot be read: {error}", self.name);
                return AttemptOutcome::Failed(Failure::new(FailureClass::Permanent, message));
            }
        };
        let judgement = schema.judge(&output);
        if let Some(failure) = self.failure(&judgement) {
            return AttemptOutcome::Failed(failure);
        }
        for marker in judgement.markers {
            if !markers.contains(&marker) {
                markers.push(marker);
            }
        }
        AttemptOutcome::Completed {
            output,
            markers,
            context,
        }
    }

    fn failure(&self, judgement: &Judgement) -> Option<Failure> {
        if let Some(first) = judgement.violations.first() {
            let first = match first.path.as_str() {
                "" => format!("it {}", first.message),
                path => format!("`{path}` {}", first.message),
            };
            let more = match judgement.violations.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let violations = judgement.violations.iter().map(|violation| {
                Data::map([
                    ("message", Data::text(&violation.message)),
                    ("path", Data::text(&violation.path)),
                ])
            });
            return Some(Failure {
                code: Some("output-schema".to_owned()),
                details: Data::map([
                    ("schema", Data::text(&self.name)),
                    ("violations", Data::list(violations)),
                ]),
                // Whoever made it may do better when told what was wrong, as agents do.
                ..Failure::new(
                    FailureClass::Transient,
                    format!("the output does not have the form of `{}`: {first}{more}", self.name),
                )
            });
        }
        let failed = judgement.failed.first()?;
        let message = format!(
            "whether the marker `{}` of `{}` is set cannot be told: {}",
            failed.name, self.name, failed.reason
        );
        Some(Failure {
            code: Some("output-marker".to_owned()),
            ..Failure::new(FailureClass::Expression, message)
        })
    }
}
