//! The signals of one frame, made ready for decoding: shifts, masks and powers of ten are worked out once. It gives what
//! [`Signal::decode`] gives, which is slower and easier to read; a test holds the two together.

use crate::model::{Fields, Name, Quality, Value};

use super::codec::{Signal, decimals, power_of_ten};
use super::layout::{Kind, Layout};
use super::map::{Feedback, NodeFrame};
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

/// One signal. The fields that most signals need come first and share a cache line or two.
#[derive(Clone, Debug)]
struct Step {
    /// Bytes that a frame must have.
    end: usize,
    shift: u32,
    big_endian: bool,
    /// A whole number within eight bytes that needs no rounding and no correction: the short way.
    short_way: bool,
    mask: u64,
    /// The bit of the sign, 0 without one.
    sign: u64,
    /// All ones where there is none, which no signal of the short way can be.
    invalid_bits: u64,
    whole: Whole,
    low: f64,
    high: f64,
    raws: Box<[u64]>,
    texts: Box<[Name]>,
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
struct Window {
    little: u64,
    big: u64,
    len: usize,
}

impl Window {
    #[inline]
    fn of(data: &[u8]) -> Window {
        let bytes = match data.first_chunk::<8>() {
            Some(bytes) => *bytes,
            None => {
                let mut bytes = [0; 8];
                bytes[..data.len()].copy_from_slice(data);
                bytes
            }
        };
        Window { little: u64::from_le_bytes(bytes), big: u64::from_be_bytes(bytes), len: data.len() }
    }
}

impl Plan {
    /// What a node's messages have.
    #[must_use]
    pub fn of_node(node: &NodeFrame) -> Plan {
        let published = node.fields.iter().filter(|field| field.published);
        Plan::new(published.map(|field| (&node.frame.signals[field.signal], &field.name, field.adjust)))
    }

    /// What a device's messages have.
    #[must_use]
    pub fn of_feedback(feedback: &Feedback) -> Plan {
        let shown = feedback.shown.iter().map(|at| &feedback.frame.signals[*at]);
        Plan::new(shown.map(|signal| (signal, &signal.name, None)))
    }

    /// Signals, what they are called, and their node's correction.
    pub(super) fn new<'a>(signals: impl Iterator<Item = (&'a Signal, &'a Name, Option<(f64, f64)>)>) -> Plan {
        Plan(signals.map(|(signal, name, adjust)| Step::new(signal, name, adjust)).collect())
    }

