//! Does a path match a pattern such as `src/**/*.{rs,toml}`?
//!
//! `*` and `?` stay within a name, `**` stands for any number of directories, `[a-z]` and `[!a-z]` for one character,
//! `{a,b}` for either. It takes time in proportion to pattern times path, whatever the pattern.

use cofferdam_plugin::Failure;

/// Most patterns that braces may stand for.
const MOST_ALTERNATIVES: usize = 256;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    alternatives: Vec<Vec<Segment>>,
}

#[derive(Debug, Clone)]
enum Segment {
    AnyDirectories,
    Name(Vec<Token>),
}

#[derive(Debug, Clone)]
enum Token {
    Literal(char),
    AnyCharacter,
    AnyText,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    /// Compiles a pattern.
    pub(crate) fn new(pattern: &str) -> Result<Self, Failure> {
        let refuse = |problem: &str| Failure::invalid_input(format!("the pattern `{pattern}` {problem}"));
        let mut texts = Vec::new();
        expand_braces(&pattern.chars().collect::<Vec<_>>(), &mut texts).map_err(refuse)?;
        let alternatives = texts
            .iter()
            .map(|text| segments(text).map_err(refuse))
            .collect::<Result<_, _>>()?;
        Ok(Self { alternatives })
    }

    /// Returns whether the pattern matches a path, given by its names.
    pub(crate) fn matches(&self, names: &[&str]) -> bool {
        self.alternatives.iter().any(|segments| segments_match(segments, names))
    }

    /// Returns whether the pattern matches everything below a directory.
    pub(crate) fn matches_all_below(&self, names: &[&str]) -> bool {
        self.alternatives.iter().any(|segments| match segments.split_last() {
            Some((Segment::AnyDirectories, above)) => segments_match(above, names),
            _ => false,
        })
    }
}

fn expand_braces(pattern: &[char], texts: &mut Vec<Vec<char>>) -> Result<(), &'static str> {
    let mut pending = vec![pattern.to_vec()];
    while let Some(text) = pending.pop() {
        match first_braces(&text)? {
            None => texts.push(text),
            Some(Braces { open, close, commas }) => {
                let mut start = open + 1;
                for end in commas.into_iter().chain([close]) {
                    pending.push([&text[..open], &text[start..end], &text[close + 1..]].concat());
                    start = end + 1;
                }
            }
        }
        if texts.len() + pending.len() > MOST_ALTERNATIVES {
            return Err("has braces that stand for too many patterns");
        }
    }
    Ok(())
}

/// Where a pair of braces is, with the commas that are directly in it.
struct Braces {
    open: usize,
    close: usize,
    commas: Vec<usize>,
}

/// Finds the first pair of braces.
fn first_braces(text: &[char]) -> Result<Option<Braces>, &'static str> {
    let (mut open, mut depth, mut commas, mut index) = (None, 0, Vec::new(), 0);
    while index < text.len() {
        match text[index] {
            '\\' => index += 1,
            '{' => {
                open.get_or_insert(index);
                depth += 1;
            }
            ',' if depth == 1 => commas.push(index),
            '}' if depth > 0 => {
                depth -= 1;
                if let (0, Some(open)) = (depth, open) {
                    return Ok(Some(Braces {
                        open,
                        close: index,
                        commas,
                    }));
                }
            }
            _ => {}
        }
        index += 1;
    }
    if depth > 0 {
        Err("has a `{` without `}`")
    } else {
        Ok(None)
    }
}

fn segments(text: &[char]) -> Result<Vec<Segment>, &'static str> {
    let mut segments: Vec<Segment> = Vec::new();
    for name in text.split(|&character| character == '/') {
        match name {
            [] | ['.'] => {}
            ['*', '*'] if matches!(segments.last(), Some(Segment::AnyDirectories)) => {}
            ['*', '*'] => segments.push(Segment::AnyDirectories),
            name => segments.push(Segment::Name(tokens(name)?)),
        }
    }
    Ok(segments)
}

fn tokens(name: &[char]) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut index = 0;
    while index < name.len() {
        match name[index] {
            '\\' => {
                index += 1;
                tokens.push(Token::Literal(*name.get(index).ok_or("ends in `\\`")?));
            }
            '*' if matches!(tokens.last(), Some(Token::AnyText)) => {}
            '*' => tokens.push(Token::AnyText),
            '?' => tokens.push(Token::AnyCharacter),
            '[' => {
                let (class, length) = class(&name[index + 1..]).ok_or("has a `[` without `]`")?;
                tokens.push(class);
                index += length;
            }
            literal => tokens.push(Token::Literal(literal)),
        }
        index += 1;
    }
    Ok(tokens)
}

