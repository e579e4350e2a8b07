//! The signals of one frame, made ready for decoding: shifts, masks and powers of ten are worked out once. It gives what
//! [`Signal::decode`] gives, which is slower and easier to read; a test holds the two together.

use crate::model::{Fields, Name, Quality, Value};

use super::codec::{Signal, When, decimals, power_of_ten};
use super::layout::{Kind, Layout};
use super::map::{Feedback, Field, NodeFrame};
use super::pace::{Policy, Sampled};

/// Numbers up to here lose nothing in a float, and rounding errors on the way stay far below a half.
const EXACT: f64 = (1_u64 << 48) as f64;

/// The signals of a frame that somebody wants, ready to decode.
#[derive(Clone, Debug)]
pub struct Plan(Box<[Step]>);

/// What one signal of a frame is. A pair and not an enum with values inside: this one stays in registers, which halves
/// the time of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// What `number` is.
    pub state: State,
    /// The value, or the position of its text among the signal's `values`; else 0.
    pub number: f64,
}

/// What the number of a [`Sample`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The value.
    Number,
    /// The position of a text.
    Text,
    /// Nothing: there is no good value.
    Bad(Quality),
}

impl Sample {
    fn number(number: f64) -> Sample {
        Sample { state: State::Number, number }
    }

    fn text(at: usize) -> Sample {
        Sample { state: State::Text, number: at as f64 }
    }

    fn bad(why: Quality) -> Sample {
        Sample { state: State::Bad(why), number: 0.0 }
    }
}

/// A signal, what it is called, its node's correction, and when it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    signal: &'a Signal,
    name: &'a Name,
    adjust: Option<(f64, f64)>,
    when: &'a [When],
}

impl<'a> Wanted<'a> {
    /// As the frame has it.
    pub(super) fn signal(signal: &'a Signal) -> Wanted<'a> {
        Wanted { signal, name: &signal.name, adjust: None, when: &signal.when }
    }

    /// As a node has it.
    pub(super) fn field(node: &'a NodeFrame, field: &'a Field) -> Wanted<'a> {
        let signal = &node.frame.signals[field.signal];
        Wanted { signal, name: &field.name, adjust: field.adjust, when: &field.when }
    }
}

/// One signal. The fields that most signals need come first and share a cache line or two.
#[derive(Clone, Debug)]
struct Step {
    /// Bytes that a frame must have.
    end: u8,
    shift: u8,
    big_endian: bool,
    /// A whole number within eight bytes that needs no rounding and no correction: the short way.
    short_way: bool,
    mask: u64,
    /// The bit of the sign, 0 without one.
    sign: u64,
    /// All ones where there is none, which no signal of the short way can be.
    invalid_bits: u64,
    /// From here on there is no value; all ones where nothing says so.
    no_value_from: u64,
    whole: Whole,
    low: f64,
    high: f64,
    raws: Box<[u64]>,
    texts: Box<[Name]>,
    when: Box<[When]>,
    name: Name,
    rest: Box<Rest>,
}

/// What the long way needs beside.
#[derive(Clone, Debug)]
struct Rest {
    layout: Layout,
    invalid: Option<u64>,
    number: Number,
    adjust: Option<Scale>,
    policy: Policy,
}

/// (raw × factor + offset) / power, all of them whole: exact, and there is nothing to round.
#[derive(Clone, Copy, Debug)]
struct Whole {
    factor: f64,
    offset: f64,
    power: f64,
}

/// How raw numbers become values.
#[derive(Clone, Copy, Debug)]
enum Number {
    /// Without rounding.
    Whole(Whole),
    /// raw × scale + offset, rounded.
    Scaled(Scale),
}

/// value × scale + offset, rounded to the decimals of `power`.
#[derive(Clone, Copy, Debug)]
struct Scale {
    scale: f64,
    offset: f64,
    power: Option<f64>,
}

/// The first eight bytes of a frame as a number, both ways round; missing bytes are 0.
#[derive(Clone, Copy)]
pub(super) struct Window {
    little: u64,
    big: u64,
    /// How many bytes the frame has.
    pub(super) len: usize,
}

