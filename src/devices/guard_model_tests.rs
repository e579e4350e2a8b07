//! The Guard against a slow reference that keeps a list of requests and works every bit out anew at every instant.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::fixture::*;
use std::time::Duration;

use super::*;
use crate::can::CanId;
use crate::model::{DeviceRequest, Level};

const DEVICES: [&str; 5] = ["exhaust", "pump", "valve", "heater", "lamp"];
const LAMP: usize = 4;
const REPEAT: u64 = 5;

#[derive(Clone, Debug)]
enum Step {
    Ask { who: u8, device: usize, priority: u8, level: usize, lease: Option<u64> },
    Release { who: u8, device: usize },
    ReleaseAll { who: u8 },
    Wait(u64),
    Hear(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4u8, 0..5usize, 0..3u8, 0..4usize, proptest::option::of(1..9u64))
            .prop_map(|(who, device, priority, level, lease)| Step::Ask { who, device, priority, level, lease }),
        2 => (0..4u8, 0..5usize).prop_map(|(who, device)| Step::Release { who, device }),
        1 => (0..4u8).prop_map(|who| Step::ReleaseAll { who }),
        4 => (1..7u64).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Hear),
    ]
}

/// The level of a step, and the number that it comes to.
fn level(device: usize, index: usize) -> (Level, u64) {
    match (device, index) {
        (_, 0) => (Level::Off, 0),
        (0, 1) => (Level::On, 100),
        (0, 2) => (Level::At(20.0), 20),
        (0, _) => (Level::At(130.0), 100),
        (_, 1) => (Level::On, 1),
        (_, 2) => (Level::At(1.0), 1),
        (_, _) => (Level::At(0.0), 0),
    }
}

/// Requests by who and device: priority, number, end.
#[derive(Default)]
struct Reference {
    asks: BTreeMap<(u8, usize), (u8, u64, Option<u64>)>,
    lamp_told: Option<u64>,
    lamp_seen: Option<u64>,
}

impl Reference {
    fn strongest(&self, device: usize) -> Option<u64> {
        let asks = self.asks.iter().filter(|((_, on), _)| *on == device);
        asks.map(|(_, (priority, number, _))| (*priority, *number)).max().map(|(_, number)| number)
    }

    /// What is to be on the wire at `now`, by identifier; nothing where the lamp's state is not known.
    fn wire(&mut self, now: u64) -> BTreeMap<CanId, Vec<u8>> {
        self.asks.retain(|_, (.., end)| end.is_none_or(|end| end > now));
        self.lamp_told = self.strongest(LAMP).or(self.lamp_told);
        let fan = self.strongest(0).unwrap_or(40) * 2;
        let mut wire = BTreeMap::from([(FAN, vec![fan as u8, 1])]);
        let bits = [1, 2, 3].map(|device| self.strongest(device).unwrap_or(u64::from(device == 2)));
        if let Some(lamp) = self.lamp_told.or(self.lamp_seen) {
            wire.insert(RELAYS, vec![(bits[0] | bits[1] << 1 | bits[2] << 2 | lamp << 3) as u8]);
        }
        wire
    }
}

/// The guard, what it has put on the wire, and when it last sent the fan's frame.
struct Watched {
    bench: Bench,
    reference: Reference,
    wire: BTreeMap<CanId, Vec<u8>>,
    now: u64,
    fan_at: u64,
}

impl Watched {
    /// After something happened: frames go out for what changed, once, and for the fan's repeat; the wire is right.
    fn check(&mut self) -> Result<(), TestCaseError> {
        let wanted = self.reference.wire(self.now);
        let mut sent: Vec<CanId> = Vec::new();
        for (id, bytes, _) in self.bench.frames() {
            let repeated = id == FAN && self.now == self.fan_at + REPEAT;
            prop_assert!(repeated || self.wire.get(&id) != Some(&bytes), "{id} sent without need");
            prop_assert!(!sent.contains(&id), "{id} sent twice");
            sent.push(id);
            if id == FAN {
                self.fan_at = self.now;
            }
            self.wire.insert(id, bytes);
        }
        prop_assert_eq!(&self.wire, &wanted);
        let ends = self.reference.asks.values().filter_map(|(.., end)| *end);
        let deadline = ends.chain([self.fan_at + REPEAT]).min().map(|second| at(second as f64).mono);
        prop_assert_eq!(self.bench.guard.next_deadline(), deadline);
        Ok(())
    }

    fn wait(&mut self, seconds: u64) -> Result<(), TestCaseError> {
        let until = self.now + seconds;
        while let Some(deadline) = self.bench.guard.next_deadline().filter(|mono| *mono <= at(until as f64).mono) {
            self.now = deadline.0 / 1_000_000_000;
            self.bench.due(self.now as f64);
            self.check()?;
        }
        self.now = until;
        self.bench.due(until as f64);
        self.check()
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let (now, who) = (self.now as f64, |who: u8| rule(&who.to_string()));
        match step {
            Step::Wait(seconds) => return self.wait(seconds),
            Step::Ask { who: by, device, priority, level: index, lease } => {
                let (asked, number) = level(device, index);
                let request = DeviceRequest { lease: lease.map(Duration::from_secs), ..ask(DEVICES[device], asked) };
                self.bench.ask(now, &who(by), priority, &request);
                let end = lease.map(|lease| self.now + lease);
                self.reference.asks.insert((by, device), (priority, number, end));
            }
            Step::Release { who: by, device } => {
                self.bench.step(now, GuardEvent::Release { requester: &who(by), device: &key(DEVICES[device]) });
                self.reference.asks.remove(&(by, device));
            }
            Step::ReleaseAll { who: by } => {
                self.bench.step(now, GuardEvent::ReleaseAll { requester: &who(by) });
                self.reference.asks.retain(|(other, _), _| *other != by);
            }
            Step::Hear(on) => {
                let json = if on { r#"{"relay_3":"on"}"# } else { r#"{"relay_3":"off"}"# };
                self.bench.step(now, GuardEvent::Reading(&reading("lamp", json, false)));
                self.reference.lamp_seen = Some(u64::from(on));
            }
        }
        self.check()
    }
}

proptest! {
    #[test]
    fn semantics_11_the_wire_is_what_a_slow_reference_works_out(steps in proptest::collection::vec(step(), 0..60)) {
        let bench = Bench::started(&site(true));
        let mut watched =
            Watched { bench, reference: Reference::default(), wire: BTreeMap::new(), now: 0, fan_at: 0 };
        watched.check()?;
        for step in steps {
            watched.step(step)?;
        }
        let counts = watched.bench.guard.counts();
        prop_assert_eq!(counts.received, counts.accepted + counts.refused());
        let held: usize = watched.bench.guard.status().iter().map(|device| device.requests.len()).sum();
        prop_assert_eq!(held, watched.reference.asks.len());
    }
}
