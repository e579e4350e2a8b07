//! What a node's signals are called in messages, which of them are wanted, and how they are corrected.

use std::collections::HashMap;

use crate::files::{Place, Spanned};
use crate::model::Name;

use super::super::codec::{Signal, When, may_meet};
use super::super::map::Field;
use super::super::spec::{AdjustSpec, NodeSpec};
use super::check::Check;
use super::frames::FrameEntry;
use super::names::field_fault;
use super::template::{Filling, check_template, fill, has};

/// Fields that one multiplexed signal of a node may become; a slip in a range must not fill the memory.
pub(super) const MOST_PARTS: u64 = 256;

/// The wishes of one entry: signals by position.
#[derive(Debug, Default)]
pub(super) struct Picks<'a> {
    /// Wanted signals and what they are called; empty: all, as they are.
    picked: HashMap<usize, &'a Spanned<String>>,
    /// `signals` is there, even if nothing it names can be read yet.
    only_picked: bool,
    adjust: HashMap<usize, (f64, f64)>,
    template: Option<&'a Spanned<String>>,
    place: Place,
}

impl<'a> Picks<'a> {
    /// Reads `signals`, `adjust` and `name`, reporting their faults; `None` if there is no telling the fields' names.
    pub(super) fn read(check: &mut Check, spec: &'a NodeSpec, frame: &FrameEntry, is_row: bool) -> Option<Picks<'a>> {
        let mut placeholders: Vec<&str> = vec!["signal"];
        placeholders.extend(frame.multiplexers());
        placeholders.extend(is_row.then_some("n"));
        let mut picks = Picks { place: spec.node.place, only_picked: !spec.signals.is_empty(), ..Picks::default() };
        let mut fine = spec.name.as_ref().is_none_or(|name| check_template(check, name, &placeholders));
        picks.template = spec.name.as_ref();
        for (signal, field) in &spec.signals {
            fine &= check_template(check, field, &placeholders[1..]);
            let Some(at) = frame.signal(check, signal) else { continue };
            if !frame.published[at] {
                let message = format!("{} is never published: the frame {} says so", signal.value, frame.layout.name);
                check.warning(signal.place, message);
            }
            picks.picked.insert(at, field);
        }
        for (signal, adjust) in &spec.adjust {
            let correction = correction(check, signal, adjust);
            if let Some(at) = frame.signal(check, signal) {
                picks.adjust.insert(at, correction);
            }
        }
        fine.then_some(picks)
    }

    /// The fields of one node of the entry, all signals of the frame among them. The first bad name clears `fine`.
    pub(super) fn fields(&self, check: &mut Check, frame: &FrameEntry, n: Option<u32>, fine: &mut bool) -> Vec<Field> {
        let mut fields = Vec::new();
        for (at, signal) in frame.layout.signals.iter().enumerate() {
            let picked = self.picked.get(&at).map(|text| text.as_str());
            let published = frame.published[at] && (picked.is_some() || !self.only_picked);
            let named: Vec<&str> = self.template.map(|text| text.as_str()).into_iter().chain(picked).collect();
            let Some(parts) = parts_of(frame, signal, &named) else {
                self.too_many(check, signal, fine);
                continue;
            };
            for (chosen, when) in parts {
                let filling = Filling { signal: &signal.name, n, chosen: &chosen };
                let own = fill(picked.unwrap_or(&signal.name), filling);
                let name = self.template.map(|text| fill(text, Filling { signal: &own, ..filling })).unwrap_or(own);
                // A signal of the map that keeps its name was checked with its frame.
                let unknown = frame.foreign || *name != *signal.name;
                if let Some(why) = field_fault(&name).filter(|_| published && *fine && unknown) {
                    let message = format!("a field cannot be called '{}': {why}", name.escape_debug());
                    let help = format!("call it otherwise: `signals: {{{}: other_name}}`", signal.name);
                    check.error(self.place_of(at), message).help(help);
                    *fine = false;
                }
                let adjust = self.adjust.get(&at).copied();
                fields.push(Field { signal: at, name: Name::from(name), published, adjust, when });
            }
        }
        fields
    }

    /// Warns of signals of several parts whose values all go into one field because nothing in its name tells them apart.
    /// One that is picked by name is meant so; so is one of a database, where that is how a part that is in many is told.
    pub(super) fn warn_of_mixing(&self, check: &mut Check, frame: &FrameEntry) {
        let signals = &frame.layout.signals;
        let chooses = |at: usize| signals.iter().any(|other| other.when.iter().any(|when| when.multiplexer == at));
        for (at, signal) in signals.iter().enumerate() {
            if frame.foreign || !frame.published[at] || self.only_picked || chooses(at) {
                continue;
            }
            let by = |when: &When| &*signals[when.multiplexer].name;
            let named = |name: &str| self.template.is_some_and(|text| has(text, name));
            let Some(when) = signal.when.iter().find(|when| when.count() > 1 && !named(by(when))) else { continue };
            let (by, count) = (by(when), when.count());
            let message =
                format!("{} comes with {count} values of {by}, all in one field: its parts are mixed", signal.name);
            let help = format!(
                "write `name: \"{{signal}}_{{{by}}}\"`; if all are one and the same, name the fields: `signals: {{{0}: {0}}}`",
                signal.name
            );
            check.warning(self.template.map_or(self.place, |text| text.place), message).help(help);
        }
    }

    /// Where the name of a field comes from.
    fn place_of(&self, signal: usize) -> Place {
        let picked = self.picked.get(&signal).map(|text| text.place);
        picked.or(self.template.map(|text| text.place)).unwrap_or(self.place)
    }

    fn too_many(&self, check: &mut Check, signal: &Signal, fine: &mut bool) {
        if std::mem::take(fine) {
            let message = format!("{} would be more than {MOST_PARTS} fields", signal.name);
            let help = "leave the multiplexer out of `name`, or pick and name signals with `signals:`";
            check.error(self.template.map_or(self.place, |text| text.place), message).help(help);
        }
    }
}

/// Values of multiplexers that choose a signal, and the conditions that they leave.
type Part<'a> = (Vec<(&'a str, u64)>, Vec<When>);

