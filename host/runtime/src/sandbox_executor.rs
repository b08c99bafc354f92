//! How an attempt is carried out in the sandbox: which component, with which grants and limits, and what its verdict
//! means to the run.

use crate::driver::Keeper;
use crate::executor::{Entry, Executed, Execution, Executor};
use crate::observer::{Notice, Observer};
use cofferdam_engine::plan::ActionReference;
use cofferdam_engine::{AttemptOutcome, Data, Digest, Failure, FailureClass, Metrics, Share, StepReference, Used};
use cofferdam_wasm::{
    Action, AttemptCall, AttemptInfo, EffectClass, Effective, LimitName, Limits, LogLine, Observer as GuestObserver,
    Progress, Report, Usage, Verdict,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// An action that is ready to be entered: what it may touch and use is settled.
#[derive(Clone)]
pub struct PreparedAction {
    /// The action.
    pub action: Action,
    /// What it may touch.
    pub grants: Arc<Effective>,
    /// What the operator has set for its plugin.
    pub settings: Arc<BTreeMap<String, Data>>,
    /// What it may use.
    pub limits: Limits,
}

/// An action, and the plugin that runs know it as one of.
struct Known {
    plugin: String,
    prepared: PreparedAction,
}

impl Known {
    fn is(&self, plugin: &str, action: &str) -> bool {
        self.plugin == plugin && self.prepared.action.descriptor().name == action
    }
}

/// Carries attempts out in the sandbox.
#[derive(Default)]
pub struct SandboxExecutor {
    /// By component: few plugins are one component, and few of its actions are used.
    actions: BTreeMap<Digest, Vec<Known>>,
}

impl SandboxExecutor {
    /// Returns an executor that knows no action.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an action known as one of `plugin`. Two plugins may be the same component and still be granted different things.
    pub fn add(&mut self, plugin: &str, prepared: PreparedAction) {
        let digest = *prepared.action.component().digest();
        let known = self.actions.entry(digest).or_default();
        known.retain(|known| !known.is(plugin, &prepared.action.descriptor().name));
        known.push(Known {
            plugin: plugin.to_owned(),
            prepared,
        });
    }

    fn prepared(&self, reference: &ActionReference) -> Option<&PreparedAction> {
        let ActionReference {
            plugin,
            action,
            component,
        } = reference;
        let known = self.actions.get(component)?;
        known
            .iter()
            .find(|known| known.is(plugin, action))
            .map(|known| &known.prepared)
    }
}

impl Executor for SandboxExecutor {
    fn class(&self, action: &ActionReference) -> EffectClass {
        // One that is not there fails without touching anything.
        self.prepared(action)
            .map_or(EffectClass::Quiet, |prepared| prepared.grants.class())
    }

    fn enter(&self, entry: Entry) -> Execution {
        let reference = &entry.attempt.action;
        let Some(prepared) = self.prepared(reference) else {
            let reason = format!(
                "`{}.{}` is not loaded (component {})",
                reference.plugin, reference.action, reference.component
            );
            let failure = Failure {
                code: Some("missing-component".to_owned()),
                ..Failure::new(FailureClass::Permanent, reason)
            };
            return Box::pin(std::future::ready(Executed {
                outcome: AttemptOutcome::Failed(failure),
                ..Executed::host_fault("")
            }));
        };
        let prepared = prepared.clone();
        if entry.attempt.dry_run
            && prepared.grants.class() == EffectClass::Effectful
            && !prepared.action.descriptor().dry_run_aware
        {
            return Box::pin(std::future::ready(would_run(&entry)));
        }
        if prepared.grants.class() == EffectClass::Effectful && entry.proof.is_none() {
            return Box::pin(std::future::ready(Executed::host_fault(
                "an effectful action was to be entered before its start was recorded",
            )));
        }
        Box::pin(async move {
            let Entry {
                proof: _,
                authority,
                run,
                workflow,
                attempt,
                cancel,
                keeper,
                observer,
            } = entry;
            let heard = Arc::new(Heard {
                at: attempt.at.clone(),
                keeper,
                observer,
            });
            let call = AttemptCall {
                params: attempt.params,
                attempt: AttemptInfo {
                    run: run.to_string(),
                    workflow: workflow.to_string(),
                    step: attempt.at.step.to_string(),
                    iteration: (!attempt.at.occurrence.is_empty())
                        .then(|| u64::from(attempt.at.occurrence.innermost()) + 1),
                    number: attempt.number,
                    delivery: attempt.delivery,
                    token: attempt.token,
                    remaining: attempt.timeout,
                    dry_run: attempt.dry_run,
                    previous: attempt.previous,
                    saved: attempt.saved,
                    shared: attempt.shared,
                    attributes: attributes(attempt.retries_left, attempt.output, attempt.with),
                },
                grants: prepared.grants,
                settings: prepared.settings,
                limits: prepared.limits,
                observer: heard,
                cancel,
                authority,
            };
            let limits = call.limits.clone();
            executed(prepared.action.run(call).await, &limits)
        })
    }
}

/// Returns the facts of an attempt that a guest asks for by name. What a step has not said is not known.
fn attributes(retries_left: u32, output: Option<String>, with: Vec<String>) -> BTreeMap<String, Data> {
    let retries_left = Data::Int(i64::from(retries_left));
    let mut facts = BTreeMap::from([("retries-left".to_owned(), retries_left)]);
    facts.extend(output.map(|name| ("output".to_owned(), Data::from(name))));
    if !with.is_empty() {
        let names = Data::list(with.into_iter().map(Data::from));
        facts.insert("with".to_owned(), names);
    }
    facts
}

/// Returns what stands for an action that a dry run does not enter (LANGUAGE rule R59).
fn would_run(entry: &Entry) -> Executed {
    let action = format!("{}.{}", entry.attempt.action.plugin, entry.attempt.action.action);
    let output = Data::map([
        ("params", entry.attempt.params.clone()),
        ("would_run", Data::from(action)),
    ]);
    Executed {
        outcome: AttemptOutcome::Completed {
            output,
            markers: Vec::new(),
            context: None,
        },
        ..Executed::host_fault("")
    }
}

/// Returns what a report of the sandbox means to the run.
fn executed(report: Report, limits: &Limits) -> Executed {
    let used = used(&report.usage, limits);
    let outcome = match report.verdict {
        Verdict::Completed(outcome) => AttemptOutcome::Completed {
            output: outcome.output,
            markers: outcome.markers,
            context: outcome.context,
        },
        Verdict::GuestFailed(failure) => AttemptOutcome::Failed(denied(failure, &report.denied)),
        Verdict::Trapped(trap) => {
            let details = Data::map([
                ("frames", Data::list(trap.frames.iter().map(Data::text))),
                ("stderr", Data::text(&trap.stderr)),
            ]);
            AttemptOutcome::Failed(Failure {
                details,
                ..Failure::new(FailureClass::Trap, trap.message)
            })
        }
        Verdict::LimitExceeded(limit) => {
            let details = Data::map([
                ("limit", Data::text(limit.limit.row().setting)),
                ("stderr", Data::text(&limit.stderr)),
            ]);
            AttemptOutcome::Failed(Failure {
                details,
                ..Failure::new(FailureClass::Limit, limit.to_string())
            })
        }
        Verdict::TimedOut(timeout) => AttemptOutcome::Failed(Failure::new(FailureClass::Timeout, timeout.to_string())),
        Verdict::Cancelled => {
            AttemptOutcome::Failed(Failure::new(FailureClass::Cancelled, "stopped when it was asked to"))
        }
        Verdict::HostFault(reason) => return Executed::host_fault(&reason),
    };
    let mut metrics = Metrics::new();
    for (name, amount) in report.metrics {
        *metrics.entry(name).or_insert(0.0) += amount;
    }
    Executed {
        outcome,
        metrics,
        saved: report.saved,
        shared: report.shared,
        used: Some(used),
        denied: report.denied,
    }
}

/// Returns what is recorded of what an attempt used.
fn used(usage: &Usage, limits: &Limits) -> Used {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Used {
        wall: Share(milliseconds(usage.wall), milliseconds(usage.wall_allowed)),
        cpu: Share(milliseconds(usage.cpu), limits.get(LimitName::Cpu)),
        memory: Share(usage.memory, limits.get(LimitName::Memory)),
        output: Share(usage.output, limits.get(LimitName::Output)),
    }
}

/// Says that a failure comes from a call that was denied: it is of another class then, and not tried again.
fn denied(failure: Failure, calls: &[cofferdam_wasm::DeniedCall]) -> Failure {
    let Some(last) = calls.last() else { return failure };
    let details = Data::map([
        ("call", Data::text(last.call)),
        ("guest", failure.details),
        ("reason", Data::text(&last.reason)),
        ("target", Data::text(&last.target)),
    ]);
    let message = format!("{} ({}: {})", failure.message, last.target, last.reason);
    Failure {
        class: FailureClass::Denied,
        message,
        details,
        ..failure
    }
}

/// Passes on what a guest says, with the step that says it.
struct Heard {
    at: StepReference,
    keeper: Keeper,
    observer: Arc<dyn Observer>,
}

impl GuestObserver for Heard {
    fn log(&self, line: LogLine) {
        self.observer.notice(Notice::Said {
            at: &self.at,
            line: &line,
        });
    }

    fn progress(&self, progress: &Progress) {
        self.observer.notice(Notice::Progressed { at: &self.at, progress });
    }

    fn saved(&self, detail: &Data) {
        self.keeper.keep(detail.clone());
    }
}
