//! How a person at the terminal is asked to decide a gate.

use crate::failure::{Exit, Failure};
use crate::mouth::utter;
use crate::talk::{DIM, Look, STRONG, harmless, say};
use cofferdam_engine::{Data, GateOption, Request, Waiting};
use std::io::BufRead as _;

/// How many lines of what goes with a question are shown before somebody asks for all.
const SHOWN: usize = 8;

/// What a person said.
pub(super) enum Reply {
    /// A decision.
    Decided(Request),
    /// The gate is to stay open.
    Leave,
}

/// Returns whether there is a person to ask.
pub(super) fn is_anybody_there(look: &Look) -> bool {
    use std::io::IsTerminal as _;
    look.live && std::io::stdin().is_terminal()
}

/// Asks for the decision of a gate. ctrl-c and the end of the input leave it open.
pub(super) async fn ask(wait: &Waiting, look: &Look) -> Result<Reply, Failure> {
    let Waiting::Gate {
        name,
        prompt,
        options,
        shown,
        ..
    } = wait
    else {
        return Ok(Reply::Leave);
    };
    say("");
    let question = prompt.clone().unwrap_or_else(|| format!("Gate `{name}`: approve?"));
    say(look.paint(STRONG, &harmless(&question)));
    let all = texts(shown);
    show(&all, SHOWN, look);
    for (number, option) in (1..).zip(options) {
        let label = option.label.as_deref().unwrap_or(&option.value);
        say(format!("  {number}  {}", harmless(label)));
    }
    let approved = loop {
        let answer = line("[a]pprove  [r]eject  [s]how all  [l]eave it waiting > ").await?;
        match answer.as_deref().map(str::trim) {
            Some("a" | "approve" | "y" | "yes") => break true,
            Some("r" | "reject" | "n" | "no") => break false,
            Some("s" | "show") => show(&all, usize::MAX, look),
            None | Some("l" | "leave" | "q") => return Ok(Reply::Leave),
            Some(_) => say(look.paint(DIM, "a, r, s or l")),
        }
    };
    let selections = if approved && !options.is_empty() {
        match selected(options, look).await? {
            Some(selections) => selections,
            None => return Ok(Reply::Leave),
        }
    } else {
        Vec::new()
    };
    let Some(feedback) = line("Feedback for the next step (empty: none) > ").await? else {
        return Ok(Reply::Leave);
    };
    let feedback = Some(feedback.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(Reply::Decided(Request::Decide {
        gate: Some(name.clone()),
        approved,
        feedback,
        selections,
        form: Data::Null,
    }))
}

async fn selected(options: &[GateOption], look: &Look) -> Result<Option<Vec<String>>, Failure> {
    loop {
        let Some(answer) = line("Which (numbers, or empty for none) > ").await? else {
            return Ok(None);
        };
        let words = answer.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
        let chosen: Option<Vec<String>> = words
            .map(|word| {
                let place = word.parse::<usize>().ok()?.checked_sub(1)?;
                options.get(place).map(|option| option.value.clone())
            })
            .collect();
        match chosen {
            Some(chosen) => return Ok(Some(chosen)),
            None => say(look.paint(DIM, &format!("numbers from 1 to {}", options.len()))),
        }
    }
}

/// Returns what goes with a question, as lines.
fn texts(shown: &Data) -> Vec<String> {
    let Data::Map(entries) = shown else { return Vec::new() };
    let mut lines = Vec::new();
    for value in entries.values().filter(|value| !value.is_null()) {
        lines.extend(value.to_display().lines().map(harmless));
    }
    lines
}

fn show(lines: &[String], most: usize, look: &Look) {
    let bar = if look.signs { "│" } else { "|" };
    for line in lines.iter().take(most) {
        say(format!("{} {line}", look.paint(DIM, bar)));
    }
    if lines.len() > most {
        say(look.paint(DIM, &format!("{bar} and {} more lines", lines.len() - most)));
    }
}

/// Asks for a line; none at ctrl-c or the end of the input.
async fn line(prompt: &'static str) -> Result<Option<String>, Failure> {
    utter(prompt.as_bytes().to_vec());
    let reading = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let length = std::io::stdin().lock().read_line(&mut line)?;
        Ok::<_, std::io::Error>((length > 0).then_some(line))
    });
    let read = tokio::select! {
        read = reading => read.map_err(|error| Failure::of(Exit::Internal, error))?,
        _ = tokio::signal::ctrl_c() => {
            say("");
            return Ok(None);
        }
    };
    read.map_err(|error| Failure::of(Exit::Internal, error))
}
