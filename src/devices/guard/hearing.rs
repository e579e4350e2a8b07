//! What the Guard hears: the feedback of devices, and the nodes that limits look at.

use crate::model::{Publication, Reading, SourceKind};

use super::{DeviceOut, Guard};

impl Guard {
    pub(super) fn reading(&mut self, reading: &Reading, out: &mut Vec<DeviceOut>) {
        if reading.source.kind != SourceKind::Device {
            return self.look(reading, out);
        }
        let Some(&at) = self.by_channel.get(&reading.source.channel) else { return };
        let image = self.devices[at].image;
        if reading.publication != Publication::Late {
            self.devices[at].hear(reading);
            // A frame shared with a device that keeps its state may have waited for this word, and so may other devices.
            self.refresh([at], out);
            self.confirm([at], out);
        }
        if reading.publication != Publication::HeldBack {
            self.say(at, Some(reading), out);
        }
        self.say_changes(image, out);
    }

    /// Whether a limit looks at what the reading is about.
    #[must_use]
    pub fn looks_at(&self, reading: &Reading) -> bool {
        self.readings.contains(reading)
    }

    /// A node's reading: a limit may look at it.
    fn look(&mut self, reading: &Reading, out: &mut Vec<DeviceOut>) {
        if reading.publication == Publication::Late {
            return;
        }
        let mut touched = Vec::new();
        self.readings.hear(self.now.mono, reading, &mut touched);
        if !touched.is_empty() {
            self.refresh(touched.iter().copied(), out);
            self.confirm(touched, out);
        }
    }
}