/// A field for each value of those multiplexers that the names tell apart; `None` if there would be too many.
fn parts_of<'a>(frame: &'a FrameEntry, signal: &Signal, named: &[&str]) -> Option<Vec<Part<'a>>> {
    let mut parts: Vec<Part<'a>> = vec![(Vec::new(), signal.when.clone())];
    for (at, when) in signal.when.iter().enumerate() {
        let by = &*frame.layout.signals[when.multiplexer].name;
        if !named.iter().any(|text| has(text, by)) {
            continue;
        }
        if when.count().saturating_mul(parts.len() as u64) > MOST_PARTS {
            return None;
        }
        let apart = |(chosen, conditions): &Part<'a>| {
            let (chosen, conditions) = (chosen.clone(), conditions.clone());
            when.each().map(move |value| {
                let (mut chosen, mut conditions) = (chosen.clone(), conditions.clone());
                chosen.push((by, value));
                conditions[at].values = vec![(value, value)];
                (chosen, conditions)
            })
        };
        parts = parts.iter().flat_map(apart).collect();
    }
    Some(parts)
}

/// What comes together in one message: of a multiplexed frame a list for each of its parts. Where a frame has several
/// multiplexers that know nothing of each other, a list may have fields that never meet.
pub(super) fn parts(fields: &[Field]) -> Vec<Vec<Name>> {
    let published: Vec<&Field> = fields.iter().filter(|field| field.published).collect();
    let with = |own: &Field| -> Vec<usize> {
        (0..published.len()).filter(|at| may_meet(&own.when, &published[*at].when)).collect()
    };
    let mut sets: Vec<Vec<usize>> =
        published.iter().filter(|field| !field.when.is_empty()).map(|field| with(field)).collect();
    if sets.is_empty() {
        sets.push((0..published.len()).collect());
    }
    sets.sort();
    sets.dedup();
    let names = |set: &Vec<usize>| set.iter().map(|at| published[*at].name.clone()).collect();
    sets.iter().map(names).collect()
}

fn correction(check: &mut Check, signal: &Spanned<String>, adjust: &AdjustSpec) -> (f64, f64) {
    let (scale, offset) = (adjust.scale.unwrap_or(1.0), adjust.offset.unwrap_or(0.0));
    if adjust.scale.is_none() && adjust.offset.is_none() {
        let message = format!("the correction of {} changes nothing", signal.value);
        check.error(signal.place, message).help("write `{offset: -0.4}` or `{scale: 1.02, offset: 0.1}`");
    } else if scale == 0.0 || !scale.is_finite() || !offset.is_finite() {
        let message = format!("the correction of {} makes no value: scale {scale}, offset {offset}", signal.value);
        check.error(signal.place, message);
    }
    (scale, offset)
}

/// The fields of a cluster so far, and who brings them.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<Name, (Name, Place)>);

impl Seen {
    /// Adds a node's fields; the first that is there already is reported. Whether all are new.
    pub(super) fn add(&mut self, check: &mut Check, node: &Name, fields: &[Field], place: Place) -> bool {
        let mut fine = true;
        for field in fields.iter().filter(|field| field.published) {
            match self.0.get(&field.name) {
                Some((other, first)) if fine => {
                    let whose = match other == node {
                        true => format!("{node} has it twice"),
                        false => format!("{node} and {other} (line {}) both have it", first.line),
                    };
                    let message = format!("the field `{}` is not unique in this cluster: {whose}", field.name);
                    check
                        .error(place, message)
                        .help("rename it with `name: \"{signal}_2\"`, or put the node elsewhere");
                    fine = false;
                }
                Some(_) => {}
                None => {
                    self.0.insert(field.name.clone(), (node.clone(), place));
                }
            }
        }
        fine
    }
}
