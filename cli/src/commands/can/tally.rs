//! What went over some buses, by identifier: counts, rates and load. Pure: time comes with the frames.

use std::collections::BTreeMap;
use std::time::Duration;

use growctl_engine::can::{BusCounts, BusHealth, CanId, Frame, FrameKind, Rates, wire_time};
use serde::Serialize;

/// Identifiers kept for a bus; a node that makes them up must not fill the memory.
const MOST_IDS: usize = 4_096;

/// One bus.
#[derive(Debug, Default)]
pub(super) struct BusTally {
    ids: BTreeMap<(CanId, bool), IdTally>,
    /// Frames of identifiers beyond those that are kept.
    beyond: u64,
    frames: u64,
    unknown: u64,
    wire: Option<Duration>,
    /// As they were at the last row, for rates that are of the last second.
    before: (u64, Option<Duration>),
}

#[derive(Debug, Default)]
struct IdTally {
    frames: u64,
    before: u64,
    len: u8,
    kind: &'static str,
    /// `None`: there is no map.
    known: Option<Option<String>>,
}

/// One bus, to be shown.
#[derive(Debug, Serialize)]
pub(super) struct BusRow {
    pub(super) interface: String,
    #[serde(flatten)]
    pub(super) health: BusHealth,
    pub(super) frames: u64,
    pub(super) frames_per_second: f64,
    /// `null`: no bit rate is known.
    pub(super) load_percent: Option<f64>,
    pub(super) error_frames: u64,
    pub(super) lost: u64,
    pub(super) overruns: u64,
    /// Frames that the running engine of the site dropped; `null` if none runs on this interface.
    pub(super) engine_dropped: Option<u64>,
    /// Frames that the map does not know; `null` without a map.
    pub(super) unknown: Option<u64>,
    pub(super) ids: Vec<IdRow>,
    /// Frames of further identifiers.
    pub(super) other_ids: u64,
}

/// One identifier, to be shown.
#[derive(Debug, Serialize)]
pub(super) struct IdRow {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) length: u8,
    pub(super) frames: u64,
    pub(super) frames_per_second: f64,
    /// What the map calls it; `null`: it does not know it, or there is none.
    pub(super) name: Option<String>,
    /// `null` without a map.
    pub(super) known: Option<bool>,
}

impl BusRow {
    /// So many identifiers, those with the most frames, in their order.
    pub(super) fn busiest(&self, most: usize) -> Vec<&IdRow> {
        let mut at: Vec<usize> = (0..self.ids.len()).collect();
        at.sort_by_key(|at| std::cmp::Reverse(self.ids[*at].frames));
        at.truncate(most);
        at.sort_unstable();
        at.into_iter().map(|at| &self.ids[at]).collect()
    }
}

impl BusTally {
    /// Counts a frame; `name` finds what the map calls an identifier, asked once for each.
    pub(super) fn count(&mut self, frame: &Frame, rates: Rates, name: impl FnOnce(&Frame) -> Option<Option<String>>) {
        if frame.kind == FrameKind::Error {
            return;
        }
        self.frames += 1;
        if let Some(time) = wire_time(frame, rates) {
            *self.wire.get_or_insert_default() += time;
        }
        let remote = frame.kind == FrameKind::Remote;
        let key = (frame.id, remote);
        if self.ids.len() >= MOST_IDS && !self.ids.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let id = self.ids.entry(key).or_insert_with(|| IdTally { known: name(frame), ..IdTally::default() });
        id.frames += 1;
        id.len = frame.len_field();
        id.kind = match frame.kind {
            FrameKind::Fd { .. } => "fd",
            FrameKind::Remote => "remote",
            FrameKind::Data | FrameKind::Error => "data",
        };
        self.unknown += u64::from(id.known == Some(None) && !remote);
    }

    /// What came since the last call, over `span`.
    pub(super) fn row(&mut self, interface: &str, (health, counts): (BusHealth, BusCounts), span: Duration) -> BusRow {
        let per_second = |count: u64| round(count as f64 / span.as_secs_f64().max(0.001), 10.0);
        let (frames, wire) = (self.frames - self.before.0, self.wire);
        let load = wire.map(|wire| (wire - self.before.1.unwrap_or_default()).as_secs_f64() / span.as_secs_f64());
        self.before = (self.frames, wire);
        let has_map = self.ids.values().any(|id| id.known.is_some());
        let ids = self.ids.iter_mut().map(|((id, _), tally)| {
            let new = tally.frames - std::mem::replace(&mut tally.before, tally.frames);
            IdRow {
                id: id.to_string(),
                kind: tally.kind,
                length: tally.len,
                frames: tally.frames,
                frames_per_second: per_second(new),
                name: tally.known.clone().flatten(),
                known: tally.known.as_ref().map(Option::is_some),
            }
        });
        BusRow {
            interface: interface.to_owned(),
            health,
            frames: self.frames,
            frames_per_second: per_second(frames),
            load_percent: load.map(|load| round(load * 100.0, 10.0)),
            error_frames: counts.error_frames,
            lost: counts.lost,
            overruns: counts.overruns,
            engine_dropped: None,
            unknown: has_map.then_some(self.unknown),
            ids: ids.collect(),
            other_ids: self.beyond,
        }
    }
}

fn round(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use growctl_engine::can::{BusId, parse_line};
    use growctl_engine::model::Timestamp;

    fn frame(text: &str) -> Frame {
        let line = format!("(1.000000) can0 {text}");
        parse_line(&line).unwrap().unwrap().to_frame(Timestamp::default(), BusId(0))
    }

    #[test]
    fn rates_are_of_the_last_span_and_counts_of_all() {
        let mut tally = BusTally::default();
        let rates = Rates { bitrate: Some(48_000), data_bitrate: None };
        let name = |frame: &Frame| Some((frame.id.raw() == 0x555).then(|| "climate".to_owned()));
        let row = |tally: &mut BusTally| tally.row("can0", Default::default(), Duration::from_secs(2));
        for text in ["555#", "555#", "555#", "556#11", "20000040#0000000000000000"] {
            tally.count(&frame(text), rates, name);
        }
        row(&mut tally);
        (0..100).for_each(|_| tally.count(&frame("555#"), rates, name));
        let row = row(&mut tally);
        assert_eq!((row.frames, row.unknown, row.frames_per_second), (104, Some(1), 50.0));
        assert_eq!(row.load_percent, Some(5.0), "100 frames of 48 bits in 96,000");
        let ids: Vec<_> = row.ids.iter().map(|id| (&*id.id, id.frames, id.frames_per_second, id.known)).collect();
        assert_eq!(ids, [("0x555", 103, 50.0, Some(true)), ("0x556", 1, 0.0, Some(false))]);
    }

    #[test]
    fn identifiers_are_bounded_and_all_counted() {
        let mut tally = BusTally::default();
        for id in 0..5_000 {
            tally.count(&frame(&format!("{id:08X}#")), Rates::default(), |_| None);
        }
        let row = tally.row("can0", Default::default(), Duration::from_secs(1));
        assert_eq!((row.frames, row.ids.len() as u64 + row.other_ids, row.load_percent), (5_000, 5_000, None));
    }
}
