//! Gates: what is asked, who may still decide, and what a decision gives to later steps.

use super::Run;
use super::frame::{Frame, FrameKey, State};
use super::progress::{Next, at};
use super::requests::Asked;
use super::view::View;
use crate::data::Data;
use crate::event::{AfterFailure, Cause, Event, GateOption, Metrics, StepReference};
use crate::failure::{Failure, FailureClass};
use crate::id::Occurrence;
use crate::inbox::{Request, Verdict};
use crate::plan::{Gate, Node, NodeIndex, NodeKind, OnReject, OnTimeout, Plan};
use crate::time::Timestamp;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// A gate that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GateState {
    pub(super) prompt: Option<String>,
    pub(super) options: Vec<GateOption>,
    pub(super) shown: Option<Value>,
    pub(super) deadline: Option<Timestamp>,
    /// Who approved it so far.
    pub(super) approvals: Vec<String>,
    /// What was decided, until the end of the step is recorded.
    pub(super) decision: Option<Decision>,
}

/// What was decided about a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) approved: bool,
    pub(super) feedback: Option<String>,
    pub(super) selections: Vec<String>,
    pub(super) form: Data,
    pub(super) by: Option<String>,
    pub(super) at: Timestamp,
}

/// How the latest occurrence of a gate ended, for those who come too late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Settled {
    Decided { approved: bool, asked: Asked },
    TimedOut { at: Timestamp },
}

impl Settled {
    /// Returns the sentence for who comes too late.
    fn told(&self, name: &str) -> String {
        match self {
            Self::Decided { approved, asked } => {
                let word = if *approved { "approved" } else { "rejected" };
                format!("gate `{name}` was already {word} {}", asked.told())
            }
            Self::TimedOut { at } => format!("gate `{name}` timed out at {at}"),
        }
    }
}

impl Decision {
    /// Returns what stands in `gate_feedback`: selections take the place of what was said.
    pub(super) fn feedback(&self) -> String {
        if self.selections.is_empty() {
            self.feedback.clone().unwrap_or_default()
        } else {
            self.selections.join(", ")
        }
    }

    /// Returns the marker of a gate that was decided so.
    pub(super) fn marker(&self) -> &'static str {
        if self.approved { "approved" } else { "rejected" }
    }
}

/// Returns the output of a gate (LANGUAGE rule R44).
fn output(word: &str, state: &GateState) -> Data {
    let decision = state.decision.as_ref();
    let text = |text: Option<&String>| text.map_or(Data::Null, Data::text);
    let selections = decision.map_or(&[][..], |decision| decision.selections.as_slice());
    Data::map([
        ("approvals", Data::list(state.approvals.iter().map(Data::text))),
        (
            "at",
            decision.map_or(Data::Null, |decision| Data::from(decision.at.to_string())),
        ),
        ("by", text(decision.and_then(|decision| decision.by.as_ref()))),
        ("decision", Data::text(word)),
        (
            "feedback",
            text(decision.and_then(|decision| decision.feedback.as_ref())),
        ),
        ("form", decision.map_or(Data::Null, |decision| decision.form.clone())),
        ("selection", text(selections.first())),
        ("selections", Data::list(selections.iter().map(Data::text))),
    ])
}

impl Run {
    /// Returns what happens when a gate begins.
    pub(super) fn open_gate(
        &self,
        view: &View<'_>,
        node: &Node,
        gate: &Gate,
        occurrence: &Occurrence,
    ) -> Result<Event, Failure> {
        let here = at(node, occurrence);
        if self.dry_run {
            let state = GateState {
                prompt: None,
                options: Vec::new(),
                shown: None,
                deadline: None,
                approvals: Vec::new(),
                decision: None,
            };
            return Ok(completed(here, output("approved", &state), "approved"));
        }
        let prompt = gate.prompt.as_ref().map(|prompt| view.text(prompt)).transpose()?;
        let options = match &gate.options {
            Some(source) => options(&view.value(source)?)?,
            None => Vec::new(),
        };
        let mut shown = Vec::new();
        for (name, source) in [("data", &gate.data), ("show", &gate.show)] {
            if let Some(source) = source {
                shown.push((name, view.value(source)?));
            }
        }
        Ok(Event::GateOpened {
            at: here,
            prompt,
            options,
            shown: (!shown.is_empty()).then(|| Value::new(Data::map(shown))),
            deadline: gate.timeout.map(|timeout| view.now.saturating_add(timeout)),
        })
    }

