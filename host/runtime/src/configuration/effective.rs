//! What holds for the runs of a project?

use super::document::nearest;
use super::file::{Configuration, Durability, PluginSection};
use super::problem::Problems;
use super::project::Project;
use cofferdam_engine::Data;
use cofferdam_wasm::{CompileLimits, Limits};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Configuration {
    /// Returns the project.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Returns what the project is called.
    pub fn name(&self) -> &str {
        &self.name.0
    }

    /// Returns the digest of the file that was read.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Returns where workflows are looked for by name. They need not exist.
    pub fn workflow_directories(&self) -> impl Iterator<Item = &Path> {
        self.workflows.iter().map(|(path, _)| path.as_path())
    }

    /// Returns where agents are looked for, `NAME.md`. They need not exist.
    pub fn agent_directories(&self) -> impl Iterator<Item = &Path> {
        self.agents.iter().map(|(path, _)| path.as_path())
    }

    /// Returns the words that `meta.targets` of a workflow may name; anything if there are none.
    pub fn targets(&self) -> &[String] {
        &self.targets.0
    }

    /// Returns how many calls of workflows may be inside of each other.
    pub fn call_levels(&self) -> usize {
        self.call_levels.0
    }

    /// Returns where prompt snippets are looked for, `NAME.md`. They need not exist.
    pub fn snippet_directories(&self) -> impl Iterator<Item = &Path> {
        self.snippets.iter().map(|(path, _)| path.as_path())
    }

    /// Returns where the schemas of outputs are looked for, `NAME.yaml`. They need not exist.
    pub fn schema_directories(&self) -> impl Iterator<Item = &Path> {
        self.schemas.iter().map(|(path, _)| path.as_path())
    }

    /// Returns the kinds of gates that somebody decides, beside those that the language knows.
    pub fn gate_kinds(&self) -> impl Iterator<Item = &str> {
        self.gates.keys().map(String::as_str)
    }

    /// Returns where plugins are looked for; a later directory wins over an earlier. They need not exist.
    pub fn plugin_directories(&self) -> impl Iterator<Item = &Path> {
        self.plugin_directories.iter().map(|(path, _)| path.as_path())
    }

    /// Returns whether a file is written for each run, in `logs` beside the state.
    pub fn run_logs(&self) -> bool {
        self.run_logs.0
    }

    /// Returns the state database.
    pub fn state_path(&self) -> &Path {
        &self.state.0
    }

    /// Returns the directory of the state.
    pub fn state_directory(&self) -> PathBuf {
        self.state.0.parent().unwrap_or(Path::new("/")).to_owned()
    }

    /// Returns the directories that no guest sees, whatever is granted.
    pub fn hidden(&self) -> Vec<PathBuf> {
        let mut hidden = vec![self.state_directory(), self.project.root().join(".cofferdam")];
        hidden.dedup();
        hidden.extend(self.private.iter().cloned());
        hidden
    }

    /// Returns what a finished write survives.
    pub fn durability(&self) -> Durability {
        self.durability.0
    }

    /// Returns what the compilation of a component may take.
    pub fn compile_limits(&self) -> CompileLimits {
        self.compile.0
    }

    /// Returns how many guests may be at work at the same time.
    pub fn attempts(&self) -> usize {
        self.attempts.0
    }

    /// Returns how long a guest may go on that is to stop because its run is cancelled, or its branch is left.
    pub fn cancel_grace(&self) -> Duration {
        self.cancel_grace.0
    }

    /// Returns how long guests may go on when the host is to stop.
    pub fn shutdown_grace(&self) -> Duration {
        self.shutdown_grace.0
    }

    /// Returns what an attempt of `plugin` may use.
    pub fn limits_for(&self, plugin: &str) -> &Limits {
        self.plugins.get(plugin).map_or(&self.limits, |section| &section.limits)
    }

    /// Returns whether `plugin` may be loaded.
    pub fn is_enabled(&self, plugin: &str) -> bool {
        self.plugins.get(plugin).is_none_or(|section| section.enabled)
    }

    /// Returns what the file says about single plugins.
    pub fn plugins(&self) -> &BTreeMap<String, PluginSection> {
        &self.plugins
    }

    /// Returns the values that every run is given; they win over inputs of the same name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Data)> {
        self.variables.iter().map(|(name, (value, _))| (name.as_str(), value))
    }

    /// Returns a problem for every section of a plugin that is not among `names`.
    pub fn check_plugins<'n>(&self, names: impl IntoIterator<Item = &'n str> + Clone) -> Problems {
        let unknown = self.plugins.iter().filter(|(name, section)| {
            // A plugin that is kept from being loaded need not be there.
            section.enabled && !names.clone().into_iter().any(|known| known == name.as_str())
        });
        let problems = unknown.map(|(name, section)| match nearest(name, names.clone()) {
            Some(near) => section.unknown.clone().help(format!("did you mean `{near}`?")),
            None => section
                .unknown
                .clone()
                .help("cofferdam plugin list shows those that are there"),
        });
        Problems::new(problems.collect())
    }
}
