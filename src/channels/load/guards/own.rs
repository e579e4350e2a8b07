//! Limits that a device has of itself: range, ramp, times, starts, groups.

use crate::channels::codec::Signal;
use crate::channels::map::{Device, Safe};
use crate::channels::spec::{DeviceSpec, MaxOnSpec};
use crate::channels::{Limits, MaxOn};
use crate::files::{Place, Spanned, closest};
use crate::model::{Name, Span, format_duration};

use super::super::check::Check;
use super::super::devices::time;
use super::Rooms;
use super::states::{number_of, numbers};

/// Units of time that a ramp may have, and their seconds.
const PER: [(&str, f64); 4] = [("s", 1.0), ("min", 60.0), ("m", 60.0), ("h", 3600.0)];

/// What the device itself says, as far as it needs no other.
pub(super) fn limits(check: &mut Check, spec: &DeviceSpec, device: Option<&Device>) -> Limits {
    let signal = device.map(|device| device.command.signal());
    let span = |span: &Option<Spanned<Span>>| span.as_ref().map_or_else(Default::default, |span| span.0);
    let limits = Limits {
        range: spec.range.as_ref().and_then(|range| check_range(check, range, signal)),
        ramp: spec.ramp.as_ref().and_then(|ramp| check_ramp(check, ramp, signal)),
        min_on: span(&spec.min_on),
        min_off: span(&spec.min_off),
        max_on: spec.max_on.as_ref().map(|max_on| check_max_on(check, max_on)),
        max_starts_per_hour: spec.max_starts_per_hour.as_ref().map(|starts| check_starts(check, starts)),
        ..Limits::default()
    };
    if let (Some(range), Some(device)) = (limits.range, device) {
        check_safe(check, spec.safe.place, range, device);
    }
    limits
}

fn check_range(check: &mut Check, range: &Spanned<(f64, f64)>, signal: Option<&Signal>) -> Option<(f64, f64)> {
    let (low, high) = range.value;
    if low >= high {
        let why = if low > high { "runs backwards" } else { "has nothing between its ends" };
        let help = if low > high { format!("write [{high}, {low}]") } else { "leave `range` out for none".to_owned() };
        check.error(range.place, format!("the range [{low}, {high}] {why}")).help(help);
        return None;
    }
    let signal = signal?;
    let (least, most) = takes_numbers(check, range.place, signal, "`range`")?;
    if low < least || high > most {
        let message = format!("the range [{low}, {high}] goes beyond that of {}, {least} to {most}", signal.name);
        let (low, high) = (low.max(least), high.min(most));
        let help =
            if low < high { format!("write [{low}, {high}]") } else { "is the signal the right one?".to_owned() };
        check.error(range.place, message).help(help);
        return None;
    }
    Some((low, high))
}

/// The numbers of a signal; reported if it has none, so that the limit called `what` means nothing.
fn takes_numbers(check: &mut Check, place: Place, signal: &Signal, what: &str) -> Option<(f64, f64)> {
    let found = numbers(signal);
    if found.is_none() {
        let message = format!("{what} is for numbers, and {} has states alone", signal.name);
        check.unfit(place, message).help(format!("leave {what} out"));
    }
    found
}

/// The safe state is where a device goes when nobody asks: it must be allowed.
fn check_safe(check: &mut Check, place: Place, (low, high): (f64, f64), device: &Device) {
    let Safe::At(level) = device.safe else { return };
    let number = number_of(device.command.signal(), level);
    if number < low || number > high {
        let message = format!("`safe` is {number}, which the device's range [{low}, {high}] does not allow");
        check.error(place, message).help(format!("write a number from {low} to {high}, or widen `range`"));
    }
}

/// `10/s`, `20/min`, `100/h`, a second.
fn check_ramp(check: &mut Check, ramp: &Spanned<String>, signal: Option<&Signal>) -> Option<f64> {
    let parts = ramp.split_once('/').and_then(|(change, per)| {
        let seconds = PER.iter().find(|(unit, _)| *unit == per.trim()).map(|(_, seconds)| seconds)?;
        Some((change.trim().parse::<f64>().ok().filter(|change| change.is_finite())?, seconds))
    });
    let Some((change, seconds)) = parts else {
        let message = format!("'{}' is no ramp: it is a change per time", ramp.value);
        check.error(ramp.place, message).help("write 10/s, 20/min or 100/h, in the command signal's unit");
        return None;
    };
    if change <= 0.0 {
        let message = format!("a ramp of {} is none: it is more than 0", ramp.value);
        check.error(ramp.place, message).help("it holds upwards and downwards alike");
        return None;
    }
    takes_numbers(check, ramp.place, signal?, "`ramp`").map(|_| change / seconds)
}

fn check_max_on(check: &mut Check, max_on: &Spanned<MaxOnSpec>) -> MaxOn {
    let (limit, lockout) = match &max_on.value {
        MaxOnSpec::Time(span) => (Spanned { value: *span, place: max_on.place }, None),
        MaxOnSpec::Lockout(spec) => (spec.time.clone(), spec.lockout.as_ref()),
    };
    let limit = time(check, "max_on", Some(&limit), limit.0);
    MaxOn { time: limit, lockout: time(check, "lockout", lockout, limit) }
}

fn check_starts(check: &mut Check, starts: &Spanned<u32>) -> u32 {
    if starts.value == 0 {
        check.error(starts.place, "without a start per hour the device is never on").help("write 1 or more");
    }
    starts.value
}

/// The groups of a device. One that no other device is in locks nothing.
pub(super) fn interlocks(check: &mut Check, rooms: &Rooms, own: &[Spanned<String>]) -> Vec<Name> {
    let all = || rooms.iter().flat_map(|(_, devices)| devices.iter()).flat_map(|(_, spec)| spec.interlock.iter());
    let mut groups: Vec<Name> = Vec::new();
    for group in own {
        if group.trim().is_empty() {
            check.error(group.place, "the name of the group is empty").help("write one such as heat-cool");
            continue;
        }
        if groups.iter().any(|known| **known == *group.value) {
            check.error(group.place, format!("the group {} is named twice", group.value));
            continue;
        }
        let others =
            all().filter(|other| other.place != group.place && !own.iter().any(|own| own.place == other.place));
        if !others.clone().any(|other| other.value == group.value) {
            let message = format!("no other device is in the group {}: it locks nothing", group.value);
            let names = others.map(|other| other.value.as_str());
            let help = match closest(group, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write the same name at each device of which only one may be on".to_owned(),
            };
            check.unknown(group, message).help(help);
        }
        groups.push(Name::from(group.as_str()));
    }
    groups
}

/// A duration for people.
pub(super) fn said(span: std::time::Duration) -> String {
    format_duration(span)
}
