//! Silences: of which alerts nobody wants to hear, until when, and who said so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Mono, Name, Raised, glob};

/// What can be matched beside a rule's labels.
pub const MATCHED_KEYS: [&str; 7] = ["rule", "instance", "severity", "room", "cluster", "node", "bus"];

/// Globs by key, such as `rule` = `heat*`: an alert must match all of them. A key that is none of [`MATCHED_KEYS`] is a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matchers(pub BTreeMap<String, String>);

/// A silence that somebody wishes for.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceWish {
    /// Of what.
    pub matchers: Matchers,
    /// For so long.
    pub span: Duration,
    /// Who.
    pub by: Name,
    /// Why.
    pub reason: Name,
}

/// One that holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Silence {
    pub(super) id: Name,
    pub(super) matchers: Matchers,
    pub(super) until: Mono,
    pub(super) by: Name,
    pub(super) reason: Name,
}

impl Matchers {
    /// Reads `rule=heat-alert`, `room=Veg*`.
    ///
    /// # Errors
    /// What is no matcher, or that there is none.
    pub fn parse(texts: &[String]) -> Result<Matchers, String> {
        let mut all = BTreeMap::new();
        for text in texts {
            let (key, pattern) = text.split_once('=').ok_or_else(|| {
                format!("`{text}` says not what is to be silent: write key=glob, as in rule=heat-alert or 'room=Veg*'")
            })?;
            let (key, pattern) = (key.trim(), pattern.trim());
            if key.is_empty() || pattern.is_empty() {
                return Err(format!("`{text}`: expected a key and a glob, as in rule=heat-alert"));
            }
            if all.insert(key.to_owned(), pattern.to_owned()).is_some() {
                return Err(format!("`{key}` is given twice"));
            }
        }
        if all.is_empty() {
            return Err(
                "say what is to be silent, as in rule=heat-alert or 'room=Veg*'; all of it is rule='*'".to_owned()
            );
        }
        Ok(Matchers(all))
    }

    /// Whether an alert is one of those.
    pub(super) fn matches(&self, rule: &str, instance: &str, raised: &Raised) -> bool {
        let about = &raised.about;
        self.0.iter().all(|(key, pattern)| {
            let label = || raised.labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            let text = match key.as_str() {
                "rule" => Some(rule),
                "instance" => Some(instance),
                "severity" => Some(raised.plan.severity.name()),
                "room" => Some(&*about.room),
                "cluster" => Some(&*about.cluster),
                "node" => Some(&*about.node),
                "bus" => Some(&*about.bus),
                _ => label(),
            };
            text.is_some_and(|text| glob(pattern.as_bytes(), text.as_bytes()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_matchers_must_match() {
        let mut raised = Raised::default();
        raised.about.room = "Veg Room".into();
        raised.labels = [("crop".to_owned(), "tomato".to_owned())].into();
        let matches = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            Matchers::parse(&texts).unwrap().matches("heat-alert", "FR-C1", &raised)
        };
        assert!(matches(&["rule=heat-*", "room=Veg*", "severity=info", "crop=tom*", "instance=FR-C1"]));
        assert!(!matches(&["rule=heat-*", "room=Flower*"]));
        // What an alert does not have, nobody means it by.
        assert!(!matches(&["node=*"]) && !matches(&["batch=*"]));
        assert!(Matchers::parse(&[]).is_err() && Matchers::parse(&["heat".to_owned()]).is_err());
    }
}
