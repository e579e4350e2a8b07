//! The devices that an instance has asked for and not let go. What it asked for before an edit stays for a while: the next
//! run of `each` says what of it is still wanted.

use std::time::Duration;

use crate::model::{DeviceKey, Mono};

/// What was asked for before an edit is let go after this, if no `each` has run by then.
const PATIENCE: Duration = Duration::from_secs(120);

/// The devices of one instance.
#[derive(Debug, Default)]
pub(super) struct Held {
    devices: Vec<DeviceKey>,
    /// Asked for before an edit, and not since.
    inherited: Vec<DeviceKey>,
    /// When those are let go at the latest.
    until: Option<Mono>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.inherited.is_empty()
    }

    pub(super) fn ask(&mut self, device: &DeviceKey) {
        self.inherited.retain(|known| known != device);
        if !self.devices.contains(device) {
            self.devices.push(device.clone());
        }
    }

    pub(super) fn release(&mut self, device: &DeviceKey) {
        self.inherited.retain(|known| known != device);
        self.devices.retain(|known| known != device);
    }

    /// Hands all of it to the instance that goes on after an edit.
    pub(super) fn bequeath(&mut self, now: Mono) -> Held {
        let Held { devices, inherited, .. } = std::mem::take(self);
        let inherited = [devices, inherited].concat();
        let until = (!inherited.is_empty()).then(|| now + PATIENCE);
        Held { devices: Vec::new(), inherited, until }
    }

    /// What was asked for before an edit and not since; it is held no more.
    pub(super) fn leave(&mut self) -> Vec<DeviceKey> {
        self.until = None;
        std::mem::take(&mut self.inherited)
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.until
    }
}
