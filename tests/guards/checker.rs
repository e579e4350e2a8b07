//! The independent checker: it sees the frames on the bus with their times, the text of the map, and when the engine came
//! and went, and says which limit was broken. What the engine holds, it does not know.

use std::collections::BTreeMap;

use super::nodes::BEGIN;
use super::reading::{self, Device, Map};
use super::world::Seen;

const SECOND: u64 = 1_000_000_000;
pub(crate) const HOUR: u64 = 3_600 * SECOND;
/// What happened so shortly before the engine died is in nobody's store.
const UNSAVED: u64 = 50_000_000;

/// What the frames said to and of one device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// What it was told last, in this run of the engine.
    pub(crate) told: Option<u8>,
    /// What it was told at the beginning of this moment.
    pub(crate) was: Option<u8>,
    pub(crate) told_at: u64,
    /// When this run told it anything first.
    pub(crate) first_told_at: u64,
    /// What it was told before that, whoever told it.
    pub(crate) before: Option<u8>,
    pub(crate) on: bool,
    /// Since when it is on, or off; `None`: nobody can know.
    pub(crate) since: Option<u64>,
    pub(crate) starts: Vec<u64>,
    pub(crate) locked_until: u64,
    /// What its feedback says, if it is good, and when it said anything.
    pub(crate) good: Option<u8>,
    pub(crate) said_at: Option<u64>,
    /// Since when its feedback has not been what it is told.
    pub(crate) differs_since: Option<u64>,
    /// The same, whatever it was told meanwhile; and until when it may be at fault for that.
    pub(crate) wrong_since: Option<u64>,
    pub(crate) at_fault_until: u64,
    /// What it was told at the moment of the last change, and before it.
    pub(crate) moment: Vec<u8>,
    /// It was told more than one thing at this moment.
    pub(crate) flickers: bool,
    /// It was on when this run first told it anything: for how long, its feedback may have said.
    pub(crate) resumed: bool,
    /// Since when it is on, an earlier run may know better.
    pub(crate) vague: bool,
    /// This run has told it nothing so far.
    pub(crate) untold: bool,
    /// When the engine died it was on since then, and is until then if nobody speaks to it, or says so in its place.
    pub(crate) was_on: Option<(u64, u64)>,
}

/// What a sensor said last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// `None`: nothing good.
    pub(crate) value: Option<f64>,
    pub(crate) at: u64,
    /// When it had said anything before that.
    pub(crate) before: Option<u64>,
}

pub(crate) struct Checker {
    pub(crate) map: Map,
    /// Devices that have left the map, whose bits still may be told.
    pub(crate) gone: BTreeMap<String, Device>,
    pub(crate) left: BTreeMap<String, u64>,
    pub(crate) past: BTreeMap<String, Past>,
    pub(crate) sensors: BTreeMap<u32, Word>,
    /// By identifier: when a frame was seen.
    pub(crate) frames: BTreeMap<u32, u64>,
    pub(crate) now: u64,
    pub(crate) alive: bool,
    stops: bool,
    /// It was not heard for a while.
    pub(crate) back: bool,
    /// What is saved has not been yet, by the clock.
    ahead: bool,
    /// Starts, and changes of the map.
    pub(crate) begun: u64,
    pub(crate) changed: u64,
    pub(crate) joined: BTreeMap<String, u64>,
    pub(crate) broken: Vec<String>,
}

/// How much of the log was read, and what is broken, in words; nothing if all is well.
pub(crate) fn check(log: &[(u64, Seen)]) -> (usize, Vec<String>) {
    let mut checker = Checker {
        map: Map::default(),
        gone: BTreeMap::new(),
        left: BTreeMap::new(),
        past: BTreeMap::new(),
        sensors: BTreeMap::new(),
        frames: BTreeMap::new(),
        now: BEGIN,
        alive: false,
        stops: false,
        back: false,
        ahead: false,
        begun: 0,
        changed: 0,
        joined: BTreeMap::new(),
        broken: Vec::new(),
    };
    let mut read = 0;
    for (at, seen) in log {
        read += 1;
        if *at > checker.now {
            checker.settle();
            checker.now = *at;
        }
        checker.take(seen);
        if !checker.broken.is_empty() {
            break;
        }
    }
    checker.settle();
    if matches!(
        log.iter().rev().find(|(_, seen)| !matches!(seen, Seen::Told(..) | Seen::Said(..))),
        Some((_, Seen::Released))
    ) {
        checker.at_rest();
    }
    (read, checker.broken)
}

