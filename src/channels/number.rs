//! Numbers as a DBC file means them: whole ones without the 53 bits that a float has.

use std::fmt;

use serde::{Serialize, Serializer};

/// Scales and offsets up to here are taken as whole numbers; any product with 64 bits then fits 128.
const WHOLE: f64 = (1_u64 << 62) as f64;

/// The value of a signal, unrounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Of integers with a whole scale and offset.
    Int(i128),
    /// Any other.
    Float(f64),
}

impl Number {
    /// The nearest float.
    #[inline]
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(number) => float(number),
            Number::Float(number) => number,
        }
    }

    /// raw × scale + offset.
    pub(super) fn scaled(raw: i128, scale: f64, offset: f64) -> Number {
        if scale == 1.0 && offset == 0.0 {
            return Number::Int(raw);
        }
        match (whole(scale), whole(offset)) {
            (Some(scale), Some(offset)) => Number::Int(raw * scale + offset),
            (Some(scale), None) => Number::Float(float(raw * scale) + offset),
            _ => Number::Float(float(raw) * scale + offset),
        }
    }

    /// The raw number nearest to (value - offset) / scale, half to even; `None` if there is none.
    pub(super) fn unscaled(self, scale: f64, offset: f64) -> Option<i128> {
        if let (Number::Int(value), Some(scale), Some(offset)) = (self, whole(scale), whole(offset))
            && let Some(raw) = value.checked_sub(offset)
            && raw.checked_rem(scale) == Some(0)
        {
            return Some(raw / scale);
        }
        let raw = if scale == 1.0 && offset == 0.0 { self.as_f64() } else { (self.as_f64() - offset) / scale };
        (!raw.is_nan() && scale != 0.0).then(|| raw.round_ties_even() as i128)
    }
}

/// Of 128 bits a processor makes no float, of 64 it does.
#[inline]
fn float(number: i128) -> f64 {
    i64::try_from(number).map_or_else(|_| number as f64, |near| near as f64)
}

#[inline]
fn whole(number: f64) -> Option<i128> {
    // There and back is cheaper than asking for the fraction.
    let near = number as i64;
    (near as f64 == number && number.abs() <= WHOLE).then_some(i128::from(near))
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(number) => write!(f, "{number}"),
            Number::Float(number) => write!(f, "{number}"),
        }
    }
}

/// A JSON number, whole ones with all their digits.
impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match *self {
            Number::Int(number) => to.serialize_i128(number),
            Number::Float(number) => to.serialize_f64(number),
        }
    }
}
