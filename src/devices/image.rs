//! The bytes of one command frame, which may be shared by several devices: drawn anew from what every device of it is
//! to be, so that no device's bits are ever left over from an earlier state of another.

use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::model::{Mono, Timestamp};

use super::device::{Switched, Wish};
use super::level::Target;

/// One command frame.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) bus: BusId,
    pub(super) id: CanId,
    length: usize,
    /// Positions of its devices, in the order of the map.
    pub(super) members: Vec<usize>,
    repeat: Option<Duration>,
    /// The bytes on their way or on the wire; `None` while nothing is to be said.
    sent: Option<[u8; 64]>,
    /// When they are sent again.
    pub(super) next: Option<Mono>,
    /// Why it cannot be sent.
    pub(super) held_back: Option<String>,
}

/// What an image is to say.
enum Drawn {
    /// These bytes, which tell each device this.
    Bytes([u8; 64], Vec<Target>),
    /// Every device of it keeps its state.
    Nothing,
}

impl Image {
    pub(super) fn new(bus: BusId, id: CanId) -> Image {
        Image { bus, id, length: 0, members: Vec::new(), repeat: None, sent: None, next: None, held_back: None }
    }

    /// The device at that position is in this frame.
    pub(super) fn add(&mut self, position: usize, device: &Switched) {
        self.members.push(position);
        self.length = self.length.max(usize::from(device.spec.command.frame.length)).min(64);
        self.repeat = device.repeat_within(self.repeat);
    }

    /// The device at that position has left, and its bits stay where they are, under those of the others.
    pub(super) fn haunt(&mut self, position: usize, ghost: &Switched) {
        self.members.insert(0, position);
        self.length = self.length.max(usize::from(ghost.spec.command.frame.length)).min(64);
    }

    /// The same frame went out under an earlier map.
    pub(super) fn inherit(&mut self, old: &Image) {
        (self.sent, self.next, self.held_back) = (old.sent, old.next, old.held_back.clone());
    }

    /// The frame, if it is to be sent now because it changed (or `anyway`), and how soon it must be on the wire.
    pub(super) fn refresh(
        &mut self,
        now: Timestamp,
        devices: &mut [Switched],
        anyway: bool,
    ) -> Option<(Frame, Duration)> {
        match self.draw(devices) {
            Ok(Drawn::Bytes(bytes, targets)) => {
                self.held_back = None;
                let ttl = self.ttl(devices, &targets);
                for (&member, target) in self.members.iter().zip(&targets) {
                    devices[member].note_sent(target);
                }
                if self.sent == Some(bytes) && !anyway {
                    return None;
                }
                self.sent = Some(bytes);
                self.next = self.repeat.map(|repeat| now.mono + repeat);
                Some((self.frame(now, &bytes)?, ttl))
            }
            Ok(Drawn::Nothing) => {
                // Forgotten, so that the next request is sent even if it is for the state that was sent last.
                (self.sent, self.next, self.held_back) = (None, None, None);
                None
            }
            Err(why) => {
                (self.sent, self.next, self.held_back) = (None, None, Some(why));
                None
            }
        }
    }

    /// The frame once more, if it is time.
    pub(super) fn repeat(&mut self, now: Timestamp, devices: &[Switched]) -> Option<(Frame, Duration)> {
        self.next.filter(|next| *next <= now.mono)?;
        self.next = self.repeat.map(|repeat| now.mono + repeat);
        let ttl = self.members.iter().map(|&member| devices[member].spec.ttl).min()?;
        Some((self.frame(now, &self.sent?)?, ttl))
    }

    /// Nothing is sent any more.
    pub(super) fn rest(&mut self) {
        self.next = None;
    }

    fn frame(&self, now: Timestamp, bytes: &[u8; 64]) -> Option<Frame> {
        Frame::data(now, self.bus, self.id, &bytes[..self.length])
    }

    fn draw(&self, devices: &[Switched]) -> Result<Drawn, String> {
        let wishes: Vec<Wish> = self.members.iter().map(|&member| devices[member].wish()).collect();
        if wishes.iter().all(|wish| matches!(wish, Wish::Keep(_))) {
            return Ok(Drawn::Nothing);
        }
        let members = || self.members.iter().map(|&member| &devices[member]);
        let mut bytes = [0; 64];
        // First what goes along, then each device's own signal, which therefore has the last word.
        for device in members() {
            let command = &device.spec.command;
            for (signal, value) in &command.with {
                command.frame.signals[*signal].encode(value, &mut bytes[..self.length])?;
            }
        }
        let mut targets = Vec::with_capacity(wishes.len());
        for (device, wish) in members().zip(wishes) {
            let target = target(device, wish)?;
            device.levels.write(&target, &mut bytes[..self.length])?;
            targets.push(target);
        }
        Ok(Drawn::Bytes(bytes, targets))
    }

    /// The smallest of the devices that are told something new; of all, if none is.
    fn ttl(&self, devices: &[Switched], targets: &[Target]) -> Duration {
        let all = || self.members.iter().map(|&member| &devices[member]).zip(targets);
        let news = all().filter(|(device, target)| device.is_news(target)).map(|(device, _)| device.spec.ttl).min();
        news.or_else(|| all().map(|(device, _)| device.spec.ttl).min()).unwrap_or_default()
    }
}

fn target(device: &Switched, wish: Wish) -> Result<Target, String> {
    let name = &device.spec.key;
    match wish {
        Wish::To(target) | Wish::Keep(Some(target)) => Ok(target),
        Wish::Keep(None) => Err(format!("{name} keeps its state, which is not known yet")),
        Wish::Unsayable(why) => Err(format!("the state of {name} cannot be sent: {why}")),
    }
}
