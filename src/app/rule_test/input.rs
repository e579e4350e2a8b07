//! Values over time as they come in: those of a node or a device as the CAN frames that the map makes of them, those of a
//! foreign channel as its messages. So everything behind is what runs on the real plant.

use std::sync::Arc;
use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::channels::codec::{Kind, Signal};
use crate::channels::{Feedback, Field, FrameLayout, NodeFrame, Plan};
use crate::files::Place;
use crate::model::{Fields, Name, Timestamp, Value};
use crate::simulator::well;

use super::series::Series;

/// One stream of frames or messages.
#[derive(Debug)]
pub(super) struct Input {
    /// The node, `room/device`, or the channel.
    pub(super) speaker: Name,
    /// Where it is written.
    pub(super) place: Place,
    /// How long a value lasts.
    pub(super) every: Duration,
    /// What it says.
    pub(super) says: Says,
}

#[derive(Debug)]
pub(super) enum Says {
    Frames(Frames),
    Messages { channel: Name, columns: Vec<(Name, Series)> },
}

/// Frames of one identifier.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) bus: BusId,
    pub(super) id: CanId,
    pub(super) layout: Arc<FrameLayout>,
    /// The multiplexers of the part that is sent, by position, and their raw values.
    pub(super) chosen: Vec<(usize, u64)>,
    /// A value that lasts for longer is sent again this often, as a node does.
    pub(super) cycle: Option<Duration>,
    pub(super) columns: Vec<Column>,
}

/// One signal that is written.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Position in the layout.
    pub(super) signal: usize,
    /// The node's calibration, which is taken off before the value is encoded.
    pub(super) adjust: (f64, f64),
    pub(super) series: Series,
}

/// What comes in at one moment.
#[derive(Debug)]
pub(super) enum Payload<'a> {
    Frame(Frame),
    Message(&'a str, Fields),
}

/// Where an input stands: which value, and which repetition of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    value: usize,
    again: u32,
}

impl Cursor {
    /// When it speaks next; `None` when it has nothing more to say.
    pub(super) fn next(self, input: &Input) -> Option<Duration> {
        let value = u32::try_from(self.value).ok()?;
        let here = input.is_endless() || self.value < input.len();
        here.then(|| input.every.saturating_mul(value) + input.cycle().saturating_mul(self.again))
    }

    /// What it says there; `None` where it is silent.
    pub(super) fn say<'a>(self, input: &'a Input, now: Timestamp) -> Option<Payload<'a>> {
        input.says.at(self.value, now)
    }

    pub(super) fn advance(&mut self, input: &Input) {
        self.again += 1;
        if input.cycle().is_zero() || input.cycle().saturating_mul(self.again) >= input.every {
            *self = Cursor { value: self.value + 1, again: 0 };
        }
    }
}

impl Input {
    pub(super) fn is_endless(&self) -> bool {
        self.series().any(Series::is_endless)
    }

    /// How many values it has; what is shorter than the longest goes on with its last one.
    pub(super) fn len(&self) -> usize {
        self.series().map(Series::len).max().unwrap_or(0)
    }

    fn series(&self) -> impl Iterator<Item = &Series> {
        let (frames, messages) = match &self.says {
            Says::Frames(frames) => (frames.columns.as_slice(), &[][..]),
            Says::Messages { columns, .. } => (&[][..], columns.as_slice()),
        };
        frames.iter().map(|column| &column.series).chain(messages.iter().map(|(_, series)| series))
    }

    /// Between two repetitions of a value; zero where it is said once.
    fn cycle(&self) -> Duration {
        match &self.says {
            Says::Frames(frames) => frames.cycle.unwrap_or_default(),
            Says::Messages { .. } => Duration::ZERO,
        }
    }
}

