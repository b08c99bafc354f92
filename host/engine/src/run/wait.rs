//! Waits: for a time, or for a signal that may have come before anybody waited for it.

use super::Run;
use super::frame::{Frame, FrameKey, State};
use super::progress::{Next, at};
use super::view::View;
use crate::data::Data;
use crate::event::{AfterFailure, Cause, Event, Metrics, StepReference};
use crate::expr::moment;
use crate::failure::{Failure, FailureClass};
use crate::id::{Digest, Occurrence};
use crate::inbox::{Request, Verdict};
use crate::plan::{Node, NodeKind, OnTimeout, Plan, Wait, WaitUntil};
use crate::time::{Timestamp, parse_duration};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The longest that a wait for a time may last: what is further away is a mistake more often than a plan.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5 * 366 * 86_400);

/// The most signals that a run keeps for waits to come, and the most keys that it remembers.
pub const MAX_SIGNALS: usize = 1_024;

/// A wait that has begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WaitState {
    pub(super) topic: Option<String>,
    pub(super) correlation: Option<String>,
    pub(super) due: Option<Timestamp>,
    /// What the signal told, until the end of the step is recorded.
    pub(super) received: Option<Value>,
}

/// Signals that nobody waited for yet, and who waits for which.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Signals {
    /// By the number of the event that brought them: the oldest first.
    pub(super) kept: BTreeMap<u64, Signal>,
    /// What the keys of the latest signals stood for.
    pub(super) keys: BTreeMap<String, (u64, Digest)>,
    /// The waits by topic and correlation.
    pub(super) waits: BTreeMap<(String, Option<String>), BTreeSet<FrameKey>>,
}

/// A signal that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Signal {
    pub(super) topic: String,
    pub(super) correlation: Option<String>,
    pub(super) data: Value,
    pub(super) at: Timestamp,
}

impl Signals {
    /// Returns the number of the oldest signal that `wait` takes.
    fn oldest_for(&self, wait: &WaitState) -> Option<u64> {
        let topic = wait.topic.as_ref()?;
        let fits = |signal: &Signal| {
            let correlated = wait.correlation.is_none() || wait.correlation == signal.correlation;
            // A signal that came after the end of the wait came too late, whoever is looked at first.
            signal.topic == *topic && correlated && wait.due.is_none_or(|due| signal.at <= due)
        };
        self.kept
            .iter()
            .find(|(_, signal)| fits(signal))
            .map(|(number, _)| *number)
    }

    /// Returns the waits that a signal may end.
    fn waits_for(&self, topic: &str, correlation: Option<&str>) -> Vec<FrameKey> {
        let mut keys = Vec::new();
        let mut add = |correlation: Option<String>| {
            if let Some(waits) = self.waits.get(&(topic.to_owned(), correlation)) {
                keys.extend(waits.iter().cloned());
            }
        };
        add(None);
        if let Some(correlation) = correlation {
            add(Some(correlation.to_owned()));
        }
        keys
    }

    fn remember(&mut self, key: &str, number: u64, digest: Digest) {
        self.keys.insert(key.to_owned(), (number, digest));
        if self.keys.len() > MAX_SIGNALS {
            let oldest = self.keys.iter().min_by_key(|(_, (number, _))| *number);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.keys.remove(&oldest);
            }
        }
    }
}

impl Run {
    /// Returns what happens when a wait begins.
    pub(super) fn start_wait(
        &self,
        view: &View<'_>,
        node: &Node,
        wait: &Wait,
        occurrence: &Occurrence,
    ) -> Result<Event, Failure> {
        let here = at(node, occurrence);
        let text = |source| -> Result<String, Failure> { Ok(view.value(source)?.to_display()) };
        let (topic, correlation, due) = match &wait.until {
            WaitUntil::Passed(source) => (
                None,
                None,
                Some(view.now.saturating_add(duration(&view.value(source)?)?)),
            ),
            WaitUntil::Time(source) => (None, None, Some(time(&view.value(source)?)?)),
            WaitUntil::Signal { topic, correlation } => {
                let correlation = correlation.as_ref().map(text).transpose()?;
                let due = wait.timeout.map(|timeout| view.now.saturating_add(timeout));
                (Some(text(topic)?), correlation, due)
            }
        };
        // A dry run says what would be waited for by what it does not wait for.
        if self.dry_run {
            let marker = topic.is_some().then_some("received");
            return Ok(completed(here, Value::Inline(Data::Null), marker));
        }
        if let (None, Some(due)) = (&topic, due) {
            within_horizon(due, view.now)?;
        }
        Ok(Event::WaitStarted {
            at: here,
            topic,
            correlation,
            due,
        })
    }

    /// Returns what is next for a wait that has begun.
    pub(super) fn next_of_wait(
        &self,
        key: &FrameKey,
        frame: &Frame,
        state: &WaitState,
        (node, wait): (&Node, &Wait),
        now: Timestamp,
    ) -> Next {
        let here = at(node, &key.occurrence);
        if frame.cancelling {
            return Event::StepCancelled { at: here }.into();
        }
        if let Some(data) = &state.received {
            return completed(here, data.clone(), Some("received")).into();
        }
        if let Some(signal) = self.signals.oldest_for(state) {
            return Event::WaitReceived { at: here, signal }.into();
        }
        if state.due.is_none_or(|due| due > now) {
            return Next::Wait;
        }
        match (&state.topic, wait.on_timeout) {
            (None, _) => completed(here, Value::Inline(Data::Null), None).into(),
            (Some(_), OnTimeout::Continue) => completed(here, Value::Inline(Data::Null), Some("timed_out")).into(),
            (Some(topic), OnTimeout::Fail) => Event::StepFailed {
                at: here,
                failure: Failure::new(FailureClass::Timeout, format!("no signal `{topic}` came in time")),
                attempts: 0,
                then: AfterFailure::Propagate,
            }
            .into(),
        }
    }

