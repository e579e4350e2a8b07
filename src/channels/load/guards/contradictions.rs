//! Limits that cannot all be kept: each is right by itself, and together they leave the device off for good, or promise
//! what nobody can keep.

use crate::channels::map::Safe;
use crate::channels::{Test, While};
use crate::files::Place;
use crate::model::{DeviceKey, Level};

use super::super::check::Check;
use super::Limited;
use super::own::said;
use super::states::{is_off, is_on, number_of};

/// Reports every contradiction.
pub(super) fn find(check: &mut Check, all: &[Limited<'_>]) {
    for limited in all {
        times(check, limited);
        safe(check, limited);
        can_be_off(check, limited);
        pairs(check, all, limited);
    }
    circles(check, all);
}

fn times(check: &mut Check, Limited { limits, spec, .. }: &Limited<'_>) {
    let Some(max_on) = limits.max_on else { return };
    if let Some(place) = spec.min_on.as_ref().map(|min_on| min_on.place).filter(|_| limits.min_on > max_on.time) {
        let (least, most) = (said(limits.min_on), said(max_on.time));
        let message = format!("on for at least {least}, and for at most {most}");
        check.error(place, message).help("`min_on` is shorter than `max_on`, or as long");
    }
    if let (Some(verify), Some(spec)) = (&limits.verify, &spec.verify)
        && verify.within > max_on.time
    {
        let (within, most) = (said(verify.within), said(max_on.time));
        let message =
            format!("`verify` waits for {within}, and the device is on for {most} at most: it would never be told");
        check.error(spec.within.place, message).help(format!("write {most} or less"));
    }
}

/// What takes the device off, by the place of its key's value.
fn forced_off<'a>(limited: &Limited<'a>) -> Vec<(&'static str, Place)> {
    let (limits, spec) = (&limited.limits, &limited.spec.value);
    let mut all = Vec::new();
    if let (Some(_), Some(spec)) = (limits.max_on, &spec.max_on) {
        all.push(("max_on", spec.place));
    }
    let first = |texts: &[crate::files::Spanned<String>]| texts.first().map(|text| text.place);
    all.extend(first(&spec.interlock).map(|place| ("interlock", place)));
    all.extend(first(&spec.forbid_while).map(|place| ("forbid_while", place)));
    all.extend(first(&spec.only_while).map(|place| ("only_while", place)));
    all.extend(spec.needs.first().map(|need| ("needs", need.channel.place)));
    all
}

/// A device whose `safe` is on goes on when nobody asks, when its rule dies, and by its own watchdog when growctl does: a
/// limit that wants it off would hold only as long as growctl lives, and against its own safe state. One that keeps its
/// state may be on at that moment, which is warned of: an interlock is an error there too, as two that were on stay on.
fn safe(check: &mut Check, limited: &Limited<'_>) {
    let Some(device) = limited.device else { return };
    let keeps = match device.safe {
        Safe::Keep => true,
        Safe::At(level) if is_on(level) => false,
        Safe::At(_) => return,
    };
    for (key, place) in forced_off(limited) {
        let name = &limited.key;
        if !keeps || key == "interlock" {
            let what = if keeps { "keeps its state" } else { "is on" };
            let message = format!("{name} {what} when nobody asks, which breaks `{key}`");
            check.error(place, message).help(format!("set `safe: \"off\"`, or leave `{key}` out"));
        } else {
            let message = format!("{name} keeps its state when growctl stops or dies: `{key}` does not hold then");
            check.warning(place, message).help("set `safe: \"off\"`, and a watchdog if its node has one");
        }
    }
}

/// What is to be off must have a state that is off, and be allowed to be in it.
fn can_be_off(check: &mut Check, limited: &Limited<'_>) {
    let Some(device) = limited.device else { return };
    let Some((key, place)) = forced_off(limited).into_iter().next() else { return };
    let signal = device.command.signal();
    let off = number_of(signal, Level::Off);
    let least = limited.limits.range.map_or(off, |(low, _)| off.max(low));
    let name = &limited.key;
    if least > 0.0 {
        let message = format!("`{key}` switches {name} off, and it cannot be less than {least}");
        check.error(place, message).help("let its range begin at 0");
    } else if let Err(why) = super::super::safe::sayable(signal, Level::Off) {
        check.unfit(place, format!("`{key}` switches {name} off: {why}"));
    }
}

