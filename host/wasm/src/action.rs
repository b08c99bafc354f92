//! One action of a loaded component, and how an attempt of it runs.

use crate::authority::Authority;
use crate::component::Component;
use crate::contract::types;
use crate::descriptor::ActionDescriptor;
use crate::entry::{Answer, Ending, Errand, Remains, Visit, enter};
use crate::fault::Wreck;
use crate::grants::Effective;
use crate::host::attempt::AttemptFacts;
use crate::host::denials::Denials;
use crate::host::details;
use crate::host::filesystem::Directories;
use crate::host::http::{Outgoing, OutgoingTerms};
use crate::host::progress::ProgressBook;
use crate::host::run_context::ContextBook;
use crate::host::settings::SettingBook;
use crate::limits::{LimitName, Limits};
use crate::log::{LogBook, LogLine, Progress, printable};
use crate::report::{ExceededLimit, Lingering, LogTotals, Outcome, Report, Timeout, Trap, TrapKind, Usage, Verdict};
use crate::secret::{Released, SecretBook};
use crate::store::Parts;
use cofferdam_engine::{Data, Failure, FailureClass, SharedValues};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// An action that can be run.
#[derive(Clone)]
pub struct Action {
    component: Arc<Component>,
    index: usize,
}

/// Everything that one attempt needs.
#[derive(Clone)]
pub struct AttemptCall {
    /// The parameters.
    pub params: Data,
    /// What the attempt is.
    pub attempt: AttemptInfo,
    /// What it may touch.
    pub grants: Arc<Effective>,
    /// What the operator has set for the plugin.
    pub settings: Arc<BTreeMap<String, Data>>,
    /// What it may use.
    pub limits: Limits,
    /// Who hears what the guest says while it works.
    pub observer: Arc<dyn Observer>,
    /// How it is stopped.
    pub cancel: CancelFlag,
    /// Whether the host may still act for the run.
    pub authority: Authority,
}

/// What an attempt is, as far as the guest may know.
#[derive(Clone, Debug, Default)]
pub struct AttemptInfo {
    /// The id of the run.
    pub run: String,
    /// The name of the workflow.
    pub workflow: String,
    /// The path of the step.
    pub step: String,
    /// The number of the innermost loop, from 1.
    pub iteration: Option<u64>,
    /// Which attempt this is, from 1.
    pub number: u32,
    /// Which delivery of it this is, from 1.
    pub delivery: u32,
    /// The idempotency token.
    pub token: String,
    /// How much time the step has left; it can make the limit `wall` longer, up to `wall_max`, or shorter.
    pub remaining: Option<Duration>,
    /// Whether nothing may be changed outside.
    pub dry_run: bool,
    /// How the previous attempt failed.
    pub previous: Option<Failure>,
    /// What the previous attempt kept.
    pub saved: Option<Data>,
    /// The values that the steps of the run share, as they are when it starts.
    pub shared: SharedValues,
    /// Further facts that the guest can ask for by name, such as `feedback`.
    pub attributes: BTreeMap<String, Data>,
}

/// Hears what a guest says while it works. Its methods are called on the threads of the guests and must not block.
pub trait Observer: Send + Sync {
    /// Takes a line for the log.
    fn log(&self, line: LogLine);

    /// Takes how far the work is.
    fn progress(&self, progress: &Progress);

    /// Takes what the guest keeps for the attempt after it. The last one is in the report as well.
    fn saved(&self, detail: &Data) {
        let _ = detail;
    }
}

/// An observer that hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn log(&self, _: LogLine) {}
    fn progress(&self, _: &Progress) {}
}

/// How an attempt is stopped: first the guest is asked, then its instance is dropped. Clones are the same flag.
#[derive(Clone, Default)]
pub struct CancelFlag(Arc<Cancel>);

#[derive(Default)]
struct Cancel {
    state: AtomicU8,
    stopped: Notify,
}

const ASKED: u8 = 1;
const STOPPED: u8 = 2;

