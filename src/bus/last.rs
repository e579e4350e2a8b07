//! Last values: per specific channel the merged good fields. What `last()`, `readings()` and `growctl:last` give.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::{Fields, Inventory, Message, Name, Timestamp, Value};

use super::Pattern;

/// A field, its last good value, and since when it stands.
type Kept = (Name, Value, Timestamp);

/// A field of the hash `growctl:last`: a specific channel with its JSON text, or `None` to take it out.
pub type LastField = (Name, Option<String>);

/// The last good value of every field of every specific channel.
#[derive(Debug, Default)]
pub struct Last {
    channels: Arc<HashMap<Name, Vec<Kept>>>,
    /// Channels with a good field recorded since the last drain; sorted, so that a replay writes in the same order.
    changed: BTreeSet<Name>,
}

impl Last {
    /// Takes over the good fields of a message; `null` fields leave the old value, which then grows old.
    pub fn record(&mut self, now: Timestamp, message: &Message) {
        if message.fields.iter().all(|(_, value)| value.is_null()) {
            return;
        }
        self.changed.insert(message.channel.clone());
        let fields = Arc::make_mut(&mut self.channels).entry(message.channel.clone()).or_default();
        for (name, value) in message.fields.iter().filter(|(_, value)| !value.is_null()) {
            match fields.iter_mut().find(|(known, ..)| known == name) {
                Some(entry) => (entry.1, entry.2) = (value.clone(), now),
                None => fields.push((name.clone(), value.clone(), now)),
            }
        }
    }

    /// Another map: what its nodes and devices do not say any more is forgotten, or it would be taken for true for ever.
    pub fn refit(&mut self, before: &Inventory, now: &Inventory) {
        for (channel, fields) in before.unheard_in(now) {
            if !self.channels.contains_key(&channel) {
                continue;
            }
            let channels = Arc::make_mut(&mut self.channels);
            match fields {
                None => drop(channels.remove(&channel)),
                Some(fields) => {
                    channels.entry(channel.clone()).or_default().retain(|(name, ..)| !fields.contains(name))
                }
            }
            self.changed.insert(channel);
        }
    }

    /// The same values for whoever cannot borrow them, as the functions of a script; costs no copy unless it is still
    /// held when the next message is recorded.
    #[must_use]
    pub fn share(&self) -> Last {
        Last { channels: self.channels.clone(), changed: BTreeSet::new() }
    }

    /// The last good value of a field, and since when it stands.
    #[must_use]
    pub fn get(&self, channel: &str, field: &str) -> Option<(&Value, Timestamp)> {
        let fields = self.channels.get(channel)?;
        fields.iter().find(|(name, ..)| &**name == field).map(|(_, value, at)| (value, *at))
    }

