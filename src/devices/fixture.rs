//! A small site for the tests of the Guard: a fan of its own frame, relays that share one, one of which keeps its state.

use std::sync::Arc;
use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::channels::codec::{Layout, Signal};
use crate::channels::{ChannelMap, Command, Device, Feedback, FrameLayout, Limits, Safe};
use crate::model::{
    DeviceKey, DeviceRequest, Fields, Level, Message, Mono, Name, Provenance, Publication, Reading, Requester, Source,
    SourceKind, Timestamp, Utc, Value,
};

use super::{DeviceOut, Guard, GuardEvent};

pub(super) const FAN: CanId = CanId::Standard(0x301);
pub(super) const RELAYS: CanId = CanId::Standard(0x310);

/// Seconds after the start, which was 1000 seconds after 1970.
pub(super) fn at(seconds: f64) -> Timestamp {
    let nanos = (seconds * 1e9).round() as u64;
    Timestamp { mono: Mono(nanos), utc: Utc(1_000_000_000_000 + nanos as i64) }
}

pub(super) fn key(device: &str) -> DeviceKey {
    DeviceKey { room: "Veg Room".into(), device: device.into() }
}

pub(super) fn rule(name: &str) -> Requester {
    Requester::Rule { rule: name.into(), instance: "".into() }
}

pub(super) fn ask(device: &str, level: Level) -> DeviceRequest {
    DeviceRequest { device: key(device), level, lease: None, reason: None }
}

pub(super) fn states(off: &str, on: &str) -> Vec<(u64, Name)> {
    vec![(0, off.into()), (1, on.into())]
}

pub(super) fn bit(name: &str, number: u16) -> Signal {
    let layout = Layout::from_byte(0, None, Some(&number.to_string())).unwrap();
    Signal { values: states("off", "on"), ..Signal::new(name.into(), layout) }
}

pub(super) fn byte(name: &str, at: u8) -> Signal {
    let signal = Signal::new(name.into(), Layout::from_byte(at, Some("u8"), None).unwrap()).scaled(0.5, 0.0);
    Signal { range: Some((0.0, 100.0)), ..signal }
}

pub(super) fn frame(name: &str, length: u8, signals: Vec<Signal>) -> Arc<FrameLayout> {
    Arc::new(FrameLayout { name: name.into(), length, cycle: None, signals })
}

fn source(device: &str) -> Arc<Source> {
    Arc::new(Source {
        kind: SourceKind::Device,
        room: "Veg Room".into(),
        place: device.into(),
        name: device.into(),
        channel: format!("device:update:Veg Room:{device}").into(),
        broad: "device:update".into(),
        stale_after: None,
        frames: Vec::new(),
        facts: Vec::new(),
    })
}

pub(super) fn device(name: &str, id: CanId, layout: &Arc<FrameLayout>, signal: usize, safe: Safe) -> Device {
    Device {
        key: key(name),
        kind: "switch".into(),
        channel: format!("device:update:Veg Room:{name}").into(),
        command: Command { bus: BusId(0), id, frame: layout.clone(), signal, with: Vec::new() },
        feedback: None,
        safe,
        watchdog: None,
        repeat: None,
        ttl: Duration::from_secs(2),
        lease: Duration::from_secs(900),
        limits: Limits::default(),
    }
}

pub(super) fn with_feedback(mut device: Device, layout: &Arc<FrameLayout>, signal: usize) -> Device {
    device.feedback = Some(Feedback {
        bus: BusId(0),
        id: CanId::Standard(0x390),
        frame: layout.clone(),
        signal,
        shown: (0..layout.signals.len()).collect(),
        tolerance: 0.0,
        // Tests of the confirmation set their own.
        within: Duration::from_secs(86_400),
        retries: 2,
        source: source(&device.key.device),
        part_stale_after: Duration::ZERO,
    });
    device
}

