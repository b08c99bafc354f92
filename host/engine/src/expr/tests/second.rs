//! Whether a second, tiny evaluator, written from the rules of the language alone, gives the same values.
//!
//! It works on trees of its own, which it also writes as text for the evaluator under test, so that the two share no
//! parser, no arithmetic and no order of evaluation.

use super::world::World;
use crate::Data;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use std::collections::BTreeMap;

/// What an expression is worth here; numbers keep their kinds (rule R20).
#[derive(Clone, Debug, PartialEq)]
enum Worth {
    Null,
    Bool(bool),
    Int(i128),
    Double(f64),
    Text(String),
    List(Vec<Worth>),
    Map(BTreeMap<String, Worth>),
}

/// The expression fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fails;

#[derive(Clone, Debug)]
enum Tree {
    Leaf(Worth),
    Variable,
    Binary(&'static str, Box<Tree>, Box<Tree>),
    Not(Box<Tree>),
    Choose(Box<Tree>, Box<Tree>, Box<Tree>),
    List(Vec<Tree>),
    Map(Vec<(&'static str, Tree)>),
    Member(Box<Tree>, &'static str),
    Has(Box<Tree>, &'static str),
    At(Box<Tree>, Box<Tree>),
    Size(Box<Tree>),
    OrValue(Box<Tree>, Box<Tree>),
    Loop(&'static str, Box<Tree>, Box<Tree>),
}

impl Worth {
    fn to_text(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => format!("({value})"),
            Self::Double(value) => format!("({value:?})"),
            Self::Text(text) => format!("'{text}'"),
            Self::List(items) => format!("[{}]", items.iter().map(Self::to_text).collect::<Vec<_>>().join(", ")),
            Self::Map(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("'{key}': {}", value.to_text()))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn to_data(&self) -> Data {
        match self {
            Self::Null => Data::Null,
            Self::Bool(value) => Data::Bool(*value),
            Self::Int(value) => Data::Int(i64::try_from(*value).expect("kept within 64 bits")),
            Self::Double(value) => Data::double(*value).expect("kept finite"),
            Self::Text(text) => Data::from(text.clone()),
            Self::List(items) => Data::List(std::sync::Arc::new(items.iter().map(Self::to_data).collect())),
            Self::Map(entries) => Data::map(
                entries
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.to_data()))
                    .collect::<Vec<_>>(),
            ),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// What is missing is false, anything but a boolean is a failure.
    fn holds(&self) -> Result<bool, Fails> {
        match self {
            Self::Bool(value) => Ok(*value),
            Self::Null => Ok(false),
            _ => Err(Fails),
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Double(b)) | (Self::Double(b), Self::Int(a)) => *a as f64 == *b,
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b)),
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| a.equals(b)))
            }
            (a, b) => a == b,
        }
    }
}

impl Tree {
    fn to_text(&self) -> String {
        match self {
            Self::Leaf(worth) => worth.to_text(),
            Self::Variable => "x".to_owned(),
            Self::Binary(operator, a, b) => format!("({} {operator} {})", a.to_text(), b.to_text()),
            Self::Not(a) => format!("(!{})", a.to_text()),
            Self::Choose(a, b, c) => format!("({} ? {} : {})", a.to_text(), b.to_text(), c.to_text()),
            Self::List(items) => format!("[{}]", items.iter().map(Self::to_text).collect::<Vec<_>>().join(", ")),
            Self::Map(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("'{key}': {}", value.to_text()))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Self::Member(a, name) => format!("({}).{name}", a.to_text()),
            Self::Has(a, name) => format!("has(({}).{name})", a.to_text()),
            Self::At(a, b) => format!("({})[{}]", a.to_text(), b.to_text()),
            Self::Size(a) => format!("size({})", a.to_text()),
            Self::OrValue(a, b) => format!("({}).orValue({})", a.to_text(), b.to_text()),
            Self::Loop(name, a, body) => format!("({}).{name}(x, {})", a.to_text(), body.to_text()),
        }
    }