impl Checker {
    pub(crate) fn fail(&mut self, device: &Device, what: impl std::fmt::Display) {
        self.broken.push(format!("{:.3} s: {}: {what}", super::seconds(self.now), device.name));
    }

    fn take(&mut self, seen: &Seen) {
        match seen {
            Seen::Told(id, bytes) => self.told(*id, bytes),
            Seen::Said(id, bytes) => self.said(*id, bytes),
            Seen::Map(text) => self.take_map(text),
            Seen::Start { clock_set } => self.start(*clock_set),
            Seen::Back => {
                // What was said meanwhile has waited for it, or was never said.
                let sensors = std::mem::take(&mut self.sensors);
                let heard: Vec<_> = self.past.values().map(|past| (past.good, past.said_at)).collect();
                self.start(1);
                (self.back, self.sensors) = (true, sensors);
                for (past, (good, said_at)) in self.past.values_mut().zip(heard) {
                    (past.good, past.said_at) = (good, said_at);
                }
                // It has told them what they are meanwhile, as far as it knows; since when, is not on the wire, nor whether it
                // found one of them at fault.
                self.past
                    .values_mut()
                    .for_each(|past| (past.before, past.vague, past.wrong_since) = (None, true, Some(0)));
            }
            // What was decided at this moment before the last words is judged; these are not.
            Seen::Stops => {
                self.settle();
                (self.alive, self.stops) = (false, true);
            }
            Seen::Gone => self.gone(),
            Seen::Spins => self.broken.push(format!("{:.3} s: it never comes to rest", super::seconds(self.now))),
            Seen::Released => {}
        }
    }

    fn take_map(&mut self, text: &str) {
        self.settle_moment();
        let before = std::mem::replace(&mut self.map, reading::map(text));
        for (name, device) in before.devices.iter().chain(&self.gone) {
            // Another range makes another number the one that is off.
            if let Some(off) = self.map.devices.get(name).map(|device| device.off).filter(|off| *off != device.off) {
                let past = self.past.get_mut(name).expect("it was known");
                let on = past.told.is_some_and(|told| told > off);
                past.since = if on == past.on { past.since } else { Some(if on { self.now } else { 0 }) };
                past.on = on;
            }
        }
        for (name, device) in before.devices {
            if !self.map.devices.contains_key(&name) {
                let joined = self.joined.remove(&name).unwrap_or(0).max(self.begun);
                let past = self.past.get_mut(&name).expect("it was known");
                past.since = past.since.or(Some(joined));
                // Nobody listens to one that is not there.
                (past.good, past.said_at) = (None, None);
                self.left.insert(name.clone(), self.now);
                self.gone.insert(name, device);
            }
        }
        for name in self.map.devices.keys() {
            self.gone.remove(name);
            self.past.entry(name.clone()).or_default();
            self.joined.entry(name.clone()).or_insert(self.now);
        }
        self.changed = self.now;
    }

    fn start(&mut self, clock_set: i16) {
        (self.alive, self.stops, self.back, self.begun) = (true, false, false, self.now);
        self.frames.clear();
        self.sensors.clear();
        self.ahead = clock_set < 0 || (clock_set == 0 && self.ahead);
        for (name, past) in &mut self.past {
            // No lock is kept that the map does not ask for, or for longer than it asks.
            let lockout = self.map.devices.get(name).and_then(|device| device.max_on).map(|(_, lockout)| lockout);
            past.locked_until = past.locked_until.min(lockout.map_or(0, |lockout| self.now + lockout));
            (past.wrong_since, past.at_fault_until) = (None, 0);
            if self.ahead {
                // By the clock it has not been yet.
                past.was_on = past.was_on.map(|(_, falls)| (self.now, falls));
            }
            if clock_set > 0 {
                // By the clock it was long ago.
                past.since = (!past.on).then_some(0);
                (past.starts, past.locked_until) = (Vec::new(), 0);
            }
            (past.told, past.was, past.good, past.said_at, past.differs_since) = (None, None, None, None, None);
            past.untold = true;
        }
    }

