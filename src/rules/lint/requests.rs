//! Which devices of the map a rule asks for, and for which states.

use crate::files::Place;
use crate::model::DeviceKey;

use super::Looking;
use super::plant;
use super::sight::{Level, Word};

/// One request, for one device.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) device: &'a DeviceKey,
    pub(super) level: Level,
    /// Where it is written.
    pub(super) place: Place,
}

impl<'a> Looking<'a> {
    /// Everything that the rule may ask of devices, as far as the script says of which.
    pub(super) fn asked(&self) -> Vec<Asked<'a>> {
        let mut all = Vec::new();
        for text in &self.texts {
            for request in &text.sight.requests {
                let place = text.written.place(&request.whole);
                let rooms = self.stands_for(&request.room);
                let devices = self.stands_for(&request.device);
                let (Some(rooms), Some(devices)) = (rooms, devices) else { continue };
                let asked = self.inventory.devices.iter().filter(|key| {
                    rooms.iter().any(|room| **room == *key.room) && devices.iter().any(|name| **name == *key.device)
                });
                all.extend(asked.map(|device| Asked { device, level: request.level, place }));
            }
        }
        all
    }

    /// What a name may be: a segment, whatever it is in the channels that the rule gets. `None`: nobody can tell.
    fn stands_for(&self, word: &Word) -> Option<Vec<String>> {
        let segment = match word {
            Word::Constant(name) => return Some(vec![name.to_string()]),
            Word::Segment(name) => name,
            Word::Open => return None,
        };
        let sources = self.own_sources();
        let mut found: Vec<String> = Vec::new();
        for (pattern, _) in &self.patterns {
            let at = pattern.names.iter().position(|name| name == segment)?;
            let channels = sources.iter().map(|source| &*source.channel).filter(|channel| pattern.matches(channel));
            found.extend(channels.filter_map(|channel| pattern.capture(channel).get(at).map(ToString::to_string)));
        }
        found.sort();
        found.dedup();
        Some(found)
    }

    /// Whether a pattern hears what is said about a device.
    pub(super) fn hears_device(&self, device: &DeviceKey) -> bool {
        let channel = device.channel();
        self.patterns.iter().any(|(pattern, _)| pattern.matches(&channel) || pattern.matches("device:update"))
    }

    /// Whether the rule acts, and has not silenced this check.
    pub(super) fn minds(&self, lint: &super::Lint) -> bool {
        !self.rule.allow.contains(&lint.id)
    }
}

/// Whether only the engine speaks on what a pattern is for.
pub(super) fn ours(pattern: &str) -> bool {
    plant::only_mapped(pattern)
        || ["sensor:", "device:", "alert:", "system:"].iter().any(|own| pattern.starts_with(own))
}
