//! The devices that an instance has asked for and not let go. What it asked for before an edit stays for a while: the next
//! run of `each` says what of it is still wanted.

use std::time::Duration;

use crate::model::{DeviceKey, Mono};

/// What was asked for before an edit is let go after this, if no run has asked for it anew by then.
const PATIENCE: Duration = Duration::from_secs(120);

/// The devices of one instance.
#[derive(Debug, Default)]
pub(super) struct Held {
    devices: Vec<DeviceKey>,
    /// Asked for before an edit, and not since; when it is let go at the latest.
    inherited: Vec<(DeviceKey, Option<Mono>)>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.inherited.is_empty()
    }

    pub(super) fn ask(&mut self, device: &DeviceKey) {
        self.inherited.retain(|(known, _)| known != device);
        if !self.devices.contains(device) {
            self.devices.push(device.clone());
        }
    }

    pub(super) fn release(&mut self, device: &DeviceKey) {
        self.inherited.retain(|(known, _)| known != device);
        self.devices.retain(|known| known != device);
    }

    /// Hands all of it to the instance that goes on after an edit. A `latch` is in no hurry; nor do further edits give a
    /// device more time.
    pub(super) fn bequeath(&mut self, now: Mono, latch: bool) -> Held {
        let Held { devices, mut inherited } = std::mem::take(self);
        let limit = (!latch).then(|| now + PATIENCE);
        inherited.iter_mut().for_each(|(_, end)| *end = if latch { None } else { end.or(limit) });
        inherited.extend(devices.into_iter().map(|device| (device, limit)));
        Held { devices: Vec::new(), inherited }
    }

    /// What was asked for before an edit and not since; it is held no more.
    pub(super) fn leave(&mut self) -> Vec<DeviceKey> {
        std::mem::take(&mut self.inherited).into_iter().map(|(device, _)| device).collect()
    }

    /// That of it whose time is over.
    pub(super) fn overdue(&mut self, now: Mono) -> Vec<DeviceKey> {
        let over = |(_, end): &mut (DeviceKey, Option<Mono>)| end.is_some_and(|end| end <= now);
        self.inherited.extract_if(.., over).map(|(device, _)| device).collect()
    }

    /// Everything; nothing is held any more.
    pub(super) fn drain(&mut self) -> Vec<DeviceKey> {
        let inherited = self.leave();
        [std::mem::take(&mut self.devices), inherited].concat()
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.inherited.iter().filter_map(|(_, end)| *end).min()
    }
}
