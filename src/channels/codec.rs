//! A signal: from the bytes of a frame to a value with its unit's meaning, and back.

use crate::model::{Name, Quality, Value, counted};

use super::half;

pub use super::layout::{Kind, Layout};
pub use super::number::Number;
use super::pace::Policy;
pub use super::when::When;
pub(super) use super::when::may_meet;

/// One signal of a frame, checked and ready to decode.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Its name, the field of the message.
    pub name: Name,
    /// Where its bits are.
    pub layout: Layout,
    /// value = raw × scale + offset. Never 0.
    pub scale: f64,
    /// value = raw × scale + offset.
    pub offset: f64,
    /// The least and the greatest value that is believed.
    pub range: Option<(f64, f64)>,
    /// The raw bits by which a node says that it has no value.
    pub invalid: Option<u64>,
    /// From these raw bits on there is no value, unless they have a text: "error" and "not available" of J1939.
    pub no_value_from: Option<u64>,
    /// Raw bits and the text that they stand for; of an IEEE number, in place of its bits, the whole number (as `i64`) that
    /// it is without its decimals.
    pub values: Vec<(u64, Name)>,
    /// The unit, for people.
    pub unit: Option<Name>,
    /// Decimals that values are rounded to; `None`: as they are (IEEE numbers without a scale).
    pub decimals: Option<u8>,
    /// What cannot be said is encoded as the nearest value that can, in place of being refused.
    pub clamp: bool,
    /// With which values of its multiplexers it is there, its own first, then theirs; empty: always.
    pub when: Vec<When>,
    /// When it asks for a message.
    pub policy: Policy,
}

impl Signal {
    /// A signal that is its raw number.
    #[must_use]
    pub fn new(name: Name, layout: Layout) -> Signal {
        let signal = Signal {
            name,
            layout,
            scale: 1.0,
            offset: 0.0,
            range: None,
            invalid: None,
            no_value_from: None,
            values: Vec::new(),
            unit: None,
            decimals: None,
            clamp: false,
            when: Vec::new(),
            policy: Policy::default(),
        };
        signal.scaled(1.0, 0.0)
    }

    /// The same with a scale and an offset, whose decimals become those of the value.
    #[must_use]
    pub fn scaled(mut self, scale: f64, offset: f64) -> Signal {
        let float = self.layout.is_float();
        (self.scale, self.offset) = (scale, offset);
        // An IEEE number has decimals of its own: only integers are as coarse as their scale.
        self.decimals = (!float).then(|| decimals(scale).max(decimals(offset)));
        self
    }

    /// Whether a frame has it: each of its multiplexers says so.
    #[must_use]
    pub fn present(&self, data: &[u8]) -> bool {
        self.when.iter().all(|when| when.holds(data))
    }

    /// Whether a frame can have both signals and they share a bit.
    #[must_use]
    pub fn overlaps(&self, other: &Signal) -> bool {
        may_meet(&self.when, &other.when) && self.layout.overlaps(other.layout)
    }

    /// The value in a frame's bytes, whether or not its multiplexers say that it is there.
    ///
    /// # Errors
    /// Why there is no good value: short, invalid or out of range.
    pub fn decode(&self, data: &[u8]) -> Result<Value, Quality> {
        let bits = self.layout.get(data).ok_or(Quality::Short)?;
        if self.invalid.is_some_and(|invalid| invalid & self.layout.mask() == bits) {
            return Err(Quality::Invalid);
        }
        if let Some(text) = self.text_of(bits) {
            return Ok(Value::Text(text.clone()));
        }
        let raw = self.layout.number(bits);
        if !raw.is_finite() || self.no_value_from.is_some_and(|from| bits >= from) {
            return Err(Quality::Invalid);
        }
        let value = rounded(raw * self.scale + self.offset, self.decimals.map(power_of_ten));
        match self.range {
            Some((low, high)) if value < low || value > high => Err(Quality::OutOfRange),
            _ => Ok(Value::Number(value)),
        }
    }

    /// The number of raw bits, unrounded and exact as far as numbers go: whole where scale and offset are. Ranges, texts
    /// and `invalid` are not asked.
    #[must_use]
    pub fn exact(&self, bits: u64) -> Number {
        if self.layout.is_float() {
            let raw = self.layout.number(bits);
            return Number::Float(if self.is_raw() { raw } else { raw * self.scale + self.offset });
        }
        Number::scaled(self.layout.whole(bits), self.scale, self.offset)
    }

