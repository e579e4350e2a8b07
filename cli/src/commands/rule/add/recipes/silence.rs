//! The word that a node has fallen silent.

use std::time::Duration;

use growctl_engine::channels::ChannelMap;

use super::super::fill::Values;
use super::super::plant::{self, Reading, Refusal};
use super::super::wishes::Wishes;
use super::Prepared;
use super::{cycles, floor, nodes};

pub(in super::super) fn dead_sensor(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    plant::known_place(map, &wishes.place)?;
    let watched = one_of_each(map, wishes);
    let Some((reading, stale_after)) = watched.first().and_then(|one| Some((one, one.node.source.stale_after?))) else {
        let message =
            format!("no node of {} has a `cycle` and a number, so nobody can tell its silence", wishes.place.words());
        return Err(Refusal::site(message));
    };
    let (hold, cycle) = (wishes.hold.unwrap_or(Duration::from_secs(60)), reading.cycle());
    // Four values, at the last of which the silence begins.
    let last = cycle * 3;
    let gap = cycles(stale_after + hold, cycle).saturating_add(2);
    let off = last + cycle * (gap + 1);
    // Even where `for` is 0 a silence shorter than `stale_after` is none.
    let short = (cycles(stale_after + hold, cycle)).saturating_sub(2);
    let short_end = last + cycle * (short + 4);
    let mut values = Values::default();
    values.text("pattern", &wishes.place.pattern());
    values.text("node", &reading.node.source.name);
    values.plain("field", reading.field);
    values.plain("sample", reading.sample());
    values.span("hold", hold);
    values.span("stale_after", stale_after);
    values.plain("gap", gap);
    values.span("on_at", last + stale_after + hold);
    values.span("off_at", off);
    if short > 0 {
        values.plain("short_gap", short);
        values.span("short_end", short_end);
    }
    let end = off + cycle * 3;
    values.span("end", end);
    values.plain("others", others(&watched[1..], end));
    values.plain("short_others", others(&watched[1..], short_end));
    Ok(Prepared { values, took: vec![format!("it watches {}", nodes(&watched))] })
}

/// One number of each node whose silence can be told.
fn one_of_each<'m>(map: &'m ChannelMap, wishes: &Wishes) -> Vec<Reading<'m>> {
    let mut found: Vec<Reading<'m>> = Vec::new();
    for reading in plant::readings(map) {
        let source = &reading.node.source;
        let known = found.iter().any(|one| one.node.source.name == source.name);
        if wishes.place.has(reading.node) && source.stale_after.is_some() && !known {
            found.push(reading);
        }
    }
    found
}

/// All others speak on until the end.
fn others(others: &[Reading<'_>], end: Duration) -> String {
    let line = |other: &Reading<'_>| {
        let (node, more) = (other.node.source.name.replace('"', "\\\""), floor(end, other.cycle()));
        let (field, sample) = (other.field, other.sample());
        format!("\n      - {{ node: \"{node}\", values: {{ {field}: \"{sample}x{more}\" }} }}")
    };
    others.iter().map(line).collect()
}
