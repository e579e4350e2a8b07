//! Bits of a frame that two signals claim at the same time.

use super::super::codec::Signal;
use super::super::layout::Layout;
use super::super::spec::FrameSpec;
use super::check::Check;
use super::signals::place_of_bits;

/// Reports each signal that takes a bit of an earlier one, once.
pub(super) fn check(check: &mut Check, frame: &FrameSpec, signals: &[Signal]) {
    // Whose `when` has a fault is not known to meet anybody.
    let known = |signal: &&Signal| {
        frame.signals.get(&signal.name).is_none_or(|spec| spec.when.is_empty() == signal.when.is_empty())
    };
    let signals: Vec<&Signal> = signals.iter().filter(known).collect();
    for (i, signal) in signals.iter().enumerate() {
        let Some(other) = signals[..i].iter().find(|other| signal.overlaps(other)) else { continue };
        let Some(bit) = shared(signal.layout, other.layout) else { continue };
        let message =
            format!("{} and {} overlap: both have bit {} of byte {}", signal.name, other.name, bit % 8, bit / 8);
        if let Some(spec) = frame.signals.get(&signal.name) {
            check.error(place_of_bits(spec, spec.place), message);
        }
    }
}

/// The first bit of the frame that both have.
fn shared(a: Layout, b: Layout) -> Option<usize> {
    a.bits().filter(|bit| b.bits().any(|other| other == *bit)).min()
}
