//! Lamps by the clock.

use growctl_engine::channels::ChannelMap;

use super::super::fill::Values;
use super::super::plant::{self, Ask, Refusal};
use super::super::wishes::Wishes;
use super::Prepared;

const DAY: u32 = 24 * 60 * 60;

pub(in super::super) fn lights(wishes: &Wishes, map: &ChannelMap) -> Result<Prepared, Refusal> {
    let devices = plant::devices(map, &wishes.place, "rule is to give light", &["light", "lamp", "dimmer", "led"])?;
    let device = devices[0];
    let (on, off) = (wishes.on_at.unwrap_or(6 * 60), wishes.off_at.unwrap_or(18 * 60));
    if on == off {
        return Err(Refusal::of("off-at", "is the same as --on-at: when is it night?"));
    }
    let bright = plant::level(device, wishes.set.as_deref(), 1.0)?;
    let dark = if plant::is_switch(device) { Ask::Off } else { Ask::At(lowest(device)) };
    let mut values = Values::default();
    values.text("room", &device.key.room);
    values.text("place", &device.key.room);
    values.text("device", &device.key.device);
    values.text("to_word", &bright.words(device));
    values.plain("bright", argument(&bright));
    values.plain("dark", argument(&dark));
    values.plain("on_time", time(on));
    values.plain("off_time", time(off));
    for (at, start, keys) in [
        (on, "on_start", ["on_before", "on_still", "on_after"]),
        (off, "off_start", ["off_before", "off_still", "off_after"]),
    ] {
        // A day and a half minute before: 90 s ahead of it begins the test, then come its start and two ticks.
        let begins = (at * 60 + DAY - 90) % DAY;
        values.plain(start, format!("2026-06-01 {}:{:02}", time(begins / 60), begins % 60));
        for (key, later) in keys.into_iter().zip([0, 60, 120]) {
            let lit = is_between((begins + later) % DAY, on * 60, off * 60);
            values.plain(key, if lit { bright.expected() } else { dark.expected() });
        }
    }
    let mut took = vec![format!("it switches {} ({})", device.key, device.kind)];
    if devices.len() > 1 {
        let others: Vec<String> = devices[1..].iter().map(|other| other.key.to_string()).collect();
        took.push(format!("{} would fit too: --room and --device name another", others.join(", ")));
    }
    Ok(Prepared { values, took })
}

fn lowest(device: &growctl_engine::channels::Device) -> f64 {
    plant::command(device).range.map_or(0.0, |(low, _)| low)
}

/// What `set` takes: a device of two states also takes a boolean.
fn argument(ask: &Ask) -> String {
    match ask {
        Ask::On => "true".to_owned(),
        Ask::Off => "false".to_owned(),
        Ask::At(level) => level.to_string(),
    }
}

fn time(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// As the function of scripts: `from` belongs to it, `to` does not.
fn is_between(second: u32, from: u32, to: u32) -> bool {
    if from < to { (from..to).contains(&second) } else { second >= from || second < to }
}
