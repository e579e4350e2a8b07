//! The Gateway: frames in, readings out, and the word that a source has fallen silent. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use serde::Serialize;

use crate::can::{BusId, CanId, Frame, FrameKind};
use crate::model::{Fields, Mono, Name, Quality, Reading, Source, Timestamp, Value};

use super::codec::Signal;
use super::{ChannelMap, Field, FrameLayout};

/// Frames in, by what became of them: `received` is all the others together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GatewayCounts {
    /// All frames.
    pub received: u64,
    /// Frames of the map.
    pub decoded: u64,
    /// Frames that the map does not know.
    pub unknown: u64,
    /// Remote requests.
    pub remote: u64,
    /// Error frames.
    pub error: u64,
}

/// Decodes by a table made from the map.
#[derive(Debug)]
pub struct Gateway {
    table: HashMap<(BusId, CanId), Vec<Entry>>,
    sources: Vec<Heard>,
    /// One entry a source, at the deadline it had when last looked at: a frame moves the deadline, not the entry.
    deadlines: BinaryHeap<Reverse<(Mono, usize)>>,
    counts: GatewayCounts,
}

/// What one frame says of one source.
#[derive(Debug)]
struct Entry {
    source: usize,
    frame: Arc<FrameLayout>,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Heard {
    source: Arc<Source>,
    after: Duration,
    last: Mono,
    stale: bool,
}

impl Gateway {
    /// Every source counts as heard at `now`: it is stale if it never speaks.
    #[must_use]
    pub fn new(map: &ChannelMap, now: Timestamp) -> Gateway {
        let mut gateway = Gateway {
            table: HashMap::new(),
            sources: Vec::new(),
            deadlines: BinaryHeap::new(),
            counts: GatewayCounts::default(),
        };
        for node in &map.nodes {
            let fields = node.fields.iter().filter(|field| field.published).cloned().collect();
            let source = gateway.source(&node.source, now.mono);
            let entry = Entry { source, frame: node.frame.clone(), fields };
            gateway.table.entry((node.bus, node.id)).or_default().push(entry);
        }
        for feedback in map.devices.iter().filter_map(|device| device.feedback.as_ref()) {
            let name = |at: usize| feedback.frame.signals[at].name.clone();
            let field = |at: &usize| Field { signal: *at, name: name(*at), published: true, adjust: None };
            let fields = feedback.shown.iter().map(field).collect();
            let source = gateway.source(&feedback.source, now.mono);
            let entry = Entry { source, frame: feedback.frame.clone(), fields };
            gateway.table.entry((feedback.bus, feedback.id)).or_default().push(entry);
        }
        gateway
    }

    fn source(&mut self, source: &Arc<Source>, now: Mono) -> usize {
        if let Some(at) = self.sources.iter().position(|heard| Arc::ptr_eq(&heard.source, source)) {
            return at;
        }
        // A source that the map gives no time is never stale.
        let after = source.stale_after.unwrap_or(Duration::MAX);
        self.sources.push(Heard { source: source.clone(), after, last: now, stale: false });
        let at = self.sources.len() - 1;
        self.deadlines.push(Reverse((now + after, at)));
        at
    }

    /// Decodes a frame: one reading for each source that it speaks of.
    pub fn step(&mut self, now: Timestamp, frame: &Frame, out: &mut Vec<Reading>) {
        self.counts.received += 1;
        match frame.kind {
            FrameKind::Remote => self.counts.remote += 1,
            FrameKind::Error => self.counts.error += 1,
            FrameKind::Data | FrameKind::Fd { .. } => match self.table.get(&(frame.bus, frame.id)) {
                None => self.counts.unknown += 1,
                Some(entries) => {
                    self.counts.decoded += 1;
                    for entry in entries {
                        let heard = &mut self.sources[entry.source];
                        heard.last = now.mono;
                        if std::mem::take(&mut heard.stale) {
                            self.deadlines.push(Reverse((now.mono + heard.after, entry.source)));
                        }
                        out.push(entry.decode(now, frame.bytes(), &heard.source));
                    }
                }
            },
        }
    }

    /// Says which sources have fallen silent, each once, at its deadline.
    pub fn due(&mut self, now: Timestamp, out: &mut Vec<Reading>) {
        while let Some(Reverse((deadline, at))) = self.deadlines.peek().copied().filter(|next| next.0.0 <= now.mono) {
            self.deadlines.pop();
            let heard = &mut self.sources[at];
            let real = heard.last + heard.after;
            if real > deadline {
                self.deadlines.push(Reverse((real, at)));
                continue;
            }
            heard.stale = true;
            out.push(silence(now, &heard.source));
        }
    }

    /// When `due` must be called next; it may then find that a frame has come meanwhile.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.deadlines.peek().map(|next| next.0.0).filter(|deadline| *deadline != Mono(u64::MAX))
    }

    /// The account so far.
    #[must_use]
    pub fn counts(&self) -> GatewayCounts {
        self.counts
    }
}

impl Entry {
    fn decode(&self, now: Timestamp, data: &[u8], source: &Arc<Source>) -> Reading {
        let mut values = Fields::with_capacity(self.fields.len());
        let mut quality = Vec::new();
        for Field { signal, name, adjust, .. } in &self.fields {
            let value = match self.frame.signals[*signal].decode(data) {
                Ok(Value::Number(number)) => Value::Number(adjusted(&self.frame.signals[*signal], number, *adjust)),
                Ok(value) => value,
                Err(why) => {
                    quality.push((name.clone(), why));
                    Value::Null
                }
            };
            values.push(name.clone(), value);
        }
        Reading { source: source.clone(), at: now, values, quality, stale: false }
    }
}

fn adjusted(signal: &Signal, number: f64, adjust: Option<(f64, f64)>) -> f64 {
    let Some((scale, offset)) = adjust else { return number };
    let power = 10_f64.powi(i32::from(signal.decimals.unwrap_or(6)));
    ((number * scale + offset) * power).round() / power
}

fn silence(now: Timestamp, source: &Arc<Source>) -> Reading {
    let mut names: Vec<Name> = Vec::new();
    for name in source.frames.iter().flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let values = names.iter().map(|name| (name.clone(), Value::Null)).collect();
    let quality = names.into_iter().map(|name| (name, Quality::Stale)).collect();
    Reading { source: source.clone(), at: now, values, quality, stale: true }
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
