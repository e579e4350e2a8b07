//! A site for the tests of the plant: the two rooms that the project ships, and someone who reads and switches them.

use std::time::Duration;

use crate::can::Frame;
use crate::channels::{ChannelMap, load};
use crate::files::{Report, SourceFile};
use crate::model::{Mono, Quality, Timestamp, Utc, Value};

use super::Plant;

/// 2026-04-01 00:00 UTC.
const MIDNIGHT: i64 = 1_775_001_600;

const MAP: &str = r#"
version: 1
buses: {can0: {simulate: true}}
frames:
  climate:
    length: 8
    cycle: 2s
    signals:
      temperature:  {byte: 0, type: i16be, scale: 0.1, range: [-20, 60], invalid: 0x7FFF}
      humidity:     {byte: 2, type: u16be, scale: 0.1, range: [0, 100], invalid: 0xFFFF}
      co2:          {byte: 4, type: u16be, range: [0, 5000], invalid: 0xFFFF}
      sensor_state: {byte: 6, bits: 0..1, values: {0: "ok", 1: "warming up", 2: "fault"}}
      supply:       {byte: 7, type: u8, scale: 0.1}
  substrate:
    length: 6
    cycle: 2s
    signals:
      vwc:              {byte: 0, type: u16le, scale: 0.01, range: [0, 100]}
      ec:               {byte: 2, type: u16le, scale: 0.001, range: [0, 20]}
      root_temperature: {byte: 4, type: i16le, scale: 0.01, range: [-10, 60]}
  flow:
    length: 8
    signals:
      flow:  {dbc: "7|16@0+", scale: 0.01, range: [0, 100]}
      total: {dbc: "16|32@1-", type: f32}
      leak:  {dbc: "48|1@1+", values: {0: "dry", 1: "leak"}}
  fan_command:
    length: 2
    signals:
      speed:  {byte: 0, type: u8, scale: 0.5, range: [0, 100]}
      enable: {byte: 1, bits: 0, values: {0: "off", 1: "on"}}
  fan_status:
    length: 3
    signals:
      speed: {byte: 0, type: u8, scale: 0.5, range: [0, 100]}
      rpm:   {byte: 1, type: u16le}
  relays:
    length: 1
    signals:
      relay_1: {byte: 0, bits: 0, values: {0: "off", 1: "on"}}
      relay_2: {byte: 0, bits: 1, values: {0: "off", 1: "on"}}
  level: {length: 1, signals: {level: {byte: 0, type: u8, scale: 0.5, range: [0, 100]}}}
rooms:
  Flower Room:
    front: [{node: FR-C1, frame: climate, bus: can0, id: 0x181}]
    back:  [{node: FR-C2, frame: climate, bus: can0, id: 0x182}]
  Veg Room:
    middle:     [{node: VR-C1, frame: climate, bus: can0, id: 0x191}]
    benches:    [{node: VR-S1, frame: substrate, bus: can0, id: 0x1A0}]
    irrigation: [{node: VR-F1, frame: flow, bus: can0, id: 0x1A1}]
devices:
  Flower Room:
    exhaust:
      kind: fan
      command:  {bus: can0, id: 0x301, frame: fan_command, signal: speed, with: {enable: "on"}}
      feedback: {bus: can0, id: 0x381, frame: fan_status, signal: speed, tolerance: 3, within: 3s}
      safe: 20
      watchdog: 15s
      repeat: 5s
    dehumidifier:
      kind: switch
      command:  {bus: can0, id: 0x310, frame: relays, signal: relay_1}
      feedback: {bus: can0, id: 0x390, frame: relays, signal: relay_1}
      safe: "off"
      watchdog: 15s
      repeat: 5s
    lights:
      kind: dimmer
      command:  {bus: can0, id: 0x302, frame: level, signal: level}
      feedback: {bus: can0, id: 0x382, frame: level, signal: level}
      safe: keep
      watchdog: none
  Veg Room:
    heater:
      kind: heater
      command:  {bus: can0, id: 0x304, frame: level, signal: level}
      feedback: {bus: can0, id: 0x384, frame: level, signal: level}
      safe: 0
      watchdog: 15s
      repeat: 5s
    valve_1:
      kind: valve
      command:  {bus: can0, id: 0x310, frame: relays, signal: relay_2}
      feedback: {bus: can0, id: 0x390, frame: relays, signal: relay_2}
      safe: "off"
      watchdog: 15s
      repeat: 5s
    lights:
      kind: dimmer
      command:  {bus: can0, id: 0x303, frame: level, signal: level}
      feedback: {bus: can0, id: 0x383, frame: level, signal: level}
      safe: keep
      watchdog: none
