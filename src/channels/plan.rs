//! The signals of one frame, made ready for decoding: shifts, masks and powers of ten are worked out once. It gives what
//! [`Signal::decode`] gives, which is slower and easier to read; a test holds the two together.

use crate::model::{Fields, Name, Quality, Value};

use super::codec::{Signal, decimals, power_of_ten};
use super::layout::{Kind, Layout};

/// Numbers up to here lose nothing in a float, and rounding errors on the way stay far below a half.
const EXACT: f64 = (1_u64 << 48) as f64;

/// The signals of a frame that somebody wants, ready to decode.
#[derive(Clone, Debug)]
pub(super) struct Plan(Box<[Step]>);

/// One signal.
#[derive(Clone, Debug)]
struct Step {
    name: Name,
    layout: Layout,
    /// Bytes that a frame must have.
    end: usize,
    shift: u32,
    mask: u64,
    unused: u32,
    invalid: Option<u64>,
    texts: Box<[(u64, Name)]>,
    number: Number,
    range: Option<(f64, f64)>,
    adjust: Option<Scale>,
}

/// How raw numbers become values.
#[derive(Clone, Copy, Debug)]
enum Number {
    /// (raw × factor + offset) / power, all of them whole: exact, and there is nothing to round.
    Whole { factor: f64, offset: f64, power: f64 },
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
    /// Signals, what they are called, and their node's correction.
    pub(super) fn new<'a>(signals: impl Iterator<Item = (&'a Signal, &'a Name, Option<(f64, f64)>)>) -> Plan {
        Plan(signals.map(|(signal, name, adjust)| Step::new(signal, name, adjust)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Decodes the signals in order: what is not good is `Null`, and why. Short frames give the signals that fit.
    #[inline]
    pub(super) fn decode(&self, data: &[u8]) -> (Fields, Vec<(Name, Quality)>) {
        let window = Window::of(data);
        let mut values = Fields::with_capacity(self.0.len());
        let mut quality = Vec::new();
        for step in &self.0 {
            let value = step.decode(window, data).unwrap_or_else(|why| {
                quality.push((step.name.clone(), why));
                Value::Null
            });
            values.push(step.name.clone(), value);
        }
        (values, quality)
    }
}

impl Step {
    fn new(signal: &Signal, name: &Name, adjust: Option<(f64, f64)>) -> Step {
        let (layout, mask) = (signal.layout, signal.layout.mask());
        let adjust = adjust.map(|(scale, offset)| {
            let power = signal.decimals.map(|own| power_of_ten(own.max(decimals(scale)).max(decimals(offset))));
            Scale { scale, offset, power }
        });
        Step {
            name: name.clone(),
            layout,
            end: layout.bytes_needed(),
            shift: layout.shift_in_eight_bytes(),
            mask,
            unused: 64 - u32::from(layout.width),
            invalid: signal.invalid.map(|invalid| invalid & mask),
            texts: signal.values.iter().map(|(raw, text)| (raw & mask, text.clone())).collect(),
            number: Number::of(signal),
            range: signal.range,
            adjust,
        }
    }

    #[inline]
    fn decode(&self, window: Window, data: &[u8]) -> Result<Value, Quality> {
        if self.end > window.len {
            return Err(Quality::Short);
        }
        let bits = if self.end > 8 {
            self.layout.get(data).ok_or(Quality::Short)?
        } else {
            let all = if self.layout.big_endian { window.big } else { window.little };
            all >> self.shift & self.mask
        };
        if self.invalid == Some(bits) {
            return Err(Quality::Invalid);
        }
        if let Some((_, text)) = self.texts.iter().find(|(raw, _)| *raw == bits) {
            return Ok(Value::Text(text.clone()));
        }
        let raw = match self.layout.kind {
            Kind::Unsigned => bits as f64,
            Kind::Signed => (((bits << self.unused) as i64) >> self.unused) as f64,
            Kind::F32 => f64::from(f32::from_bits(bits as u32)),
            Kind::F64 => f64::from_bits(bits),
        };
        if !raw.is_finite() {
            return Err(Quality::Invalid);
        }
        let value = self.number.of_raw(raw);
        match self.range {
            Some((low, high)) if value < low || value > high => Err(Quality::OutOfRange),
            _ => Ok(Value::Number(self.adjust.map_or(value, |adjust| adjust.of(value)))),
        }
    }
}

impl Number {
    fn of(signal: &Signal) -> Number {
        let (scale, offset) = (signal.scale, signal.offset);
        let power = signal.decimals.map(power_of_ten);
        let scaled = Number::Scaled(Scale { scale, offset, power });
        let Some(power) = power else { return scaled };
        let (factor, whole_offset) = ((scale * power).round(), (offset * power).round());
        let near = |exact: f64, whole: f64| (exact - whole).abs() <= 1e-9 * whole.abs();
        let most = signal.layout.mask() as f64 * factor.abs() + whole_offset.abs();
        if near(scale * power, factor) && near(offset * power, whole_offset) && most < EXACT {
            return Number::Whole { factor, offset: whole_offset, power };
        }
        scaled
    }

    #[inline]
    fn of_raw(self, raw: f64) -> f64 {
        match self {
            // Adding 0 turns -0 into 0, which is what people expect to read.
            Number::Whole { factor, offset, power } => (raw * factor + offset) / power + 0.0,
            Number::Scaled(scale) => scale.of(raw),
        }
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
