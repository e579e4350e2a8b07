//! Which device updates are news for `device_change`: those whose state, wanted state, holder, reason or fault is another than before. The
//! many that only bring feedback are not.

use std::collections::BTreeMap;

use crate::model::{Message, Name, Timestamp, Value};
use crate::store::DeviceChange;

/// What makes a change.
const TELLING: [&str; 5] = ["state", "wanted", "source", "reason", "fault"];

/// The last of each device.
#[derive(Debug, Default)]
pub(super) struct Changes {
    last: BTreeMap<Name, [Option<Value>; TELLING.len()]>,
}

impl Changes {
    /// The row for a message about a device, if it says something new.
    pub(super) fn of(&mut self, now: Timestamp, message: &Message) -> Option<DeviceChange> {
        if message.broad.as_deref() != Some("device:update") {
            return None;
        }
        let telling = TELLING.map(|field| message.fields.get(field).cloned());
        if self.last.get(&message.channel) == Some(&telling) {
            return None;
        }
        self.last.insert(message.channel.clone(), telling);
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
    fn only_another_state_wish_holder_or_reason_is_news() {
        let (mut changes, at) = (Changes::default(), Timestamp { utc: Utc(2_500_000_000), ..Timestamp::default() });
        let mut told = |fields: &[(&str, Value)]| changes.of(at, &update(fields));
        let first = told(&[("state", Value::Null), ("wanted", 60.0.into()), ("source", "hot".into())]).unwrap();
        assert_eq!((first.at, &*first.room, first.state, first.wanted), (2.5, "R", Value::Null, 60.0.into()));
        let more = [("state", Value::Null), ("wanted", 60.0.into()), ("source", "hot".into()), ("current", 1.5.into())];
        assert_eq!(told(&more), None, "feedback beside it is no news");
        let now = [("state", 60.0.into()), ("wanted", 60.0.into()), ("source", "hot".into()), ("until", 9.0.into())];
        assert_eq!(told(&now).unwrap().until, Some(9.0));
        let mut other = update(&now);
        other.broad = Some("sensor:update".into());
        assert_eq!(Changes::default().of(at, &other), None);
    }
}