/// Whether a condition may hold while the other device is off.
fn holds_off(condition: &While, all: &[Limited<'_>]) -> bool {
    let device = all.iter().find(|limited| limited.key == condition.device).and_then(|limited| limited.device);
    let Some(signal) = device.map(|device| device.command.signal()) else { return true };
    match &condition.test {
        Test::On => false,
        Test::Off => true,
        Test::Compare(comparison, number) => comparison.holds(number_of(signal, Level::Off), *number),
        Test::State { is, state } => is_off(signal, state) == *is,
    }
}

/// The place of a condition of `only_while`.
fn place_of(limited: &Limited<'_>, condition: &While) -> Place {
    let found = limited.spec.only_while.iter().find(|text| text.trim() == &*condition.text);
    found.map_or(limited.spec.place, |text| text.place)
}

/// A device that is on only while another one is, and may not be while that one is.
fn pairs(check: &mut Check, all: &[Limited<'_>], limited: &Limited<'_>) {
    let (own, limits) = (&limited.key, &limited.limits);
    for condition in limits.only_while.iter().filter(|condition| !holds_off(condition, all)) {
        let Some(other) = all.iter().find(|other| other.key == condition.device) else { continue };
        let place = place_of(limited, condition);
        let never = "the two can never be on together, so this one is never on";
        if let Some(group) = limits.interlocks.iter().find(|group| other.limits.interlocks.contains(group)) {
            let message = format!("{own} is on only while {} is, and both are in the group {group}", other.key);
            check.error(place, message).help(never);
        }
        let whole = |conditions: &[While], of: &DeviceKey| {
            conditions.iter().any(|condition| condition.device == *of && condition.test == Test::On)
        };
        if whole(&limits.forbid_while, &other.key) || whole(&other.limits.forbid_while, own) {
            let message = format!("{own} is on only while {} is, and `forbid_while` says the opposite", other.key);
            check.error(place, message).help(never);
        }
    }
}

/// Devices that wait for each other to be on: none of them ever is.
fn circles(check: &mut Check, all: &[Limited<'_>]) {
    let mut told: Vec<&DeviceKey> = Vec::new();
    for limited in all {
        let Some(circle) = circle_from(all, limited).filter(|_| !told.contains(&&limited.key)) else { continue };
        told.extend(circle.iter().map(|(key, _)| *key));
        let mut names: Vec<String> = circle.iter().map(|(key, _)| key.to_string()).collect();
        names.push(limited.key.to_string());
        let message = "they wait for each other to be on, so none ever is";
        check.error(circle[0].1, message).help(format!("the circle is {}", names.join(" → ")));
    }
}

/// The shortest way from a device over `only_while` back to itself: each device on it, and where it names the next.
fn circle_from<'a>(all: &'a [Limited<'_>], start: &'a Limited<'_>) -> Option<Vec<(&'a DeviceKey, Place)>> {
    let mut ways: Vec<(&Limited<'_>, Vec<(&DeviceKey, Place)>)> = vec![(start, Vec::new())];
    let mut at = 0;
    while at < ways.len() {
        let (from, way) = (ways[at].0, ways[at].1.clone());
        for condition in from.limits.only_while.iter().filter(|condition| !holds_off(condition, all)) {
            let mut way = way.clone();
            way.push((&from.key, place_of(from, condition)));
            if condition.device == start.key {
                return Some(way);
            }
            let next = all.iter().find(|limited| limited.key == condition.device);
            if let Some(next) = next.filter(|next| !ways.iter().any(|(known, _)| known.key == next.key)) {
                ways.push((next, way));
            }
        }
        at += 1;
    }
    None
}
