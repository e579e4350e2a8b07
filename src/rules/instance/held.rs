//! The devices that an instance has asked for and not let go. What it asked for before an edit stays for a while: the next
//! run of `each` says what of it is still wanted.

use std::time::Duration;

use crate::model::{DeviceKey, DeviceRequest, Mono};

/// What was asked for before an edit is let go after this, if no run has asked for it anew by then.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request, and when it was made.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::rules) struct Wanted {
    pub(in crate::rules) request: DeviceRequest,
    pub(in crate::rules) at: Mono,
}

impl Wanted {
    fn is_of(&self, device: &DeviceKey) -> bool {
        self.request.device == *device
    }

    /// With what is left of its lease, if anything is.
    pub(super) fn rest(self, now: Mono) -> Option<DeviceRequest> {
        let Wanted { mut request, at } = self;
        request.lease = request.lease.map(|lease| (at + lease).since(now));
        (request.lease != Some(Duration::ZERO)).then_some(request)
    }

    fn lasts(&self, now: Mono) -> bool {
        self.request.lease.is_none_or(|lease| self.at + lease > now)
    }
}

/// The devices of one instance.
#[derive(Debug, Default)]
pub(super) struct Held {
    asked: Vec<Wanted>,
    /// Asked for before an edit, and not since; when it is let go at the latest.
    inherited: Vec<(Wanted, Option<Mono>)>,
    /// Asked for in `finally`: their leases end them, and they are not the instance's to let go.
    parting: Vec<Wanted>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.inherited.is_empty()
    }

    /// Whether it is another request than before.
    pub(super) fn ask(&mut self, request: &DeviceRequest, now: Mono) -> bool {
        self.inherited.retain(|(known, _)| !known.is_of(&request.device));
        self.parting.retain(|known| !known.is_of(&request.device));
        match self.asked.iter_mut().find(|known| known.is_of(&request.device)) {
            Some(known) => {
                known.at = now;
                let other = known.request != *request;
                if other {
                    known.request.clone_from(request);
                }
                other || request.lease.is_some()
            }
            None => {
                self.asked.push(Wanted { request: request.clone(), at: now });
                true
            }
        }
    }

    /// `finally` asks for it: a lease ends it.
    pub(super) fn part(&mut self, request: &DeviceRequest, now: Mono) {
        self.release(&request.device);
        self.parting.retain(|known| known.lasts(now));
        self.parting.push(Wanted { request: request.clone(), at: now });
    }

    pub(super) fn release(&mut self, device: &DeviceKey) {
        self.inherited.retain(|(known, _)| !known.is_of(device));
        self.asked.retain(|known| !known.is_of(device));
        self.parting.retain(|known| !known.is_of(device));
    }

    /// It was asked for by the rule as it was before it was edited, and stays until the rule as it is has asked.
    pub(super) fn take_over(&mut self, wanted: Wanted) {
        self.inherited.push((wanted, None));
    }

    /// Hands all of it to the instance that goes on after an edit. A `latch` is in no hurry; nor do further edits give a
    /// device more time.
    pub(super) fn bequeath(&mut self, now: Mono, latch: bool) -> Held {
        let Held { asked, mut inherited, parting } = std::mem::take(self);
        let limit = (!latch).then(|| now + PATIENCE);
        inherited.iter_mut().for_each(|(_, end)| *end = if latch { None } else { end.or(limit) });
        inherited.extend(asked.into_iter().map(|wanted| (wanted, limit)));
        Held { asked: Vec::new(), inherited, parting }
    }

    /// What was asked for before an edit and not since; it is held no more.
    pub(super) fn leave(&mut self) -> Vec<DeviceKey> {
        std::mem::take(&mut self.inherited).into_iter().map(|(wanted, _)| wanted.request.device).collect()
    }

    /// That of it whose time is over.
    pub(super) fn overdue(&mut self, now: Mono) -> Vec<DeviceKey> {
        let over = |(_, end): &mut (Wanted, Option<Mono>)| end.is_some_and(|end| end <= now);
        self.inherited.extract_if(.., over).map(|(wanted, _)| wanted.request.device).collect()
    }

    /// Everything that is its to let go; nothing is held any more.
    pub(super) fn drain(&mut self) -> Vec<DeviceKey> {
        let inherited = self.leave();
        let asked = std::mem::take(&mut self.asked).into_iter().map(|wanted| wanted.request.device);
        asked.chain(inherited).collect()
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.inherited.iter().filter_map(|(_, end)| *end).min()
    }

    /// What the episode asks for.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &Wanted> {
        self.asked.iter().chain(self.inherited.iter().map(|(wanted, _)| wanted))
    }

    /// What `finally` has asked for.
    pub(super) fn parting(&self) -> impl Iterator<Item = &Wanted> {
        self.parting.iter()
    }
}
