//! Which directories must not be granted, whatever the file says?

use super::document::{Document, printable};
use super::file::{Configuration, DEFAULT_STATE};
use super::grants::AllowedDirectory;
use super::lock_file;
use super::paths::{self, Found};
use super::problem::ProblemCode;
use super::project::FILE_NAME;
use super::section::DirectoryLine;
use cofferdam_wasm::{Access, is_repository, of_the_kernel};
use std::path::{Path, PathBuf};

impl Configuration {
    pub(super) fn check_state(&self, document: &mut Document<'_>) {
        let directory = self.state_directory();
        if self.project.root().starts_with(&directory) {
            let message = format!(
                "the state `{}` needs a directory of its own: it is hidden from every guest",
                self.state.0.display()
            );
            document.add_with_help(
                ProblemCode::StateVisible,
                0..0,
                message,
                format!("path = \"{DEFAULT_STATE}\""),
            );
        }
    }

    pub(super) fn directory(
        &self,
        document: &mut Document<'_>,
        plugin: &str,
        line: DirectoryLine,
    ) -> Option<AllowedDirectory> {
        let host = &line.host;
        let shown = printable(&host.value);
        let mut bad = |code, message: String, help: Option<String>| {
            document.add(code, host.span.clone(), message).help = help;
            None
        };
        if host.value.starts_with('~') {
            return bad(
                ProblemCode::BadDirectory,
                format!("`{shown}`: `~` is not expanded, write the whole path"),
                None,
            );
        }
        let path = match paths::follow(self.project.root(), Path::new(&host.value)) {
            Ok(Found::Directory(path)) => path,
            Ok(Found::Missing(path)) if line.create => path,
            Ok(Found::Missing(_)) => {
                let help = match line.access {
                    Access::Write => "make it, or add `create = true` to this line",
                    Access::Read => "make it, or take this line away",
                };
                let message = format!("the directory `{shown}` does not exist");
                return bad(ProblemCode::BadDirectory, message, Some(help.to_owned()));
            }
            Err(reason) => {
                return bad(
                    ProblemCode::BadDirectory,
                    format!("cannot grant `{shown}`: {reason}"),
                    None,
                );
            }
        };
        if self.private.iter().any(|private| path.starts_with(private)) {
            let message = format!(
                "`{shown}` cannot be granted: cofferdam keeps compiled code there, or what you have trusted, which no guest sees"
            );
            return bad(ProblemCode::StateVisible, message, None);
        }
        if let Ok(Some(name)) = of_the_kernel(&path) {
            let message = format!(
                "cannot grant `{shown}`: it is in a file system of the kernel (`{name}`), which tells about this machine and \
                 its processes"
            );
            let help = "grant a directory that holds files; a variable of the environment is granted with `env`";
            return bad(ProblemCode::BadDirectory, message, Some(help.to_owned()));
        }
        if self.hidden().iter().any(|hidden| path.starts_with(hidden)) {
            let message = format!("`{shown}` cannot be granted: it lies in the state directory, which no guest sees");
            return bad(ProblemCode::StateVisible, message, None);
        }
        if line.access == Access::Write
            && let Some(reason) = self.danger(&path)
        {
            let message = format!("`{plugin}` cannot be allowed to write `{shown}`: {reason}");
            let help = "grant a directory that holds nothing but results, such as host = \"out\"".to_owned();
            return bad(ProblemCode::DangerousWrite, message, Some(help));
        }
        let DirectoryLine {
            guest,
            access,
            create,
            room,
            source,
            ..
        } = line;
        Some(AllowedDirectory {
            guest: guest.value,
            host: path,
            shown,
            access,
            create,
            room,
            source,
        })
    }

    /// Returns why writing in `path` would let a plugin grant itself the rest, if it would.
    pub(super) fn danger(&self, path: &Path) -> Option<String> {
        let root = self.project.root();
        let mut guarded: Vec<(PathBuf, &str)> = vec![
            (root.join(FILE_NAME), "the configuration"),
            (root.join(lock_file::FILE_NAME), "the lock file"),
            (root.join(".git"), "the repository"),
            (path.join(".git"), "a repository"),
        ];
        guarded.extend(self.project.file().map(|file| (file.to_owned(), "the configuration")));
        guarded.extend(
            self.plugin_directories
                .iter()
                .map(|(path, _)| (path.clone(), "a plugins directory")),
        );
        guarded.extend(
            self.workflows
                .iter()
                .map(|(path, _)| (path.clone(), "a workflows directory")),
        );
        guarded.extend(
            self.agents
                .iter()
                .map(|(path, _)| (path.clone(), "an agents directory")),
        );
        let others = [
            (&self.snippets, "a snippets directory"),
            (&self.schemas, "a schemas directory"),
        ];
        for (directories, what) in others {
            guarded.extend(directories.iter().map(|(path, _)| (path.clone(), what)));
        }
        let state = self.hidden().into_iter().filter(|path| !self.private.contains(path));
        guarded.extend(state.map(|path| (path, "the state")));
        let private = self.private.iter().cloned();
        guarded.extend(private.map(|path| (path, "what cofferdam keeps for you")));
        let lies = guarded.iter().find_map(|(guarded, what)| {
            // What may come to lie there counts too, but not every directory has a repository in it.
            let there = *what != "a repository" || guarded.symlink_metadata().is_ok();
            if there && guarded.starts_with(path) {
                Some(format!("{what} lies in it (`{}`)", self.project.short(guarded)))
            } else if path.starts_with(guarded) {
                Some(format!("it lies in {what} (`{}`)", self.project.short(guarded)))
            } else {
                None
            }
        });
        let in_repository = || {
            path.ancestors()
                .find(|path| path.file_name().is_some_and(is_repository))
        };
        lies.or_else(|| {
            Some(format!(
                "it lies in a repository (`{}`)",
                self.project.short(in_repository()?)
            ))
        })
    }
}
