//! The bytes of one command frame, which may be shared by several devices: drawn anew from what every device of it is
//! to be, so that no device's bits are ever left over from an earlier state of another.

use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::channels::Command;
use crate::model::{Mono, Timestamp, Value};

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
    /// Positions of devices that have left it, the earliest first.
    pub(super) ghosts: Vec<usize>,
    repeat: Option<Duration>,
    /// The bytes that went out last, 0 beyond the frame's end.
    pub(super) last: Option<[u8; 64]>,
    /// They are what is to be said still; `false` if nothing is, or if they are drawn in another way now.
    stands: bool,
    /// When they went out last.
    pub(super) sent_at: Option<Mono>,
    /// When they are sent again.
    pub(super) next: Option<Mono>,
    /// Why it cannot be sent.
    pub(super) held_back: Option<String>,
    /// Devices that the last frame told something new.
    pub(super) moved: Vec<usize>,
}

/// Why an image is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Something may have changed: it is sent if so.
    Change,
    /// It is sent in any case.
    Start,
    /// It is sent in any case, and nothing after it: the neighbours of a device whose state nobody knows do not wait.
    LastWord,
}

/// What an image is to say.
enum Drawn {
    /// These bytes, which tell each ghost and then each device this.
    Bytes([u8; 64], Vec<Target>),
    /// Every device of it keeps its state.
    Nothing,
}

impl Image {
    pub(super) fn new(bus: BusId, id: CanId) -> Image {
        let (members, ghosts) = (Vec::new(), Vec::new());
        Image {
            bus,
            id,
            length: 0,
            members,
            ghosts,
            repeat: None,
            last: None,
            stands: false,
            sent_at: None,
            next: None,
            held_back: None,
            moved: Vec::new(),
        }
    }

    /// The device at that position is in this frame.
    pub(super) fn add(&mut self, position: usize, device: &Switched) {
        self.members.push(position);
        self.length = self.length.max(usize::from(device.spec.command.frame.length)).min(64);
        self.repeat = device.repeat_within(self.repeat);
    }

    /// A frame went out at this address under an earlier map; `same` if it is drawn from the same devices in the same way.
    pub(super) fn inherit(&mut self, old: &Image, same: bool) {
        (self.last, self.sent_at) = (old.last, old.sent_at);
        if same {
            (self.stands, self.next, self.held_back) = (old.stands, old.next, old.held_back.clone());
        }
    }

