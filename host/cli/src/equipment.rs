//! Which components does a run use, whatever is installed by now, and what may they touch?

use crate::failure::{Exit, Failure};
use crate::station::{Plugins, Station};
use cofferdam_engine::plan::Plan;
use cofferdam_runtime::configuration::short_digest;
use cofferdam_runtime::{Equipment as Pieces, MissingComponent, SandboxExecutor, used};
use cofferdam_wasm::{Origin, Sandbox};
use std::collections::BTreeSet;

/// The components of a run, as its plan names them.
pub(crate) struct Equipment(Pieces);

impl Equipment {
    /// Returns what `plan` uses: plugins that are installed where they are still the same, else the copies that were
    /// kept when the run started.
    pub(crate) async fn of(
        station: &Station,
        sandbox: &Sandbox,
        plugins: &Plugins,
        plan: &Plan,
        short: &str,
    ) -> Result<Self, Failure> {
        for (plugin, _) in used(plan) {
            if !station.configuration.is_enabled(plugin) {
                let message = format!("run {short} needs `{plugin}`, which the configuration switches off");
                let failure = Failure::new(Exit::Invalid, message).code("CF0511");
                return Err(failure.hint(format!("take `enabled = false` out of [plugins.{plugin}], then resume")));
            }
        }
        let gone = match Pieces::of(sandbox, &plugins.registry, Some(&station.copies()), plan).await {
            Ok(pieces) => return Ok(Self(pieces)),
            Err(gone) => gone,
        };
        let needed: Vec<String> = gone.iter().map(ToString::to_string).collect();
        let message = format!("run {short} needs {}", needed[0]);
        let mut failure = Failure::new(Exit::Invalid, message).code("CF0511");
        for needed in &needed[1..] {
            failure = failure.hint(format!("also {needed}"));
        }
        for MissingComponent { plugin, .. } in &gone {
            failure = failure.hint(if plugins.is_built_in(plugin) {
                format!("for `{plugin}`: resume with the cofferdam that started the run, or bring the copy back")
            } else {
                format!("for `{plugin}`: put the plugin file with this digest, or the copy, back where it was")
            });
        }
        Err(failure.hint("nothing was touched; what is recorded is kept"))
    }

    /// Puts the components where they outlive their plugin files. From here on the run can be acknowledged.
    pub(crate) fn keep(&self, station: &Station) -> Result<(), Failure> {
        self.0.keep(&station.copies()).map_err(|error| {
            Failure::of(Exit::Internal, error)
                .hint("a run keeps the components that it starts with; nothing was started")
        })
    }

    /// Refuses a run with a component that the lock file does not list as it is.
    pub(crate) fn require_locked(&self, station: &Station) -> Result<(), Failure> {
        let from_files = self.0.pieces().iter().filter(|piece| piece.origin == Origin::File);
        let unlisted = from_files
            .filter(|piece| !station.configuration.is_locked(&piece.plugin, piece.component.digest()))
            .map(|piece| (piece.plugin.as_str(), short_digest(piece.component.digest())));
        let unlisted: Vec<(&str, String)> = unlisted.collect();
        let Some((first, _)) = unlisted.first() else {
            return Ok(());
        };
        let shown: Vec<String> = unlisted
            .iter()
            .map(|(name, digest)| format!("`{name}` as {digest}"))
            .collect();
        let message = format!("cofferdam.lock does not list {}", shown.join(", "));
        let failure = Failure::new(Exit::Invalid, message).code("CF0622");
        Err(failure
            .hint(format!(
                "put what it lists back, or list what is there: cofferdam plugin accept {first}"
            ))
            .hint("nothing was started"))
    }

    /// Refuses a run that needs what is not granted: before it goes on, all reasons at once.
    pub(crate) fn require_grants(&self, station: &Station, plan: &Plan, hint: &str) -> Result<(), Failure> {
        let mut reasons = Vec::new();
        let mut seen = BTreeSet::new();
        for (node, call) in plan.calls() {
            let Some(piece) = self.0.piece(&call.action.plugin, &call.action.component) else {
                continue;
            };
            let Some(action) = piece.component.action(&call.action.action) else {
                continue;
            };
            let grants = station.grants_as(&piece.plugin, piece.origin, &action);
            let name = format!("{}.{}", call.action.plugin, call.action.action);
            let line = node.place.line;
            if let Some(unaccepted) = grants.unaccepted {
                // One component, however many of its actions are called.
                if seen.insert((unaccepted.plugin.clone(), unaccepted.to_string())) {
                    let message = unaccepted.to_string();
                    reasons.push((line, name, message, unaccepted.remedies(), "CF0621"));
                }
                continue;
            }
            for refusal in grants.refusals() {
                if seen.insert((name.clone(), refusal.message.clone())) {
                    let remedy = refusal.place.as_ref().zip(refusal.line.as_ref());
                    let remedy = remedy.map(|(place, text)| format!("to grant it, add to {place}: {text}"));
                    let remedies = remedy.into_iter().collect();
                    reasons.push((line, name.clone(), refusal.message.clone(), remedies, "CF0610"));
                }
            }
        }
        let Some((line, name, first, _, code)) = reasons.first() else {
            return Ok(());
        };
        let mut failure = Failure::new(Exit::Invalid, format!("line {line}: {name}: {first}")).code(code);
        for (line, name, message, ..) in &reasons[1..] {
            failure = failure.hint(format!("also line {line}: {name}: {message}"));
        }
        for remedy in reasons.iter().flat_map(|(_, _, _, remedies, _)| remedies) {
            failure = failure.hint(remedy.clone());
        }
        Err(failure.hint(hint))
    }

    /// Returns what carries out the calls of `plan`, and nothing else.
    pub(crate) fn executor(&self, station: &Station, plan: &Plan) -> Result<SandboxExecutor, Failure> {
        self.0.executor(plan, |piece, action| {
            station.prepare_as(&piece.plugin, piece.origin, action)
        })
    }
}

/// Returns the names of the plugins that a plan uses.
pub(crate) fn plugins_of(plan: &Plan) -> impl Iterator<Item = &str> {
    used(plan).into_iter().map(|(plugin, _)| plugin)
}
