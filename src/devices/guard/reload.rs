//! Another map while the devices run: what is still there keeps its requests, its frame and its word; what is gone is sent
//! to its safe state once, at the address where it was.

use crate::channels::{ChannelMap, Device};
use crate::model::{DeviceKey, Timestamp};

use super::super::device::Switched;
use super::super::image::Image;
use super::{DeviceOut, Guard};

impl Guard {
    /// Goes over to another map. What changes for a device goes out at once, or with [`Guard::release_held`].
    pub fn reload(&mut self, now: Timestamp, map: &ChannelMap, out: &mut Vec<DeviceOut>) {
        self.now = now;
        let next = Guard { phase: self.phase, held: self.held.take(), ..Guard::new(map, now) };
        let mut old = std::mem::replace(self, next);
        for device in &mut self.devices {
            if let Some(before) = old.by_key.get(&device.spec.key) {
                device.inherit(&old.devices[*before]);
            }
        }
        for image in 0..self.images.len() {
            if let Some(before) = old.images.iter().find(|before| self.is_same(image, before, &old.devices)) {
                self.images[image].inherit(before);
            }
        }
        old.leave(self, out);
        self.counts = old.counts;
        let all = 0..self.devices.len();
        match &mut self.held {
            Some(held) => *held = all.collect(),
            None => self.refresh(all, out),
        }
        self.deadline = self.earliest();
    }

    /// Whether a frame is drawn from the same devices by the same layout as before: then what was sent last still stands.
    fn is_same(&self, image: usize, before: &Image, old: &[Switched]) -> bool {
        let image = &self.images[image];
        let specs = |members: &[usize], devices: &[Switched]| -> Vec<(DeviceKey, Device)> {
            members.iter().map(|&at| (devices[at].spec.key.clone(), devices[at].spec.clone())).collect()
        };
        let (now, then) = (specs(&image.members, &self.devices), specs(&before.members, old));
        (image.bus, image.id) == (before.bus, before.id)
            && now.len() == then.len()
            && now.iter().zip(&then).all(|((key, spec), (other, was))| key == other && is_alike(spec, was))
    }

    /// Sends each device that the next map does not have at the same address to its safe state, once.
    fn leave(&mut self, next: &Guard, out: &mut Vec<DeviceOut>) {
        let stays = |device: &Switched| {
            next.by_key.get(&device.spec.key).is_some_and(|&at| is_at(&next.devices[at].spec, &device.spec))
        };
        let gone: Vec<usize> = (0..self.devices.len()).filter(|&at| !stays(&self.devices[at])).collect();
        for &at in &gone {
            self.counts.released += self.devices[at].arbiter.clear() as u64;
        }
        let mut outs = Vec::new();
        self.refresh(gone, &mut outs);
        // Its channel is no more, and a last word on it would be a riddle: only the frames go out.
        out.extend(outs.into_iter().filter(|out| matches!(out, DeviceOut::Transmit { .. })));
    }
}

/// Whether two versions of a device take their commands in the same bits of the same frame.
fn is_at(a: &Device, b: &Device) -> bool {
    let signal = |device: &Device| device.command.frame.signals[device.command.signal].clone();
    (a.command.bus, a.command.id) == (b.command.bus, b.command.id) && signal(a) == signal(b)
}

/// Whether they are commanded by the same bytes, at the same pace, and rest in the same state.
fn is_alike(a: &Device, b: &Device) -> bool {
    is_at(a, b)
        && a.command.frame == b.command.frame
        && a.command.with == b.command.with
        && (a.safe, a.repeat) == (b.safe, b.repeat)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::*;
    use crate::can::CanId;
    use crate::channels::{ChannelMap, Safe};
    use crate::model::Level;

    const OTHER: CanId = CanId::Standard(0x311);

    fn reload(bench: &mut Bench, seconds: f64, map: &ChannelMap) {
        bench.out.clear();
        bench.guard.reload(at(seconds), map, &mut bench.out);
    }

    /// A bench on which the fan is asked to 60 and the pump on, and a map to change.
    fn asked() -> (Bench, ChannelMap) {
        let map = site(false);
        let mut bench = Bench::started(&map);
        bench.ask(1.0, &rule("a"), 50, &ask("exhaust", Level::At(60.0)));
        bench.ask(1.0, &rule("a"), 50, &ask("pump", Level::On));
        (bench, map)
    }

    #[test]
    fn the_same_map_is_not_noticed() {
        let (mut bench, map) = asked();
        reload(&mut bench, 2.0, &map);
        assert!(bench.out.is_empty(), "{:?}", bench.out);
        bench.due(6.0);
        assert_eq!(bench.frames(), [(FAN, vec![120, 1], 2)], "the repeat goes on at its pace");
        assert_eq!(bench.guard.status()[1].wanted, "on".into());
    }

    #[test]
    fn a_device_that_is_gone_is_sent_to_safe_once_and_the_others_stay() {
        let (mut bench, mut map) = asked();
        map.devices.retain(|device| &*device.key.device != "exhaust");
        reload(&mut bench, 2.0, &map);
        assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2)]);
        bench.due(60.0);
        assert!(bench.out.is_empty(), "{:?}", bench.out);
        let counts = bench.guard.counts();
        assert_eq!((counts.accepted, counts.released), (2, 1));
    }

    #[test]
    fn a_device_at_another_address_is_let_go_at_the_old_one_and_asked_at_the_new() {
        let (mut bench, mut map) = asked();
        let pump = map.devices.iter_mut().find(|device| &*device.key.device == "pump").unwrap();
        pump.command.id = OTHER;
        reload(&mut bench, 2.0, &map);
        // Its old frame once with it at safe; then both frames as the new map draws them.
        assert_eq!(bench.frames(), [(RELAYS, vec![0b010], 2), (OTHER, vec![0b001], 2), (RELAYS, vec![0b010], 1)]);
    }

    #[test]
    fn another_safe_state_goes_out_at_once() {
        let (mut bench, mut map) = asked();
        let heater = map.devices.iter_mut().find(|device| &*device.key.device == "heater").unwrap();
        heater.safe = Safe::At(Level::On);
        reload(&mut bench, 2.0, &map);
        assert_eq!(bench.frames(), [(RELAYS, vec![0b111], 2)]);
        assert_eq!(bench.updates().len(), 1, "{:?}", bench.updates());
    }

    #[test]
    fn of_what_happens_while_it_holds_only_the_net_effect_goes_out() {
        let (mut bench, _) = asked();
        assert!(bench.guard.hold() && !bench.guard.hold());
        bench.step(3.0, super::super::GuardEvent::ReleaseAll { requester: &rule("a") });
        bench.ask(3.0, &rule("a"), 50, &ask("exhaust", Level::At(60.0)));
        assert!(bench.out.is_empty(), "{:?}", bench.out);
        bench.guard.release_held(at(3.0), &mut bench.out);
        assert_eq!(bench.frames(), [(RELAYS, vec![0b010], 2)]);
        assert_eq!(bench.updates().len(), 1, "{:?}", bench.updates());
    }
}
