//! From frames to readings: the decoding half of the channel map, which of them are published, and who has fallen silent.
//! Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::can::{BusId, Frame, FrameKind};
use crate::model::{Fields, Mono, Publication, Quality, Reading, Source, Timestamp, Value};

use super::j1939::{Address, Directory};
use super::map::{ChannelMap, Field, FrameLayout};
use super::pace::{HeldBack, Pacer, Sampled};
use super::plan::Plan;
use super::watch::{Own, Silent, Spans, Watches};

/// Decodes frames and watches their senders.
#[derive(Debug)]
pub struct Gateway {
    /// Every identifier of the map.
    table: Directory<Entry>,
    /// Their positions are their numbers at the pacer.
    consumers: Vec<Consumer>,
    pacer: Pacer,
    watches: Watches,
    counts: GatewayCounts,
    /// Kept between frames.
    samples: Vec<Sampled>,
}

/// What is done with the frames of one identifier.
#[derive(Clone, Copy, Debug)]
enum Entry {
    /// A stretch of `consumers`: a node, devices that it tells about, or both.
    Read { from: u32, to: u32 },
    /// It has nothing that is published.
    Unpublished,
    /// A command, of ours or of another sender.
    Command,
}

/// One source's share in a frame.
#[derive(Debug)]
struct Consumer {
    source: Arc<Source>,
    watches: Own,
    plan: Plan,
    at: (BusId, Address),
    meaning: Meaning,
}

/// What makes a source's share in a frame the same after a reload.
#[derive(Debug, PartialEq)]
struct Meaning {
    frame: Arc<FrameLayout>,
    fields: Vec<Field>,
    spans: Spans,
}

/// What became of the frames: `received` is the sum of the six below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GatewayCounts {
    /// Frames offered.
    pub received: u64,
    /// Frames that gave readings.
    pub decoded: u64,
    /// Frames of a node of the map that publishes none of their signals, or only says that it has booted.
    pub unpublished: u64,
    /// Frames that command devices, or are raw frames of the map.
    pub commands: u64,
    /// Data frames whose identifier the map does not have on that bus.
    pub unknown: u64,
    /// Remote requests.
    pub remote: u64,
    /// Error frames.
    pub error: u64,
    /// What the sources of the map said: one for each frame and source, without the words of staleness. `readings` is
    /// the sum of `published`, `waiting` and the three of `held_back`.
    pub readings: u64,
    /// Readings that were published.
    pub published: u64,
    /// Readings that wait for their interval to end; the next frame takes their place.
    pub waiting: u64,
    /// Readings that were never published, by reason.
    #[serde(flatten)]
    pub held_back: HeldBack,
    /// Readings that lack a signal because the frame was too short.
    pub short: u64,
    /// Words that a source, one of its frames, or a part of one has fallen silent.
    pub stale: u64,
}

impl Gateway {
    /// A gateway for the map; its sources count as heard `now`.
    #[must_use]
    pub fn new(map: &ChannelMap, now: Timestamp) -> Gateway {
        let mut gateway = Gateway {
            table: Directory::default(),
            consumers: Vec::new(),
            pacer: Pacer::default(),
            watches: Watches::default(),
            counts: GatewayCounts::default(),
            samples: Vec::new(),
        };
        let readers = readers(map);
        let mut frames: HashMap<*const Source, u32> = HashMap::new();
        for reader in readers.values().flatten() {
            *frames.entry(Arc::as_ptr(&reader.source)).or_default() += 1;
        }
        for (at, readers) in readers {
            let from = gateway.consumers.len() as u32;
            for Reader { source, plan, meaning } in readers {
                let several = frames.get(&Arc::as_ptr(&source)).is_some_and(|count| *count > 1);
                let number = gateway.pacer.add(plan.policies());
                let fields: Vec<&Field> = meaning.fields.iter().filter(|field| field.published).collect();
                let watches = gateway.watches.add(number, &source, at, &fields, (meaning.spans, several), now.mono);
                gateway.consumers.push(Consumer { source, watches, plan, at, meaning });
            }
            let to = gateway.consumers.len() as u32;
            let entry = if from == to { Entry::Unpublished } else { Entry::Read { from, to } };
            gateway.table.entry(at.0, at.1, || entry);
        }
        for command in map.devices.iter().map(|device| &device.command) {
            gateway.table.entry(command.bus, command.id.into(), || Entry::Command);
        }
        for (bus, raw) in (0..=u8::MAX).map(BusId).zip(&map.greetings) {
            for frame in raw.on_start.iter().chain(raw.on_boot.values().flatten()) {
                gateway.table.entry(bus, frame.id.into(), || Entry::Command);
            }
            for id in raw.on_boot.keys() {
                gateway.table.entry(bus, (*id).into(), || Entry::Unpublished);
            }
        }
        gateway
    }

    /// From now on every frame is published whatever the map's policy says: for tests of rules, which say what a rule hears.
    pub fn publish_everything(&mut self) {
        self.pacer.set_free();
    }

    /// Goes over to another map: counts go on, a source that is still there was heard when it was heard, or is as stale
    /// as it was, and a frame that still means the same has said what it said. Any other is published when it comes.
    pub fn reload(&mut self, map: &ChannelMap, now: Timestamp) {
        let mut next = Gateway { counts: self.counts, ..Gateway::new(map, now) };
        let name = |source: &Source| (source.channel.clone(), source.name.clone());
        next.watches.inherit(&self.watches);
        let key = |consumer: &Consumer| (consumer.at, name(&consumer.source));
        let before: HashMap<_, u32> = self.consumers.iter().map(key).zip(0..).collect();
        let same = next.consumers.iter().zip(0..).filter_map(|(consumer, number)| {
            let old = before.get(&key(consumer))?;
            (self.consumers[*old as usize].meaning == consumer.meaning).then_some((number, *old))
        });
        next.pacer.inherit(std::mem::take(&mut self.pacer), same);
        *self = next;
    }

