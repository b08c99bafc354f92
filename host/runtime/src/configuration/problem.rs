//! What can be wrong with a configuration: codes, places, words and remedies.

use serde::{Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

macro_rules! codes {
    ($( $variant:ident = $number:literal, $title:literal, $text:literal; )+) => {
        /// What kind of problem it is. The number is stable, the words are not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemCode {
            $( #[doc = $title] $variant, )+
        }

        impl ProblemCode {
            /// Returns the number, such as `CF0601`.
            pub fn number(self) -> &'static str {
                match self { $( Self::$variant => $number, )+ }
            }
        }

        /// What `explain` tells about each code of a configuration.
        pub const EXPLANATIONS: &[Explanation] = &[
            $( Explanation { code: ProblemCode::$variant, title: $title, text: $text }, )+
        ];
    };
}

/// What a code means, at length.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// The code.
    pub code: ProblemCode,
    /// What it stands for, in a few words.
    pub title: &'static str,
    /// What it means and what to do.
    pub text: &'static str,
}

codes! {
    NotToml = "CF0630", "a configuration that is not TOML",
        "`cofferdam.toml` could not be read as TOML: a mark is missing, or a key stands there twice. Nothing of it is used until that is mended.";
    UnknownKey = "CF0631", "a key that does not exist",
        "Everything in `cofferdam.toml` is enforced, so that a key nobody knows is an error: a limit with a typing mistake would otherwise limit nothing.";
    NotEnforced = "CF0632", "a key of a later release",
        "The key is part of the planned form of the file, but this release does not enforce it. A setting that is read and not enforced would be a false promise, so it is refused.";
    WrongValue = "CF0633", "a value of the wrong kind or unit",
        "Sizes are written as \"128 MiB\", durations as \"30s\", counts as plain numbers, directories as \"path/to/it\".";
    LimitOutOfRange = "CF0634", "a limit that is off or too large",
        "No limit can be 0 or unlimited, and each has a largest value; `cofferdam config show --effective` prints them.";
    MissingKey = "CF0635", "a key that must be there",
        "`config = 1` names the format of the file, so that a later cofferdam reads it as it was meant.";
    DangerousWrite = "CF0636", "a plugin could grant itself the rest",
        "Whoever can write the configuration, the lock file, a plugins or workflows directory, the state or `.git` can do everything else. Such a directory is never granted for writing; grant one that holds nothing but results.";
    BadDirectory = "CF0637", "a directory that cannot be granted",
        "A granted directory must exist (or say `create = true`), and no part of its path may be a symbolic link: what the path names now is what is granted.";
    StateVisible = "CF0638", "a guest would see the state",
        "The state holds the results of every workflow. Its directory is hidden from every guest, so that it must be one of its own, and nothing inside it can be granted.";
    UnknownPlugin = "CF0639", "a section for a plugin that is not there",
        "A section `[plugins.NAME]` gives grants to the plugin NAME. Without such a plugin it would wait for whatever file gets that name.";
    WritableByOthers = "CF0640", "a configuration that anybody can write",
        "Everybody on this machine could change what plugins may do. `chmod o-w` takes that away.";
    Unreadable = "CF0641", "a configuration that cannot be read",
        "The file exists but could not be read; nothing is done with defaults in its place.";
    WrongAction = "CF0642", "a name for an action that leads nowhere",
        "`alias` lets a name stand for an action, `fallback` names the one action that takes the names of agents. Both mean an action by its full name, `plugin.action`, that is there; neither hides an action, for the name of an action always means it.";
    BadAddress = "CF0643", "an address that means too much or nothing",
        "An address is a scheme, a host and, if they differ from the usual, a port and the beginning of a path: `https://api.example.org/v1`. A star stands for the first parts of a name, `https://*.example.org`, and never for a whole one. A secret goes to https:// only.";
    SecretValue = "CF0644", "the value of a secret in the file",
        "A value never stands in a file that is shared, kept or shown. `[secrets.NAME]` says where it comes from: a variable of the environment, a file that only you can read, or a program that prints it.";
    BadLock = "CF0645", "a lock file that is of no use",
        "`cofferdam.lock` is written by `cofferdam plugin accept` and lists the component of each plugin from a file. One that is damaged, or of a later release, is refused as a whole: what it meant to say is not guessed.";
    NotAccepted = "CF0621", "a component that nobody accepted",
        "The grants of a plugin from a file belong to its name and to one component: whatever is put in its file later does not inherit them. `cofferdam plugin accept NAME` shows what the component asks for, what is different from the one before, and what it would be granted, and remembers it, outside of the project and in `cofferdam.lock`. `digest` in the plugin's section names the component instead; `[registry] trust = \"name\"` is for whoever is just writing the plugin.";
    NotLocked = "CF0622", "a component that the lock file does not list",
        "`cofferdam run --locked` uses plugins from files only as `cofferdam.lock` lists them, or as `digest` of their section names them, so that a run elsewhere executes the very same components. `cofferdam plugin accept NAME` and `cofferdam plugin install FILE` list them.";
    NotTrusted = "CF0620", "a project that is not trusted",
        "A project file may let plugins read the project's own tree and write one directory inside it. For more it must be looked at once: `cofferdam trust` shows what it asks for and remembers this very file; a changed file is asked about again.";
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind it is.
    pub code: ProblemCode,
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are meant.
    pub length: usize,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Everything that is wrong with a configuration, in the order of the places.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Serialize for ProblemCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.number())
    }
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

impl Problem {
    /// Returns a problem with a file as a whole.
    pub(super) fn of_file(code: ProblemCode, file: &Path, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            file: file.to_owned(),
            line: 1,
            column: 1,
            length: 1,
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {} ({})",
            self.file.display(),
            self.line,
            self.column,
            self.message,
            self.code
        )?;
        match &self.help {
            Some(help) => write!(f, "\n  = help: {help}"),
            None => Ok(()),
        }
    }
}

impl Problems {
    /// Returns these problems, in the order of their places.
    pub fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        Self(problems)
    }

    /// Returns the problems.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    /// Returns whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
