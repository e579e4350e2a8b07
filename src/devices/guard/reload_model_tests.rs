//! The Guard over changes of the map against a slow reference that looks at the wire alone: who drives which bit, what that
//! bit is to be, and that nothing else moves it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::super::fixture::*;
use super::super::GuardEvent;
use crate::can::CanId;
use crate::channels::{ChannelMap, Device, Safe};
use crate::model::{Level, Value};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const IDS: [CanId; 2] = [CanId::Standard(0x310), CanId::Standard(0x320)];

/// A bit of a command frame.
type Bit = (CanId, u16);

/// One device of a map, by position in `NAMES`.
#[derive(Clone, Copy, Debug)]
struct Spec {
    bit: Bit,
    safe: Option<bool>,
    along: Option<(u16, bool)>,
    feedback: bool,
}

type Site = BTreeMap<usize, Spec>;

#[derive(Clone, Debug)]
enum Step {
    Ask { who: u8, name: usize, priority: u8, on: bool },
    Release { who: u8, name: usize },
    ReleaseAll { who: u8 },
    Hear { name: usize, on: bool },
    Reload { site: Site, held: bool, asks: Vec<(u8, usize, bool)> },
}

fn site_of_devices() -> impl Strategy<Value = Site> {
    let safe = prop_oneof![Just(None), Just(Some(false)), Just(Some(true))];
    let spec = (0..5u8, 0..4u16, safe, proptest::option::weighted(0.3, (0..6u16, any::<bool>())), any::<bool>());
    let spec = spec.prop_map(|(id, bit, safe, along, feedback)| Spec {
        bit: (IDS[usize::from(id == 0)], bit),
        safe,
        along,
        feedback,
    });
    proptest::collection::vec(proptest::option::weighted(0.7, spec), 4).prop_map(allowed)
}

/// What the check of a map lets through: every bit has one master.
fn allowed(specs: Vec<Option<Spec>>) -> Site {
    let mut site = Site::new();
    for (name, spec) in specs.into_iter().enumerate() {
        if let Some(spec) = spec.filter(|spec| !site.values().any(|other: &Spec| other.bit == spec.bit)) {
            site.insert(name, spec);
        }
    }
    let mut said: BTreeMap<Bit, bool> = BTreeMap::new();
    let driven: BTreeSet<Bit> = site.values().map(|spec| spec.bit).collect();
    for spec in site.values_mut() {
        spec.along = spec.along.filter(|(bit, on)| {
            let bit = (spec.bit.0, *bit);
            !driven.contains(&bit) && *said.entry(bit).or_insert(*on) == *on
        });
    }
    site
}

fn map_of(site: &Site) -> ChannelMap {
    let signals = || (0..8).map(|n| bit(&format!("bit_{n}"), n)).collect();
    let (command, states) = (frame("command", 1, signals()), frame("states", 1, signals()));
    let word = |on| Value::text(if on { "on" } else { "off" });
    let one = |(name, spec): (&usize, &Spec)| -> Device {
        let safe = match spec.safe {
            None => Safe::Keep,
            Some(on) => Safe::At(if on { Level::On } else { Level::Off }),
        };
        let mut device = device(NAMES[*name], spec.bit.0, &command, usize::from(spec.bit.1), safe);
        device.command.with = spec.along.into_iter().map(|(bit, on)| (usize::from(bit), word(on))).collect();
        if spec.feedback { with_feedback(device, &states, *name) } else { device }
    };
    ChannelMap { devices: site.iter().map(one).collect(), ..ChannelMap::default() }
}

fn step() -> impl Strategy<Value = Step> {
    let asks = proptest::collection::vec((0..3u8, 0..4usize, any::<bool>()), 0..3);
    prop_oneof![
        5 => (0..3u8, 0..4usize, 0..3u8, any::<bool>())
            .prop_map(|(who, name, priority, on)| Step::Ask { who, name, priority, on }),
        3 => (0..3u8, 0..4usize).prop_map(|(who, name)| Step::Release { who, name }),
        1 => (0..3u8).prop_map(|who| Step::ReleaseAll { who }),
        1 => (0..4usize, any::<bool>()).prop_map(|(name, on)| Step::Hear { name, on }),
        4 => (site_of_devices(), any::<bool>(), asks).prop_map(|(site, held, asks)| Step::Reload { site, held, asks }),
    ]
}

/// What is known without a look into the Guard.
struct Reference {
    site: Site,
    /// By who and name: priority and state.
    asks: BTreeMap<(u8, usize), (u8, bool)>,
    /// The last frame of each identifier, since it is in the map.
    wire: BTreeMap<CanId, u8>,
    /// What the feedback of a name said, and the bits that it drove since then.
    heard: BTreeSet<(usize, Bit, bool)>,
    /// Bits that a device left and nobody has said anything in since: its safe state, `None` to stay as they are.
    ghosts: BTreeMap<Bit, Option<bool>>,
    /// Requests that were replaced by a newer one.
    replaced: u64,
}

