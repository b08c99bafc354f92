//! The tree of a file as its author wrote it: every construct with its place, its comments and its unknown parts.

use crate::literal::{CodeBlock, DurationLiteral, Fragment, Number, Text};
use crate::source::Span;
use schemars::JsonSchema;
use serde::Serialize;

/// A comment, as written from its mark to the end of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Comment {
    /// The text with its mark, `//` or `#`.
    pub text: String,
    /// Whether an empty line stands before it.
    #[serde(skip)]
    pub blank_before: bool,
    /// Where it stands.
    pub span: Span,
}

/// What stands around a construct and has no meaning: comments and empty lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trivia {
    /// Comments before it (and those at odd places inside of it).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Comment>,
    /// The comment after it on its last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Comment>,
    /// Whether an empty line stands before it and its comments.
    #[serde(skip)]
    pub blank_before: bool,
    /// Whether an empty line stands between its comments and it.
    #[serde(skip)]
    pub blank_between: bool,
}

impl Trivia {
    /// Returns whether there is no comment.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_none()
    }
}

/// A name. Its text is empty where the parser expected one and there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Word {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// Names with dots between them; at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Path {
    /// The names.
    pub segments: Vec<Word>,
    /// Where it stands.
    pub span: Span,
}

impl Path {
    /// Returns the path as written, without blanks.
    pub fn to_text(&self) -> String {
        self.segments
            .iter()
            .map(|segment| segment.text.as_str())
            .collect::<Vec<_>>()
            .join(".")
    }

    /// Returns the name if it is only one.
    pub fn single(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [only] => Some(&only.text),
            _ => None,
        }
    }
}

/// A whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct File {
    /// The name after `workflow`.
    pub name: Word,
    /// The edition, if the file says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<Edition>,
    /// What stands between the outer braces, in order.
    pub items: Vec<Item>,
    /// Comments before and after the workflow.
    pub trivia: Trivia,
    /// Comments before the last brace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Comment>,
    /// Comments on lines of their own after the last brace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub end: Vec<Comment>,
    /// From `workflow` to the last brace.
    pub span: Span,
}

/// The edition of the language that a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Edition {
    /// Its number.
    pub number: u32,
    /// Where the number stands.
    pub span: Span,
}

/// One construct between the outer braces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Item {
    /// What it is.
    #[serde(flatten)]
    pub kind: ItemKind,
    /// Its comments.
    #[serde(skip_serializing_if = "Trivia::is_empty")]
    pub trivia: Trivia,
    /// Where it stands.
    pub span: Span,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// `meta { }`.
    Meta(Map),
    /// `inputs { }`.
    Inputs(Inputs),
    /// `outputs { }`.
    Outputs(Map),
    /// `always { }`.
    Always(Block),
    /// A step or a block of steps.
    Node(Box<Node>),
}

/// The declarations of the inputs of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Inputs {
    /// The declarations, in order.
    pub entries: Vec<Input>,
    /// Comments before the closing brace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Comment>,
    /// Whether all of it stands on one line.
    #[serde(skip)]
    pub one_line: bool,
    /// From brace to brace.
    pub span: Span,
}

/// The declaration of one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Input {
    /// Its name.
    pub name: Word,
    /// What is said about it, in order.
    pub properties: Vec<InputProperty>,
    /// Its comments.
    #[serde(skip_serializing_if = "Trivia::is_empty")]
    pub trivia: Trivia,
    /// Where it stands.
    pub span: Span,
}

/// One thing that is said about an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputProperty {
    /// `required`.
    Required(Span),
    /// `boolean`.
    Boolean(Span),
    /// `KEY = V`.
    Pair {
        /// The key.
        key: Word,
        /// The value.
        value: Value,
    },
}

impl InputProperty {
    /// Returns where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Required(span) | Self::Boolean(span) => *span,
            Self::Pair { key, value } => Span::new(key.span.range().start, value.span.range().end),
        }
    }
}

/// A step or a block of steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Node {
    /// What it is.
    #[serde(flatten)]
    pub kind: NodeKind,
    /// Its comments.
    #[serde(skip_serializing_if = "Trivia::is_empty")]
    pub trivia: Trivia,
    /// Where its first keyword stands.
    pub keyword: Span,
    /// Where all of it stands.
    pub span: Span,
}