    fn gone(&mut self) {
        self.settle();
        // What it has made of that is in the store, if it had the time.
        self.ahead &= self.now <= self.begun + UNSAVED;
        if self.stops {
            let kept: Vec<Device> = self.map.devices.values().filter(|device| device.safe.is_some()).cloned().collect();
            for device in kept {
                let told = self.past[&device.name].told;
                if told != device.safe {
                    self.fail(&device, format!("a clean stop left it at {told:?}"));
                }
            }
        }
        (self.alive, self.stops) = (false, false);
        for (name, past) in &mut self.past {
            past.before = past.told.take().or(past.before);
            let device = self.map.devices.get(name);
            let falls = device.and_then(|device| Some(self.frames.get(&device.bits.id)? + device.watchdog?));
            // The past of a device without such limits is not kept.
            let timed = |device: &Device| {
                device.min_on + device.min_off > 0 || device.max_on.is_some() || device.starts.is_some()
            };
            past.vague = self.changed + UNSAVED >= self.now;
            if !device.is_some_and(timed) || past.vague {
                (past.since, past.locked_until) = (Some(if past.on { self.now } else { 0 }), 0);
                past.starts.clear();
            }
            if let Some(device) = device {
                past.since = past.since.or(Some(self.joined[&device.name].max(self.begun)));
            }
            let was_on = past.since.filter(|_| past.on).map(|since| (since, falls.unwrap_or(u64::MAX)));
            // A run that has told it nothing knows what the one before knew.
            past.was_on = was_on.or(past.was_on.filter(|_| past.untold));
            if past.since.is_some_and(|since| since + UNSAVED >= self.now) {
                // Unknown to the store, as far as anybody can say.
                (past.since, past.was_on, past.vague) = (Some(0), None, true);
                past.starts.retain(|start| start + UNSAVED < self.now);
                past.locked_until = 0;
                past.on = false;
            } else if past.on {
                (past.on, past.since) = (false, Some(self.now));
            }
        }
    }

    /// A command frame: what it tells is judged when the moment is over, but for what holds frame by frame.
    fn told(&mut self, id: u32, bytes: &[u8]) {
        self.frames.insert(id, self.now);
        let here: Vec<Device> = self
            .map
            .devices
            .values()
            .chain(self.gone.values())
            .filter(|device| device.bits.id == id)
            .cloned()
            .collect();
        for device in &here {
            let raw = device.bits.of(bytes);
            // Where this run has told it nothing before, it was what it says.
            let said = self.past.contains_key(&device.name).then(|| self.good(device)).flatten();
            let past = self.past.entry(device.name.clone()).or_default();
            if past.told != Some(raw) {
                past.flickers |= past.told_at == self.now && past.told == Some(device.off);
                if past.told_at < self.now {
                    past.was = past.told;
                    past.moment.clear();
                }
                past.moment.extend(past.told);
                past.before = past.told.or(said).or(past.before);
                past.first_told_at = if past.told.is_none() { self.now } else { past.first_told_at };
                (past.told, past.told_at) = (Some(raw), self.now);
            }
            if let (true, Some((low, high))) = (self.map.devices.contains_key(&device.name), device.range) {
                let number = device.bits.number(raw);
                if !(low..=high).contains(&number) {
                    self.fail(device, format!("range: told {number}"));
                }
            }
        }
        self.interlocks();
    }

