//! What a field can be at all: its range within what its bits reach, calibrated, and its texts. For checks of rules.

use std::time::Duration;

use crate::model::{FieldFacts, Name};

use super::super::codec::Signal;
use super::super::map::{Field, FrameLayout};
use super::super::pace::Policy;
use super::signals::reach;

/// The published fields of one frame of a node.
pub(super) fn of_node(frame: &FrameLayout, fields: &[Field]) -> Vec<FieldFacts> {
    let published = || fields.iter().filter(|field| field.published);
    let steady = steady(frame.cycle, published().map(|field| frame.signals[field.signal].policy));
    let facts = |field: &Field| of_signal(frame, steady, &frame.signals[field.signal], &field.name, field.adjust);
    published().map(facts).collect()
}

/// A device's own signal, which is its `state`, and the others of its feedback.
pub(super) fn of_device(frame: &FrameLayout, own: usize, shown: &[usize]) -> Vec<FieldFacts> {
    let steady = steady(frame.cycle, shown.iter().map(|at| frame.signals[*at].policy));
    let named = |name: &Name, at: usize| of_signal(frame, steady, &frame.signals[at], name, None);
    let others = shown.iter().map(|at| named(&frame.signals[*at].name, *at));
    std::iter::once(named(&Name::from("state"), own)).chain(others).collect()
}

fn of_signal(
    frame: &FrameLayout,
    steady: Option<Duration>,
    signal: &Signal,
    name: &Name,
    adjust: Option<(f64, f64)>,
) -> FieldFacts {
    let texts = signal.values.iter().map(|(_, text)| text.clone()).collect();
    FieldFacts {
        name: name.clone(),
        numbers: numbers(signal, adjust),
        texts,
        unit: signal.unit.clone(),
        cycle: frame.cycle,
        news: frame.cycle.map(|cycle| cycle.max(signal.policy.min_interval.unwrap_or_default())),
        steady,
    }
}

/// How long after a message of a frame the next one comes while nothing changes: when the first of its signals asks.
fn steady(cycle: Option<Duration>, policies: impl Iterator<Item = Policy> + Clone) -> Option<Duration> {
    let cycle = cycle?;
    let paced = policies.clone().any(|policy| policy != Policy::default());
    let asks = policies.map(|policy| policy.steady().unwrap_or(if paced { Duration::MAX } else { cycle }));
    asks.min().map(|time| time.max(cycle))
}

/// The numbers that it can be: a range is judged before the node's calibration. `None`: it is a text.
pub(super) fn numbers(signal: &Signal, adjust: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let (least, most) = reach(signal);
    let all_texts = signal.values.len() as u64 == signal.layout.mask().saturating_add(1);
    let (low, high) = signal.range.map_or((least, most), |(low, high)| (low.max(least), high.min(most)));
    let (scale, offset) = adjust.unwrap_or((1.0, 0.0));
    // 60 - 0.4 and the like: the decimals of a calibration are people's, not those of binary fractions.
    let calibrated = |number: f64| {
        let value = number * scale + offset;
        if value.abs() < 1e6 { (value * 1e9).round() / 1e9 } else { value }
    };
    let (a, b) = (calibrated(low), calibrated(high));
    (!all_texts).then(|| (a.min(b), a.max(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(dbc: &str) -> Signal {
        Signal::new("x".into(), dbc.parse().expect(dbc))
    }

    #[test]
    fn a_field_is_within_its_range_its_bits_and_its_calibration() {
        let byte = signal("0|8@1+").scaled(0.5, 0.0);
        assert_eq!(numbers(&byte, None), Some((0.0, 127.5)));
        let ranged = Signal { range: Some((-20.0, 60.0)), ..byte.clone() };
        assert_eq!(numbers(&ranged, None), Some((0.0, 60.0)), "bits and range");
        assert_eq!(numbers(&ranged, Some((1.0, -0.4))), Some((-0.4, 59.6)));
        assert_eq!(numbers(&ranged, Some((-1.0, 0.0))), Some((-60.0, 0.0)), "the other way round");
        let bit = signal("48|1@1+");
        let named = |count: u64| Signal { values: (0..count).map(|raw| (raw, "x".into())).collect(), ..bit.clone() };
        assert_eq!((numbers(&named(2), None), numbers(&named(1), None)), (None, Some((0.0, 1.0))));
    }
}
