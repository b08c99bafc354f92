//! Which components does a run use, whatever is installed by now?

use crate::sandbox_executor::{PreparedAction, SandboxExecutor};
use cofferdam_dsl::ActionEntry;
use cofferdam_engine::plan::{OnLost, Plan};
use cofferdam_engine::{Data, Digest};
use cofferdam_wasm::{
    Action, Component, Copies, CopyError, Origin, Plugin, PluginSource, Registry, Sandbox, Signatures,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The components of a run, as its plan names them.
#[derive(Debug)]
pub struct Equipment {
    pieces: Vec<Piece>,
}

/// A component, and the plugin that the run knows it as.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The plugin.
    pub plugin: String,
    /// Who made it.
    pub origin: Origin,
    /// The component.
    pub component: Arc<Component>,
    /// Who vouches for it as this plugin.
    pub signatures: Signatures,
}

/// A component that a run needs and that cannot be had any more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{plugin}` ({digest}), which is not installed any more, and {reason}")]
pub struct MissingComponent {
    /// The plugin as which the run knows it.
    pub plugin: String,
    /// What it is.
    pub digest: Digest,
    /// Why its copy does not help, as the end of a sentence.
    pub reason: String,
}

impl MissingComponent {
    /// Returns what a run lacks, as the end of a sentence that begins with the run.
    pub fn all(missing: &[Self]) -> String {
        let each: Vec<String> = missing.iter().map(ToString::to_string).collect();
        format!("needs {}", each.join("; and "))
    }
}

impl Equipment {
    /// Returns what `plan` uses: plugins of `registry` where they are still the same, else the copies that were kept when
    /// the run started.
    ///
    /// # Errors
    /// All components that are neither here nor there.
    pub async fn of(
        sandbox: &Sandbox,
        registry: &Registry,
        copies: Option<&Copies>,
        plan: &Plan,
    ) -> Result<Self, Vec<MissingComponent>> {
        let mut pieces = Vec::new();
        let mut missing = Vec::new();
        for (plugin, digest) in used(plan) {
            match piece(sandbox, registry, copies, plugin, digest).await {
                Ok(piece) => pieces.push(piece),
                Err(reason) => missing.push(MissingComponent {
                    plugin: plugin.to_owned(),
                    digest: *digest,
                    reason,
                }),
            }
        }
        if missing.is_empty() {
            Ok(Self { pieces })
        } else {
            Err(missing)
        }
    }

    /// Puts the components where they outlive their plugin files. From here on the run can be acknowledged.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn keep(&self, copies: &Copies) -> Result<(), CopyError> {
        let pieces = self.pieces.iter();
        // First, since a copy that is there means that all of it is.
        for piece in pieces.clone().filter(|piece| piece.origin == Origin::File) {
            copies.keep_signatures(&piece.plugin, piece.component.digest(), &piece.signatures)?;
        }
        copies.keep(pieces.map(|piece| (piece.plugin.as_str(), piece.origin, &piece.component)))
    }

    /// Returns what carries out the calls of `plan`, and nothing else: `prepare` settles what each action may touch and use.
    ///
    /// # Errors
    /// The first of `prepare`.
    pub fn executor<E>(
        &self,
        plan: &Plan,
        mut prepare: impl FnMut(&Piece, Action) -> Result<PreparedAction, E>,
    ) -> Result<SandboxExecutor, E> {
        let mut executor = SandboxExecutor::new();
        let calls: BTreeSet<(&str, &Digest, &str)> = plan
            .calls()
            .map(|(_, call)| (&*call.action.plugin, &call.action.component, &*call.action.action))
            .collect();
        for (plugin, digest, action) in calls {
            if let Some(piece) = self.piece(plugin, digest)
                && let Some(action) = piece.component.action(action)
            {
                executor.add(plugin, prepare(piece, action)?);
            }
        }
        Ok(executor)
    }

    /// Returns all components, each as every plugin that it is.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Returns the component that the run knows as this plugin.
    pub fn piece(&self, plugin: &str, digest: &Digest) -> Option<&Piece> {
        let wanted = |piece: &&Piece| piece.plugin == plugin && piece.component.digest() == digest;
        self.pieces.iter().find(wanted)
    }
}

/// Returns the plugins that a plan uses, each with the component that it means.
pub fn used(plan: &Plan) -> BTreeSet<(&str, &Digest)> {
    plan.calls()
        .map(|(_, call)| (&*call.action.plugin, &call.action.component))
        .collect()
}

/// Returns who made a plugin that is installed.
pub fn origin(source: &PluginSource) -> Origin {
    match source {
        PluginSource::BuiltIn => Origin::BuiltIn,
        PluginSource::File(_) => Origin::File,
    }
}

/// Returns the actions of a plugin as the checker knows them.
pub fn entries(plugin: &Plugin) -> impl Iterator<Item = ActionEntry> {
    plugin.component.actions().iter().map(move |action| ActionEntry {
        plugin: plugin.name.clone(),
        action: action.name.clone(),
        component: *plugin.component.digest(),
        provider: provider(plugin),
        summary: action.summary.clone(),
        params: action.params.as_ref().map_or(serde_json::Value::Null, json),
        output: action.output.as_ref().map_or(serde_json::Value::Null, json),
        example: action.examples.first().map(json),
        on_lost: match action.on_lost {
            cofferdam_wasm::OnLost::Redeliver => OnLost::Redeliver,
            cofferdam_wasm::OnLost::Fail => OnLost::Fail,
            cofferdam_wasm::OnLost::Ask => OnLost::Ask,
        },
    })
}

/// Returns a plugin in words: `fs 0.1.0 (built in)`.
pub fn provider(plugin: &Plugin) -> String {
    let version = plugin.version.as_deref().unwrap_or("without version");
    match &plugin.source {
        PluginSource::BuiltIn => format!("{} {version} (built in)", plugin.name),
        PluginSource::File(file) => format!(
            "{} {version} ({})",
            plugin.name,
            file.file_name().unwrap_or_default().to_string_lossy()
        ),
    }
}

fn json(data: &Data) -> serde_json::Value {
    serde_json::to_value(data).unwrap_or_default()
}

async fn piece(
    sandbox: &Sandbox,
    registry: &Registry,
    copies: Option<&Copies>,
    plugin: &str,
    digest: &Digest,
) -> Result<Piece, String> {
    let piece = |origin, component, signatures| Piece {
        plugin: plugin.to_owned(),
        origin,
        component,
        signatures,
    };
    if let Some(installed) = registry.plugin(plugin)
        && installed.component.digest() == digest
    {
        let signatures = installed.signatures.clone();
        return Ok(piece(
            origin(&installed.source),
            Arc::clone(&installed.component),
            signatures,
        ));
    }
    let signatures = copies
        .map(|copies| copies.signatures(plugin, digest))
        .unwrap_or_default();
    let absent = match copies.map(|copies| copies.read(plugin, digest)) {
        Some(Ok(kept)) => {
            let file = kept.file.display().to_string();
            let loaded = sandbox.load(kept.bytes).await;
            return match loaded {
                Ok(component) => Ok(piece(kept.origin, component, signatures)),
                Err(error) => Err(format!("its copy `{file}` {error}")),
            };
        }
        Some(Err(error)) => error.to_string(),
        None => "no copies are kept".to_owned(),
    };
    // A file that was given another name is still the same component; its grants stay those of the old name.
    match registry.component(digest) {
        Some(component) => Ok(piece(Origin::File, Arc::clone(component), signatures)),
        None => Err(absent),
    }
}