    fn said(&mut self, id: u32, bytes: &[u8]) {
        if let Some(sensor) = self.map.sensors.get(&id) {
            let raw = sensor.bits.of(bytes);
            let value = Some(sensor.bits.number(raw)).filter(|_| sensor.bits.is_good(raw));
            let before = self.sensors.get(&id).map(|word| word.at);
            self.sensors.insert(id, Word { value, at: self.now, before });
        }
        for device in self.map.devices.values() {
            let Some(feedback) = device.feedback.as_ref().filter(|feedback| feedback.bits.id == id) else { continue };
            let (raw, past) = (feedback.bits.of(bytes), self.past.get_mut(&device.name).expect("it is known"));
            (past.good, past.said_at) = (Some(raw).filter(|raw| feedback.bits.is_good(*raw)), Some(self.now));
            // Of one that this run has told nothing, its feedback knows best.
            past.was_on = past.was_on.filter(|_| !(self.alive && past.untold && past.good == Some(device.off)));
        }
    }

    /// The moment is over.
    fn settle(&mut self) {
        self.settle_moment();
        if self.alive {
            self.rhythm();
            self.standing();
            self.left_at_safe();
        }
    }

    fn settle_moment(&mut self) {
        let devices: Vec<Device> = self.map.devices.values().cloned().collect();
        for device in &devices {
            let past = self.past.get_mut(&device.name).expect("it is known");
            let flickers = std::mem::take(&mut past.flickers) && past.told_at == self.now;
            past.was_on = past.was_on.filter(|_| !flickers);
            if flickers && past.on && past.told.is_some_and(|told| told > device.off) {
                // Off and on again.
                (past.on, past.since) = (false, Some(self.now));
            }
            let past = past.clone();
            let Some(told) = past.told.filter(|_| past.told_at == self.now) else { continue };
            let on = told > device.off;
            if self.back && past.untold {
                let past = self.past.get_mut(&device.name).expect("it is known");
                (past.was, past.was_on, past.on, past.since) = (Some(told), None, on, (!on).then_some(0));
                past.untold = false;
                continue;
            }
            // Its node, or its feedback, says that it has been on all the time.
            let said = past.untold && self.good(device).is_some_and(|good| good != device.off);
            let goes_on =
                past.was_on.filter(|(_, falls)| self.now < *falls).or(said.then_some((self.now, 0))).filter(|_| on);
            if self.alive && goes_on.is_none() {
                self.moved(device, &past, on);
            }
            let (max, known) = (device.max_on, self.known_since(device));
            let past = self.past.get_mut(&device.name).expect("it is known");
            past.was = Some(told);
            past.resumed = on && (past.resumed || past.untold);
            let (vague, untold) = (past.vague, past.untold);
            past.vague = vague && (untold || on);
            (past.was_on, past.untold) = (None, false);
            if let Some((since, _)) = goes_on {
                // One whose past was not kept is on since it is told so, as far as anybody knows.
                (past.on, past.since) = (true, Some(if past.starts.is_empty() { self.now } else { since }));
            }
            past.since = past.since.or((!on).then_some(known));
            if on != past.on {
                if let (false, Some(since), Some((most, lockout))) = (on, past.since, max) {
                    // A limit that comes at this very moment is not what switched it off.
                    let longest = self.now >= since + most && self.changed != self.now && !vague;
                    past.locked_until = if longest { self.now + lockout } else { past.locked_until };
                }
                (past.on, past.since) = (on, Some(self.now));
                if on && !(vague && untold) {
                    past.starts.push(self.now);
                }
                // Another map may have lifted what had locked it.
                past.locked_until *= u64::from(!on);
            }
        }
        for (name, device) in &self.gone {
            let past = self.past.get_mut(name).expect("it was known");
            past.flickers = false;
            let Some(told) = past.told.filter(|_| past.told_at == self.now) else { continue };
            if (told > device.off) != past.on {
                (past.on, past.since) = (told > device.off, Some(self.now));
            }
        }
    }

    /// When a device's own history begins, where nothing was ever seen of it.
    pub(crate) fn known_since(&self, device: &Device) -> u64 {
        self.joined[&device.name].max(self.begun)
    }
}
