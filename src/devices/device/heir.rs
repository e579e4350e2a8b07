//! What a device takes over from an earlier map: from its namesake, from who drove its bits, or as one that has left.

use crate::channels::Feedback;
use crate::channels::codec::Signal;
use crate::model::{Name, Quality};

use super::super::arbitration::Arbiter;
use super::super::level::Target;
use super::{Heard, Rest, Switched, Wish};

impl Switched {
    /// Takes over from the same device of an earlier map: who asks, and what it says. A request that the new command cannot
    /// say ends; how many did.
    pub(in crate::devices) fn inherit(&mut self, old: &Switched) -> usize {
        let ended = self.take_requests(&old.arbiter);
        self.said.clone_from(&old.said);
        (self.timing, self.fault, self.ramp) = (old.timing.clone(), old.fault.clone(), old.ramp.clone());
        (self.confirm, self.effect, self.check_at) = (old.confirm.clone(), old.effect.clone(), old.check_at);
        // The Gateway knows it by its name: it says of one that is silent already nothing more.
        if self.spec.feedback.is_some() && old.spec.feedback.is_some() && old.stale {
            (self.stale, self.heard) = (true, Heard::Bad(Quality::Stale));
        }
        if self.hears_where(old) {
            self.heard_at = old.heard_at;
            self.heard = match &old.heard {
                Heard::Good(_) if !self.hears_what(old) => Heard::Nothing,
                heard => heard.clone(),
            };
            if let Heard::Good(value) = &self.heard {
                // Said anew, as the bits of the command may be others.
                self.see(&value.clone());
            }
        }
        ended
    }

    /// Takes over the requests on the device of that name. One that the command cannot say ends; how many did.
    pub(in crate::devices) fn take_requests(&mut self, requests: &Arbiter) -> usize {
        let mut ended = 0;
        for held in requests.held() {
            let sayable = self.levels.resolve(held.level).is_ok();
            ended += usize::from(!sayable || self.arbiter.request(held.clone()).is_err());
        }
        ended
    }

    /// Takes over the state of the bits that it drives from what drove them under an earlier map, whoever that was.
    pub(in crate::devices) fn take_over(&mut self, old: &Switched) {
        let carry = |target: &Target| self.levels.carry(&old.levels, target);
        // One that rests elsewhere than where it was told to be has gone there: only a keeper is still as it was told.
        let told = if matches!(old.rest, Rest::Keep) { &old.commanded } else { &old.sent };
        let seen = old.seen.as_ref().filter(|_| self.hears_where(old) && self.hears_what(old)).map(carry);
        let (told, sent) = (told.as_ref().map(carry), old.sent.as_ref().map(carry));
        (self.commanded, self.sent) = (told, sent);
        self.before = old.before.as_ref().map(|(before, until)| (before.as_ref().map(carry), *until));
        self.seen = seen.or(self.seen.take());
    }

    /// Takes its state along from another address, where nobody has been told anything at this one: so does a node that is
    /// given another identifier.
    pub(in crate::devices) fn move_from(&mut self, old: &Switched) {
        let place = |device: &Switched| device.spec.command.signal().layout.bit_set();
        if place(self) == place(old) {
            self.take_over(old);
            self.sent = None;
        }
    }

    /// Whether its feedback is in the same bits of the same frame as the other's.
    fn hears_where(&self, other: &Switched) -> bool {
        let place = |feedback: &Feedback| (feedback.bus, feedback.id, feedback.frame.signals[feedback.signal].layout);
        self.spec.feedback.as_ref().map(place) == other.spec.feedback.as_ref().map(place)
    }

    /// Whether the bits of its feedback mean the same as the other's.
    fn hears_what(&self, other: &Switched) -> bool {
        let signal = |device: &Switched| {
            let feedback = device.spec.feedback.as_ref()?;
            Some(Signal { name: Name::default(), ..feedback.frame.signals[feedback.signal].clone() })
        };
        signal(self) == signal(other)
    }

    /// What stays in a frame of a device that has left, where `last` went out last; nothing, if nobody knows where it rests.
    pub(in crate::devices) fn ghost(&self, image: usize, last: Option<&[u8; 64]>) -> Option<Switched> {
        let mut ghost = Switched { ghost: true, ..Switched::new(self.spec.clone(), image) };
        (ghost.commanded, ghost.sent) = (self.commanded.clone(), self.sent.clone());
        ghost.before.clone_from(&self.before);
        ghost.seen = self.seen.clone().or(last.map(|last| self.levels.read(last)));
        (!matches!(ghost.wish(), Wish::Keep(None) | Wish::Unsayable(_))).then_some(ghost)
    }
}
