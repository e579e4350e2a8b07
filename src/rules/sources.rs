//! What the map says about who speaks: which source a message is from, which fields it brings, and who is silent.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{Inventory, Message, Name, Provenance, Source, SourceKind, Unsaid};

/// Fields that every message of a node has, whatever its frame says.
const OF_NODES: [&str; 6] = ["id", "ts", "room", "cluster", "node", "quality"];
/// Fields that every word about a device has.
const OF_DEVICES: [&str; 11] =
    ["id", "ts", "room", "device", "quality", "state", "wanted", "source", "reason", "until", "revision"];

/// Fields that a source's messages have beside those of its frames.
pub(super) fn always_there(kind: SourceKind) -> &'static [&'static str] {
    match kind {
        SourceKind::Node => &OF_NODES,
        SourceKind::Device => &OF_DEVICES,
    }
}

/// Whether one frame of the source brings all these fields: only then do its messages concern a rule that names them.
pub(super) fn brings(source: &Source, fields: &[Name]) -> bool {
    let there = always_there(source.kind);
    let mut wanted = fields.iter().filter(|field| !there.contains(&&***field)).peekable();
    if wanted.peek().is_none() {
        return true;
    }
    let wanted: Vec<&Name> = wanted.collect();
    source.frames.iter().any(|frame| wanted.iter().all(|field| frame.contains(field)))
}

/// What the sources of a map do not say any more under the next one: all, or some fields. Whoever remembers it takes the
/// last word of a node that was unscrewed for true for ever.
#[derive(Debug)]
pub(super) struct Gone(Unsaid);

impl Gone {
    pub(super) fn between(before: &Inventory, now: &Inventory) -> Gone {
        Gone(before.unsaid_in(now))
    }

    /// Whether this field of this source is.
    pub(super) fn has(&self, channel: &Name, source: Option<&Name>, field: &Name) -> bool {
        let fields = source.and_then(|source| self.0.get(&(channel.clone(), source.clone())));
        fields.is_some_and(|fields| fields.as_ref().is_none_or(|fields| fields.contains(field)))
    }

    /// Whether the source of a message is wholly gone.
    pub(super) fn is_speaker(&self, message: &Message) -> bool {
        let ours = matches!(message.provenance, Provenance::Frames | Provenance::Guard);
        let key = |source: &Name| (message.channel.clone(), source.clone());
        ours && message.source.as_ref().is_some_and(|source| matches!(self.0.get(&key(source)), Some(None)))
    }

    /// Whether a message says something of it that a rule heeds, which names these fields.
    pub(super) fn said(&self, message: &Message, named: &[Name]) -> bool {
        let ours = matches!(message.provenance, Provenance::Frames | Provenance::Guard);
        let source = message.source.as_ref();
        self.is_speaker(message) || (ours && named.iter().any(|field| self.has(&message.channel, source, field)))
    }
}

/// Which sources are silent, and which instances that touches.
#[derive(Debug)]
pub(super) struct Silence {
    pub(super) inventory: Arc<Inventory>,
    silent: Vec<bool>,
    /// Instances of each source: position of the rule, position in the rule.
    pub(super) instances: Vec<Vec<(u32, u32)>>,
}

impl Silence {
    pub(super) fn new(inventory: Arc<Inventory>) -> Silence {
        let count = inventory.sources.len();
        Silence { inventory, silent: vec![false; count], instances: vec![Vec::new(); count] }
    }

    /// The silence of another map's sources; those that stay are as silent as they were. Nothing is attached to them yet.
    pub(super) fn of(inventory: Arc<Inventory>, before: &Silence) -> Silence {
        let mut silence = Silence::new(inventory);
        let known = before.inventory.sources.iter().zip(&before.silent);
        let mute: HashSet<_> = known
            .filter(|(_, silent)| **silent)
            .map(|(source, _)| (source.channel.clone(), source.name.clone()))
            .collect();
        for (silent, source) in silence.silent.iter_mut().zip(&silence.inventory.sources) {
            *silent = mute.contains(&(source.channel.clone(), source.name.clone()));
        }
        silence
    }

    /// Instances are at other positions, or no more.
    pub(super) fn rename(&mut self, new: impl Fn(u32) -> Option<u32>) {
        for instances in &mut self.instances {
            instances.retain_mut(|(rule, _)| match new(*rule) {
                Some(at) => {
                    *rule = at;
                    true
                }
                None => false,
            });
        }
    }

    /// Whether a source is silent.
    pub(super) fn is_silent(&self, source: u32) -> bool {
        self.silent.get(source as usize).copied().unwrap_or_default()
    }

    /// Takes in what a message of `source` tells, be it the Gateway's or the Guard's: the instances that this touches, if
    /// anything changed.
    pub(super) fn heard(&mut self, source: u32, message: &Message) -> Option<&[(u32, u32)]> {
        let silent = self.silent.get_mut(source as usize)?;
        if *silent == message.stale {
            return None;
        }
        *silent = message.stale;
        self.instances.get(source as usize).map(Vec::as_slice)
    }
}
