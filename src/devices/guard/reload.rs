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
                old.counts.released += device.inherit(&old.devices[*before]) as u64;
            }
        }
        self.see_off(&mut old, out);
        self.counts = old.counts;
        for image in 0..self.images.len() {
            if let Some(before) = old.images.iter().find(|before| self.is_same(image, before, &old.devices)) {
                self.images[image].inherit(before);
            }
        }
        let all = 0..self.devices.len();
        match &mut self.held {
            Some(held) => *held = all.collect(),
            None => self.refresh(all, out),
        }
        self.deadline = self.earliest();
    }

    /// Devices that are not commanded any more where they were rest in their safe state: in a frame that others use their
    /// bits stay so, a frame that nobody uses is sent once more.
    fn see_off(&mut self, old: &mut Guard, out: &mut Vec<DeviceOut>) {
        let mut empty = Vec::new();
        for at in 0..old.devices.len() {
            if self.devices.iter().any(|device| is_at(&device.spec, &old.devices[at].spec)) {
                continue;
            }
            let ended = old.devices[at].arbiter.clear() as u64;
            let leaver = &old.devices[at];
            // One that has only moved has taken its requests along.
            old.counts.released += if self.by_key.contains_key(&leaver.spec.key) { 0 } else { ended };
            let address = (leaver.spec.command.bus, leaver.spec.command.id);
            match self.images.iter().position(|image| (image.bus, image.id) == address) {
                None => empty.push(at),
                Some(image) => {
                    let position = self.devices.len();
                    if let Some(ghost) = leaver.ghost(image) {
                        self.images[image].haunt(position, &ghost);
                        self.devices.push(ghost);
                    }
                }
            }
        }
        let mut outs = Vec::new();
        old.refresh(empty, &mut outs);
        // Their channels are no more, and a last word on them would be a riddle: only the frames go out.
        out.extend(outs.into_iter().filter(|out| matches!(out, DeviceOut::Transmit { .. })));
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
        assert_eq!(bench.frames(), [(OTHER, vec![0b001], 2), (RELAYS, vec![0b010], 2)]);
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

    #[test]
    fn a_device_that_leaves_a_shared_frame_rests_there_and_its_neighbours_see_the_net_effect() {
        let (mut bench, mut map) = asked();
        map.devices.retain(|device| &*device.key.device != "valve");
        bench.out.clear();
        bench.guard.hold();
        bench.step(2.0, super::super::GuardEvent::ReleaseAll { requester: &rule("a") });
        bench.guard.reload(at(2.0), &map, &mut bench.out);
        bench.ask(2.0, &rule("a"), 50, &ask("pump", Level::On));
        assert_eq!(bench.frames(), [], "nothing before all has been asked");
        bench.guard.release_held(at(2.0), &mut bench.out);
        // The valve's safe state is on, in every frame from now on; the pump has never been off.
        assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2), (RELAYS, vec![0b011], 1)]);
        bench.ask(3.0, &rule("b"), 50, &ask("heater", Level::On));
        assert_eq!(bench.frames(), [(RELAYS, vec![0b111], 2)]);
        bench.ask(3.0, &rule("b"), 50, &ask("valve", Level::Off));
        assert_eq!((bench.refusals().len(), bench.guard.status().len()), (1, 3));
        for second in 4..9 {
            reload(&mut bench, f64::from(second), &map);
            assert!(bench.out.is_empty(), "{:?}", bench.out);
        }
        assert_eq!(bench.guard.devices.len(), 4, "it does not come twice");
        reload(&mut bench, 9.0, &site(false));
        assert_eq!(bench.frames(), [(RELAYS, vec![0b111], 1)], "it is back, and where it was");
    }

    #[test]
    fn a_request_that_the_new_command_cannot_say_ends_and_holds_nothing_back() {
        let (mut bench, mut map) = asked();
        let relay = map.devices.iter().find(|device| &*device.key.device == "valve").unwrap().command.clone();
        map.devices.retain(|device| &*device.key.device != "valve");
        let exhaust = map.devices.iter_mut().find(|device| &*device.key.device == "exhaust").unwrap();
        (exhaust.command, exhaust.safe, exhaust.repeat) = (relay, Safe::At(Level::Off), None);
        reload(&mut bench, 2.0, &map);
        bench.ask(3.0, &rule("b"), 50, &ask("heater", Level::On));
        assert_eq!(bench.frames(), [(RELAYS, vec![0b101], 2)]);
        assert_eq!(bench.guard.counts().released, 1);
    }
}
