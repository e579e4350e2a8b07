//! Channels that are known in part: a constant, a pattern, or the template of a script, all as one kind of glob, so that
//! two of them can be asked whether any channel belongs to both.

use std::fmt;

use rhai::Expr;

use crate::bus::Pattern;
use crate::model::Name;

/// What channels look like.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Glob(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Letter(char),
    /// `?` or a class.
    One,
    /// What a named segment stands for: no colon.
    Segment,
    /// `*`, or what a script puts there.
    Any,
}

impl Glob {
    /// Exactly this channel.
    pub(super) fn channel(text: &str) -> Glob {
        Glob(text.chars().map(Token::Letter).collect())
    }

    /// What a pattern of a rule file matches, perhaps a little more: a class is any letter.
    pub(super) fn pattern(pattern: &Pattern) -> Glob {
        let mut tokens = Vec::new();
        for (at, part) in pattern.text.split(':').enumerate() {
            tokens.extend((at > 0).then_some(Token::Letter(':')));
            match part.starts_with('{') {
                true => tokens.push(Token::Segment),
                false => redis(part, &mut tokens),
            }
        }
        Glob(tokens)
    }

    /// What an expression of a script gives as a text.
    pub(super) fn of(expr: &Expr, segments: &[Name]) -> Glob {
        let mut tokens = Vec::new();
        text(expr, segments, &mut tokens);
        Glob(tokens)
    }

    /// The same read as a Redis pattern, where it is a constant.
    pub(super) fn read_as_pattern(&self) -> Glob {
        self.constant().and_then(|text| Pattern::parse(&text).ok()).map_or(self.clone(), |p| Glob::pattern(&p))
    }

    /// The channel, if it is exactly one.
    pub(super) fn constant(&self) -> Option<String> {
        self.0.iter().map(|token| if let Token::Letter(letter) = token { Some(*letter) } else { None }).collect()
    }

    /// Whether any channel belongs to both.
    pub(super) fn meets(&self, other: &Glob) -> bool {
        let (long, short) = (&self.0, &other.0);
        let differ =
            |(one, other): (&Token, &Token)| matches!((one, other), (Token::Letter(a), Token::Letter(b)) if a != b);
        let letters =
            long.iter().zip(short).take_while(|(a, b)| matches!((a, b), (Token::Letter(_), Token::Letter(_))));
        if letters.into_iter().any(differ) {
            return false;
        }
        // Which beginnings of `short` go with the beginning of `long` so far.
        let mut fits = vec![false; short.len() + 1];
        fits[0] = true;
        spread(short, &mut fits, None);
        for token in long {
            fits = step(*token, short, &fits);
        }
        fits[short.len()]
    }

    /// Whether it is, or may be, this channel.
    pub(super) fn fits(&self, channel: &str) -> bool {
        let mut rest = channel.chars();
        let same = |token: &&Token| matches!(token, Token::Letter(letter) if rest.next() == Some(*letter));
        match self.0.iter().take_while(same).count() {
            all if all == self.0.len() => channel.chars().count() == all,
            some if matches!(self.0[some], Token::Letter(_)) => false,
            _ => self.meets(&Glob::channel(channel)),
        }
    }

    /// The letters before the first that is not known.
    pub(super) fn prefix(&self) -> String {
        self.0.iter().map_while(|token| if let Token::Letter(letter) = token { Some(*letter) } else { None }).collect()
    }
}

/// The beginnings of `short` that go with one token more of the other side.
fn step(token: Token, short: &[Token], before: &[bool]) -> Vec<bool> {
    let mut after = vec![false; before.len()];
    let many = matches!(token, Token::Any | Token::Segment);
    for at in 0..=short.len() {
        if !before[at] {
            continue;
        }
        after[at] |= many;
        match short.get(at) {
            // A wildcard of the other side may take the token and go on.
            Some(Token::Any) => after[at] = true,
            Some(Token::Segment) => after[at] |= token != Token::Letter(':'),
            Some(other) if same(token, *other) => after[at + 1] = true,
            _ => {}
        }
    }
    spread(short, &mut after, many.then_some(token));
    after
}