    /// Decodes a frame: one reading for each source that it tells about, published or held back. Deadlines up to `now`
    /// must be done with, see [`Gateway::due`].
    pub fn step(&mut self, now: Timestamp, frame: &Frame, out: &mut Vec<Reading>) {
        self.counts.received += 1;
        match frame.kind {
            FrameKind::Remote => return self.counts.remote += 1,
            FrameKind::Error => return self.counts.error += 1,
            FrameKind::Data | FrameKind::Fd { .. } => {}
        }
        match self.table.find(frame.bus, frame.id) {
            None => self.counts.unknown += 1,
            Some(Entry::Command) => self.counts.commands += 1,
            Some(Entry::Unpublished) => self.counts.unpublished += 1,
            Some(Entry::Read { from, to }) => {
                self.counts.decoded += 1;
                for number in *from..*to {
                    out.push(self.read(number, now, frame));
                }
            }
        }
    }

    fn read(&mut self, number: u32, now: Timestamp, frame: &Frame) -> Reading {
        let consumer = &self.consumers[number as usize];
        self.samples.clear();
        consumer.plan.samples(frame.bytes(), |at, sample| self.samples.push((at as u16, sample)));
        let at_once = self.pacer.frame(number, now, &self.samples);
        self.counts.readings += 1;
        self.counts.published += u64::from(at_once);
        self.watches.heard(&consumer.watches, &self.samples, now.mono);
        let publication = if at_once { Publication::AtOnce } else { Publication::HeldBack };
        let reading = consumer.reading(now, &self.samples, publication);
        self.counts.short += u64::from(reading.quality.iter().any(|(_, why)| *why == Quality::Short));
        reading
    }

    /// Gives what has waited for its interval to end, and says of every source whose time is over that it is stale: once,
    /// until it speaks again.
    pub fn due(&mut self, now: Timestamp, out: &mut Vec<Reading>) {
        while let Some(next) = self.next_deadline().filter(|next| *next <= now.mono) {
            // What was said goes before the word that nothing more comes.
            if let Some((number, at, samples)) = self.pacer.due(next) {
                self.counts.published += 1;
                out.push(self.consumers[number as usize].reading(at, &samples, Publication::Late));
            } else if let Some(silent) = self.watches.due(next) {
                self.counts.stale += 1;
                silent.consumers.iter().for_each(|(number, signals)| self.pacer.forget(*number, signals));
                out.push(stale(silent, now));
            }
        }
    }

    /// When a held reading is published, or a source becomes stale, unless a frame comes before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        [self.watches.next(), self.pacer.next()].into_iter().flatten().min()
    }

    /// What became of the frames so far.
    #[must_use]
    pub fn counts(&self) -> GatewayCounts {
        GatewayCounts { waiting: self.pacer.waiting(), held_back: self.pacer.held_back(), ..self.counts }
    }
}

impl Consumer {
    fn reading(&self, at: Timestamp, samples: &[Sampled], publication: Publication) -> Reading {
        let (values, quality) = self.plan.fields(samples);
        Reading { source: self.source.clone(), at, values, quality, stale: false, publication }
    }
}

/// Fields without a value.
fn stale(silent: Silent, now: Timestamp) -> Reading {
    let Silent { source, whole, mut fields, .. } = silent;
    // Parts of a multiplexed frame have fields in common.
    let mut known = HashSet::new();
    fields.retain(|name| known.insert(name.clone()));
    Reading {
        source,
        at: now,
        values: fields.iter().map(|name| (name.clone(), Value::Null)).collect::<Fields>(),
        quality: fields.into_iter().map(|name| (name, Quality::Stale)).collect(),
        stale: whole,
        publication: Publication::AtOnce,
    }
}

/// A source and what it takes from a frame.
struct Reader {
    source: Arc<Source>,
    plan: Plan,
    meaning: Meaning,
}

impl Reader {
    /// None, if it takes nothing that is published.
    fn speaks(self) -> Option<Reader> {
        (!self.plan.is_empty()).then_some(self)
    }
}

type Readers = BTreeMap<(BusId, Address), Vec<Reader>>;

/// Who reads anything of which identifier, nodes before devices, in the order of the map. An identifier of which nobody
/// does is there as well.
fn readers(map: &ChannelMap) -> Readers {
    let mut readers = Readers::new();
    for node in &map.nodes {
        let spans = Spans { source: node.source.stale_after, frame: node.stale_after, part: node.part_stale_after };
        let meaning = Meaning { frame: node.frame.clone(), fields: node.fields.clone(), spans };
        let reader = Reader { source: node.source.clone(), plan: Plan::of_node(node), meaning };
        readers.entry((node.bus, node.address())).or_default().extend(reader.speaks());
    }
    for feedback in map.devices.iter().filter_map(|device| device.feedback.as_ref()) {
        let field = |signal: &usize| {
            let shown = &feedback.frame.signals[*signal];
            Field { signal: *signal, name: shown.name.clone(), published: true, adjust: None, when: shown.when.clone() }
        };
        let fields = feedback.shown.iter().map(field).collect();
        let source = feedback.source.stale_after;
        let spans = Spans { source, frame: source.unwrap_or_default(), part: feedback.part_stale_after };
        let meaning = Meaning { frame: feedback.frame.clone(), fields, spans };
        let reader = Reader { source: feedback.source.clone(), plan: Plan::of_feedback(feedback), meaning };
        readers.entry((feedback.bus, feedback.id.into())).or_default().extend(reader.speaks());
    }
    readers
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "gateway_model_tests.rs"]
mod model_tests;
