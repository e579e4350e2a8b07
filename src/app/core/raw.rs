//! The raw frames of the map on their way out: at the start, when a bus comes up, when a node has booted, and when
//! another map asks for more.

use crate::app::Output;
use crate::can::{BusId, CanId, Frame};
use crate::channels::{ChannelMap, GREETING_TTL};
use crate::devices::GuardEvent;
use crate::model::Timestamp;

use super::{Core, CoreCounts};

impl Core {
    /// A bus takes frames, perhaps again: its nodes are told to begin, and its devices where they belong.
    pub fn connected(&mut self, now: Timestamp, bus: BusId, out: &mut Vec<Output>) {
        self.advance(now, out);
        self.greet(bus, out);
        self.guard(GuardEvent::Connected(bus), out);
        self.bus_is_up(bus, out);
    }

    /// A command did not leave in time, though its bus is up: it is decided anew.
    pub fn expired(&mut self, now: Timestamp, bus: BusId, id: CanId, out: &mut Vec<Output>) {
        self.advance(now, out);
        self.guard(GuardEvent::Expired(bus, id), out);
    }

    pub(super) fn greet(&mut self, bus: BusId, out: &mut Vec<Output>) {
        put(self.greeter.start(self.now, bus), &mut self.counts, out);
    }

    pub(super) fn greet_all(&mut self, out: &mut Vec<Output>) {
        for bus in 0..self.greeter.buses() {
            self.greet(BusId(bus), out);
        }
    }

    pub(super) fn welcome(&mut self, frame: &Frame, out: &mut Vec<Output>) {
        put(self.greeter.heard(self.now, frame), &mut self.counts, out);
    }

    pub(super) fn greet_anew(&mut self, map: &ChannelMap, out: &mut Vec<Output>) {
        put(self.greeter.reload(self.now, map), &mut self.counts, out);
    }
}

fn put(frames: impl IntoIterator<Item = Frame>, counts: &mut CoreCounts, out: &mut Vec<Output>) {
    for frame in frames {
        counts.raw_frames += 1;
        out.push(Output::Raw { frame, ttl: GREETING_TTL });
    }
}
