//! Shots of water by the mean of the probes of one cluster.

use std::time::Duration;

use growctl_engine::channels::ChannelMap;

use super::super::fill::Values;
use super::super::plant::{self, Reading, Refusal, Where};
use super::super::wishes::Wishes;
use super::Prepared;
use super::{cycles, floor, nodes};

const WET: [&str; 4] = ["vwc", "moisture", "soil", "substrate"];

pub(in super::super) fn irrigation(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let what = "rule is to water";
    let devices = plant::devices(map, &wishes.place, what, &["valve", "pump", "irrigat", "dripper"])?;
    let found = devices.iter().find_map(|device| {
        let place = Where { room: Some(device.key.room.to_string()), ..wishes.place.clone() };
        probes(map, &place, wishes.field.as_deref()).map(|(place, field, probes)| (*device, place, field, probes))
    });
    let Some((device, place, field, probes)) = found else {
        let wanted = wishes.field.as_deref().map_or_else(|| format!("any of {}", WET.join(", ")), str::to_owned);
        let message = format!("no node beside {} sends {wanted}; --field names another", devices[0].key);
        return Err(Refusal::site(message));
    };
    let limit = wishes.below.unwrap_or(55.0);
    let ask = plant::level(device, wishes.set.as_deref(), 1.0)?;
    let mut values = shots(wishes, &probes, limit)?;
    values.text("place", &place.cluster.clone().unwrap_or_default());
    values.text("pattern", &place.pattern());
    values.text("field", &field);
    values.text("room", &device.key.room);
    values.text("device", &device.key.device);
    values.plain("verb", ask.verb());
    values.plain("to", ask.expected());
    let took = format!("it opens {} ({}) by the mean of `{field}` of {}", device.key, device.kind, nodes(&probes));
    Ok(Prepared { values, took: vec![took] })
}

/// The first cluster with probes: where it is, the glob of their fields, and they themselves.
fn probes<'m>(map: &'m ChannelMap, place: &Where, given: Option<&str>) -> Option<(Where, String, Vec<Reading<'m>>)> {
    let fits = |field: &str| match given {
        Some(given) => growctl_engine::bus::glob(given.as_bytes(), field.as_bytes()),
        None => WET.iter().any(|word| field.to_lowercase().contains(word)),
    };
    let at = |reading: &Reading<'_>| {
        let source = &reading.node.source;
        place.room.as_deref() == Some(&*source.room)
            && place.cluster.as_deref().is_none_or(|cluster| cluster == &*source.place)
    };
    let all: Vec<Reading<'m>> = plant::readings(map).filter(|reading| at(reading) && fits(reading.field)).collect();
    let cluster = all.first()?.node.source.place.clone();
    let probes: Vec<Reading<'m>> = all.into_iter().filter(|reading| reading.node.source.place == cluster).collect();
    let field = given.map_or_else(|| glob_of(&probes), str::to_owned);
    // What the glob takes and was not meant would be in the mean.
    let probes = plant::readings(map)
        .filter(|reading| at(reading) && reading.node.source.place == cluster)
        .filter(|reading| growctl_engine::bus::glob(field.as_bytes(), reading.field.as_bytes()))
        .collect();
    Some((Where { cluster: Some(cluster.to_string()), ..place.clone() }, field, probes))
}

/// `vwc_*` for `vwc_1`, `vwc_2`: what the first probe's field is called, without its number.
fn glob_of(probes: &[Reading<'_>]) -> String {
    let first = probes[0].field;
    let stem = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let alike = probes.iter().filter(|probe| probe.field.starts_with(stem)).count();
    if alike > 1 && stem.len() < first.len() { format!("{stem}*") } else { first.to_owned() }
}

fn shots(wishes: &Wishes, probes: &[Reading<'_>], limit: f64) -> Result<Values, Refusal> {
    let span = |wished: Option<Duration>, usual| wished.unwrap_or(Duration::from_secs(usual));
    let (hold, shot, rest) = (span(wishes.hold, 30), span(wishes.until, 90), span(wishes.cooldown, 1200));
    if shot.is_zero() {
        return Err(Refusal::of("until", "a shot of no length waters nothing"));
    }
    // All speak with the slowest, so that the mean is of all of them at each moment.
    let cycle = probes.iter().map(Reading::cycle).min().unwrap_or(Duration::from_secs(1));
    let off = hold + shot;
    // Dry is noticed again at the first reading after the shot; then it is `for` or the rest that takes longer.
    let noticed = cycle * cycles(off, cycle);
    let next = (noticed + hold).max(off + rest);
    let mut values = Values::default();
    for (key, above, count) in [("dry", false, floor(next, cycle)), ("wet", true, cycles(hold, cycle) + 5)] {
        let inputs = inputs(probes, limit, above, count).ok_or_else(|| {
            let (low, high) = probes[0].signal.range.unwrap_or_default();
            Refusal::of("below", format!("`{}` goes from {low} to {high}, so it cannot cross {limit}", probes[0].field))
        })?;
        values.plain(if above { "wet_inputs" } else { "dry_inputs" }, inputs);
        values.plain(key, probes[0].beyond(limit, above).unwrap_or(limit));
    }
    values.plain("on_limit", limit);
    values.text("unit", &probes[0].unit());
    values.span("hold", hold);
    values.span("shot", shot);
    values.span("rest", rest);
    values.span("cycle", cycle);
    values.span("off_at", off);
    values.span("next_at", next);
    Ok(values)
}

fn inputs(probes: &[Reading<'_>], limit: f64, above: bool, more: u32) -> Option<String> {
    let line = |probe: &Reading<'_>| {
        let (node, field) = (probe.node.source.name.replace('"', "\\\""), probe.field);
        let value = probe.beyond(limit, above)?;
        Some(format!("      - {{ node: \"{node}\", values: {{ {field}: \"{value}x{more}\" }} }}"))
    };
    Some(probes.iter().map(line).collect::<Option<Vec<_>>>()?.join("\n"))
}
