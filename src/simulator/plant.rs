//! The plant of a site: rooms, devices and the frames that tell of them, advanced from event to event.

use std::time::Duration;

use crate::can::Frame;
use crate::channels::ChannelMap;
use crate::files::closest;
use crate::model::{Mono, Name, Timestamp, Utc};

use super::actuator::Actuator;
use super::build;
use super::climate::Outside;
use super::fault::FaultKind;
use super::room::{Controls, Room};
use super::sender::{Sender, World};

/// The balances advance on a fixed grid from the start, whenever and however often somebody asks: an hour that was slept
/// through costs about a millisecond a room. The grid itself wakes nobody.
pub(super) const GRID: Duration = Duration::from_secs(1);

/// What became of the frames of the plant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlantCounts {
    /// Frames sent.
    pub sent: u64,
    /// Regular frames passed over, because nobody called for longer than a cycle.
    pub skipped: u64,
    /// Frames not sent, because their node or device is made silent.
    pub silenced: u64,
    /// Frames taken that are a device's command.
    pub commands: u64,
    /// Frames taken that no device of the plant listens to.
    pub unheard: u64,
}

/// A node by its name, or a device as `Room/device`, that may be made to fail.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: Name,
    pub(super) fault: Option<FaultKind>,
    pub(super) senders: Vec<usize>,
    pub(super) actuator: Option<usize>,
}

/// Every node and device of a site that is on a bus with `simulate: true`, in rooms that react.
///
/// Time never goes back. Whoever owns it calls [`Plant::step`] at [`Plant::next_deadline`]
/// and at every command; when it is called in between makes no difference to any frame.
#[derive(Clone, Debug)]
pub struct Plant {
    pub(super) now: Mono,
    /// Civil less monotonic time, ns, as the last step had it.
    pub(super) civil: i64,
    pub(super) next_tick: Mono,
    pub(super) rooms: Vec<Room>,
    pub(super) room_names: Vec<Name>,
    pub(super) outside: Outside,
    pub(super) actuators: Vec<Actuator>,
    pub(super) senders: Vec<Sender>,
    pub(super) targets: Vec<Target>,
    pub(super) counts: PlantCounts,
}

enum Event {
    GiveUp(usize),
    Tick,
    Send(usize),
}

impl Plant {
    /// The plant behind the simulated buses of a map. Sensors differ by `seed`. All nodes speak at `start`.
    #[must_use]
    pub fn new(map: &ChannelMap, seed: u64, start: Timestamp) -> Plant {
        build::plant(map, seed, start)
    }

    /// Advances to `now`, emits the frames due until then in the order of time, each stamped with its own moment; then
    /// takes the command, if there is one, and emits the feedback of devices that begin to move.
    ///
    /// Whoever sleeps longer than a node's cycle gets one frame of it, not a burst; the rest is counted as skipped.
    pub fn step(&mut self, now: Timestamp, command: Option<&Frame>, out: &mut Vec<Frame>) {
        let mono = now.mono.max(self.now);
        self.civil = now.utc.0.wrapping_sub(now.mono.0 as i64);
        for sender in &mut self.senders {
            self.counts.skipped += sender.skip(mono);
        }
        while let Some((at, event)) = self.next_event(mono) {
            self.now = at;
            match event {
                Event::GiveUp(device) => {
                    let moved = self.actuators[device].give_up(at);
                    self.report(at, moved.then_some(device).as_slice(), out);
                }
                Event::Tick => self.tick(at),
                Event::Send(sender) => self.send(sender, at, out),
            }
        }
        self.now = mono;
        if let Some(frame) = command {
            self.command(mono, frame, out);
        }
    }

