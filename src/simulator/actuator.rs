//! One device of the plant: what its command frames mean, how fast it follows them, and its own watchdog.

use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::channels::codec::Signal;
use crate::channels::{Device, Safe};
use crate::model::{Level, Mono, Value};

use super::room::Controls;

/// A fan from rest to full speed.
const FAN_TRAVEL: Duration = Duration::from_secs(2);
const ON: [&str; 2] = ["on", "open"];
const OFF: [&str; 2] = ["off", "closed"];

/// What a device does to its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Exhaust,
    Heater,
    Dehumidifier,
    Humidifier,
    Valve,
    Light,
    Injection,
    /// It moves, and the room does not notice.
    Nothing,
}

impl Role {
    /// Understood from its name, and where that says nothing from its kind: a switch may be anything.
    pub(super) fn of(device: &Device) -> Role {
        Role::of_word(&device.key.device).or_else(|| Role::of_word(&device.kind)).unwrap_or(Role::Nothing)
    }

    fn of_word(word: &str) -> Option<Role> {
        const WORDS: [(&str, Role); 14] = [
            ("circulat", Role::Nothing),
            ("dehumid", Role::Dehumidifier),
            ("humid", Role::Humidifier),
            ("fogger", Role::Humidifier),
            ("heat", Role::Heater),
            ("co2", Role::Injection),
            ("valve", Role::Valve),
            ("irrigation", Role::Valve),
            ("light", Role::Light),
            ("lamp", Role::Light),
            ("dimmer", Role::Light),
            ("exhaust", Role::Exhaust),
            ("fan", Role::Exhaust),
            ("vent", Role::Exhaust),
        ];
        let word = word.to_lowercase();
        WORDS.iter().find(|(part, _)| word.contains(part)).map(|(_, role)| *role)
    }
}

/// A device as it stands and moves. Its level goes from 0 (off) to 1 (the upper end of the range).
#[derive(Clone, Debug)]
pub(super) struct Actuator {
    pub(super) device: Device,
    pub(super) role: Role,
    /// Position of its room in the plant.
    pub(super) room: usize,
    /// It does not move any more.
    pub(super) stuck: bool,
    from: f64,
    target: f64,
    since: Mono,
    /// When its node gives up waiting for commands; `None` before the first one, and after it gave up.
    pub(super) watchdog: Option<Mono>,
}

impl Actuator {
    /// A device at rest in its safe state, as a node is that nobody has spoken to. `keep` has nothing to keep: off.
    pub(super) fn new(device: Device, room: usize, now: Mono) -> Actuator {
        let role = Role::of(&device);
        let mut actuator =
            Actuator { device, role, room, stuck: false, from: 0.0, target: 0.0, since: now, watchdog: None };
        let safe = actuator.safe().unwrap_or(0.0);
        (actuator.from, actuator.target) = (safe, safe);
        actuator
    }

    /// The same device stood on an earlier map: it is where it was, and waits as it waited.
    pub(super) fn inherit(&mut self, old: &Actuator) {
        (self.stuck, self.from, self.target) = (old.stuck, old.from, old.target);
        (self.since, self.watchdog) = (old.since, old.watchdog);
    }

    fn signal(&self) -> &Signal {
        &self.device.command.frame.signals[self.device.command.signal]
    }

    /// Whether commands for it come with this identifier.
    pub(super) fn listens_to(&self, bus: BusId, id: CanId) -> bool {
        self.device.command.bus == bus && self.device.command.id == id
    }

    /// Takes a command frame of its own; `true` if it begins to move. A frame that ends before the signal, or says
    /// nothing, does not count as a command.
    pub(super) fn command(&mut self, now: Mono, frame: &Frame) -> bool {
        let Ok(value) = self.signal().decode(frame.bytes()) else { return false };
        let Some(level) = level_of(self.signal(), &value) else { return false };
        self.watchdog = self.device.watchdog.map(|span| now + span);
        let level = if self.enabled(frame) { level } else { 0.0 };
        self.go(now, level)
    }

    /// Its node has waited long enough; `true` if it begins to move.
    pub(super) fn give_up(&mut self, now: Mono) -> bool {
        self.watchdog = None;
        self.safe().is_some_and(|level| self.go(now, level))
    }

