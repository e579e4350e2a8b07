//! A site for the tests of the plant: the two rooms that the project ships, and someone who reads and switches them.

use std::sync::Arc;
use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::channels::codec::Signal;
use crate::channels::{Bus, ChannelMap, Command, Device, Feedback, Field, FrameLayout, Link, NodeFrame, Safe};
use crate::model::{DeviceKey, Level, Mono, Name, Quality, Source, SourceKind, Timestamp, Utc, Value};

use super::Plant;

/// 2026-04-01 00:00 UTC.
pub(super) const MIDNIGHT: i64 = 1_775_001_600;

fn number(name: &str, dbc: &str, scale: f64, range: (f64, f64)) -> Signal {
    let signal = Signal::new(name.into(), dbc.parse().unwrap()).scaled(scale, 0.0);
    let invalid = Some(if dbc.ends_with('-') { 0x7FFF } else { 0xFFFF }).filter(|_| dbc.contains("|16@"));
    Signal { range: Some(range), invalid, ..signal }
}

fn states(name: &str, dbc: &str, states: &[&str]) -> Signal {
    let values = states.iter().enumerate().map(|(raw, text)| (raw as u64, Name::from(*text))).collect();
    Signal { values, ..Signal::new(name.into(), dbc.parse().unwrap()) }
}

fn frame(name: &str, length: u8, cycle: Option<u64>, signals: Vec<Signal>) -> Arc<FrameLayout> {
    let cycle = cycle.map(Duration::from_secs);
    Arc::new(FrameLayout { name: name.into(), length, cycle, signals })
}

fn source(kind: SourceKind, room: &str, name: &str) -> Arc<Source> {
    let (room, place, name) = (room.into(), name.into(), name.into());
    let (channel, broad): (Name, Name) = ("unused".into(), "unused".into());
    Arc::new(Source { kind, room, place, name, channel, broad, stale_after: None, frames: Vec::new() })
}

fn node(room: &str, name: &str, id: u16, frame: &Arc<FrameLayout>) -> NodeFrame {
    let field = |(signal, of): (usize, &Signal)| Field { signal, name: of.name.clone(), published: true, adjust: None };
    let fields = frame.signals.iter().enumerate().map(field).collect();
    let source = source(SourceKind::Node, room, name);
    NodeFrame { source, bus: BusId(0), id: CanId::Standard(id), frame: frame.clone(), fields }
}

struct Kinds {
    fan: Arc<FrameLayout>,
    fan_status: Arc<FrameLayout>,
    relays: Arc<FrameLayout>,
    level: Arc<FrameLayout>,
}

fn device(
    room: &str,
    name: &str,
    kind: &str,
    ids: (u16, u16),
    frames: (&Arc<FrameLayout>, &Arc<FrameLayout>),
) -> Device {
    Device {
        key: DeviceKey { room: room.into(), device: name.into() },
        kind: kind.into(),
        channel: "unused".into(),
        command: Command {
            bus: BusId(0),
            id: CanId::Standard(ids.0),
            frame: frames.0.clone(),
            signal: 0,
            with: Vec::new(),
        },
        feedback: Some(Feedback {
            bus: BusId(0),
            id: CanId::Standard(ids.1),
            frame: frames.1.clone(),
            signal: 0,
            shown: vec![0],
            tolerance: 1.0,
            within: Duration::from_secs(3),
            source: source(SourceKind::Device, room, name),
        }),
        safe: Safe::At(Level::Off),
        watchdog: Some(Duration::from_secs(15)),
        repeat: None,
        ttl: Duration::from_secs(2),
        lease: Duration::from_secs(900),
    }
}

/// The two rooms; see the code for who is in them.
pub(super) fn site() -> ChannelMap {
    let climate = frame(
        "climate",
        8,
        Some(2),
        vec![
            number("temperature", "7|16@0-", 0.1, (-20.0, 60.0)),
            number("humidity", "23|16@0+", 0.1, (0.0, 100.0)),
            number("co2", "39|16@0+", 1.0, (0.0, 5000.0)),
            states("sensor_state", "48|2@1+", &["ok", "warming up", "fault"]),
            number("supply", "56|8@1+", 0.1, (0.0, 25.0)),
        ],
    );
    let substrate = frame(
        "substrate",
        6,
        Some(2),
        vec![
            number("vwc", "0|16@1+", 0.01, (0.0, 100.0)),
            number("ec", "16|16@1+", 0.001, (0.0, 20.0)),
            number("root_temperature", "32|16@1-", 0.01, (-10.0, 60.0)),
        ],
    );
    let flow = frame(
        "flow",
        8,
        None,
        vec![
            number("flow", "7|16@0+", 0.01, (0.0, 100.0)),
            number("total", "16|24@1+", 0.1, (0.0, 1e6)),
            states("leak", "48|1@1+", &["dry", "leak"]),
        ],
    );
    let speed = number("speed", "0|8@1+", 0.5, (0.0, 100.0));
    let kinds = Kinds {
        fan: frame("fan", 2, None, vec![speed.clone(), states("enable", "8|1@1+", &["off", "on"])]),
        fan_status: frame("fan_status", 3, None, vec![speed, Signal::new("rpm".into(), "8|16@1+".parse().unwrap())]),
        relays: frame(
            "relays",
            1,
            None,
            (0..3).map(|n| states(&format!("relay_{n}"), &format!("{n}|1@1+"), &["off", "on"])).collect(),
        ),
        level: frame("level", 1, None, vec![number("level", "0|8@1+", 0.5, (0.0, 100.0))]),
    };
    ChannelMap {
        buses: vec![Bus { name: "can0".into(), link: Link::Simulated }],
        nodes: vec![
            node("Flower Room", "FR-C1", 0x181, &climate),
            node("Flower Room", "FR-C2", 0x182, &climate),
            node("Veg Room", "VR-C1", 0x191, &climate),
            node("Veg Room", "VR-S1", 0x1A0, &substrate),
            node("Veg Room", "VR-F1", 0x1A1, &flow),
        ],
        devices: devices(&kinds),
        ..ChannelMap::default()
    }
}

fn devices(kinds: &Kinds) -> Vec<Device> {
    let (relays, level) = ((&kinds.relays, &kinds.relays), (&kinds.level, &kinds.level));
    let mut exhaust = device("Flower Room", "exhaust", "fan", (0x301, 0x381), (&kinds.fan, &kinds.fan_status));
    exhaust.safe = Safe::At(Level::At(20.0));
    exhaust.command.with = vec![(1, Value::text("on"))];
    let mut dehumidifier = device("Flower Room", "dehumidifier", "switch", (0x310, 0x390), relays);
    let mut valve = device("Veg Room", "valve_1", "valve", (0x310, 0x390), relays);
    for (at, relay) in [&mut dehumidifier, &mut valve].into_iter().enumerate() {
        relay.command.signal = at;
        relay.feedback.as_mut().unwrap().signal = at;
    }
    let mut lights = device("Flower Room", "lights", "dimmer", (0x302, 0x382), level);
    (lights.safe, lights.watchdog) = (Safe::Keep, None);
    let mut veg_lights = device("Veg Room", "lights", "dimmer", (0x303, 0x383), level);
    (veg_lights.safe, veg_lights.watchdog) = (Safe::Keep, None);
    let heater = device("Veg Room", "heater", "heater", (0x304, 0x384), level);
    vec![exhaust, dehumidifier, lights, heater, valve, veg_lights]
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
