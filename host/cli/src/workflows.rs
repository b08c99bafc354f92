//! Which workflows can be named here, and which files they are.

use crate::commands::contents;
use crate::failure::{Exit, Failure};
use crate::station::{Station, stems};
use crate::talk::say;
use cofferdam_dsl::{Library, WorkflowTexts, did_you_mean, is_workflow_name};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The workflows of the workflow directories, for the checker.
struct Files {
    files: BTreeMap<String, File>,
    places: Vec<String>,
}

/// A file in which a workflow is.
struct File {
    path: PathBuf,
    shown: String,
    /// Why it is not taken.
    refused: Option<String>,
}

impl WorkflowTexts for Files {
    fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn file(&self, name: &str) -> String {
        self.files.get(name).map_or_else(String::new, |file| file.shown.clone())
    }

    fn read(&self, name: &str) -> Result<String, String> {
        let file = self.files.get(name).ok_or("it is not there")?;
        if let Some(reason) = &file.refused {
            return Err(reason.clone());
        }
        contents(&file.path).map_err(|unreadable| unreadable.reason)
    }

    fn places(&self) -> Vec<String> {
        self.places.clone()
    }
}

impl Station {
    /// Returns the workflows that can be called by name; their files are read when they are called.
    pub(crate) fn library(&self) -> Library {
        let directories = self.configuration.workflow_directories();
        Library::new(Files {
            files: self.catalogue(),
            places: directories
                .map(|directory| format!("`{}`", self.short(directory)))
                .collect(),
        })
    }

    /// Returns the workflows of the workflow directories by name.
    pub(crate) fn workflows(&self) -> BTreeMap<String, PathBuf> {
        let sound = self.catalogue().into_iter().filter(|(_, file)| file.refused.is_none());
        sound.map(|(name, file)| (name, file.path)).collect()
    }

    /// Returns the file that `workflow` means: a path, or a name from the workflow directories.
    pub(crate) fn find_workflow(&self, workflow: &str) -> Result<PathBuf, Failure> {
        let path = Path::new(workflow);
        if workflow.contains('/') || path.extension().is_some_and(|extension| extension == "wf") {
            return Ok(path.to_owned());
        }
        let mut known = self.catalogue();
        match known.remove(workflow) {
            Some(File {
                refused: Some(reason),
                shown,
                ..
            }) => Err(Failure::new(
                Exit::Usage,
                format!("cannot take the workflow `{shown}`: {reason}"),
            )),
            Some(file) => Ok(file.path),
            None => {
                let directories = self.configuration.workflow_directories();
                let directories: Vec<String> = directories.map(|directory| self.short(directory)).collect();
                let message = format!(
                    "no workflow is called `{workflow}` (looked in {})",
                    directories.join(", ")
                );
                let failure = Failure::new(Exit::Usage, message);
                Err(match did_you_mean(workflow, known.keys().map(String::as_str)) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("name a file: cofferdam run PATH.wf"),
                })
            }
        }
    }

    /// Returns the files that `named` means: files, and directories whose workflows are meant; all workflows that can be
    /// named if it is empty. What is in directories is sorted.
    pub(crate) fn workflow_files(&self, named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        if named.is_empty() {
            self.warn_of_refused();
            return Ok(self.workflows().into_values().collect());
        }
        let mut files = Vec::new();
        for path in named {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let inside: BTreeSet<PathBuf> = stems(path, "wf").map(|(_, file)| file).collect();
            if inside.is_empty() {
                let message = format!("there is no workflow in `{}`", self.short(path));
                return Err(Failure::new(Exit::Usage, message).hint("workflows are files NAME.wf in it, not below it"));
            }
            files.extend(inside);
        }
        let mut seen = BTreeSet::new();
        files.retain(|file| seen.insert(file.clone()));
        Ok(files)
    }

    /// Says which files of the workflow directories are left out.
    fn warn_of_refused(&self) {
        for directory in self.configuration.workflow_directories() {
            let files: BTreeMap<String, PathBuf> = stems(directory, "wf").collect();
            for path in files
                .iter()
                .filter(|(name, _)| !is_workflow_name(name))
                .map(|(_, path)| path)
            {
                say(format!(
                    "warning: {} is left out: a workflow is found by the name of its file, of letters, digits, `_` and `-`",
                    self.short(path)
                ));
            }
        }
        for file in self.catalogue().into_values() {
            if let Some(reason) = file.refused {
                say(format!("warning: {} is left out: {reason}", file.shown));
            }
        }
    }

    /// Returns the files of the workflow directories by the names of the workflows. A later directory wins.
    fn catalogue(&self) -> BTreeMap<String, File> {
        let mut catalogue = BTreeMap::new();
        for directory in self.configuration.workflow_directories() {
            let files = stems(directory, "wf").filter(|(name, _)| is_workflow_name(name));
            catalogue.extend(files.map(|(name, path)| {
                let file = File {
                    shown: self.short(&path),
                    refused: self.leads_out(&path, directory),
                    path,
                };
                (name, file)
            }));
        }
        catalogue
    }

    /// Returns why a file of a workflow directory is not taken: it is a link out of that and of the project.
    fn leads_out(&self, file: &Path, directory: &Path) -> Option<String> {
        // What cannot be resolved cannot be read either, which is told then.
        let real = file.canonicalize().ok()?;
        let is_below = |root: &Path| real.starts_with(root);
        let root = self.configuration.project().root();
        let inside = root.canonicalize().is_ok_and(|root| is_below(&root));
        // A configured directory has no links in it any more; the one that is built in may be one itself.
        let beside = directory
            .canonicalize()
            .is_ok_and(|resolved| resolved == directory && is_below(&resolved));
        (!inside && !beside).then(|| format!("it is a link that leads out of the project, to `{}`", self.short(&real)))
    }
}
