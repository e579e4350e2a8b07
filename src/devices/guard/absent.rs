//! The requests on devices that have left the map. A rule asks once, when its episode begins: were they dropped, a map that
//! is wrong for a moment would leave an episode that lasts and holds nothing.

use std::collections::BTreeMap;

use crate::model::{DeviceKey, Mono, Requester};

use super::super::arbitration::Arbiter;

/// Devices whose requests are kept. Nothing can be asked of a device that is not there, so there are never more than maps
/// have brought; the bound is for a map that is generated anew again and again.
const MOST: usize = 1_000;

/// Who asked for devices that are not there.
#[derive(Debug, Default)]
pub(super) struct Absent(BTreeMap<DeviceKey, Arbiter>);

impl Absent {
    /// Keeps the requests on a device that leaves; how many it had to let go for want of room.
    pub(super) fn keep(&mut self, device: DeviceKey, requests: Arbiter) -> usize {
        if requests.held().is_empty() {
            return 0;
        }
        if self.0.len() == MOST {
            return requests.held().len();
        }
        self.0.insert(device, requests);
        0
    }

    /// The requests on a device that is there again.
    pub(super) fn take(&mut self, device: &DeviceKey) -> Option<Arbiter> {
        self.0.remove(device)
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
        self.0.values().filter_map(Arbiter::next_deadline).min()
    }

    fn each(&mut self, mut end: impl FnMut(&DeviceKey, &mut Arbiter) -> usize) -> usize {
        let mut ended = 0;
        self.0.retain(|device, requests| {
            ended += end(device, requests);
            !requests.held().is_empty()
        });
        ended
    }
}
