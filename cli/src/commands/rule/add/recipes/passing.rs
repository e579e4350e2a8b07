//! Templates that pass readings on: to a file, to others, to a browser, to a calculation.

use std::time::Duration;

use growctl_engine::bus::glob;
use growctl_engine::channels::ChannelMap;

use super::super::fill::{Values, fill, shown};
use super::super::plant::{self, Reading, Refusal};
use super::super::wishes::Wishes;
use super::Prepared;
use super::{cycles, nodes};

pub(in super::super) fn log(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let (mut prepared, _) = heard(wishes, map)?;
    let pattern = wishes.place.pattern();
    // A cluster has nodes only.
    let devices = match (&wishes.place.room, &wishes.place.cluster) {
        (_, Some(_)) => None,
        (Some(room), None) => Some(format!("device:update:{room}:*")),
        (None, None) => Some("device:update:*".to_owned()),
    };
    let is_heard = |channel: &str, pattern: &str| glob(pattern.as_bytes(), channel.as_bytes());
    let heard_by = |channel: &str| devices.as_deref().is_some_and(|pattern| is_heard(channel, pattern));
    let count = map.devices.iter().filter(|device| heard_by(&device.channel)).count();
    let sources = map.inventory.sources.iter();
    let sources = sources.filter(|source| is_heard(&source.channel, &pattern) || heard_by(&source.channel));
    let beat = beat(sources.filter_map(|source| source.stale_after).min());
    let values = &mut prepared.values;
    let quoted = |pattern: &str| format!("\"{}\"", pattern.replace('"', "\\\""));
    match devices.filter(|_| count > 0) {
        Some(devices) => {
            let start = format!(
                "\n      - {{ at: 0s, times: {count}, call: log_file }}     # each device says where it belongs"
            );
            values.plain("at_start", &start);
            values.plain("at_start_only", &start);
            values.plain("patterns", format!("[{}, {}]", quoted(&pattern), quoted(&devices)));
            values.plain("what", "every reading and every change of a device");
            values.plain("what_short", "Readings and devices");
        }
        None => {
            values.plain("at_start", "");
            values.plain("at_start_only", " []");
            values.plain("patterns", quoted(&pattern));
            values.plain("what", "every reading");
            values.plain("what_short", "Readings");
        }
    }
    values.span("beat", beat);
    values.span("two_beats", beat * 2);
    Ok(prepared)
}

pub(in super::super) fn export(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let (mut prepared, readings) = heard(wishes, map)?;
    let rest = rest(wishes, &readings, Duration::from_secs(60), &mut prepared);
    let cycle = readings[0].cycle();
    let next = cycles(rest, cycle).max(1);
    let values = &mut prepared.values;
    values.plain("pace", pace("every ", rest, "for each frame"));
    values.span("rest", rest);
    values.span("cycle", cycle);
    values.plain("second_words", second_words(rest));
    values.plain("until_next", next);
    values.span("next_at", cycle * next);
    if let Some(silent) = readings.iter().filter_map(|reading| reading.node.source.stale_after).max() {
        values.span("silent_end", silent + Duration::from_secs(1));
    }
    Ok(prepared)
}

pub(in super::super) fn browser(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let (mut prepared, readings) = heard(wishes, map)?;
    let rest = rest(wishes, &readings, Duration::from_secs(1), &mut prepared);
    let beat = beat(quiet(&readings));
    let next = cycles(rest, beat).max(1);
    let values = &mut prepared.values;
    values.plain("pace", pace("at most one message from each node every ", rest, "with each frame"));
    values.span("rest", rest);
    values.span("beat", beat);
    values.plain("second_words", second_words(rest));
    // The test ends before a node that says nothing in it is stale: that would be shown as well.
    let most = quiet(&readings).map_or(next, |quiet| cycles(quiet, beat) - 1);
    values.plain("until_next", next.min(most));
    values.span("end", beat * next.min(most));
    let second = format!(
        "      - {{ at: {}, publish: \"web:@node_room@:@cluster@\", fields: {{ node: \"@node@\", @field@: @sample@ }} }}\n",
        shown(beat * next)
    );
    let second = if next <= most { fill(&second, values).unwrap_or_default() } else { String::new() };
    values.plain("second", second);
    Ok(prepared)
}

pub(in super::super) fn analytics(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let field = wishes.field.as_deref().unwrap_or("temperature");
    let readings = plant::sending(map, field, &wishes.place)?;
    let mut prepared = about(wishes, &readings);
    let cycle = readings[0].cycle();
    let values = &mut prepared.values;
    values.span("cycle", cycle);
    values.plain("four_minutes", cycles(Duration::from_secs(240), cycle));
    // Half of the window is five minutes: only a cycle of whole seconds that divides them hits that to the moment.
    if cycle.subsec_nanos() == 0 && 300 % cycle.as_secs() == 0 {
        let next = cycle * cycles(Duration::from_secs(360), cycle);
        values.plain("until_next", cycles(next, cycle));
        values.span("next_at", next);
    }
    Ok(prepared)
}

/// All numbers that are heard.
fn heard<'m>(wishes: &Wishes, map: &'m ChannelMap) -> Result<(Prepared, Vec<Reading<'m>>), Refusal> {
    plant::known_place(map, &wishes.place)?;
    let readings: Vec<Reading<'m>> = plant::readings(map).filter(|reading| wishes.place.has(reading.node)).collect();
    if readings.is_empty() {
        return Err(Refusal::site(format!("no node of {} sends a number", wishes.place.words())));
    }
    Ok((about(wishes, &readings), readings))
}

fn about(wishes: &Wishes, readings: &[Reading<'_>]) -> Prepared {
    let (reading, mut values) = (&readings[0], Values::default());
    values.text("pattern", &wishes.place.pattern());
    values.text("node", &reading.node.source.name);
    values.text("node_room", &reading.node.source.room);
    values.text("cluster", &reading.node.source.place);
    values.plain("field", reading.field);
    values.plain("sample", reading.sample());
    Prepared { values, took: vec![format!("it listens to {}", nodes(readings))] }
}

/// How soon a node that says nothing is stale.
fn quiet(readings: &[Reading<'_>]) -> Option<Duration> {
    readings.iter().filter_map(|reading| reading.node.source.stale_after).min()
}

/// How fast a test may speak so that it is over before a node that says nothing in it is stale.
fn beat(quiet: Option<Duration>) -> Duration {
    let fits = |beat: &Duration| quiet.is_none_or(|quiet| *beat * 8 <= quiet);
    [500, 250, 100, 50, 20, 10, 5].map(Duration::from_millis).into_iter().find(fits).unwrap_or(Duration::from_millis(1))
}

/// The rest between two runs. One of a node holds back all its frames, so where a node sends several there is none.
fn rest(wishes: &Wishes, readings: &[Reading<'_>], usual: Duration, prepared: &mut Prepared) -> Duration {
    let several = readings.iter().find(|reading| reading.node.source.frames.len() > 1);
    match (wishes.cooldown, several) {
        (Some(rest), _) => rest,
        (None, None) => usual,
        (None, Some(reading)) => {
            let note = format!(
                "{} sends several frames, and a rest would hold some of them back: it has none",
                reading.node.source.name
            );
            prepared.took.push(note);
            Duration::ZERO
        }
    }
}

fn pace(every: &str, rest: Duration, always: &str) -> String {
    if rest.is_zero() { always.to_owned() } else { format!("{every}{}", shown(rest)) }
}

fn second_words(rest: Duration) -> String {
    match rest.is_zero() {
        true => "and so is the next one".to_owned(),
        false => format!("the next one {} later at the soonest", shown(rest)),
    }
}