    /// What went out last.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.last.as_ref().map(|last| &last[..self.length])
    }

    /// Whether frames with the bits of that command have gone out.
    pub(super) fn has_told(&self, command: &Command) -> bool {
        (self.bus, self.id) == (command.bus, command.id) && self.last.is_some()
    }

    /// The frame, if it is to be sent now, and how soon it must be on the wire.
    pub(super) fn refresh(
        &mut self,
        now: Timestamp,
        devices: &mut [Switched],
        occasion: Occasion,
    ) -> Option<(Frame, Duration)> {
        match self.draw(devices, occasion) {
            Ok(Drawn::Bytes(bytes, targets)) => {
                self.held_back = None;
                let ttl = self.ttl(devices, &targets);
                for (&at, target) in self.ghosts.iter().chain(&self.members).zip(&targets) {
                    if devices[at].note_sent(now.mono, target) {
                        self.moved.push(at);
                    }
                }
                if self.stands && self.last == Some(bytes) && occasion == Occasion::Change {
                    return None;
                }
                (self.last, self.stands, self.sent_at) = (Some(bytes), true, Some(now.mono));
                self.next = self.repeat.map(|repeat| now.mono + repeat);
                Some((self.frame(now, &bytes)?, ttl))
            }
            Ok(Drawn::Nothing) => {
                // Forgotten, so that the next request is sent even if it is for the state that was sent last.
                (self.stands, self.next, self.held_back) = (false, None, None);
                None
            }
            Err(why) => {
                (self.stands, self.next, self.held_back) = (false, None, Some(why));
                None
            }
        }
    }

    /// The frame once more, if it is time.
    pub(super) fn repeat(&mut self, now: Timestamp, devices: &[Switched]) -> Option<(Frame, Duration)> {
        self.next.filter(|next| *next <= now.mono)?;
        (self.next, self.sent_at) = (self.repeat.map(|repeat| now.mono + repeat), Some(now.mono));
        let ttl = self.members.iter().map(|&member| devices[member].spec.ttl).min()?;
        Some((self.frame(now, &self.last?)?, ttl))
    }

    /// Nothing is sent any more.
    pub(super) fn rest(&mut self) {
        self.next = None;
    }

    fn frame(&self, now: Timestamp, bytes: &[u8; 64]) -> Option<Frame> {
        Frame::data(now, self.bus, self.id, &bytes[..self.length])
    }

    fn draw(&self, devices: &[Switched], occasion: Occasion) -> Result<Drawn, String> {
        let all = || self.ghosts.iter().chain(&self.members).map(|&at| &devices[at]);
        let wishes: Vec<Wish> = all().map(Switched::wish).collect();
        if wishes.iter().all(|wish| matches!(wish, Wish::Keep(_))) {
            return Ok(Drawn::Nothing);
        }
        let target = |(device, wish)| self.target(device, wish, occasion);
        let targets = all().zip(wishes).map(target).collect::<Result<Vec<Target>, String>>()?;
        let mut bytes = [0; 64];
        let drawn = &mut bytes[..self.length];
        // What has left lies under all that is there: nothing living may look as somebody who is gone left it. Of a ghost
        // beyond the end of a frame that has become shorter, nothing is drawn.
        let gone = || all().zip(&targets).take(self.ghosts.len());
        for (ghost, _) in gone() {
            let _ = ghost.write_along(drawn);
        }
        for (ghost, target) in gone() {
            let _ = ghost.levels.write(target, drawn);
        }
        // Then what goes along, then each device's own signal, which therefore has the last word.
        let living = || all().zip(&targets).skip(self.ghosts.len());
        for (device, _) in living() {
            device.write_along(drawn)?;
        }
        for (device, target) in living() {
            device.levels.write(target, drawn)?;
        }
        Ok(Drawn::Bytes(bytes, targets))
    }

    fn target(&self, device: &Switched, wish: Wish, occasion: Occasion) -> Result<Target, String> {
        let name = &device.spec.key;
        match (wish, &self.last) {
            (Wish::To(target) | Wish::Keep(Some(target)), _) => Ok(target),
            // The node heard these bits with every frame so far. To hold the frame back would leave a neighbour where it is
            // not to be.
            (Wish::Keep(None), Some(last)) => Ok(device.levels.read(last)),
            // Nobody can put it right after the last word. Of a device that keeps its state, no state is dangerous by the
            // word of whoever wrote the map; of a neighbour that must be at `safe`, another one may be. So the neighbour
            // goes to safe at the price of a guess, and `off` is the guess that does the least.
            (Wish::Keep(None), None) if occasion == Occasion::LastWord => Ok(device.levels.off()),
            (Wish::Keep(None), None) => Err(format!("{name} keeps its state, which is not known yet")),
            (Wish::Unsayable(why), _) => Err(format!("the state of {name} cannot be sent: {why}")),
        }
    }

    /// The smallest of the devices that are told something new; of all, if none is.
    fn ttl(&self, devices: &[Switched], targets: &[Target]) -> Duration {
        let all = || self.members.iter().map(|&member| &devices[member]).zip(&targets[self.ghosts.len()..]);
        let news = all().filter(|(device, target)| device.is_news(target)).map(|(device, _)| device.spec.ttl).min();
        news.or_else(|| all().map(|(device, _)| device.spec.ttl).min()).unwrap_or_default()
    }
}

impl Switched {
    /// Writes what goes along with its own signal into the frame, as far as the frame reaches.
    ///
    /// The first that could not be written is the error; the others are written.
    fn write_along(&self, bytes: &mut [u8]) -> Result<(), String> {
        let command = &self.spec.command;
        let write = |(signal, value): &(usize, Value)| command.frame.signals[*signal].encode(value, bytes);
        command.with.iter().map(write).fold(Ok(()), Result::and)
    }
}
