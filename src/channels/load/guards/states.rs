//! What a device's command signal can be: off and on, or numbers between.

use crate::channels::codec::Signal;
use crate::model::Level;

use super::super::safe::level_of;
use super::super::signals::reach;

/// Whether it is off or on and nothing between: two named states, or a bare bit.
pub(super) fn two_states(signal: &Signal) -> bool {
    let bit = signal.layout.width == 1;
    (signal.values.len() == 2 && (signal.range.is_none() || bit)) || (signal.values.is_empty() && bit)
}

/// The least and the greatest number that it can be told; `None` if it takes names alone.
pub(super) fn numbers(signal: &Signal) -> Option<(f64, f64)> {
    let all_texts = signal.values.len() as u64 == signal.layout.mask().saturating_add(1);
    let (least, most) = reach(signal);
    let (low, high) = signal.range.unwrap_or((least, most));
    (!two_states(signal) && !all_texts).then(|| (low.max(least), high.min(most)))
}

/// The number that a level is to it.
pub(super) fn number_of(signal: &Signal, level: Level) -> f64 {
    match level {
        Level::At(number) => number,
        Level::Off if two_states(signal) => 0.0,
        Level::On if two_states(signal) => 1.0,
        // As far off as it goes.
        Level::Off => signal.range.map_or(0.0, |(low, high)| 0.0_f64.max(low).min(high)),
        Level::On => signal.range.map_or(f64::INFINITY, |(_, high)| high),
    }
}

/// Whether a level is on: not off, not closed, not 0.
pub(super) fn is_on(level: Level) -> bool {
    !matches!(level, Level::Off) && level != Level::At(0.0)
}

/// Whether one of its named states is off.
pub(super) fn is_off(signal: &Signal, state: &str) -> bool {
    level_of(signal, state).is_ok_and(|level| !is_on(level))
}

/// Its states, as people write them.
pub(super) fn names(signal: &Signal) -> String {
    let names: Vec<&str> = signal.values.iter().map(|(_, name)| &**name).collect();
    names.join(", ")
}