impl Reference {
    fn on_wire(wire: &BTreeMap<CanId, u8>, (id, bit): Bit) -> Option<bool> {
        wire.get(&id).map(|byte| byte >> bit & 1 == 1)
    }

    fn strongest(&self, name: usize) -> Option<bool> {
        let asks = self.asks.iter().filter(|((_, on), _)| *on == name).map(|(_, ask)| *ask);
        asks.max().map(|(_, on)| on)
    }

    fn ask(&mut self, who: u8, name: usize, priority: u8, on: bool) {
        if self.site.contains_key(&name) && self.asks.insert((who, name), (priority, on)).is_some() {
            self.replaced += 1;
        }
    }

    fn reload(&mut self, site: Site) {
        let said: BTreeSet<Bit> = site
            .values()
            .flat_map(|spec| [Some(spec.bit), spec.along.map(|(bit, _)| (spec.bit.0, bit))])
            .flatten()
            .collect();
        // Where a keeper rests that has never been told anything, nobody knows.
        let rests = |spec: &&Spec| spec.safe.is_some() || self.wire.contains_key(&spec.bit.0);
        let left = self.site.values().filter(rests).map(|spec| (spec.bit, spec.safe));
        self.ghosts.extend(left);
        let there = |id: &CanId| site.values().any(|spec| spec.bit.0 == *id);
        self.ghosts.retain(|bit, _| there(&bit.0) && !said.contains(bit));
        self.wire.retain(|id, _| there(id));
        let moved = |(name, _, on): &(usize, Bit, bool)| Some((*name, site.get(name)?.bit, *on));
        let along: Vec<_> = self.heard.iter().filter_map(moved).collect();
        self.heard.extend(along);
        self.site = site;
    }

    /// Whether a bit that is to stay as it is may be so now.
    fn is_kept(&self, bit: Bit, name: Option<usize>, before: &BTreeMap<CanId, u8>) -> bool {
        let (was, is) = (Self::on_wire(before, bit), Self::on_wire(&self.wire, bit));
        let told =
            |on| self.heard.iter().any(|(who, where_, said)| (Some(*who) == name || *where_ == bit) && *said == on);
        was.is_none() || was == is || is.is_some_and(told)
    }

    /// After a step on a wire that was `before`; `driven` are the bits that somebody drove already.
    fn check(&self, before: &BTreeMap<CanId, u8>, driven: &BTreeSet<Bit>) -> Result<(), TestCaseError> {
        for (name, spec) in &self.site {
            let Some(is) = Self::on_wire(&self.wire, spec.bit) else { continue };
            match self.strongest(*name).or(spec.safe) {
                Some(wanted) => prop_assert_eq!(is, wanted, "{} {:?}", NAMES[*name], spec),
                None if driven.contains(&spec.bit) => {
                    prop_assert!(self.is_kept(spec.bit, Some(*name), before), "{} {:?}", NAMES[*name], spec);
                }
                None => {}
            }
            let mut neighbours = self.site.iter().filter(|(_, other)| other.bit.0 == spec.bit.0);
            let drawn = neighbours.any(|(name, other)| self.strongest(*name).or(other.safe).is_some());
            if let Some((bit, on)) = spec.along.filter(|_| drawn) {
                prop_assert_eq!(Self::on_wire(&self.wire, (spec.bit.0, bit)), Some(on), "along with {}", NAMES[*name]);
            }
        }
        for (bit, safe) in &self.ghosts {
            match (safe, Self::on_wire(&self.wire, *bit)) {
                (_, None) => {}
                (Some(safe), Some(is)) => prop_assert_eq!(is, *safe, "left behind: {:?}", bit),
                (None, Some(_)) => prop_assert!(self.is_kept(*bit, None, before), "left behind: {:?}", bit),
            }
        }
        Ok(())
    }
}

struct Watched {
    bench: Bench,
    reference: Reference,
}

