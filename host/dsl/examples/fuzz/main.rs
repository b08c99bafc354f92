//! Throws random texts at the language for a while: `fuzz [--seconds N] [--seed S]`.
//!
//! Texts are soups of tokens, mutations of the samples and of the kept corpus, and random expressions. Nothing may
//! panic, take long or point outside of its text, and what is formatted must mean the same. A text that fails is made
//! smaller, printed and saved; mended ones go into `tests/corpus`, which every campaign begins with.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports to a person"
)]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a campaign has a clock and keeps files; what it tests has neither"
)]

mod chance;
mod claims;
mod options;
mod texts;

use chance::Chance;
use options::options;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// No text of a campaign has a reason to take longer, on the slowest machine.
const SLOW: Duration = Duration::from_secs(5);

/// How many times in a row a text is slow before that is held against it: a busy machine stands still now and then.
const SLOW_TIMES: usize = 4;

/// How many of a text's parts are tried to be left out when it fails.
const TRIES: usize = 2_000;

fn main() -> ExitCode {
    let (seconds, seed) = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}\nusage: fuzz [--seconds N] [--seed S]");
            return ExitCode::from(2);
        }
    };
    // A panic is a finding with a text, not a report of its own.
    panic::set_hook(Box::new(|_| {}));
    let corpus = match corpus() {
        Ok(corpus) => corpus,
        Err(error) => {
            eprintln!("error: cannot read the corpus: {error}");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    let mut counts = vec![0_u64; claims::CLAIMS.len()];
    for (name, text) in &corpus {
        for (place, claim) in claims::CLAIMS.iter().enumerate() {
            counts[place] += 1;
            if let Some(reason) = violation(claim, text) {
                return report(claim, text, &reason, &format!("corpus {name}"));
            }
        }
    }
    let mut round = 0;
    while begin.elapsed() < Duration::from_secs(seconds) {
        let mut chance = Chance::new(seed.wrapping_add(round));
        let place = usize::try_from(round).unwrap_or_default() % claims::CLAIMS.len();
        let claim = &claims::CLAIMS[place];
        let text = texts::text(&mut chance, &corpus, claim.of_expressions);
        counts[place] += 1;
        if let Some(reason) = violation(claim, &text) {
            return report(claim, &text, &reason, &format!("seed {}", seed.wrapping_add(round)));
        }
        round += 1;
    }
    let shown: Vec<String> = claims::CLAIMS
        .iter()
        .zip(counts)
        .map(|(claim, count)| format!("{} {count}", claim.name))
        .collect();
    println!(
        "{} texts in {} s: {}",
        round,
        begin.elapsed().as_secs(),
        shown.join(", ")
    );
    ExitCode::SUCCESS
}

/// Returns the samples and the kept texts, by name.
fn corpus() -> std::io::Result<Vec<(String, String)>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut texts = Vec::new();
    for directory in ["data", "corpus"] {
        for entry in std::fs::read_dir(tests.join(directory))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "wf") {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                texts.push((name, std::fs::read_to_string(&path)?));
            }
        }
    }
    texts.sort();
    Ok(texts)
}

/// Returns what is wrong if the claim does not hold for the text.
fn violation(claim: &claims::Claim, text: &str) -> Option<String> {
    let mut least = Duration::MAX;
    for _ in 0..SLOW_TIMES {
        let begin = Instant::now();
        match panic::catch_unwind(AssertUnwindSafe(|| (claim.holds)(text))) {
            Ok(Ok(())) => least = least.min(begin.elapsed()),
            Ok(Err(reason)) => return Some(reason),
            Err(cause) => {
                let text = cause.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
                return Some(format!("panic: {}", text.unwrap_or("without words")));
            }
        }
        if least <= SLOW {
            return None;
        }
    }
    Some(format!("it took {} ms", least.as_millis()))
}

/// Makes a failing text smaller, prints it and saves it.
fn report(claim: &claims::Claim, text: &str, reason: &str, origin: &str) -> ExitCode {
    let small = smaller(claim, text);
    let reason = violation(claim, &small).unwrap_or_else(|| reason.to_owned());
    eprintln!("`{}` does not hold ({origin}): {reason}", claim.name);
    eprintln!("--- the text, {} of {} bytes\n{small}\n---", small.len(), text.len());
    match save(claim.name, &small) {
        Ok(path) => eprintln!(
            "saved as {}; once mended, keep it in host/dsl/tests/corpus",
            path.display()
        ),
        Err(error) => eprintln!("it could not be saved: {error}"),
    }
    ExitCode::FAILURE
}

fn save(claim: &str, text: &str) -> std::io::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let directory = target.join("fuzz");
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{claim}.wf"));
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Returns the text without parts that do not matter for its failure.
fn smaller(claim: &claims::Claim, text: &str) -> String {
    let mut text = text.to_owned();
    let mut size = text.len() / 2;
    let mut tries = 0;
    while size > 0 && tries < TRIES {
        let mut at = 0;
        let mut shrank = false;
        while at < text.len() && tries < TRIES {
            let end = text.floor_char_boundary((at + size).min(text.len()));
            let start = text.floor_char_boundary(at);
            let mut without = text.clone();
            without.replace_range(start..end.max(start), "");
            tries += 1;
            if without.len() < text.len() && violation(claim, &without).is_some() {
                text = without;
                shrank = true;
            } else {
                at += size;
            }
        }
        if !shrank {
            size /= 2;
        }
    }
    text
}
