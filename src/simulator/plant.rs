//! Nodes and devices on simulated buses: sensor frames on their cycles, feedback frames, watchdogs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::channels::{ChannelMap, Device, FrameLayout, Link, Safe};
use crate::model::{Level, Mono, Name, Timestamp, Value};

use super::{Climate, Inputs};

/// A node whose frame has no cycle in the map sends this often.
const CYCLE: Duration = Duration::from_secs(2);
/// Feedback without a cycle.
const FEEDBACK: Duration = Duration::from_secs(1);
const SECOND: Duration = Duration::from_secs(1);
/// After a longer sleep the rooms go on from here, without catching up second by second.
const LONGEST: Duration = Duration::from_secs(60);

/// Every room that has something on a simulated bus.
#[derive(Debug)]
pub struct Plant {
    start: Timestamp,
    /// The rooms are integrated up to here.
    at: Mono,
    rooms: BTreeMap<Name, Climate>,
    senders: Vec<Sender>,
    devices: Vec<Actuator>,
    random: fastrand::Rng,
}

/// A frame that is sent on a cycle.
#[derive(Debug)]
struct Sender {
    room: Name,
    bus: BusId,
    id: CanId,
    frame: Arc<FrameLayout>,
    cycle: Duration,
    next: Mono,
    /// Feedback: signal and device that it tells of. Empty for a sensor.
    tells: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct Actuator {
    device: Device,
    /// In the command signal's unit.
    level: f64,
    commanded: Mono,
}

impl Plant {
    /// The nodes and devices of the map that are on simulated buses, at rest. The same seed gives the same frames.
    #[must_use]
    pub fn new(map: &ChannelMap, seed: u64, start: Timestamp) -> Plant {
        let simulated = |bus: BusId| map.buses.get(usize::from(bus.0)).is_some_and(|bus| bus.link == Link::Simulated);
        let mut plant = Plant {
            start,
            at: start.mono,
            rooms: BTreeMap::new(),
            senders: Vec::new(),
            devices: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
        };
        for node in map.nodes.iter().filter(|node| simulated(node.bus)) {
            let cycle = node.frame.cycle.unwrap_or(CYCLE);
            plant.sender(&node.source.room, (node.bus, node.id), &node.frame, cycle);
        }
        for device in map.devices.iter().filter(|device| simulated(device.command.bus)) {
            plant.rooms.entry(device.key.room.clone()).or_default();
            let at = plant.devices.len();
            if let Some(feedback) = &device.feedback {
                let cycle = feedback.frame.cycle.unwrap_or(FEEDBACK);
                let sender = plant.sender(&device.key.room, (feedback.bus, feedback.id), &feedback.frame, cycle);
                plant.senders[sender].tells.push((feedback.signal, at));
            }
            let mut actuator = Actuator { device: device.clone(), level: 0.0, commanded: start.mono };
            actuator.go_safe();
            plant.devices.push(actuator);
        }
        plant
    }

    fn sender(&mut self, room: &Name, (bus, id): (BusId, CanId), frame: &Arc<FrameLayout>, cycle: Duration) -> usize {
        self.rooms.entry(room.clone()).or_default();
        if let Some(at) = self.senders.iter().position(|sender| (sender.bus, sender.id) == (bus, id)) {
            return at;
        }
        let (room, frame) = (room.clone(), frame.clone());
        self.senders.push(Sender { room, bus, id, frame, cycle, next: self.start.mono, tells: Vec::new() });
        self.senders.len() - 1
    }

    /// Takes a command frame, if there is one, and gives the frames that are due until `now`, in the order of their times.
    pub fn step(&mut self, now: Timestamp, command: Option<&Frame>, out: &mut Vec<Frame>) {
        self.integrate(now.mono);
        if let Some(command) = command {
            self.command(now.mono, command);
        }
        for at in 0..self.senders.len() {
            let sender = &self.senders[at];
            if sender.next <= now.mono {
                let due = sender.next;
                out.extend(self.compose(at, due));
                let sender = &mut self.senders[at];
                sender.next = due + sender.cycle;
                // Asleep for long: what was missed is not made up for.
                if sender.next <= now.mono {
                    sender.next = now.mono + sender.cycle;
                }
            }
        }
        out.sort_by_key(|frame| frame.at.mono);
    }

    /// When `step` must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.senders.iter().map(|sender| sender.next).min()
    }

    fn integrate(&mut self, now: Mono) {
        if now.since(self.at) > LONGEST {
            self.at = now - LONGEST;
        }
        while self.at + SECOND <= now {
            self.at = self.at + SECOND;
            for actuator in &mut self.devices {
                if actuator.device.watchdog.is_some_and(|watchdog| actuator.commanded + watchdog < self.at) {
                    actuator.go_safe();
                }
            }
            for (room, climate) in &mut self.rooms {
                climate.second(&inputs(&self.devices, room));
            }
        }
    }

