//! Another map while the plant runs: rooms keep their air, devices their place, sensors their errors and their pace. What
//! is new begins as in a new plant.

use crate::channels::ChannelMap;
use crate::model::Timestamp;

use super::plant::Plant;

impl Plant {
    /// Goes over to another map; the plant has been advanced to `now`.
    pub fn reload(&mut self, map: &ChannelMap, now: Timestamp) {
        let mut next = Plant::new(map, 1, now);
        for (name, room) in next.room_names.iter().zip(&mut next.rooms) {
            if let Some(at) = self.room_names.iter().position(|old| old == name) {
                room.clone_from(&self.rooms[at]);
            }
        }
        for actuator in &mut next.actuators {
            if let Some(old) = self.actuators.iter().find(|old| old.device.key == actuator.device.key) {
                actuator.inherit(old);
            }
        }
        for sender in &mut next.senders {
            if let Some(old) = self.senders.iter().find(|old| (old.bus, old.id) == (sender.bus, sender.id)) {
                sender.inherit(old);
            }
        }
        for target in &mut next.targets {
            target.fault = self.targets.iter().find(|old| old.name == target.name).and_then(|old| old.fault);
        }
        next.spread_faults();
        (next.now, next.next_tick, next.counts) = (self.now, self.next_tick, self.counts);
        *self = next;
    }
}

#[cfg(test)]
mod tests {
    use super::super::FaultKind;
    use super::super::fixture::{at, site};
    use super::*;
    use crate::can::Frame;

    /// The same map again changes nothing: what is sent afterwards is what would have been sent.
    #[test]
    fn a_reload_of_the_same_map_is_not_noticed() {
        let map = site();
        let (mut one, mut other) = (Plant::new(&map, 1, at(0.0)), Plant::new(&map, 1, at(0.0)));
        let target = one.targets[0].name.clone();
        let (mut sent, mut wanted) = (Vec::<Frame>::new(), Vec::new());
        for second in 1..120 {
            let now = at(f64::from(second));
            if second == 30 {
                one.fault(&target, Some(FaultKind::Silent)).unwrap();
                other.fault(&target, Some(FaultKind::Silent)).unwrap();
            }
            one.step(now, None, &mut sent);
            other.step(now, None, &mut wanted);
            if second % 40 == 7 {
                one.reload(&map, now);
            }
        }
        assert!(!wanted.is_empty());
        assert_eq!(sent, wanted);
    }
}