    /// Returns what a signal leads to.
    pub(super) fn take_signal(&self, plan: &Plan, request: &Request, cause: Cause) -> Result<Vec<Event>, Verdict> {
        let Request::Signal {
            topic,
            correlation,
            data,
            key,
        } = request
        else {
            return Ok(Vec::new());
        };
        let listens =
            |node: &Node| matches!(&node.kind, NodeKind::Wait(wait) if matches!(wait.until, WaitUntil::Signal { .. }));
        if !plan.nodes().iter().any(listens) {
            return Err(Verdict::Refused {
                reason: "nothing in the workflow waits for a signal".to_owned(),
            });
        }
        if let Some((key, (_, known))) = key.as_ref().and_then(|key| self.signals.keys.get_key_value(key)) {
            return Err(if *known == digest(topic, correlation.as_deref(), data) {
                Verdict::Unchanged {
                    reason: format!("the signal with key `{key}` came before"),
                }
            } else {
                Verdict::Conflict {
                    reason: format!("another signal with key `{key}` came before"),
                }
            });
        }
        if self.signals.kept.len() >= MAX_SIGNALS {
            return Err(Verdict::Refused {
                reason: format!("the run keeps {MAX_SIGNALS} signals already that nothing has waited for"),
            });
        }
        Ok(vec![Event::SignalReceived {
            topic: topic.clone(),
            correlation: correlation.clone(),
            data: Value::new(data.clone()),
            key: key.clone(),
            cause,
        }])
    }

    /// Applies the beginning of a wait.
    pub(super) fn wait_started(&mut self, plan: &Plan, at: &StepReference, state: WaitState) {
        let Some(key) = self.locate(plan, at) else { return };
        if let Some(due) = state.due {
            self.deadlines.insert((due, key.clone()));
        }
        if let Some(topic) = &state.topic {
            let place = (topic.clone(), state.correlation.clone());
            self.signals.waits.entry(place).or_default().insert(key);
        }
        self.begin(plan, at, |_| State::Wait(Box::new(state)));
    }

    /// Applies that a wait took a signal.
    pub(super) fn wait_received(&mut self, plan: &Plan, at: &StepReference, number: u64) {
        let Some(key) = self.locate(plan, at) else { return };
        let signal = self.signals.kept.remove(&number);
        if let (Some(State::Wait(state)), Some(signal)) =
            (self.frames.get_mut(&key).map(|frame| &mut frame.state), signal)
        {
            state.received = Some(signal.data);
        }
        self.ready.insert(key);
    }

    /// Applies that a signal came.
    pub(super) fn signal_received(&mut self, number: u64, signal: Signal, key: Option<&str>) {
        if let Some(key) = key {
            let digest = digest(&signal.topic, signal.correlation.as_deref(), signal.data.data());
            self.signals.remember(key, number, digest);
        }
        let waits = self.signals.waits_for(&signal.topic, signal.correlation.as_deref());
        self.ready.extend(waits);
        self.signals.kept.insert(number, signal);
    }

    /// Takes a wait out of those that a signal may end.
    pub(super) fn wait_over(&mut self, key: &FrameKey, topic: String, correlation: Option<String>) {
        let place = (topic, correlation);
        if let Some(waits) = self.signals.waits.get_mut(&place) {
            waits.remove(key);
            if waits.is_empty() {
                self.signals.waits.remove(&place);
            }
        }
    }
}

/// Returns what tells two signals with one key apart.
fn digest(topic: &str, correlation: Option<&str>, data: &Data) -> Digest {
    let whole = Data::list([
        Data::text(topic),
        correlation.map_or(Data::Null, Data::text),
        data.clone(),
    ]);
    Digest::of(whole.to_json().as_bytes())
}

fn completed(at: StepReference, output: Value, marker: Option<&str>) -> Event {
    Event::StepCompleted {
        at,
        attempt: 0,
        output,
        markers: marker.map(str::to_owned).into_iter().collect(),
        context: None,
        metrics: Metrics::new(),
        shared: Vec::new(),
        used: None,
    }
}

fn malformed(message: String) -> Failure {
    Failure::new(FailureClass::InvalidInput, message)
}

/// Returns the duration that a text such as `30s`, or a number of seconds, stands for.
fn duration(data: &Data) -> Result<Duration, Failure> {
    let duration = match data {
        Data::Int(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Data::Double(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        Data::Text(text) => parse_duration(text.trim()),
        Data::Null | Data::Bool(_) | Data::List(_) | Data::Map(_) => None,
    };
    duration.ok_or_else(|| malformed(format!("`for` must be a duration such as `30s` or `2h`, it is {data}")))
}

/// Returns the time that a text stands for.
fn time(data: &Data) -> Result<Timestamp, Failure> {
    let time = match data {
        Data::Text(text) => moment(text),
        Data::Null | Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::List(_) | Data::Map(_) => None,
    };
    time.ok_or_else(|| {
        malformed(format!(
            "`until` must be a time such as `2030-01-31T12:00:00Z`, it is {data}"
        ))
    })
}

fn within_horizon(due: Timestamp, now: Timestamp) -> Result<(), Failure> {
    if due < now {
        return Err(malformed(format!("`until` is in the past: {due}")));
    }
    if due.since(now) > LONGEST_WAIT {
        let days = LONGEST_WAIT.as_secs() / 86_400;
        return Err(malformed(format!("a wait until {due} is longer than {days} days")));
    }
    Ok(())
}
