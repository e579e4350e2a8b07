//! The messages about devices: `device:update` and `device:update:<room>:<device>`.

use crate::model::{Fields, Message, Mono, Name, Provenance, Reading, Timestamp, Value};

use super::device::{Switched, Word};

/// The fields' names, made once. `id` and `ts` are the Router's.
#[derive(Debug)]
pub(super) struct Names {
    broad: Name,
    room: Name,
    device: Name,
    state: Name,
    wanted: Name,
    source: Name,
    reason: Name,
    until: Name,
    revision: Name,
    quality: Name,
    held_back: Name,
    fault: Name,
}

impl Default for Names {
    fn default() -> Names {
        Names {
            broad: "device:update".into(),
            room: "room".into(),
            device: "device".into(),
            state: "state".into(),
            wanted: "wanted".into(),
            source: "source".into(),
            reason: "reason".into(),
            until: "until".into(),
            revision: "revision".into(),
            quality: "quality".into(),
            held_back: "held_back".into(),
            fault: "fault".into(),
        }
    }
}

impl Names {
    /// The message of a device. The feedback's signals are in it only if a `reading` is what it tells: an old value in
    /// a new message would look freshly measured.
    pub(super) fn message(&self, now: Timestamp, device: &Switched, word: &Word, reading: Option<&Reading>) -> Message {
        let text = |name: &Name| Value::Text(name.clone());
        let (state, why) = device.state();
        let mut fields = Fields::with_capacity(13 + reading.map_or(0, |reading| reading.values.len()));
        fields.push(self.room.clone(), text(&device.spec.key.room));
        fields.push(self.device.clone(), text(&device.spec.key.device));
        fields.push(self.state.clone(), state);
        fields.push(self.wanted.clone(), word.wanted.clone());
        fields.push(self.source.clone(), text(&word.source));
        fields.push(self.reason.clone(), word.reason.as_ref().map_or(Value::Null, text));
        fields.push(self.until.clone(), device.until().map_or(Value::Null, |end| Value::Number(civil(now, end))));
        fields.push(self.revision.clone(), device.revision().map_or(Value::Null, text));
        let limited = [(&self.held_back, &word.held_back), (&self.fault, &word.fault)];
        for (name, words) in limited.into_iter().filter_map(|(name, words)| Some((name, words.as_ref()?))) {
            fields.push(name.clone(), text(words));
        }
        let mut quality: Fields =
            why.map(|why| (self.state.clone(), Value::text(&why.to_string()))).into_iter().collect();
        if let Some(reading) = reading {
            for (name, value) in &reading.values {
                // A signal called as one of the fields above is in the shade of it.
                if fields.get(name).is_none() {
                    fields.push(name.clone(), value.clone());
                }
            }
            for (name, why) in &reading.quality {
                quality.set(name, Value::text(&why.to_string()));
            }
        }
        if !quality.is_empty() {
            fields.push(self.quality.clone(), Value::Map(Box::new(quality)));
        }
        Message {
            channel: device.spec.channel.clone(),
            broad: Some(self.broad.clone()),
            source: Some(device.spec.key.device.clone()),
            provenance: Provenance::Guard,
            stale: device.stale,
            hop: 0,
            fields,
        }
    }
}

/// A moment to come, in seconds since 1970.
pub(super) fn civil(now: Timestamp, end: Mono) -> f64 {
    (now.utc + end.since(now.mono)).seconds()
}
