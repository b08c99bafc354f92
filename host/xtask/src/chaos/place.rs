//! Where is everything that a chaos run needs and leaves?

use super::history::{self, Event, Sight};
use crate::process;
use crate::repository::Repository;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const WORKFLOW: &str = include_str!("chaos.wf");
const UNREPEATABLE: &str = include_str!("unrepeatable.wf");
const CONFIGURATION: &str = "\
config = 1

[registry]
dirs = [\"plugins\"]

[plugins.ledger]
dirs = [{ guest = \"/books\", host = \"../books\", access = \"write\" }]
";

/// A project that was trusted, with the books that its plugin writes beside it.
pub(super) struct Place {
    root: PathBuf,
    binary: PathBuf,
}

/// One state file with one book.
pub(super) struct Case {
    /// Where the state, what terminals showed, and copies of the state are.
    pub(super) directory: PathBuf,
    name: String,
    state: PathBuf,
    book: PathBuf,
}

impl Place {
    /// Makes the project, which stays where it is when something is found.
    pub(super) fn make(repository: &Repository, binary: PathBuf, name: &str) -> Result<Self> {
        let place = Self {
            root: repository.target().join("chaos").join(name),
            binary,
        };
        if place.root.exists() {
            fs::remove_dir_all(&place.root).with_context(|| format!("cannot empty {}", place.root.display()))?;
        }
        for directory in ["project/plugins", "books", "home"] {
            fs::create_dir_all(place.root.join(directory))?;
        }
        fs::write(place.root.join("project/cofferdam.toml"), CONFIGURATION)?;
        fs::write(place.root.join("project/chaos.wf"), WORKFLOW)?;
        fs::write(place.root.join("project/unrepeatable.wf"), UNREPEATABLE)?;
        let ledger = repository.target().join("guests/ledger.wasm");
        fs::copy(&ledger, place.root.join("project/plugins/ledger.wasm"))
            .with_context(|| format!("no component at {}", ledger.display()))?;
        process::output(place.cofferdam().args(["trust", "--yes"]))?;
        process::output(place.cofferdam().args(["plugin", "accept", "ledger", "--yes"]))?;
        Ok(place)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the host, started in the project. What the person at this machine trusts is neither used nor changed.
    pub(super) fn cofferdam(&self) -> Command {
        let mut command = Command::new(&self.binary);
        self.prepare(&mut command);
        command
    }

    /// Returns another program that is to start the host: its path comes behind the arguments.
    pub(super) fn within(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).arg(&self.binary);
        self.prepare(&mut command);
        command
    }

    fn prepare(&self, command: &mut Command) {
        command
            .current_dir(self.root.join("project"))
            .env("XDG_STATE_HOME", self.root.join("home"));
    }

    /// Makes a case with nothing in it.
    pub(super) fn case(&self, name: &str) -> Result<Case> {
        let directory = self.root.join("cases").join(name);
        fs::create_dir_all(&directory)?;
        Ok(Case {
            state: directory.join("state/state.db"),
            directory,
            name: name.to_owned(),
            book: self.root.join("books").join(name),
        })
    }
}

impl Case {
    /// Makes a case with a book of its own whose run is kept in the state of this one.
    pub(super) fn beside(&self, place: &Place) -> Result<Self> {
        Ok(Self {
            state: self.state.clone(),
            ..place.case(&format!("{}-beside", self.name))?
        })
    }

    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    fn guest_book(&self) -> String {
        format!("/books/{}", self.name)
    }

    /// Returns the arguments of a new run that writes this book.
    pub(super) fn run(&self, work: u64, rounds: u64) -> Vec<String> {
        let inputs = [
            format!("book={}", self.guest_book()),
            format!("work:={work}"),
            format!("rounds:={rounds}"),
        ];
        let mut arguments = vec!["run".to_owned(), "chaos.wf".to_owned()];
        arguments.extend(inputs.into_iter().flat_map(|input| ["-i".to_owned(), input]));
        arguments.extend(self.named());
        arguments
    }

    /// Returns the arguments of a new run whose actions must not be repeated.
    pub(super) fn run_unrepeatable(&self, work: u64) -> Vec<String> {
        let inputs = [format!("book={}", self.guest_book()), format!("work:={work}")];
        let mut arguments = vec!["run".to_owned(), "unrepeatable.wf".to_owned()];
        arguments.extend(inputs.into_iter().flat_map(|input| ["-i".to_owned(), input]));
        arguments.extend(self.named());
        arguments
    }

    /// Returns the arguments that go on with a run.
    pub(super) fn resume(&self, run: &str) -> Vec<String> {
        let mut arguments = vec!["resume".to_owned(), run.to_owned()];
        arguments.extend(self.named());
        arguments
    }

    fn named(&self) -> [String; 4] {
        [
            "--state".to_owned(),
            self.state.display().to_string(),
            "--progress".to_owned(),
            "lines".to_owned(),
        ]
    }

    /// Returns how long the book is.
    pub(super) fn written(&self) -> usize {
        fs::read(&self.book).map_or(0, |book| book.iter().filter(|byte| **byte == b'\n').count())
    }

    /// Looks at what there is while no host is alive. The state is looked at in a copy: what a host that died left
    /// is for the next one to find.
    pub(super) fn look(&self, place: &Place, number: usize, shown: Vec<String>) -> Result<Sight> {
        let lines = match fs::read_to_string(&self.book) {
            Ok(book) => history::lines(&book)?,
            Err(_) => Vec::new(),
        };
        let copy = self.directory.join(format!("state-{number}"));
        let mut sight = Sight {
            lines,
            shown,
            ..Sight::default()
        };
        if copy_state(&self.state, &copy)? {
            (sight.run, sight.events) = self.recorded(place, &copy.join("state.db"))?;
        }
        Ok(sight)
    }

    /// Returns the run that writes this book with its events; nothing if there is no such run.
    fn recorded(&self, place: &Place, state: &Path) -> Result<(String, Vec<Event>)> {
        let mut command = place.cofferdam();
        command.args(["runs", "--json", "--state"]).arg(state);
        let listed: Value = process::json(&mut command)?;
        let mut found = (String::new(), Vec::new());
        for run in listed["runs"].as_array().context("`runs --json` lists nothing")? {
            let id = run["run"].as_str().context("a run without an id")?;
            let mut command = place.cofferdam();
            command.args(["events", id, "--json", "--state"]).arg(state);
            let events = history::events(&process::output(&mut command)?)?;
            if events
                .first()
                .is_some_and(|first| first.body["inputs"]["v"]["book"] == self.guest_book())
            {
                ensure!(found.1.is_empty(), "two runs write {}", self.book.display());
                found = (id.to_owned(), events);
            }
        }
        Ok(found)
    }

    /// Takes away what is needed no longer.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.directory)?;
        fs::remove_file(&self.book).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        Ok(())
    }
}

/// Copies the files of the database; false if there is none.
fn copy_state(state: &Path, copy: &Path) -> Result<bool> {
    fs::create_dir_all(copy)?;
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("state.db{suffix}");
        let from = state.with_file_name(&name);
        if from.exists() {
            fs::copy(&from, copy.join(&name))?;
        }
    }
    Ok(state.exists())
}
