//! What the expressions of a step see of the run.

use super::frame::{CallPhase, FrameKey, State};
use super::scope::{Names as Of, ScopeId};
use super::{Run, evolve};
use crate::data::Data;
use crate::event::Ending;
use crate::expr::{
    Budget, Evaluated, EvaluationError, Members, Missing, Names, Root, Template, ValueSource, references,
};
use crate::failure::{Failure, FailureClass};
use crate::plan::{Condition, Plan, Test};
use crate::result::StepResult;
use crate::secret::secret_placeholder;
use crate::time::Timestamp;
use std::sync::Arc;

/// The run as seen from one step.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) run: &'a Run,
    pub(super) plan: &'a Plan,
    pub(super) scope: ScopeId,
    /// The step itself or a block around it: handlers are looked for from here outwards.
    pub(super) key: &'a FrameKey,
    pub(super) now: Timestamp,
}

impl View<'_> {
    /// Returns whether `condition` holds.
    pub(super) fn holds(&self, condition: &Condition) -> Result<bool, Failure> {
        let answer = match &condition.test {
            Test::Marker { step, marker } => self
                .run
                .scopes
                .result(self.scope, step)
                .is_some_and(|result| result.markers.contains(marker)),
            Test::Input(name) => match self.run.inputs.get(name) {
                Some(Data::Bool(value)) => *value,
                Some(Data::Text(text)) => text.eq_ignore_ascii_case("true"),
                _ => false,
            },
            Test::Expression(expression) => expression
                .evaluate_condition(&Scene::of(*self), &mut Budget::standard())
                .map_err(|error| failure(&error))?,
        };
        Ok(answer != condition.negated)
    }

    /// Returns what `source` stands for.
    pub(super) fn value(&self, source: &ValueSource) -> Result<Data, Failure> {
        self.evaluated(source).map(|evaluated| evaluated.data)
    }

    /// Returns what `source` stands for, with the variables of its templates that have no value.
    pub(super) fn evaluated(&self, source: &ValueSource) -> Result<Evaluated, Failure> {
        let mut budget = Budget::standard();
        source
            .evaluate(
                &Scene::of(*self),
                &|name| self.variable(name),
                Missing::Remove,
                &mut budget,
            )
            .map_err(|error| failure(&error))
    }

    /// Returns the text that `template` stands for.
    pub(super) fn text(&self, template: &Template) -> Result<String, Failure> {
        let mut budget = Budget::standard();
        template
            .render(
                &Scene::of(*self),
                &|name| self.variable(name),
                Missing::Remove,
                &mut budget,
            )
            .map(|rendered| rendered.text)
            .map_err(|error| failure(&error))
    }

    /// Returns what the condition of a loop looks at, for telling whether the loop makes progress.
    pub(super) fn looked_at(&self, condition: &Condition) -> Data {
        let of = |key: &str, what: &dyn Fn(&StepResult) -> Data| {
            self.run
                .scopes
                .result(self.scope, key)
                .map_or(Data::Null, |result| what(&result))
        };
        match &condition.test {
            Test::Marker { step, .. } => of(step, &|result| {
                let mut markers = result.markers.clone();
                markers.sort_unstable();
                Data::list(markers.into_iter().map(Data::from))
            }),
            Test::Input(name) => self.run.inputs.get(name).cloned().unwrap_or_default(),
            Test::Expression(expression) => Data::list(references(expression).iter().map(|reference| {
                let name = reference.path.first().map_or("", |segment| &*segment.name);
                match &*reference.root {
                    "steps" => of(name, &|result| result.output.data().clone()),
                    "vars" => self.run.scopes.variable(self.scope, name).unwrap_or_default(),
                    _ => Data::Null,
                }
            })),
        }
    }

    /// Returns the old variable called `name`: what the host injected, inputs, what is built in, then string fields of
    /// outputs (LANGUAGE rule R30).
    fn variable(&self, name: &str) -> Option<String> {
        if let Some(value) = self.run.injected.get(name) {
            return Some(value.clone());
        }
        // Only a file without an edition can declare an input with a built-in name; there the input wins (row B13).
        if let Some(value) = self.run.inputs.get(name) {
            return Some(value.to_display());
        }
        if let Some(value) = self.built_in(name) {
            return Some(value);
        }
        self.run.scopes.text(self.scope, name).map(|text| text.to_string())
    }

    fn built_in(&self, name: &str) -> Option<String> {
        match name {
            "workflow_run_id" => Some(self.run.id.to_string()),
            "dry_run" => Some(self.run.dry_run.to_string()),
            "prior_context" => Some(
                self.run
                    .scopes
                    .context(self.scope)
                    .map_or_else(String::new, |text| text.to_string()),
            ),
            "prior_output" => Some(
                self.run
                    .scopes
                    .output(self.scope)
                    .map_or_else(String::new, |value| value.data().to_json()),
            ),
            "gate_feedback" => Some(self.gate_feedback()),
            "workflow_status" => self.cleanup_status().map(str::to_owned),
            "failed_step" => self.handled().map(|(step, _, _)| step),
            "failure_reason" => self.handled().map(|(_, failure, _)| failure.message),
            "retry_count" => self
                .handled()
                .map(|(_, _, attempts)| attempts.saturating_sub(1).to_string()),
            _ => None,
        }
    }

    /// Returns the failure that the nearest `on_fail` block around the step handles: step, failure, attempts.
    fn handled(&self) -> Option<(String, Failure, u32)> {
        let mut key = self.key.clone();
        loop {
            if let Some(State::Call(call)) = self.run.frames.get(&key).map(|frame| &frame.state)
                && let CallPhase::Handling(handling) = &call.phase
            {
                let step = key.node.map(|node| self.plan.node(node))?;
                let name = step.key.as_deref().unwrap_or_else(|| step.path.as_str());
                return Some((name.to_owned(), handling.failure.clone(), call.failed));
            }
            key.node?;
            key = evolve::parent_of(self.plan, &key);
        }
    }

    /// Returns how the body of the run ended, once its `always` blocks run.
    fn cleanup_status(&self) -> Option<&'static str> {
        match &self.run.frames.get(&FrameKey::root())?.state {
            State::Root(root) => root.cleanup.as_ref().map(|ending| match ending {
                Ending::Completed => "completed",
                Ending::Failed { .. } => "failed",
                Ending::Cancelled { .. } | Ending::Killed { .. } => "cancelled",
            }),
            State::Call(_)
            | State::Block(_)
            | State::Loop(_)
            | State::Parallel(_)
            | State::Gate(_)
            | State::Wait(_) => None,
        }
    }

    pub(super) fn last_output(&self) -> Option<Arc<StepResult>> {
        self.run.scopes.last(self.scope)
    }
}

