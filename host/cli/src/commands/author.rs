//! What a workflow author needs while writing: `check`, `fmt`, `explain`, `ast`.

use super::run::read;
use crate::arguments::{Ast, Check, Explain, Fmt, Manner};
use crate::diagnostics::draw;
use crate::equipment::require_listed;
use crate::failure::{Exit, Failure, Outcome};
use crate::station::{Choice, Plugins, Station};
use crate::talk::{GOOD, Look, STRONG, counted, print, say};
use cofferdam_dsl::inventory::{Inventory, Used};
use cofferdam_dsl::{Code, Diagnostic, Severity, Source, ast_json, ast_schema, compile, format, parse, sarif};
use cofferdam_engine::Digest;
use cofferdam_wasm::PluginSource;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Says everything that is wrong with workflows.
pub(crate) async fn check(station: &Station, manner: &Manner, arguments: &Check) -> Outcome {
    let files = station.workflow_files(&arguments.files)?;
    if files.is_empty() {
        let failure = Failure::new(Exit::Usage, "there is no workflow to check");
        return Err(failure.hint("name one: cofferdam check FILE.wf"));
    }
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    if !manner.json {
        station.warn_of_problems(&plugins);
    }
    let catalog = plugins.catalog(station);
    let options = station.options(arguments.strict, []);
    let mut found = Vec::new();
    let mut checked = Vec::new();
    let mut refused = 0;
    let mut used = Inventory::default();
    for file in &files {
        let shown = station.short(file);
        let text = match read(file, &shown) {
            Ok(text) => text,
            // What is wrong with the bytes of a file is a finding like others.
            Err(failure) if failure.code == Some(Code::NotUtf8.number()) => {
                refused += 1;
                let (source, diagnostic) = undecodable(file, &shown)?;
                if arguments.sarif {
                    checked.push((source, vec![diagnostic]));
                } else if manner.json {
                    found.push(diagnostic.to_json(&source));
                } else {
                    say(draw(&diagnostic, &source, &station.look));
                    say("");
                    say(summary(&shown, 1, 0, &[diagnostic], &station.look));
                }
                continue;
            }
            Err(failure) if files.len() > 1 && !manner.json => {
                say(format!("error: {:#}", failure.error));
                refused += 1;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if station.choice == Choice::Locked {
            let (tree, _) = parse(&text);
            used.add(&tree, &Source::new(&*shown, &*text), &catalog);
        }
        let compiled = compile(&text, &shown, &catalog, &options);
        let errors = count(&compiled.diagnostics, Severity::Error);
        let warnings = count(&compiled.diagnostics, Severity::Warning);
        refused += u64::from(errors > 0);
        if arguments.sarif {
            checked.push((compiled.source, compiled.diagnostics));
            continue;
        }
        if manner.json {
            found.extend(
                compiled
                    .diagnostics
                    .iter()
                    .map(|diagnostic| diagnostic.to_json(&compiled.source)),
            );
            continue;
        }
        for diagnostic in &compiled.diagnostics {
            say(draw(diagnostic, &compiled.source, &station.look));
            say("");
        }
        let mut summary = summary(&shown, errors, warnings, &compiled.diagnostics, &station.look);
        if errors == 0 && !compiled.not_carried_out.is_empty() {
            summary.push_str("; this version cannot run it yet");
        }
        say(summary);
    }
    if arguments.sarif {
        let files = checked.iter().map(|(source, found)| (source, found.as_slice()));
        print(sarif(env!("CARGO_PKG_VERSION"), files).to_string());
    }
    if manner.json {
        print(serde_json::json!({ "diagnostics": found }).to_string());
    }
    if files.len() > 1 && !manner.json && !arguments.sarif {
        let all = counted(files.len() as u64, "workflow");
        say(match refused {
            0 => format!("{all}, none with errors"),
            _ => format!("{all}, {refused} with errors"),
        });
    }
    require_listed(station, called(&used, &plugins))?;
    Ok(if refused > 0 { Exit::Invalid } else { Exit::Done })
}

/// Returns the plugins from files that workflows call, each with its component.
fn called<'u>(used: &'u Inventory, plugins: &'u Plugins) -> impl Iterator<Item = (&'u str, &'u Digest)> {
    let names: BTreeSet<&str> = used
        .of(Used::Actions)
        .filter_map(|(name, _)| Some(name.split_once('.')?.0))
        .collect();
    let called = names.into_iter().filter_map(|name| plugins.registry.plugin(name));
    let from_files = called.filter(|plugin| plugin.source != PluginSource::BuiltIn);
    from_files.map(|plugin| (plugin.name.as_str(), plugin.component.digest()))
}

/// Returns what is wrong with a file that is no text, with the part of it that is.
fn undecodable(file: &Path, shown: &str) -> Result<(Source, Diagnostic), Failure> {
    let bytes = std::fs::read(file).map_err(|error| Failure::of(Exit::Usage, error))?;
    let diagnostic = match Source::from_bytes(shown, &bytes) {
        Err(diagnostic) => *diagnostic,
        Ok(_) => return Err(Failure::new(Exit::Usage, format!("`{shown}` has changed meanwhile"))),
    };
    let start = (diagnostic.primary.span.start as usize).min(bytes.len());
    // One byte that can be shown stands for the one that cannot.
    let text = String::from_utf8_lossy(&bytes[..start]) + "?";
    Ok((Source::new(shown, &*text), diagnostic))
}

fn count(diagnostics: &[Diagnostic], severity: Severity) -> u64 {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == severity)
        .count() as u64
}