impl Watched {
    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let mut before = self.reference.wire.clone();
        let driven = self.driven();
        let who = |who: u8| rule(&who.to_string());
        match step {
            Step::Ask { who: by, name, priority, on } => self.ask(by, name, priority, on),
            Step::Release { who: by, name } => {
                self.bench.step(1.0, GuardEvent::Release { requester: &who(by), device: &key(NAMES[name]) });
                self.reference.asks.remove(&(by, name));
            }
            Step::ReleaseAll { who: by } => {
                self.bench.step(1.0, GuardEvent::ReleaseAll { requester: &who(by) });
                self.reference.asks.retain(|(other, _), _| *other != by);
            }
            Step::Hear { name, on } => self.hear(name, on),
            Step::Reload { site, held, asks } => {
                self.reload(site, held, asks);
                before.retain(|id, _| self.reference.wire.contains_key(id));
            }
        }
        self.take_frames()?;
        self.reference.check(&before, &driven)?;
        for device in self.bench.guard.status() {
            let (_, spec) = self.spec_of(&device.device);
            let sent = self.reference.wire.contains_key(&spec.bit.0);
            prop_assert!(!sent || device.held_back.is_none(), "{} is held back", device.device);
        }
        Ok(())
    }

    fn driven(&self) -> BTreeSet<Bit> {
        let own = self.reference.site.values().map(|spec| spec.bit);
        own.chain(self.reference.ghosts.keys().copied()).collect()
    }

    fn spec_of(&self, device: &str) -> (usize, Spec) {
        let name = NAMES.iter().position(|name| *name == device).unwrap();
        (name, self.reference.site[&name])
    }

    fn ask(&mut self, by: u8, name: usize, priority: u8, on: bool) {
        let level = if on { Level::On } else { Level::Off };
        self.bench.ask(1.0, &rule(&by.to_string()), priority, &ask(NAMES[name], level));
        self.reference.ask(by, name, priority, on);
    }

    fn hear(&mut self, name: usize, on: bool) {
        self.bench.out.clear();
        let Some(spec) = self.reference.site.get(&name).filter(|spec| spec.feedback) else { return };
        self.reference.heard.insert((name, spec.bit, on));
        let json = format!(r#"{{"bit_{name}":"{}"}}"#, if on { "on" } else { "off" });
        self.bench.step(1.0, GuardEvent::Reading(&reading(NAMES[name], &json, false)));
    }

    /// Held, what is asked before and after counts at the same moment as the map.
    fn reload(&mut self, site: Site, held: bool, asks: Vec<(u8, usize, bool)>) {
        let now = at(1.0);
        let mut out = Vec::new();
        if held {
            self.bench.guard.hold(now, &mut out);
            for (by, name, _) in &asks {
                let (requester, device) = (rule(&by.to_string()), key(NAMES[*name]));
                self.bench.step(1.0, GuardEvent::Release { requester: &requester, device: &device });
                self.reference.asks.remove(&(*by, *name));
            }
        }
        self.bench.guard.reload(now, &map_of(&site), &mut out);
        self.reference.reload(site);
        if held {
            for (by, name, on) in asks {
                self.ask(by, name, 1, on);
            }
            self.bench.guard.release_held(now, &mut out);
        }
        self.bench.out = out;
    }

    fn take_frames(&mut self) -> Result<(), TestCaseError> {
        let mut sent = BTreeSet::new();
        for (id, bytes, _) in self.bench.frames() {
            prop_assert!(sent.insert(id), "{id} sent twice");
            prop_assert_eq!(bytes.len(), 1);
            // A frame that has left the map has had its last word, which is not looked at again.
            if self.reference.site.values().any(|spec| spec.bit.0 == id) {
                self.reference.wire.insert(id, bytes[0]);
            }
        }
        Ok(())
    }

    fn account(&self, held: usize) -> Result<(), TestCaseError> {
        let counts = self.bench.guard.counts();
        prop_assert_eq!(counts.received, counts.accepted + counts.refused());
        prop_assert_eq!(counts.accepted, counts.released + self.reference.replaced + held as u64);
        let status = self.bench.guard.status();
        let there = self.reference.asks.keys().filter(|(_, name)| self.reference.site.contains_key(name)).count();
        prop_assert_eq!(status.iter().map(|device| device.requests.len()).sum::<usize>(), there);
        Ok(())
    }

    fn stop(&mut self) -> Result<(), TestCaseError> {
        let (before, driven) = (self.reference.wire.clone(), self.driven());
        self.bench.step(1.0, GuardEvent::Stop);
        self.reference.asks.clear();
        self.take_frames()?;
        self.reference.check(&before, &driven)?;
        for spec in self.reference.site.values().filter(|spec| spec.safe.is_some()) {
            let sent = self.bench.frames().iter().any(|(id, ..)| *id == spec.bit.0);
            prop_assert!(sent, "the safe state of {:?} did not go out", spec);
        }
        self.account(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn semantics_11_whatever_the_map_becomes_every_bit_is_its_masters_and_safe_at_the_end(
        site in site_of_devices(),
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let reference = Reference {
            site: site.clone(),
            asks: BTreeMap::new(),
            wire: BTreeMap::new(),
            heard: BTreeSet::new(),
            ghosts: BTreeMap::new(),
            replaced: 0,
        };
        let mut watched = Watched { bench: Bench::started(&map_of(&site)), reference };
        watched.take_frames()?;
        for step in steps {
            watched.step(step)?;
            watched.account(watched.reference.asks.len())?;
        }
        watched.stop()?;
    }
}
