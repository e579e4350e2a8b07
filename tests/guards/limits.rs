//! What each limit asks of the frames, by the reference.

use super::checker::{Checker, HOUR};
use super::reading::{Condition, Device, Feedback, Need};

const STEP: u64 = 250_000_000;
/// Over a restart times are kept to the microsecond.
const ROUNDING: u64 = 1_000;
/// At fault, a device is tried again after this.
const REST: u64 = 600_000_000_000;

impl Checker {
    /// A device was told something else at this moment, `on` or not.
    pub(crate) fn moved(&mut self, device: &Device, past: &super::checker::Past, on: bool) {
        let now = self.now;
        match (past.on, on) {
            (false, true) => self.started(device, past),
            (true, false) => {
                let since = past.since.unwrap_or(0);
                if now < since + device.min_on
                    && !self.may_be_forced(device)
                    && !past.untold
                    && !past.resumed
                    && since != self.changed
                    // Of one that is there again nobody knows how it is now: it had gone to where it rests.
                    && self.joined[&device.name] != now
                {
                    self.fail(device, format!("min_on: on for {} ms", (now - since) / 1_000_000));
                }
            }
            _ => {}
        }
        self.ramp(device, past);
    }

    fn started(&mut self, device: &Device, past: &super::checker::Past) {
        let now = self.now;
        let since = past.since.unwrap_or_else(|| self.known_since(device));
        if now + ROUNDING < since + device.min_off {
            self.fail(device, format!("min_off: off for {} ms", (now - since) / 1_000_000));
        }
        if now + ROUNDING < past.locked_until && device.max_on.is_some() {
            self.fail(device, format!("max_on: on, and locked for {} ms", (past.locked_until - now) / 1_000_000));
        }
        let starts = past.starts.iter().filter(|start| **start + HOUR > now + ROUNDING).count();
        if device.starts.is_some_and(|most| starts >= most) {
            self.fail(device, format!("max_starts_per_hour: {starts} before this one"));
        }
        let others = self.past.iter().filter(|(name, _)| **name != device.name && self.map.devices.contains_key(*name));
        let last = others.filter_map(|(_, other)| other.starts.last().copied()).max();
        if last.is_some_and(|last| last >= self.begun && now < last + device.stagger && last < now) {
            self.fail(device, format!("stagger: {} ms after another", (now - last.unwrap_or(0)) / 1_000_000));
        }
    }

    fn ramp(&mut self, device: &Device, past: &super::checker::Past) {
        let (Some(ramp), Some(told), Some(was)) = (device.ramp, past.told, past.was) else { return };
        let by = (device.bits.number(told) - device.bits.number(was)).abs();
        let most = ramp * STEP as f64 / 1e9 + device.bits.scale;
        let forced = told == device.off && (self.may_be_forced(device) || !device.groups.is_empty());
        let at_fault = Some(told) == device.safe && self.may_be_at_fault(device);
        let late = self.now == self.changed || self.now == self.begun;
        if by > most + 1e-9 && !forced && !at_fault && !late {
            self.fail(device, format!("ramp: by {by} at once, at most {most}"));
        }
    }

    /// What must be so at every moment.
    pub(crate) fn standing(&mut self) {
        let devices: Vec<Device> = self.map.devices.values().cloned().collect();
        for device in &devices {
            self.follows(device);
            let past = &self.past[&device.name];
            if !past.on || past.told.is_none() {
                continue;
            }
            let since = past.since.unwrap_or(self.now);
            if device.max_on.is_some_and(|(most, _)| self.now > since + most) {
                self.fail(device, format!("max_on: on for {} ms", (self.now - since) / 1_000_000));
            }
            if let Some(broken) = self.forcing(device, false) {
                self.fail(device, format!("{broken}, and it is on"));
            }
        }
    }

