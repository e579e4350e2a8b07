//! Redis globs, byte for byte, and the named segments that rule files add.

use std::sync::Arc;

use crate::model::Name;

/// Whether `text` matches the Redis glob `pattern`: `*`, `?`, `[a-c]`, `[^a]`, `\` escapes; `*` crosses `:`.
#[must_use]
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the part after the latest `*` does not fit: that part, and one byte further in the text.
    let mut retry: Option<(usize, usize)> = None;
    // Redis looks at a pattern only while there is text: an empty text is matched by the empty pattern, not by `*`.
    if text.is_empty() {
        return pattern.is_empty();
    }
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(_) if t < text.len() => one(&pattern[p..], text[t]),
            None if t == text.len() => return true,
            _ => None,
        };
        match (step, &mut retry) {
            (Some(width), _) => {
                p += width;
                t += 1;
            }
            (None, Some((after, from))) if *from < text.len() => {
                *from += 1;
                (p, t) = (*after, *from);
            }
            (None, _) => return false,
        }
    }
}

/// How many bytes of the pattern match this one byte, if any do.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => class(rest, byte).map(|width| width + 1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// A class without its `[`: its width with `]` if `byte` is in it. Like Redis, an unclosed class ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = pattern.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match &pattern[at.min(pattern.len())..] {
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [] => break,
            [from, b'-', to, ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= *literal == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

/// A pattern of a rule file: a Redis glob in which `{name}` stands for one segment between colons.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// As the user wrote it.
    pub text: Name,
    /// What Redis is asked for: each `{name}` as `*`.
    pub redis: Name,
    /// The names in order.
    pub names: Vec<Name>,
    /// The parts between colons, if there are names: each a name or a glob of its own.
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq)]
enum Segment {
    Named,
    Glob(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it, as one phrase.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        if text.is_empty() {
            return Err("a pattern cannot be empty; `*` matches every channel".to_owned());
        }
        let mut names: Vec<Name> = Vec::new();
        let mut segments = Vec::new();
        for part in text.split(':') {
            match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => {
                    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                    if !letters || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                        return Err(format!("`{{{name}}}` is no name: letters, digits and _ only, a letter first"));
                    }
                    if names.iter().any(|n| &**n == name) {
                        return Err(format!("`{{{name}}}` occurs twice"));
                    }
                    names.push(Arc::from(name));
                    segments.push(Segment::Named);
                }
                None if part.contains(['{', '}']) => {
                    return Err(format!("`{part}` mixes a name with text; `{{name}}` must fill its segment"));
                }
                None => segments.push(Segment::Glob(part.to_owned())),
            }
        }
        let redis: Vec<&str> =
            segments.iter().map(|s| if let Segment::Glob(g) = s { g.as_str() } else { "*" }).collect();
        let redis = Arc::from(redis.join(":"));
        if names.is_empty() {
            segments.clear();
        }
        Ok(Pattern { text: Arc::from(text), redis, names, segments })
    }

    /// Whether a channel matches.
    #[must_use]
    pub fn matches(&self, channel: &str) -> bool {
        if self.segments.is_empty() {
            return glob(self.redis.as_bytes(), channel.as_bytes());
        }
        let mut parts = channel.split(':');
        let fits = self.segments.iter().all(|segment| match (segment, parts.next()) {
            (Segment::Named, Some(part)) => !part.is_empty(),
            // Within a channel `*` may stand for nothing, as Redis has it; only a whole empty text is special.
            (Segment::Glob(pattern), Some("")) => pattern.bytes().all(|byte| byte == b'*'),
            (Segment::Glob(pattern), Some(part)) => glob(pattern.as_bytes(), part.as_bytes()),
            (_, None) => false,
        });
        fits && parts.next().is_none()
    }

    /// What the names stand for in a channel that matches, in the order of `names`.
    #[must_use]
    pub fn capture(&self, channel: &str) -> Vec<Name> {
        let parts = self.segments.iter().zip(channel.split(':'));
        parts.filter(|(segment, _)| matches!(segment, Segment::Named)).map(|(_, part)| Arc::from(part)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_text_is_matched_by_the_empty_pattern_only() {
        assert!(glob(b"", b""));
        assert!(!glob(b"*", b""));
        assert!(!glob(b"", b"a"));
        assert!(glob(b"a*", b"a"));
    }

    #[test]
    fn classes_and_escapes() {
        assert!(glob(b"[b-a]", b"a") && glob(b"[^a", b"b") && glob(b"[\\]]", b"]") && glob(b"a\\", b"a\\"));
        assert!(!glob(b"[]a]", b"a") && !glob(b"\\*", b"a") && glob(b"a*:b", b"a:x:b"));
    }

    #[test]
    fn names_take_one_segment() {
        let pattern = Pattern::parse("sensor:update:{room}:{cluster}").unwrap();
        assert_eq!(&*pattern.redis, "sensor:update:*:*");
        assert!(pattern.matches("sensor:update:Veg Room:front"));
        assert!(!pattern.matches("sensor:update:Veg Room:front:x") && !pattern.matches("sensor:update::front"));
        let names: Vec<String> =
            pattern.capture("sensor:update:Veg Room:front").iter().map(ToString::to_string).collect();
        assert_eq!(names, ["Veg Room", "front"]);
        assert!(Pattern::parse("a:*:{x}").unwrap().matches("a::b"));
        assert!(Pattern::parse("a:{x}:{x}").is_err() && Pattern::parse("a:b{x}").is_err());
    }
}
