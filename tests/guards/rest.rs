//! What is asked of the frames whatever the limits are: their rhythm, and where devices rest that nobody asks for.

use super::checker::Checker;
use super::reading::Device;

impl Checker {
    /// While frames are to be repeated, they are.
    pub(crate) fn rhythm(&mut self) {
        let ids: Vec<u32> = self.map.devices.values().map(|device| device.bits.id).collect();
        for id in ids {
            let here = || self.map.devices.values().filter(|device| device.bits.id == id);
            // A frame whose devices all keep their state is not always to be said; one beside a keeper may wait for it.
            let Some(repeat) = here().filter(|device| device.safe.is_some()).filter_map(|device| device.repeat).min()
            else {
                continue;
            };
            let waits = here().any(|device| device.safe.is_none()) && !self.frames.contains_key(&id);
            let last = self.frames.get(&id).copied().unwrap_or(self.begun);
            if !waits && self.now > last + repeat {
                let device = here().next().expect("there is one").clone();
                self.fail(&device, format!("repeat: nothing for {} ms", (self.now - last) / 1_000_000));
            }
        }
    }

    /// Who has left the map in this run is where it rests, but in a frame that may wait for one that keeps its state.
    pub(crate) fn left_at_safe(&mut self) {
        let keepers = |device: &Device| {
            let mut here = self.map.devices.values().chain(self.gone.values());
            here.any(|other| other.bits.id == device.bits.id && other.safe.is_none())
        };
        let told = |device: &Device| self.past[&device.name].told.filter(|told| Some(*told) != device.safe);
        let stays =
            |device: &&Device| self.left[&device.name] > self.begun && told(device).is_some() && !keepers(device);
        if let Some(device) = self.gone.values().find(stays).cloned() {
            let told = self.past[&device.name].told;
            self.fail(&device, format!("has left the map, and is at {told:?}"));
        }
    }

    pub(crate) fn at_rest(&mut self) {
        let devices: Vec<Device> = self.map.devices.values().cloned().collect();
        // One that is on at rest may have been switched on too often.
        let waits = |device: &&Device| device.starts.is_some() && device.safe != Some(device.off);
        for device in devices.iter().filter(|device| device.safe.is_some() && !waits(device)) {
            let told = self.past[&device.name].told;
            if told != device.safe {
                self.fail(device, format!("nobody asks, and it is at {told:?}"));
            }
        }
    }
}
