//! One message of a DBC file as a layout of the map: names, bits, scales, texts, multiplexers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use can_dbc::{ByteOrder, NumericValue, ValueType};

use crate::can::CanId;
use crate::channels::codec::Signal;
use crate::channels::j1939::Group;
use crate::channels::layout::{Kind, Layout};
use crate::channels::map::FrameLayout;
use crate::model::Name;

use super::multiplex;
use super::notes::Notes;
use super::reader::Reader;
use super::{Doubt, Draft};

/// The mark of 29 bits.
const EXTENDED: u64 = 1 << 31;
/// Far beyond any frame.
const MOST_BITS: u64 = 60_000;

/// One message.
#[derive(Debug)]
pub struct Message {
    /// Its name, the long one where it has one.
    pub name: Name,
    /// The name in its `BO_` line.
    pub short_name: Name,
    /// Its bytes, as the file has them: also 0, or more than a frame carries.
    pub size: u64,
    /// What its bytes mean, as far as 64 bytes go.
    pub layout: Arc<FrameLayout>,
    /// The node that sends it.
    pub sender: Option<Name>,
    /// What the file says about it.
    pub comment: Option<Name>,
    /// What the file says about its signals, by name.
    pub comments: HashMap<Name, Name>,
    pub(super) at: usize,
    pub(super) raw_id: u64,
    pub(super) doubts: Vec<Doubt>,
    id: Option<CanId>,
    /// The parameter group that it is, of any sender, if the file says that it is of J1939.
    pub(super) group: Option<Group>,
    /// One for each signal.
    pub(super) readers: Vec<Reader>,
}

impl Message {
    pub(super) fn new(text: &str, draft: &Draft, notes: &Notes) -> Message {
        let Draft { id: raw_id, at, parsed } = draft;
        let (raw_id, at) = (*raw_id, *at);
        let long = notes.long_messages.get(&raw_id).filter(|long| is_name(long));
        let name: Name = long.map_or(&*parsed.name, |long| long).into();
        let mut message = Message {
            name: name.clone(),
            short_name: Name::from(&*parsed.name),
            size: parsed.size,
            layout: Arc::new(FrameLayout { name: name.clone(), length: 0, cycle: None, signals: Vec::new() }),
            sender: parsed.transmitter.as_deref().map(Name::from),
            comment: notes.comments.get(&raw_id).map(|comment| Name::from(plain(comment))),
            comments: HashMap::new(),
            at,
            raw_id,
            doubts: Vec::new(),
            id: id(raw_id),
            group: id(raw_id).filter(|_| notes.is_j1939(raw_id)).and_then(Group::of),
            readers: Vec::new(),
        };
        let help = Some("ids go up to 2047 with 11 bits; those of 29 bits have 2147483648 added");
        match message.id {
            None => message.doubt(format!("{raw_id} is no CAN id: {name} is never seen"), help),
            Some(CanId::Extended(_)) if raw_id & EXTENDED == 0 => {
                message.doubt(format!("{raw_id} is too large for 11 bits: {name} is taken to have 29"), help);
            }
            Some(_) => {}
        }
        let signals = message.signals(text, raw_id, parsed, notes);
        let cycle = notes.cycle(raw_id);
        let cycle = (cycle > 0.0).then(|| Duration::try_from_secs_f64(cycle / 1e3).ok()).flatten();
        let length = u8::try_from(parsed.size).unwrap_or(64).min(64);
        message.readers = signals.iter().map(Reader::new).collect();
        message.layout = Arc::new(FrameLayout { name, length, cycle, signals });
        message
    }

    /// The id that it is sent with; `None` where the file has none that is possible.
    #[must_use]
    pub fn id(&self) -> Option<CanId> {
        self.id
    }

    pub(super) fn doubt(&mut self, message: String, help: Option<&'static str>) {
        self.doubts.push(Doubt { at: self.at, len: "BO_".len(), message, help });
    }

    fn doubt_signal(&mut self, text: &str, signal: &str, message: String) {
        self.doubt_nth(text, signal, 0, message);
    }

    /// Of several signals of one name that with so many before it.
    fn doubt_nth(&mut self, text: &str, signal: &str, before: usize, message: String) {
        let at = place_of_signal(text, self.at, signal, before);
        self.doubts.push(Doubt { at, len: signal.len(), message, help: None });
    }

    /// The signals that can be read.
    fn signals(&mut self, text: &str, id: u64, parsed: &can_dbc::Message, notes: &Notes) -> Vec<Signal> {
        let mut read: Vec<Option<Signal>> = Vec::new();
        for (number, signal) in parsed.signals.iter().enumerate() {
            let of = (id, signal.name.clone());
            let name: Name =
                notes.long_signals.get(&of).filter(|long| is_name(long)).map_or(&*signal.name, |long| long).into();
            let good = if read.iter().flatten().any(|known| known.name == name) {
                Err(format!("{name} is there twice: the first one counts"))
            } else {
                layout(signal, notes.floats.contains(&of))
                    .map(|layout| self.signal(text, name.clone(), signal, layout, notes, &of))
            };
            if let Err(why) = &good {
                let before = parsed.signals[..number].iter().filter(|other| other.name == signal.name).count();
                self.doubt_nth(text, &signal.name, before, why.clone());
            }
            if let Some(comment) = notes.signal_comments.get(&of) {
                self.comments.insert(name, Name::from(plain(comment)));
            }
            read.push(good.ok());
        }
        let (signals, doubts) = multiplex::resolve(parsed, read, notes, id);
        doubts.into_iter().for_each(|(signal, why)| self.doubt_signal(text, &signal, why));
        self.compare(text, &signals);
        signals
    }

