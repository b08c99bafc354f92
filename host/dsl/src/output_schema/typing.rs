//! What kinds of values the parts of the expression of a marker have, given the forms of the fields.

use cofferdam_engine::Data;
use cofferdam_engine::expr::{self, Comprehension, Link, MacroKind, Node, NodeKind, Operator};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The form of a value, unless it is null.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// Not known.
    Any,
    /// True or false.
    Boolean,
    /// A number.
    Number,
    /// A text.
    Text,
    /// One of these texts.
    Enum(Arc<[String]>),
    /// Values of one form in order.
    List(Arc<Type>),
    /// Values by name.
    Map(Arc<Members>),
}

/// What a map has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Members {
    /// The members that are known.
    pub(super) known: BTreeMap<String, Type>,
    /// Whether there can be others.
    pub(super) open: bool,
}

/// Something that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Oddity {
    /// Where it stands in the expression.
    pub(super) range: Range<usize>,
    /// What kind of thing it is.
    pub(super) kind: OddityKind,
    /// What it is.
    pub(super) message: String,
    /// What can be done about it.
    pub(super) help: String,
    /// What to write instead.
    pub(super) mend: Option<String>,
}

/// What kind of thing cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OddityKind {
    /// A member that a value does not have.
    UnknownMember,
    /// A text that the value never is.
    OutsideOfEnum,
    /// Kinds that do not go together.
    Kinds,
}

impl Type {
    /// Returns the form that a JSON Schema gives, as far as it says so without alternatives.
    pub(super) fn of_schema(schema: &Json) -> Self {
        let combined = ["anyOf", "oneOf", "allOf", "$ref", "if", "not"];
        if combined.iter().any(|keyword| schema.get(keyword).is_some()) {
            return Self::Any;
        }
        if let Some(options) = schema.get("enum").and_then(Json::as_array) {
            let texts: Option<Vec<String>> = options
                .iter()
                .filter(|option| !option.is_null())
                .map(|option| option.as_str().map(str::to_owned))
                .collect();
            return texts.map_or(Self::Any, |texts| Self::Enum(texts.into()));
        }
        let kind = match schema.get("type") {
            Some(Json::String(kind)) => kind.as_str(),
            Some(Json::Array(kinds)) => {
                let mut kinds = kinds.iter().filter_map(Json::as_str).filter(|kind| *kind != "null");
                match (kinds.next(), kinds.next()) {
                    (Some(only), None) => only,
                    _ => return Self::Any,
                }
            }
            _ => return Self::Any,
        };
        match kind {
            "boolean" => Self::Boolean,
            "number" | "integer" => Self::Number,
            "string" => Self::Text,
            "array" => Self::List(Arc::new(schema.get("items").map_or(Self::Any, Self::of_schema))),
            "object" => {
                let properties = schema.get("properties").and_then(Json::as_object);
                let known = properties.into_iter().flatten();
                Self::Map(Arc::new(Members {
                    known: known
                        .map(|(name, form)| (name.clone(), Self::of_schema(form)))
                        .collect(),
                    open: crate::check::closed_properties(schema).is_none(),
                }))
            }
            _ => Self::Any,
        }
    }