impl Says {
    /// Whether both are frames of one identifier, and of one part of it.
    pub(super) fn collides(&self, other: &Says) -> bool {
        let (Says::Frames(a), Says::Frames(b)) = (self, other) else { return false };
        let apart = a.chosen.iter().any(|(at, raw)| b.chosen.iter().any(|(other, own)| at == other && raw != own));
        (a.bus, a.id) == (b.bus, b.id) && !apart
    }

    fn at(&self, position: usize, now: Timestamp) -> Option<Payload<'_>> {
        match self {
            Says::Frames(frames) => frames.at(position, now).map(Payload::Frame),
            Says::Messages { channel, columns } => {
                let said =
                    columns.iter().filter_map(|(name, series)| Some((name.clone(), series.at(position)?.clone())));
                let fields: Fields = said.collect();
                (!fields.is_empty()).then_some(Payload::Message(channel, fields))
            }
        }
    }
}

impl Frames {
    fn at(&self, position: usize, now: Timestamp) -> Option<Frame> {
        if self.columns.iter().all(|column| column.series.at(position).is_none()) {
            return None;
        }
        let mut data = [0; 64];
        let data = &mut data[..usize::from(self.layout.length).min(64)];
        let signals = &self.layout.signals;
        for (at, raw) in &self.chosen {
            let _put = signals[*at].layout.put(*raw, data);
        }
        let multiplexer = |at: usize| self.chosen.iter().any(|(chosen, _)| *chosen == at);
        let others = signals.iter().enumerate().filter(|(at, _)| !multiplexer(*at));
        for (_, signal) in others {
            if signal.present(data) {
                leave_open(signal, data);
            }
        }
        for column in &self.columns {
            if let Some(value) = column.series.at(position) {
                // The file was refused if any of its values cannot be said.
                let _said = put(&self.layout.signals[column.signal], column.adjust, value, data);
            }
        }
        Frame::data(now, self.bus, self.id, data)
    }
}

/// Writes a value as the signal of a node says it.
fn put(signal: &Signal, (scale, offset): (f64, f64), value: &Value, data: &mut [u8]) -> Result<(), String> {
    match value {
        Value::Number(number) => signal.encode(&Value::Number((number - offset) / scale), data),
        Value::Null => {
            let bits = no_value(signal)
                .ok_or_else(|| format!("{} always has a value: its bits cannot say that there is none", signal.name))?;
            signal.layout.put(bits, data).ok_or_else(|| format!("{} is not within the frame", signal.name))
        }
        other => signal.encode(other, data),
    }
}

/// Bits that are read as no value: the signal's own code, no number, or one out of its range.
fn no_value(signal: &Signal) -> Option<u64> {
    let mask = signal.layout.mask();
    let not_a_number = match signal.layout.kind {
        Kind::F16 => Some(0x7E00),
        Kind::F32 => Some(u64::from(f32::NAN.to_bits())),
        Kind::F64 => Some(f64::NAN.to_bits()),
        Kind::Unsigned | Kind::Signed => None,
    };
    let ends = [mask, mask >> 1, (mask >> 1) + 1, 0];
    signal.invalid.into_iter().chain(not_a_number).chain(ends).map(|bits| bits & mask).find(|bits| {
        let mut data = [0; 64];
        signal.layout.put(*bits, &mut data).is_some() && signal.decode(&data).is_err()
    })
}

/// A signal that the test does not write: without a value; if it cannot be, well, or 0.
fn leave_open(signal: &Signal, data: &mut [u8]) {
    let bits = no_value(signal).or_else(|| well(signal)).unwrap_or(0);
    // A signal that does not fit into its frame is the map's mistake, and never read.
    let _put = signal.layout.put(bits, data);
}

/// What becomes of a written value on its way through the bits.
#[derive(Debug, PartialEq)]
pub(super) enum Carried {
    Exactly,
    /// As another number.
    As(f64),
    /// Not at all.
    Refused(String),
}

/// A signal as somebody reads it, to see what comes of a value.
pub(super) struct Probe {
    plan: Plan,
    signal: Signal,
    adjust: (f64, f64),
    length: usize,
}

