//! What `on`, `off` and a number mean to one device's command signal: clamped to its range, said with its bits, and
//! shown to people as the signal itself would read.

use std::sync::Arc;

use crate::channels::FrameLayout;
use crate::channels::codec::Signal;
use crate::files::closest;
use crate::model::{Level, Name, Value, counted};

const ON: [&str; 2] = ["on", "open"];
const OFF: [&str; 2] = ["off", "closed"];

/// A level as a device can be told it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The level, within the range.
    pub(super) level: Level,
    /// The raw bits that say it.
    bits: u64,
    /// What the bits read as: a text where the signal has texts, else the number they hold.
    pub(super) shown: Value,
    /// The number asked for, where the range did not allow it.
    pub(super) clamped_from: Option<f64>,
}

impl Target {
    /// Whether a device that was told one has been told the other.
    pub(super) fn is_same(&self, other: &Target) -> bool {
        self.bits == other.bits
    }
}

/// The levels of one command signal.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    frame: Arc<FrameLayout>,
    signal: usize,
    /// The signal's, or what the map narrows it to.
    range: Option<(f64, f64)>,
    off: Option<Value>,
    on: Option<Value>,
    /// Two named states and nothing between: 0 and 1 mean off and on, whichever bit that is.
    two_states: bool,
    /// The bits that say off: every judgement asks for them.
    off_bits: u64,
}

impl Levels {
    pub(super) fn new(frame: Arc<FrameLayout>, signal: usize, narrowed: Option<(f64, f64)>) -> Levels {
        let own = &frame.signals[signal];
        let two = own.values.len() == 2 && (own.range.is_none() || own.layout.width == 1);
        let range = narrowed.or(own.range);
        let (off, on) = states(&Signal { range, ..own.clone() }, two);
        let two_states = two && off.is_some() && on.is_some() && off != on;
        let mut levels = Levels { signal, range, off, on, two_states, frame, off_bits: 0 };
        levels.off_bits = levels.off().bits;
        levels
    }

    fn signal(&self) -> &Signal {
        &self.frame.signals[self.signal]
    }

    /// How much `on` is among other demands.
    pub(super) fn top(&self) -> f64 {
        match self.range {
            _ if self.two_states => 1.0,
            Some((_, high)) => high,
            None => f64::MAX,
        }
    }

    /// The level, clamped and checked to be sayable with the signal's bits.
    pub(super) fn resolve(&self, level: Level) -> Result<Target, String> {
        self.resolve_within(level, self.range)
    }

    /// The same as it is, but within a range that may have been narrowed since.
    pub(super) fn within(&self, target: &Target) -> Target {
        let outside = |(low, high): (f64, f64)| !(low..=high).contains(&self.number(target));
        let narrowed = !self.two_states && self.range.is_some_and(outside);
        if narrowed { self.resolve(target.level).unwrap_or_else(|_| target.clone()) } else { target.clone() }
    }

    /// The same of what a device says: it may be beyond what the map allows it to be told.
    pub(super) fn heard(&self, value: &Value) -> Option<Target> {
        self.level_of(value).and_then(|level| self.resolve_within(level, self.signal().range)).ok()
    }

    fn resolve_within(&self, level: Level, range: Option<(f64, f64)>) -> Result<Target, String> {
        let name = &self.signal().name;
        let plain = |level, value: &Option<Value>, word: &str| match value {
            Some(value) => Ok((level, value.clone(), None)),
            None => Err(format!("{name} has no state '{word}' and no range: set a number")),
        };
        let (level, value, clamped_from) = match level {
            Level::Off => plain(Level::Off, &self.off, "off")?,
            Level::On => plain(Level::On, &self.on, "on")?,
            Level::At(number) if !number.is_finite() => return Err(format!("{name} cannot be {number}")),
            Level::At(0.0) if self.two_states => plain(Level::Off, &self.off, "off")?,
            Level::At(1.0) if self.two_states => plain(Level::On, &self.on, "on")?,
            Level::At(number) if self.two_states => return Err(self.two_states_only(number)),
            Level::At(number) => {
                let inside = range.map_or(number, |(low, high)| number.max(low).min(high));
                (Level::At(inside), Value::Number(inside), (inside != number).then_some(number))
            }
        };
        let mut bytes = [0; 64];
        self.signal().encode(&value, &mut bytes[..usize::from(self.frame.length).min(64)])?;
        let bits = self.signal().layout.get(&bytes).unwrap_or_default();
        // A range whose end is between two raw steps may round to just outside: then the number itself is shown.
        let shown = self.signal().decode(&bytes).unwrap_or(value);
        Ok(Target { level, bits, shown, clamped_from })
    }

    /// Writes a target of this signal into the frame.
    pub(super) fn write(&self, target: &Target, bytes: &mut [u8]) -> Result<(), String> {
        let layout = &self.signal().layout;
        let length = || counted(layout.bytes_needed() as u64, "byte");
        let needed = || format!("{} needs a frame of {}", self.signal().name, length());
        layout.put(target.bits, bytes).ok_or_else(needed)
    }

    /// As far off as it goes; if it has no such state, all bits 0.
    pub(super) fn off(&self) -> Target {
        self.resolve(Level::Off).unwrap_or_else(|_| self.read(&[0; 64]))
    }

    /// Whether that is on, as limits mean it: anything but as far off as it goes.
    pub(super) fn is_on(&self, target: &Target) -> bool {
        // Less than the least is possible where another map has narrowed the range since.
        let less = |(low, _): (f64, f64)| low > 0.0 && !self.two_states && self.number(target) < low;
        target.bits != self.off_bits && !self.range.is_some_and(less)
    }