    /// When the next frame is due; `None` if the plant has nothing to say.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let watchdogs = self.actuators.iter().filter_map(|actuator| actuator.watchdog);
        self.senders.iter().map(Sender::next).chain(watchdogs).min()
    }

    /// What became of its frames so far.
    #[must_use]
    pub fn counts(&self) -> PlantCounts {
        self.counts
    }

    /// Makes a node (`FR-C1`) or a device (`Flower Room/exhaust`) fail from now on, or (`None`) makes it well again.
    ///
    /// # Errors
    /// Nothing of that name is simulated; the text says what may be meant.
    pub fn fault(&mut self, target: &str, kind: Option<FaultKind>) -> Result<(), String> {
        let names = self.targets.iter().map(|target| &*target.name);
        let Some(found) = self.targets.iter().position(|at| &*at.name == target) else {
            let meant = closest(target, names).map(|near| format!(", did you mean '{near}'?")).unwrap_or_default();
            return Err(format!("no simulated node or device is called '{target}'{meant}"));
        };
        self.targets[found].fault = kind;
        self.spread_faults();
        Ok(())
    }

    /// What is made to fail at the moment.
    pub fn faults(&self) -> impl Iterator<Item = (&Name, FaultKind)> {
        self.targets.iter().filter_map(|target| target.fault.map(|kind| (&target.name, kind)))
    }

    /// Several nodes and devices may share a sender: it fails while one of them does, the worst of them first.
    pub(super) fn spread_faults(&mut self) {
        for sender in &mut self.senders {
            sender.fault = None;
        }
        for target in &self.targets {
            let Some(kind) = target.fault else { continue };
            if let (Some(device), FaultKind::Stuck) = (target.actuator, kind) {
                self.actuators[device].jam(self.now);
                continue;
            }
            for sender in &target.senders {
                let fault = &mut self.senders[*sender].fault;
                *fault = Some(fault.map_or(kind, |other| other.min(kind)));
            }
        }
        for target in &self.targets {
            if let (Some(device), true) = (target.actuator, target.fault != Some(FaultKind::Stuck)) {
                self.actuators[device].stuck = false;
            }
        }
    }

    /// Of what happens until `now`, the first; at one moment watchdogs come first, then the balances, then frames.
    fn next_event(&self, now: Mono) -> Option<(Mono, Event)> {
        let mut first = (self.next_tick, Event::Tick);
        for (i, actuator) in self.actuators.iter().enumerate() {
            if actuator.watchdog.is_some_and(|at| at <= first.0) {
                first = (actuator.watchdog?, Event::GiveUp(i));
            }
        }
        for (i, sender) in self.senders.iter().enumerate() {
            if sender.next() < first.0 {
                first = (sender.next(), Event::Send(i));
            }
        }
        (first.0 <= now).then_some(first)
    }

    fn utc(&self, at: Mono) -> Utc {
        Utc((at.0 as i64).wrapping_add(self.civil))
    }

    fn tick(&mut self, at: Mono) {
        let utc = self.utc(at);
        self.outside = Outside::at(utc);
        for (number, room) in self.rooms.iter_mut().enumerate() {
            let mut controls = Controls::default();
            self.actuators
                .iter()
                .filter(|device| device.room == number)
                .for_each(|device| device.act(at, &mut controls));
            room.tick(GRID.as_secs_f64(), utc, &self.outside, &controls);
        }
        self.next_tick = at + GRID;
    }

    fn send(&mut self, sender: usize, at: Mono, out: &mut Vec<Frame>) {
        let stamp = Timestamp { mono: at, utc: self.utc(at) };
        let world = World { rooms: &self.rooms, actuators: &self.actuators, outside: &self.outside };
        match self.senders[sender].compose(stamp, &world) {
            Some(frame) => {
                self.counts.sent += 1;
                out.push(frame);
            }
            None => self.counts.silenced += 1,
        }
        self.senders[sender].sent(at);
    }

    fn command(&mut self, now: Mono, frame: &Frame, out: &mut Vec<Frame>) {
        let mut heard = false;
        let mut moved = Vec::new();
        for (i, actuator) in self.actuators.iter_mut().enumerate() {
            if frame.is_data() && actuator.listens_to(frame.bus, frame.id) {
                heard = true;
                if actuator.command(now, frame) {
                    moved.push(i);
                }
            }
        }
        *(if heard { &mut self.counts.commands } else { &mut self.counts.unheard }) += 1;
        self.report(now, &moved, out);
    }

    /// Devices that begin to move say so at once, and again when they will have arrived.
    fn report(&mut self, now: Mono, moved: &[usize], out: &mut Vec<Frame>) {
        for sender in 0..self.senders.len() {
            let told = |device: &&usize| self.senders[sender].tells(**device);
            let told: Vec<usize> = moved.iter().filter(told).copied().collect();
            if !told.is_empty() {
                self.send(sender, now, out);
                self.senders[sender].extra = told.iter().filter_map(|device| self.actuators[*device].arrival()).max();
            }
        }
    }
}
