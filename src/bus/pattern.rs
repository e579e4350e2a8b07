//! Patterns of rule files: Redis globs and the named segments that rule files add.

use std::sync::Arc;

use crate::model::{Name, glob};

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