impl Probe {
    /// The field of a node at a position of `node.fields`.
    pub(super) fn of_node(node: &NodeFrame, field: usize) -> Probe {
        // The multiplexers that choose it are not written here.
        let field = Field { when: Vec::new(), ..node.fields[field].clone() };
        let (signal, adjust) = (field.signal, field.adjust.unwrap_or((1.0, 0.0)));
        let plan = Plan::of_node(&NodeFrame { fields: vec![field], ..node.clone() });
        Probe::new(&node.frame, signal, adjust, plan)
    }

    /// The signal of a device at a position of the layout.
    pub(super) fn of_feedback(feedback: &Feedback, signal: usize) -> Probe {
        let FrameLayout { name, length, cycle, signals } = &*feedback.frame;
        let signals = signals.iter().map(|signal| Signal { when: Vec::new(), ..signal.clone() }).collect();
        let frame = Arc::new(FrameLayout { name: name.clone(), length: *length, cycle: *cycle, signals });
        let plan = Plan::of_feedback(&Feedback { frame, shown: vec![signal], ..feedback.clone() });
        Probe::new(&feedback.frame, signal, (1.0, 0.0), plan)
    }

    fn new(layout: &FrameLayout, signal: usize, adjust: (f64, f64), plan: Plan) -> Probe {
        Probe { plan, signal: layout.signals[signal].clone(), adjust, length: usize::from(layout.length).min(64) }
    }

    /// The signal's name and its step.
    pub(super) fn signal(&self) -> (&str, f64) {
        (&self.signal.name, (self.signal.scale * self.adjust.0).abs())
    }

    pub(super) fn carry(&self, value: &Value) -> Carried {
        let mut data = [0; 64];
        if let Err(why) = put(&self.signal, self.adjust, value, &mut data[..self.length]) {
            return Carried::Refused(why);
        }
        let (fields, _) = self.plan.decode(&data[..self.length]);
        let read = fields.iter().next().map(|(_, value)| value);
        match (value, read) {
            (Value::Number(wanted), Some(Value::Number(read)))
                if (wanted - read).abs() <= 1e-6 * wanted.abs().max(1.0) =>
            {
                Carried::Exactly
            }
            (Value::Number(_), Some(Value::Number(read))) => Carried::As(*read),
            (wanted, Some(read)) if wanted == read => Carried::Exactly,
            (_, read) => {
                let read = read.map_or_else(|| "nothing".to_owned(), |read| format!("`{read}`"));
                Carried::Refused(format!("{} would be read as {read}, write that", self.signal.name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(dbc: &str) -> Signal {
        Signal::new("x".into(), dbc.parse().expect(dbc))
    }

    #[test]
    fn a_signal_says_that_it_has_no_value_in_the_way_it_can() {
        let read = |signal: &Signal| {
            let mut data = [0; 8];
            leave_open(signal, &mut data);
            signal.decode(&data)
        };
        let ranged = Signal { range: Some((0.0, 100.0)), ..signal("7|16@0+").scaled(0.01, 0.0) };
        assert_eq!(read(&ranged).map_err(|why| why.to_string()), Err("out of range".to_owned()));
        let coded = Signal { invalid: Some(0x7FFF), ..ranged };
        assert_eq!(read(&coded).map_err(|why| why.to_string()), Err("invalid".to_owned()));
        let float = Signal { layout: signal("0|32@1-").layout.as_float("f32").expect("32 bits"), ..signal("0|32@1-") };
        assert!(read(&float).is_err());
        let state = Signal { values: vec![(0, "leak".into()), (1, "dry".into())], ..signal("3|1@1+") };
        assert_eq!(read(&state), Ok(Value::text("dry")), "it cannot have none, so all is well");
        assert_eq!(read(&signal("0|8@1+")), Ok(Value::Number(0.0)));
    }
}