    fn command(&mut self, now: Mono, frame: &Frame) {
        for actuator in &mut self.devices {
            let command = &actuator.device.command;
            if (command.bus, command.id) != (frame.bus, frame.id) {
                continue;
            }
            let signal = &command.frame.signals[command.signal];
            let level = match signal.decode(frame.bytes()) {
                Ok(Value::Number(number)) => number,
                Ok(Value::Text(text)) => {
                    signal.values.iter().find(|(_, t)| *t == text).map_or(0.0, |(raw, _)| *raw as f64)
                }
                _ => continue,
            };
            (actuator.level, actuator.commanded) = (level, now);
        }
    }

    fn compose(&mut self, at: usize, due: Mono) -> Option<Frame> {
        let sender = &self.senders[at];
        let climate = self.rooms.get(&sender.room).copied().unwrap_or_default();
        let light = inputs(&self.devices, &sender.room).light;
        let mut data = [0_u8; 64];
        let data = &mut data[..usize::from(sender.frame.length).min(64)];
        for (position, signal) in sender.frame.signals.iter().enumerate() {
            let told = sender.tells.iter().find(|(signal, _)| *signal == position).map(|(_, device)| *device);
            let value = match told {
                Some(device) => self.devices[device].level,
                None => quantity(&signal.name, &climate, light) + noise(&mut self.random, &signal.name),
            };
            let value = signal.range.map_or(value, |(low, high)| value.clamp(low, high));
            let text = signal.values.iter().find(|(raw, _)| *raw as f64 == value.round()).map(|(_, text)| text.clone());
            // What a signal cannot say stays 0, as on a node that lacks the sensor.
            let _ = signal.encode(&text.map_or(Value::Number(value), Value::Text), data);
        }
        let sent = self.start + due.since(self.start.mono);
        Frame::data(sent, sender.bus, sender.id, data)
    }
}

impl Actuator {
    fn go_safe(&mut self) {
        let signal = &self.device.command.frame.signals[self.device.command.signal];
        let top = if signal.values.is_empty() { signal.range.map_or(1.0, |range| range.1) } else { 1.0 };
        match self.device.safe {
            Safe::Keep => {}
            Safe::At(Level::Off) => self.level = 0.0,
            Safe::At(Level::On) => self.level = top,
            Safe::At(Level::At(level)) => self.level = level,
        }
    }

    /// How much it does, 0 to 1.
    fn share(&self) -> f64 {
        let signal = &self.device.command.frame.signals[self.device.command.signal];
        let top = if signal.values.is_empty() { signal.range.map_or(1.0, |range| range.1) } else { 1.0 };
        (self.level / top).clamp(0.0, 1.0)
    }
}

fn inputs(devices: &[Actuator], room: &Name) -> Inputs {
    let mut on = Inputs { outside: 12.0, ..Inputs::default() };
    let mut has_lights = false;
    for actuator in devices.iter().filter(|actuator| actuator.device.key.room == *room) {
        let (share, name) = (actuator.share(), &*actuator.device.key.device);
        match (&*actuator.device.kind, name) {
            ("dimmer" | "light" | "lights", _) | (_, "lights") => (on.light, has_lights) = (share, true),
            ("fan", _) | (_, "exhaust") => on.exhaust = share,
            ("heater", _) | (_, "heater") => on.heater = share,
            (_, "dehumidifier") => on.dehumidifier = share,
            (_, "co2") => on.co2 = share,
            ("valve", _) => on.water = share,
            _ => {}
        }
    }
    // A room whose lamps are none of ours has its lamps on.
    if !has_lights {
        on.light = 1.0;
    }
    on
}

/// What a signal of that name shows; 0 where the model knows nothing of it.
fn quantity(name: &str, climate: &Climate, light: f64) -> f64 {
    match name {
        "temperature" => climate.temperature,
        "humidity" => climate.humidity(),
        "co2" => climate.co2,
        "ppfd" => 900.0 * light,
        "ec" => 2.2,
        "supply" => 12.1,
        "root_temperature" => climate.temperature - 1.5,
        _ if name.starts_with("vwc") => climate.water,
        _ => 0.0,
    }
}

fn noise(random: &mut fastrand::Rng, name: &str) -> f64 {
    let size = match name {
        "temperature" | "root_temperature" => 0.05,
        "humidity" | "vwc" => 0.2,
        "co2" => 3.0,
        _ => return 0.0,
    };
    (random.f64() * 2.0 - 1.0) * size
}

#[cfg(test)]
#[path = "plant_tests.rs"]
mod tests;
