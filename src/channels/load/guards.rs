//! Limits of devices. They have no effect yet; what they name is checked all the same, so that a map is right on the day
//! they have.

use crate::files::{Entries, Spanned};

use super::super::spec::{DeviceSpec, NeedsSpec};
use super::check::{Check, Feature};

type Rooms = Entries<Entries<Spanned<DeviceSpec>>>;

/// Checks the limits of all devices.
pub(super) fn guards(check: &mut Check, rooms: &Rooms) {
    for (room, devices) in rooms {
        for (name, spec) in devices {
            let places = [&spec.min_on, &spec.min_off, &spec.max_on].into_iter().flatten().map(|time| time.place);
            let others = spec.forbid_while.iter().map(|other| other.place);
            let first = places.chain(others).chain(spec.needs.as_ref().map(|needs| needs.channel.place));
            let first = first.min_by_key(|place| (place.line, place.column));
            if let Some(first) = first {
                check.not_yet(Feature::Guards, first, Some(format!("device {}/{}", room.value, name.value)));
            }
            for other in &spec.forbid_while {
                forbid(check, rooms, other);
            }
            if let Some(needs) = &spec.needs {
                check_needs(check, needs);
            }
        }
    }
}

/// `Room/device`, or `Room/device > 50`.
fn forbid(check: &mut Check, rooms: &Rooms, text: &Spanned<String>) {
    let (key, number) = match text.find(['<', '>', '=']) {
        Some(at) => (text[..at].trim(), Some(text[at..].trim_start_matches(['<', '>', '=']).trim())),
        None => (text.trim(), None),
    };
    if number.is_some_and(|number| number.parse::<f64>().is_err()) {
        let message = format!("'{}' compares with no number", text.value);
        check.error(text.place, message).help("write `Room/device`, or `Room/device > 50`");
    }
    let known: Vec<String> = rooms
        .iter()
        .flat_map(|(room, devices)| devices.keys().map(move |device| format!("{}/{device}", room.value)))
        .collect();
    if !known.iter().any(|name| name == key) {
        let message = format!("there is no device '{key}'");
        let device = key.rsplit('/').next().unwrap_or(key).to_owned();
        let device = Spanned { value: device, place: text.place };
        check.unknown(&device, message).did_you_mean(key, known.iter().map(String::as_str));
    }
}

fn check_needs(check: &mut Check, needs: &Spanned<NeedsSpec>) {
    if needs.below.is_none() && needs.above.is_none() && needs.fresh.is_none() {
        let message = "`needs` says nothing about the reading";
        check
            .lacking(needs.channel.place, &["below", "above", "fresh"], message)
            .help("write `below: 1500`, `above: 10` or `fresh: 30s`");
    }
}
