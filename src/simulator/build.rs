//! Puts a plant together from a channel map: a room for each that something simulated stands in, an actuator for each
//! device, a sender for each identifier.

use fastrand::Rng;

use crate::can::BusId;
use crate::channels::{ChannelMap, Device, Link};
use crate::model::{Mono, Name, SourceKind, Timestamp};

use super::actuator::{Actuator, Role};
use super::climate::Outside;
use super::plant::{GRID, Plant, PlantCounts, Target};
use super::room::Room;
use super::sender::Sender;

pub(super) fn plant(map: &ChannelMap, seed: u64, start: Timestamp) -> Plant {
    let rng = Rng::with_seed(seed);
    let mut builder = Builder { map, start: start.mono, rng, rooms: Vec::new(), plant: empty(start) };
    builder.devices();
    builder.nodes();
    builder.feedback();
    builder.furnish()
}

fn empty(start: Timestamp) -> Plant {
    Plant {
        now: start.mono,
        civil: start.utc.0.wrapping_sub(start.mono.0 as i64),
        next_tick: start.mono + GRID,
        rooms: Vec::new(),
        room_names: Vec::new(),
        outside: Outside::at(start.utc),
        actuators: Vec::new(),
        senders: Vec::new(),
        targets: Vec::new(),
        counts: PlantCounts::default(),
    }
}

struct Builder<'a> {
    map: &'a ChannelMap,
    start: Mono,
    rng: Rng,
    rooms: Vec<Name>,
    plant: Plant,
}

impl Builder<'_> {
    fn simulated(&self, bus: BusId) -> bool {
        self.map.buses.get(usize::from(bus.0)).is_some_and(|bus| bus.link == Link::Simulated)
    }

    fn room(&mut self, name: &Name) -> usize {
        self.rooms.iter().position(|room| room == name).unwrap_or_else(|| {
            self.rooms.push(name.clone());
            self.rooms.len() - 1
        })
    }

    fn devices(&mut self) {
        for device in &self.map.devices {
            if self.simulated(device.command.bus) || device.feedback.as_ref().is_some_and(|f| self.simulated(f.bus)) {
                self.device(device);
            }
        }
    }

    fn device(&mut self, device: &Device) {
        let room = self.room(&device.key.room);
        self.plant.actuators.push(Actuator::new(device.clone(), room, self.start));
        self.target(device.key.to_string().into(), None, Some(self.plant.actuators.len() - 1));
    }

    fn nodes(&mut self) {
        for node in &self.map.nodes {
            if self.simulated(node.bus) && node.source.kind == SourceKind::Node {
                let room = self.room(&node.source.room);
                let fan = |device: &Actuator| device.room == room && device.role == Role::Exhaust;
                let fan = self.plant.actuators.iter().position(fan);
                let sender = Sender::of_node(node, room, fan, &mut self.rng, self.start);
                let sender = self.sender(sender);
                self.target(node.source.name.clone(), Some(sender), None);
            }
        }
    }

    fn feedback(&mut self) {
        for device in 0..self.plant.actuators.len() {
            let actuator = &self.plant.actuators[device];
            let Some(feedback) = actuator.device.feedback.clone() else { continue };
            if self.simulated(feedback.bus) {
                let name = actuator.device.key.to_string().into();
                let sender = Sender::of_feedback(&feedback, actuator.room, device, &mut self.rng, self.start);
                let sender = self.sender(sender);
                self.plant.senders[sender].tell(feedback.signal, device);
                self.target(name, Some(sender), Some(device));
            }
        }
    }

    /// The position of the sender of that identifier, which is new or was there.
    fn sender(&mut self, sender: Sender) -> usize {
        let same = |other: &Sender| (other.bus, other.id) == (sender.bus, sender.id);
        self.plant.senders.iter().position(same).unwrap_or_else(|| {
            self.plant.senders.push(sender);
            self.plant.senders.len() - 1
        })
    }

    fn target(&mut self, name: Name, sender: Option<usize>, actuator: Option<usize>) {
        match self.plant.targets.iter_mut().find(|target| target.name == name) {
            Some(target) => target.senders.extend(sender),
            None => {
                let senders = sender.into_iter().collect();
                self.plant.targets.push(Target { name, fault: None, senders, actuator });
            }
        }
    }

    fn furnish(mut self) -> Plant {
        for room in 0..self.rooms.len() {
            let heater = |device: &Actuator| device.room == room && device.role == Role::Heater;
            self.plant.rooms.push(Room::new(self.plant.actuators.iter().any(heater)));
        }
        self.plant.room_names = self.rooms;
        self.plant
    }
}