impl Node {
    /// Returns the blocks of steps directly inside this one, handlers included, in the order of the text.
    pub fn blocks(&self) -> Vec<&Block> {
        fn handlers(attributes: &[Attribute]) -> impl Iterator<Item = &Block> {
            attributes.iter().filter_map(Attribute::handler)
        }
        fn with_handlers(block: &Block) -> Vec<&Block> {
            handlers(&block.attributes).chain([block]).collect()
        }
        match &self.kind {
            NodeKind::Call(call) => call
                .attributes
                .iter()
                .flat_map(|attributes| handlers(&attributes.entries))
                .collect(),
            NodeKind::If(branches) => {
                let arms = branches.arms.iter().flat_map(|arm| with_handlers(&arm.block));
                arms.chain(branches.otherwise.as_ref()).collect()
            }
            NodeKind::While(inner) => with_handlers(&inner.block),
            NodeKind::Do(inner) => with_handlers(&inner.block),
            NodeKind::Parallel(inner) => with_handlers(&inner.block),
            NodeKind::Foreach(inner) => with_handlers(&inner.block),
            NodeKind::Always(block) => vec![block],
            NodeKind::Gate(gate) => handlers(&gate.attributes.entries).collect(),
            NodeKind::Script(script) => handlers(&script.attributes.entries).collect(),
            NodeKind::Wait(wait) => handlers(&wait.attributes.entries).collect(),
            NodeKind::Set(_) | NodeKind::Fail(_) => Vec::new(),
        }
    }
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// `call …`.
    Call(Call),
    /// `if …`, `unless …`.
    If(If),
    /// `while COND { }`.
    While(While),
    /// `do { }`, `do { } while COND`.
    Do(Do),
    /// `parallel { }`.
    Parallel(Parallel),
    /// `gate KIND { }`.
    Gate(Gate),
    /// `always { }` inside another block.
    Always(Block),
    /// `script NAME { }`.
    Script(Script),
    /// `wait NAME { }`.
    Wait(Wait),
    /// `foreach NAME { }`.
    Foreach(Foreach),
    /// `set { }`.
    Set(Map),
    /// `fail "text"`.
    Fail(Value),
}

/// A call of an action or of another workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Call {
    /// What is called.
    pub target: CallTarget,
    /// Its attributes; nothing if there are no braces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
}

/// What a call names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallTarget {
    /// `call NAME`.
    Name(Word),
    /// `call PLUGIN.ACTION`.
    Plugin {
        /// The plugin.
        plugin: Word,
        /// The action, which is the key of the step.
        action: Word,
    },
    /// `call "path"`.
    Path(Text),
    /// `call workflow NAME`.
    Workflow(Word),
}

impl CallTarget {
    /// Returns the key under which the step's results are found (LANGUAGE section 1).
    pub fn key(&self) -> &str {
        match self {
            Self::Name(name) | Self::Workflow(name) => &name.text,
            Self::Plugin { action, .. } => &action.text,
            Self::Path(path) => {
                let file = path.plain.rsplit('/').next().unwrap_or_default();
                file.rsplit_once('.')
                    .map_or(file, |(stem, _)| if stem.is_empty() { file } else { stem })
            }
        }
    }

    /// Returns where the target stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Name(name) | Self::Workflow(name) => name.span,
            Self::Plugin { plugin, action } => plugin.span.to(action.span),
            Self::Path(path) => path.span,
        }
    }
}

/// Whether the steps of an arm run when its condition is true or when it is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sense {
    /// `if`.
    If,
    /// `unless`.
    Unless,
}

/// `if A { } else if B { } else { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct If {
    /// The arms with a condition, at least one; only the first can be `unless`.
    pub arms: Vec<Arm>,
    /// The block after the last `else`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Block>,
}

/// One condition with its block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Arm {
    /// Which way the condition counts.
    pub sense: Sense,
    /// The condition.
    pub condition: Condition,
    /// The steps.
    pub block: Block,
}

/// `while COND { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct While {
    /// The condition, tested before each round.
    pub condition: Condition,
    /// The attributes and steps.
    pub block: Block,
}

/// `do { }`, with or without a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Do {
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Word>,
    /// The attributes and steps.
    pub block: Block,
    /// The condition, tested after each round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// `parallel { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Parallel {
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Word>,
    /// The attributes and branches.
    pub block: Block,
}

/// `gate KIND [NAME] { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gate {
    /// Its kind.
    pub gate_kind: Word,
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Word>,
    /// Its attributes.
    pub attributes: Attributes,
}

/// `script NAME { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Script {
    /// Its name.
    pub name: Word,
    /// Its attributes.
    pub attributes: Attributes,
}

/// `wait NAME { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Wait {
    /// Its name.
    pub name: Word,
    /// Its attributes.
    pub attributes: Attributes,
}

