//! The requests on devices that have left the map, and how long these have been off. A rule asks once, when its episode
//! begins: were they dropped, a map that is wrong for a moment would leave an episode that lasts and holds nothing. Nor does
//! such a map loosen a limit: a compressor that comes back at once has not rested.

use std::collections::BTreeMap;

use crate::model::{DeviceKey, Mono, Requester};

use super::super::arbitration::Arbiter;
use super::super::device::Switched;
use super::super::image::Image;
use super::super::timing::Timing;

/// Devices whose requests are kept. Nothing can be asked of a device that is not there, so there are never more than maps
/// have brought; the bound is for a map that is generated anew again and again.
const MOST: usize = 1_000;

/// Who asked for devices that are not there, and their past.
#[derive(Debug, Default)]
pub(super) struct Absent {
    requests: BTreeMap<DeviceKey, Arbiter>,
    past: BTreeMap<DeviceKey, Timing>,
    /// As they were told last, where nobody is in their frame any more.
    told: BTreeMap<DeviceKey, Switched>,
}

impl Absent {
    /// Keeps the requests on a device that leaves; how many it had to let go for want of room.
    pub(super) fn keep(&mut self, device: DeviceKey, requests: Arbiter) -> usize {
        if requests.held().is_empty() {
            return 0;
        }
        if self.requests.len() == MOST {
            return requests.held().len();
        }
        self.requests.insert(device, requests);
        0
    }

    /// The requests on a device that is there again.
    pub(super) fn take(&mut self, device: &DeviceKey) -> Option<Arbiter> {
        self.requests.remove(device)
    }

    /// Keeps how long a device that leaves has been on or off.
    pub(super) fn remember(&mut self, device: DeviceKey, past: Timing) {
        if self.past.len() < MOST {
            self.past.insert(device, past);
        }
    }

    /// The past of a device that is there again.
    pub(super) fn recall(&mut self, device: &DeviceKey) -> Option<Timing> {
        self.past.remove(device)
    }

    /// Keeps what a device was told last that leaves with its frame.
    pub(super) fn remember_told(&mut self, device: Switched) {
        if self.told.len() < MOST {
            self.told.insert(device.spec.key.clone(), device);
        }
    }

    /// A device that is there again, as it was when it left, if nobody has told its frame anything since.
    pub(super) fn recall_told(&mut self, device: &DeviceKey) -> Option<Switched> {
        self.told.remove(device)
    }

    /// Frames that are there have their bits from here on by themselves.
    pub(super) fn forget_told(&mut self, images: &[Image]) {
        let is_there = |device: &Switched| {
            let command = &device.spec.command;
            images.iter().any(|image| (image.bus, image.id) == (command.bus, command.id))
        };
        self.told.retain(|_, device| !is_there(device));
    }

    /// Ends a requester's request on one device; how many there were.
    pub(super) fn release(&mut self, requester: &Requester, device: &DeviceKey) -> usize {
        self.each(|key, requests| usize::from(key == device && requests.release(requester)))
    }

    /// Ends a requester's requests on every device; how many there were.
    pub(super) fn release_all(&mut self, requester: &Requester) -> usize {
        self.each(|_, requests| usize::from(requests.release(requester)))
    }

    /// Ends every request; how many there were.
    pub(super) fn clear(&mut self) -> usize {
        self.each(|_, requests| requests.clear())
    }

    /// Ends the leases that are over at `now`; how many there were.
    pub(super) fn advance(&mut self, now: Mono) -> usize {
        self.each(|_, requests| requests.advance(now))
    }

    /// When the next lease ends.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.requests.values().filter_map(Arbiter::next_deadline).min()
    }

    fn each(&mut self, mut end: impl FnMut(&DeviceKey, &mut Arbiter) -> usize) -> usize {
        let mut ended = 0;
        self.requests.retain(|device, requests| {
            ended += end(device, requests);
            !requests.held().is_empty()
        });
        ended
    }
}