    /// The text of raw bits.
    #[must_use]
    pub fn text_of(&self, bits: u64) -> Option<&Name> {
        let (mask, bits) = match self.layout.is_float() {
            // A float becomes the nearest integer that there is: NaN is none.
            true => (u64::MAX, Some(self.layout.number(bits)).filter(|number| number.is_finite())? as i64 as u64),
            false => (self.layout.mask(), bits),
        };
        self.values.iter().find(|(raw, _)| raw & mask == bits).map(|(_, text)| text)
    }

    /// Whether the value is the raw number.
    fn is_raw(&self) -> bool {
        self.scale == 1.0 && self.offset == 0.0
    }

    /// Writes a value into a frame's bytes: a text of `values`, or a number, half to even. Other bits stay.
    ///
    /// # Errors
    /// The value cannot be said with these bits; the frame is unchanged.
    pub fn encode(&self, value: &Value, data: &mut [u8]) -> Result<(), String> {
        match value {
            Value::Text(text) => self.put(self.bits_of_text(text)?, data),
            Value::Number(number) => self.encode_number(Number::Float(*number), data),
            other => Err(format!("{} takes a number or a text, not '{other}'", self.name)),
        }
    }

    /// Writes a number into a frame's bytes, half to even: a whole one without the limits of 64-bit floats.
    ///
    /// # Errors
    /// The number cannot be said with these bits; the frame is unchanged.
    pub fn encode_number(&self, number: Number, data: &mut [u8]) -> Result<(), String> {
        self.put(self.bits_of_number(number)?, data)
    }

    fn put(&self, bits: u64, data: &mut [u8]) -> Result<(), String> {
        let needed = self.layout.bytes_needed();
        self.layout
            .put(bits, data)
            .ok_or_else(|| format!("{} needs a frame of {}", self.name, counted(needed as u64, "byte")))
    }

    fn bits_of_text(&self, text: &str) -> Result<u64, String> {
        let known = || self.values.iter().map(|(_, name)| &**name).collect::<Vec<_>>().join(", ");
        let found = self.values.iter().rfind(|(_, name)| &**name == text);
        let raw = found.map(|(raw, _)| *raw).ok_or_else(|| match self.values.is_empty() {
            true => format!("{} takes a number, not '{text}'", self.name),
            false => format!("{} cannot be '{text}': it is one of {}", self.name, known()),
        })?;
        if self.layout.is_float() { self.layout_bits(raw as i64 as f64) } else { Ok(raw) }
    }

    fn bits_of_number(&self, number: Number) -> Result<u64, String> {
        let refuse = |why: String| Err(format!("{} cannot be {number}: {why}", self.name));
        if !number.as_f64().is_finite() {
            return refuse("it is no finite number".to_owned());
        }
        let wanted = if self.clamp { self.within_range(number) } else { number };
        let bits = match self.layout.kind {
            Kind::F16 | Kind::F32 | Kind::F64 => self.bits_of_float(wanted.as_f64()),
            Kind::Unsigned | Kind::Signed => self.bits_of_whole(wanted.unscaled(self.scale, self.offset)),
        };
        // A raw value that has a text is meant to be sent, whatever the range says of numbers.
        let named = bits.as_ref().is_ok_and(|bits| self.text_of(*bits).is_some());
        if let Some((low, high)) = self.range
            && !named
            && !self.in_range(wanted.as_f64())
        {
            return refuse(format!("its range is {low} to {high}"));
        }
        let bits = match bits {
            Ok(bits) => bits,
            Err(why) => return refuse(why),
        };
        if self.invalid.is_some_and(|invalid| invalid & self.layout.mask() == bits) {
            return refuse("these bits mean 'no value'".to_owned());
        }
        Ok(bits)
    }

    /// Within the range, but for what a division costs.
    fn in_range(&self, value: f64) -> bool {
        let slack = self.scale.abs() * 1e-6;
        self.range.is_none_or(|(low, high)| value >= low - slack && value <= high + slack)
    }

    fn within_range(&self, number: Number) -> Number {
        match self.range {
            Some((low, _)) if number.as_f64() < low => Number::Float(low),
            Some((_, high)) if number.as_f64() > high => Number::Float(high),
            _ => number,
        }
    }

