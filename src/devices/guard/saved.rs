//! What the Guard remembers over a restart.

use std::time::Duration;

use crate::channels::Limits;
use crate::model::{DeviceKey, Requester, Saved, Shelf, Timestamp};

use super::super::device::Switched;
use super::super::saved::{Kept, SavedDevice};
use super::{Guard, Phase};

/// A clock that goes ahead or back by more than this has been set.
const CLOCK_SET: Duration = Duration::from_secs(1);

impl Guard {
    /// What has changed since the last call and is to outlive a restart; all of it once somebody has set the clock, as civil
    /// times are all that the next run knows.
    pub fn drain_saved(&mut self, now: Timestamp, into: &mut Vec<Saved>) {
        let clock_set = self.saved_by.is_some_and(|before| before.jumped_until(now) > CLOCK_SET);
        if clock_set || self.saved_by.is_none() {
            self.saved_by = Some(now);
        }
        for device in self.devices.iter_mut().filter(|device| !device.ghost) {
            let mut kept = device.worth_keeping();
            // The requests that end with a stop end as they would have without it.
            if self.phase == Phase::Stopped {
                kept.manual.clone_from(&device.kept.manual);
            }
            if kept == device.kept && (!clock_set || kept == Kept::default()) {
                continue;
            }
            let value = (kept != Kept::default()).then(|| SavedDevice::of(now, &kept));
            let value = value.and_then(|saved| serde_json::to_string(&saved).ok());
            let key = (device.spec.key.room.clone(), device.spec.key.device.clone());
            into.push(Saved { shelf: Shelf::Devices, key, value });
            device.kept = kept;
        }
    }

    /// Takes back what was saved before a restart, before [`super::GuardEvent::Start`]; what cannot be read, in words.
    pub fn restore(&mut self, now: Timestamp, saved: &[Saved]) -> Vec<String> {
        (self.now, self.saved_by) = (now, Some(now));
        let mut unread = Vec::new();
        for one in saved.iter().filter(|one| one.shelf == Shelf::Devices) {
            let key = DeviceKey { room: one.key.0.clone(), device: one.key.1.clone() };
            let (Some(&at), Some(value)) = (self.by_key.get(&key), &one.value) else { continue };
            match serde_json::from_str::<SavedDevice>(value) {
                Ok(saved) => self.take_back(at, now, &saved),
                Err(why) => unread.push(format!("what was saved of {key} cannot be read, it starts anew: {why}")),
            }
        }
        self.deadline = self.earliest();
        unread
    }

    fn take_back(&mut self, at: usize, now: Timestamp, saved: &SavedDevice) {
        let device = &mut self.devices[at];
        device.timing = saved.timing(now, &device.spec.limits);
        for held in saved.requests.iter().filter_map(|request| request.held(now)) {
            let sayable = device.levels.resolve(held.level).is_ok();
            if sayable && device.arbiter.request(held).is_ok() {
                self.counts.received += 1;
                self.counts.accepted += 1;
            }
        }
        device.kept = if saved.is_ahead_of(now) { Kept::default() } else { device.worth_keeping() };
    }
}

impl Switched {
    fn worth_keeping(&self) -> Kept {
        let limits = &self.spec.limits;
        let timed =
            Limits { min_on: limits.min_on, min_off: limits.min_off, max_on: limits.max_on, ..Limits::default() };
        let timed = timed != Limits::default() || limits.max_starts_per_hour.is_some();
        let manual = |held: &&super::super::Held| !matches!(held.requester, Requester::Rule { .. });
        Kept {
            timing: if timed { self.timing.clone() } else { Default::default() },
            manual: self.arbiter.held().iter().filter(manual).cloned().collect(),
        }
    }
}
