//! IEEE 754 numbers of 16 bits, which stable Rust does not have: from and to 64 bits, half to even.

/// Significant bits behind the point.
const FRACTION: i32 = 10;
/// The greatest finite one.
pub(super) const MOST: f64 = 65_504.0;

/// The number that the bits are.
pub(super) fn from_bits(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> FRACTION & 0x1F), f64::from(bits & 0x3FF));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

/// The nearest bits; `None` if the number is too large, or none.
pub(super) fn to_bits(number: f64) -> Option<u16> {
    let sign = u16::from(number.is_sign_negative()) << 15;
    let size = number.abs();
    if size == 0.0 {
        return Some(sign);
    }
    if !size.is_finite() {
        return None;
    }
    // Numbers below 2^-14 have no hidden bit and share its steps. Rounding up over the end of the fraction is the next
    // exponent, as the bits stand.
    let exponent = (((size.to_bits() >> 52) as i32) - 1023).max(-14);
    let steps = (size * 2_f64.powi(FRACTION - exponent)).round_ties_even();
    if steps * 2_f64.powi(exponent - FRACTION) > MOST {
        return None;
    }
    Some(sign | (((exponent + 14) << FRACTION) as u16).wrapping_add(steps as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bits_are_the_same_there_and_back() {
        for bits in 0..=u16::MAX {
            let number = from_bits(bits);
            if number.is_finite() {
                assert_eq!(to_bits(number), Some(bits), "{number}");
            } else {
                assert_eq!(to_bits(number), None);
            }
        }
    }

    #[test]
    fn a_number_between_two_goes_to_the_even_one() {
        let ulp = 2_f64.powi(-10);
        for (number, bits) in
            [(1.0 + ulp / 2.0, 0x3C00), (1.0 + ulp * 1.5, 0x3C02), (2_f64.powi(-25), 0), (65_519.0, 0x7BFF)]
        {
            assert_eq!(to_bits(number), Some(bits), "{number}");
        }
        assert_eq!(to_bits(65_520.0), None);
        assert_eq!(from_bits(0x3555), 0.333_251_953_125);
    }
}
