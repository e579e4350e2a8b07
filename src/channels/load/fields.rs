//! What a node's signals are called in messages, which of them are wanted, and how they are corrected.

use std::collections::HashMap;

use crate::files::{Place, Spanned};
use crate::model::Name;

use super::super::map::Field;
use super::super::spec::{AdjustSpec, NodeSpec};
use super::check::Check;
use super::frames::{Found, FrameEntry};
use super::names::field_fault;
use super::template::{Filling, check_template, fill};

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
    pub(super) fn read(
        check: &mut Check,
        spec: &'a NodeSpec,
        frame: &FrameEntry<'_>,
        is_row: bool,
    ) -> Option<Picks<'a>> {
        let mut placeholders: Vec<&str> = vec!["signal"];
        placeholders.extend(frame.multiplexers());
        placeholders.extend(is_row.then_some("n"));
        let mut picks = Picks { place: spec.node.place, only_picked: !spec.signals.is_empty(), ..Picks::default() };
        let mut fine = spec.name.as_ref().is_none_or(|name| check_template(check, name, &placeholders));
        picks.template = spec.name.as_ref();
        for (signal, field) in &spec.signals {
            fine &= check_template(check, field, &placeholders[1..]);
            let Some(Found::At(at)) = frame.signal(check, signal) else { continue };
            if !frame.published[at] {
                let message = format!("{} is never published: the frame {} says so", signal.value, frame.layout.name);
                check.warning(signal.place, message);
            }
            picks.picked.insert(at, field);
        }
        for (signal, adjust) in &spec.adjust {
            let correction = correction(check, signal, adjust);
            if let Some(Found::At(at)) = frame.signal(check, signal) {
                picks.adjust.insert(at, correction);
            }
        }
        fine.then_some(picks)
    }

    /// The fields of one node of the entry, all signals of the frame among them. The first bad name clears `fine`.
    pub(super) fn fields(
        &self,
        check: &mut Check,
        frame: &FrameEntry<'_>,
        n: Option<u32>,
        fine: &mut bool,
    ) -> Vec<Field> {
        let field = |(at, signal): (usize, &super::super::codec::Signal)| {
            let picked = self.picked.get(&at);
            let own = fill(picked.map_or(&*signal.name, |text| text.as_str()), Filling { signal: "", n });
            let name = match self.template {
                Some(template) => fill(template, Filling { signal: &own, n }),
                None => own,
            };
            let published = frame.published[at] && (picked.is_some() || !self.only_picked);
            // A signal that keeps its name was checked with its frame.
            if let Some(why) = field_fault(&name).filter(|_| published && *fine && *name != *signal.name) {
                let place = picked.map(|text| text.place).or(self.template.map(|t| t.place)).unwrap_or(self.place);
                check.error(place, format!("a field cannot be called '{}': {why}", name.escape_debug()));
                *fine = false;
            }
            Field { signal: at, name: Name::from(name), published, adjust: self.adjust.get(&at).copied() }
        };
        frame.layout.signals.iter().enumerate().map(field).collect()
    }
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