fn failure(error: &EvaluationError) -> Failure {
    Failure {
        details: Data::map([("expression", Data::from(error.render()))]),
        ..Failure::new(FailureClass::Expression, error.to_string())
    }
}

/// The roots of the expressions of a step.
struct Scene<'a> {
    view: View<'a>,
    steps: Steps<'a>,
    variables: Variables<'a>,
    run: RunFacts<'a>,
    prior: Prior<'a>,
    secrets: Secrets<'a>,
}

impl<'a> Scene<'a> {
    fn of(view: View<'a>) -> Self {
        Self {
            view,
            steps: Steps(view),
            variables: Variables(view),
            run: RunFacts(view),
            prior: Prior(view),
            secrets: Secrets(view),
        }
    }
}

impl Names for Scene<'_> {
    fn root(&self, name: &str) -> Option<Root<'_>> {
        match name {
            "inputs" => Some(Root::Value(self.view.run.inputs.clone())),
            "steps" => Some(Root::Members(&self.steps)),
            "vars" => Some(Root::Members(&self.variables)),
            "run" => Some(Root::Members(&self.run)),
            "prior" => Some(Root::Members(&self.prior)),
            "secrets" => Some(Root::Members(&self.secrets)),
            "error" => self
                .view
                .handled()
                .map(|(step, failure, attempts)| Root::Value(failure.to_data(&step, attempts))),
            _ => None,
        }
    }

    fn roots(&self) -> Vec<String> {
        ["inputs", "steps", "vars", "run", "prior", "secrets", "error"]
            .map(str::to_owned)
            .to_vec()
    }
}

/// What stands for secrets. Their values are nowhere in a run; which there are is known where they are put in.
struct Secrets<'a>(View<'a>);

impl Members for Secrets<'_> {
    fn member(&self, name: &str) -> Option<Data> {
        Some(Data::from(secret_placeholder(&self.0.run.id.to_string(), name)))
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Results by key.
struct Steps<'a>(View<'a>);

impl Members for Steps<'_> {
    fn member(&self, name: &str) -> Option<Data> {
        self.0
            .run
            .scopes
            .result(self.0.scope, name)
            .map(|result| result.to_data(name))
    }

    fn field(&self, name: &str, field: &str) -> Option<Data> {
        self.0.run.scopes.result(self.0.scope, name)?.member(name, field)
    }

    fn names(&self) -> Vec<String> {
        self.0.run.scopes.names(self.0.scope, Of::Results)
    }
}

/// What `set` wrote.
struct Variables<'a>(View<'a>);

impl Members for Variables<'_> {
    fn member(&self, name: &str) -> Option<Data> {
        self.0.run.scopes.variable(self.0.scope, name)
    }

    fn names(&self) -> Vec<String> {
        self.0.run.scopes.names(self.0.scope, Of::Variables)
    }
}

/// Facts of the run itself.
struct RunFacts<'a>(View<'a>);

impl RunFacts<'_> {
    const NAMES: [&'static str; 7] = ["dry_run", "id", "metrics", "now", "started_at", "status", "workflow"];
}

impl Members for RunFacts<'_> {
    fn member(&self, name: &str) -> Option<Data> {
        let View { run, plan, now, .. } = self.0;
        match name {
            "dry_run" => Some(Data::Bool(run.dry_run)),
            "id" => Some(Data::from(run.id.to_string())),
            "metrics" => Some(Data::map(
                run.metrics
                    .iter()
                    .map(|(name, amount)| (name.as_str(), Data::Double(*amount))),
            )),
            "now" => Some(Data::from(now.to_string())),
            "started_at" => Some(Data::from(run.started_at.to_string())),
            "status" => Some(Data::text(self.0.cleanup_status().unwrap_or("running"))),
            "workflow" => Some(Data::text(plan.name())),
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        Self::NAMES.map(str::to_owned).to_vec()
    }
}

/// Typed twins of the old `prior_` variables.
struct Prior<'a>(View<'a>);

impl Members for Prior<'_> {
    fn member(&self, name: &str) -> Option<Data> {
        match name {
            "output" => self.0.run.scopes.output(self.0.scope).map(|value| value.data().clone()),
            "context" => self.0.run.scopes.context(self.0.scope).map(|text| Data::text(&*text)),
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        ["context", "output"].map(str::to_owned).to_vec()
    }
}
