//! What is wrong with a file, as data: code, place, words and remedies. The command line draws it.

use crate::code::Code;
use crate::source::{Source, Span};
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, nothing to do.
    Note,
    /// Probably not what is meant; the file is accepted.
    Warning,
    /// The file is refused.
    Error,
}

/// A place in a file and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The words beside it, may be empty.
    pub text: String,
}

/// A place in another file that matters, such as a schema that a workflow names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The other file.
    pub source: Source,
    /// The place in it.
    pub label: Label,
}

/// One finding about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of finding it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, as a lower-case fragment.
    pub message: String,
    /// The place to look at.
    pub primary: Label,
    /// Other places that matter.
    pub secondary: Vec<Label>,
    /// Places in other files.
    pub elsewhere: Vec<Elsewhere>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// What the user can do about it.
    pub help: Vec<String>,
    /// A text that mends it when it replaces the span.
    pub suggestion: Option<(Span, String)>,
    /// Whether the original reader of the language accepted this silently: a warning in a file without an edition, an
    /// error with one and under strict checking (rule R1).
    pub doubtful: bool,
}

impl Diagnostic {
    /// Returns a finding of `severity`.
    pub fn new(code: Code, severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            primary: Label {
                span,
                text: String::new(),
            },
            secondary: Vec::new(),
            elsewhere: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            suggestion: None,
            doubtful: false,
        }
    }

    /// Returns an error.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, span, message)
    }

    /// Returns a warning.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, span, message)
    }

    /// Returns a note.
    pub fn note_only(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, span, message)
    }

    /// Returns a finding that is an error in a file with an edition and a warning in one without (R1).
    pub fn doubtful(code: Code, has_edition: bool, span: Span, message: impl Into<String>) -> Self {
        let severity = if has_edition {
            Severity::Error
        } else {
            Severity::Warning
        };
        Self {
            doubtful: true,
            ..Self::new(code, severity, span, message)
        }
    }

    /// Adds the words beside the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds a place in another file.
    #[must_use]
    pub fn and_in(mut self, source: Source, span: Span, text: impl Into<String>) -> Self {
        let label = Label {
            span,
            text: text.into(),
        };
        self.elsewhere.push(Elsewhere { source, label });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds something the user can do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a replacement that mends it.
    #[must_use]
    pub fn suggest(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.suggestion = Some((span, replacement.into()));
        self
    }

    /// Turns a finding into an error.
    pub(crate) fn make_error(&mut self) {
        self.severity = Severity::Error;
    }

    /// Turns a doubtful finding into an error, as `check --strict` does.
    pub fn make_strict(&mut self) {
        if self.doubtful {
            self.severity = Severity::Error;
        }
    }

    /// Returns whether the file is refused for this.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Returns the one line that helps most: a help text, else the words at the place.
    pub fn hint(&self) -> Option<&str> {
        let label = Some(self.primary.text.as_str()).filter(|text| !text.is_empty());
        self.help.first().map(String::as_str).or(label)
    }

    /// Returns the form that `check --json` prints.
    pub fn to_json(&self, source: &Source) -> serde_json::Value {
        let mut json = place(source, self.primary.span);
        json["code"] = self.code.number().into();
        json["severity"] = serde_json::json!(self.severity);
        json["message"] = self.message.as_str().into();
        json["file"] = source.name().into();
        if let Some(hint) = self.hint() {
            json["hint"] = hint.into();
        }
        let here = self.secondary.iter().map(|label| {
            let mut related = place(source, label.span);
            related["message"] = label.text.as_str().into();
            related
        });
        let elsewhere = self.elsewhere.iter().map(|other| {
            let mut related = place(&other.source, other.label.span);
            related["file"] = other.source.name().into();
            related["message"] = other.label.text.as_str().into();
            related
        });
        let related: Vec<serde_json::Value> = here.chain(elsewhere).collect();
        if !related.is_empty() {
            json["related"] = related.into();
        }
        if let Some((span, replacement)) = &self.suggestion {
            let mut fix = place(source, *span);
            fix["replacement"] = replacement.as_str().into();
            json["fix"] = fix;
        }
        json
    }
}

fn place(source: &Source, span: Span) -> serde_json::Value {
    let (start, end) = (source.position(span.start), source.position(span.end));
    serde_json::json!({
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    })
}

/// Returns the one of `known` that `written` most likely stands for.
pub fn did_you_mean<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // One slip in three characters is still the same word; beyond that, or in a single letter, a guess is noise.
    // Comparing costs the product of the lengths: nobody mistypes a name longer than this.
    const LONGEST: usize = 100;
    let length = written.chars().count();
    if length > LONGEST {
        return None;
    }
    let tolerance = (length / 3).max(1).min(length.saturating_sub(1));
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= 4 * LONGEST)
        .map(|candidate| (strsim::damerau_levenshtein(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min()
        .map(|(_, candidate)| candidate)
}