    /// Returns what is next for a gate that is open.
    pub(super) fn next_of_gate(
        &self,
        key: &FrameKey,
        frame: &Frame,
        state: &GateState,
        (node, gate): (&Node, &Gate),
        now: Timestamp,
    ) -> Next {
        let here = at(node, &key.occurrence);
        let failed = |failure| Event::StepFailed {
            at: here.clone(),
            failure,
            attempts: 0,
            then: AfterFailure::Propagate,
        };
        if frame.cancelling {
            return Event::StepCancelled { at: here }.into();
        }
        match &state.decision {
            Some(decision) if decision.approved || gate.on_reject == OnReject::Skip => {
                completed(here, output(decision.marker(), state), decision.marker()).into()
            }
            Some(decision) => {
                let by = decision.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
                let said = decision.feedback();
                let message = if said.is_empty() {
                    format!("rejected{by}")
                } else {
                    format!("rejected{by}: {said}")
                };
                let failure = Failure {
                    code: Some("rejected".to_owned()),
                    ..Failure::new(FailureClass::Permanent, message)
                };
                failed(failure).into()
            }
            None if state.deadline.is_none_or(|deadline| deadline > now) => Next::Wait,
            None if gate.on_timeout == OnTimeout::Continue => {
                completed(here, output("timed_out", state), "timed_out").into()
            }
            None => failed(Failure::new(FailureClass::Timeout, "nobody decided in time")).into(),
        }
    }

    /// Returns what a decision of a person leads to.
    pub(super) fn decide_gate(
        &self,
        plan: &Plan,
        request: &Request,
        cause: Cause,
        now: Timestamp,
    ) -> Result<Vec<Event>, Verdict> {
        let Request::Decide {
            gate,
            approved,
            feedback,
            selections,
            form,
        } = request
        else {
            return Ok(Vec::new());
        };
        let key = self.find_gate(plan, gate.as_deref())?;
        let (Some((node, NodeKind::Gate(gate))), Some(State::Gate(state))) = (
            key.node.map(|node| (plan.node(node), &plan.node(node).kind)),
            self.frames.get(key).map(|frame| &frame.state),
        ) else {
            return Err(Verdict::Refused {
                reason: "there is no such gate".to_owned(),
            });
        };
        let name = name_of(node);
        if let Some(deadline) = state.deadline.filter(|deadline| *deadline <= now) {
            let reason = Settled::TimedOut { at: deadline }.told(name);
            return Err(Verdict::Conflict { reason });
        }
        if let Some(unknown) = selections
            .iter()
            .find(|selection| !state.options.iter().any(|option| option.value == **selection))
        {
            return Err(Verdict::Refused {
                reason: no_option(name, unknown, &state.options),
            });
        }
        let by = cause.by.clone().unwrap_or_default();
        let here = at(node, &key.occurrence);
        if *approved && state.approvals.contains(&by) {
            return Err(Verdict::Unchanged {
                reason: format!("{by} approved gate `{name}` before; another person has to"),
            });
        }
        let enough = state.approvals.len() + 1 >= gate.min_approvals as usize;
        let mut events = Vec::new();
        if *approved {
            events.push(Event::GateApproved {
                at: here.clone(),
                cause: cause.clone(),
            });
        }
        if enough || !*approved {
            events.push(Event::GateDecided {
                at: here,
                approved: *approved,
                feedback: feedback.clone(),
                selections: selections.clone(),
                form: form.clone(),
                cause,
            });
        }
        Ok(events)
    }