/// What may stand for nothing is passed; under a wildcard of the other side, also what it can take.
fn spread(short: &[Token], fits: &mut [bool], wild: Option<Token>) {
    for (at, token) in short.iter().enumerate() {
        let passed = match (token, wild) {
            (Token::Any | Token::Segment, _) => true,
            (Token::Letter(':'), Some(Token::Segment)) => false,
            (_, wild) => wild.is_some(),
        };
        fits[at + 1] |= fits[at] && passed;
    }
}

fn same(one: Token, other: Token) -> bool {
    match (one, other) {
        (Token::Letter(one), Token::Letter(other)) => one == other,
        (Token::Segment, Token::Letter(':')) | (Token::Letter(':'), Token::Segment) => false,
        _ => true,
    }
}

fn redis(part: &str, tokens: &mut Vec<Token>) {
    let mut letters = part.chars();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Letter(letters.next().unwrap_or('\\')),
            '[' => {
                while let Some(letter) = letters.next() {
                    match letter {
                        '\\' => drop(letters.next()),
                        ']' => break,
                        _ => {}
                    }
                }
                Token::One
            }
            letter => Token::Letter(letter),
        });
    }
}

fn text(expr: &Expr, segments: &[Name], tokens: &mut Vec<Token>) {
    match expr {
        Expr::StringConstant(text, _) => tokens.extend(text.chars().map(Token::Letter)),
        Expr::InterpolatedString(parts, _) => parts.iter().for_each(|part| text(part, segments, tokens)),
        Expr::Stmt(block) => match block.statements() {
            [rhai::Stmt::Expr(inner)] => text(inner, segments, tokens),
            _ => tokens.push(Token::Any),
        },
        Expr::Variable(name, ..) if segments.iter().any(|segment| **segment == *name.1) => tokens.push(Token::Segment),
        Expr::FnCall(call, _) if call.op_token.is_some() && call.name == "+" => {
            call.args.iter().for_each(|part| text(part, segments, tokens));
        }
        _ => tokens.push(Token::Any),
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| match token {
            Token::Letter(letter) => write!(f, "{letter}"),
            Token::One => f.write_str("?"),
            Token::Segment | Token::Any => f.write_str("*"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::glob;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Glob {
        Glob::pattern(&Pattern::parse(text).expect(text))
    }

    #[test]
    fn a_named_segment_has_no_colon() {
        assert!(pattern("a:{x}:b").meets(&Glob::channel("a:c:b")));
        assert!(!pattern("a:{x}:b").meets(&Glob::channel("a:c:d:b")));
        assert!(!pattern("a:{x}").meets(&pattern("a:b:*")) && pattern("a:{x}").meets(&pattern("a:*")));
        assert!(pattern("a:{x}:{y}").meets(&pattern("a:*")) && pattern("a:*").meets(&pattern("a:{x}:{y}")));
        assert!(pattern("a:{x}").fits("a:b") && !pattern("a:{x}").fits("a:b:c") && !pattern("a").fits("ab"));
        assert!(pattern("a:[xy]").meets(&Glob::channel("a:x")) && !pattern("a\\*").meets(&Glob::channel("ab")));
    }

    /// Every text of one to eight of these letters.
    fn channels() -> Vec<String> {
        let longer =
            |short: &[String]| short.iter().flat_map(|text| [format!("{text}a"), format!("{text}:")]).collect();
        let mut all: Vec<String> = vec![String::new()];
        let mut latest = all.clone();
        for _ in 0..8 {
            latest = longer(&latest);
            all.extend(latest.iter().cloned());
        }
        all.split_off(1)
    }

    proptest! {
        #[test]
        fn two_globs_meet_where_some_channel_matches_both(one in "[a:*?]{1,4}", other in "[a:*?]{1,4}") {
            let matches = |pattern: &str, channel: &str| glob(pattern.as_bytes(), channel.as_bytes());
            let both = channels().iter().any(|channel| matches(&one, channel) && matches(&other, channel));
            prop_assert_eq!(pattern(&one).meets(&pattern(&other)), both);
        }
    }
}
