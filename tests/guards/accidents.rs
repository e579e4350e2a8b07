//! Accidents that happened to users of other systems, by their names.

use std::sync::Arc;

use growctl_engine::app::{Core, Output, Site};
use growctl_engine::can::{BusId, CanId, Frame};
use growctl_engine::channels::ChannelMap;
use growctl_engine::files::{Report, SourceFile};
use growctl_engine::model::{Mono, Timestamp, Utc};
use growctl_engine::rules::{self, Engine, Place, Rulebook};

use super::nodes::{DELAY, MS};
use super::plan::{DevicePlan, LimitPlan, Plan};
use super::world::{World, load};

const SECOND: u64 = 1_000 * MS;
const SENSORS: [u32; 2] = [0x181, 0x182];
/// What a node says by which it has no value.
const INVALID: u8 = 0xFF;
const ON_BELOW_20: &str =
    "subscribe: \"sensor:update:R:*\"\nwhen: msg.t < 20\nuntil: msg.t > 22\nthen: 'device(\"R\", \"heater\").on();'\n";

/// A heater in a room with two sensors, in virtual time.
struct Room {
    core: Core,
    now: u64,
    /// What each sensor says every second; `None`: it is dead.
    sensors: [Option<u8>; 2],
    /// When the heater was told to be on, or off.
    told: Vec<(u64, bool)>,
}

fn map(limits: &str) -> ChannelMap {
    load(&format!(
        "version: 1\nbuses:\n  can0: {{simulate: true}}\nframes:\n  climate:\n    length: 1\n    cycle: 1s\n    signals:\n      \
         t: {{byte: 0, type: u8, scale: 0.5, invalid: 0xFF}}\n  relay:\n    length: 1\n    signals:\n      on: {{byte: 0, bits: 0, \
         values: {{0: \"off\", 1: \"on\"}}}}\nrooms:\n  R:\n    a: [{{node: A, frame: climate, bus: can0, id: 0x181}}]\n    b: \
         [{{node: B, frame: climate, bus: can0, id: 0x182}}]\ndevices:\n  R:\n    heater:\n      kind: heater\n      command: \
         {{bus: can0, id: 0x301, frame: relay, signal: on}}\n      safe: \"off\"\n      watchdog: 9s\n{limits}"
    ))
}

impl Room {
    fn new(limits: &str, rule: &str) -> Room {
        let (map, host, mut report) = (map(limits), Site::host(), Report::default());
        let site = rules::Site { host: &host, inventory: &map.inventory };
        let rule = rules::load(&SourceFile::new("rules/heating.yaml", rule), &site, &mut report).map(Arc::new);
        assert_eq!(report.errors(), 0, "{}", report.render(false));
        let book = Rulebook::new(rule.into_iter().collect(), map.inventory.clone(), Place::default(), "test".into());
        let core = Core::new(&map, Engine::new(book, host, stamp(0)), *b"00000000", stamp(0));
        let mut room = Room { core, now: 0, sensors: [Some(30), Some(30)], told: Vec::new() };
        room.with(|core, now, out| core.start(now, out));
        room
    }