impl CancelFlag {
    /// Lets the guest see that it should stop.
    pub fn ask(&self) {
        self.0.state.fetch_max(ASKED, Ordering::Release);
    }

    /// Stops the guest wherever it is; the verdict is [`Verdict::Cancelled`].
    pub fn stop(&self) {
        self.0.state.fetch_max(STOPPED, Ordering::Release);
        self.0.stopped.notify_waiters();
    }

    /// Returns whether the guest has been asked to stop.
    pub fn is_asked(&self) -> bool {
        self.0.state.load(Ordering::Acquire) >= ASKED
    }

    /// Returns whether the guest is to be gone.
    pub fn is_stopped(&self) -> bool {
        self.0.state.load(Ordering::Acquire) >= STOPPED
    }

    async fn stopped(&self) {
        let mut notified = std::pin::pin!(self.0.stopped.notified());
        // Enabled before the state is read, so that a stop in between is not missed.
        notified.as_mut().enable();
        if !self.is_stopped() {
            notified.await;
        }
    }
}

const MAX_MARKERS: usize = 64;
const MAX_MARKER: usize = 128;
const MAX_CONTEXT: usize = 64 * 1024;
const MAX_MESSAGE: usize = 4 * 1024;
const MAX_CODE: usize = 64;

impl Action {
    pub(crate) fn new(component: Arc<Component>, index: usize) -> Self {
        Self { component, index }
    }

    /// Returns what the action says about itself.
    pub fn descriptor(&self) -> &ActionDescriptor {
        &self.component.actions()[self.index]
    }

    /// Returns the component that the action belongs to.
    pub fn component(&self) -> &Arc<Component> {
        &self.component
    }

    /// Runs one attempt in an instance of its own and says how it ended.
    ///
    /// It waits for a slot of the sandbox first; time is counted from then on. When the future is dropped, the guest is
    /// stopped and its instance is gone.
    pub async fn run(&self, call: AttemptCall) -> Report {
        let name = self.descriptor().name.clone();
        let params = call.params.to_json();
        let allowed = call.limits.get(LimitName::Params);
        if params.len() as u64 > allowed {
            let used = Some(params.len() as u64);
            let limit = ExceededLimit {
                limit: LimitName::Params,
                allowed,
                used,
                stderr: String::new(),
            };
            return Report::of(Verdict::LimitExceeded(limit));
        }
        let sandbox = self.component.sandbox();
        let Some(guest) = self.component.guest() else {
            return Report::of(Verdict::HostFault("the component has no actions".to_owned()));
        };
        let Ok(slot) = sandbox.slots().acquire_owned().await else {
            return Report::of(Verdict::HostFault("the sandbox is closed".to_owned()));
        };
        let (wall, timeout) = deadline(&call.limits, call.attempt.remaining);
        let secrets = SecretBook::new(&call.attempt.run, call.grants.secrets());
        let released = secrets.released();
        let log = LogBook::new(Arc::clone(&call.observer), &call.limits, released.clone());
        let denials = Denials::default();
        let deadline = Instant::now() + wall;
        let outgoing = Outgoing::new(
            sandbox.wire(),
            OutgoingTerms {
                granted: call.grants.network(),
                secrets: secrets.clone(),
                authority: call.authority.clone(),
                denials: denials.clone(),
                deadline,
            },
            &call.limits,
        );
        let saved = call.attempt.saved.clone();
        let shared = call.attempt.shared.clone();
        let parts = Parts {
            attempt: AttemptFacts::of(call.attempt, deadline, call.cancel.clone()),
            progress: ProgressBook::new(call.observer, saved, released.clone()),
            settings: SettingBook(call.settings),
            context: ContextBook::new(call.grants.context().clone(), shared),
            directories: Directories::new(&call.grants, &call.limits, call.authority.clone(), sandbox.tallies()),
            variables: call.grants.variables().to_vec(),
            outgoing,
            secrets,
            authority: call.authority,
            denials,
            log,
        };
        let reading = Reading {
            action: name.clone(),
            limits: call.limits.clone(),
            log: parts.log.clone(),
        };
        let visit = Visit {
            errand: Errand::Run {
                action: name.clone(),
                params,
            },
            limits: call.limits.clone(),
            wall,
            parts,
            slot,
        };
        let read = move |answer| reading.read(answer);
        let remains = enter(sandbox, guest, visit, call.cancel.stopped(), read).await;
        report(&name, &call.limits, timeout, remains).without(&released)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action")
            .field("name", &self.descriptor().name)
            .field("component", &self.component.digest())
            .finish()
    }
}

