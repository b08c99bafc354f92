//! What calls mean: the action, its parameters, and what their failure does.

use super::Checker;
use super::attribute::{value, word};
use super::secrets::Destination;
use super::step_table::{Scope, handler_key};
use crate::ast::{Attribute, Attributes, Block, Call, CallTarget, Node, Value, ValueKind, find_attribute};
use crate::attributes::Construct;
use crate::catalog::{ActionEntry, CALLED, Lookup};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::resolved::{self, OnFail, Step, StepKind};
use crate::source::Span;
use crate::surroundings::FileKind;
use crate::written::duration_text;
use cofferdam_engine::Data;
use cofferdam_engine::expr::ValueSource;
use cofferdam_engine::plan::{ActionReference, RetryPolicy};
use std::sync::Arc;
use std::time::Duration;

/// The action that carries a call out.
struct Target {
    entry: Arc<ActionEntry>,
    /// The name that was called, if this is the fallback.
    called: Option<String>,
}

/// Returns the name of the action that a call means, with its place; none for workflows and paths.
pub(super) fn action_name(target: &CallTarget, attributes: &[Attribute]) -> Option<(String, Span)> {
    if let Some(used) = value(attributes, "use") {
        return word(used);
    }
    match target {
        CallTarget::Name(name) => Some((name.text.clone(), name.span)),
        CallTarget::Plugin { plugin, action } => {
            Some((format!("{}.{}", plugin.text, action.text), plugin.span.to(action.span)))
        }
        CallTarget::Path(_) | CallTarget::Workflow(_) => None,
    }
}

impl<'a> Checker<'a> {
    pub(super) fn call(&mut self, node: &'a Node, call: &'a Call, scope: &Scope<'a>) -> Option<StepKind> {
        let attributes = call.attributes.as_ref().map_or(&[][..], |list| &list.entries);
        match &call.target {
            CallTarget::Workflow(name) => {
                self.workflow_call(node, name, attributes, scope);
                return None;
            }
            CallTarget::Path(_) => {
                self.probe(attributes, scope);
                return None;
            }
            CallTarget::Name(_) | CallTarget::Plugin { .. } => {}
        }
        let (name, place) = action_name(&call.target, attributes)?;
        self.two_actions(&call.target, &name, place);
        // A slip in `use` is told; that the name of the step is no action would be the same again.
        let meant_use = |attribute: &Attribute| {
            let key = attribute.key.text.as_str();
            key.len() >= 3 && did_you_mean(key, ["use"]).is_some()
        };
        let slipped = self.is_modern()
            && value(attributes, "use").is_none()
            && matches!(call.target, CallTarget::Name(_))
            && attributes.iter().any(meant_use);
        let action = if name.is_empty() || slipped {
            None
        } else {
            self.action(&name, place)
        };
        let called = action.as_ref().and_then(|action| action.called.as_deref());
        let entry = action.as_ref().map(|action| &*action.entry);
        let params = self.for_destination(Destination::Parameters, |checker| {
            checker.params(call.attributes.as_ref(), entry, place, scope)
        });
        let params = params.and_then(|params| self.with_called(params, called, place));
        let retry = self.retry(attributes);
        if let (Some(entry), Some(policy)) = (entry, &retry) {
            self.unsafe_retry(attributes, policy, entry);
        }
        let timeout = self.timeout(attributes, "timeout");
        let timeout_total = self.timeout(attributes, "timeout_total");
        self.order_of_timeouts(attributes, timeout, timeout_total);
        if !scope.in_cleanup {
            self.longer_than_run(attributes, timeout, entry, place);
        }
        let on_fail = self.on_fail(node, attributes, scope);
        let prompts = self.defaults(attributes, scope);
        if let Some(undo) = find_attribute(attributes, "undo").and_then(Attribute::handler) {
            self.handler(undo, node.span.start, scope);
        }
        let action = action?;
        Some(StepKind::Call(Box::new(resolved::Call {
            action: reference(&action.entry),
            params: params?,
            retry: retry?,
            timeout,
            timeout_total,
            on_lost: action.entry.on_lost,
            on_fail: on_fail?,
            output: prompts.output,
            with: prompts.with.to_vec(),
        })))
    }