    /// Whether there is nothing to decode.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives each signal in order, by its position. Short frames give the signals that fit.
    #[inline]
    pub fn samples(&self, data: &[u8], mut take: impl FnMut(usize, Sample)) {
        let window = Window::of(data);
        for (at, step) in self.0.iter().enumerate() {
            take(at, step.sample(window, data));
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
    fn new(signal: &Signal, name: &Name, adjust: Option<(f64, f64)>) -> Step {
        let (layout, mask) = (signal.layout, signal.layout.mask());
        let adjust = adjust.map(|(scale, offset)| {
            let power = signal.decimals.map(|own| power_of_ten(own.max(decimals(scale)).max(decimals(offset))));
            Scale { scale, offset, power }
        });
        let number = Number::of(signal);
        let (low, high) = signal.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let invalid = signal.invalid.map(|invalid| invalid & mask);
        let whole = match number {
            Number::Whole(whole) => Some(whole).filter(|_| layout.bytes_needed() <= 8 && layout.width < 64),
            Number::Scaled(_) => None,
        };
        Step {
            end: layout.bytes_needed(),
            shift: layout.shift_in_eight_bytes(),
            big_endian: layout.big_endian,
            short_way: whole.is_some() && adjust.is_none(),
            mask,
            sign: if layout.kind == Kind::Signed { mask ^ (mask >> 1) } else { 0 },
            invalid_bits: invalid.unwrap_or(u64::MAX),
            whole: whole.unwrap_or(Whole { factor: 1.0, offset: 0.0, power: 1.0 }),
            low,
            high,
            raws: signal.values.iter().map(|(raw, _)| raw & mask).collect(),
            texts: signal.values.iter().map(|(_, text)| text.clone()).collect(),
            name: name.clone(),
            rest: Box::new(Rest { layout, invalid, number, adjust, policy: signal.policy }),
        }
    }

    #[inline]
    fn sample(&self, window: Window, data: &[u8]) -> Sample {
        if self.end > window.len {
            return Sample::bad(Quality::Short);
        }
        if !self.short_way {
            return self.long_way(data);
        }
        let all = if self.big_endian { window.big } else { window.little };
        let bits = all >> (self.shift & 63) & self.mask;
        if bits == self.invalid_bits {
            return Sample::bad(Quality::Invalid);
        }
        if let Some(at) = self.raws.iter().position(|raw| *raw == bits) {
            return Sample::text(at);
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
        if !raw.is_finite() {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_signal() -> impl Strategy<Value = Signal> {
        let layout = (0u16..100, 1u8..=64, any::<bool>(), 0u8..4).prop_map(|(start, width, big_endian, kind)| {
            let kind = [Kind::Unsigned, Kind::Signed, Kind::F32, Kind::F64][usize::from(kind)];
            let width = if kind == Kind::F32 {
                32
            } else if kind == Kind::F64 {
                64
            } else {
                width
            };
            Layout { start, width, big_endian, kind }
        });
        let scale = prop_oneof![
            Just(1.0),
            Just(0.1),
            (-2000i32..2000).prop_filter("not 0", |n| *n != 0).prop_map(|n| f64::from(n) / 1000.0),
            (1u32..50).prop_map(|n| 1.0 / f64::from(n)),
            (1e-12..1e12f64),
        ];
        let offset = prop_oneof![Just(0.0), (-100_000i32..100_000).prop_map(|n| f64::from(n) / 100.0), -1e9..1e9f64];
        let range = proptest::option::of((-1e4..0.0f64, 0.0..1e5f64));
        let raws = (proptest::option::of(any::<u64>()), proptest::collection::vec(0u64..8, 0..4));
        (layout, scale, offset, range, raws).prop_map(|(layout, scale, offset, range, (invalid, raws))| {
            let values = raws.iter().map(|raw| (*raw, Name::from(format!("state {raw}")))).collect();
            Signal { range, invalid, values, ..Signal::new("x".into(), layout).scaled(scale, offset) }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_plan_gives_what_the_signal_gives(
            signal in any_signal(),
            mut data in proptest::collection::vec(any::<u8>(), 0..=20),
            small: bool,
        ) {
            if small {
                let _ = signal.layout.put(u64::from(data.first().copied().unwrap_or(0) % 8), &mut data);
            }
            let plan = Plan::new([(&signal, &signal.name, None)].into_iter());
            let (values, quality) = plan.decode(&data);
            let got = quality.first().map_or_else(|| Ok(values.get("x").cloned().unwrap_or_default()), |(_, why)| Err(*why));
            prop_assert_eq!(got, signal.decode(&data));
        }
    }

    #[test]
    fn a_scale_with_endless_decimals_goes_the_long_way() {
        for divisor in [13.0, 26.0, 28.0] {
            let layout = "0|2@1+".parse().expect("two bits");
            let signal = Signal::new("x".into(), layout).scaled(1.0 / divisor, 0.0);
            let plan = Plan::new([(&signal, &signal.name, None)].into_iter());
            for raw in 0..4 {
                let (values, _) = plan.decode(&[raw]);
                assert_eq!(values.get("x").cloned(), signal.decode(&[raw]).ok(), "{raw} / {divisor}");
            }
        }
    }

    #[test]
    fn a_correction_comes_after_the_range_and_is_rounded_to_its_decimals() {
        let signal = Signal { range: Some((0.0, 100.0)), ..Signal::new("x".into(), "0|8@1+".parse().expect("right")) };
        let value = |raw: u8, adjust| {
            let (values, quality) = Plan::new([(&signal, &signal.name, Some(adjust))].into_iter()).decode(&[raw]);
            quality.first().map_or_else(|| Ok(values.get("x").and_then(Value::as_number)), |(_, why)| Err(*why))
        };
        assert_eq!(value(24, (1.0, -0.4)), Ok(Some(23.6)));
        assert_eq!(value(50, (1.02, 0.0)), Ok(Some(51.0)));
        assert_eq!(value(100, (1.0, 1.5)), Ok(Some(101.5)));
        assert_eq!(value(101, (1.0, -5.0)), Err(Quality::OutOfRange));
    }
}
