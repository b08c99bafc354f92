//! What is known about a value before any run: its kind, its members, its elements, the words that it can be.

use super::kinds::Kind;
use super::schema_part::{SchemaPart, is_place};
use std::sync::Arc;

/// What a value certainly is, unless it is null.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// Nothing is known.
    Anything,
    /// All results of steps, all inputs, and so on: which one a member is, only the file says.
    Root(Root),
    /// The latest result of the step with this key.
    Step(Arc<str>),
    /// A value of this kind.
    Kind(Kind),
    /// One of these texts.
    Words(Arc<[String]>),
    /// A list of such elements.
    List(Box<Known>),
    /// A map with these members and no others.
    Fields(Arc<[(&'static str, Known)]>),
    /// What a schema says.
    Schema(SchemaPart),
    /// One of several.
    Either(Vec<Known>),
}

/// The roots of expressions that have members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Inputs,
    Steps,
    Variables,
    Run,
    Prior,
}

/// What came of selecting a member.
pub(super) enum Selected {
    /// This is known about it.
    Known(Known),
    /// There is none; these are the members that there are.
    Missing(Vec<String>),
    /// Values of this kind have no such members.
    NoMembers(Kind),
}

impl Known {
    /// Returns a text that is one of `words`.
    pub(super) fn words_of<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::Words(words.into_iter().map(Into::into).collect())
    }

    /// Returns a list of such elements.
    pub(super) fn list_of(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// Returns a map with these members.
    pub(super) fn fields(members: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Fields(members.into_iter().collect())
    }

    /// Returns what is known about a value that is one of several.
    pub(super) fn either(several: impl IntoIterator<Item = Self>) -> Self {
        let mut several: Vec<Self> = several.into_iter().collect();
        if several.is_empty() || several.iter().any(|known| matches!(known, Self::Anything)) {
            return Self::Anything;
        }
        if several.len() > 1 {
            Self::Either(several)
        } else {
            several.swap_remove(0)
        }
    }

    /// Returns the kind of the value.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Anything => None,
            Self::Root(_) | Self::Step(_) | Self::Fields(_) => Some(Kind::Map),
            Self::Kind(kind) => Some(*kind),
            Self::Words(_) => Some(Kind::Text),
            Self::List(_) => Some(Kind::List),
            Self::Schema(part) => part.kind(),
            Self::Either(several) => {
                let first = several.first()?.kind()?;
                several.iter().all(|known| known.kind() == Some(first)).then_some(first)
            }
        }
    }

    /// Returns the only texts that the value can be.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        match self {
            Self::Words(words) => Some(words.to_vec()),
            Self::Schema(part) => part.words(),
            Self::Either(several) => {
                let words: Option<Vec<Vec<String>>> = several.iter().map(Self::words).collect();
                words.map(|words| words.concat())
            }
            Self::Anything | Self::Root(_) | Self::Step(_) | Self::Kind(_) | Self::List(_) | Self::Fields(_) => None,
        }
    }

    /// Returns what is known about an element of a list, or about a key of a map.
    pub(super) fn element(&self) -> Self {
        match self {
            Self::List(element) => (**element).clone(),
            Self::Schema(part) if part.kind() == Some(Kind::List) => part.element(),
            Self::Either(several) => Self::either(several.iter().map(Self::element)),
            known if known.kind() == Some(Kind::Map) => Self::Kind(Kind::Text),
            _ => Self::Anything,
        }
    }

    /// Returns what is known about a member.
    pub(super) fn member(&self, name: &str) -> Selected {
        match self {
            Self::Anything | Self::Root(_) | Self::Step(_) | Self::Kind(Kind::Map) => Selected::Known(Self::Anything),
            Self::List(element) if is_place(name) => Selected::Known((**element).clone()),
            Self::Kind(Kind::List) if is_place(name) => Selected::Known(Self::Anything),
            Self::List(_) => Selected::NoMembers(Kind::List),
            Self::Words(_) => Selected::NoMembers(Kind::Text),
            Self::Kind(kind) => Selected::NoMembers(*kind),
            Self::Fields(members) => match members.iter().find(|(member, _)| *member == name) {
                Some((_, known)) => Selected::Known(known.clone()),
                None => Selected::Missing(members.iter().map(|(member, _)| (*member).to_owned()).collect()),
            },
            Self::Schema(part) => part.member(name),
            Self::Either(several) => member_of_either(several, name),
        }
    }
}

/// What at least one of several has, may be there.
fn member_of_either(several: &[Known], name: &str) -> Selected {
    let mut known = Vec::new();
    let mut others: Vec<String> = Vec::new();
    let mut kind = None;
    for one in several {
        match one.member(name) {
            Selected::Known(found) => known.push(found),
            Selected::Missing(members) => others.extend(members),
            Selected::NoMembers(found) => kind = Some(found),
        }
    }
    others.sort_unstable();
    others.dedup();
    match (known.is_empty(), others.is_empty(), kind) {
        (false, _, _) => Selected::Known(Known::either(known)),
        (true, true, Some(kind)) => Selected::NoMembers(kind),
        (true, _, _) => Selected::Missing(others),
    }
}