    /// Returns the open gate that somebody means.
    fn find_gate(&self, plan: &Plan, wanted: Option<&str>) -> Result<&FrameKey, Verdict> {
        let node_of = |key: &FrameKey| key.node.map(|index| plan.node(index));
        let fits =
            |node: &Node| wanted.is_none_or(|name| node.path.as_str() == name || node.key.as_deref() == Some(name));
        let undecided = |key: &&FrameKey| {
            let state = self.frames.get(*key).map(|frame| &frame.state);
            matches!(state, Some(State::Gate(state)) if state.decision.is_none())
        };
        let open: Vec<&FrameKey> = self.gates.iter().filter(undecided).collect();
        let candidates: Vec<&FrameKey> = open
            .iter()
            .copied()
            .filter(|key| node_of(key).is_some_and(fits))
            .collect();
        let paths = |keys: &[&FrameKey]| -> String {
            let paths: Vec<String> = keys
                .iter()
                .filter_map(|key| node_of(key))
                .map(|node| format!("`{}`", node.path))
                .collect();
            paths.join(", ")
        };
        match candidates.as_slice() {
            [key] => Ok(key),
            [] => {
                // The latest of those that are meant, if one was decided before.
                let settled = self.settled.iter().filter(|(node, _)| fits(plan.node(**node)));
                if let Some((node, settled)) = settled.max_by_key(|(_, settled)| settled.at()) {
                    let reason = settled.told(name_of(plan.node(*node)));
                    return Err(Verdict::Conflict { reason });
                }
                let exists = plan
                    .nodes()
                    .iter()
                    .any(|node| matches!(node.kind, NodeKind::Gate(_)) && fits(node));
                let reason = match wanted {
                    Some(name) if exists => format!("gate `{name}` is not open"),
                    Some(name) if open.is_empty() => format!("there is no gate `{name}`, and none is open"),
                    Some(name) => format!("there is no gate `{name}`; open: {}", paths(&open)),
                    None => "no gate is open".to_owned(),
                };
                Err(if exists {
                    Verdict::Conflict { reason }
                } else {
                    Verdict::Refused { reason }
                })
            }
            several => Err(Verdict::Refused {
                reason: format!("several gates are open, name one: {}", paths(several)),
            }),
        }
    }

    /// Applies the opening of a gate.
    pub(super) fn gate_opened(&mut self, plan: &Plan, at: &StepReference, state: GateState) {
        let Some(key) = self.locate(plan, at) else { return };
        if let Some(deadline) = state.deadline {
            self.deadlines.insert((deadline, key.clone()));
        }
        self.gates.insert(key);
        self.begin(plan, at, |_| State::Gate(Box::new(state)));
    }

    /// Applies the decision about a gate.
    pub(super) fn gate_decided(&mut self, plan: &Plan, at: &StepReference, decision: Decision, cause: &Cause) {
        let Some(key) = self.locate(plan, at) else { return };
        let Some(Frame {
            scope,
            state: State::Gate(state),
            ..
        }) = self.frames.get_mut(&key)
        else {
            return;
        };
        self.scopes.set_feedback(*scope, &decision.feedback());
        let asked = Asked {
            at: self.last_at,
            reason: String::new(),
            cause: cause.clone(),
        };
        let approved = decision.approved;
        state.decision = Some(decision);
        if let Some(node) = key.node {
            self.settled.insert(node, Settled::Decided { approved, asked });
        }
        self.ready.insert(key);
    }

    /// Keeps that a gate ended without a decision, for those who come too late.
    pub(super) fn gate_timed_out(&mut self, node: NodeIndex) {
        self.settled.insert(node, Settled::TimedOut { at: self.last_at });
    }
}

impl Settled {
    fn at(&self) -> Timestamp {
        match self {
            Self::Decided { asked, .. } => asked.at,
            Self::TimedOut { at } => *at,
        }
    }
}

