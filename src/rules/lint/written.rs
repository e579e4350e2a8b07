//! Where a piece of a script stands, in the script and in the rule file. Rhai tells where an expression begins, never
//! where it ends: the end is read from the text.

use std::ops::Range;
use std::sync::Arc;

use rhai::{ASTFlags, Expr, Position};

use crate::files::{Place, SourceFile, Spanned};

use super::super::load::scalar_place;

/// The text of one condition or script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    pub(super) file: &'a Arc<SourceFile>,
    pub(super) text: &'a Spanned<String>,
}

impl<'a> Written<'a> {
    /// The byte of the text at a position.
    pub(super) fn offset(self, at: Position) -> usize {
        let Some(line) = at.line() else { return 0 };
        let start: usize = self.text.value.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let rest = &self.text.value[start..];
        let column = at.position().unwrap_or(1).saturating_sub(1);
        start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }

    /// The bytes of an expression without operators: a constant, a field, a call with what hangs on it.
    pub(super) fn term(self, expr: &Expr) -> Range<usize> {
        let start = self.offset(begin(expr));
        start..start + term_length(&self.text.value[start..])
    }

    /// The bytes from where one expression begins to where a term ends.
    pub(super) fn span(self, from: &Expr, to: &Expr) -> Range<usize> {
        let start = self.offset(begin(from));
        start..self.term(to).end.max(start)
    }

    /// The piece itself.
    pub(super) fn piece(self, range: &Range<usize>) -> &'a str {
        self.text.value.get(range.clone()).unwrap_or_default()
    }

    /// Its place in the file.
    pub(super) fn place(self, range: &Range<usize>) -> Place {
        let start = self.place_of(range.start);
        let end = self.place_of(range.end.saturating_sub(1).max(range.start));
        let bytes = (start.offset(&self.file.text), end.offset(&self.file.text));
        match bytes {
            (Some(from), Some(to)) if start.line == end.line && to >= from => Place { len: to - from + 1, ..start },
            _ => start,
        }
    }

    fn place_of(self, byte: usize) -> Place {
        let before = self.text.value.get(..byte).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[start..].chars().count() + 1;
        scalar_place(self.file, self.text, before.matches('\n').count() + 1, column)
    }
}

/// Where an expression begins: of an operator Rhai tells the operator's own place.
pub(super) fn begin(expr: &Expr) -> Position {
    match expr {
        Expr::FnCall(call, at) if call.op_token.is_some() => match &*call.args {
            [left, _] => begin(left),
            _ => *at,
        },
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
            parts.first().map_or(Position::NONE, begin)
        }
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => begin(&pair.lhs),
        other => other.start_position(),
    }
}

/// How many bytes a term at the beginning of a text has.
fn term_length(text: &str) -> usize {
    let mut letters = text.char_indices().peekable();
    let mut depth = 0_usize;
    let mut number = false;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' | '`' | '\'' => skip_quoted(&mut letters, letter),
            '/' if letters.next_if(|(_, next)| *next == '/').is_some() => drop(letters.find(|(_, next)| *next == '\n')),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return at,
            ')' | ']' | '}' => depth -= 1,
            _ if depth > 0 => {}
            '-' | '!' if at == 0 => {}
            '0'..='9' if at == 0 || (number && at > 0) => number = true,
            '_' | '.' | '?' => {}
            letter if letter.is_alphanumeric() => {}
            _ => return at,
        }
    }
    text.len()
}

/// Goes behind the closing quote.
fn skip_quoted(letters: &mut impl Iterator<Item = (usize, char)>, quote: char) {
    while let Some((_, letter)) = letters.next() {
        match letter {
            '\\' if quote != '`' => drop(letters.next()),
            end if end == quote => break,
            _ => {}
        }
    }
}

/// The operands of the `&&` that a condition is made of, where they are written; one if it is none.
pub(super) fn conjuncts(text: &str) -> Vec<Range<usize>> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' | '`' | '\'' => skip_quoted(&mut letters, letter),
            '/' if letters.next_if(|(_, next)| *next == '/').is_some() => drop(letters.find(|(_, next)| *next == '\n')),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '&' if depth == 0 && letters.next_if(|(_, next)| *next == '&').is_some() => {
                parts.push(trimmed(text, start..at));
                start = at + 2;
            }
            _ => {}
        }
    }
    parts.push(trimmed(text, start..text.len()));
    parts
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let piece = &text[range.clone()];
    let start = range.start + piece.len() - piece.trim_start().len();
    start..start + piece.trim().len()
}

/// Whether a dot or an index is a plain one, not `?.` or `?[`.
pub(super) fn plain(flags: ASTFlags) -> bool {
    !flags.contains(ASTFlags::NEGATED)
}