/// `foreach NAME { }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Foreach {
    /// Its name.
    pub name: Word,
    /// The attributes and, in the new form, the steps for each item.
    pub block: Block,
}

/// Braces that hold attributes and then steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Block {
    /// The attributes, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
    /// The steps, in order.
    pub nodes: Vec<Node>,
    /// Comments before the closing brace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Comment>,
    /// Whether all of it stands on one line.
    #[serde(skip)]
    pub one_line: bool,
    /// From brace to brace.
    pub span: Span,
}

/// Braces that hold attributes only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Attributes {
    /// The attributes, in order.
    pub entries: Vec<Attribute>,
    /// Comments before the closing brace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Comment>,
    /// Whether all of it stands on one line.
    #[serde(skip)]
    pub one_line: bool,
    /// From brace to brace.
    pub span: Span,
}

/// One attribute of a construct: `KEY = V`, `KEY { .. }` or a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Attribute {
    /// Its name.
    pub key: Word,
    /// Its value.
    pub value: AttributeValue,
    /// Its comments.
    #[serde(skip_serializing_if = "Trivia::is_empty")]
    pub trivia: Trivia,
    /// Where it stands.
    pub span: Span,
}

/// What an attribute is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeValue {
    /// `KEY = V`, or `KEY { .. }` with a map.
    Value {
        /// The value.
        value: Value,
        /// Whether an equals sign stands between; only a map can do without.
        #[serde(skip)]
        equals: bool,
    },
    /// The steps of `on_fail { }` or `undo { }`.
    Handler(Block),
}

impl Attribute {
    /// Returns the value unless it is a handler.
    pub fn value(&self) -> Option<&Value> {
        match &self.value {
            AttributeValue::Value { value, .. } => Some(value),
            AttributeValue::Handler(_) => None,
        }
    }

    /// Returns the steps if it is a handler.
    pub fn handler(&self) -> Option<&Block> {
        match &self.value {
            AttributeValue::Handler(block) => Some(block),
            AttributeValue::Value { .. } => None,
        }
    }
}

/// Returns the attribute called `key`; of several the last one, as the original reader did.
pub fn find_attribute<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a Attribute> {
    attributes.iter().rev().find(|attribute| attribute.key.text == key)
}

/// A condition of `if`, `unless`, `while`, or of the attribute `if`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Condition {
    /// What it asks.
    #[serde(flatten)]
    pub test: Test,
    /// The string that it was written as, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Text>,
    /// Where it stands.
    pub span: Span,
}

/// What a condition asks (rule R3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// The old form: `BOOLEAN_INPUT`, `STEP.MARKER` or `CHILD.STEP.MARKER`.
    Path(Path),
    /// An expression.
    Expression(Fragment),
    /// Nothing that can be understood; reported.
    Invalid,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Value {
    /// What it is.
    #[serde(flatten)]
    pub kind: ValueKind,
    /// Where it stands.
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// `"…"`, `"""…"""` or `'…'`.
    Text(Text),
    /// A code fence.
    Code(CodeBlock),
    /// A number.
    Number(Number),
    /// A number with a unit.
    Duration(DurationLiteral),
    /// `( … )`.
    Expression(Fragment),
    /// Bare words, `true`, `false` and `null` among them.
    Path(Path),
    /// `[ … ]`.
    List(List),
    /// `{ … }`.
    Map(Map),
    /// Nothing that can be understood; reported.
    Invalid,
}

/// `[ … ]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct List {
    /// The items, in order.
    pub items: Vec<ListItem>,
    /// Comments before the closing bracket.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Comment>,
    /// Whether all of it stands on one line.
    #[serde(skip)]
    pub one_line: bool,
}

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListItem {
    /// The value.
    pub value: Value,
    /// Its comments.
    #[serde(skip_serializing_if = "Trivia::is_empty")]
    pub trivia: Trivia,
}

/// `{ KEY = V … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Map {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Comments before the closing brace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Comment>,
    /// Whether all of it stands on one line.
    #[serde(skip)]
    pub one_line: bool,
    /// From brace to brace.
    pub span: Span,
}

impl Map {
    /// Returns the value of the entry called `key`; of several the last one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.key.text == key)
            .map(|entry| &entry.value)
    }
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// The key; of a quoted one what the quotes hold.
    pub key: Word,
    /// The value.
    pub value: Value,
    /// Whether an equals sign stands between; only a map can do without.
    #[serde(skip)]
    pub equals: bool,
    /// Its comments.
    #[serde(skip_serializing_if = "Trivia::is_empty")]
    pub trivia: Trivia,
    /// Where it stands.
    pub span: Span,
}
