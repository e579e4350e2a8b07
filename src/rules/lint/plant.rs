//! What the channel map says about a value that a rule looks at.

use crate::bus::{Pattern, glob};
use crate::model::{DeviceKey, FieldFacts, Inventory, Name, Source};

use super::super::sources::always_there;
use super::Looking;
use super::glob::Glob;
use super::sight::{How, Read};

/// Whether only channels in the map's own name space can match.
pub(in crate::rules) fn only_mapped(channel: &str) -> bool {
    ["sensor:update", "device:update"].iter().any(|own| channel.starts_with(own))
}

/// The sources under some patterns; none if others may speak there too.
pub(super) fn under<'a>(inventory: &'a Inventory, patterns: &[&Pattern]) -> Vec<&'a Source> {
    if !patterns.iter().all(|pattern| only_mapped(&pattern.redis)) {
        return Vec::new();
    }
    let hears = |source: &&Source| patterns.iter().any(|p| p.matches(&source.channel) || p.matches(&source.broad));
    inventory.sources.iter().map(|source| &**source).filter(hears).collect()
}

/// The sources that speak on a channel like this. Last values are kept by specific channel, never by the broad one.
pub(super) fn speaking<'a>(inventory: &'a Inventory, channel: &Glob) -> Vec<&'a Source> {
    if !only_mapped(&channel.prefix()) {
        return Vec::new();
    }
    inventory.sources.iter().map(|source| &**source).filter(|source| channel.fits(&source.channel)).collect()
}

/// The names of all fields that a source's messages have.
pub(super) fn fields(source: &Source) -> impl Iterator<Item = &str> {
    source.frames.iter().flatten().map(|field| &**field).chain(always_there(source.kind).iter().copied())
}

impl<'a> Looking<'a> {
    /// The sources that a value may come from; none where the map does not tell.
    pub(super) fn sources(&self, read: &Read) -> Vec<&'a Source> {
        match &read.from {
            None => self.own_sources().to_vec(),
            Some(channel) => speaking(self.inventory, channel),
        }
    }

    /// Whether the value may be the word of a device without feedback, whose state is what it was told.
    fn hears_unmapped_state(&self, read: &Read) -> bool {
        let devices = self.inventory.devices.iter().map(DeviceKey::channel);
        let told = |channel: &Name| !self.inventory.sources.iter().any(|source| *source.channel == **channel);
        devices.filter(told).any(|channel| match &read.from {
            None => self.patterns.iter().any(|(p, _)| p.matches(&channel) || p.matches("device:update")),
            Some(from) => from.fits(&channel),
        })
    }

    /// What the map says about a value, each source's word; none unless every source that has it tells.
    pub(super) fn facts(&self, read: &Read) -> Vec<&'a FieldFacts> {
        let Some(wanted) = &read.field else { return Vec::new() };
        let is = |name: &str| match read.how {
            How::Readings => glob(wanted.as_bytes(), name.as_bytes()),
            _ => **wanted == *name,
        };
        if self.hears_unmapped_state(read) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for source in self.sources(read) {
            let before = found.len();
            found.extend(source.facts.iter().filter(|facts| is(&facts.name)));
            if found.len() == before && fields(source).any(is) {
                return Vec::new();
            }
        }
        found
    }
}
