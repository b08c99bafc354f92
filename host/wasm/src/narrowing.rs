//! What does a workflow leave of the grants of its plugins?

use crate::grants::Access;
use crate::network::NetworkRule;

/// What is taken away from whatever is granted: nothing in it can add to a grant.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// Who says so, such as `[workflows."csv-*"], cofferdam.toml:12`.
    pub source: String,
    /// Where requests may go at most; none: wherever it is granted.
    pub network: Option<Vec<NetworkRule>>,
    /// What may be done in directories at most.
    pub directories: Vec<DirectoryCap>,
}

/// What may be done at most in the directories at and below a guest path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryCap {
    /// The guest path. A directory that holds it counts as a whole: what it shows would show this as well.
    pub guest: String,
    /// What may be done; none: nothing.
    pub access: Option<Access>,
}

impl Narrowing {
    /// Returns what is left of `access` to the directory that a guest sees as `guest`.
    pub fn access(&self, guest: &str, access: Access) -> Option<Access> {
        let caps = self.directories.iter();
        caps.filter(|cap| is_within(guest, &cap.guest) || is_within(&cap.guest, guest))
            .try_fold(access, |access, cap| cap.access.map(|most| most.min(access)))
    }

    /// Returns what is left of a line that lets requests out, as lines.
    pub fn network(&self, rule: &NetworkRule) -> Vec<NetworkRule> {
        match &self.network {
            None => vec![rule.clone()],
            Some(most) => most.iter().filter_map(|most| rule.within(most)).collect(),
        }
    }
}

/// Returns what all of `narrowed` leave of `access` to a directory, and the first that takes something away.
pub fn access_left<'n>(
    narrowed: &'n [Narrowing],
    guest: &str,
    access: Access,
) -> (Option<Access>, Option<&'n Narrowing>) {
    let mut left = Some(access);
    let mut by = None;
    for narrowing in narrowed {
        let Some(before) = left else { break };
        left = narrowing.access(guest, before);
        if left != Some(before) {
            by = by.or(Some(narrowing));
        }
    }
    (left, by)
}

/// Returns what all of `narrowed` leave of a line that lets requests out.
pub fn network_left(narrowed: &[Narrowing], rule: &NetworkRule) -> Vec<NetworkRule> {
    let mut left = vec![rule.clone()];
    for narrowing in narrowed {
        left = left.iter().flat_map(|rule| narrowing.network(rule)).collect();
    }
    left
}

/// Returns whether `path` is `directory` or lies below it.
pub(crate) fn is_within(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{DirectoryCap, Narrowing, access_left};
    use crate::grants::Access;

    const ACCESSES: [Option<Access>; 3] = [None, Some(Access::Read), Some(Access::Write)];
    const PATHS: [&str; 5] = ["/", "/a", "/a/b", "/ab", "/c"];

    fn cap(guest: &str, access: Option<Access>) -> Narrowing {
        Narrowing {
            directories: vec![DirectoryCap {
                guest: guest.to_owned(),
                access,
            }],
            ..Narrowing::default()
        }
    }

    // row E14
    #[test]
    fn whatever_is_said_of_directories_never_leaves_more() {
        let all = || PATHS.iter().flat_map(|path| ACCESSES.map(|access| cap(path, access)));
        for granted in [Access::Read, Access::Write] {
            for guest in PATHS {
                for one in all() {
                    let alone = one.access(guest, granted);
                    assert!(alone <= Some(granted), "{one:?} {guest}");
                    for other in all() {
                        let (order, turned) = ([one.clone(), other.clone()], [other.clone(), one.clone()]);
                        let (both, by) = access_left(&order, guest, granted);
                        let (turned, _) = access_left(&turned, guest, granted);
                        assert_eq!(both, turned, "{one:?} {other:?} {guest}");
                        assert!(both <= alone && both <= other.access(guest, granted));
                        assert_eq!(by.is_some(), both != Some(granted));
                    }
                }
            }
        }
    }

    #[test]
    fn a_directory_counts_with_what_lies_in_it_and_around_it() {
        let nothing = cap("/a", None);
        assert_eq!(nothing.access("/a", Access::Write), None);
        assert_eq!(nothing.access("/a/b", Access::Read), None);
        assert_eq!(nothing.access("/", Access::Read), None, "it would show `/a` as well");
        assert_eq!(nothing.access("/ab", Access::Write), Some(Access::Write));
        let reading = cap("/a", Some(Access::Read));
        assert_eq!(reading.access("/", Access::Write), Some(Access::Read));
        assert_eq!(reading.access("/c", Access::Write), Some(Access::Write));
    }
}