fn summary(file: &str, errors: u64, warnings: u64, diagnostics: &[Diagnostic], look: &Look) -> String {
    if errors == 0 && warnings == 0 {
        return format!("{file}: {}", look.paint(GOOD, "no problems"));
    }
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(counted(errors, "error"));
    }
    if warnings > 0 {
        parts.push(counted(warnings, "warning"));
    }
    let dot = if look.signs { "·" } else { "-" };
    let code = diagnostics.last().map_or("", |diagnostic| diagnostic.code.number());
    format!(
        "{file}: {} {dot} `cofferdam explain {code}` tells more",
        parts.join(", ")
    )
}

/// Brings workflows into canonical form.
pub(crate) fn fmt(look: &Look, manner: &Manner, arguments: &Fmt) -> Outcome {
    let mut changed = Vec::new();
    let mut files = Vec::new();
    let mut refused = false;
    for file in &arguments.files {
        let stdin = file.as_os_str() == "-";
        let shown = if stdin {
            "stdin".to_owned()
        } else {
            file.display().to_string()
        };
        let text = if stdin { from_stdin()? } else { read(file, &shown)? };
        let formatted = match format(&text) {
            Ok(formatted) => formatted,
            Err(diagnostics) => {
                let source = Source::new(shown.as_str(), text.as_str());
                refused = true;
                if manner.json {
                    let found: Vec<_> = diagnostics.iter().map(|found| found.to_json(&source)).collect();
                    files.push(serde_json::json!({ "file": shown, "status": "refused", "diagnostics": found }));
                    continue;
                }
                for diagnostic in &diagnostics {
                    say(draw(diagnostic, &source, look));
                    say("");
                }
                say(format!("{shown}: not formatted"));
                continue;
            }
        };
        let prints = arguments.stdout || (stdin && !arguments.check);
        let status = match (formatted == text, prints || arguments.check) {
            (true, _) => "unchanged",
            (false, true) => "would-format",
            (false, false) => "formatted",
        };
        let mut entry = serde_json::json!({ "file": shown, "status": status });
        if prints && manner.json {
            entry["text"] = formatted.as_str().into();
        } else if prints {
            print(formatted.trim_end_matches('\n'));
        } else if formatted != text {
            changed.push(shown.clone());
            if !arguments.check {
                write(file, &formatted)?;
            }
        }
        files.push(entry);
    }
    if manner.json {
        print(serde_json::json!({ "files": files }).to_string());
    }
    for file in changed.iter().filter(|_| !manner.json) {
        say(format!(
            "{} {file}",
            if arguments.check { "would format" } else { "formatted" }
        ));
    }
    Ok(if refused || (arguments.check && !changed.is_empty()) {
        Exit::Invalid
    } else {
        Exit::Done
    })
}

