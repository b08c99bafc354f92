//! Members and elements that values do not have (LANGUAGE rules R21 and R26).

use super::Checker;
use super::kinds::{Kind, Mismatch};
use super::known::{Known, Selected};
use super::typing::Names;
use crate::code::Code;
use crate::diagnostic::did_you_mean;
use cofferdam_engine::Data;
use cofferdam_engine::expr::{Node, NodeKind};
use std::ops::Range;

/// How many members a hint lists.
const SHOWN: usize = 12;

/// Returns where the `-` stands in a name whose beginning is known, that was meant as a minus (LANGUAGE rule R5).
pub(super) fn minus_in(name: &str, is_known: impl Fn(&str) -> bool) -> Option<usize> {
    name.match_indices('-')
        .map(|(at, _)| at)
        .find(|at| is_known(&name[..*at]))
}

/// Returns what there is, shortened.
pub(super) fn listed<'w>(words: impl ExactSizeIterator<Item = &'w str>) -> String {
    let more = words.len().saturating_sub(SHOWN);
    let mut list = words.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

impl Checker<'_> {
    /// Returns what is wrong with the member or the element that `node` selects.
    pub(super) fn wrong_selection(&self, node: &Node, names: Names<'_>, source: &str) -> Option<Mismatch> {
        let (operand, name, place, quoted) = match &node.kind {
            NodeKind::Member {
                operand,
                name,
                name_range,
                optional: false,
            } => (operand, &**name, name_range, false),
            NodeKind::Index {
                operand,
                index,
                optional: false,
            } => {
                let known = self.known(operand, names);
                match &index.kind {
                    NodeKind::Literal(Data::Text(name)) if known.kind() != Some(Kind::List) => {
                        (operand, &**name, &index.range, true)
                    }
                    _ => return self.wrong_index(node, &known, index, names),
                }
            }
            _ => return None,
        };
        let of = source.get(operand.range.clone()).unwrap_or_default();
        match self.known(operand, names).member(name) {
            Selected::Known(_) => None,
            Selected::Missing(known) => Some(missing(of, name, place, quoted, &known)),
            Selected::NoMembers(kind) => Some(no_members(of, kind, name, node, place)),
        }
    }

    fn wrong_index(&self, node: &Node, known: &Known, index: &Node, names: Names<'_>) -> Option<Mismatch> {
        let found = self.known(index, names).kind();
        let (range, message, help) = match known.kind()? {
            Kind::List => {
                let found = found.filter(|found| *found != Kind::Number)?;
                let message = format!("an element of a list has a number as its place, not {}", found.phrase());
                (&index.range, message, "write `x[0]`, or look for it: `x.filter(i, …)`")
            }
            Kind::Map => {
                let found = found.filter(|found| *found != Kind::Text)?;
                let message = format!("the key of a map is a text, not {}", found.phrase());
                (&index.range, message, "write `x[\"key\"]`, or `x[string(key)]`")
            }
            kind @ (Kind::Text | Kind::Number | Kind::Boolean) => {
                let message = format!("{} has no elements", kind.phrase());
                let help = if kind == Kind::Text {
                    "`x.split(\",\")` makes a list of a text"
                } else {
                    "a list or a map is needed before `[`"
                };
                (&node.range, message, help)
            }
        };
        Some(Mismatch::plain(range.clone(), message, help))
    }
}

/// Returns that what is written as `of` has no member `name`, but `known`.
fn missing(of: &str, name: &str, place: &Range<usize>, quoted: bool, known: &[String]) -> Mismatch {
    let step = of.strip_prefix("steps.").and_then(|rest| rest.strip_suffix(".output"));
    let message = match step {
        Some(step) if !step.contains('.') => format!("the output of `{step}` has no `{name}`"),
        _ => format!("`{of}` has no `{name}`"),
    };
    let mut mismatch = Mismatch::plain(place.clone(), message, "");
    mismatch.code = Code::UnknownMember;
    let is_known = |name: &str| known.iter().any(|known| known == name);
    if let Some(at) = minus_in(name, is_known).filter(|_| !quoted) {
        let (before, after) = (&name[..at], name[at..].trim_start_matches('-'));
        mismatch.help = format!("for minus write `{of}.{before} - {after}`");
        mismatch.mend = Some((place.start + at..place.start + at + 1, " - ".to_owned()));
    } else if let Some(meant) = did_you_mean(name, known.iter().map(String::as_str)) {
        mismatch.label = format!("did you mean `{meant}`?");
        let written = if quoted {
            format!("\"{meant}\"")
        } else {
            meant.to_owned()
        };
        mismatch.mend = Some((place.clone(), written));
    } else if known.is_empty() {
        mismatch.help = "it has no members".to_owned();
    } else {
        mismatch.help = format!("it has {}", listed(known.iter().map(String::as_str)));
    }
    mismatch
}

fn no_members(of: &str, kind: Kind, name: &str, node: &Node, place: &Range<usize>) -> Mismatch {
    let message = format!("{} has no member `{name}`", kind.phrase());
    let mut mismatch = Mismatch::plain(place.clone(), message, "");
    mismatch.code = Code::UnknownMember;
    let has_size = matches!(kind, Kind::Text | Kind::List);
    if has_size && matches!(name, "length" | "lenght" | "len" | "size" | "count") {
        mismatch.help = format!("write `size({of})`");
        mismatch.mend = Some((node.range.clone(), format!("size({of})")));
    } else {
        mismatch.help = match kind {
            Kind::List => format!("take an element, `{of}[0].{name}`, or all: `{of}.map(i, i.{name})`"),
            Kind::Text => "a text that holds JSON becomes a value by `parse_json(x)`".to_owned(),
            Kind::Number | Kind::Boolean | Kind::Map => format!("`{of}` is {}", kind.phrase()),
        };
    }
    mismatch
}
