//! Which components does a run use, whatever is installed by now, and what may they touch?

use crate::failure::{Exit, Failure};
use crate::station::{Choice, Plugins, Station};
use cofferdam_engine::Digest;
use cofferdam_engine::plan::Plan;
use cofferdam_runtime::configuration::short_digest;
use cofferdam_runtime::{Equipment as Pieces, MissingComponent, Piece, SandboxExecutor, used};
use cofferdam_wasm::{Origin, Sandbox};
use std::collections::BTreeSet;

/// The components of a run, as its plan names them.
pub(crate) struct Equipment(Pieces);

/// Why a run has no equipment.
#[derive(Debug)]
pub(crate) struct Unequipped {
    /// What is said about it.
    pub(crate) failure: Failure,
    /// What the run lacks, to be recorded with it; none if nothing is missing.
    pub(crate) lacks: Option<String>,
}

impl From<Failure> for Unequipped {
    fn from(failure: Failure) -> Self {
        Self { failure, lacks: None }
    }
}

impl From<Unequipped> for Failure {
    fn from(unequipped: Unequipped) -> Self {
        unequipped.failure
    }
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
    ) -> Result<Self, Unequipped> {
        for (plugin, _) in used(plan) {
            if !station.configuration.is_enabled(plugin) {
                let message = format!("run {short} needs `{plugin}`, which the configuration switches off");
                let failure = Failure::new(Exit::Invalid, message).code("CF0511");
                let hint = format!("take `enabled = false` out of [plugins.{plugin}], then resume");
                return Err(failure.hint(hint).into());
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
        Err(Unequipped {
            failure: failure.hint("what is recorded is kept, and the run goes on when it is back"),
            lacks: Some(MissingComponent::all(&gone)),
        })
    }

    /// Puts the components where they outlive their plugin files. From here on the run can be acknowledged.
    pub(crate) fn keep(&self, station: &Station) -> Result<(), Failure> {
        self.0.keep(&station.copies()).map_err(|error| {
            Failure::of(Exit::Internal, error)
                .hint("a run keeps the components that it starts with; nothing was started")
        })
    }

    /// Refuses a run with a component that the lock file does not list as it is, where only those may be used.
    pub(crate) fn require_locked(&self, station: &Station) -> Result<(), Failure> {
        let is_own = |piece: &&Piece| {
            let component = piece.component.digest();
            piece.origin == Origin::BuiltIn && station.is_first_party(&piece.plugin, component)
        };
        let from_files = self.0.pieces().iter().filter(|piece| !is_own(piece));
        let components = from_files.map(|piece| (piece.plugin.as_str(), piece.component.digest()));
        require_listed(station, components).map_err(|failure| failure.hint("nothing was started"))
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
            let maker = (piece.origin, &piece.signatures);
            let provenance = station.provenance(&piece.plugin, maker, piece.component.digest());
            if let Some(unsigned) = station.configuration.unsigned(&piece.plugin, provenance) {
                // One component, however many of its actions are called.
                if seen.insert((piece.plugin.clone(), unsigned.to_string())) {
                    let message = format!("the plugin is {unsigned}");
                    let remedy = format!(
                        "have it signed as `{}`: cofferdam plugin sign FILE --key KEY",
                        piece.plugin
                    );
                    let name = piece.plugin.clone();
                    reasons.push((node.place.line, name, message, vec![remedy], "CF0512"));
                }
                continue;
            }
            let grants = station.grants_as(Some(plan.name()), &piece.plugin, maker, &action);
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
            let maker = (piece.origin, &piece.signatures);
            station.prepare_as(Some(plan.name()), &piece.plugin, maker, action)
        })
    }
}

/// Refuses plugins from files that the lock file does not list as they are, where only those may be used.
pub(crate) fn require_listed<'c>(
    station: &Station,
    from_files: impl Iterator<Item = (&'c str, &'c Digest)>,
) -> Result<(), Failure> {
    if station.choice == Choice::Installed {
        return Ok(());
    }
    let unlisted = from_files
        .filter(|(name, digest)| !station.configuration.is_locked(name, digest))
        .map(|(name, digest)| (name, short_digest(digest)));
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
    Err(failure.hint(format!(
        "put what it lists back, or list what is there: cofferdam plugin accept {first}"
    )))
}

/// Returns the names of the plugins that a plan uses.
pub(crate) fn plugins_of(plan: &Plan) -> impl Iterator<Item = &str> {
    used(plan).into_iter().map(|(plugin, _)| plugin)
}
