//! What the map says about who speaks: which source a message is from, which fields it brings, and who is silent.

use std::sync::Arc;

use crate::model::{Inventory, Message, Name, Provenance, Source, SourceKind, Value};

/// Fields that every message of a node has, whatever its frame says.
const OF_NODES: [&str; 6] = ["id", "ts", "room", "cluster", "node", "quality"];
/// Fields that every word about a device has.
const OF_DEVICES: [&str; 10] =
    ["id", "ts", "room", "device", "quality", "state", "wanted", "source", "reason", "until"];

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

    /// Takes in what a message of `source` tells; the instances that this touches, if anything changed.
    pub(super) fn heard(&mut self, source: u32, message: &Message) -> Option<&[(u32, u32)]> {
        let tells = match message.provenance {
            Provenance::Frames => true,
            // The Guard speaks for devices: a state says that the device told one.
            Provenance::Guard => {
                message.stale || message.fields.get("state").is_some_and(|state| *state != Value::Null)
            }
            _ => false,
        };
        let silent = self.silent.get_mut(source as usize)?;
        if !tells || *silent == message.stale {
            return None;
        }
        *silent = message.stale;
        self.instances.get(source as usize).map(Vec::as_slice)
    }
}
