//! How tokens become a tree: CEL's grammar with bounded nesting.

use super::error::SyntaxError;
use super::functions::{self, Form, Function};
use super::lexer::{self, Token, TokenKind};
use super::tree::{Comprehension, Link, MacroKind, Node, NodeKind, Operator};
use super::{MAX_NESTING, MAX_SOURCE_BYTES};
use crate::Data;
use std::ops::Range;
use std::sync::Arc;

/// Levels of nodes that 64 levels of brackets with a few operators and members each may have. The recursion of the
/// evaluator is bounded by it.
const MAX_TREE_DEPTH: usize = 4 * MAX_NESTING;

/// The operators of a chain by precedence, weakest first.
const LEVELS: [&[Operator]; 3] = [
    &[
        Operator::Equal,
        Operator::NotEqual,
        Operator::LessOrEqual,
        Operator::GreaterOrEqual,
        Operator::Less,
        Operator::Greater,
        Operator::In,
    ],
    &[Operator::Add, Operator::Subtract],
    &[Operator::Multiply, Operator::Divide, Operator::Remainder],
];

type Parsed<T> = Result<T, SyntaxError>;

/// Returns the tree of `source`.
pub(super) fn parse(source: &str) -> Parsed<Node> {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("an expression of {} bytes, of at most {MAX_SOURCE_BYTES}", source.len());
        return Err(SyntaxError {
            range: 0..source.len(),
            message,
            hint: None,
        });
    }
    let mut parser = Parser {
        source,
        tokens: lexer::tokens(source)?,
        next: 0,
        nesting: 0,
    };
    if parser.peek().kind == TokenKind::End {
        return Err(SyntaxError {
            range: 0..source.len(),
            message: "an empty expression".to_owned(),
            hint: None,
        });
    }
    let tree = parser.expression()?;
    match parser.peek().kind {
        TokenKind::End => Ok(tree),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Parsed<Node> {
        self.nesting += 1;
        // The expression itself is not nested: 64 brackets are allowed, 65 are not.
        if self.nesting > MAX_NESTING + 1 {
            return Err(self.too_deep());
        }
        let start = self.start();
        let condition = self.junction("||")?;
        let node = if self.eat("?") {
            let yes = self.expression()?;
            self.expect(":", "of `condition ? yes : no`")?;
            let no = self.expression()?;
            let kind = NodeKind::Conditional {
                condition: Box::new(condition),
                yes: Box::new(yes),
                no: Box::new(no),
            };
            self.node(start, kind)?
        } else {
            condition
        };
        self.nesting -= 1;
        Ok(node)
    }

    /// Reads operands joined by `||`, or by `&&` below it.
    fn junction(&mut self, symbol: &'static str) -> Parsed<Node> {
        let start = self.start();
        let mut operands = vec![self.junction_operand(symbol)?];
        while self.eat(symbol) {
            operands.push(self.junction_operand(symbol)?);
        }
        match operands.pop() {
            Some(only) if operands.is_empty() => Ok(only),
            last => {
                operands.extend(last);
                let kind = if symbol == "||" {
                    NodeKind::Or(operands)
                } else {
                    NodeKind::And(operands)
                };
                self.node(start, kind)
            }
        }
    }

    fn junction_operand(&mut self, symbol: &str) -> Parsed<Node> {
        if symbol == "||" {
            self.junction("&&")
        } else {
            self.chain(0)
        }
    }

    fn chain(&mut self, level: usize) -> Parsed<Node> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let start = self.start();
        let first = self.chain(level + 1)?;
        let mut links = Vec::new();
        while let Some(operator) = operators.iter().copied().find(|operator| self.is_operator(*operator)) {
            let operator_range = self.advance().range;
            let operand = self.chain(level + 1)?;
            links.push(Link {
                operator,
                operator_range,
                operand,
                range: start..self.end(),
            });
        }
        if links.is_empty() {
            return Ok(first);
        }
        self.node(
            start,
            NodeKind::Chain {
                first: Box::new(first),
                links,
            },
        )
    }

    fn is_operator(&self, operator: Operator) -> bool {
        if operator == Operator::In {
            self.is_word("in")
        } else {
            self.is(operator.symbol())
        }
    }

    fn unary(&mut self) -> Parsed<Node> {
        let start = self.start();
        if self.eat("!") {
            let operand = self.nested_unary()?;
            return self.node(start, NodeKind::Not(Box::new(operand)));
        }
        if !self.eat("-") {
            return self.postfix();
        }
        // The most negative integer has no positive twin that could be negated.
        if self.peek().kind == TokenKind::Int(1 << 63) {
            self.advance();
            return self.node(start, NodeKind::Literal(Data::Int(i64::MIN)));
        }
        let operand = self.nested_unary()?;
        let kind = match operand.kind {
            NodeKind::Literal(Data::Int(int)) if int != i64::MIN => NodeKind::Literal(Data::Int(-int)),
            NodeKind::Literal(Data::Double(double)) => NodeKind::Literal(Data::Double(-double)),
            _ => NodeKind::Negate(Box::new(operand)),
        };
        self.node(start, kind)
    }

    fn nested_unary(&mut self) -> Parsed<Node> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING + 1 {
            return Err(self.too_deep());
        }
        let operand = self.unary()?;
        self.nesting -= 1;
        Ok(operand)
    }

    fn postfix(&mut self) -> Parsed<Node> {
        let start = self.start();
        let mut node = self.primary()?;
        loop {
            if self.eat(".") {
                let optional = self.eat("?");
                let name_range = self.name("a member's name after the dot")?;
                let name = &self.source[name_range.clone()];
                node = if self.is("(") && !optional && name.starts_with(|c: char| !c.is_ascii_digit()) {
                    self.method(start, node, name_range)?
                } else {
                    let (operand, name) = (Box::new(node), Arc::from(name));
                    self.node(
                        start,
                        NodeKind::Member {
                            operand,
                            name,
                            name_range,
                            optional,
                        },
                    )?
                };
            } else if self.eat("[") {
                let open = self.previous();
                let optional = self.eat("?");
                let index = Box::new(self.expression()?);
                self.close(open, "]")?;
                node = self.node(
                    start,
                    NodeKind::Index {
                        operand: Box::new(node),
                        index,
                        optional,
                    },
                )?;
            } else {
                return Ok(node);
            }
        }
    }

    fn primary(&mut self) -> Parsed<Node> {
        let start = self.start();
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Word => {
                self.advance();
                let word = &self.source[token.range.clone()];
                let kind = match word {
                    "true" => NodeKind::Literal(Data::Bool(true)),
                    "false" => NodeKind::Literal(Data::Bool(false)),
                    "null" => NodeKind::Literal(Data::Null),
                    _ if self.is("(") => return self.function(start, token.range),
                    _ => NodeKind::Name(Arc::from(word)),
                };
                self.node(start, kind)
            }
            TokenKind::Text(text) => {
                self.advance();
                self.node(start, NodeKind::Literal(Data::Text(text)))
            }
            TokenKind::Double(double) => {
                self.advance();
                self.node(start, NodeKind::Literal(Data::Double(double)))
            }
            TokenKind::Int(int) => match i64::try_from(int) {
                Ok(int) => {
                    self.advance();
                    self.node(start, NodeKind::Literal(Data::Int(int)))
                }
                Err(_) => Err(error(token.range, "an integer that does not fit 64 bits", None)),
            },
            TokenKind::Symbol("(") => {
                self.advance();
                let inner = self.expression()?;
                self.close(token.range, ")")?;
                Ok(inner)
            }
            TokenKind::Symbol("[") => {
                self.advance();
                let items = self.items("]")?;
                self.node(start, NodeKind::List(items))
            }
            TokenKind::Symbol("{") => {
                self.advance();
                self.map(start)
            }
            TokenKind::Symbol(_) | TokenKind::End => Err(self.unexpected("a value")),
        }
    }

    fn map(&mut self, start: usize) -> Parsed<Node> {
        let open = self.previous();
        let mut entries = Vec::new();
        while !self.eat("}") {
            let key = self.expression()?;
            self.expect(":", "between a key and its value")?;
            entries.push((key, self.expression()?));
            if !self.eat(",") {
                self.close(open, "}")?;
                break;
            }
        }
        self.node(start, NodeKind::Map(entries))
    }

    fn items(&mut self, close: &'static str) -> Parsed<Vec<Node>> {
        let open = self.previous();
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.expression()?);
            if !self.eat(",") {
                self.close(open, close)?;
                break;
            }
        }
        Ok(items)
    }

    fn function(&mut self, start: usize, name_range: Range<usize>) -> Parsed<Node> {
        self.advance();
        let arguments = self.items(")")?;
        let name = &self.source[name_range.clone()];
        let function = self.known(&name_range)?;
        match (function.form, name) {
            (Form::Macro, "has") => {
                let [operand] = exactly(arguments)
                    .filter(|[operand]: &[Node; 1]| {
                        matches!(operand.kind, NodeKind::Member { .. } | NodeKind::Index { .. })
                    })
                    .ok_or_else(|| {
                        let hint = Some("for example `has(steps.scan.output.count)`".to_owned());
                        error(name_range, "`has` asks for one member", hint)
                    })?;
                self.node(start, NodeKind::Has(Box::new(operand)))
            }
            (Form::Macro | Form::Method, _) => {
                let hint = Some(format!("for example `{}`", function.example));
                Err(error(
                    name_range,
                    &format!("`{name}` stands after a value and a dot"),
                    hint,
                ))
            }
            (Form::Function | Form::Either, _) => self.call(start, function, name_range, false, arguments),
        }
    }

    fn method(&mut self, start: usize, receiver: Node, name_range: Range<usize>) -> Parsed<Node> {
        self.advance();
        let mut arguments = self.items(")")?;
        let function = self.known(&name_range)?;
        let name = function.name;
        match (function.form, MacroKind::from_name(name)) {
            (Form::Macro, Some(kind)) => self.comprehension(start, receiver, kind, name_range, arguments),
            (Form::Macro, None) if name == "orValue" => match exactly(arguments) {
                Some([default]) => {
                    let (operand, default) = (Box::new(receiver), Box::new(default));
                    self.node(start, NodeKind::OrValue { operand, default })
                }
                None => Err(error(name_range, "`orValue` takes one value", None)),
            },
            (Form::Macro | Form::Function, _) => {
                let hint = Some(format!("for example `{}`", function.example));
                Err(error(name_range, &format!("`{name}` does not stand after a dot"), hint))
            }
            (Form::Method | Form::Either, _) => {
                arguments.insert(0, receiver);
                self.call(start, function, name_range, true, arguments)
            }
        }
    }

    fn comprehension(
        &mut self,
        start: usize,
        operand: Node,
        macro_kind: MacroKind,
        name_range: Range<usize>,
        mut arguments: Vec<Node>,
    ) -> Parsed<Node> {
        let name = macro_kind.name();
        let wanted = if macro_kind == MacroKind::Map { 2..=3 } else { 2..=2 };
        let (true, Some(body)) = (wanted.contains(&arguments.len()), arguments.pop()) else {
            let hint = Some(format!("for example `list.{name}(x, x > 3)`"));
            return Err(error(
                name_range,
                &format!("`{name}` takes a loop variable and an expression"),
                hint,
            ));
        };
        let condition = if arguments.len() == 2 { arguments.pop() } else { None };
        match arguments.pop() {
            Some(Node {
                kind: NodeKind::Name(variable),
                range: variable_range,
                ..
            }) => {
                let comprehension = Comprehension {
                    macro_kind,
                    operand,
                    variable,
                    variable_range,
                    condition,
                    body,
                };
                self.node(start, NodeKind::Comprehension(Box::new(comprehension)))
            }
            other => {
                let range = other.map_or(name_range, |node| node.range);
                let hint = Some(format!("for example `list.{name}(x, x > 3)`"));
                Err(error(
                    range,
                    &format!("`{name}` begins with the name of a loop variable"),
                    hint,
                ))
            }
        }
    }

    fn call(
        &mut self,
        start: usize,
        function: &'static Function,
        name_range: Range<usize>,
        method: bool,
        arguments: Vec<Node>,
    ) -> Parsed<Node> {
        if function.accepts(arguments.len()) {
            return self.node(
                start,
                NodeKind::Call {
                    function,
                    name_range,
                    method,
                    arguments,
                },
            );
        }
        let hint = Some(format!("for example `{}`", function.example));
        Err(error(
            name_range,
            &format!("wrong number of arguments for `{}`", function.name),
            hint,
        ))
    }

    fn known(&self, name_range: &Range<usize>) -> Parsed<&'static Function> {
        let name = &self.source[name_range.clone()];
        functions::find(name).ok_or_else(|| {
            let hint = functions::suggest(name).map(|known| format!("did you mean `{known}`?"));
            error(name_range.clone(), &format!("there is no function `{name}`"), hint)
        })
    }

    fn node(&self, start: usize, kind: NodeKind) -> Parsed<Node> {
        let node = Node::new(start..self.end(), kind);
        if node.depth() > MAX_TREE_DEPTH {
            Err(self.too_deep())
        } else {
            Ok(node)
        }
    }

    fn peek(&self) -> &Token {
        // The last token is the end, and nothing moves past it.
        &self.tokens[self.next]
    }

    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    fn start(&self) -> usize {
        self.peek().range.start
    }

    /// Returns where the last token that was read stands.
    fn previous(&self) -> Range<usize> {
        self.next
            .checked_sub(1)
            .map_or(0..0, |index| self.tokens[index].range.clone())
    }

    /// Returns where the last token that was read ends.
    fn end(&self) -> usize {
        self.previous().end
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Symbol(found) if found == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Word && &self.source[token.range.clone()] == word
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: &str, place: &str) -> Parsed<()> {
        if self.eat(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{symbol}` {place}")))
        }
    }

    /// Reads the bracket that closes the one at `open`.
    fn close(&mut self, open: Range<usize>, symbol: &str) -> Parsed<()> {
        if self.eat(symbol) {
            return Ok(());
        }
        if self.peek().kind == TokenKind::End {
            let message = format!("`{}` is never closed", &self.source[open.clone()]);
            return Err(error(open, &message, None));
        }
        Err(self.unexpected(&format!("an operator or `{symbol}`")))
    }

    fn name(&mut self, what: &str) -> Parsed<Range<usize>> {
        match self.peek().kind {
            // After a dot an integer is the place of an element: `items.0` (row D12).
            TokenKind::Word | TokenKind::Int(_) => Ok(self.advance().range),
            TokenKind::Text(_) | TokenKind::Double(_) | TokenKind::Symbol(_) | TokenKind::End => {
                Err(self.unexpected(what))
            }
        }
    }

    fn too_deep(&self) -> SyntaxError {
        let range = self.peek().range.clone();
        error(
            range,
            &format!("an expression nested deeper than {MAX_NESTING} levels"),
            None,
        )
    }

    fn unexpected(&self, wanted: &str) -> SyntaxError {
        let range = self.peek().range.clone();
        let found = &self.source[range.clone()];
        let message = match self.peek().kind {
            TokenKind::End => format!("expected {wanted}, the expression ends here"),
            _ => format!("expected {wanted}, found `{found}`"),
        };
        let hint = match found {
            "and" => Some("for \"and\" write `&&`"),
            "or" => Some("for \"or\" write `||`"),
            "not" => Some("for \"not\" write `!`"),
            "is" => Some("to compare write `==`"),
            _ => None,
        };
        error(range, &message, hint.map(str::to_owned))
    }
}

fn error(range: Range<usize>, message: &str, hint: Option<String>) -> SyntaxError {
    SyntaxError {
        range,
        message: message.to_owned(),
        hint,
    }
}

/// Returns the elements of `nodes` if there are exactly `N`.
fn exactly<const N: usize>(nodes: Vec<Node>) -> Option<[Node; N]> {
    nodes.try_into().ok()
}
