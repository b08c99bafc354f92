//! Which components does a run use, whatever is installed by now, and what may they touch?

use crate::failure::{Exit, Failure};
use crate::station::{Plugins, Station};
use cofferdam_engine::Digest;
use cofferdam_engine::plan::Plan;
use cofferdam_runtime::SandboxExecutor;
use cofferdam_wasm::{Component, Copies, Origin, PluginSource, Sandbox};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The components of a run, as its plan names them.
pub(crate) struct Equipment {
    pieces: Vec<Piece>,
}

/// A component, and the plugin that the run knows it as.
struct Piece {
    plugin: String,
    origin: Origin,
    component: Arc<Component>,
}

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
        let copies = station.copies();
        let mut pieces = Vec::new();
        let mut gone = Vec::new();
        for (plugin, digest) in used(plan) {
            if !station.configuration.is_enabled(plugin) {
                let message = format!("run {short} needs `{plugin}`, which the configuration switches off");
                let failure = Failure::new(Exit::Invalid, message).code("CF0511");
                return Err(failure.hint(format!("take `enabled = false` out of [plugins.{plugin}], then resume")));
            }
            match piece(sandbox, plugins, &copies, plugin, digest).await {
                Ok(piece) => pieces.push(piece),
                Err(reason) => gone.push((plugin, digest, reason)),
            }
        }
        let Some((plugin, digest, reason)) = gone.first() else {
            return Ok(Self { pieces });
        };
        let needs = |plugin: &str, digest: &Digest, reason: &str| {
            format!("`{plugin}` ({digest}), which is not installed any more, and {reason}")
        };
        let message = format!("run {short} needs {}", needs(plugin, digest, reason));
        let mut failure = Failure::new(Exit::Invalid, message).code("CF0511");
        for (plugin, digest, reason) in &gone[1..] {
            failure = failure.hint(format!("also {}", needs(plugin, digest, reason)));
        }
        for (plugin, ..) in gone {
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
        let pieces = self.pieces.iter();
        let kept = station
            .copies()
            .keep(pieces.map(|piece| (piece.plugin.as_str(), piece.origin, &piece.component)));
        kept.map_err(|error| {
            Failure::of(Exit::Internal, error)
                .hint("a run keeps the components that it starts with; nothing was started")
        })
    }

    /// Refuses a run that needs what is not granted: before it goes on, all reasons at once.
    pub(crate) fn require_grants(&self, station: &Station, plan: &Plan, hint: &str) -> Result<(), Failure> {
        let mut reasons = Vec::new();
        let mut seen = BTreeSet::new();
        for (node, call) in plan.calls() {
            let Some(piece) = self.piece(&call.action.plugin, &call.action.component) else {
                continue;
            };
            let Some(action) = piece.component.action(&call.action.action) else {
                continue;
            };
            let grants = station.grants_as(&piece.plugin, piece.origin, &action);
            for refusal in grants.refusals() {
                let name = format!("{}.{}", call.action.plugin, call.action.action);
                if seen.insert((name.clone(), refusal.message.clone())) {
                    reasons.push((node.place.line, name, refusal.clone()));
                }
            }
        }
        let Some((line, name, first)) = reasons.first() else {
            return Ok(());
        };
        let mut failure = Failure::new(Exit::Invalid, format!("line {line}: {name}: {}", first.message)).code("CF0610");
        for (line, name, refusal) in &reasons[1..] {
            failure = failure.hint(format!("also line {line}: {name}: {}", refusal.message));
        }
        for (_, _, refusal) in &reasons {
            if let (Some(place), Some(text)) = (&refusal.place, &refusal.line) {
                failure = failure.hint(format!("to grant it, add to {place}: {text}"));
            }
        }
        Err(failure.hint(hint))
    }

    /// Returns what carries out the calls of `plan`, and nothing else.
    pub(crate) fn executor(&self, station: &Station, plan: &Plan) -> Result<SandboxExecutor, Failure> {
        let mut executor = SandboxExecutor::new();
        let calls: BTreeSet<(&str, &Digest, &str)> = plan
            .calls()
            .map(|(_, call)| (&*call.action.plugin, &call.action.component, &*call.action.action))
            .collect();
        for (plugin, digest, action) in calls {
            if let Some(piece) = self.piece(plugin, digest)
                && let Some(action) = piece.component.action(action)
            {
                executor.add(plugin, station.prepare_as(&piece.plugin, piece.origin, action)?);
            }
        }
        Ok(executor)
    }

    fn piece(&self, plugin: &str, digest: &Digest) -> Option<&Piece> {
        let wanted = |piece: &&Piece| piece.plugin == plugin && piece.component.digest() == digest;
        self.pieces.iter().find(wanted)
    }
}

/// Returns the names of the plugins that a plan uses.
pub(crate) fn plugins_of(plan: &Plan) -> impl Iterator<Item = &str> {
    used(plan).into_iter().map(|(plugin, _)| plugin)
}

/// Returns who made a plugin that is installed.
pub(crate) fn origin(source: &PluginSource) -> Origin {
    match source {
        PluginSource::BuiltIn => Origin::BuiltIn,
        PluginSource::File(_) => Origin::File,
    }
}

fn used(plan: &Plan) -> BTreeSet<(&str, &Digest)> {
    plan.calls()
        .map(|(_, call)| (&*call.action.plugin, &call.action.component))
        .collect()
}

async fn piece(
    sandbox: &Sandbox,
    plugins: &Plugins,
    copies: &Copies,
    plugin: &str,
    digest: &Digest,
) -> Result<Piece, String> {
    let piece = |origin, component| Piece {
        plugin: plugin.to_owned(),
        origin,
        component,
    };
    if let Some(installed) = plugins.registry.plugin(plugin)
        && installed.component.digest() == digest
    {
        return Ok(piece(origin(&installed.source), Arc::clone(&installed.component)));
    }
    let absent = match copies.read(plugin, digest) {
        Ok(kept) => {
            let file = kept.file.display().to_string();
            let loaded = sandbox.load(kept.bytes).await;
            return match loaded {
                Ok(component) => Ok(piece(kept.origin, component)),
                Err(error) => Err(format!("its copy `{file}` {error}")),
            };
        }
        Err(error) => error.to_string(),
    };
    // A file that was given another name is still the same component; its grants stay those of the old name.
    match plugins.registry.component(digest) {
        Some(component) => Ok(piece(Origin::File, Arc::clone(component))),
        None => Err(absent),
    }
}
