//! What is known about a value before any run: its kind, its members, its elements, the words that it can be.

use super::kinds::Kind;
use super::schema_part::{SchemaPart, is_place};
use std::sync::Arc;

/// The most lists and alternatives that are kept of one value: a variable can have those of others, twice and more.
const MOST_PARTS: usize = 64;

/// What a value certainly is, unless it is null.
#[derive(Clone, Debug, Default)]
pub(super) enum Known {
    /// Nothing is known.
    #[default]
    Anything,
    /// All results of steps, all inputs, and so on: which one a member is, only the file says.
    Root(Root),
    /// The latest result of the step with this key.
    Step(Arc<str>),
    /// The results of the steps of what the step with this key calls.
    StepsOf(Arc<str>),
    /// The latest result of the step with the second key of what the step with the first one calls.
    StepOf(Arc<str>, Arc<str>),
    /// A value of this kind.
    Kind(Kind),
    /// One of these texts.
    Words(Arc<[String]>),
    /// A list of such elements.
    List(Box<Known>),
    /// A map with these members and no others.
    Fields(Arc<[(Arc<str>, Known)]>),
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
        if element.parts(0) < MOST_PARTS {
            Self::List(Box::new(element))
        } else {
            Self::Kind(Kind::List)
        }
    }

    /// Returns a map with these members.
    pub(super) fn fields<N: Into<Arc<str>>>(members: impl IntoIterator<Item = (N, Self)>) -> Self {
        let members = members.into_iter().map(|(name, known)| (name.into(), known));
        Self::Fields(members.collect())
    }

    /// Returns what those know that see the value from another file.
    pub(super) fn outside(self) -> Self {
        match self {
            Self::Root(_) | Self::Step(_) | Self::StepsOf(_) | Self::StepOf(..) => Self::Kind(Kind::Map),
            Self::List(element) => Self::list_of(element.outside()),
            Self::Either(several) => Self::either(several.into_iter().map(Self::outside)),
            Self::Anything | Self::Kind(_) | Self::Words(_) | Self::Fields(_) | Self::Schema(_) => self,
        }
    }

    /// Returns how many parts are copied with it, beyond `others`; counts no further than the most that are kept.
    fn parts(&self, others: usize) -> usize {
        match self {
            _ if others >= MOST_PARTS => others,
            Self::List(element) => element.parts(others + 1),
            Self::Either(several) => several.iter().fold(others + 1, |count, known| known.parts(count)),
            _ => others + 1,
        }
    }

    /// Returns what is known about a value that is one of several.
    pub(super) fn either(several: impl IntoIterator<Item = Self>) -> Self {
        let mut several: Vec<Self> = several.into_iter().collect();
        if several.is_empty() || several.iter().any(|known| matches!(known, Self::Anything)) {
            return Self::Anything;
        }
        if several.len() == 1 {
            return several.swap_remove(0);
        }
        let all = Self::Either(several);
        if all.parts(0) < MOST_PARTS {
            all
        } else {
            all.kind().map_or(Self::Anything, Self::Kind)
        }
    }

    /// Returns the kind of the value.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Anything => None,
            Self::Root(_) | Self::Step(_) | Self::StepsOf(_) | Self::StepOf(..) | Self::Fields(_) => Some(Kind::Map),
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
            Self::Anything
            | Self::Root(_)
            | Self::Step(_)
            | Self::StepsOf(_)
            | Self::StepOf(..)
            | Self::Kind(_)
            | Self::List(_)
            | Self::Fields(_) => None,
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
            Self::Anything
            | Self::Root(_)
            | Self::Step(_)
            | Self::StepsOf(_)
            | Self::StepOf(..)
            | Self::Kind(Kind::Map) => Selected::Known(Self::Anything),
            Self::List(element) if is_place(name) => Selected::Known((**element).clone()),
            Self::Kind(Kind::List) if is_place(name) => Selected::Known(Self::Anything),
            Self::List(_) => Selected::NoMembers(Kind::List),
            Self::Words(_) => Selected::NoMembers(Kind::Text),
            Self::Kind(kind) => Selected::NoMembers(*kind),
            Self::Fields(members) => match members.iter().find(|(member, _)| **member == *name) {
                Some((_, known)) => Selected::Known(known.clone()),
                None => Selected::Missing(members.iter().map(|(member, _)| member.to_string()).collect()),
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
