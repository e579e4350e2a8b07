//! Last values: per specific channel the merged good fields. What `last()`, `readings()` and `growctl:last` give.

use hashbrown::HashMap;

use crate::model::{Message, Name, Timestamp, Value};

use super::Pattern;

/// The last good value of every field of every specific channel.
#[derive(Debug, Default)]
pub struct Last {
    channels: HashMap<Name, Vec<(Name, Value, Timestamp)>>,
}

impl Last {
    /// Takes over the good fields of a message; `null` fields leave the old value, which then grows old.
    pub fn record(&mut self, now: Timestamp, message: &Message) {
        let fields = self.channels.entry(message.channel.clone()).or_default();
        for (name, value) in message.fields.iter().filter(|(_, value)| !value.is_null()) {
            match fields.iter_mut().find(|(known, ..)| known == name) {
                Some(entry) => (entry.1, entry.2) = (value.clone(), now),
                None => fields.push((name.clone(), value.clone(), now)),
            }
        }
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
}