    /// A text beside the device's own signal that is not the map's, as `enable: off`, switches it off.
    fn enabled(&self, frame: &Frame) -> bool {
        let command = &self.device.command;
        command.with.iter().all(|(signal, wanted)| {
            let is = command.frame.signals[*signal].decode(frame.bytes());
            !matches!((is, wanted), (Ok(Value::Text(is)), Value::Text(wanted)) if is != *wanted)
        })
    }

    fn go(&mut self, now: Mono, level: f64) -> bool {
        if self.stuck || level == self.target {
            return false;
        }
        (self.from, self.since, self.target) = (self.level(now), now, level);
        true
    }

    /// It stops where it is.
    pub(super) fn jam(&mut self, now: Mono) {
        self.stuck = true;
        (self.from, self.target) = (self.level(now), self.level(now));
    }

    /// Where it stands, from 0 to 1.
    pub(super) fn level(&self, now: Mono) -> f64 {
        let moved = now.since(self.since).as_secs_f64();
        match self.travel() {
            Duration::ZERO => self.target,
            travel if self.from < self.target => (self.from + moved / travel.as_secs_f64()).min(self.target),
            travel => (self.from - moved / travel.as_secs_f64()).max(self.target),
        }
    }

    /// When it will have arrived; `None` if it is there at once.
    pub(super) fn arrival(&self) -> Option<Mono> {
        let way = (self.target - self.from).abs();
        (self.travel() > Duration::ZERO && way > 0.0).then(|| self.since + self.travel().mul_f64(way))
    }

    fn travel(&self) -> Duration {
        if self.role == Role::Exhaust { FAN_TRAVEL } else { Duration::ZERO }
    }

    fn safe(&self) -> Option<f64> {
        match self.device.safe {
            Safe::Keep => None,
            Safe::At(Level::Off) => Some(0.0),
            Safe::At(Level::On) => Some(1.0),
            Safe::At(Level::At(number)) => level_of(self.signal(), &Value::Number(number)),
        }
    }

    /// Adds what it does to the controls of its room.
    pub(super) fn act(&self, now: Mono, controls: &mut Controls) {
        let level = self.level(now);
        let more = |there: Option<f64>| Some((there.unwrap_or(0.0) + level).min(1.0));
        match self.role {
            Role::Exhaust => controls.exhaust = more(controls.exhaust),
            Role::Valve => controls.valve = Some(controls.valve.unwrap_or(0.0) + level),
            Role::Light => controls.lights = more(controls.lights),
            Role::Heater => controls.heater += level,
            Role::Dehumidifier => controls.dehumidifier += level,
            Role::Humidifier => controls.humidifier += level,
            Role::Injection => controls.injection += level,
            Role::Nothing => {}
        }
    }
}

/// The share of the way from off to fully on that a command signal's value stands for.
fn level_of(signal: &Signal, value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some((number / full(signal)).clamp(0.0, 1.0)),
        Value::Text(text) if OFF.contains(&&**text) => Some(0.0),
        Value::Text(text) if ON.contains(&&**text) => Some(1.0),
        Value::Text(text) => {
            let most = signal.values.iter().map(|(raw, _)| *raw).max()?.max(1);
            signal.values.iter().find(|(_, name)| name == text).map(|(raw, _)| *raw as f64 / most as f64)
        }
        _ => None,
    }
}

/// What a feedback signal shows at a level: the inverse of `level_of`, to the nearest state where it has states.
pub(super) fn shown(signal: &Signal, level: f64) -> Value {
    let distance = |value: &Value| level_of(signal, value).map_or(f64::MAX, |at| (at - level).abs());
    let states = signal.values.iter().map(|(_, name)| Value::Text(name.clone()));
    match states.min_by(|a, b| distance(a).total_cmp(&distance(b))) {
        // A fan's 0 may be called "off" while all other speeds are numbers.
        Some(state) if signal.range.is_none() || distance(&state) < 1e-6 => state,
        _ => Value::Number(level * full(signal)),
    }
}

/// The number that means fully on.
fn full(signal: &Signal) -> f64 {
    match signal.range {
        Some((_, high)) if high > 0.0 => high,
        _ if signal.layout.width == 1 => 1.0,
        _ => 100.0,
    }
}
