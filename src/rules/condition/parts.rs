//! The text of each part of a condition, so that people see it as they wrote it. Rhai's tree knows where each word stands,
//! and not where a part ends: the words themselves tell.

use rhai::{ASTNode, Engine, Expr, Position, Token};

use crate::model::Name;

/// The words of a condition, each with the byte at which it begins.
pub(in crate::rules) struct Words<'a> {
    text: &'a str,
    words: Vec<(Token, usize)>,
    /// The byte at which each line begins.
    lines: Vec<usize>,
}

/// A part as it is written, and its line and column in the condition, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rules) struct Written {
    pub(in crate::rules) text: Name,
    pub(in crate::rules) line: usize,
    pub(in crate::rules) column: usize,
}

impl<'a> Words<'a> {
    pub(in crate::rules) fn of(engine: &Engine, text: &'a str) -> Words<'a> {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut words = Words { text, words: Vec::new(), lines };
        let inputs = [text];
        let (tokens, _) = engine.lex(&inputs);
        // After the end the end comes again and again.
        let tokens = tokens.take_while(|(token, _)| *token != Token::EOF);
        words.words = tokens.filter_map(|(token, at)| Some((token, words.byte(at)?))).collect();
        words
    }

    /// The stretch of an expression; where it cannot be told, the whole condition.
    pub(super) fn written(&self, expr: &Expr) -> Written {
        let (start, end) = self.stretch(expr).unwrap_or((0, self.text.len()));
        let text = self.text.get(start..end).unwrap_or(self.text);
        let line = self.lines.partition_point(|line| *line <= start);
        let column = self.text[self.lines[line - 1]..start].chars().count() + 1;
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Written { text: if text.contains('\n') { one_line.into() } else { text.into() }, line, column }
    }

    fn stretch(&self, expr: &Expr) -> Option<(usize, usize)> {
        let mut places = Vec::new();
        expr.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            places.extend(path.last().and_then(|node| self.byte(node.position())));
            true
        });
        let word = |at: &usize| self.words.partition_point(|(_, begin)| begin <= at).checked_sub(1);
        let first = places.iter().min().and_then(word)?;
        let mut last = places.iter().max().and_then(word)?;
        // A sign before a number is one value, which stands where the sign does.
        if matches!(self.words[last].0, Token::Minus | Token::UnaryMinus) {
            last += 1;
        }
        if let Some((Token::LeftParen, _)) = self.words.get(last + 1)
            && matches!(self.words.get(last), Some((Token::Identifier(_), _)))
        {
            last += 1;
        }
        let (first, last) = self.balanced(first, last)?;
        let end = self.words.get(last + 1).map_or(self.text.len(), |(_, begin)| *begin);
        let start = self.words[first].1;
        Some((start, start + self.text.get(start..end)?.trim_end().len()))
    }

    /// Grows a stretch of words until every bracket has its other half in it.
    fn balanced(&self, mut first: usize, mut last: usize) -> Option<(usize, usize)> {
        let (mut open, mut missing) = (0_usize, 0);
        for (word, _) in self.words.get(first..=last)? {
            match depth(word) {
                1 => open += 1,
                -1 if open == 0 => missing += 1,
                -1 => open -= 1,
                _ => {}
            }
        }
        while open > 0 {
            last += 1;
            open = open.checked_add_signed(depth(&self.words.get(last)?.0))?;
        }
        while missing > 0 {
            first = first.checked_sub(1)?;
            missing -= usize::from(depth(&self.words[first].0) == 1);
        }
        Some((first, last))
    }

    fn byte(&self, at: Position) -> Option<usize> {
        let start = *self.lines.get(at.line()?.checked_sub(1)?)?;
        let column = at.position().unwrap_or(1).checked_sub(1)?;
        self.text[start..].char_indices().nth(column).map(|(offset, _)| start + offset)
    }
}

/// What a word does to the depth of brackets.
fn depth(word: &Token) -> isize {
    match word {
        Token::LeftParen | Token::LeftBracket | Token::LeftBrace | Token::MapStart | Token::QuestionBracket => 1,
        Token::RightParen | Token::RightBracket | Token::RightBrace => -1,
        _ => 0,
    }
}
