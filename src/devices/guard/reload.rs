//! Another map while the devices run: what is still there keeps its requests, its frame and its word; what is gone is sent
//! to its safe state once, at the address where it was. Bits keep their state, whoever drives them next.

use crate::channels::{ChannelMap, Command, Device};
use crate::model::{Mono, Timestamp};

use super::super::device::{Switched, Wish};
use super::super::image::{Image, Occasion};
use super::super::timing::Timing;
use super::{DeviceOut, Guard, Phase};

impl Guard {
    /// Goes over to another map. What changes for a device goes out at once, or with [`Guard::release_held`].
    pub fn reload(&mut self, now: Timestamp, map: &ChannelMap, out: &mut Vec<DeviceOut>) {
        self.now = now;
        let absent = std::mem::take(&mut self.absent);
        let expects_answers = self.expects_answers;
        let commands_from = self.commands_from.clone();
        let next = Guard {
            commands_from,
            phase: self.phase,
            held: self.held.take(),
            absent,
            expects_answers,
            saved_by: self.saved_by,
            ..Guard::new(map, now)
        };
        let mut old = std::mem::replace(self, next);
        for device in &mut self.devices {
            let namesake = old.by_key.get(&device.spec.key).map(|&at| &old.devices[at]);
            if let Some(before) = namesake {
                old.counts.released += device.inherit(before) as u64;
            } else {
                let requests = self.absent.take(&device.spec.key);
                old.counts.released += requests.map_or(0, |requests| device.take_requests(&requests)) as u64;
                device.timing = self.absent.recall(&device.spec.key).unwrap_or_default();
                if self.phase == Phase::Running {
                    device.timing.begin(now.mono, device.keeps());
                }
            }
            let command = &device.spec.command;
            let drove = old.devices.iter().find(|before| is_where(&before.spec.command, command));
            match (drove, namesake) {
                (Some(before), _) => device.take_over(before),
                (None, Some(before)) if !old.images.iter().any(|image| image.has_told(command)) => {
                    device.move_from(before);
                }
                (None, None) => {
                    let before = self.absent.recall_told(&device.spec.key);
                    let before = before.filter(|before| is_where(&before.spec.command, command));
                    before.into_iter().for_each(|before| device.take_over(&before));
                }
                (None, Some(_)) => {}
            }
            // Another range makes another number the one that is off.
            if let Some(on) = device.told().map(|told| device.levels.is_on(told)) {
                device.timing.found(now.mono, on);
            }
        }
        let empty = self.see_off(&mut old, out);
        self.counts = old.counts;
        self.readings.inherit(&old.readings);
        self.inherit_images(&old);
        self.remember_told(old.devices, &empty);
        let all = 0..self.devices.len();
        match &mut self.held {
            Some(held) => *held = all.collect(),
            None => self.refresh(all, out),
        }
        self.deadline = self.earliest();
    }

    /// What went out last at an address stands, where it is drawn in the same way.
    fn inherit_images(&mut self, old: &Guard) {
        for image in 0..self.images.len() {
            let (bus, id) = (self.images[image].bus, self.images[image].id);
            if let Some(before) = old.images.iter().find(|before| (before.bus, before.id) == (bus, id)) {
                let same = self.is_same(image, before, &old.devices);
                self.images[image].inherit(before, same);
            }
        }
    }

    /// Devices that have left with their frames are, when they are there again, as they were told last.
    fn remember_told(&mut self, devices: Vec<Switched>, empty: &[usize]) {
        self.absent.forget_told(&self.images);
        for leaver in devices.into_iter().filter(|leaver| empty.contains(&leaver.image)) {
            if !self.by_key.contains_key(&leaver.spec.key) {
                self.absent.remember_told(leaver);
            }
        }
    }

    /// Devices that are not commanded any more where they were rest in their safe state: in a frame that others use their
    /// bits stay so until somebody else drives them, a frame that nobody uses is sent once more. Those frames.
    fn see_off(&mut self, old: &mut Guard, out: &mut Vec<DeviceOut>) -> Vec<usize> {
        let mut empty = Vec::new();
        for leaver in &mut old.devices {
            let requests = leaver.arbiter.take();
            // Nobody is there to see to a limit any more.
            (leaver.permit, leaver.fault) = (None, None);
            // One that is still there has taken its requests along; one that had left before has nothing but its bits.
            if !leaver.ghost && !self.by_key.contains_key(&leaver.spec.key) {
                old.counts.released += self.absent.keep(leaver.spec.key.clone(), requests) as u64;
                self.absent.remember(leaver.spec.key.clone(), leaver.past_at_rest(self.now.mono));
            }
            let command = &leaver.spec.command;
            let last = old.images[leaver.image].last.as_ref();
            match self.images.iter().position(|image| (image.bus, image.id) == (command.bus, command.id)) {
                None => empty.push(leaver.image),
                // Before the start nothing has been said that would have to stay.
                Some(image) if self.phase != Phase::Gathering && self.is_free(image, command) => {
                    if let Some(ghost) = leaver.ghost(image, last) {
                        self.images[image].ghosts.insert(0, self.devices.len());
                        self.devices.push(ghost);
                    }
                }
                Some(_) => {}
            }
        }
        empty.sort_unstable();
        empty.dedup();
        for &image in &empty {
            old.transmit(image, Occasion::LastWord, out);
        }
        empty
    }

    /// Whether nobody who is there says anything in the bits of a command's own signal.
    fn is_free(&self, image: usize, command: &Command) -> bool {
        let own = command.signal().layout.bit_set();
        let meets = |bits: [u64; 8]| bits.iter().zip(&own).any(|(a, b)| a & b != 0);
        !self.images[image].members.iter().any(|&member| meets(self.devices[member].spec.command.bit_set()))
    }

    /// Whether a frame is drawn from the same devices by the same layout as before: then what was sent last still stands.
    fn is_same(&self, image: usize, before: &Image, old: &[Switched]) -> bool {
        let drawn = |image: &Image| image.ghosts.iter().chain(&image.members).copied().collect::<Vec<_>>();
        let (now, then) = (drawn(&self.images[image]), drawn(before));
        let is_same = |(now, then): (&usize, &usize)| {
            let (now, then) = (&self.devices[*now], &old[*then]);
            now.ghost == then.ghost && is_alike(&now.spec, &then.spec)
        };
        now.len() == then.len() && now.iter().zip(&then).all(is_same)
    }
}

impl Switched {
    /// Its past, once it rests where a device goes that nobody asks for.
    fn past_at_rest(&self, now: Mono) -> Timing {
        let mut past = self.timing.clone();
        if let Wish::To(target) | Wish::Keep(Some(target)) = self.at_rest() {
            past.found(now, self.levels.is_on(&target));
        }
        past
    }
}

/// Whether two commands drive the same bits of the same frame, whatever they mean by them.
fn is_where(a: &Command, b: &Command) -> bool {
    let bits = |command: &Command| command.signal().layout.bit_set();
    (a.bus, a.id) == (b.bus, b.id) && bits(a) == bits(b)
}

/// Whether they are one device, commanded by the same bytes, at the same pace, which rests in the same state.
fn is_alike(a: &Device, b: &Device) -> bool {
    let (here, there) = (&a.command, &b.command);
    a.key == b.key
        && (here.bus, here.id, here.signal) == (there.bus, there.id, there.signal)
        && here.frame == there.frame
        && here.with == there.with
        && (a.safe, a.repeat) == (b.safe, b.repeat)
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "reload_model_tests.rs"]
mod model_tests;
