//! What is different about the plugins since they were looked for the last time?

use super::{Plugin, Problem, Registry};
use cofferdam_engine::Digest;
use std::fmt;

/// One difference between two registries of the same directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is a plugin of a name that nobody had.
    Added {
        /// The plugin.
        plugin: String,
        /// Its component.
        component: Digest,
    },
    /// A plugin is another component from now on.
    Replaced {
        /// The plugin.
        plugin: String,
        /// The component that it was.
        from: Digest,
        /// The component that it is.
        to: Digest,
    },
    /// A plugin is gone.
    Removed {
        /// The plugin.
        plugin: String,
    },
    /// A file is not used, and was not known to be of no use.
    Rejected(Problem),
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { plugin, component } => write!(formatter, "`{plugin}` is there ({component})"),
            Self::Replaced { plugin, to, .. } => write!(formatter, "`{plugin}` is another component now ({to})"),
            Self::Removed { plugin } => write!(formatter, "`{plugin}` is gone"),
            Self::Rejected(problem) => problem.fmt(formatter),
        }
    }
}

impl Registry {
    /// Returns what is different here from `former`: what came, what is another one, what went, what was rejected.
    pub fn changes_since(&self, former: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for plugin in &self.plugins {
            let component = *plugin.component.digest();
            let plugin = plugin.name.clone();
            match former.plugin(&plugin).map(digest) {
                None => changes.push(Change::Added { plugin, component }),
                Some(from) if from != component => changes.push(Change::Replaced {
                    plugin,
                    from,
                    to: component,
                }),
                Some(_) => {}
            }
        }
        let gone = former
            .plugins
            .iter()
            .filter(|plugin| self.plugin(&plugin.name).is_none());
        changes.extend(gone.map(|plugin| Change::Removed {
            plugin: plugin.name.clone(),
        }));
        let new = self
            .problems
            .iter()
            .filter(|problem| !former.problems.contains(problem));
        changes.extend(new.cloned().map(Change::Rejected));
        changes
    }
}

fn digest(plugin: &Plugin) -> Digest {
    *plugin.component.digest()
}