"#;

/// The two rooms of the text above.
pub(super) fn site() -> ChannelMap {
    site_of(MAP)
}

/// Any other site.
pub(super) fn site_of(text: &str) -> ChannelMap {
    let mut report = Report::default();
    load(&SourceFile::new("channels.yaml", text), &mut report).unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// Who steps the plant, reads all its frames and remembers the last of each.
pub(super) struct Rig {
    pub(super) map: ChannelMap,
    pub(super) plant: Plant,
    pub(super) now: Timestamp,
    pub(super) frames: Vec<Frame>,
}

pub(super) fn at(seconds: f64) -> Timestamp {
    let nanos = (seconds * 1e9).round() as u64;
    Timestamp { mono: Mono(5_000_000_000 + nanos), utc: Utc(MIDNIGHT * 1_000_000_000 + nanos as i64) }
}

impl Rig {
    /// A plant at that hour of the day, with its first frames.
    pub(super) fn new(seed: u64, hour: f64) -> Rig {
        Rig::of(site(), seed, hour)
    }

    pub(super) fn of(map: ChannelMap, seed: u64, hour: f64) -> Rig {
        let start = at(hour * 3600.0);
        let mut rig = Rig { plant: Plant::new(&map, seed, start), map, now: start, frames: Vec::new() };
        rig.run(0.0);
        rig
    }

    /// Lets time pass in one step.
    pub(super) fn run(&mut self, seconds: f64) {
        self.now = self.now + Duration::from_secs_f64(seconds);
        self.plant.step(self.now, None, &mut self.frames);
    }

    /// The command frame of a device with its signal at `value`; a shared frame's other signals are 0.
    pub(super) fn command(&self, device: &str, value: impl Into<Value>) -> Frame {
        let device = self.map.devices.iter().find(|d| d.key.to_string() == device).expect("it is in the map");
        let command = &device.command;
        let mut data = vec![0; usize::from(command.frame.length)];
        for (signal, with) in &command.with {
            command.frame.signals[*signal].encode(with, &mut data).unwrap();
        }
        command.frame.signals[command.signal].encode(&value.into(), &mut data).unwrap();
        Frame::data(self.now, command.bus, command.id, &data).unwrap()
    }

    /// Sends it a command now.
    pub(super) fn set(&mut self, device: &str, value: impl Into<Value>) {
        let frame = self.command(device, value);
        self.plant.step(self.now, Some(&frame), &mut self.frames);
    }

    /// What a node's signal, or (`Room/device`) a device's feedback, said last.
    pub(super) fn said(&self, who: &str, signal: &str) -> Result<Value, Quality> {
        let node = self.map.nodes.iter().find(|node| &*node.source.name == who);
        let device = self.map.devices.iter().find(|device| device.key.to_string() == who);
        let (id, layout) = node
            .map(|node| (node.id, &node.frame))
            .or_else(|| device.and_then(|d| d.feedback.as_ref()).map(|f| (f.id, &f.frame)))
            .expect("it is in the map");
        let frame = self.frames.iter().rev().find(|frame| frame.id == id).expect("it has spoken");
        layout.signals[layout.signal(signal).expect("it has that signal")].decode(frame.bytes())
    }

    pub(super) fn number(&self, who: &str, signal: &str) -> f64 {
        self.said(who, signal).unwrap().as_number().unwrap()
    }
}