    /// Every last good value whose channel matches the pattern and whose field matches the glob.
    pub fn matching<'a>(
        &'a self,
        pattern: &'a Pattern,
        field: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a Value, Timestamp)> {
        let channels = self.channels.iter().filter(|(channel, _)| pattern.matches(channel));
        channels
            .flat_map(|(_, fields)| fields.iter())
            .filter(move |(name, ..)| super::glob(field.as_bytes(), name.as_bytes()))
            .map(|(name, value, at)| (name, value, *at))
    }

    /// Every channel that the pattern matches, in order of the names: its last good fields, and since when the newest
    /// stands.
    #[must_use]
    pub fn channels(&self, pattern: &Pattern) -> Vec<(Name, Fields, Timestamp)> {
        let matching = self.channels.iter().filter(|(channel, _)| pattern.matches(channel));
        let mut found: Vec<_> = matching
            .filter_map(|(channel, kept)| {
                let newest = kept.iter().map(|(_, _, at)| *at).max()?;
                let fields = kept.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect();
                Some((channel.clone(), fields, newest))
            })
            .collect();
        found.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        found
    }

    /// Every channel whose good fields changed since the last drain, with the JSON text of its merged fields; `None` if the
    /// channel is no more.
    #[must_use]
    pub fn drain_changed(&mut self) -> Vec<LastField> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|channel| (channel.clone(), self.text(&channel))).collect()
    }

    fn text(&self, channel: &str) -> Option<String> {
        let fields = self.channels.get(channel)?;
        let fields: Fields = fields.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect();
        Some(serde_json::to_string(&fields).expect("fields have text keys only, which JSON can always write"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Mono, Provenance, Source, SourceKind, Utc};

    fn at(second: u64) -> Timestamp {
        Timestamp { mono: Mono(second * 1_000_000_000), utc: Utc(0) }
    }

    fn message(channel: &str, json: &str) -> Message {
        Message {
            channel: Name::from(channel),
            broad: None,
            source: None,
            provenance: Provenance::Outside,
            stale: false,
            hop: 0,
            fields: serde_json::from_str(json).unwrap(),
        }
    }

    /// Sources by channel and name, with their fields.
    fn inventory(sources: &[(&str, &str, &[&str])]) -> Inventory {
        let source = |(channel, name, fields): &(&str, &str, &[&str])| Source {
            kind: SourceKind::Node,
            room: Name::from("room"),
            place: Name::from("place"),
            name: Name::from(*name),
            channel: Name::from(*channel),
            broad: Name::from("sensor:update"),
            stale_after: None,
            frames: vec![fields.iter().map(|field| Name::from(*field)).collect()],
            facts: Vec::new(),
        };
        Inventory { sources: sources.iter().map(|each| Arc::new(source(each))).collect(), devices: Vec::new() }
    }

    #[test]
    fn null_leaves_the_old_value_with_its_age() {
        let mut last = Last::default();
        last.record(at(1), &message("a", r#"{"t":24.0,"h":60.0}"#));
        last.record(at(2), &message("a", r#"{"t":null,"h":61.0}"#));
        assert_eq!(last.get("a", "t"), Some((&Value::Number(24.0), at(1))));
        assert_eq!(last.get("a", "h"), Some((&Value::Number(61.0), at(2))));
        assert_eq!(last.get("b", "t"), None);
    }

    #[test]
    fn matching_takes_globs_for_both() {
        let mut last = Last::default();
        last.record(at(1), &message("s:veg:a", r#"{"vwc_1":1.0,"vwc_2":2.0,"t":3.0}"#));
        last.record(at(1), &message("s:flower:a", r#"{"vwc_1":9.0}"#));
        let pattern = Pattern::parse("s:veg:*").unwrap();
        let values: Vec<f64> = last.matching(&pattern, "vwc_*").filter_map(|(_, value, _)| value.as_number()).collect();
        assert_eq!(values, [1.0, 2.0]);
    }

    #[test]
    fn channels_come_in_order_with_the_age_of_their_newest_value() {
        let mut last = Last::default();
        last.record(at(1), &message("s:veg", r#"{"t":24.0,"h":60.0}"#));
        last.record(at(3), &message("s:veg", r#"{"t":null,"h":61.0}"#));
        last.record(at(2), &message("s:dry", r#"{"t":20.0}"#));
        last.record(at(2), &message("d:fan", r#"{"state":1.0}"#));
        let found = last.channels(&Pattern::parse("s:{room}").unwrap());
        let shown: Vec<String> = found
            .iter()
            .map(|(name, fields, at)| {
                format!("{name} {} {}", serde_json::to_string(fields).unwrap(), at.mono.0 / 1_000_000_000)
            })
            .collect();
        assert_eq!(shown, [r#"s:dry {"t":20.0} 2"#, r#"s:veg {"t":24.0,"h":61.0} 3"#]);
    }

    #[test]
    fn a_drain_gives_what_changed_or_went_since_the_one_before() {
        let mut last = Last::default();
        last.record(at(1), &message("b", r#"{"t":24.0}"#));
        last.record(at(2), &message("b", r#"{"t":null,"h":60.5}"#));
        last.record(at(2), &message("a", r#"{"on":true}"#));
        last.record(at(2), &message("c", r#"{"t":null}"#));
        let drained = last.drain_changed();
        let drained: Vec<(&str, &str)> =
            drained.iter().map(|(channel, text)| (&**channel, text.as_deref().unwrap())).collect();
        assert_eq!(drained, [("a", r#"{"on":true}"#), ("b", r#"{"t":24.0,"h":60.5}"#)]);
        assert!(last.drain_changed().is_empty());
        last.record(at(3), &message("a", r#"{"on":false}"#));
        assert_eq!(last.drain_changed().len(), 1);
        last.refit(&inventory(&[("a", "N", &["on"]), ("b", "N", &["t", "h"])]), &inventory(&[("b", "N", &["h"])]));
        assert!(last.get("a", "on").is_none() && last.get("b", "t").is_none() && last.get("b", "h").is_some());
        let gone = [("a".into(), None), ("b".into(), Some(r#"{"h":60.5}"#.to_owned()))];
        assert_eq!(last.drain_changed(), gone);
        assert!(last.get("c", "t").is_none(), "nothing is made of what was never heard");
    }

    #[test]
    fn a_node_that_left_is_not_believed_for_the_sake_of_its_neighbours() {
        let heard = |before: &[(&str, &str, &[&str])], now: &[(&str, &str, &[&str])]| {
            let mut last = Last::default();
            last.record(at(1), &message("c", r#"{"t":24.0,"h":60.0}"#));
            last.refit(&inventory(before), &inventory(now));
            ["t", "h"].map(|field| last.get("c", field).is_some())
        };
        let (a, b): ((_, _, &[&str]), (_, _, &[&str])) = (("c", "A", &["t", "h"]), ("c", "B", &["h"]));
        assert_eq!(heard(&[a, b], &[b]), [false, true], "what its neighbour may have said stays");
        assert_eq!(heard(&[a], &[("c", "C", &["t", "h"])]), [false, false], "its successor has not said anything yet");
        assert_eq!(heard(&[a, b], &[a]), [true, true]);
        assert_eq!(heard(&[a, b], &[("c", "A", &["t"]), b]), [true, true], "one says less, the other as much");
    }

    #[test]
    fn a_device_without_feedback_that_left_is_not_believed() {
        let (mut last, pump) = (Last::default(), crate::model::DeviceKey { room: "V".into(), device: "pump".into() });
        last.record(at(1), &message(&pump.channel(), r#"{"wanted":40.0}"#));
        let before = Inventory { sources: Vec::new(), devices: vec![pump.clone()] };
        last.refit(&before, &before);
        assert!(last.get(&pump.channel(), "wanted").is_some());
        last.refit(&before, &Inventory::default());
        assert!(last.get(&pump.channel(), "wanted").is_none());
    }
}
