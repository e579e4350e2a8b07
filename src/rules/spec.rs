//! What a rule file says, before any check beyond its shape: every key of the reference, nothing else.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::files::{Entries, Spanned};
use crate::model::Value;

/// A rule file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleSpec {
    /// One line, shown in lists and alerts.
    pub description: Option<Spanned<String>>,
    /// A pattern or a list of patterns.
    pub subscribe: Option<OneOrMore>,
    /// A schedule or a list of schedules.
    pub schedule: Option<OneOrMore>,
    /// The condition that begins an episode.
    pub when: Option<Spanned<String>>,
    /// How long it must hold.
    #[serde(rename = "for")]
    pub hold: Option<Spanned<String>>,
    /// A condition, a duration, or a list of them.
    pub until: Option<OneOrMore>,
    /// Script, once, when an episode begins.
    pub then: Option<Spanned<String>>,
    /// Script, on every event while it lasts.
    pub each: Option<Spanned<String>>,
    /// Script, once, when it ends.
    pub finally: Option<Spanned<String>>,
    /// `source`, `rule`, or names from the pattern.
    pub per: Option<OneOrMore>,
    /// Rest after an episode.
    pub cooldown: Option<Spanned<String>>,
    /// A duration or `never`.
    pub stale: Option<Spanned<String>>,
    /// 0 to 100.
    pub priority: Option<Spanned<String>>,
    /// Names and first values.
    pub state: Entries<Value>,
    /// Makes the episode an alert.
    pub alert: Option<AlertSpec>,
    /// `active`, `shadow` or `off`.
    pub mode: Option<Spanned<String>>,
    /// Key/value pairs for people.
    pub labels: Entries<Spanned<String>>,
    /// Checks that say nothing about this rule.
    pub allow: Option<OneOrMore>,
}

/// The `alert` of a rule file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSpec {
    /// How bad it is.
    pub severity: Option<Spanned<String>>,
    /// One line with `${…}`.
    pub summary: Option<Spanned<String>>,
    /// Receivers by name.
    pub notify: Option<OneOrMore>,
    /// When to say it again.
    pub repeat: Option<OneOrMore>,
    /// Receivers when nobody answers; its shape is the alert book's to check.
    pub escalate: Option<Spanned<Value>>,
}

/// One text or a list of texts, each with its place. A bare number or boolean is taken as it is written.
#[derive(Clone, Debug, Default)]
pub struct OneOrMore(pub Vec<Spanned<String>>);

impl OneOrMore {
    /// The texts in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Spanned<String>> {
        self.0.iter()
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let whole = Spanned::<Texts>::deserialize(from)?;
        Ok(OneOrMore(match whole.value {
            Texts::One(value) => vec![Spanned { value, place: whole.place }],
            Texts::More(texts) => texts,
        }))
    }
}

enum Texts {
    One(String),
    More(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }
    fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts::One(text.to_owned()))
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Texts, E> {
        Ok(Texts::One(flag.to_string()))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Texts, E> {
        Ok(Texts::One(number.to_string()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Texts, E> {
        Ok(Texts::One(number.to_string()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Texts, E> {
        Ok(Texts::One(number.to_string()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(Texts::More(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Report, SourceFile, read};

    #[test]
    fn every_key_is_read_and_an_unknown_one_is_refused() {
        let text = "description: d\nsubscribe: [a, b]\nschedule: every 30s\nwhen: msg.t > 1\nfor: 30s\nuntil: [90s, reset]\n\
            then: a\neach: b\nfinally: c\nper: rule\ncooldown: 1m\nstale: never\npriority: 5\nstate: { n: 1 }\n\
            alert: { severity: warning, summary: s, notify: [x], repeat: [15m], escalate: y }\nmode: shadow\nlabels: { k: v }\n\
            allow: [gate-forgotten]\n";
        let mut report = Report::default();
        let spec: RuleSpec = read(&SourceFile::new("r.yaml", text), &mut report).expect("it is right");
        let texts = |of: Option<OneOrMore>| of.unwrap().iter().map(|text| text.value.clone()).collect::<Vec<_>>();
        let place = spec.until.as_ref().unwrap().0[1].place;
        assert_eq!((place.line, place.column), (6, 14));
        assert_eq!(texts(spec.subscribe), ["a", "b"]);
        assert_eq!(texts(spec.schedule), ["every 30s"]);
        assert_eq!(spec.priority.unwrap().value, "5");
        assert_eq!(spec.hold.expect("there").place.line, 5);
        assert_eq!(spec.state.get("n"), Some(&Value::Number(1.0)));
        let wrong: Option<RuleSpec> = read(&SourceFile::new("r.yaml", "wen: x\n"), &mut report);
        assert!(wrong.is_none() && report.render(false).contains("`when`"));
    }
}