    fn signal(
        &mut self,
        text: &str,
        name: Name,
        spec: &can_dbc::Signal,
        layout: Layout,
        notes: &Notes,
        of: &(u64, String),
    ) -> Signal {
        let mut signal = Signal::new(name, layout).scaled(spec.factor, spec.offset);
        signal.unit = Some(spec.unit.trim()).filter(|unit| !unit.is_empty()).map(Name::from);
        if spec.factor == 0.0 {
            let why = format!("{} has the factor 0: it is {} always, and cannot be sent", signal.name, spec.offset);
            self.doubt_signal(text, &spec.name, why);
        }
        let (low, high) = (float(spec.min), float(spec.max));
        if low > high {
            self.doubt_signal(
                text,
                &spec.name,
                format!("the range [{low}|{high}] of {} runs backwards: it is left out", signal.name),
            );
        } else if (low, high) != (0.0, 0.0) {
            signal.range = Some((low, high));
        }
        for described in notes.texts.get(of).into_iter().flatten() {
            // One that the bits cannot be has no effect.
            let Some(raw) = raw(layout, described.id) else { continue };
            signal.values.retain(|(known, _)| *known != raw);
            signal.values.push((raw, Name::from(plain(&described.description))));
        }
        signal
    }

    /// Signals beyond the end of the message, and bits that two have at once.
    fn compare(&mut self, text: &str, signals: &[Signal]) {
        for (i, signal) in signals.iter().enumerate() {
            let needed = signal.layout.bytes_needed() as u64;
            if needed > self.size {
                let why =
                    format!("{} reaches into byte {}, but {} has {}", signal.name, needed - 1, self.name, self.size);
                self.doubt_signal(text, &signal.name, why);
            }
            let other = signals[..i].iter().find(|other| signal.overlaps(other));
            if let Some(other) = other {
                let why = format!("{} and {} overlap: both have the same bits", signal.name, other.name);
                self.doubt_signal(text, &signal.name, why);
            }
        }
    }
}

fn id(raw: u64) -> Option<CanId> {
    let raw = u32::try_from(raw).ok()?;
    match u64::from(raw) & EXTENDED {
        0 => CanId::standard(raw).or(CanId::extended(raw)),
        _ => CanId::extended(raw & !(EXTENDED as u32)),
    }
}

/// Whether a long name can stand for the short one.
fn is_name(long: &str) -> bool {
    !long.trim().is_empty()
        && !long.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER || c > '\u{FFFD}')
}

/// Where a signal's name stands, behind the line of its message.
fn place_of_signal(text: &str, at: usize, signal: &str, mut before: usize) -> usize {
    let mut from = at;
    for line in text.get(at..).unwrap_or("").split_inclusive('\n') {
        if let Some(rest) = line.trim_start().strip_prefix("SG_")
            && rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).find(|word| !word.is_empty())
                == Some(signal)
        {
            if let Some(less) = before.checked_sub(1) {
                before = less;
                from += line.len();
                continue;
            }
            return from + line.find(signal).unwrap_or(0);
        }
        from += line.len();
    }
    at
}

fn layout(signal: &can_dbc::Signal, float: bool) -> Result<Layout, String> {
    let name = &signal.name;
    let width = u8::try_from(signal.size).ok().filter(|width| (1..=64).contains(width));
    let width =
        width.ok_or_else(|| format!("{name} has {} bits: 1 to 64 can be read, so it is left out", signal.size))?;
    if signal.start_bit > MOST_BITS {
        return Err(format!("{name} begins at bit {}, which is outside any frame: it is left out", signal.start_bit));
    }
    if !signal.factor.is_finite() || !signal.offset.is_finite() {
        return Err(format!("the factor or the offset of {name} is no finite number: it is left out"));
    }
    let kind = if signal.value_type == ValueType::Signed { Kind::Signed } else { Kind::Unsigned };
    let big_endian = signal.byte_order == ByteOrder::BigEndian;
    let layout = Layout { start: signal.start_bit as u16, width, big_endian, kind };
    match float {
        true => layout
            .floating()
            .ok_or_else(|| format!("{name} is an IEEE number of {width} bits, which there is none: it is left out")),
        false => Ok(layout),
    }
}

fn float(number: NumericValue) -> f64 {
    match number {
        NumericValue::Uint(number) => number as f64,
        NumericValue::Int(number) => number as f64,
        NumericValue::Double(number) => number,
    }
}

/// The bits of a raw number, of an IEEE number itself as [`Signal::values`] has it; `None` if the signal cannot be it.
fn raw(layout: Layout, number: i64) -> Option<u64> {
    if layout.is_float() {
        return Some(number as u64);
    }
    let mask = i128::from(layout.mask());
    let (low, high) = if layout.kind == Kind::Signed { (-(mask / 2) - 1, mask / 2) } else { (0, mask) };
    (low..=high).contains(&i128::from(number)).then_some(number as u64 & layout.mask())
}

/// A text of the file without its escapes.
fn plain(text: &str) -> String {
    text.replace("\\\"", "\"")
}
