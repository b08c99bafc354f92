//! Whether the expression of a marker can be meant: all that it asks for is in the output, and it is true or false.

use super::typing::{Oddity, OddityKind, Type, Typing};
use super::{Field, legacy, of_fields};
use crate::diagnostic::did_you_mean;
use cofferdam_engine::Expression;
use cofferdam_engine::expr::{Node, NodeKind, references};
use std::ops::Range;

/// The name of the output as a whole, unless a field has it.
pub(super) const WHOLE: &str = "output";

/// What is wrong with an expression.
#[derive(Debug)]
pub(super) struct MarkerProblem {
    /// Where, in the text of the expression.
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) mend: Option<String>,
}

/// Returns the expression that `text` means: in the syntax of workflows, or in that of older schema files.
pub(super) fn read(text: &str, fields: &[Field]) -> Result<Expression, MarkerProblem> {
    if let Some(old) = legacy::read(text, fields) {
        return old.translate(fields);
    }
    let expression = Expression::parse(text).map_err(|error| MarkerProblem {
        range: error.range,
        message: error.message,
        help: error.hint,
        mend: None,
    })?;
    let whole = Type::of_schema(&of_fields(fields));
    let known = |node: &Node| -> Option<Type> {
        let NodeKind::Name(name) = &node.kind else { return None };
        let Type::Map(members) = &whole else { return None };
        let field = members.known.get(&**name).cloned();
        field.or_else(|| (&**name == WHOLE).then(|| whole.clone()))
    };
    for reference in references(&expression) {
        let name = &*reference.root;
        if name != WHOLE && !fields.iter().any(|field| field.name == name) {
            return Err(unknown_field(name, reference.root_range, fields));
        }
    }
    let (form, mut oddities) = Typing::new(&known).walk(expression.tree());
    oddities.sort_by_key(|oddity| (oddity.range.start, oddity.range.end));
    if let Some(oddity) = oddities.into_iter().next() {
        return Err(of_oddity(oddity));
    }
    if !matches!(form, Type::Any | Type::Boolean) {
        return Err(MarkerProblem {
            range: expression.tree().range.clone(),
            message: format!("a marker is set where something is true, this is {}", form.phrase()),
            help: Some("compare it, such as `size(findings) > 0`".to_owned()),
            mend: None,
        });
    }
    Ok(expression)
}

/// Returns what to say of a field that the schema does not have.
pub(super) fn unknown_field(name: &str, range: Range<usize>, fields: &[Field]) -> MarkerProblem {
    let meant = did_you_mean(name, fields.iter().map(|field| field.name.as_str()));
    let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    MarkerProblem {
        range,
        message: format!("there is no field `{name}`"),
        help: Some(match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", known.join(", ")),
        }),
        mend: meant.map(str::to_owned),
    }
}

fn of_oddity(oddity: Oddity) -> MarkerProblem {
    let message = match oddity.kind {
        OddityKind::OutsideOfEnum => format!("{}, so that the marker would never be set", oddity.message),
        OddityKind::UnknownMember | OddityKind::Kinds => oddity.message,
    };
    MarkerProblem {
        range: oddity.range,
        message,
        help: Some(oddity.help),
        mend: oddity.mend,
    }
}