    /// Returns how a sentence names a value of this form.
    pub(super) fn phrase(&self) -> &'static str {
        match self {
            Self::Any => "something",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text | Self::Enum(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// Returns whether a value can be of both forms.
    fn meets(&self, other: &Self) -> bool {
        matches!(self, Self::Any) || matches!(other, Self::Any) || self.phrase() == other.phrase()
    }
}

/// Walks through expressions.
pub(super) struct Typing<'a> {
    /// Returns the form of what a part asks for, if it is known: of roots, or of longer paths.
    pub(super) known: &'a dyn Fn(&Node) -> Option<Type>,
    variables: Vec<(Arc<str>, Type)>,
    found: Vec<Oddity>,
}

impl<'a> Typing<'a> {
    /// Returns a walk in which `known` tells the form of what is asked for.
    pub(super) fn new(known: &'a dyn Fn(&Node) -> Option<Type>) -> Self {
        Self {
            known,
            variables: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Returns the form of the value of `node`, and what cannot be meant in it.
    pub(super) fn walk(mut self, node: &Node) -> (Type, Vec<Oddity>) {
        let form = self.form(node);
        (form, self.found)
    }

    fn form(&mut self, node: &Node) -> Type {
        let root = match &node.kind {
            NodeKind::Name(name) => {
                let variable = self.variables.iter().rev().find(|(known, _)| known == name);
                if let Some((_, form)) = variable {
                    return form.clone();
                }
                (self.known)(node)
            }
            NodeKind::Member { .. } if !self.is_variable(node) => (self.known)(node),
            _ => None,
        };
        if let Some(form) = root {
            return form;
        }
        match &node.kind {
            NodeKind::Literal(data) => of_data(data),
            NodeKind::Name(_) => Type::Any,
            NodeKind::Member {
                operand,
                name,
                name_range,
                optional,
            } => {
                let of = self.form(operand);
                self.member(&of, name, name_range, *optional)
            }
            NodeKind::Index {
                operand,
                index,
                optional,
            } => {
                let of = self.form(operand);
                self.form(index);
                match (&of, &index.kind) {
                    (Type::List(item), _) => (**item).clone(),
                    (Type::Map(_), NodeKind::Literal(Data::Text(name))) => {
                        self.member(&of, name, &index.range, *optional)
                    }
                    _ => Type::Any,
                }
            }
            NodeKind::Not(_) | NodeKind::And(_) | NodeKind::Or(_) | NodeKind::Has(_) => {
                node.each_child(|child| {
                    self.form(child);
                });
                Type::Boolean
            }
            NodeKind::Negate(operand) => {
                self.form(operand);
                Type::Number
            }
            NodeKind::Chain { first, links } => self.chain(first, links),
            NodeKind::Conditional { condition, yes, no } => {
                self.form(condition);
                let (yes, no) = (self.form(yes), self.form(no));
                if yes == no { yes } else { Type::Any }
            }
            NodeKind::OrValue { operand, default } => {
                let (form, default) = (self.form(operand), self.form(default));
                // The items of an empty list are of any form.
                if form.meets(&default) { form } else { Type::Any }
            }
            NodeKind::List(items) => {
                let mut forms = items.iter().map(|item| self.form(item)).collect::<Vec<_>>().into_iter();
                let first = forms.next().unwrap_or(Type::Any);
                let same = forms.all(|form| form == first);
                Type::List(Arc::new(if same { first } else { Type::Any }))
            }
            NodeKind::Map(entries) => {
                for (key, value) in entries {
                    self.form(key);
                    self.form(value);
                }
                Type::Any
            }
            NodeKind::Call {
                function, arguments, ..
            } => {
                for (place, argument) in arguments.iter().enumerate() {
                    let form = self.form(argument);
                    let wanted = function.parameters.get(place).or(function.parameters.last());
                    if let Some(wanted) = wanted.filter(|wanted| !takes(**wanted, &form)) {
                        self.found.push(Oddity {
                            range: argument.range.clone(),
                            kind: OddityKind::Kinds,
                            message: format!(
                                "`{}` needs {}, this is {}",
                                function.name,
                                wanted.description(),
                                form.phrase()
                            ),
                            help: format!("for example: {}", function.example),
                            mend: None,
                        });
                    }
                }
                of_result(function.result)
            }
            NodeKind::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    /// Returns whether a path begins with a loop variable.
    fn is_variable(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Name(name) => self.variables.iter().any(|(known, _)| known == name),
            NodeKind::Member { operand, .. } | NodeKind::Index { operand, .. } => self.is_variable(operand),
            _ => false,
        }
    }

    fn member(&mut self, of: &Type, name: &Arc<str>, range: &Range<usize>, optional: bool) -> Type {
        let is_place = name.bytes().all(|byte| byte.is_ascii_digit());
        let (message, help, mend) = match of {
            Type::Any => return Type::Any,
            Type::List(item) if is_place => return (**item).clone(),
            Type::Map(members) => {
                if let Some(form) = members.known.get(&**name) {
                    return form.clone();
                }
                if members.open || optional {
                    return Type::Any;
                }
                let known: Vec<&str> = members.known.keys().map(String::as_str).collect();
                let mend = crate::diagnostic::did_you_mean(name, known.iter().copied());
                let help = match mend {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has {}", known.join(", ")),
                };
                (format!("there is no `{name}` here"), help, mend.map(str::to_owned))
            }
            Type::List(_) => {
                let help = match &**name {
                    "length" | "size" | "count" => "write `size(x)`".to_owned(),
                    _ => format!("take an element, `x[0].{name}`, or all: `x.map(i, i.{name})`"),
                };
                (format!("a list has no `{name}`"), help, None)
            }
            Type::Boolean | Type::Number | Type::Text | Type::Enum(_) => {
                let help = match &**name {
                    "length" | "size" => "write `size(x)`".to_owned(),
                    _ => "only maps have members".to_owned(),
                };
                (format!("{} has no `{name}`", of.phrase()), help, None)
            }
        };
        self.found.push(Oddity {
            range: range.clone(),
            kind: OddityKind::UnknownMember,
            message,
            help,
            mend,
        });
        Type::Any
    }

    fn chain(&mut self, first: &Node, links: &[Link]) -> Type {
        let mut left = self.form(first);
        let mut before = first;
        for link in links {
            let right = self.form(&link.operand);
            let compares = matches!(
                link.operator,
                Operator::Equal
                    | Operator::NotEqual
                    | Operator::Less
                    | Operator::LessOrEqual
                    | Operator::Greater
                    | Operator::GreaterOrEqual
            );
            if matches!(link.operator, Operator::Equal | Operator::NotEqual) {
                self.outside(&left, &link.operand);
                self.outside(&right, before);
            }
            if let (Operator::In, NodeKind::List(items)) = (link.operator, &link.operand.kind) {
                items.iter().for_each(|item| self.outside(&left, item));
            }
            if compares && !left.meets(&right) {
                self.found.push(Oddity {
                    range: link.range.clone(),
                    kind: OddityKind::Kinds,
                    message: format!("{} is never equal to {}", left.phrase(), right.phrase()),
                    help: "compare values of one kind".to_owned(),
                    mend: None,
                });
            }
            left = match link.operator {
                _ if compares || link.operator == Operator::In => Type::Boolean,
                Operator::Add if left == right => left,
                Operator::Add => Type::Any,
                _ => Type::Number,
            };
            before = &link.operand;
        }
        left
    }

    /// Reports a text that is none of those that a value can be.
    fn outside(&mut self, form: &Type, operand: &Node) {
        let (Type::Enum(options), NodeKind::Literal(Data::Text(text))) = (form, &operand.kind) else {
            return;
        };
        if options.iter().any(|option| **option == **text) {
            return;
        }
        let meant = crate::diagnostic::did_you_mean(text, options.iter().map(String::as_str));
        let known: Vec<String> = options.iter().map(|option| format!("`{option}`")).collect();
        self.found.push(Oddity {
            range: operand.range.clone(),
            kind: OddityKind::OutsideOfEnum,
            message: format!("it is never `{text}`"),
            help: match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("it is one of {}", known.join(", ")),
            },
            mend: meant.map(|meant| format!("'{meant}'")),
        });
    }

    fn comprehension(&mut self, comprehension: &Comprehension) -> Type {
        let operand = self.form(&comprehension.operand);
        let item = match &operand {
            Type::List(item) => (**item).clone(),
            Type::Map(_) => Type::Text,
            _ => Type::Any,
        };
        self.variables.push((Arc::clone(&comprehension.variable), item));
        if let Some(condition) = &comprehension.condition {
            self.form(condition);
        }
        let body = self.form(&comprehension.body);
        self.variables.pop();
        match comprehension.macro_kind {
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => Type::Boolean,
            MacroKind::Map => Type::List(Arc::new(body)),
            MacroKind::Filter => operand,
        }
    }
}

fn of_data(data: &Data) -> Type {
    match data {
        Data::Null => Type::Any,
        Data::Bool(_) => Type::Boolean,
        Data::Int(_) | Data::Double(_) => Type::Number,
        Data::Text(_) => Type::Text,
        Data::List(_) => Type::List(Arc::new(Type::Any)),
        Data::Map(_) => Type::Any,
    }
}

fn of_result(kind: expr::Kind) -> Type {
    match kind {
        expr::Kind::Boolean => Type::Boolean,
        expr::Kind::Int | expr::Kind::Double | expr::Kind::Number => Type::Number,
        expr::Kind::Text => Type::Text,
        expr::Kind::List => Type::List(Arc::new(Type::Any)),
        expr::Kind::Any | expr::Kind::TextOrList | expr::Kind::Collection | expr::Kind::TextOrInt => Type::Any,
    }
}

/// Returns whether a parameter can take a value of a form.
fn takes(wanted: expr::Kind, form: &Type) -> bool {
    match (wanted, form) {
        (expr::Kind::Any, _) | (_, Type::Any) => true,
        (expr::Kind::Boolean, form) => *form == Type::Boolean,
        (expr::Kind::Int | expr::Kind::Double | expr::Kind::Number, form) => *form == Type::Number,
        (expr::Kind::Text, form) => matches!(form, Type::Text | Type::Enum(_)),
        (expr::Kind::List, form) => matches!(form, Type::List(_)),
        (expr::Kind::TextOrList, form) => matches!(form, Type::Text | Type::Enum(_) | Type::List(_)),
        (expr::Kind::Collection, form) => !matches!(form, Type::Boolean | Type::Number),
        (expr::Kind::TextOrInt, form) => matches!(form, Type::Text | Type::Enum(_) | Type::Number),
    }
}