    fn bits_of_float(&self, value: f64) -> Result<u64, String> {
        let raw = if self.is_raw() { value } else { (value - self.offset) / self.scale };
        let (bits, most) = match self.layout.kind {
            Kind::F16 => (half::to_bits(raw).map(u64::from), half::MOST),
            Kind::F32 => (
                Some(raw as f32).filter(|raw| raw.is_finite()).map(|raw| u64::from(raw.to_bits())),
                f64::from(f32::MAX),
            ),
            _ => (Some(raw).filter(|raw| raw.is_finite()).map(f64::to_bits), f64::MAX),
        };
        match bits {
            None if self.clamp => self.layout_bits(most.copysign(raw)),
            bits => bits.ok_or_else(|| format!("it is too large for {} bits", self.layout.width)),
        }
    }

    /// The bits of an IEEE number that is known to fit.
    fn layout_bits(&self, raw: f64) -> Result<u64, String> {
        Ok(match self.layout.kind {
            Kind::F16 => u64::from(half::to_bits(raw).unwrap_or_default()),
            Kind::F32 => u64::from((raw as f32).to_bits()),
            _ => raw.to_bits(),
        })
    }

    fn bits_of_whole(&self, raw: Option<i128>) -> Result<u64, String> {
        let raw = raw.ok_or("its scale makes every value the same")?;
        let mask = i128::from(self.layout.mask());
        let (low, high) = if self.layout.kind == Kind::Signed { (-(mask / 2) - 1, mask / 2) } else { (0, mask) };
        let fitting = if self.clamp { raw.clamp(low, high) } else { raw };
        if (low..=high).contains(&fitting) {
            Ok(fitting as u64 & self.layout.mask())
        } else {
            Err(format!("its {} bits do not reach so far", self.layout.width))
        }
    }
}

/// 10 to the power of a signal's decimals.
pub(super) fn power_of_ten(decimals: u8) -> f64 {
    10_f64.powi(i32::from(decimals))
}

/// The value to the decimals of a power of ten; as it is without one.
#[inline]
pub(super) fn rounded(value: f64, power: Option<f64>) -> f64 {
    let Some(power) = power else { return value };
    let whole = (value * power).round();
    // Beyond 2^53 a float has no decimals to round. Adding 0 turns -0 into 0, which is what people expect to read.
    if whole.abs() < 9e15 { whole / power + 0.0 } else { value }
}

