//! A signal: from the bytes of a frame to a value with its unit's meaning, and back.

use crate::model::{Name, Quality, Value};

pub use super::layout::{Kind, Layout};
use super::pace::Policy;

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
    /// Raw bits and the text that they stand for.
    pub values: Vec<(u64, Name)>,
    /// The unit, for people.
    pub unit: Option<Name>,
    /// Decimals that values are rounded to; `None`: as they are (IEEE numbers without a scale).
    pub decimals: Option<u8>,
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
            policy: Policy::default(),
        };
        signal.scaled(1.0, 0.0)
    }

    /// The same with a scale and an offset, whose decimals become those of the value.
    #[must_use]
    pub fn scaled(mut self, scale: f64, offset: f64) -> Signal {
        let float = matches!(self.layout.kind, Kind::F32 | Kind::F64);
        (self.scale, self.offset) = (scale, offset);
        // An IEEE number has decimals of its own: only integers are as coarse as their scale.
        self.decimals = (!float).then(|| decimals(scale).max(decimals(offset)));
        self
    }

    /// The value in a frame's bytes.
    ///
    /// # Errors
    /// Why there is no good value: short, invalid or out of range.
    pub fn decode(&self, data: &[u8]) -> Result<Value, Quality> {
        let bits = self.layout.get(data).ok_or(Quality::Short)?;
        if self.invalid.is_some_and(|invalid| invalid & self.layout.mask() == bits) {
            return Err(Quality::Invalid);
        }
        if let Some((_, text)) = self.values.iter().find(|(raw, _)| raw & self.layout.mask() == bits) {
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

    /// Writes a value into a frame's bytes: a text of `values`, or a number, half to even. Other bits stay.
    ///
    /// # Errors
    /// The value cannot be said with these bits; the frame is unchanged.
    pub fn encode(&self, value: &Value, data: &mut [u8]) -> Result<(), String> {
        let bits = match value {
            Value::Text(text) => self.bits_of_text(text)?,
            Value::Number(number) => self.bits_of_number(*number)?,
            other => return Err(format!("{} takes a number or a text, not '{other}'", self.name)),
        };
        let needed = self.layout.bytes_needed();
        self.layout.put(bits, data).ok_or_else(|| format!("{} needs a frame of {needed} bytes", self.name))
    }

    fn bits_of_text(&self, text: &str) -> Result<u64, String> {
        let known = || self.values.iter().map(|(_, name)| &**name).collect::<Vec<_>>().join(", ");
        let found = self.values.iter().find(|(_, name)| &**name == text);
        found.map(|(raw, _)| *raw).ok_or_else(|| match self.values.is_empty() {
            true => format!("{} takes a number, not '{text}'", self.name),
            false => format!("{} cannot be '{text}': it is one of {}", self.name, known()),
        })
    }

    fn bits_of_number(&self, value: f64) -> Result<u64, String> {
        let refuse = |why: String| Err(format!("{} cannot be {value}: {why}", self.name));
        if let Some((low, high)) = self.range
            && !(low..=high).contains(&value)
        {
            return refuse(format!("its range is {low} to {high}"));
        }
        let raw = (value - self.offset) / self.scale;
        if !raw.is_finite() {
            return refuse("it is no finite number".to_owned());
        }
        let width = u32::from(self.layout.width);
        let (low, high) = match self.layout.kind {
            Kind::F32 if (raw as f32).is_finite() => return Ok(u64::from((raw as f32).to_bits())),
            Kind::F32 => return refuse("it is too large for 32 bits".to_owned()),
            Kind::F64 => return Ok(raw.to_bits()),
            Kind::Unsigned => (0, i128::from(self.layout.mask())),
            Kind::Signed => (-(1_i128 << (width - 1)), (1_i128 << (width - 1)) - 1),
        };
        let whole = half_to_even(raw);
        if whole < low || whole > high {
            return refuse(format!("its {width} bits do not reach so far"));
        }
        let bits = whole as u64 & self.layout.mask();
        if self.invalid.is_some_and(|invalid| invalid & self.layout.mask() == bits) {
            return refuse("these bits mean 'no value'".to_owned());
        }
        Ok(bits)
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

/// The nearest whole number. 0.15 / 0.1 is a hair below 1.5: what is that close to a half is one.
fn half_to_even(raw: f64) -> i128 {
    let twice = (raw * 2.0).round();
    let near = (raw * 2.0 - twice).abs() <= 1e-9 * raw.abs().max(1.0);
    (if near { twice / 2.0 } else { raw }).round_ties_even() as i128
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
        let tenth = signal("0|8@1+").scaled(0.1, 0.0);
        assert_eq!(tenth.encode(&Value::Number(0.15), &mut data), Ok(()));
        assert_eq!(data[0], 2);
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
    }
}