/// `exhaust`: 0 to 100 at safe 40, repeated every 5 s. `pump`, `valve`, `heater`: bits 0, 1, 2 of one byte, safe off,
/// on and off. With `keeper` also `lamp`: bit 3, which keeps its state and has a feedback.
pub(super) fn site(keeper: bool) -> ChannelMap {
    let fan = frame(
        "fan",
        2,
        vec![byte("speed", 0), {
            let layout = Layout::from_byte(1, None, Some("0")).unwrap();
            Signal { values: states("off", "on"), ..Signal::new("enable".into(), layout) }
        }],
    );
    let status = frame("fan_status", 4, vec![byte("speed", 0), Signal::new("rpm".into(), "8|16@1+".parse().unwrap())]);
    let relays = frame("relays", 1, (0..4).map(|n| bit(&format!("relay_{n}"), n)).collect());
    let mut exhaust = with_feedback(device("exhaust", FAN, &fan, 0, Safe::At(Level::At(40.0))), &status, 0);
    exhaust.command.with = vec![(1, Value::text("on"))];
    exhaust.repeat = Some(Duration::from_secs(5));
    let relay = |name, signal, safe| device(name, RELAYS, &relays, signal, safe);
    let mut devices = vec![
        exhaust,
        relay("pump", 0, Safe::At(Level::Off)),
        Device { ttl: Duration::from_secs(1), ..relay("valve", 1, Safe::At(Level::On)) },
        relay("heater", 2, Safe::At(Level::Off)),
    ];
    if keeper {
        devices.push(with_feedback(relay("lamp", 3, Safe::Keep), &relays, 3));
    }
    ChannelMap { devices, ..ChannelMap::default() }
}

/// What a device's feedback says, one frame's worth; `stale` for the word that it has fallen silent.
pub(super) fn reading(device: &str, json: &str, stale: bool) -> Reading {
    let values: Fields = serde_json::from_str(json).unwrap();
    let why = if stale { crate::model::Quality::Stale } else { crate::model::Quality::Invalid };
    let quality = values.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| (name.clone(), why)).collect();
    Reading { source: source(device), at: at(0.0), values, quality, stale, publication: Publication::AtOnce }
}

pub(super) fn command(device: &str, json: &str) -> Message {
    Message {
        channel: format!("device:command:Veg Room:{device}").into(),
        broad: None,
        source: None,
        provenance: Provenance::Outside,
        stale: false,
        hop: 0,
        fields: serde_json::from_str(json).unwrap(),
    }
}

/// A guard under test, and what it said last.
pub(super) struct Bench {
    pub(super) guard: Guard,
    pub(super) out: Vec<DeviceOut>,
}

impl Bench {
    pub(super) fn new(map: &ChannelMap) -> Bench {
        let mut guard = Guard::new(map, at(0.0));
        guard.expect_no_answers();
        Bench { guard, out: Vec::new() }
    }

    pub(super) fn started(map: &ChannelMap) -> Bench {
        let mut bench = Bench::new(map);
        bench.step(0.0, GuardEvent::Start);
        bench
    }

    pub(super) fn step(&mut self, seconds: f64, event: GuardEvent<'_>) {
        self.out.clear();
        self.guard.step(at(seconds), event, &mut self.out);
    }

    pub(super) fn ask(&mut self, seconds: f64, requester: &Requester, priority: u8, request: &DeviceRequest) {
        self.step(seconds, GuardEvent::Request { requester: requester.clone(), priority, request, revision: None });
    }

    pub(super) fn command(&mut self, seconds: f64, device: &str, json: &str) {
        self.step(seconds, GuardEvent::Command(&command(device, json)));
    }

    pub(super) fn due(&mut self, seconds: f64) {
        self.out.clear();
        self.guard.due(at(seconds), &mut self.out);
    }

    /// The frames that went out: identifier, bytes, `ttl` in seconds.
    pub(super) fn frames(&self) -> Vec<(CanId, Vec<u8>, u64)> {
        let sent = |out: &DeviceOut| match out {
            DeviceOut::Transmit { frame, ttl } => Some((frame.id, Frame::bytes(frame).to_vec(), ttl.as_secs())),
            _ => None,
        };
        self.out.iter().filter_map(sent).collect()
    }

    /// The messages that went out, as JSON text without room.
    pub(super) fn updates(&self) -> Vec<String> {
        let said = |out: &DeviceOut| match out {
            DeviceOut::Update(message) => Some(serde_json::to_string(&message.fields).unwrap()),
            _ => None,
        };
        let short = |text: String| text.replace("\"room\":\"Veg Room\",", "").replace('"', "");
        self.out.iter().filter_map(said).map(short).collect()
    }

    pub(super) fn refusals(&self) -> Vec<&str> {
        let mut reasons = Vec::new();
        for out in &self.out {
            if let DeviceOut::Refused { reason, .. } = out {
                reasons.push(reason.as_str());
            }
        }
        reasons
    }
}