/// Returns what the result of a gate that failed shows of it.
pub(super) fn failed_result(state: &GateState, failure: &Failure) -> (Data, Vec<String>) {
    let word = match &state.decision {
        Some(decision) => decision.marker(),
        None if failure.class == FailureClass::Timeout => "timed_out",
        None => return (Data::Null, Vec::new()),
    };
    (output(word, state), vec![word.to_owned()])
}

fn completed(at: StepReference, output: Data, marker: &str) -> Event {
    Event::StepCompleted {
        at,
        attempt: 0,
        output: Value::new(output),
        markers: vec![marker.to_owned()],
        context: None,
        metrics: Metrics::new(),
        shared: Vec::new(),
        used: None,
    }
}

/// Returns how people name a gate.
pub(super) fn name_of(node: &Node) -> &str {
    node.key.as_deref().unwrap_or_else(|| node.path.as_str())
}

fn no_option(name: &str, selection: &str, options: &[GateOption]) -> String {
    if options.is_empty() {
        return format!("gate `{name}` has no options to choose from");
    }
    let values: Vec<&str> = options.iter().map(|option| option.value.as_str()).collect();
    format!(
        "`{selection}` is no option of gate `{name}`; there are: {}",
        values.join(", ")
    )
}

/// Returns the options that a list, a list of `{value, label}` or a map from values to labels stands for.
fn options(data: &Data) -> Result<Vec<GateOption>, Failure> {
    let wrong = |what: &Data| {
        let message = format!("`options` must be a list or a map of values to labels, it has {what}");
        Failure::new(FailureClass::Expression, message)
    };
    let plain = |value: &Data| match value {
        Data::Text(_) | Data::Int(_) | Data::Double(_) | Data::Bool(_) => Ok(value.to_display()),
        Data::Null | Data::List(_) | Data::Map(_) => Err(wrong(value)),
    };
    let options: Vec<GateOption> = match data {
        Data::Null => Vec::new(),
        Data::List(items) => items
            .iter()
            .map(|item| match item {
                Data::Map(_) => Ok(GateOption {
                    value: plain(item.get("value").unwrap_or(&Data::Null))?,
                    label: item.get("label").map(plain).transpose()?,
                }),
                other => Ok(GateOption {
                    value: plain(other)?,
                    label: None,
                }),
            })
            .collect::<Result<_, Failure>>()?,
        Data::Map(entries) => entries
            .iter()
            .map(|(value, label)| {
                Ok(GateOption {
                    value: value.to_string(),
                    label: Some(plain(label)?),
                })
            })
            .collect::<Result<_, Failure>>()?,
        other => return Err(wrong(other)),
    };
    Ok(options)
}

impl View<'_> {
    /// Returns what the latest decision about a gate said.
    pub(super) fn gate_feedback(&self) -> String {
        self.run
            .scopes
            .feedback(self.scope)
            .map_or_else(String::new, |text| text.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_lists_maps_and_pairs() {
        let read = |json: &str| options(&serde_json::from_str(json).unwrap());
        let values = |json: &str| -> Vec<(String, Option<String>)> {
            let options = read(json).unwrap();
            options.into_iter().map(|option| (option.value, option.label)).collect()
        };
        let plain = |value: &str| (value.to_owned(), None);
        let labelled = |value: &str, label: &str| (value.to_owned(), Some(label.to_owned()));
        assert_eq!(values(r#"["a", 2]"#), [plain("a"), plain("2")]);
        assert_eq!(values(r#"{"a": "A"}"#), [labelled("a", "A")]);
        assert_eq!(
            values(r#"[{"value": "a", "label": "A"}, {"value": 1}]"#),
            [labelled("a", "A"), plain("1")]
        );
        assert_eq!(values("null"), []);
        for wrong in ["1", r#"[["a"]]"#, r#"[{"label": "A"}]"#, r#"{"a": null}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
