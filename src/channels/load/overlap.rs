//! Bits of a frame that two signals claim at the same time.

use super::super::spec::{FrameSpec, SignalSpec};
use super::check::Check;
use super::signals::{layout_of, place_of_bits};

/// Reports each signal that takes a bit of an earlier one, once.
pub(super) fn check(check: &mut Check, frame: &FrameSpec) {
    let placed = frame
        .signals
        .iter()
        .filter_map(|(name, signal)| Some((name, signal, layout_of(signal, signal.place).ok()?.bit_set())));
    let placed: Vec<_> = placed.collect();
    for (i, (name, signal, own)) in placed.iter().enumerate() {
        let together = placed[..i].iter().filter(|(_, other, _)| may_meet(signal, other));
        for (other, _, theirs) in together {
            let Some(bit) = shared(own, theirs) else { continue };
            let message =
                format!("{} and {} overlap: both have bit {} of byte {}", name.value, other.value, bit % 8, bit / 8);
            check.error(place_of_bits(signal, signal.place), message);
            break;
        }
    }
}

fn shared(a: &[u64; 8], b: &[u64; 8]) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| a & b != 0).map(|at| at * 64 + (a[at] & b[at]).trailing_zeros() as usize)
}

/// Whether both can be in the same frame: not if one multiplexer would have to have two values.
fn may_meet(a: &SignalSpec, b: &SignalSpec) -> bool {
    if !a.when.is_empty() && !b.when.is_empty() && !a.when.keys().any(|key| b.when.get(key).is_some()) {
        // Different multiplexers: which of their values come together is not known.
        return false;
    }
    a.when.iter().all(|(key, values)| b.when.get(key).is_none_or(|others| values.iter().any(|v| others.contains(v))))
}