    /// Why it must be off, by itself and by others; interlocks are judged with each frame.
    /// `loose`: what others were told at this moment counts, whatever they were told after it.
    fn forcing(&self, device: &Device, loose: bool) -> Option<String> {
        let holds = |condition: &Condition| self.views(condition, loose);
        let forbidden = device.forbid.iter().find(|one| holds(one).is_none_or(|views| views.contains(&true)));
        let lacking = device.only.iter().find(|one| holds(one).is_none_or(|views| views.contains(&false)));
        let unmet = device.needs.iter().find(|need| !self.is_met(need, false) || (loose && !self.is_met(need, true)));
        let rival = || self.rivals(device).find(|other| self.may_be(other, loose).iter().any(|raw| *raw > other.off));
        forbidden
            .map(|one| format!("forbid_while {one:?}"))
            .or(lacking.map(|one| format!("only_while {one:?}")))
            .or(unmet.map(|need| format!("needs {need:?}")))
            .or_else(|| rival().map(|other| format!("interlock: {} may be on", other.name)))
    }

    fn may_be_forced(&self, device: &Device) -> bool {
        let past = &self.past[&device.name];
        let since = past.since.unwrap_or(self.now);
        // A reading that a new map asks for first may not have been looked at before.
        let unread = !device.needs.is_empty() && self.sensors.values().any(|word| word.at <= self.changed);
        let others = device.forbid.iter().chain(&device.only).filter_map(|one| self.map.devices.get(&one.device));
        let strange = others.chain(self.rivals(device)).any(|other| {
            // What cannot be told yet, as its frame waits for a neighbour, may be decided all the same.
            let past = &self.past[&other.name];
            self.now < self.known_since(other).max(past.first_told_at) + other.ttl || past.told.is_none()
        });
        // Of one that has left the map, the bits may still be on.
        let mut left = self.gone.values().filter(|other| shares_group(device, other));
        let left = left.any(|other| self.may_be(other, true).iter().any(|raw| *raw > other.off));
        unread
            || strange
            || left
            || ((past.vague || past.resumed) && device.max_on.is_some())
            || device.max_on.is_some_and(|(most, _)| self.now + ROUNDING >= since + most)
            || self.forcing(device, true).is_some()
    }

    fn rivals<'a>(&'a self, device: &'a Device) -> impl Iterator<Item = &'a Device> {
        self.map.devices.values().filter(|other| other.name != device.name && shares_group(device, other))
    }

    /// One frame after the other: at most one of a group is told to be on.
    pub(crate) fn interlocks(&mut self) {
        if !self.alive {
            return;
        }
        let is_on = |device: &&Device| self.past[&device.name].told.is_some_and(|told| told > device.off);
        let pair = self
            .map
            .devices
            .values()
            .filter(is_on)
            .find_map(|device| Some((device, self.rivals(device).find(|other| is_on(other))?)));
        // A change of the map may find two that run.
        if let Some((device, other)) = pair.filter(|_| self.changed != self.now) {
            let (device, other) = (device.clone(), other.name.clone());
            self.fail(&device, format!("interlock: told to be on, and so is {other}"));
        }
    }

    /// What a device may be: as it was told, as it says, and, if it says nothing good, as it was told before.
    fn may_be(&self, device: &Device, loose: bool) -> Vec<u8> {
        let past = &self.past[&device.name];
        let good = self.good(device);
        let before =
            past.before.filter(|_| good.is_none() && self.now < past.told_at + device.ttl && past.told.is_some());
        let moment = past.moment.iter().copied().filter(|_| loose && past.told_at == self.now);
        past.told.into_iter().chain(good).chain(before).chain(moment).collect()
    }

    /// What its feedback says, unless that is too long ago.
    pub(crate) fn good(&self, device: &Device) -> Option<u8> {
        let (past, feedback) = (&self.past[&device.name], device.feedback.as_ref()?);
        past.good.filter(|_| past.said_at.is_some_and(|at| self.now < at + feedback.bits.stale_after))
    }

    /// Every answer to a condition; `None`: nothing is known. What the engine told while nobody saw it, it knows.
    fn views(&self, condition: &Condition, loose: bool) -> Option<Vec<bool>> {
        let device = self.map.devices.get(&condition.device)?;
        let off = device.bits.number(device.off);
        let answer = |raw: u8| {
            let state = device.bits.states.iter().find(|(state, _)| *state == raw).map(|(_, name)| name.as_str());
            condition.holds(device.bits.number(raw), state, off)
        };
        let all: Vec<bool> = self.may_be(device, loose).into_iter().map(answer).collect();
        let unseen = self.back && self.past[&device.name].untold;
        Some(all).filter(|all| !all.is_empty() || unseen)
    }

