//! Durations as people write them: always with a unit, `250ms`, `30s`, `1h30m`, `2d`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// A year has 365 days: what is kept for one need not know of leap years.
const UNITS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("y", 31_536_000_000),
];

/// A duration of a file that the user writes. A bare number is refused: nobody knows its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        let text = String::deserialize(from)?;
        parse_duration(&text).map(Span).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(self.0))
    }
}

/// Reads `90s`, `1h30m`, `1.5h`, `0s`.
///
/// # Errors
/// Says what is wrong and what would be right, in one phrase.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = |what: &str| format!("'{text}' is not a duration: {what}; write it as 30s, 5m, 1h30m or 2d");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("it is empty"));
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits =
            rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(|| wrong("its unit is missing"))?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong("a number is missing"))?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        let (_, millis) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| wrong(&format!("'{unit}' is no unit (ms, s, m, h, d, w)")))?;
        total += number * *millis as f64;
        rest = rest[letters..].trim_start();
    }
    // A thousand years is more than any file means; beyond it deadlines would saturate silently.
    if total > 3.2e13 {
        return Err(wrong("it is longer than a thousand years"));
    }
    Ok(Duration::from_micros((total * 1e3).round() as u64))
}

/// The shortest exact text in the same notation: `1h30m`, `2.5s`, `0s`.
#[must_use]
pub fn format_duration(span: Duration) -> String {
    let mut left = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)] {
        if left >= millis {
            text += &format!("{}{unit}", left / millis);
            left %= millis;
        }
    }
    match (left / 1_000, left % 1_000) {
        (0, 0) => {}
        (0, millis) => text += &format!("{millis}ms"),
        (_, 0) => text += &format!("{}s", left / 1_000),
        _ => text += &format!("{}s", left as f64 / 1e3),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_units_and_come_back() {
        for (text, millis) in
            [("250ms", 250), ("30s", 30_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("1.5s", 1_500)]
        {
            let span = parse_duration(text).expect(text);
            assert_eq!(span, Duration::from_millis(millis));
            assert_eq!(parse_duration(&format_duration(span)), Ok(span));
        }
        for bad in ["", "30", "s", "5 parsecs", "1..2s", "-3s", "9999999999w"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