/// Reads what stands behind `[`, and returns how many characters that took.
fn class(text: &[char]) -> Option<(Token, usize)> {
    let negated = matches!(text.first(), Some('!' | '^'));
    let start = usize::from(negated);
    // A bracket that comes first is one of the characters.
    let end = start + 1 + text.get(start + 1..)?.iter().position(|&character| character == ']')?;
    let (mut ranges, mut index) = (Vec::new(), start);
    while index < end {
        if index + 2 < end && text[index + 1] == '-' {
            ranges.push((text[index], text[index + 2]));
            index += 3;
        } else {
            ranges.push((text[index], text[index]));
            index += 1;
        }
    }
    Some((Token::Class { negated, ranges }, end + 1))
}

fn segments_match(segments: &[Segment], names: &[&str]) -> bool {
    wildcard_match(
        segments,
        names,
        |segment| matches!(segment, Segment::AnyDirectories),
        |segment, name| match segment {
            Segment::AnyDirectories => false,
            Segment::Name(tokens) => name_matches(tokens, name),
        },
    )
}

fn name_matches(tokens: &[Token], name: &str) -> bool {
    let characters: Vec<char> = name.chars().collect();
    wildcard_match(
        tokens,
        &characters,
        |token| matches!(token, Token::AnyText),
        |token, &character| match token {
            Token::Literal(literal) => *literal == character,
            Token::AnyCharacter => true,
            Token::AnyText => false,
            Token::Class { negated, ranges } => {
                ranges.iter().any(|&(first, last)| (first..=last).contains(&character)) != *negated
            }
        },
    )
}

/// Matches with wildcards: only the last one needs to be taken back, so nothing is tried twice.
fn wildcard_match<P, T>(pattern: &[P], text: &[T], is_wild: fn(&P) -> bool, one: impl Fn(&P, &T) -> bool) -> bool {
    let (mut at, mut place, mut last_wild) = (0, 0, None);
    while place < text.len() {
        if pattern.get(at).is_some_and(is_wild) {
            last_wild = Some((at, place));
            at += 1;
        } else if pattern.get(at).is_some_and(|expected| one(expected, &text[place])) {
            at += 1;
            place += 1;
        } else if let Some((wild, start)) = last_wild {
            last_wild = Some((wild, start + 1));
            at = wild + 1;
            place = start + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(is_wild)
}

#[cfg(test)]
mod tests {
    use super::Glob;

    fn matches(pattern: &str, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        Glob::new(pattern).unwrap().matches(&names)
    }

    #[test]
    fn wildcards_stay_within_a_name_and_two_stars_do_not() {
        for (pattern, path, expected) in [
            ("*.rs", "main.rs", true),
            ("*.rs", "src/main.rs", false),
            ("**/*.rs", "main.rs", true),
            ("**/*.rs", "a/b/main.rs", true),
            ("src/**/*.rs", "src/main.rs", true),
            ("src/**/*.rs", "other/main.rs", false),
            ("target/**", "target/debug/x", true),
            ("**", "a/b", true),
            ("a/**/b/**/c", "a/x/b/y/z/c", true),
            ("a/**/b/**/c", "a/x/y/c", false),
            ("./a/?", "a/b", true),
            ("a?", "a", false),
            ("*a*b*", "xxaxxbxx", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn braces_classes_and_escapes() {
        for (pattern, path, expected) in [
            ("*.{rs,toml}", "a.toml", true),
            ("{a,b{c,d}}/x", "bd/x", true),
            ("{a,b{c,d}}/x", "b/x", false),
            ("[a-c]x[!0-9]", "bxy", true),
            ("[a-c]x[!0-9]", "bx1", false),
            ("[]]", "]", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_pattern_that_makes_no_sense_is_refused() {
        for (pattern, problem) in [("{a", "without `}`"), ("[a", "without `]`"), ("a\\", "ends in")] {
            let refused = Glob::new(pattern).unwrap_err();
            assert!(refused.message().contains(problem), "{refused}");
        }
        assert!(Glob::new(&"{a,b}".repeat(20)).is_err());
    }

    #[test]
    fn a_pattern_that_backtracks_is_still_fast() {
        assert!(!matches(&format!("{}b", "*a".repeat(60)), &"a".repeat(5000)));
        assert!(!matches(
            &format!("{}b", "**/a/".repeat(60)),
            &vec!["a"; 2000].join("/")
        ));
    }

    #[test]
    fn all_below_a_directory_is_known_without_looking() {
        let below = |pattern: &str, path: &str| {
            Glob::new(pattern)
                .unwrap()
                .matches_all_below(&path.split('/').collect::<Vec<_>>())
        };
        assert!(below("target/**", "target"));
        assert!(below("**/node_modules/**", "web/node_modules"));
        assert!(!below("target/**/*.rs", "target"));
    }
}
