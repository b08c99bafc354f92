//! Where in a value is what a path such as `user.tags[0].name` names?

use cofferdam_plugin::{Failure, Value};

/// A path into a value: names and numbers of places, and `*` for all of a list.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Index(i64),
    All,
}

impl Path {
    /// Reads `a.b`, `a[0]`, `a[-1]`, `a.*.b`, `a["odd key"]`; an empty path or `.` is the value itself.
    pub(crate) fn new(text: &str) -> Result<Self, Failure> {
        let refuse = |problem: &str| Failure::invalid_input(format!("the path `{text}` {problem}"));
        let (mut steps, mut rest) = (Vec::new(), text.strip_prefix('$').unwrap_or(text));
        rest = rest.strip_prefix('.').unwrap_or(rest);
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (inside, behind) = bracket(inner).ok_or_else(|| refuse("has a `[` without `]`"))?;
                steps.push(inside.ok_or_else(|| refuse("has something in brackets that is no number, `*` or text"))?);
                rest = behind;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, behind) = rest.split_at(end);
                match name {
                    "" => return Err(refuse("has an empty name")),
                    "*" => steps.push(Step::All),
                    name => steps.push(Step::Key(name.to_owned())),
                }
                rest = behind;
            }
            if let Some(behind) = rest.strip_prefix('.') {
                if behind.is_empty() {
                    return Err(refuse("ends in a dot"));
                }
                rest = behind;
            }
        }
        Ok(Self { steps })
    }

    /// Returns whether the path can name several values.
    pub(crate) fn names_several(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::All))
    }

    /// Returns the values that the path names, in order.
    pub(crate) fn all<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        found
    }

    /// Returns the first value that the path names.
    pub(crate) fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        if self.names_several() {
            return self.all(value).into_iter().next();
        }
        self.steps
            .iter()
            .try_fold(value, |value, step| step.follow(value).into_iter().next())
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Key(key), Value::Object(map)) => map.get(key).into_iter().collect(),
            // `list.0` is written as often as `list[0]`.
            (Self::Key(key), Value::Array(list)) => key
                .parse()
                .ok()
                .and_then(|index: usize| list.get(index))
                .into_iter()
                .collect(),
            (Self::Index(index), Value::Array(list)) => {
                let from_end = usize::try_from(index.unsigned_abs())
                    .ok()
                    .and_then(|back| list.len().checked_sub(back));
                let index = if *index < 0 {
                    from_end
                } else {
                    usize::try_from(*index).ok()
                };
                index.and_then(|index| list.get(index)).into_iter().collect()
            }
            (Self::All, Value::Array(list)) => list.iter().collect(),
            (Self::All, Value::Object(map)) => map.values().collect(),
            _ => Vec::new(),
        }
    }
}

/// Reads what stands behind `[` up to `]`; the inner `None` is something that does not belong there.
fn bracket(text: &str) -> Option<(Option<Step>, &str)> {
    if let Some(quote) = text.chars().next().filter(|first| ['"', '\''].contains(first)) {
        let (key, behind) = text[1..].split_once(quote)?;
        return Some((Some(Step::Key(key.to_owned())), behind.strip_prefix(']')?));
    }
    let (inside, behind) = text.split_once(']')?;
    let step = if inside == "*" {
        Some(Step::All)
    } else {
        inside.trim().parse().ok().map(Step::Index)
    };
    Some((step, behind))
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Value, json};

    use super::Path;

    #[test]
    fn paths_name_values() {
        let value = json!({ "a": { "b": [{ "c": 1 }, { "c": 2 }, {}] }, "odd key.x": 3 });
        let all = |path: &str| {
            Path::new(path)
                .unwrap()
                .all(&value)
                .into_iter()
                .cloned()
                .collect::<Vec<Value>>()
        };
        assert_eq!(all("a.b[0].c"), [json!(1)]);
        assert_eq!(all("$.a.b.1.c"), [json!(2)]);
        assert_eq!(all("a.b[-2].c"), [json!(2)]);
        assert_eq!(all("a.b[*].c"), [json!(1), json!(2)]);
        assert_eq!(all("a.b.*.c"), [json!(1), json!(2)]);
        assert_eq!(all("[\"odd key.x\"]"), [json!(3)]);
        assert_eq!(all("a.x.y"), Vec::<Value>::new());
        assert_eq!(all("a.b[-9]"), Vec::<Value>::new());
        assert_eq!(all(""), vec![value.clone()]);
    }

    #[test]
    fn a_path_that_makes_no_sense_is_refused() {
        for path in ["a..b", "a[", "a[x]", "a."] {
            let refused = Path::new(path).unwrap_err();
            assert!(refused.message().contains(&format!("`{path}`")), "{refused}");
        }
    }
}
