//! Templates with hysteresis: cooling, heating, humidity, and the alert that switches nothing.

use std::time::Duration;

use growctl_engine::channels::{ChannelMap, Device};

use super::super::fill::Values;
use super::super::plant::{self, Reading, Refusal, Where};
use super::super::wishes::Wishes;
use super::Prepared;
use super::{Limits, crossing, cycles, limits, nodes, words};

/// What a template looks for on the map, and its usual numbers.
struct Job<'a> {
    field: &'a str,
    /// Words in the kind or name of a device that fits.
    fits: &'a [&'a str],
    /// What it does to a room.
    what: &'a str,
    up: fn(&Device) -> bool,
    /// Where it begins by default, going up and going down.
    usual: (f64, f64),
    gap: f64,
    /// How much of its range the device gets.
    share: f64,
}

pub(in super::super) fn cooling(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let fits = &["fan", "exhaust", "cool", "aircon", "chiller"];
    let what = "rule is to cool";
    let job = Job { field: "temperature", fits, what, up: |_| true, usual: (28.0, 20.0), gap: 2.0, share: 0.7 };
    switching(wishes, map, &job)
}

pub(in super::super) fn heating(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let (fits, what) = (&["heat", "boiler", "radiator"], "rule is to heat");
    let job = Job { field: "temperature", fits, what, up: |_| false, usual: (28.0, 20.0), gap: 2.0, share: 0.6 };
    switching(wishes, map, &job)
}

pub(in super::super) fn humidity(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    const MOISTENS: [&str; 5] = ["humidif", "fog", "mist", "moisten", "steam"];
    let dries = |device: &Device| plant::is_one_of(device, &["dehumid", "dry"]) || !plant::is_one_of(device, &MOISTENS);
    let (fits, what) = (&["humid", "dryer", "fog", "mist"], "rule is to keep the humidity");
    let job = Job { field: "humidity", fits, what, up: dries, usual: (60.0, 50.0), gap: 8.0, share: 1.0 };
    switching(wishes, map, &job)
}

fn switching(wishes: &Wishes, map: &ChannelMap, job: &Job<'_>) -> Result<Prepared, Refusal> {
    let field = wishes.field.as_deref().unwrap_or(job.field);
    let devices = plant::devices(map, &wishes.place, job.what, job.fits)?;
    let places = devices.iter().map(|device| {
        let place = Where { room: Some(device.key.room.to_string()), ..wishes.place.clone() };
        plant::sending(map, field, &place).map(|readings| (*device, place, readings))
    });
    // The first room that has both; if none has, what the first one lacks.
    let mut places: Vec<_> = places.collect();
    let at = places.iter().position(Result::is_ok).unwrap_or_default();
    let (device, place, readings) = places.swap_remove(at)?;
    let up = (job.up)(device);
    let usual = (field == job.field).then_some(if up { job.usual.0 } else { job.usual.1 });
    let limits = limits(wishes, up, usual, job.gap)?;
    let ask = plant::level(device, wishes.set.as_deref(), job.share)?;
    let mut values = trip(wishes.hold.unwrap_or(Duration::from_secs(30)), &readings[0], limits)?;
    values.text("pattern", &place.pattern());
    values.text("room", &device.key.room);
    values.text("device", &device.key.device);
    values.plain("verb", ask.verb());
    values.plain("to", ask.expected());
    values.text("to_word", &ask.words(device));
    let mut took = vec![format!("it switches {} ({}) by `{field}` of {}", device.key, device.kind, nodes(&readings))];
    let others: Vec<String> =
        devices.iter().filter(|other| other.key != device.key).map(|d| d.key.to_string()).collect();
    if !others.is_empty() {
        took.push(format!("{} would fit too: --room and --device name another", others.join(", ")));
    }
    Ok(Prepared { values, took })
}

pub(in super::super) fn alert(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let field = wishes.field.as_deref().unwrap_or("temperature");
    let readings = plant::sending(map, field, &wishes.place)?;
    // Without an upper limit, the lower one is where it begins.
    let up = wishes.above.is_some() || wishes.below.is_none();
    let (usual, gap) = match field {
        "temperature" => (Some(30.0), 1.5),
        "humidity" => (Some(75.0), 5.0),
        "co2" => (Some(1500.0), 300.0),
        _ => (None, 0.0),
    };
    let named = Wishes { field: Some(field.to_owned()), ..wishes.clone() };
    let limits = limits(&named, up, usual, gap)?;
    let mut values = trip(wishes.hold.unwrap_or(Duration::from_secs(300)), &readings[0], limits)?;
    values.text("pattern", &wishes.place.pattern());
    Ok(Prepared { values, took: vec![format!("it watches `{field}` of {}", nodes(&readings))] })
}

/// The values that limits and hold give, and the moments of a test: one calm value, then enough that begin.
pub(in super::super) fn trip(hold: Duration, reading: &Reading<'_>, limits: Limits) -> Result<Values, Refusal> {
    let crossing = crossing(reading, limits)?;
    let cycle = reading.cycle();
    let trips = cycles(hold, cycle).saturating_add(2);
    let mut values = Values::default();
    let ((on_word, on_sign), (off_word, off_sign)) = (words(limits.up), words(!limits.up));
    for (key, value) in [("on_word", on_word), ("on_sign", on_sign), ("off_word", off_word), ("off_sign", off_sign)] {
        values.plain(key, value);
    }
    values.plain("field", reading.field);
    values.text("unit", &reading.unit());
    values.text("node", &reading.node.source.name);
    values.plain("on_limit", limits.on);
    values.plain("off_limit", limits.off);
    values.plain("calm", crossing.calm);
    values.plain("trip", crossing.trip);
    values.plain("mid", crossing.mid);
    values.span("hold", hold);
    values.span("cycle", cycle);
    values.plain("more", trips - 1);
    values.span("on_at", cycle + hold);
    // Five values between the limits follow.
    values.span("off_at", cycle * trips.saturating_add(6));
    if let Some(stale_after) = reading.node.source.stale_after {
        values.span("blind_at", cycle * (trips - 1) + stale_after);
    }
    Ok(values)
}
