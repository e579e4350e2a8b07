//! What a rule file says, before any check beyond its shape: every key of the reference, nothing else.

use serde::Deserialize;

use crate::files::{Entries, Spanned};
use crate::model::{Span, Value};

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
    pub hold: Option<Spanned<Span>>,
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
    pub cooldown: Option<Spanned<Span>>,
    /// A duration or `never`.
    pub stale: Option<Spanned<String>>,
    /// 0 to 100.
    pub priority: Option<Spanned<u8>>,
    /// Names and first values.
    pub state: Entries<Value>,
    /// Makes the episode an alert.
    pub alert: Option<AlertSpec>,
    /// `active`, `shadow` or `off`.
    pub mode: Option<Spanned<String>>,
    /// Key/value pairs for people.
    pub labels: Entries<Spanned<String>>,
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
    pub escalate: Option<Value>,
}

/// One text or a list of texts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// A list.
    More(Vec<String>),
    /// Just one.
    One(String),
}

impl OneOrMore {
    /// The texts in order.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        match self {
            OneOrMore::One(text) => std::slice::from_ref(text),
            OneOrMore::More(texts) => texts,
        }
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
            alert: { severity: warning, summary: s, notify: [x], repeat: [15m], escalate: y }\nmode: shadow\nlabels: { k: v }\n";
        let mut report = Report::default();
        let spec: RuleSpec = read(&SourceFile::new("r.yaml", text), &mut report).expect("it is right");
        assert_eq!(spec.subscribe.expect("there").texts(), ["a", "b"]);
        assert_eq!(spec.schedule.expect("there").texts(), ["every 30s"]);
        assert_eq!(spec.hold.expect("there").place.line, 5);
        assert_eq!(spec.state.get("n"), Some(&Value::Number(1.0)));
        let wrong: Option<RuleSpec> = read(&SourceFile::new("r.yaml", "wen: x\n"), &mut report);
        assert!(wrong.is_none() && report.render(false).contains("`when`"));
    }
}