    /// Reports a call that names two actions.
    fn two_actions(&mut self, target: &CallTarget, used: &str, place: Span) {
        let CallTarget::Plugin { plugin, action } = target else {
            return;
        };
        let written = format!("{}.{}", plugin.text, action.text);
        if written != used {
            let message = format!("`{written}` and `use = {used}` exclude each other: a call runs one action");
            let diagnostic = Diagnostic::error(Code::ExclusiveAttributes, place, message);
            let name = plugin.span.to(action.span);
            self.report(diagnostic.also(name, "the other one").help(format!(
                "as a name of the step write `call {}`, or remove `use`",
                action.text
            )));
        }
    }

    /// Refuses paths that lead out of the project (capability A16).
    pub(super) fn check_path(&mut self, path: &str, span: Span) {
        let leaves = path.starts_with('/') || path.contains('\\') || path.split('/').any(|part| part == "..");
        if leaves {
            let message = format!("the path `{path}` leads out of the project");
            self.report(
                Diagnostic::error(Code::InvalidPath, span, message)
                    .help("write a path below the project's directory, without `..`"),
            );
        }
    }

    /// Returns the action called `name`; reports once if there is none.
    fn action(&mut self, name: &str, place: Span) -> Option<Target> {
        let (code, message, candidates) = match self.catalog.action(name) {
            Lookup::Found(entry) => return Some(Target { entry, called: None }),
            Lookup::Fallback(entry) => {
                return Some(Target {
                    entry,
                    called: Some(name.to_owned()),
                });
            }
            Lookup::Ambiguous(candidates) => {
                let message = format!("several plugins have an action `{name}`");
                (Code::AmbiguousAction, message, candidates)
            }
            Lookup::Unknown { mut suggestions } => {
                const SHOWN: usize = 8;
                let prefix = format!("{name}.");
                let of_plugin = self
                    .catalog
                    .names()
                    .into_iter()
                    .filter(|action| action.starts_with(&prefix));
                if suggestions.len() < 2 && !name.contains('.') {
                    let of_plugin: Vec<String> = of_plugin.take(SHOWN).collect();
                    if !of_plugin.is_empty() {
                        suggestions = of_plugin;
                    }
                }
                let message = format!("there is no action `{name}`");
                (Code::UnknownAction, message, suggestions)
            }
        };
        // One name that is missing everywhere is one finding.
        if let Some(index) = self.unknown_actions.get(name) {
            const SHOWN: usize = 5;
            if let Some(known) = self.diagnostics.get_mut(*index)
                && known.secondary.len() < SHOWN
            {
                known.secondary.push(crate::diagnostic::Label {
                    span: place,
                    text: "also here".to_owned(),
                });
            }
            return None;
        }
        let mut diagnostic = Diagnostic::error(code, place, message);
        match candidates.as_slice() {
            _ if self.is_workflow(name, place) => {
                diagnostic = diagnostic
                    .label("a workflow has this name")
                    .help(format!("write `call workflow {name}`"))
                    .suggest(place, format!("workflow {name}"));
            }
            [] if self.is_agent(name) => {
                diagnostic = diagnostic
                    .note(format!(
                        "there is an agent `{name}`, and no action that takes such calls"
                    ))
                    .help("say which one does in the configuration: `[actions]`, `fallback = \"PLUGIN.ACTION\"`");
            }
            [] => diagnostic = diagnostic.help("`cofferdam plugin list` shows the actions there are"),
            [only] => diagnostic = diagnostic.label(format!("did you mean `{only}`?")).suggest(place, only),
            several => {
                let list: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
                diagnostic = diagnostic.help(format!("write one of {}", list.join(", ")));
            }
        }
        self.unknown_actions.insert(name.to_owned(), self.diagnostics.len());
        self.report(diagnostic);
        None
    }

    /// Returns whether `call NAME`, at `place`, is the name of a workflow.
    fn is_workflow(&self, name: &str, place: Span) -> bool {
        let before = &self.source.text()[..place.start as usize];
        before.trim_end().ends_with("call") && self.library.is_some_and(|library| library.contains(name))
    }