    /// The number that a target says; on and off as the ends of the range.
    pub(super) fn number(&self, target: &Target) -> f64 {
        match (target.level, &self.off) {
            // What the bits say, which may be less or more than was asked for.
            (Level::At(number), _) => target.shown.as_number().unwrap_or(number),
            (Level::On, _) => self.top(),
            (Level::Off, Some(Value::Number(off))) => *off,
            (Level::Off, _) => 0.0,
        }
    }

    /// Whether it has numbers, and not two states alone.
    pub(super) fn has_numbers(&self) -> bool {
        !self.two_states
    }

    /// What the signal's bits in a frame are, whatever they mean.
    pub(super) fn read(&self, bytes: &[u8; 64]) -> Target {
        let bits = self.signal().layout.get(bytes).unwrap_or_default();
        let shown = self.signal().decode(bytes).unwrap_or_else(|_| Value::Number(self.signal().layout.number(bits)));
        let level = self.level_of(&shown).unwrap_or(Level::At(self.signal().layout.number(bits)));
        Target { level, bits, shown, clamped_from: None }
    }

    /// A target of another signal in the same bits of the frame: they stay as they are, and may mean something else here.
    pub(super) fn carry(&self, from: &Levels, target: &Target) -> Target {
        let mut bytes = [0; 64];
        from.signal().layout.put(target.bits, &mut bytes);
        self.read(&bytes)
    }

    /// The level that a value of a message stands for: a client's wish, or what a feedback says.
    pub(super) fn level_of(&self, value: &Value) -> Result<Level, String> {
        match value {
            Value::Bool(true) => Ok(Level::On),
            Value::Bool(false) => Ok(Level::Off),
            Value::Number(number) => Ok(Level::At(*number)),
            Value::Text(text) => self.level_of_text(text),
            other => Err(format!("{} takes a number, on or off, not '{other}'", self.signal().name)),
        }
    }

    fn level_of_text(&self, text: &str) -> Result<Level, String> {
        let is = |state: &Option<Value>| state.as_ref().and_then(Value::as_text) == Some(text);
        if is(&self.off) || OFF.contains(&text) {
            return Ok(Level::Off);
        }
        if is(&self.on) || ON.contains(&text) {
            return Ok(Level::On);
        }
        let signal = self.signal();
        let mut bytes = [0; 64];
        if signal.encode(&Value::text(text), &mut bytes).is_ok() {
            let number = Signal { values: Vec::new(), range: None, ..signal.clone() }.decode(&bytes);
            if let Ok(Value::Number(number)) = number {
                return Ok(Level::At(number));
            }
        }
        Err(match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => format!("'{text}' is a text: write the number without quotes"),
            _ => format!("{} cannot be '{text}': it takes {}{}", signal.name, self.takes(), self.meant(text)),
        })
    }

    fn two_states_only(&self, number: f64) -> String {
        format!("{} cannot be {number}: it takes {}", self.signal().name, self.takes())
    }

    fn meant(&self, text: &str) -> String {
        let names = self.signal().values.iter().map(|(_, name)| &**name).chain([ON[0], OFF[0]]);
        closest(text, names).map(|near| format!("; did you mean '{near}'?")).unwrap_or_default()
    }

    fn takes(&self) -> String {
        let names: Vec<&str> = self.signal().values.iter().map(|(_, name)| &**name).collect();
        if names.is_empty() { "a number, on or off".to_owned() } else { names.join(", ") }
    }
}

/// The values for off and on, where the signal has them.
fn states(signal: &Signal, two: bool) -> (Option<Value>, Option<Value>) {
    let text = |name: &Name| Value::Text(name.clone());
    let named = |words: [&str; 2]| {
        let found = |word: &&str| signal.values.iter().find(|(_, name)| name.eq_ignore_ascii_case(word));
        words.iter().find_map(found).map(|(raw, name)| (*raw, text(name)))
    };
    let beside = |raw: u64| signal.values.iter().find(|(other, _)| *other != raw).map(|(_, name)| text(name));
    match (named(OFF), named(ON)) {
        (Some((raw, off)), None) if two => (Some(off), beside(raw)),
        (None, Some((raw, on))) if two => (beside(raw), Some(on)),
        (None, None) if two => {
            let low = signal.values.iter().min_by_key(|(raw, _)| *raw);
            (low.map(|(_, name)| text(name)), low.and_then(|(raw, _)| beside(*raw)))
        }
        (off, on) => {
            (off.map(|(_, off)| off).or_else(|| least(signal)), on.map(|(_, on)| on).or_else(|| greatest(signal)))
        }
    }
}

/// 0, or where the range has none its end nearest to it: as far off as the device goes.
fn least(signal: &Signal) -> Option<Value> {
    let zero = signal.values.iter().find(|(raw, _)| *raw == 0).map(|(_, name)| Value::Text(name.clone()));
    match signal.range {
        Some((low, high)) => Some(Value::Number(0.0_f64.max(low).min(high))),
        None if signal.values.is_empty() => Some(Value::Number(0.0)),
        None => zero,
    }
}

/// The upper end of the range; of a bare bit, 1.
fn greatest(signal: &Signal) -> Option<Value> {
    let bit = signal.layout.width == 1 && signal.values.is_empty();
    signal.range.map(|(_, high)| Value::Number(high)).or(bit.then_some(Value::Number(signal.scale + signal.offset)))
}