impl Report {
    /// Returns the report with values of secrets covered that the guest was told.
    fn without(mut self, released: &Released) -> Self {
        if released.is_empty() {
            return self;
        }
        let data = |data: &mut Data| *data = released.cover_data(data);
        match &mut self.verdict {
            Verdict::Completed(outcome) => {
                data(&mut outcome.output);
                data(&mut outcome.details);
                for text in outcome.markers.iter_mut().chain(&mut outcome.context) {
                    *text = released.cover(std::mem::take(text));
                }
            }
            Verdict::GuestFailed(failure) => {
                data(&mut failure.details);
                for text in std::iter::once(&mut failure.message).chain(&mut failure.code) {
                    *text = released.cover(std::mem::take(text));
                }
            }
            Verdict::Trapped(trap) => trap.message = released.cover(std::mem::take(&mut trap.message)),
            Verdict::LimitExceeded(_) | Verdict::TimedOut(_) | Verdict::Cancelled | Verdict::HostFault(_) => {}
        }
        for call in &mut self.denied {
            call.target = released.cover(std::mem::take(&mut call.target));
        }
        self.saved = self.saved.map(|saved| released.cover_data(&saved));
        for change in &mut self.shared {
            change.key = released.cover(change.key.to_string()).into();
            change.value.iter_mut().for_each(data);
        }
        self.metrics
            .iter_mut()
            .for_each(|(name, _)| *name = released.cover(std::mem::take(name)));
        self
    }

    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            usage: Usage::default(),
            log: LogTotals::default(),
            progress: None,
            saved: None,
            shared: Vec::new(),
            metrics: Vec::new(),
            denied: Vec::new(),
            denied_total: 0,
            lingering: Lingering::default(),
        }
    }
}

/// A step's own timeout replaces the limit `wall`, within `wall_max`.
fn deadline(limits: &Limits, remaining: Option<Duration>) -> (Duration, Timeout) {
    match remaining {
        Some(remaining) if remaining <= limits.duration(LimitName::WallMax) => (remaining, Timeout::Step(remaining)),
        Some(_) => {
            let wall = limits.duration(LimitName::WallMax);
            (wall, Timeout::Limit(wall))
        }
        None => {
            let wall = limits.duration(LimitName::Wall);
            (wall, Timeout::Limit(wall))
        }
    }
}

/// What is needed to read an answer.
struct Reading {
    action: String,
    limits: Limits,
    log: LogBook,
}

/// What an answer comes to, and how long its output is in bytes.
struct Read {
    verdict: Verdict,
    output: u64,
}

impl Reading {
    fn read(&self, answer: Answer) -> Read {
        let Self { action, limits, log } = self;
        match answer {
            Answer::Result(Ok(outcome)) => Read {
                output: outcome.output.len() as u64,
                verdict: completed(action, limits, outcome, log.stderr_tail()),
            },
            Answer::Result(Err(failure)) => Read {
                output: 0,
                verdict: failed(action, limits, failure, log.stderr_tail()),
            },
            Answer::Descriptors(_) => Read {
                output: 0,
                verdict: Verdict::HostFault("asked to run, it described itself".to_owned()),
            },
        }
    }
}

