//! What a script runs: a file of the project, a program, or a text in a language.

use super::Checker;
use super::attribute::{value, word};
use crate::ast::{Attribute, Value, ValueKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::{Text, TextForm, TextPart};
use crate::source::Span;
use crate::surroundings::FoundScript;

/// The languages that `source` may be written in.
const LANGUAGES: &[&str] = &["bash", "javascript", "js", "py", "python", "sh"];

impl<'a> Checker<'a> {
    /// Reports what is wrong with what a script runs.
    pub(super) fn script(&mut self, attributes: &'a [Attribute], name: Span) {
        if let Some(Value {
            kind: ValueKind::Text(text),
            ..
        }) = value(attributes, "run")
        {
            if text.plain.trim().is_empty() {
                let diagnostic = Diagnostic::error(Code::WrongValue, text.span, "there is nothing to run");
                self.report(diagnostic.help("write a command, such as `run = \"scripts/build.sh\"`"));
            }
            self.command(text);
            self.quoted_placeholders(text);
        }
        if let (Some(source), None) = (value(attributes, "source"), value(attributes, "run")) {
            self.language(attributes, source, name);
        }
    }

    /// Reports a command whose file cannot be run. One that is made of placeholders is known only when it runs.
    fn command(&mut self, text: &Text) {
        let Some(first) = first_word(text) else { return };
        let Some(path) = first
            .path
            .filter(|path| path.contains('/') && !path.split('/').next().unwrap_or_default().contains('='))
        else {
            // A bare name is a program, which the configuration allows.
            return;
        };
        let place = first.span.unwrap_or(text.span);
        let Some(surroundings) = self.catalog.surroundings() else {
            return self.check_path(&path, place);
        };
        let (code, message, help) = match surroundings.script(&path) {
            FoundScript::Fine => return,
            FoundScript::Outside => (
                Code::InvalidPath,
                format!("the script `{path}` leads out of the project"),
                "put it below the project's directory, without `..` and without links out of it; a program is named without its directory"
                    .to_owned(),
            ),
            FoundScript::Missing => (
                Code::MissingScript,
                format!("there is no script `{path}`"),
                "paths begin at the project's directory".to_owned(),
            ),
            FoundScript::NotAFile => (
                Code::MissingScript,
                format!("`{path}` is no file"),
                "name the file that is to be run".to_owned(),
            ),
            FoundScript::NotExecutable => (
                Code::NotExecutable,
                format!("nobody may run `{path}`"),
                format!("chmod +x {path}"),
            ),
        };
        self.report(Diagnostic::error(code, place, message).help(help));
    }

    /// Reports placeholders between quotes: the value is quoted already (LANGUAGE rule R58).
    fn quoted_placeholders(&mut self, text: &Text) {
        if text.form == TextForm::Raw {
            return;
        }
        let mut quote: Option<char> = None;
        for (index, part) in text.parts.iter().enumerate() {
            match part {
                TextPart::Plain(plain) => {
                    let mut escaped = false;
                    for character in plain.chars() {
                        match (quote, character) {
                            _ if escaped => escaped = false,
                            (None | Some('"'), '\\') => escaped = true,
                            (None, '"' | '\'') => quote = Some(character),
                            (Some(open), _) if open == character => quote = None,
                            _ => {}
                        }
                    }
                }
                TextPart::Placeholder(fragment) => {
                    let Some(quote) = quote else { continue };
                    let shown = format!("{{{{{}}}}}", fragment.written);
                    let message = format!("`{shown}` stands between quotes, though its value is quoted already");
                    let mut diagnostic = Diagnostic::warning(Code::QuotedPlaceholder, fragment.span, message);
                    let touches = |part: Option<&TextPart>, at_end: bool| match part {
                        Some(TextPart::Plain(plain)) if at_end => plain.ends_with(quote),
                        Some(TextPart::Plain(plain)) => plain.starts_with(quote),
                        _ => false,
                    };
                    let before = index.checked_sub(1).and_then(|before| text.parts.get(before));
                    let alone = touches(before, true) && touches(text.parts.get(index + 1), false);
                    // In the file the mark `"` has a backslash before it.
                    let width = 2 + if quote == '"' && text.form == TextForm::Quoted {
                        2
                    } else {
                        1
                    };
                    if alone {
                        let (start, end) = (fragment.span.start as usize, fragment.span.end as usize);
                        let around = Span::new(start.saturating_sub(width), end + width);
                        diagnostic = diagnostic.suggest(around, shown.clone());
                    }
                    self.report(diagnostic.help(format!("write `{shown}` without the quotes around it")));
                }
            }
        }
    }

    fn language(&mut self, attributes: &'a [Attribute], source: &'a Value, name: Span) {
        let written = value(attributes, "lang").and_then(word);
        let fence = match &source.kind {
            ValueKind::Code(code) => code.language.clone().map(|language| (language, source.span)),
            _ => None,
        };
        let Some((language, place)) = written.or(fence) else {
            let message = "it is not said in which language the `source` is";
            let help = "write the language behind the fence, such as ```python, or `lang = python`";
            self.report(
                Diagnostic::error(Code::MissingAttribute, name, message)
                    .also(source.span, "this text")
                    .help(help),
            );
            return;
        };
        if LANGUAGES.contains(&language.as_str()) {
            return;
        }
        let message = format!("nothing runs scripts in `{language}`");
        let diagnostic = Diagnostic::error(Code::UnknownLanguage, place, message);
        self.report(match did_you_mean(&language, LANGUAGES.iter().copied()) {
            Some(meant) => diagnostic.label(format!("did you mean `{meant}`?")),
            None => diagnostic.help(format!("there are {}", LANGUAGES.join(", "))),
        });
    }
}

/// The first word of a command.
struct First {
    /// What it is, if no placeholder is in it.
    path: Option<String>,
    /// Where it stands, if it is written as it reads.
    span: Option<Span>,
}

fn first_word(text: &Text) -> Option<First> {
    let plain = match (text.form, text.parts.as_slice()) {
        (TextForm::Raw, _) => text.plain.as_str(),
        (_, [TextPart::Plain(plain)]) => plain.as_str(),
        (_, [TextPart::Plain(plain), TextPart::Placeholder(_), ..]) => {
            // It ends before the placeholder, or the placeholder is a part of it.
            let first = plain.trim_start();
            if !first.contains(char::is_whitespace) {
                return Some(First { path: None, span: None });
            }
            plain.as_str()
        }
        _ => return None,
    };
    let begin = plain.len() - plain.trim_start().len();
    let rest = &plain[begin..];
    let (path, quotes) = match rest.chars().next()? {
        quote @ ('"' | '\'') => (rest[1..].split(quote).next().unwrap_or_default(), 1),
        _ => (rest.split(char::is_whitespace).next().unwrap_or_default(), 0),
    };
    let is_verbatim = quotes == 0 && begin == 0 && text.written.starts_with(path) && text.form != TextForm::Block;
    let start = text.span.start as usize + 1;
    Some(First {
        path: Some(path.to_owned()),
        span: is_verbatim.then(|| Span::new(start, start + path.len())),
    })
}