fn from_stdin() -> Result<String, Failure> {
    std::io::read_to_string(std::io::stdin()).map_err(|error| Failure::of(Exit::Usage, error))
}

/// Replaces a file as a whole, so that an interruption leaves the old text or the new one.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    // A link stays what it is; the file that it leads to is replaced.
    let resolved = std::fs::canonicalize(file).map_err(|error| Failure::of(Exit::Usage, error))?;
    let file = resolved.as_path();
    let mut aside = file.as_os_str().to_owned();
    aside.push(".fmt-new");
    let aside = PathBuf::from(aside);
    let written = std::fs::write(&aside, text)
        .and_then(|()| std::fs::set_permissions(&aside, std::fs::metadata(file)?.permissions()))
        .and_then(|()| std::fs::rename(&aside, file));
    written.map_err(|error| {
        // What was written aside is of no use any more.
        let _ = std::fs::remove_file(&aside);
        Failure::new(Exit::Usage, format!("cannot write `{}`: {error}", file.display()))
    })
}

/// Tells more about a code.
pub(crate) fn explain(look: &Look, manner: &Manner, arguments: &Explain) -> Outcome {
    let Some(wanted) = &arguments.code else {
        for (code, title) in crate::explanations::all() {
            print(format!("{code}  {title}"));
        }
        return Ok(Exit::Done);
    };
    let wanted = wanted.to_ascii_uppercase();
    let wanted = if wanted.starts_with("CF") {
        wanted
    } else {
        format!("CF{wanted}")
    };
    let Some(page) = crate::explanations::find(&wanted) else {
        let failure = Failure::new(Exit::Usage, format!("there is no code `{wanted}`"));
        return Err(failure.hint("list them: cofferdam explain"));
    };
    if manner.json {
        print(serde_json::json!({ "code": wanted, "title": page.title, "text": page.text, "wrong": page.wrong, "right": page.right }).to_string());
        return Ok(Exit::Done);
    }
    print(look.paint(STRONG, &format!("{wanted}: {}", page.title)));
    print("");
    print(page.text);
    for (word, example) in [("wrong", page.wrong), ("right", page.right)] {
        if let Some(example) = example.filter(|example| !example.is_empty()) {
            print("");
            print(format!("{word}:"));
            for line in example.trim_matches('\n').lines() {
                print(format!("    {line}"));
            }
        }
    }
    Ok(Exit::Done)
}

/// Prints the syntax tree of a workflow.
pub(crate) fn ast(look: &Look, arguments: &Ast) -> Outcome {
    let pretty = |json: &serde_json::Value| {
        serde_json::to_string_pretty(json).map_err(|error| Failure::of(Exit::Internal, error))
    };
    let Some(file) = &arguments.file else {
        print(pretty(&ast_schema())?);
        return Ok(Exit::Done);
    };
    let shown = file.display().to_string();
    let text = read(file, &shown)?;
    let (tree, diagnostics) = parse(&text);
    let source = Source::new(shown.as_str(), text.as_str());
    for diagnostic in &diagnostics {
        say(draw(diagnostic, &source, look));
        say("");
    }
    print(pretty(&ast_json(&tree))?);
    Ok(if diagnostics.iter().any(Diagnostic::is_error) {
        Exit::Invalid
    } else {
        Exit::Done
    })
}
