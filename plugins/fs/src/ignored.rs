//! Which paths do the `.gitignore` files of a tree leave out?

use crate::glob::Glob;

/// The rules of one `.gitignore` file, which hold below its directory.
#[derive(Debug)]
pub(crate) struct Rules {
    /// How many names of a path lead to the directory of the file.
    depth: usize,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    glob: Glob,
    keeps: bool,
    only_directories: bool,
}

impl Rules {
    /// Reads the text of a file that lies `depth` names below the start. A line that is no pattern is left out, as git
    /// does.
    pub(crate) fn parse(text: &str, depth: usize) -> Self {
        Self {
            depth,
            rules: text.lines().filter_map(rule).collect(),
        }
    }

    /// Returns what the last rule that fits says: left out, kept, or nothing.
    fn verdict(&self, names: &[&str], is_directory: bool) -> Option<bool> {
        let below = names.get(self.depth..)?;
        let fits = |rule: &&Rule| (is_directory || !rule.only_directories) && rule.glob.matches(below);
        self.rules.iter().rev().find(fits).map(|rule| !rule.keeps)
    }
}

/// Returns whether a path is left out; the rules of deeper directories come later and win.
pub(crate) fn is_ignored(rules: &[Rules], names: &[&str], is_directory: bool) -> bool {
    rules
        .iter()
        .rev()
        .find_map(|rules| rules.verdict(names, is_directory))
        .unwrap_or(false)
}

fn rule(line: &str) -> Option<Rule> {
    let line = trim_end(line.strip_prefix('\u{feff}').unwrap_or(line));
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (keeps, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
    let (only_directories, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
    // Braces are no wildcards of git.
    let escaped = line.replace('{', "\\{").replace('}', "\\}");
    let anchored = line.contains('/');
    let pattern = if anchored { escaped } else { format!("**/{escaped}") };
    Some(Rule {
        glob: Glob::new(&pattern).ok()?,
        keeps,
        only_directories,
    })
}

/// Takes off spaces at the end, unless one is escaped.
fn trim_end(line: &str) -> &str {
    let trimmed = line.trim_end();
    if trimmed.ends_with('\\') && trimmed.len() < line.len() {
        &line[..=trimmed.len()]
    } else {
        trimmed
    }
}

#[cfg(test)]
mod tests {
    use super::{Rules, is_ignored};

    fn ignored(files: &[(&str, usize)], path: &str) -> bool {
        let rules: Vec<Rules> = files.iter().map(|(text, depth)| Rules::parse(text, *depth)).collect();
        let (path, is_directory) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
        is_ignored(&rules, &path.split('/').collect::<Vec<_>>(), is_directory)
    }

    #[test]
    fn rules_are_anchored_by_a_slash() {
        let file = "# build\n/target/\n*.log\ndocs/*.html\nbuild/\n";
        for (path, expected) in [
            ("target/", true),
            ("target", false),
            ("sub/target/", false),
            ("sub/deep/x.log", true),
            ("docs/a.html", true),
            ("sub/docs/a.html", false),
            ("sub/build/", true),
            ("# build", false),
        ] {
            assert_eq!(ignored(&[(file, 0)], path), expected, "{path}");
        }
    }

    #[test]
    fn later_rules_and_deeper_files_win() {
        assert!(!ignored(&[("*.log\n!keep.log\n", 0)], "a/keep.log"));
        assert!(ignored(&[("!keep.log\n*.log\n", 0)], "keep.log"));
        let files = [("*.log\n", 0), ("!*.log\n", 1)];
        assert!(!ignored(&files, "sub/x.log"));
        assert!(ignored(&files[..1], "other/x.log"));
    }

    #[test]
    fn names_with_odd_characters() {
        assert!(ignored(&[("\\#x\n", 0)], "#x"));
        assert!(ignored(&[("a{b}\n", 0)], "a{b}"));
        assert!(ignored(&[("x\\ \n", 0)], "x "));
    }
}