/// Decimals of a number as people write it; at most 15, all that a float has.
pub(super) fn decimals(number: f64) -> u8 {
    let text = number.to_string();
    text.split_once('.').map_or(0, |(_, digits)| digits.len().min(15) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signal(dbc: &str) -> Signal {
        Signal::new("x".into(), dbc.parse().expect(dbc))
    }

    #[test]
    fn decoding_goes_short_invalid_text_scale_range() {
        let mut temperature = signal("7|16@0-").scaled(0.1, 0.0);
        temperature.range = Some((-20.0, 60.0));
        temperature.invalid = Some(0x7FFF);
        assert_eq!(temperature.decode(&[0]), Err(Quality::Short));
        assert_eq!(temperature.decode(&[0x7F, 0xFF]), Err(Quality::Invalid));
        assert_eq!(temperature.decode(&[0x00, 0xF8]), Ok(Value::Number(24.8)));
        assert_eq!(temperature.decode(&[0xFF, 0xFF]), Ok(Value::Number(-0.1)));
        assert_eq!(temperature.decode(&[0x02, 0x59]), Err(Quality::OutOfRange));
        let mut state = signal("0|2@1+");
        state.values = vec![(0, "ok".into()), (1, "warming up".into())];
        assert_eq!(state.decode(&[0xFD]), Ok(Value::text("warming up")));
        assert_eq!(state.decode(&[3]), Ok(Value::Number(3.0)));
    }

    #[test]
    fn floats_keep_their_decimals_and_nan_is_invalid() {
        let layout = Layout::from_byte(0, Some("f32le"), None).expect("right");
        let total = Signal::new("total".into(), layout);
        assert_eq!(total.decode(&1.5_f32.to_le_bytes()), Ok(Value::Number(1.5)));
        assert_eq!(total.decode(&f32::NAN.to_le_bytes()), Err(Quality::Invalid));
        assert!(total.encode(&Value::Number(1e300), &mut [0; 4]).is_err());
    }

    #[test]
    fn encoding_rounds_half_to_even_and_refuses_what_does_not_fit() {
        let speed = Signal { range: Some((0.0, 100.0)), ..signal("0|8@1+").scaled(0.5, 0.0) };
        let mut data = [0, 0xAA];
        for (value, raw) in [(60.0, 120), (12.25, 24), (12.75, 26), (100.0, 200)] {
            assert_eq!(speed.encode(&Value::Number(value), &mut data), Ok(()));
            assert_eq!(data, [raw, 0xAA]);
        }
        for bad in [Value::Number(-1.0), Value::Number(100.5), Value::Number(f64::NAN), Value::text("on"), Value::Null]
        {
            assert!(speed.encode(&bad, &mut data).is_err(), "{bad}");
        }
        assert_eq!(data, [200, 0xAA]);
        let relay = Signal { values: vec![(0, "off".into()), (1, "on".into())], ..signal("9|1@1+") };
        assert_eq!(relay.encode(&Value::text("off"), &mut data), Ok(()));
        assert_eq!(data, [200, 0xA8]);
        assert!(relay.encode(&Value::text("of"), &mut data).is_err_and(|why| why.contains("off, on")));
        // The quotient is what it is: 0.15 / 0.1 lies a hair below 1.5, as for every other encoder.
        let tenth = signal("0|8@1+").scaled(0.1, 0.0);
        assert_eq!(tenth.encode(&Value::Number(0.15), &mut data), Ok(()));
        assert_eq!(data[0], 1);
    }

    #[test]
    fn what_does_not_fit_is_clamped_only_where_the_map_says_so() {
        let speed = Signal { range: Some((0.0, 100.0)), clamp: true, ..signal("0|8@1+").scaled(0.5, 0.0) };
        let wide = Signal { clamp: true, ..signal("0|8@1-") };
        let float =
            Signal { clamp: true, layout: Layout::from_byte(0, Some("f16le"), None).expect("right"), ..wide.clone() };
        for (signal, value, raw) in
            [(&speed, 130.0, [200, 0]), (&speed, -1.0, [0, 0]), (&wide, -1e9, [0x80, 0]), (&float, 1e9, [0xFF, 0x7B])]
        {
            let mut data = [0; 2];
            assert_eq!(signal.encode(&Value::Number(value), &mut data), Ok(()));
            assert_eq!(data, raw, "{value}");
        }
        assert!(speed.encode(&Value::Number(f64::NAN), &mut [0]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_decoded_is_encoded_to_the_same_bits(
            raw in any::<u64>(), width in 1u8..=32, signed: bool, big_endian: bool, step in 1u32..1000,
        ) {
            let kind = if signed { Kind::Signed } else { Kind::Unsigned };
            let layout = Layout { start: 7, width, big_endian, kind };
            let signal = Signal::new("x".into(), layout).scaled(f64::from(step) / 1000.0, -40.0);
            let mut data = [0; 8];
            prop_assert_eq!(layout.put(raw, &mut data), Some(()));
            let mut again = [0; 8];
            let value = signal.decode(&data).expect("no range, no invalid");
            prop_assert_eq!(signal.encode(&value, &mut again), Ok(()));
            prop_assert_eq!(data, again);
        }

        #[test]
        fn exact_numbers_are_the_same_bits_again_in_every_layout(
            raw: u64, start in 0u16..200, width in 1u8..=64, kind in 0usize..5, big_endian: bool, scale in 1i64..1000, offset: i32,
        ) {
            let kind = [Kind::Unsigned, Kind::Signed, Kind::F16, Kind::F32, Kind::F64][kind];
            let width = match kind {
                Kind::F16 => 16,
                Kind::F32 => 32,
                Kind::F64 => 64,
                _ => width,
            };
            let layout = Layout { start, width, big_endian, kind };
            let float = layout.is_float();
            let signal = Signal::new("x".into(), layout);
            // The sum of an IEEE number and an offset has lost bits: only integers can be scaled and come back.
            let signal = if float { signal } else { signal.scaled(scale as f64, f64::from(offset)) };
            let (mut data, mut again) = ([0xA5; 64], [0xA5; 64]);
            prop_assert_eq!(layout.put(raw, &mut data), Some(()));
            let number = signal.exact(layout.get(&data).expect("it fits"));
            match number.as_f64().is_finite() {
                true => {
                    prop_assert_eq!(signal.encode_number(number, &mut again), Ok(()));
                    prop_assert_eq!(data, again);
                }
                false => prop_assert!(signal.encode_number(number, &mut again).is_err()),
            }
        }
    }
}