fn report(action: &str, limits: &Limits, timeout: Timeout, remains: Remains<Read>) -> Report {
    let mut usage = remains.usage;
    let left = remains.left;
    let verdict = match remains.ending {
        Ending::Answered(Read { verdict, output }) => {
            usage.output = output;
            verdict
        }
        Ending::TimedOut => Verdict::TimedOut(timeout),
        Ending::Cancelled => Verdict::Cancelled,
        Ending::Broke { error, entered } => Wreck {
            action,
            error: &error,
            entered,
            limits,
            refused_growth: left.refused_growth,
            stderr: remains.stderr,
        }
        .judge(),
    };
    Report {
        verdict,
        usage,
        log: remains.log,
        progress: left.progress,
        saved: left.saved,
        shared: left.shared,
        metrics: left.metrics,
        denied: remains.denied,
        denied_total: remains.denied_total,
        lingering: left.lingering,
    }
}

fn completed(action: &str, limits: &Limits, outcome: types::Outcome, stderr: String) -> Verdict {
    let size = outcome.output.len() as u64;
    if size > limits.get(LimitName::Output) {
        let allowed = limits.get(LimitName::Output);
        return Verdict::LimitExceeded(ExceededLimit {
            limit: LimitName::Output,
            allowed,
            used: Some(size),
            stderr,
        });
    }
    let invalid = |reason: String| invalid_value(action, &reason, stderr.clone());
    let output = match Data::from_json(&outcome.output, limits.size(LimitName::Output)) {
        Ok(output) => output,
        Err(error) => return invalid(format!("its output is {error}")),
    };
    if outcome.markers.len() > MAX_MARKERS {
        return invalid(format!(
            "it set {} markers, of at most {MAX_MARKERS}",
            outcome.markers.len()
        ));
    }
    match details::strict(outcome.details, limits.size(LimitName::Output)) {
        Ok(details) => Verdict::Completed(Outcome {
            output,
            markers: outcome
                .markers
                .iter()
                .map(|marker| printable(marker, MAX_MARKER))
                .collect(),
            context: outcome.context.map(|mut text| {
                text.truncate(text.floor_char_boundary(MAX_CONTEXT));
                text
            }),
            details,
        }),
        Err((name, error)) => invalid(format!("its detail `{name}` is {error}")),
    }
}

fn failed(action: &str, limits: &Limits, failure: types::Failure, stderr: String) -> Verdict {
    let details = match details::strict(failure.details, limits.size(LimitName::Output)) {
        Ok(details) => details,
        Err((name, error)) => return invalid_value(action, &format!("its detail `{name}` is {error}"), stderr),
    };
    Verdict::GuestFailed(Failure {
        class: match failure.class {
            types::FailureClass::InvalidInput => FailureClass::InvalidInput,
            types::FailureClass::Transient => FailureClass::Transient,
            types::FailureClass::Permanent => FailureClass::Permanent,
            types::FailureClass::Cancelled => FailureClass::Cancelled,
        },
        code: failure.code.map(|code| printable(&code, MAX_CODE)),
        message: printable(&failure.message, MAX_MESSAGE),
        retry_after_ms: failure.retry_after_ms,
        details,
    })
}

fn invalid_value(action: &str, reason: &str, stderr: String) -> Verdict {
    let message = format!("`{action}` broke the contract: {reason}");
    Verdict::Trapped(Trap {
        kind: TrapKind::InvalidValue,
        message,
        frames: Vec::new(),
        stderr,
    })
}

#[cfg(test)]
mod tests {
    use crate::report::{Report, Verdict};
    use crate::secret::Released;
    use cofferdam_engine::{Data, SharedChange};

    // row J16
    #[test]
    fn what_is_shared_and_kept_is_without_values_that_were_told() {
        let released = Released::default();
        released.add(b"hunter2");
        let told = Report {
            saved: Some(Data::text("at hunter2")),
            shared: vec![SharedChange {
                key: "key.hunter2".into(),
                value: Some(Data::list([Data::text("a hunter2 b")])),
                expected: None,
            }],
            ..Report::of(Verdict::Cancelled)
        };
        let report = told.without(&released);
        assert_eq!(report.saved, Some(Data::text("at ***")));
        assert_eq!(&*report.shared[0].key, "key.***");
        assert_eq!(report.shared[0].value, Some(Data::list([Data::text("a *** b")])));
    }
}
