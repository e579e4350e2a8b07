//! `when`: which signals of a frame of the map are there with which values of others.

use std::collections::HashMap;

use crate::files::{Place, Spanned};
use crate::model::Name;

use super::super::codec::{Signal, When};
use super::super::spec::{FrameSpec, SignalSpec};
use super::check::Check;
use super::signals::layout_of;

/// The good conditions of a frame: by signal, its multiplexers and their values.
#[derive(Debug, Default)]
pub(super) struct Chooser(HashMap<Name, Vec<(Name, Vec<u64>)>>);

impl Chooser {
    /// Reads all `when` of a frame, reporting their faults.
    pub(super) fn new(check: &mut Check, frame: &FrameSpec) -> Chooser {
        let mut chooser = Chooser::default();
        for (name, signal) in &frame.signals {
            let conditions = signal.when.iter().filter_map(|(by, values)| condition(check, frame, name, by, values));
            let conditions: Vec<_> = conditions.collect();
            if !conditions.is_empty() {
                chooser.0.insert(Name::from(name.as_str()), conditions);
            }
        }
        for (name, signal) in &frame.signals {
            if !chooser.runs_in_a_circle(name) {
                continue;
            }
            let place = signal.when.iter().next().map_or(signal.place, |(by, _)| by.place);
            check.error(place, format!("{} is chosen by what it chooses itself", name.value));
            chooser.0.remove(name.as_str());
        }
        chooser
    }

    /// The signals that `name` depends on, its own multiplexers first.
    fn chain(&self, name: &str) -> Vec<(Name, Vec<u64>)> {
        let mut chain: Vec<(Name, Vec<u64>)> = self.0.get(name).cloned().unwrap_or_default();
        let mut at = 0;
        // A circle ends at the latest when every signal has had its turn.
        while at < chain.len() && chain.len() <= 64 {
            let more = self.0.get(&chain[at].0).cloned().unwrap_or_default();
            chain.extend(more.into_iter().filter(|entry| !chain.contains(entry)).collect::<Vec<_>>());
            at += 1;
        }
        chain
    }

    fn runs_in_a_circle(&self, name: &str) -> bool {
        self.chain(name).iter().any(|(by, _)| **by == *name)
    }

    /// Gives each signal its conditions, those of its multiplexers included.
    pub(super) fn apply(&self, signals: &mut [Signal]) {
        let found: Vec<(Name, usize, super::super::layout::Layout)> =
            (0..).zip(signals.iter()).map(|(at, signal)| (signal.name.clone(), at, signal.layout)).collect();
        for signal in signals {
            let conditions = self.chain(&signal.name).into_iter().filter_map(|(by, values)| {
                let (_, at, layout) = found.iter().find(|(name, ..)| *name == by)?;
                Some(When::new(*at, *layout, values.into_iter().map(|value| (value, value))))
            });
            signal.when = conditions.collect();
        }
    }
}

/// One multiplexer of a signal: it exists, is another signal, and can have the values.
fn condition(
    check: &mut Check,
    frame: &FrameSpec,
    name: &Spanned<String>,
    by: &Spanned<String>,
    values: &Spanned<Vec<i64>>,
) -> Option<(Name, Vec<u64>)> {
    let Some(multiplexer) = frame.signals.get(by) else {
        let message = format!("there is no signal '{}' to choose by", by.value);
        check.unknown(by, message).did_you_mean(by, frame.signals.keys());
        return None;
    };
    if by.value == name.value {
        check.error(by.place, format!("{} cannot choose itself", name.value));
        return None;
    }
    let place = if values.place == Place::default() { by.place } else { values.place };
    let raw: Vec<u64> = values.iter().filter_map(|value| u64::try_from(*value).ok()).collect();
    if raw.is_empty() || raw.len() < values.len() {
        check.error(place, "`when` lists the raw values of the multiplexer, 0 or more: {probe: [1, 2]}");
        return None;
    }
    if let Some(value) = beyond(multiplexer, &raw) {
        let message = format!("{} is never {value}: its bits do not reach so far", by.value);
        check.error(place, message).help("raw values are meant, as the bits stand, without a sign");
    }
    Some((Name::from(by.as_str()), raw))
}

fn beyond(multiplexer: &Spanned<SignalSpec>, values: &[u64]) -> Option<u64> {
    let layout = layout_of(multiplexer, multiplexer.place).ok()?;
    values.iter().copied().find(|value| *value > layout.mask())
}
