//! The accidents that users of other systems report, by their names: the sensor dies, or lies, and the heater stays on.

#![allow(clippy::unwrap_used)] // a test may panic

use std::fs;
use std::time::Duration;

use growctl_engine::app::{Core, Output, Site};
use growctl_engine::can::{BusId, CanId, Frame};
use growctl_engine::files::Report;
use growctl_engine::model::{Mono, Timestamp, Utc};
use growctl_engine::rules::Engine;

const MAP: &str = r#"version: 1
buses: {can0: {simulate: true}}
defaults: {stale_after: 3 cycles}
frames:
  climate:
    length: 2
    cycle: 1s
    signals: {temperature: {byte: 0, type: i16be, scale: 0.1, range: [-20, 60], invalid: 0x7FFF}}
  relay: {length: 1, signals: {heat: {byte: 0, bits: 0, values: {0: "off", 1: "on"}}}}
rooms:
  Veg Room:
    middle: [{node: N1, frame: climate, bus: can0, id: 0x181}]
    back: [{node: N2, frame: climate, bus: can0, id: 0x182}]
devices:
  Veg Room:
    heater:
      kind: heater
      command: {bus: can0, id: 0x301, frame: relay, signal: heat}
      safe: "off"
      watchdog: 15s
"#;
const VERIFY: &str =
    "      verify: {channel: \"sensor:update:Veg Room:*\", field: temperature, change: 0.5, within: 15m}\n";
const RULE: &str = "subscribe: \"sensor:update:Veg Room:*\"\nwhen: msg.temperature < 20.0\nuntil: msg.temperature > 22.0\n\
    then: 'device(\"Veg Room\", \"heater\").on();'\n";
const INVALID: i16 = 0x7FFF;

struct House {
    core: Core,
    now: Timestamp,
    /// What the heater's node was told last, and when it was told so first.
    heats: bool,
    since: Mono,
}

impl House {
    fn new(more: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        fs::write(folder.path().join("channels.yaml"), format!("{MAP}{more}")).unwrap();
        fs::write(folder.path().join("rules/heat.yaml"), RULE).unwrap();
        let mut report = Report::default();
        let site = Site::load(folder.path(), &mut report).unwrap_or_else(|| panic!("{}", report.render(false)));
        let now = Timestamp { mono: Mono::START, utc: Utc(1_775_001_600_000_000_000) };
        let mut core =
            Core::new(&site.map, Engine::new(site.book("test".into()), Site::host(), now), *b"00000000", now);
        let mut outputs = Vec::new();
        core.start(now, &mut outputs);
        let mut house = House { core, now, heats: false, since: now.mono };
        house.hear(&outputs);
        house
    }

    /// The nodes speak, each a tenth of a degree, and a second passes.
    fn second(&mut self, nodes: [Option<i16>; 2]) {
        for (id, value) in [0x181, 0x182].into_iter().zip(nodes) {
            if let Some(value) = value {
                let id = CanId::standard(id).unwrap();
                let frame = Frame::data(self.now, BusId(0), id, &value.to_be_bytes()).unwrap();
                let mut outputs = Vec::new();
                self.core.frame(self.now, &frame, &mut outputs);
                self.hear(&outputs);
            }
        }
        for _ in 0..10 {
            self.now = self.now + Duration::from_millis(100);
            let mut outputs = Vec::new();
            self.core.advance(self.now, &mut outputs);
            self.hear(&outputs);
        }
    }

    fn hear(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::Transmit { frame, .. } = output {
                let heats = frame.bytes()[0] & 1 == 1;
                if heats != self.heats {
                    (self.heats, self.since) = (heats, self.now.mono);
                }
            }
        }
    }

    /// Ten seconds in the cold: it heats.
    fn cold() -> House {
        House::new("").heated()
    }

    fn heated(mut self) -> House {
        (0..10).for_each(|_| self.second([Some(180), Some(180)]));
        assert!(self.heats);
        self
    }
}

#[test]
fn home_assistant_63419_the_sensor_dies_and_the_heater_goes_off() {
    let mut house = House::cold();
    let last = house.now.mono;
    (0..10).for_each(|_| house.second([None, None]));
    assert!(!house.heats);
    assert!(house.since.since(last) <= Duration::from_secs(3), "three cycles after the last word");
}

#[test]
fn mycodo_795_a_sensor_that_says_invalid_for_ever_does_not_heat_for_ever() {
    let mut house = House::cold();
    let last = house.now.mono;
    (0..10).for_each(|_| house.second([Some(INVALID), Some(INVALID)]));
    assert!(!house.heats);
    assert!(house.since.since(last) <= Duration::from_secs(3));
    (0..3_600).for_each(|_| house.second([Some(INVALID), None]));
    assert!(!house.heats && house.since.since(last) <= Duration::from_secs(3), "nor ever again");
}

#[test]
fn one_stuck_node_beside_a_dead_one_heats_until_it_is_seen_to_be_without_effect() {
    let mut house = House::new(VERIFY).heated();
    let began = house.since;
    let mut seconds = 0;
    while house.heats && seconds < 3_600 {
        house.second([None, Some(180)]);
        seconds += 1;
    }
    assert!(!house.heats);
    let heated = house.since.since(began);
    assert!(heated >= Duration::from_secs(899) && heated <= Duration::from_secs(901), "{heated:?}");
}

#[test]
fn without_a_check_of_its_effect_a_stuck_node_does_heat_for_ever() {
    let mut house = House::cold();
    (0..3_600).for_each(|_| house.second([None, Some(180)]));
    assert!(house.heats, "this is what `verify` and `max_on` are for");
}
