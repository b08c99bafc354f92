//! What the lexer hands to the parser: tokens with spans, and comments beside them.

use crate::source::Span;

/// What kind of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a keyword.
    Word,
    /// A number without a unit.
    Number,
    /// A number with letters after it.
    Duration,
    /// `"…"`.
    Quoted,
    /// `"""…"""`.
    Block,
    /// `'…'`.
    Raw,
    /// A code fence.
    Code,
    /// `( … )`.
    Expression,
    /// `{`.
    OpenBrace,
    /// `}`.
    CloseBrace,
    /// `[`.
    OpenBracket,
    /// `]`.
    CloseBracket,
    /// `=`.
    Equals,
    /// `,`.
    Comma,
    /// `.`.
    Dot,
    /// `:`.
    Colon,
    /// Characters that begin no token; the lexer has reported them.
    Unknown,
    /// The end of the text.
    End,
}

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its kind.
    pub kind: TokenKind,
    /// Where it stands, delimiters included.
    pub span: Span,
    /// Whether it begins a line (comments apart).
    pub begins_line: bool,
    /// Whether an empty line stands before it, after the last comment before it.
    pub blank_before: bool,
    /// Whether its closing delimiter is there.
    pub closed: bool,
    /// How many comments of the file stand before it.
    pub comments: u32,
}

/// One comment, from its mark to the end of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommentToken {
    /// Where it stands.
    pub span: Span,
    /// Whether it stands on the line on which the token before it ends.
    pub trailing: bool,
    /// Whether an empty line stands before it.
    pub blank_before: bool,
}
