//! Which names does a pattern such as `csv-*` mean?

use std::fmt;

/// A name in which a star stands for any part, also for none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern: letters, digits, `-`, `_`, `.` and stars. Anything else can be in no name that is compared with it.
    pub fn parse(text: &str) -> Option<Self> {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
        (!text.is_empty() && text.len() <= 128 && text.chars().all(known)).then(|| Self(text.to_owned()))
    }

    /// Returns the pattern that means every name.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// Returns whether there could be a name that both mean.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (one, other) = (self.0.as_bytes(), other.0.as_bytes());
        // Row by row: whether what is left of `one` and of `other` from there on have a name in common.
        let mut below = vec![false; other.len() + 1];
        for i in (0..=one.len()).rev() {
            let mut here = vec![false; other.len() + 1];
            for j in (0..=other.len()).rev() {
                here[j] = match (one.get(i), other.get(j)) {
                    (None, None) => true,
                    (Some(b'*'), _) => below[j] || (j < other.len() && here[j + 1]),
                    (_, Some(b'*')) => here[j + 1] || (i < one.len() && below[j]),
                    (Some(a), Some(b)) => a == b && below[j + 1],
                    (None, Some(_)) | (Some(_), None) => false,
                };
            }
            below = here;
        }
        below[0]
    }

    /// Returns whether `name` is one of those that are meant.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn two_patterns_overlap_if_one_name_fits_both() {
        for (one, other, both) in [
            ("ticket.*", "ticket.id", true),
            ("ticket.*", "*", true),
            ("ticket.*", "*.id", true),
            ("ticket.*", "tickets.*", false),
            ("ticket.id", "ticket.id", true),
            ("ticket.id", "ticket.i", false),
            ("a*b", "a*c", false),
            ("a*b*", "*c", true),
            ("*a", "b*", true),
            ("*", "*", true),
        ] {
            let (one, other) = (Pattern::parse(one).unwrap(), Pattern::parse(other).unwrap());
            assert_eq!(one.overlaps(&other), both, "{one} {other}");
            assert_eq!(other.overlaps(&one), both, "{other} {one}");
        }
    }

    #[test]
    fn a_star_stands_for_any_part() {
        for (pattern, yes, no) in [
            ("csv-quality", &["csv-quality"][..], &["csv-quality2", "csv", ""][..]),
            ("csv-*", &["csv-", "csv-quality"], &["csv", "a-csv-b"]),
            ("*", &["", "anything"], &[]),
            ("*-daily", &["-daily", "a-daily"], &["daily", "a-daily-b"]),
            ("a*b*c", &["abc", "a1b2c", "abbcc"], &["acb", "ab", "abcd"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("ticket.*", &["ticket.", "ticket.id"], &["ticket", "tickets.id"]),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            for name in yes {
                assert!(pattern.matches(name), "{pattern} {name}");
            }
            for name in no {
                assert!(!pattern.matches(name), "{pattern} {name}");
            }
        }
        for text in ["", "a b", "a/b", "[a]", "é", &"a".repeat(129)] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }
}
