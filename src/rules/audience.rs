//! Who a rule listens to: the sources of the channel map under its patterns, and the instance that each of them has.
//! For people and their tools; the engine itself resolves the same with the same functions.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::{Inventory, Name};

use super::cache::{Target, subscribes, target};
use super::sources::brings;
use super::{Per, Rule};

/// One source of the channel map under a rule's patterns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Listener {
    /// Its channel.
    pub channel: Name,
    /// The node or the device.
    pub source: Name,
    /// The instance of the rule that its messages go to; empty for `per: rule`. `None`: they lack a field that the rule
    /// names, so they do not concern it.
    pub instance: Option<Name>,
}

/// The sources that a rule hears, in the order of the map.
#[must_use]
pub fn audience(rule: &Rule, inventory: &Inventory) -> Vec<Listener> {
    let heard = inventory.sources.iter().filter_map(|source| {
        let segments = subscribes(rule, &source.channel, Some(&source.broad))?;
        let instance = brings(source, &rule.fields).then(|| match target(rule, &source.channel, &segments) {
            Target::Key(key) => key,
            _ => source.name.clone(),
        });
        Some(Listener { channel: source.channel.clone(), source: source.name.clone(), instance })
    });
    heard.collect()
}

/// The instances that a rule has from the beginning, in the order in which events reach them.
#[must_use]
pub fn instances(rule: &Rule, inventory: &Inventory) -> Vec<Name> {
    let found: BTreeSet<Name> = audience(rule, inventory).into_iter().filter_map(|heard| heard.instance).collect();
    match rule.per {
        Per::Rule => vec![Name::from("")],
        _ => found.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Report, SourceFile};
    use crate::model::{Source, SourceKind};
    use crate::rules::{Host, Site, load};

    fn node(room: &str, place: &str, name: &str, fields: &[&str]) -> std::sync::Arc<Source> {
        std::sync::Arc::new(Source {
            kind: SourceKind::Node,
            room: room.into(),
            place: place.into(),
            name: name.into(),
            channel: format!("sensor:update:{room}:{place}").into(),
            broad: "sensor:update".into(),
            stale_after: None,
            frames: vec![fields.iter().map(|field| Name::from(*field)).collect()],
            facts: Vec::new(),
        })
    }

    fn heard(text: &str) -> (Vec<(String, Option<String>)>, Vec<String>) {
        let sources = vec![
            node("Veg", "mid", "N2", &["t"]),
            node("Veg", "mid", "N1", &["t", "h"]),
            node("Dry", "a", "N3", &["h"]),
        ];
        let inventory = Inventory { sources, devices: Vec::new() };
        let host = Host::new(&[]);
        let mut report = Report::default();
        let file = SourceFile::new("rules/r.yaml", text);
        let rule = load(&file, &Site { host: &host, inventory: &inventory }, &mut report);
        let rule = rule.unwrap_or_else(|| panic!("{}", report.render(false)));
        let text = |name: &Name| name.to_string();
        let of = |heard: Listener| (heard.source.to_string(), heard.instance.as_ref().map(text));
        (
            audience(&rule, &inventory).into_iter().map(of).collect(),
            instances(&rule, &inventory).iter().map(text).collect(),
        )
    }

    #[test]
    fn each_source_has_its_instance_unless_it_lacks_a_field() {
        let some = |name: &str| Some(name.to_owned());
        let (sources, instances) =
            heard("subscribe: \"sensor:update:*\"\nwhen: msg.t > 1\nthen: 'publish(\"x\", #{});'\n");
        let expected = [("N2", some("N2")), ("N1", some("N1")), ("N3", None)];
        assert_eq!(sources, expected.map(|(name, instance)| (name.to_owned(), instance)));
        assert_eq!(instances, ["N1", "N2"]);
        let (sources, instances) =
            heard("subscribe: \"sensor:update:{room}:*\"\nper: room\nwhen: msg.h > 1\nthen: 'publish(\"x\", #{});'\n");
        assert_eq!(sources[1], ("N1".to_owned(), some("Veg")));
        assert_eq!(instances, ["Dry", "Veg"]);
        let (sources, instances) = heard("subscribe: \"sensor:update\"\nper: rule\neach: 'publish(\"x\", #{});'\n");
        assert_eq!((sources.len(), instances), (3, vec![String::new()]));
    }
}
