//! Where is the project, and which file configures it?

use std::path::{Path, PathBuf};

pub(super) const FILE_NAME: &str = "cofferdam.toml";

/// What the command line says instead of the file: naming it is consent.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another configuration; its directory is the project.
    pub config: Option<PathBuf>,
    /// Further plugin directories; they win over those of the file.
    pub plugins: Vec<PathBuf>,
    /// Another state database.
    pub state: Option<PathBuf>,
    /// Another output directory for the frame of a project without a file.
    pub output: Option<PathBuf>,
    /// Directories of the user that hold what decides about trust, or code that runs as part of the host: no guest sees them.
    pub private: Vec<PathBuf>,
    /// The home directory of the user: it is no project unless the search starts in it.
    pub home: Option<PathBuf>,
}

/// A directory that workflows are run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    root: PathBuf,
    file: Option<PathBuf>,
}

/// Why a project cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The directory cannot be read.
    #[error("cannot look for the project in `{}`", .0.display())]
    Directory(PathBuf, #[source] std::io::Error),
    /// The configuration that was named is not there.
    #[error("cannot read the configuration `{}`", .0.display())]
    Config(PathBuf, #[source] std::io::Error),
}

impl Project {
    /// Returns the project that `start` lies in, or `start` itself where nothing says that it is one.
    ///
    /// # Errors
    /// If `start` or the configuration that was named cannot be read.
    pub fn discover(start: &Path, overrides: &Overrides) -> Result<Self, DiscoverError> {
        let start = start
            .canonicalize()
            .map_err(|error| DiscoverError::Directory(start.to_owned(), error))?;
        if let Some(config) = &overrides.config {
            let file = start.join(config);
            let file = file
                .canonicalize()
                .map_err(|error| DiscoverError::Config(config.clone(), error))?;
            let root = file.parent().unwrap_or(&start).to_owned();
            return Ok(Self { root, file: Some(file) });
        }
        let home = overrides.home.as_deref().and_then(|home| home.canonicalize().ok());
        for directory in start.ancestors() {
            // A `.cofferdam` or `.git` in the home directory must not make one project of everything below it.
            if home.as_deref() == Some(directory) && directory != start {
                break;
            }
            let file = directory.join(FILE_NAME);
            // An unreadable file is a file: falling back to the frame would hide it.
            if file.symlink_metadata().is_ok() {
                return Ok(Self {
                    root: directory.to_owned(),
                    file: Some(file),
                });
            }
            if directory.join(".cofferdam").is_dir() || directory.join(".git").exists() {
                return Ok(Self {
                    root: directory.to_owned(),
                    file: None,
                });
            }
        }
        Ok(Self {
            root: start,
            file: None,
        })
    }

    /// Returns the canonical path of the project's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the configuration, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns `path` as briefly as it can be named from the project.
    pub(super) fn short(&self, path: &Path) -> String {
        match path.strip_prefix(&self.root) {
            Ok(rest) if rest.as_os_str().is_empty() => ".".to_owned(),
            Ok(rest) => rest.display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Overrides, Project};
    use std::fs;

    #[test]
    fn the_nearest_mark_upwards_is_the_project() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let deep = root.join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        let found = |start: &std::path::Path| Project::discover(start, &Overrides::default()).unwrap();
        fs::create_dir(root.join("a/.git")).unwrap();
        assert_eq!(
            (found(&deep).root(), found(&deep).file()),
            (root.join("a").as_path(), None)
        );
        fs::create_dir(root.join("a/b/.cofferdam")).unwrap();
        assert_eq!(found(&deep).root(), root.join("a/b"));
        fs::write(deep.join("cofferdam.toml"), "config = 1").unwrap();
        assert_eq!(found(&deep).file(), Some(deep.join("cofferdam.toml").as_path()));
    }

    #[test]
    fn the_home_directory_is_no_project_of_what_lies_below() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().canonicalize().unwrap();
        fs::create_dir(home.join(".cofferdam")).unwrap();
        fs::create_dir(home.join("work")).unwrap();
        let overrides = Overrides {
            home: Some(home.clone()),
            ..Overrides::default()
        };
        assert_eq!(
            Project::discover(&home.join("work"), &overrides).unwrap().root(),
            home.join("work")
        );
        assert_eq!(Project::discover(&home, &overrides).unwrap().root(), home);
    }

    #[test]
    fn a_named_configuration_makes_its_directory_the_project() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir(root.join("elsewhere")).unwrap();
        fs::write(root.join("elsewhere/other.toml"), "config = 1").unwrap();
        let overrides = Overrides {
            config: Some("elsewhere/other.toml".into()),
            ..Overrides::default()
        };
        let project = Project::discover(&root, &overrides).unwrap();
        assert_eq!(project.root(), root.join("elsewhere"));
        let overrides = Overrides {
            config: Some("none.toml".into()),
            ..Overrides::default()
        };
        let error = Project::discover(&root, &overrides).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the configuration `none.toml`");
    }
}
