//! Comparisons that are never true, or always: the map says what the numbers can be.

use crate::channels::Comparison;

/// Whether a comparison with `limit` is the same for every number from `low` to `high`, and what it is.
pub(super) fn constant(comparison: Comparison, limit: f64, (low, high): (f64, f64)) -> Option<bool> {
    let (at_low, at_high) = (comparison.holds(low, limit), comparison.holds(high, limit));
    let within = low <= limit && limit <= high;
    match comparison {
        Comparison::Equal => (!within).then_some(false),
        Comparison::Different => (!within).then_some(true),
        _ => (at_low == at_high).then_some(at_low),
    }
}

/// As people write it.
pub(super) fn sign(comparison: Comparison) -> &'static str {
    SIGNS.iter().find(|(_, known)| *known == comparison).map_or("", |(sign, _)| sign)
}

/// The longer of two that begin alike comes first.
pub(super) const SIGNS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Different),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_beyond_the_range_is_constant() {
        let range = (0.0, 100.0);
        let is = |sign: &str, limit: f64| {
            let comparison = SIGNS.iter().find(|(known, _)| *known == sign).expect(sign).1;
            constant(comparison, limit, range)
        };
        assert_eq!(
            [is(">", 100.0), is(">=", 100.0), is("<", 0.0), is("<=", 0.0)],
            [Some(false), None, Some(false), None]
        );
        assert_eq!([is(">", -1.0), is(">=", 0.0), is("<", 101.0), is("<=", 100.0)], [Some(true); 4]);
        assert_eq!(
            [is("==", 50.0), is("!=", 50.0), is("==", 101.0), is("!=", 101.0)],
            [None, None, Some(false), Some(true)]
        );
    }
}
