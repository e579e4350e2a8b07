//! Raw frames of the map, for nodes that must be told to begin: at the start, and when a node says that it has booted,
//! as CANopen's I/O blocks do. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::model::Timestamp;

use super::map::ChannelMap;

/// A raw frame not on the wire within this is dropped, as a command is.
pub const GREETING_TTL: Duration = Duration::from_secs(2);

/// What one bus is sent raw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Greetings {
    /// When growctl starts, and when the bus comes up again.
    pub on_start: Vec<Frame>,
    /// When a node has booted, by the identifier with which it says so.
    pub on_boot: BTreeMap<CanId, Vec<Frame>>,
}

/// The greetings of all buses, by `BusId`.
#[derive(Debug)]
pub struct Greeter(Vec<Greetings>);

impl Greeter {
    /// The greetings of a map.
    #[must_use]
    pub fn new(map: &ChannelMap) -> Greeter {
        Greeter(map.greetings.clone())
    }

    /// What a bus is sent at its start.
    pub fn start(&self, now: Timestamp, bus: BusId) -> impl Iterator<Item = Frame> {
        let frames = self.0.get(usize::from(bus.0)).into_iter().flat_map(|bus| &bus.on_start);
        frames.map(move |frame| stamped(now, frame))
    }

    /// What is sent upon a frame. A node that has booted sends its identifier with 00, or with nothing; its heartbeat with
    /// the same identifier says something else.
    pub fn heard(&self, now: Timestamp, frame: &Frame) -> impl Iterator<Item = Frame> {
        let bus = self.0.get(usize::from(frame.bus.0)).filter(|bus| !bus.on_boot.is_empty());
        let has_booted = frame.is_data() && matches!(frame.bytes(), [] | [0]);
        let frames = bus.filter(|_| has_booted).and_then(|bus| bus.on_boot.get(&frame.id)).into_iter().flatten();
        frames.map(move |frame| stamped(now, frame))
    }

    /// Goes over to another map: what is sent at the start and was not before.
    pub fn reload(&mut self, now: Timestamp, map: &ChannelMap) -> Vec<Frame> {
        let before = std::mem::replace(self, Greeter::new(map)).0;
        let known = |frame: &&Frame| before.iter().flat_map(|bus| &bus.on_start).any(|old| old == *frame);
        let new = self.0.iter().flat_map(|bus| &bus.on_start).filter(|frame| !known(frame));
        new.map(|frame| stamped(now, frame)).collect()
    }

    /// How many buses there are.
    #[must_use]
    pub fn buses(&self) -> u8 {
        u8::try_from(self.0.len()).unwrap_or(u8::MAX)
    }
}

fn stamped(now: Timestamp, frame: &Frame) -> Frame {
    let mut frame = *frame;
    frame.at = now;
    frame
}