impl Window {
    #[inline]
    pub(super) fn of(data: &[u8]) -> Window {
        let little = match (data.first_chunk::<8>(), data.first_chunk::<4>(), data.last_chunk::<4>()) {
            (Some(bytes), ..) => u64::from_le_bytes(*bytes),
            // The two overlap, in the same bytes.
            (None, Some(first), Some(last)) => {
                let last = u64::from(u32::from_le_bytes(*last)) << (8 * (data.len() - 4));
                u64::from(u32::from_le_bytes(*first)) | last
            }
            _ => data.iter().rev().fold(0, |little, byte| little << 8 | u64::from(*byte)),
        };
        Window { little, big: little.swap_bytes(), len: data.len() }
    }

    /// Some of the bits, right-aligned.
    #[inline]
    pub(super) fn bits(self, big_endian: bool, shift: u32, mask: u64) -> u64 {
        // A plain `if` becomes a load from memory where both have just been stored, which costs more than all the rest.
        let all = std::hint::select_unpredictable(big_endian, self.big, self.little);
        all >> (shift & 63) & mask
    }
}

impl Plan {
    /// What a node's messages have.
    #[must_use]
    pub fn of_node(node: &NodeFrame) -> Plan {
        Plan::new(node.fields.iter().filter(|field| field.published).map(|field| Wanted::field(node, field)))
    }

    /// What a device's messages have.
    #[must_use]
    pub fn of_feedback(feedback: &Feedback) -> Plan {
        Plan::new(feedback.shown.iter().map(|at| Wanted::signal(&feedback.frame.signals[*at])))
    }

    pub(super) fn new<'a>(signals: impl Iterator<Item = Wanted<'a>>) -> Plan {
        Plan(signals.map(|wanted| Step::new(&wanted)).collect())
    }

    /// Whether there is nothing to decode.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives each signal in order, by its position: of a multiplexed frame those that are there, and of a short one those
    /// that fit.
    #[inline]
    pub fn samples(&self, data: &[u8], mut take: impl FnMut(usize, Sample)) {
        let window = Window::of(data);
        for (at, step) in self.0.iter().enumerate() {
            if step.when.is_empty() || step.when.iter().all(|when| when.holds(data)) {
                take(at, step.sample(window, data));
            }
        }
    }

    /// The fields of a message, and for each `Null` among them why.
    #[inline]
    #[must_use]
    pub fn decode(&self, data: &[u8]) -> (Fields, Vec<(Name, Quality)>) {
        let mut said = Said::with_capacity(self.0.len());
        self.samples(data, |at, sample| said.push(&self.0[at], sample));
        (said.values, said.quality)
    }

    /// The same from the samples of a frame.
    pub(super) fn fields(&self, samples: &[Sampled]) -> (Fields, Vec<(Name, Quality)>) {
        let mut said = Said::with_capacity(samples.len());
        samples.iter().for_each(|(at, sample)| said.push(&self.0[usize::from(*at)], *sample));
        (said.values, said.quality)
    }

    /// When each signal asks for a message, by its position.
    pub(super) fn policies(&self) -> Box<[Policy]> {
        self.0.iter().map(|step| step.rest.policy).collect()
    }
}

/// A message's fields in the making.
struct Said {
    values: Fields,
    quality: Vec<(Name, Quality)>,
}

impl Said {
    fn with_capacity(signals: usize) -> Said {
        Said { values: Fields::with_capacity(signals), quality: Vec::new() }
    }

    #[inline]
    fn push(&mut self, step: &Step, sample: Sample) {
        let value = match sample.state {
            State::Number => Value::Number(sample.number),
            State::Text => Value::Text(step.texts[sample.number as usize].clone()),
            State::Bad(why) => {
                self.quality.push((step.name.clone(), why));
                Value::Null
            }
        };
        self.values.push(step.name.clone(), value);
    }
}