    fn is_agent(&self, name: &str) -> bool {
        let surroundings = self.catalog.surroundings();
        surroundings.is_some_and(|known| known.names(FileKind::Agent).iter().any(|agent| agent == name))
    }

    /// Returns the parameters with the name that was called, where the fallback takes the call.
    fn with_called(&mut self, params: ValueSource, called: Option<&str>, place: Span) -> Option<ValueSource> {
        let Some(called) = called else { return Some(params) };
        let name = Data::from(called);
        match params {
            ValueSource::Literal(Data::Map(written)) => {
                let mut entries = Arc::unwrap_or_clone(written);
                entries.insert(CALLED.into(), name);
                Some(ValueSource::Literal(Data::Map(Arc::new(entries))))
            }
            ValueSource::Map(mut entries) => {
                entries.insert(CALLED.to_owned(), ValueSource::Literal(name));
                Some(ValueSource::Map(entries))
            }
            ValueSource::Literal(_) | ValueSource::Expression(_) | ValueSource::Template(_) | ValueSource::List(_) => {
                let message = format!("the parameters of `{called}` must be written out");
                let help = format!("the fallback is told the name as one more, `{CALLED}`: write `params {{ .. }}`");
                self.report(Diagnostic::error(Code::WrongValue, place, message).help(help));
                None
            }
        }
    }

    fn params(
        &mut self,
        attributes: Option<&'a Attributes>,
        action: Option<&ActionEntry>,
        place: Span,
        scope: &Scope<'a>,
    ) -> Option<ValueSource> {
        let written = attributes.and_then(|attributes| find_attribute(&attributes.entries, "params"));
        let Some(written) = written else {
            // What stands in the wrong place is told there, and was meant to be a parameter.
            let is_known = |attribute: &Attribute| Construct::Call.rule(&attribute.key.text).is_some();
            let entries = attributes.map_or(&[][..], |attributes| &attributes.entries);
            let is_told = self.is_modern() && !entries.iter().all(is_known);
            if let Some(action) = action.filter(|_| !is_told) {
                self.check_params(action, place, None, scope);
            }
            return Some(ValueSource::Literal(Data::map::<&str>([])));
        };
        let source = written.value()?;
        match &source.kind {
            ValueKind::Map(map) => {
                let params = self.map_value(map, scope);
                if let Some(action) = action {
                    self.check_params(action, place, Some((written.key.span, map)), scope);
                }
                params
            }
            ValueKind::Expression(fragment) => self.expression(fragment, scope).map(ValueSource::Expression),
            _ => None,
        }
    }

    pub(super) fn timeout(&mut self, attributes: &'a [Attribute], key: &str) -> Option<Duration> {
        let value = value(attributes, key)?;
        let timeout = self.duration(value, key)?;
        if timeout.is_zero() {
            let message = format!("a `{key}` of nothing ends the step before it begins");
            let diagnostic = Diagnostic::doubtful(Code::WrongValue, self.has_edition, value.span, message);
            self.report(diagnostic.help(format!("write a duration such as `{key} = 30s`, or remove it")));
        }
        Some(timeout)
    }

    /// Reports a limit of one attempt that the limit of all attempts never lets it reach.
    pub(super) fn order_of_timeouts(
        &mut self,
        attributes: &'a [Attribute],
        one: Option<Duration>,
        all: Option<Duration>,
    ) {
        let (Some(one), Some(all)) = (one, all) else { return };
        let (Some(written), Some(total)) = (value(attributes, "timeout"), value(attributes, "timeout_total")) else {
            return;
        };
        if one > all {
            let message = "one attempt may take longer than all attempts together";
            let diagnostic = Diagnostic::warning(Code::UselessLimit, written.span, message)
                .also(total.span, "ends all attempts first")
                .help("make `timeout` shorter than `timeout_total`, or remove it");
            self.report(diagnostic);
        }
    }

