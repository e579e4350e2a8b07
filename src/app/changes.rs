//! Which device updates are news for `device_change`: another state, wish, holder, limit or fault. The many that only bring
//! feedback are not, and of a number that a control loop moves all the time one a minute is enough.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Message, Mono, Name, Timestamp, Value};
use crate::store::DeviceChange;

/// What is news whenever it changes.
const TELLING: [&str; 3] = ["source", "held_back", "fault"];
/// What is news when it changes; as a number that stays above 0, not more often than this.
const STATES: [&str; 2] = ["state", "wanted"];
const DRIFT: Duration = Duration::from_secs(60);

/// What was told of a device last.
#[derive(Debug)]
struct Told {
    telling: [Option<Value>; TELLING.len()],
    states: [Option<Value>; STATES.len()],
    at: Mono,
}

/// The last of each device.
#[derive(Debug, Default)]
pub(super) struct Changes {
    last: BTreeMap<Name, Told>,
}

impl Changes {
    /// The row for a message about a device, if it says something new.
    pub(super) fn of(&mut self, now: Timestamp, message: &Message) -> Option<DeviceChange> {
        if message.broad.as_deref() != Some("device:update") {
            return None;
        }
        let field = |field: &str| message.fields.get(field).cloned();
        let (telling, states) = (TELLING.map(field), STATES.map(field));
        if self.last.get(&message.channel).is_some_and(|told| !told.is_news(now.mono, &telling, &states)) {
            return None;
        }
        self.last.insert(message.channel.clone(), Told { telling, states, at: now.mono });
        let value = |field| message.fields.get(field).cloned().unwrap_or_default();
        let text = |field| match message.fields.get(field) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        Some(DeviceChange {
            at: now.utc.seconds(),
            room: text("room")?,
            device: text("device")?,
            state: value("state"),
            wanted: value("wanted"),
            source: text("source"),
            reason: text("reason"),
            until: message.fields.get("until").and_then(Value::as_number),
            revision: text("revision"),
            held_back: text("fault").map(|fault| format!("fault: {fault}").into()).or_else(|| text("held_back")),
        })
    }
}

impl Told {
    fn is_news(&self, now: Mono, telling: &[Option<Value>], states: &[Option<Value>]) -> bool {
        let runs =
            |value: &Option<Value>| value.as_ref().and_then(Value::as_number).is_some_and(|number| number != 0.0);
        let moved = |(a, b): (&Option<Value>, &Option<Value>)| a != b && !(runs(a) && runs(b));
        self.telling != telling
            || self.states.iter().zip(states).any(moved)
            || (self.states != states && now.since(self.at) >= DRIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Provenance, Utc};

    fn update(fields: &[(&str, Value)]) -> Message {
        let told = [("room", "R".into()), ("device", "fan".into())];
        let fields = told.iter().chain(fields).map(|(name, value)| (Name::from(*name), value.clone())).collect();
        Message {
            channel: "device:update:R:fan".into(),
            broad: Some("device:update".into()),
            source: None,
            provenance: Provenance::Guard,
            stale: false,
            hop: 0,
            fields,
        }
    }

    #[test]
    fn another_state_wish_or_holder_is_news_and_a_loop_that_moves_is_not_all_the_time() {
        let (mut changes, at) = (Changes::default(), Timestamp { utc: Utc(2_500_000_000), ..Timestamp::default() });
        let mut told = |fields: &[(&str, Value)]| changes.of(at, &update(fields));
        let first = told(&[("state", Value::Null), ("wanted", 60.0.into()), ("source", "hot".into())]).unwrap();
        assert_eq!((first.at, &*first.room, first.state, first.wanted), (2.5, "R", Value::Null, 60.0.into()));
        let more = [("state", Value::Null), ("wanted", 60.0.into()), ("source", "hot".into()), ("current", 1.5.into())];
        assert_eq!(told(&more), None, "feedback beside it is no news");
        let now = [("state", 60.0.into()), ("wanted", 60.0.into()), ("source", "hot".into()), ("until", 9.0.into())];
        assert_eq!(told(&now).unwrap().until, Some(9.0));
        assert_eq!(told(&[("state", 61.0.into()), ("wanted", 62.0.into()), ("source", "hot".into())]), None);
        let limited = [("state", 0.0.into()), ("wanted", 62.0.into()), ("source", "hot".into())];
        assert!(told(&limited).is_some(), "off");
        let later = Timestamp { mono: Mono(61_000_000_000), ..at };
        let drifted = [("state", 0.0.into()), ("wanted", 63.0.into()), ("source", "hot".into())];
        assert!(changes.of(at, &update(&drifted)).is_none() && changes.of(later, &update(&drifted)).is_some());
        let mut other = update(&now);
        other.broad = Some("sensor:update".into());
        assert_eq!(Changes::default().of(at, &other), None);
    }
}