impl Step {
    fn new(wanted: &Wanted<'_>) -> Step {
        let Wanted { signal, name, adjust, when } = *wanted;
        let (layout, mask) = (signal.layout, signal.layout.mask());
        let adjust = adjust.map(|(scale, offset)| {
            let power = signal.decimals.map(|own| power_of_ten(own.max(decimals(scale)).max(decimals(offset))));
            Scale { scale, offset, power }
        });
        debug_assert!(!layout.is_float() || signal.values.is_empty(), "a map gives IEEE numbers no texts");
        let number = Number::of(signal);
        let (low, high) = signal.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let invalid = signal.invalid.map(|invalid| invalid & mask);
        let whole = match number {
            Number::Whole(whole) => Some(whole).filter(|_| layout.bytes_needed() <= 8 && layout.width < 64),
            Number::Scaled(_) => None,
        };
        Step {
            end: u8::try_from(layout.bytes_needed()).unwrap_or(u8::MAX),
            shift: layout.shift_in_eight_bytes() as u8,
            big_endian: layout.big_endian,
            short_way: whole.is_some() && adjust.is_none(),
            mask,
            sign: if layout.kind == Kind::Signed { mask ^ (mask >> 1) } else { 0 },
            invalid_bits: invalid.unwrap_or(u64::MAX),
            no_value_from: signal.no_value_from.unwrap_or(u64::MAX),
            whole: whole.unwrap_or(Whole { factor: 1.0, offset: 0.0, power: 1.0 }),
            low,
            high,
            raws: signal.values.iter().map(|(raw, _)| raw & mask).collect(),
            texts: signal.values.iter().map(|(_, text)| text.clone()).collect(),
            when: when.into(),
            name: name.clone(),
            rest: Box::new(Rest { layout, invalid, number, adjust, policy: signal.policy }),
        }
    }

    #[inline]
    fn sample(&self, window: Window, data: &[u8]) -> Sample {
        if usize::from(self.end) > window.len {
            return Sample::bad(Quality::Short);
        }
        if !self.short_way {
            return self.long_way(data);
        }
        let bits = window.bits(self.big_endian, self.shift.into(), self.mask);
        if bits == self.invalid_bits {
            return Sample::bad(Quality::Invalid);
        }
        if let Some(at) = self.raws.iter().position(|raw| *raw == bits) {
            return Sample::text(at);
        }
        if bits >= self.no_value_from {
            return Sample::bad(Quality::Invalid);
        }
        self.within(self.whole.of((bits ^ self.sign).wrapping_sub(self.sign) as i64 as f64))
    }

    #[inline(never)]
    fn long_way(&self, data: &[u8]) -> Sample {
        let Some(bits) = self.rest.layout.get(data) else { return Sample::bad(Quality::Short) };
        if self.rest.invalid == Some(bits) {
            return Sample::bad(Quality::Invalid);
        }
        if let Some(at) = self.raws.iter().position(|raw| *raw == bits) {
            return Sample::text(at);
        }
        let raw = self.rest.layout.number(bits);
        if !raw.is_finite() || (self.no_value_from < u64::MAX && bits >= self.no_value_from) {
            return Sample::bad(Quality::Invalid);
        }
        let sample = self.within(match self.rest.number {
            Number::Whole(whole) => whole.of(raw),
            Number::Scaled(scale) => scale.of(raw),
        });
        match (sample.state, self.rest.adjust) {
            (State::Number, Some(adjust)) => Sample::number(adjust.of(sample.number)),
            _ => sample,
        }
    }

    #[inline]
    fn within(&self, value: f64) -> Sample {
        if value < self.low || value > self.high {
            return Sample::bad(Quality::OutOfRange);
        }
        Sample::number(value)
    }
}

impl Number {
    fn of(signal: &Signal) -> Number {
        let (scale, offset) = (signal.scale, signal.offset);
        let power = signal.decimals.map(power_of_ten);
        let scaled = Number::Scaled(Scale { scale, offset, power });
        let Some(power) = power else { return scaled };
        let (factor, whole_offset) = ((scale * power).round(), (offset * power).round());
        // Not merely near: 1/26 has more decimals than a float can keep, and the digits that were cut off would add up.
        let exact = |number: f64, whole: f64| whole / power == number;
        let most = signal.layout.mask() as f64 * factor.abs() + whole_offset.abs();
        if exact(scale, factor) && exact(offset, whole_offset) && most < EXACT {
            return Number::Whole(Whole { factor, offset: whole_offset, power });
        }
        scaled
    }
}

impl Whole {
    #[inline]
    fn of(self, raw: f64) -> f64 {
        // Adding 0 turns -0 into 0, which is what people expect to read.
        (raw * self.factor + self.offset) / self.power + 0.0
    }
}

impl Scale {
    #[inline]
    fn of(self, value: f64) -> f64 {
        super::codec::rounded(value * self.scale + self.offset, self.power)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