    /// Reports an attempt that may take longer than the whole run, as the call or the configuration says. Clean-up has time of its own.
    fn longer_than_run(
        &mut self,
        attributes: &'a [Attribute],
        timeout: Option<Duration>,
        entry: Option<&ActionEntry>,
        place: Span,
    ) {
        let Some((run, whole)) = self.run_timeout else { return };
        let of_run = duration_text(run);
        if let Some(written) = value(attributes, "timeout") {
            if let Some(timeout) = timeout.filter(|timeout| *timeout > run) {
                let of_attempt = duration_text(timeout);
                let message = format!("an attempt may take {of_attempt}, and the whole run {of_run}");
                let diagnostic = Diagnostic::warning(Code::UselessLimit, written.span, message)
                    .also(whole, "ends the run first")
                    .help("make `timeout` shorter than that of `meta`, or remove it");
                self.report(diagnostic);
            }
            return;
        }
        let (Some(entry), Some(surroundings)) = (entry, self.catalog.surroundings()) else {
            return;
        };
        let plugin = &entry.plugin;
        if let Some((wall, at)) = surroundings.wall(self.workflow_name, plugin)
            && wall > run
            && self.plugins_beyond_run.insert(plugin.clone())
        {
            let of_attempt = duration_text(wall);
            let message = format!("an attempt of `{plugin}` may take {of_attempt} ({at}), and the whole run {of_run}");
            let diagnostic = Diagnostic::warning(Code::UselessLimit, place, message)
                .also(whole, "ends the run first")
                .help(format!("give this call a `timeout`, or make `wall` shorter at {at}"));
            self.report(diagnostic);
        }
    }

    pub(super) fn on_fail(&mut self, node: &'a Node, attributes: &'a [Attribute], scope: &Scope<'a>) -> Option<OnFail> {
        let Some(attribute) = find_attribute(attributes, "on_fail") else {
            return Some(OnFail::Fail);
        };
        if let Some(block) = attribute.handler() {
            return Some(OnFail::Handle(self.handler(block, node.span.start, scope)));
        }
        let value = attribute.value()?;
        let (name, place) = word(value)?;
        if name == "continue" {
            return Some(OnFail::Continue);
        }
        if !matches!(self.catalog.action(&name), Lookup::Found(_) | Lookup::Fallback(_))
            && did_you_mean(&name, ["continue"]).is_some()
        {
            let message = format!("there is no action `{name}`");
            let diagnostic = Diagnostic::error(Code::UnknownAction, place, message);
            self.report(diagnostic.label("did you mean `continue`?").suggest(place, "continue"));
            return None;
        }
        if matches!(value.kind, ValueKind::Text(_)) && name.contains('/') {
            self.check_path(&name, place);
            self.not_yet(place, "a handler that is an agent's file");
            return None;
        }
        self.handler_action(&name, place, value, scope)
            .map(|step| OnFail::Handle(vec![step]))
    }

    /// Returns the call that `on_fail = ACTION` stands for: it has no parameters.
    fn handler_action(&mut self, name: &str, place: Span, value: &'a Value, scope: &Scope<'a>) -> Option<Step> {
        let Target { entry, called } = self.action(name, place)?;
        let (key, _) = handler_key(value)?;
        self.check_params(&entry, place, None, scope);
        let none = ValueSource::Literal(Data::map::<&str>([]));
        let call = resolved::Call {
            action: reference(&entry),
            params: self.with_called(none, called.as_deref(), place)?,
            retry: RetryPolicy::default(),
            timeout: None,
            timeout_total: None,
            on_lost: entry.on_lost,
            on_fail: OnFail::Fail,
            output: None,
            with: Vec::new(),
        };
        Some(Step {
            segment: key.to_owned(),
            key: Some(Arc::from(key)),
            guard: None,
            kind: StepKind::Call(Box::new(call)),
            place: self.place(place),
        })
    }

    /// Returns the steps of a handler of the step that begins at `step`: it sees that step and all before it.
    pub(super) fn handler(&mut self, block: &'a Block, step: u32, scope: &Scope<'a>) -> Vec<Step> {
        let mut inside = scope.clone();
        inside.in_handler = true;
        inside.begin(step);
        inside.pass(block.span.start);
        self.nodes(&block.nodes, &inside)
    }
}

fn reference(entry: &ActionEntry) -> ActionReference {
    ActionReference {
        plugin: entry.plugin.clone(),
        action: entry.action.clone(),
        component: entry.component,
    }
}
