//! From frames to readings: the decoding half of the channel map, and who has fallen silent. Pure; it publishes every
//! frame, as the pace of publishing is not built yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use crate::can::{BusId, CanId, Frame, FrameKind};
use crate::model::{Fields, Mono, Name, Quality, Reading, Source, Timestamp, Value};

use super::map::ChannelMap;
use super::plan::Plan;
use super::silence::Silence;

/// Decodes frames and watches their senders.
#[derive(Debug)]
pub struct Gateway {
    /// Every identifier of the map.
    table: HashMap<(BusId, CanId), Entry>,
    consumers: Vec<Consumer>,
    silence: Silence,
    /// By the number of the watch.
    watched: Vec<Arc<Source>>,
    counts: GatewayCounts,
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
    /// `None`: it never becomes stale.
    watch: Option<u32>,
    plan: Plan,
}

/// What became of the frames: `received` is the sum of the six below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GatewayCounts {
    /// Frames offered.
    pub received: u64,
    /// Frames that gave readings.
    pub decoded: u64,
    /// Frames of a node of the map that publishes none of their signals.
    pub unpublished: u64,
    /// Frames that command devices.
    pub commands: u64,
    /// Data frames whose identifier the map does not have on that bus.
    pub unknown: u64,
    /// Remote requests.
    pub remote: u64,
    /// Error frames.
    pub error: u64,
    /// Readings given, without the words of staleness.
    pub readings: u64,
    /// Readings that lack a signal because the frame was too short.
    pub short: u64,
    /// Words that a source has fallen silent.
    pub stale: u64,
}

impl Gateway {
    /// A gateway for the map; its sources count as heard `now`.
    #[must_use]
    pub fn new(map: &ChannelMap, now: Timestamp) -> Gateway {
        let mut gateway = Gateway {
            table: HashMap::new(),
            consumers: Vec::new(),
            silence: Silence::default(),
            watched: Vec::new(),
            counts: GatewayCounts::default(),
        };
        let mut numbers = HashMap::new();
        for ((bus, id), readers) in readers(map) {
            let from = gateway.consumers.len() as u32;
            for (source, plan) in readers.into_iter().filter(|(_, plan)| !plan.is_empty()) {
                let watch = source.stale_after.map(|span| {
                    *numbers.entry(Arc::as_ptr(&source)).or_insert_with(|| gateway.watch(&source, span, now.mono))
                });
                gateway.consumers.push(Consumer { source, watch, plan });
            }
            let to = gateway.consumers.len() as u32;
            let entry = if from == to { Entry::Unpublished } else { Entry::Read { from, to } };
            gateway.table.insert((bus, id), entry);
        }
        for command in map.devices.iter().map(|device| &device.command) {
            gateway.table.entry((command.bus, command.id)).or_insert(Entry::Command);
        }
        gateway
    }

    /// Goes over to another map: counts go on, and a source that is still there was heard when it was heard, or is as stale
    /// as it was.
    pub fn reload(&mut self, map: &ChannelMap, now: Timestamp) {
        let mut next = Gateway { counts: self.counts, ..Gateway::new(map, now) };
        let name = |source: &Source| (source.channel.clone(), source.name.clone());
        let before: HashMap<_, u32> = self.watched.iter().map(|source| name(source)).zip(0..).collect();
        for (number, source) in (0..).zip(&next.watched) {
            if let Some(old) = before.get(&name(source)) {
                next.silence.inherit(number, &self.silence, *old);
            }
        }
        next.silence.arm_all();
        *self = next;
    }

    fn watch(&mut self, source: &Arc<Source>, span: Duration, now: Mono) -> u32 {
        self.watched.push(source.clone());
        self.silence.add(span, now)
    }

    /// Decodes a frame: one reading for each source that it tells about. Deadlines up to `now` must be done with, see
    /// [`Gateway::due`].
    pub fn step(&mut self, now: Timestamp, frame: &Frame, out: &mut Vec<Reading>) {
        self.counts.received += 1;
        match frame.kind {
            FrameKind::Remote => return self.counts.remote += 1,
            FrameKind::Error => return self.counts.error += 1,
            FrameKind::Data | FrameKind::Fd { .. } => {}
        }
        match self.table.get(&(frame.bus, frame.id)) {
            None => self.counts.unknown += 1,
            Some(Entry::Command) => self.counts.commands += 1,
            Some(Entry::Unpublished) => self.counts.unpublished += 1,
            Some(Entry::Read { from, to }) => {
                self.counts.decoded += 1;
                let consumers = &self.consumers[*from as usize..*to as usize];
                for consumer in consumers {
                    let (values, quality) = consumer.plan.decode(frame.bytes());
                    self.counts.readings += 1;
                    self.counts.short += u64::from(quality.iter().any(|(_, why)| *why == Quality::Short));
                    out.push(Reading { source: consumer.source.clone(), at: now, values, quality, stale: false });
                    if let Some(watch) = consumer.watch {
                        self.silence.heard(watch, now.mono);
                    }
                }
            }
        }
    }

    /// Says of every source whose time is over that it is stale: once, until it speaks again.
    pub fn due(&mut self, now: Timestamp, out: &mut Vec<Reading>) {
        while let Some(watch) = self.silence.due(now.mono) {
            self.counts.stale += 1;
            out.push(stale(&self.watched[watch as usize], now));
        }
    }

    /// When a source becomes stale unless it speaks before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.silence.next()
    }

    /// What became of the frames so far.
    #[must_use]
    pub fn counts(&self) -> GatewayCounts {
        self.counts
    }
}

/// All fields of the source without a value.
fn stale(source: &Arc<Source>, now: Timestamp) -> Reading {
    // Parts of a multiplexed frame have fields in common.
    let mut known = HashSet::new();
    let names: Vec<Name> = source.frames.iter().flatten().filter(|name| known.insert(*name)).cloned().collect();
    Reading {
        source: source.clone(),
        at: now,
        values: names.iter().map(|name| (name.clone(), Value::Null)).collect::<Fields>(),
        quality: names.into_iter().map(|name| (name, Quality::Stale)).collect(),
        stale: true,
    }
}

type Readers = BTreeMap<(BusId, CanId), Vec<(Arc<Source>, Plan)>>;

/// Who reads which identifier, nodes before devices, in the order of the map.
fn readers(map: &ChannelMap) -> Readers {
    let mut readers = Readers::new();
    for node in &map.nodes {
        readers.entry((node.bus, node.id)).or_default().push((node.source.clone(), Plan::of_node(node)));
    }
    for feedback in map.devices.iter().filter_map(|device| device.feedback.as_ref()) {
        let reader = (feedback.source.clone(), Plan::of_feedback(feedback));
        readers.entry((feedback.bus, feedback.id)).or_default().push(reader);
    }
    readers
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