    fn worth(&self, x: &Worth) -> Result<Worth, Fails> {
        Ok(match self {
            Self::Leaf(worth) => worth.clone(),
            Self::Variable => x.clone(),
            Self::Binary("&&", a, b) => Worth::Bool(a.worth(x)?.holds()? && b.worth(x)?.holds()?),
            Self::Binary("||", a, b) => Worth::Bool(a.worth(x)?.holds()? || b.worth(x)?.holds()?),
            Self::Binary(operator, a, b) => binary(operator, &a.worth(x)?, &b.worth(x)?)?,
            Self::Not(a) => Worth::Bool(!a.worth(x)?.holds()?),
            Self::Choose(a, b, c) => if a.worth(x)?.holds()? { b } else { c }.worth(x)?,
            Self::List(items) => Worth::List(items.iter().map(|item| item.worth(x)).collect::<Result<_, _>>()?),
            Self::Map(entries) => {
                let mut map = BTreeMap::new();
                for (key, value) in entries {
                    if map.insert((*key).to_owned(), value.worth(x)?).is_some() {
                        return Err(Fails);
                    }
                }
                Worth::Map(map)
            }
            Self::Member(a, name) => match a.worth(x)? {
                Worth::Null => Worth::Null,
                Worth::Map(entries) => entries.get(*name).cloned().ok_or(Fails)?,
                _ => return Err(Fails),
            },
            Self::Has(a, name) => Worth::Bool(member(a.present(x)?, name).is_some()),
            Self::At(a, b) => match (a.worth(x)?, b.worth(x)?) {
                (Worth::List(items), Worth::Int(place)) => {
                    let place = usize::try_from(place).map_err(|_| Fails)?;
                    items.get(place).cloned().ok_or(Fails)?
                }
                (Worth::Map(entries), Worth::Text(key)) => entries.get(&key).cloned().ok_or(Fails)?,
                (Worth::Null, _) => Worth::Null,
                _ => return Err(Fails),
            },
            Self::Size(a) => match a.worth(x)? {
                Worth::Null => Worth::Null,
                Worth::Text(text) => Worth::Int(text.chars().count() as i128),
                Worth::List(items) => Worth::Int(items.len() as i128),
                Worth::Map(entries) => Worth::Int(entries.len() as i128),
                _ => return Err(Fails),
            },
            Self::OrValue(a, b) => match a.worth(x)? {
                Worth::Null => b.worth(x)?,
                worth => worth,
            },
            Self::Loop(name, a, body) => repeat(name, a.worth(x)?, body)?,
        })
    }
}

impl Tree {
    /// What `has` finds: any part of the way may be missing (rule R21).
    fn present(&self, x: &Worth) -> Result<Option<Worth>, Fails> {
        match self {
            Self::Member(a, name) => Ok(member(a.present(x)?, name)),
            Self::At(a, b) => {
                let key = b.worth(x)?;
                Ok(match (a.present(x)?, key) {
                    (Some(Worth::List(items)), Worth::Int(place)) => {
                        usize::try_from(place).ok().and_then(|place| items.get(place).cloned())
                    }
                    (Some(Worth::Map(entries)), Worth::Text(key)) => entries.get(&key).cloned(),
                    _ => None,
                })
            }
            other => other.worth(x).map(Some),
        }
    }
}

fn member(of: Option<Worth>, name: &str) -> Option<Worth> {
    match of {
        Some(Worth::Map(entries)) => entries.get(name).cloned(),
        _ => None,
    }
}

fn repeat(name: &str, over: Worth, body: &Tree) -> Result<Worth, Fails> {
    let items = match over {
        Worth::List(items) => items,
        Worth::Map(entries) => entries.into_keys().map(Worth::Text).collect(),
        Worth::Null if name != "map" && name != "filter" => return Ok(Worth::Bool(false)),
        _ => return Err(Fails),
    };
    match name {
        "all" => {
            for item in &items {
                if !body.worth(item)?.holds()? {
                    return Ok(Worth::Bool(false));
                }
            }
            Ok(Worth::Bool(true))
        }
        "exists" => {
            for item in &items {
                if body.worth(item)?.holds()? {
                    return Ok(Worth::Bool(true));
                }
            }
            Ok(Worth::Bool(false))
        }
        "map" => Ok(Worth::List(
            items.iter().map(|item| body.worth(item)).collect::<Result<_, _>>()?,
        )),
        _ => {
            let mut kept = Vec::new();
            for item in items {
                if body.worth(&item)?.holds()? {
                    kept.push(item);
                }
            }
            Ok(Worth::List(kept))
        }
    }
}

fn binary(operator: &str, a: &Worth, b: &Worth) -> Result<Worth, Fails> {
    match operator {
        "==" => return Ok(Worth::Bool(a.equals(b))),
        "!=" => return Ok(Worth::Bool(!a.equals(b))),
        "in" => {
            return match (b, a) {
                (Worth::List(items), item) => Ok(Worth::Bool(items.iter().any(|one| one.equals(item)))),
                (Worth::Map(entries), Worth::Text(key)) => Ok(Worth::Bool(entries.contains_key(key))),
                (Worth::Map(_) | Worth::Null, _) => Ok(Worth::Bool(false)),
                _ => Err(Fails),
            };
        }
        "<" | "<=" | ">" | ">=" => {
            if *a == Worth::Null || *b == Worth::Null {
                return Ok(Worth::Bool(false));
            }
            let order = match (a, b) {
                (Worth::Int(a), Worth::Int(b)) => a.cmp(b),
                (Worth::Text(a), Worth::Text(b)) => a.cmp(b),
                (Worth::Bool(a), Worth::Bool(b)) => a.cmp(b),
                _ => {
                    let (Some(a), Some(b)) = (a.number(), b.number()) else {
                        return Err(Fails);
                    };
                    a.partial_cmp(&b).ok_or(Fails)?
                }
            };
            return Ok(Worth::Bool(match operator {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            }));
        }
        "+" => match (a, b) {
            (Worth::Text(a), Worth::Text(b)) => return Ok(Worth::Text(format!("{a}{b}"))),
            (Worth::List(a), Worth::List(b)) => return Ok(Worth::List([a.as_slice(), b].concat())),
            _ => {}
        },
        _ => {}
    }
    if let (Worth::Int(a), Worth::Int(b)) = (a, b) {
        let whole = match operator {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" | "%" if *b == 0 => return Err(Fails),
            "/" => a / b,
            _ => a % b,
        };
        return i64::try_from(whole)
            .map(|whole| Worth::Int(i128::from(whole)))
            .map_err(|_| Fails);
    }
    let (Some(a), Some(b)) = (a.number(), b.number()) else {
        return Err(Fails);
    };
    let number = match operator {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" if b == 0.0 => return Err(Fails),
        "/" => a / b,
        _ => return Err(Fails),
    };
    if number.is_finite() {
        Ok(Worth::Double(number))
    } else {
        Err(Fails)
    }
}

fn leaf() -> BoxedStrategy<Tree> {
    let text = proptest::sample::select(vec!["", "a", "b", "äö", "a b"]);
    let small = prop_oneof![Just(0.0), Just(1.0), Just(1.5), Just(-2.5), Just(1e308)];
    prop_oneof![
        Just(Worth::Null),
        any::<bool>().prop_map(Worth::Bool),
        (-3..4_i128).prop_map(Worth::Int),
        Just(Worth::Int(i128::from(i64::MAX))),
        small.prop_map(Worth::Double),
        text.prop_map(|text| Worth::Text(text.to_owned())),
    ]
    .prop_map(Tree::Leaf)
    .boxed()
}

/// Trees in which operands mostly fit their operators: of random ones nearly all fail.
fn tree() -> impl Strategy<Value = Tree> {
    let start = prop_oneof![4 => leaf(), 1 => Just(Tree::Variable)];
    start.prop_recursive(5, 48, 4, |inner| {
        let operator = proptest::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||",
        ]);
        let name = || proptest::sample::select(vec!["k", "m"]);
        let list = || proptest::collection::vec(inner.clone(), 0..4).prop_map(Tree::List);
        let map = || proptest::collection::vec((name(), inner.clone()), 0..3).prop_map(Tree::Map);
        let numbers = (-3..4_i128, -3..4_i128).prop_map(|(a, b)| {
            let leaf = |value| Box::new(Tree::Leaf(Worth::Int(value)));
            (leaf(a), leaf(b))
        });
        let many = prop_oneof![3 => list(), 1 => map(), 1 => inner.clone()];
        let loops = proptest::sample::select(vec!["all", "exists", "map", "filter"]);
        let one = || inner.clone().prop_map(Box::new);
        prop_oneof![
            (operator.clone(), one(), one()).prop_map(|(operator, a, b)| Tree::Binary(operator, a, b)),
            (operator, numbers).prop_map(|(operator, (a, b))| Tree::Binary(operator, a, b)),
            one().prop_map(Tree::Not),
            (one(), one(), one()).prop_map(|(a, b, c)| Tree::Choose(a, b, c)),
            list(),
            map(),
            (map().prop_map(Box::new), name()).prop_map(|(a, name)| Tree::Member(a, name)),
            (one(), name()).prop_map(|(a, name)| Tree::Member(a, name)),
            (one(), name()).prop_map(|(a, name)| Tree::Has(a, name)),
            (list().prop_map(Box::new), one()).prop_map(|(a, b)| Tree::At(a, b)),
            (one(), one()).prop_map(|(a, b)| Tree::At(a, b)),
            one().prop_map(Tree::Size),
            (one(), one()).prop_map(|(a, b)| Tree::OrValue(a, b)),
            (loops, many.prop_map(Box::new), one()).prop_map(|(name, a, body)| Tree::Loop(name, a, body)),
        ]
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_second_evaluator_agrees(tree in tree()) {
        let x = Worth::Map(BTreeMap::from([
            ("k".to_owned(), Worth::Int(7)),
            ("m".to_owned(), Worth::List(vec![Worth::Int(1), Worth::Text("a".to_owned())])),
        ]));
        let text = tree.to_text();
        let world = World::new(&format!("{{\"x\": {}}}", x.to_data().to_json()));
        let found = world.evaluate(&text).ok().map(|data| data.to_json());
        let wanted = tree.worth(&x).ok().map(|worth| worth.to_data().to_json());
        prop_assert_eq!(found, wanted, "{}", text);
    }
}

/// The comparison is worth little if nearly everything fails: more than a third of the trees have a value.
#[test]
fn enough_of_the_trees_have_a_value() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let trees = (0..600).map(|_| tree().new_tree(&mut runner).expect("a tree").current());
    let valued = trees.filter(|tree| tree.worth(&Worth::Null).is_ok()).count();
    assert!(valued > 200, "{valued} of 600");
}