    /// `at_first`: at the beginning of this moment, at which what a sensor said before has just become too old.
    fn is_met(&self, need: &Need, at_first: bool) -> bool {
        let of_channel = |channel: &str| match need.channel.strip_suffix('*') {
            Some(begin) => channel.starts_with(begin),
            None => channel == need.channel,
        };
        let sensors =
            self.map.sensors.values().filter(|sensor| of_channel(&sensor.channel) && sensor.field == need.field);
        let fresh = sensors.filter_map(|sensor| {
            let word = self.sensors.get(&sensor.bits.id)?;
            let age = need.fresh.unwrap_or(sensor.bits.stale_after).min(sensor.bits.stale_after);
            let late = word.at == self.now && word.before.is_some_and(|before| before + age == self.now);
            Some((word.value.filter(|_| self.now < word.at + age && !(at_first && late))?, word.at))
        });
        let fits =
            |value: f64| need.below.is_none_or(|below| value < below) && need.above.is_none_or(|above| value > above);
        // What a new map asks for first may not have been looked at when it was said.
        let (seen, before): (Vec<_>, Vec<_>) = fresh.partition(|(_, at)| *at > self.changed);
        seen.iter().all(|(value, _)| fits(*value)) && seen.iter().chain(&before).any(|(value, _)| fits(*value))
    }

    fn agrees(&self, device: &Device) -> Option<bool> {
        let (feedback, told) = (device.feedback.as_ref()?, self.past[&device.name].told?);
        let says = self.good(device).map(|raw| feedback.bits.number(raw));
        Some(says.is_some_and(|says| (says - device.bits.number(told)).abs() <= feedback.tolerance + 1e-9))
    }

    /// It was told something long ago, and its feedback has never said so: it is at its safe state by now.
    fn follows(&mut self, device: &Device) {
        let agrees = self.agrees(device);
        let now = self.now;
        self.may_get_at_fault(device, agrees);
        let past = self.past.get_mut(&device.name).expect("it is known");
        if agrees != Some(false) || past.told_at == now || self.changed == now {
            past.differs_since = None;
            return;
        }
        let since = *past.differs_since.get_or_insert(now);
        let Some(feedback) = device.feedback.as_ref() else { return };
        let long = feedback.within * (feedback.retries + 2) + device.min_on + 2 * STEP;
        // One that has ramped or been told anew counts from then; one that is on at rest may have to wait for that.
        if device.safe == Some(device.off) && past.told != device.safe && now > since.max(past.told_at) + long {
            self.fail(
                device,
                format!(
                    "feedback: has not followed for {} ms, and is not at its safe state",
                    (now - since) / 1_000_000
                ),
            );
        }
    }

    fn may_get_at_fault(&mut self, device: &Device, agrees: Option<bool>) {
        let (Some(feedback), now) = (device.feedback.as_ref(), self.now) else { return };
        let past = self.past.get_mut(&device.name).expect("it is known");
        if past.wrong_since.is_some_and(|since| now >= since + feedback.patience()) {
            past.at_fault_until = now + REST;
        }
        // One that fell silent did so when its last word became too old, whether anything else happened then or not.
        let silent = past.said_at.filter(|_| past.good.is_some()).map(|at| at + feedback.bits.stale_after);
        let begun = silent.filter(|silent| *silent < now).unwrap_or(now);
        past.wrong_since = past.wrong_since.or(Some(begun)).filter(|_| agrees == Some(false));
    }

    fn may_be_at_fault(&self, device: &Device) -> bool {
        let (past, now) = (&self.past[&device.name], self.now);
        let too_long = |feedback: &Feedback| past.wrong_since.is_some_and(|since| now >= since + feedback.patience());
        device.feedback.as_ref().is_some_and(|feedback| now < past.at_fault_until || too_long(feedback))
    }
}

fn shares_group(device: &Device, other: &Device) -> bool {
    other.groups.iter().any(|group| device.groups.contains(group))
}