    fn with(&mut self, event: impl FnOnce(&mut Core, Timestamp, &mut Vec<Output>)) {
        let mut outputs = Vec::new();
        event(&mut self.core, stamp(self.now), &mut outputs);
        for output in outputs {
            let Output::Transmit { frame, .. } = output else { continue };
            let on = frame.bytes()[0] & 1 == 1;
            if self.told.last().is_none_or(|(_, last)| *last != on) {
                self.told.push((self.now, on));
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now + seconds * SECOND;
        while self.now < end {
            let tick = (self.now / SECOND + 1) * SECOND;
            let engine = self.core.next_deadline().map_or(u64::MAX, |mono| mono.0);
            self.now = tick.min(engine).max(self.now);
            self.with(|core, now, out| core.advance(now, out));
            if self.now == tick {
                let said = SENSORS.into_iter().zip(self.sensors).filter_map(|(id, value)| Some((id, value?)));
                for (id, value) in said.collect::<Vec<_>>() {
                    self.with(|core, now, out| {
                        let id = CanId::standard(id).expect("it has 11 bits");
                        core.frame(now, &Frame::data(now, BusId(0), id, &[value]).expect("a byte fits"), out);
                    });
                }
            }
        }
    }

    fn command(&mut self, payload: &str) {
        self.with(|core, now, out| core.outside(now, "device:command:R:heater", payload.as_bytes(), out));
    }

    fn is_on(&self) -> bool {
        self.told.last().is_some_and(|(_, on)| *on)
    }

    /// When it was told to be off last, in seconds.
    fn off_at(&self) -> f64 {
        let (at, on) = self.told.last().expect("it was told something");
        assert!(!on, "it is on: {:?}", self.told);
        *at as f64 / SECOND as f64
    }
}

fn stamp(at: u64) -> Timestamp {
    Timestamp { mono: Mono(at), utc: Utc(1_775_001_600_000_000_000 + at as i64) }
}

#[test]
fn home_assistant_63419_the_sensor_dies_and_the_heater_goes_off() {
    let mut room = Room::new("", ON_BELOW_20);
    room.run(60);
    assert!(room.is_on());
    room.sensors = [None, None];
    room.run(10);
    assert_eq!(room.off_at(), 63.0, "three cycles after the last frame");
    room.run(86_400);
    assert_eq!(room.off_at(), 63.0, "for as long as nobody knows how warm it is");
}

#[test]
fn a_sensor_that_says_invalid_for_ever_keeps_no_heater_on() {
    let mut room = Room::new("", ON_BELOW_20);
    room.run(60);
    assert!(room.is_on());
    room.sensors = [Some(INVALID), Some(INVALID)];
    room.run(7_200);
    assert_eq!(room.off_at(), 63.0, "blind for as long as a silent one: three cycles after it was known last");
    // A person's wish does not ask the sensors; the limit of the map does.
    let needs = "      needs: {channel: \"sensor:update:R:*\", field: t, below: 30}\n";
    let mut room = Room::new(needs, ON_BELOW_20);
    room.run(60);
    room.command(r#"{"set": "on", "for": "5h"}"#);
    room.sensors = [Some(INVALID), Some(INVALID)];
    room.run(7_200);
    assert_eq!(room.off_at(), 61.0, "with the first frame that says nothing");
}

#[test]
fn one_stuck_node_beside_a_dead_one_does_not_heat_for_ever() {
    // One sensor is dead and the other says 15 °C whatever happens: good and fresh, and not true.
    let limits = "      needs: {channel: \"sensor:update:R:*\", field: t, below: 30, fresh: 5s}\n      \
                  verify: {channel: \"sensor:update:R:*\", field: t, change: 0.5, within: 15m}\n";
    let mut room = Room::new(limits, ON_BELOW_20);
    room.run(60);
    let (began, _) = *room.told.last().expect("it was told something");
    assert!(room.is_on());
    room.sensors[1] = None;
    room.run(1_200);
    assert_eq!(room.off_at() - began as f64 / SECOND as f64, 900.0, "on for 15 minutes, and not half a degree");
    room.sensors[0] = None;
    room.run(7_200);
    assert!(!room.is_on(), "and without any sensor it is not tried again");
}

#[test]
fn the_engine_is_killed_with_the_heater_on() {
    let heater = DevicePlan { fan: false, frame: 0, safe: 0, feedback: true, watchdog: 9, ttl: 2 };
    let (limits, rules, steps) = (vec![LimitPlan::default()], Vec::new(), Vec::new());
    let plan = Plan { slow: false, seed: 1, devices: vec![heater], limits, rules, steps };
    let mut world = World::new(&plan);
    world.command(0, r#"{"set": "on", "for": "1h"}"#);
    world.run_to(world.now + 60 * SECOND, false);
    assert_eq!(world.nodes.outputs[0].raw, 1, "kept on by what is repeated");
    world.kill();
    world.run_to(world.now + 9 * SECOND + DELAY, false);
    assert_eq!(world.nodes.outputs[0].raw, 0);
    // It comes back with what the store had: the wish of a person who said for how long.
    world.start();
    world.run_to(world.now + SECOND, false);
    assert_eq!(world.nodes.outputs[0].raw, 1);
}
