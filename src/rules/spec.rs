//! What a rule file says, before any check beyond its shape: every key of the reference, nothing else.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::files::{Entries, Spanned};
use crate::model::Value;

use super::schema;

/// One rule: subscribe to …, when … for … then … each … until … finally …
///
/// Its name is the file's. `growctl check` knows more than this schema: your channels, fields and devices.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = schema::rule)]
pub struct RuleSpec {
    /// One line that says what the rule is for, shown in lists and alerts.
    pub description: Option<Spanned<String>>,
    /// Channels that the rule listens to: a Redis pattern, or a list of them. `*` stands for anything and crosses `:`;
    /// `{name}` stands for one segment and becomes a variable of that name.
    #[schemars(transform = schema::subscribe)]
    pub subscribe: Option<OneOrMore>,
    /// When the rule runs without a message: `every 30s`, `at 07:00`, `cron 0 6 * * 1`, `sunrise-30m`, `sunset+1h`,
    /// `startup`, `shutdown`, or a list. Times are the site's: `time_zone` and `location` in growctl.yaml.
    #[schemars(transform = schema::schedule)]
    pub schedule: Option<OneOrMore>,
    /// The condition that begins an episode, such as `msg.temperature > 28.0`. While a value in it is not good it is
    /// unknown: that begins nothing and ends nothing. Absent: the rule is always active, and works with `each`.
    #[schemars(transform = schema::when)]
    pub when: Option<Spanned<String>>,
    /// How long `when` must hold without a break before the episode begins. Default: not at all.
    #[serde(rename = "for")]
    #[schemars(transform = schema::duration)]
    pub hold: Option<Spanned<String>>,
    /// What ends the episode: a condition, a duration, or a list (any of them). Absent: `when` is false. A gap between
    /// `when` and `until` keeps a device from chattering.
    #[schemars(transform = schema::until)]
    pub until: Option<OneOrMore>,
    /// Script, once, when an episode begins. What it asks of devices holds until the episode ends.
    #[schemars(transform = schema::then)]
    pub then: Option<Spanned<String>>,
    /// Script, on every event while the episode lasts; without `when`, on every event. For control loops, logs, exports.
    #[schemars(transform = schema::each)]
    pub each: Option<Spanned<String>>,
    /// Script, once, when the episode ends. `ended` says why: "until", "stale", "changed" or "disabled". A device that it
    /// asks for needs a `lease`.
    pub finally: Option<Spanned<String>>,
    /// What has its own episode, timers and `state`: `source` (each node or device, the default), names from the pattern
    /// such as `room`, or `rule` (one for all).
    #[schemars(transform = schema::per)]
    pub per: Option<OneOrMore>,
    /// Rest after an episode before the next may begin; without `when`, after a run of `each`. Default: none.
    #[schemars(transform = schema::duration)]
    pub cooldown: Option<Spanned<String>>,
    /// How long an episode may be without a good reading before it ends, beyond the map's `stale_after`: a duration, or
    /// `never` for a latch. Default: 0s.
    #[schemars(transform = schema::stale)]
    pub stale: Option<Spanned<String>>,
    /// Of the rule's device requests: the highest wins, and a person's are 70.
    #[schemars(transform = schema::priority)]
    pub priority: Option<Spanned<String>>,
    /// Names and first values that scripts keep in `state`, per instance and across a restart.
    #[schemars(transform = schema::state)]
    pub state: Entries<Value>,
    /// Makes the episode an alert: people are told when it begins, again while it lasts, and when it ends.
    pub alert: Option<AlertSpec>,
    /// `active`; `shadow` says what it would do and does nothing; `off`.
    #[schemars(transform = schema::mode)]
    pub mode: Option<Spanned<String>>,
    /// Key/value pairs for people, such as `crop: tomato`.
    #[schemars(transform = schema::labels)]
    pub labels: Entries<Spanned<String>>,
    /// Checks that say nothing about this rule, by the names that stand at the end of their messages.
    #[schemars(transform = schema::allow)]
    pub allow: Option<OneOrMore>,
}

/// The alert that an episode is: raised when it begins, resolved when it ends.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSpec {
    /// How bad it is.
    #[schemars(transform = schema::severity)]
    pub severity: Option<Spanned<String>>,
    /// One line for people; `${…}` is filled in, such as `${room} is ${msg.temperature} °C`.
    #[schemars(transform = schema::summary)]
    pub summary: Option<Spanned<String>>,
    /// Who is told: a receiver of growctl.yaml, or a list of them. Names, never numbers.
    pub notify: Option<OneOrMore>,
    /// When to say it again while nobody acknowledges: a duration, or a list of them one after the other.
    #[schemars(transform = schema::durations)]
    pub repeat: Option<OneOrMore>,
    /// Who else is told while nobody acknowledges: a list of steps.
    pub escalate: Option<Vec<EscalateSpec>>,
}

/// One step of `escalate`: so long after the beginning these are told too, unless somebody has acknowledged.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = schema::escalation)]
pub struct EscalateSpec {
    /// How long after the beginning.
    #[schemars(transform = schema::duration)]
    pub after: Option<Spanned<String>>,
    /// A receiver of growctl.yaml, or a list of them.
    pub notify: Option<OneOrMore>,
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
            alert: { severity: warning, summary: s, notify: [x], repeat: [15m], escalate: [{ after: 30m, notify: y }] }\nmode: shadow\nlabels: { k: v }\n\
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
